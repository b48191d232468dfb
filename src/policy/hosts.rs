//! `hosts=`: names that a client may reach besides its base URL's.

use super::confusable::skeleton;
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
            (Self::Below(..), Host::Name(host)) => self.permits_name(host, origin.port()),
            (Self::Below(..), _) => false,
        }
    }

    /// As [`Self::permits`], for a name in the form in which an [`Origin`] holds it.
    pub fn permits_name(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Exact(exact) => {
                exact.port() == port && matches!(exact.host(), Host::Name(name) if name.as_str() == host)
            }
            Self::Below(name, below) => {
                port == *below
                    && host.strip_suffix(name.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

impl HostRule {
    /// The name that the rule allows or stands below.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Exact(origin) => match origin.host() {
                Host::Name(name) => Some(name),
                Host::V4(_) | Host::V6(_) => None,
            },
            Self::Below(name, _) => Some(name),
        }
    }
}

/// Whether a refused name reads like an allowed one: letters of another script or `1` for `l` in it or in the domain above
/// it (the skeletons of Unicode UTS #39 §4 are equal), or the allowed name in front of a stranger's domain.
pub fn looks_like(host: &str, allowed: &str) -> bool {
    Likeness::of(allowed).is_worn_by(&Looks::of(host))
}

/// How a name looks to people.
#[derive(Debug)]
pub struct Looks {
    shown: String,
    /// The skeleton. A dot keeps marks apart, so that of a name is those of its labels.
    bones: String,
    /// Where each label's begins.
    labels: Vec<usize>,
}

impl Looks {
    /// The looks of a name, in A-labels or its own letters.
    pub fn of(name: &str) -> Self {
        let (shown, _) = idna::domain_to_unicode(name);
        let (mut bones, mut labels) = (String::with_capacity(shown.len()), Vec::new());
        for label in shown.split('.') {
            bones.push_str(if labels.is_empty() { "" } else { "." });
            labels.push(bones.len());
            bones.extend(skeleton(label));
        }
        Self { shown, bones, labels }
    }

    /// The skeleton of the last labels.
    fn tail(&self, labels: usize) -> &str {
        let first = self.labels.get(self.labels.len().saturating_sub(labels));
        first.and_then(|at| self.bones.get(*at..)).unwrap_or(&self.bones)
    }
}

/// What looks like an allowed name, ready to be compared with many others.
#[derive(Debug)]
pub struct Likeness {
    /// The name and the domains above it, each with its number of labels and its skeleton.
    names: Vec<(String, usize, String)>,
    /// The skeleton with a dot behind it.
    head: String,
}

impl Likeness {
    /// The likeness of an allowed name.
    pub fn of(allowed: &str) -> Self {
        let looks = Looks::of(allowed);
        let above = looks.shown.match_indices('.').filter_map(|(at, _)| looks.shown.get(at + 1..));
        let names = std::iter::once(looks.shown.as_str()).chain(above.filter(|rest| rest.contains('.')));
        let counted = names.map(|name| (name.to_owned(), name.split('.').count()));
        let names = counted.map(|(name, labels)| (name, labels, looks.tail(labels).to_owned())).collect();
        Self { names, head: format!("{}.", looks.bones) }
    }

    /// Whether another name looks so.
    pub fn is_worn_by(&self, host: &Looks) -> bool {
        let read_alike = |(name, labels, bones): &(String, usize, String)| {
            host.tail(*labels) == bones && tail(&host.shown, *labels) != name
        };
        self.names.iter().any(read_alike) || host.bones.starts_with(&self.head)
    }
}

/// The last labels of a name.
fn tail(name: &str, labels: usize) -> &str {
    let cut = name.rmatch_indices('.').nth(labels.saturating_sub(1));
    cut.and_then(|(at, _)| name.get(at + 1..)).unwrap_or(name)
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

    #[test]
    fn look_alikes_are_told_and_honest_names_are_not() {
        let ascii = |name: &str| Origin::parse(name).unwrap().host_text().into_owned();
        for (host, allowed) in [
            ("discоrd.com", "discord.com"),
            ("аpi.telegram.org", "api.telegram.org"),
            ("te1egram.org", "api.telegram.org"),
            ("api.te1egram.org", "api.telegram.org"),
            ("discord.com.evil.test", "discord.com"),
            ("cdn.discоrd.com", "discord.com"),
        ] {
            assert!(looks_like(&ascii(host), allowed), "{host}");
        }
        for (host, allowed) in [
            ("discord.com", "discord.com"),
            ("cdn.discord.com", "discord.com"),
            ("telegram.org", "api.telegram.org"),
            ("example.com", "discord.com"),
            ("bücher.example", "discord.com"),
            ("core.telegram.org", "api.telegram.org"),
        ] {
            assert!(!looks_like(&ascii(host), allowed), "{host}");
        }
    }
}
