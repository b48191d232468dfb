//! Where a secret may be used: hosts, methods, paths, and until when. Each bound holds by itself.

use std::time::SystemTime;

use http::Method;

use super::hosts::HostRule;
use super::route::Path;
use crate::clock;
use crate::error::{Code, Error};
use crate::secret;
use crate::sign::Auth;
use crate::url::Origin;
use crate::validate::ValidRequest;

/// The bounds of one secret, checked when it was made.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    hosts: Option<(Vec<String>, Vec<HostRule>)>,
    methods: Option<Vec<String>>,
    paths: Option<(Vec<String>, Vec<Path>)>,
    expires: Option<SystemTime>,
}

/// The bounds as the caller wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Hosts that it may be sent to.
    pub hosts: Option<Vec<String>>,
    /// Methods that may carry it.
    pub methods: Option<Vec<String>>,
    /// Templates of paths, such as `/users/{id:int}`, below the client's base URL.
    pub paths: Option<Vec<String>>,
    /// When it must not be used any more.
    pub expires: Option<SystemTime>,
}

impl Bounds {
    /// Checks the bounds; `None` where there are none.
    ///
    /// # Errors
    /// `InputError` for a host that is none, `ValueError` for a method or template that is not understood.
    pub fn parse(given: Given) -> Result<Option<Self>, Error> {
        if given == Given::default() {
            return Ok(None);
        }
        let hosts = match given.hosts {
            None => None,
            Some(texts) => {
                let rules = texts.iter().map(|text| HostRule::parse(text)).collect::<Result<Vec<_>, _>>()?;
                Some((texts, rules))
            }
        };
        for method in given.methods.iter().flatten() {
            if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
                return Err(Error::new(Code::UsageValue).saying("A method in `methods` is in capital letters."));
            }
        }
        let paths = match given.paths {
            None => None,
            Some(texts) => {
                let parsed = texts.iter().map(|text| Path::parse(text, "paths")).collect::<Result<Vec<_>, _>>()?;
                Some((texts, parsed))
            }
        };
        Ok(Some(Self { hosts, methods: given.methods, paths, expires: given.expires }))
    }
}

/// Whether each secret may stand in a request with this method and path.
pub(super) fn judge(request: &ValidRequest, bound: &[&Auth], method: &Method, path: Option<&str>) -> Result<(), Error> {
    for secret in bound.iter().flat_map(|auth| auth.secrets()).chain(request.secrets()) {
        if let Some(bounds) = secret.bounds() {
            let judged = bounds.judge(method.as_str(), path.unwrap_or(""), clock::wall());
            judged.map_err(|error| error.with("secret", secret.name()))?;
        }
    }
    Ok(())
}

fn refuse(bound: &str) -> Error {
    Error::new(Code::SecretBounds).with("bound", bound).hint("widen the secret's bounds if this request may carry it")
}

impl secret::Bounds for Bounds {
    fn hosts(&self) -> Option<&[String]> {
        self.hosts.as_ref().map(|(texts, _)| texts.as_slice())
    }

    fn permits_host(&self, origin: &Origin) -> Option<bool> {
        self.hosts.as_ref().map(|(_, rules)| rules.iter().any(|rule| rule.permits(origin)))
    }

    fn judge(&self, method: &str, path: &str, now: SystemTime) -> Result<(), Error> {
        if self.expires.is_some_and(|at| at <= now) {
            return Err(Error::new(Code::SecretExpired).hint("load a newer one, or move `expires`"));
        }
        if self.methods.as_ref().is_some_and(|methods| !methods.iter().any(|known| known == method)) {
            return Err(refuse("methods"));
        }
        if let Some((_, paths)) = &self.paths {
            let segments = super::segments(path);
            if !paths.iter().any(|pattern| pattern.fits(&segments)) {
                return Err(refuse("paths"));
            }
        }
        Ok(())
    }

    fn shown(&self) -> Vec<(&'static str, String)> {
        let list = |name, texts: &[String]| (name, texts.join(" "));
        let expires = self.expires.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let all = [
            self.hosts.as_ref().map(|(texts, _)| list("hosts", texts)),
            self.methods.as_ref().map(|methods| list("methods", methods)),
            self.paths.as_ref().map(|(texts, _)| list("paths", texts)),
            expires.map(|at| ("expires", at.as_secs().to_string())),
        ];
        all.into_iter().flatten().collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::Bounds as _;

    fn bounds(methods: &[&str], paths: &[&str]) -> Bounds {
        let texts = |texts: &[&str]| (!texts.is_empty()).then(|| texts.iter().map(|t| (*t).to_owned()).collect());
        let given = Given { methods: texts(methods), paths: texts(paths), ..Given::default() };
        Bounds::parse(given).unwrap().unwrap()
    }

    #[test]
    fn each_bound_holds_by_itself() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let both = bounds(&["GET"], &["/users/{id:int}"]);
        assert!(both.judge("GET", "/users/7", now).is_ok());
        assert!(both.judge("POST", "/users/7", now).is_err());
        assert!(both.judge("GET", "/users/x", now).is_err());
        assert!(both.judge("GET", "/admin", now).is_err());
        let ends = Bounds { expires: Some(now), ..Bounds::default() };
        assert_eq!(ends.judge("GET", "/", now).unwrap_err().code(), Code::SecretExpired);
        assert!(ends.judge("GET", "/", now - Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn bounds_that_are_not_understood_are_refused() {
        for given in [
            Given { methods: Some(vec!["get".into()]), ..Given::default() },
            Given { paths: Some(vec!["users".into()]), ..Given::default() },
            Given { hosts: Some(vec!["not a host".into()]), ..Given::default() },
        ] {
            assert!(Bounds::parse(given).is_err());
        }
        assert!(Bounds::parse(Given::default()).unwrap().is_none());
    }
}
