//! `hosts=`: names that a client may reach besides its base URL's.

use crate::error::{Code, Error};
use crate::url::{Host, Origin};

/// One entry of `hosts=`.
#[derive(Clone, Debug)]
pub enum HostRule {
    /// This origin.
    Exact(Origin),
    /// Every name below this one, at this port; never the name itself.
    Below(String, u16),
}

impl HostRule {
    /// Reads `cdn.example.com`, `localhost:8443` or `*.example.org`.
    ///
    /// # Errors
    /// `InputError` for text that is no host; `ValueError` for a wildcard over a whole top-level domain.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Some(rest) = text.strip_prefix("*.") else {
            return Origin::parse(text)
                .map(Self::Exact)
                .map_err(|error| error.saying("An entry of `hosts` is not a host."));
        };
        let origin = Origin::parse(rest).map_err(|error| error.saying("An entry of `hosts` is not a host."))?;
        match origin.host() {
            Host::Name(name) if name.contains('.') && !rest.contains("://") => {
                Ok(Self::Below(name.clone(), origin.port()))
            }
            _ => Err(Error::new(Code::UsageValue).saying("A wildcard in `hosts` needs at least two labels after it.")),
        }
    }

    /// Whether the rule lets `origin` be reached.
    pub fn permits(&self, origin: &Origin) -> bool {
        match (self, origin.host()) {
            (Self::Exact(exact), _) => exact == origin,
            (Self::Below(name, port), Host::Name(host)) => {
                origin.port() == *port
                    && host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Below(..), _) => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn permits(rule: &str, host: &str) -> bool {
        HostRule::parse(rule).unwrap().permits(&Origin::parse(host).unwrap())
    }

    #[test]
    fn a_wildcard_reaches_below_and_never_beside() {
        assert!(permits("*.example.org", "a.example.org"));
        assert!(permits("*.example.org", "a.b.example.org"));
        assert!(!permits("*.example.org", "example.org"));
        assert!(!permits("*.example.org", "evilexample.org"));
        assert!(!permits("*.example.org", "a.example.org:8443"));
        assert!(HostRule::parse("*.com").is_err());
        for bad in ["*", "*.*.example.org", "a.*.org", "*example.org", "*.127.0.0.1", "*.https://example.org"] {
            assert!(HostRule::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_is_part_of_the_host() {
        assert!(permits("localhost:8443", "localhost:8443"));
        assert!(!permits("localhost:8443", "localhost"));
        assert!(permits("EXAMPLE.com", "example.com"));
    }
}
