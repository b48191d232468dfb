//! A client's options, checked once at its start, and its life: templates parsed once, a way to close.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::pipeline::{Setup, ThrottleSetup, Times};
use crate::policy::hosts::HostRule;
use crate::policy::route::Pattern;
use crate::policy::{Networks, Policy};
use crate::redact;
use crate::retry::Rules;
use crate::secret::Secret;
use crate::secrets;
use crate::sign::Auth;
use crate::transport::{ACCEPT_CODINGS, Proxy, Settings, Tls};
use crate::url::SafeUrl;
use crate::validate::{Route, header};

/// The client's options as the caller gave them.
pub struct Options {
    /// What the client is bound to.
    pub scope: Scope,
    /// How the bot proves who it is.
    pub auth: Vec<Auth>,
    /// Routes that are allowed; `None` allows all of the hosts'.
    pub allow: Option<Vec<String>>,
    /// Hosts besides the base URL's.
    pub hosts: Vec<String>,
    /// Networks that are not public: for the base URL's host, or by host.
    pub networks: Vec<(Option<String>, Vec<String>)>,
    /// How fast.
    pub throttle: ThrottleSetup,
    /// When to try again.
    pub rules: Rules,
    /// Time limits.
    pub times: Times,
    /// TLS.
    pub tls: Tls,
    /// An explicit proxy.
    pub proxy: Option<Proxy>,
    /// Header fields of every request.
    pub headers: Vec<(String, String)>,
    /// Most decoded bytes of a buffered body.
    pub max_bytes: u64,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// The local address to dial from.
    pub local_address: Option<IpAddr>,
    /// The User-Agent field.
    pub user_agent: Option<String>,
    /// Media types that are taken; `None` takes all.
    pub content_types: Option<Vec<String>>,
}

/// What a client is bound to.
pub enum Scope {
    /// A base URL, or the listed hosts without one.
    Base(Option<String>),
    /// One URL that is a secret as a whole, on a host that the caller names.
    Whole(Secret, String),
    /// Any public https host.
    OpenWeb,
}

/// What a client is made of.
pub struct Parts {
    /// Its decisions.
    pub setup: Arc<Setup>,
    /// What its transports are built from.
    pub settings: Settings,
    /// Its templates.
    pub routes: Routes,
}

impl Options {
    /// Checks every option and builds the client's parts. Opens no connection.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` for wrong use, `TlsError` for a machine without roots, `PolicyError` for a base URL
    /// that is not https.
    pub fn build(self) -> Result<Parts, Error> {
        let defaults = self.defaults()?;
        let policy = self.policy()?;
        self.judge_auth(&policy)?;
        if policy.is_open_web() && self.proxy.as_ref().is_some_and(|proxy| !proxy.filters_addresses()) {
            return Err(Error::new(Code::UsageValue)
                .saying("An open_web client judges addresses, which a proxy hides.")
                .hint(
                    "Proxy(…, filters_addresses=True) declares that the proxy refuses addresses that are not public",
                ));
        }
        if let Some(proxy) = &self.proxy {
            proxy.judge(&self.tls)?;
        }
        let settings = Settings {
            tls: self.tls.base()?,
            shown_to: self.tls.shown_to(policy.origin())?,
            networks: policy.networks().clone(),
            connect_timeout: self.times.connect,
            local_address: self.local_address,
            proxy: self.proxy,
        };
        let setup = Setup::new(
            policy,
            self.auth,
            defaults,
            self.times,
            self.max_bytes,
            self.rules,
            self.throttle,
            self.follow_redirects,
            self.content_types,
        );
        Ok(Parts { setup: Arc::new(setup), settings, routes: Routes::default() })
    }

    fn policy(&self) -> Result<Policy, Error> {
        match &self.scope {
            Scope::OpenWeb => Ok(Policy::open_web()),
            Scope::Whole(secret, host) => {
                let url = SafeUrl::parse(&secret.reveal()?).map_err(|_| {
                    Error::new(Code::UsageValue).saying(format!("The secret `{}` is not an https URL.", secret.name()))
                })?;
                if !HostRule::parse(host)?.permits(url.origin()) {
                    return Err(Error::new(Code::PolicyHostNotAllowed).saying(format!(
                        "The URL in the secret `{}` does not point to the given `host`.",
                        secret.name()
                    )));
                }
                let networks = self.networks_for(Some(&url.origin().host_text()))?;
                redact::register_url(&url);
                Ok(Policy::whole(url, networks))
            }
            Scope::Base(base) => {
                let base = base.as_deref().map(SafeUrl::parse_base).transpose()?;
                let hosts = self.hosts.iter().map(|text| HostRule::parse(text)).collect::<Result<Vec<_>, _>>()?;
                let allow = match &self.allow {
                    None => None,
                    Some(texts) => Some(texts.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>()?),
                };
                let networks = self.networks_for(base.as_ref().map(|base| base.origin().host_text()).as_deref())?;
                Policy::bound(base, hosts, allow, networks)
            }
        }
    }

    fn networks_for(&self, base: Option<&str>) -> Result<Networks, Error> {
        let mut networks = Networks::none();
        for (host, texts) in &self.networks {
            let Some(host) = host.as_deref().or(base) else {
                return Err(Error::new(Code::UsageValue)
                    .saying("`networks` without `base_url` must say for which host: a dict."));
            };
            networks = networks.open(host, texts)?;
        }
        Ok(networks)
    }

    fn judge_auth(&self, policy: &Policy) -> Result<(), Error> {
        if policy.is_open_web() && (!self.auth.is_empty() || self.tls.is_identified()) {
            return Err(Error::new(Code::UsageType).saying("An open_web client carries no credentials."));
        }
        let unbound =
            policy.origin().is_none() && self.auth.iter().filter_map(Auth::secret).any(|s| s.hosts().is_none());
        if unbound {
            return Err(Error::new(Code::UsageType)
                .saying("A client without `base_url` needs to know where its secret may go: secret(…, hosts=[…])."));
        }
        // A header that cannot be sent shall fail at the start, not at the first call.
        let mut known = self.auth.iter().filter(|auth| auth.secret().is_none_or(|secret| !secret.is_moving()));
        let now = clock::now();
        known.try_for_each(|auth| auth.header_value(now).map(drop))
    }

    fn defaults(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 4);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_CODINGS));
        let agent = self.user_agent.as_deref().unwrap_or(concat!("botsec/", env!("CARGO_PKG_VERSION")));
        for (name, value) in
            std::iter::once(("user-agent", agent)).chain(self.headers.iter().map(|(k, v)| (k.as_str(), v.as_str())))
        {
            header::name(name)?;
            header::value(value)?;
            let wrong = || Error::new(Code::InputHeader).with("header", name.to_owned());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            headers.insert(name, value);
        }
        debug_assert!(headers.contains_key(USER_AGENT));
        Ok(headers)
    }
}

/// The proxy that the environment names for https, with its exceptions; `None` when it names none.
///
/// # Errors
/// As [`Proxy::new`] and [`secrets::proxy`].
pub fn proxy_from_environment() -> Result<Option<Proxy>, Error> {
    let Some(variable) = secrets::proxy()? else { return Ok(None) };
    let proxy = Proxy::new(&variable.url, variable.auth, false)
        .map_err(|error| error.hint("the environment's proxy was asked for by proxy=\"env\""))?;
    Ok(Some(proxy.except(&variable.except)))
}

/// Templates that were parsed before, at most [`MAX_ROUTES`]: bot code uses a handful.
#[derive(Default)]
pub struct Routes(Lock<HashMap<String, Arc<Route>>>);

/// Distinct templates kept. A bot that formats values into its paths would grow this without a bound.
const MAX_ROUTES: usize = 512;

impl Routes {
    /// The parsed template.
    ///
    /// # Errors
    /// As [`Route::parse`].
    pub fn parse(&self, text: &str) -> Result<Arc<Route>, Error> {
        if let Some(route) = self.0.lock().get(text) {
            return Ok(route.clone());
        }
        let route = Arc::new(Route::parse(text)?);
        let mut routes = self.0.lock();
        if routes.len() < MAX_ROUTES {
            routes.insert(text.to_owned(), route.clone());
        }
        Ok(route)
    }
}
