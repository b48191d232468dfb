//! Judges what may be sent where: scheme, origin, route, address. Pure.
//!
//! [`Policy::permit`] turns a [`ValidRequest`] into a [`PermittedRequest`], the only thing that `transport` takes;
//! [`Policy::follow`] does the same for a redirect's target. Secrets are attached here, after their hosts were checked.
//!
//! ```compile_fail
//! # fn f(headers: http::HeaderMap) {
//! // There is no other way to a permitted request: its fields are private.
//! let _ = botsec::policy::PermittedRequest { headers };
//! # }
//! ```
//!
//! ```
//! # fn f(p: &botsec::policy::Policy, r: &botsec::validate::ValidRequest) -> Result<(), botsec::error::Error> {
//! let _ = p.permit(r, &[], &http::HeaderMap::new(), std::time::Instant::now())?;
//! # Ok(()) }
//! ```

pub mod address;
pub mod bounds;
mod confusable;
mod fields;
pub mod hosts;
mod iana;
pub mod networks;
mod permit;
mod query;
pub mod route;
mod signing;

pub use address::Blocked;
pub use networks::Networks;
pub use permit::{Hop, PermittedRequest};

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::url::{Host, Origin, SafeUrl};
use hosts::HostRule;
use route::{Pair, Pattern};

/// What one client may do.
#[derive(Debug)]
pub struct Policy {
    scope: Scope,
    hosts: Vec<HostRule>,
    allow: Option<Vec<Pattern>>,
    networks: Networks,
}

#[derive(Debug)]
enum Scope {
    /// Bound to a base URL, below its path.
    Base(SafeUrl),
    /// Bound to `hosts` alone.
    Listed,
    /// Bound to one URL that is a secret as a whole.
    Whole(SafeUrl),
    /// Any public https host.
    OpenWeb,
}

impl Policy {
    /// A policy bound to `base`, or without one to `hosts`.
    ///
    /// # Errors
    /// `TypeError` when neither names a host.
    pub fn bound(
        base: Option<SafeUrl>,
        hosts: Vec<HostRule>,
        allow: Option<Vec<Pattern>>,
        networks: Networks,
    ) -> Result<Self, Error> {
        let scope = match base {
            Some(base) => Scope::Base(base),
            None if hosts.is_empty() => {
                return Err(
                    Error::new(Code::UsageType).saying("Client needs `base_url`, or `hosts=[...]` without one.")
                );
            }
            None => Scope::Listed,
        };
        Ok(Self { scope, hosts, allow, networks })
    }

    /// A policy for one URL that is a secret as a whole.
    pub fn whole(url: SafeUrl, networks: Networks) -> Self {
        Self { scope: Scope::Whole(url), hosts: Vec::new(), allow: None, networks }
    }

    /// A policy for URLs from strangers: public addresses only, no credentials.
    pub fn open_web() -> Self {
        Self { scope: Scope::OpenWeb, hosts: Vec::new(), allow: None, networks: Networks::none() }
    }

    /// The client's own origin, when it has one.
    pub fn origin(&self) -> Option<&Origin> {
        match &self.scope {
            Scope::Base(base) | Scope::Whole(base) => Some(base.origin()),
            Scope::Listed | Scope::OpenWeb => None,
        }
    }

    /// The networks that named hosts may resolve to.
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// Whether URLs are data from strangers.
    pub fn is_open_web(&self) -> bool {
        matches!(self.scope, Scope::OpenWeb)
    }

    /// The allowed name that a refused host can be taken for.
    fn looks_like(&self, origin: &Origin) -> Option<String> {
        let Host::Name(host) = origin.host() else { return None };
        let own = self.origin().map(|own| HostRule::Exact(own.clone()));
        let mut names = own.iter().chain(&self.hosts).filter_map(HostRule::name);
        names.find(|known| hosts::looks_like(host, known)).map(str::to_owned)
    }

    /// Whether `origin` may be reached at all, and at which literal address.
    fn judge_origin(&self, origin: &Origin) -> Result<(), Error> {
        let listed = match &self.scope {
            Scope::OpenWeb => origin.port() == 443,
            _ => self.origin() == Some(origin) || self.hosts.iter().any(|rule| rule.permits(origin)),
        };
        if !listed {
            let error = Error::new(Code::PolicyHostNotAllowed).with("host", origin.authority().to_string());
            return Err(match self.looks_like(origin) {
                Some(known) => {
                    error.with("looks_like", known).hint("the host reads like an allowed one and is another")
                }
                None => error.hint("add the host to hosts=[…] if the bot may talk to it"),
            });
        }
        let literal = match origin.host() {
            Host::Name(_) => None,
            Host::V4(ip) => Some((*ip).into()),
            Host::V6(ip) => Some((*ip).into()),
        };
        let verdict = match literal {
            Some(ip) => self.networks.judge_all(&origin.host_text(), &[ip]),
            None => self.networks.judge_name(&origin.host_text()),
        };
        verdict.map_err(|blocked| {
            Error::new(Code::PolicyAddressBlocked)
                .with("host", origin.authority().to_string())
                .with("address", blocked.row())
                .hint("only public addresses are dialled; networks= opens named networks for named hosts")
        })
    }

    /// Whether the route is on the allow list. `path` is encoded, below the base URL's path and before any path token.
    fn judge_route(&self, method: &str, origin: &Origin, path: Option<&str>, query: &[Pair<'_>]) -> Result<(), Error> {
        let Some(allow) = &self.allow else { return Ok(()) };
        let own = self.origin() == Some(origin);
        let segments = path.map(segments);
        let allowed =
            segments.is_some_and(|segments| allow.iter().any(|p| p.matches(method, origin, own, &segments, query)));
        if allowed {
            return Ok(());
        }
        Err(Error::new(Code::PolicyRouteNotAllowed)
            .with("host", origin.authority().to_string())
            .with("method", method.to_owned())
            .hint("add the route to allow=[…] if the bot may use it"))
    }
}

/// The decoded segments of an encoded absolute path.
fn segments(path: &str) -> Vec<Cow<'_, str>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').map(|segment| percent_decode(segment)).collect()
}

fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests;
