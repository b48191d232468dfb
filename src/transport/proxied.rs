//! Hops through an explicit proxy: reqwest, CONNECT only, TLS to the API end to end.
//!
//! The proxy resolves the destination's name, so destinations are judged by name (`policy` demands that they are listed);
//! the only address dialled from here is the proxy's own, which the caller named.
//!
//! HTTP/1.1 only: of an HTTP/2 connection inside reqwest nothing bounds what a hostile peer makes it queue (`super::sip`).

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

use super::body::Wire;
use super::{MAX_HEADERS, POOL_IDLE, Settings};
use crate::error::{Code, Error};
use crate::secret::Secret;

/// A proxy that the caller named. Its own address is exempt from the address rule.
#[derive(Clone, Debug)]
pub struct Proxy {
    url: String,
    auth: Option<(String, Secret)>,
    filters_addresses: bool,
    except: String,
}

impl Proxy {
    /// A proxy at `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// `ValueError` for another scheme, a path, or credentials in the URL; and for credentials that an `http` proxy
    /// would carry in clear, unless `allow_plain_auth`.
    pub fn new(url: &str, auth: Option<(String, Secret)>, allow_plain_auth: bool) -> Result<Self, Error> {
        let wrong = |said: &str| Error::new(Code::UsageValue).saying(said);
        let plain = url.starts_with("http://");
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let Some(rest) = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest)) else {
            return Err(wrong("A proxy URL must start with `http://` or `https://`."));
        };
        let odd = |b: u8| !(b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        if rest.is_empty() || rest.bytes().any(odd) {
            return Err(wrong("A proxy URL holds scheme, host and port only; pass credentials as `auth=`."));
        }
        if plain && auth.is_some() && !allow_plain_auth {
            return Err(wrong(
                "Credentials would reach an http proxy in clear; pass `allow_plain_auth=True` to accept it.",
            ));
        }
        Ok(Self { url: url.to_owned(), auth, filters_addresses: false, except: String::new() })
    }

    /// Declares that the proxy itself refuses addresses that are not public.
    #[must_use]
    pub fn filtering(mut self, filters_addresses: bool) -> Self {
        self.filters_addresses = filters_addresses;
        self
    }

    /// Hosts that are dialled directly, as `NO_PROXY` lists them: names with all below them, addresses, CIDR, `*`.
    #[must_use]
    pub fn except(mut self, hosts: &str) -> Self {
        hosts.clone_into(&mut self.except);
        self
    }

    /// Whether it was declared to refuse addresses that are not public.
    pub fn filters_addresses(&self) -> bool {
        self.filters_addresses
    }

    /// Says which URIs go through it; `None` when all do.
    pub(super) fn matcher(&self) -> Option<Matcher> {
        let some = !self.except.trim().is_empty();
        some.then(|| Matcher::builder().https(self.url.as_str()).no(self.except.as_str()).build())
    }
}

pub(super) fn build(settings: &Settings, proxy: &Proxy) -> Result<reqwest::Client, Error> {
    let setup = |_| Error::new(Code::TransportTlsSetup).saying("The proxy configuration cannot be used.");
    let mut route = reqwest::Proxy::https(&proxy.url).map_err(setup)?;
    if let Some((user, secret)) = &proxy.auth {
        route = route.basic_auth(user, &secret.reveal()?);
    }
    let mut tls = settings.tls.config();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .proxy(route)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(60))
        .local_address(settings.local_address)
        .build()
        .map_err(setup)
}

pub(super) async fn send(
    client: &reqwest::Client,
    request: http::Request<reqwest::Body>,
) -> Result<http::Response<Wire>, reqwest::Error> {
    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let response = client.execute(request).await.map_err(reqwest::Error::without_url)?;
    Ok(http::Response::from(response).map(Wire::Proxied))
}
