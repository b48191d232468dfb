//! Hops through an explicit proxy: reqwest, CONNECT only, TLS to the API end to end.
//!
//! The proxy resolves the destination's name, so destinations are judged by name (`policy` demands that they are listed);
//! the only address dialled from here is the proxy's own, which the caller named.
//!
//! HTTP/1.1 only: of an HTTP/2 connection inside reqwest nothing bounds what a hostile peer makes it queue (`super::sip`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use tower_layer::Layer;
use tower_service::Service;

use super::fault::Failed;
use super::wire::Wire;
use super::{MAX_HEADERS, POOL_IDLE, Settings, Tls};
use crate::error::{Code, Error};
use crate::policy::hosts::HostRule;
use crate::secret::Secret;
use crate::url::Origin;

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
        let leads_somewhere = reqwest::Url::parse(url).is_ok_and(|url| url.has_host() && url.port() != Some(0));
        if rest.is_empty() || rest.bytes().any(odd) || !leads_somewhere {
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

    /// Whether TLS options can be used beside it. reqwest has one TLS configuration for the API and for an https proxy, so
    /// what they say of the API alone would be asked of the proxy as well, and the proxy would see the client's certificate.
    ///
    /// # Errors
    /// `ValueError` for an https proxy beside pins, revocation lists or a client certificate.
    pub fn judge(&self, tls: &Tls) -> Result<(), Error> {
        if self.url.starts_with("http://") || !tls.is_for_api_alone() {
            return Ok(());
        }
        Err(Error::new(Code::UsageValue)
            .saying(
                "Pins, revocation lists and a client certificate are the API's: an https proxy cannot stand before it.",
            )
            .hint("an http proxy carries the same TLS end to end; its credentials need allow_plain_auth=True"))
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

/// reqwest's clients, of which one shows the client's certificate.
pub(super) struct Clients {
    plain: Client,
    identified: Option<Client>,
    shown_to: Vec<HostRule>,
}

/// One of them, and how often it dialled.
pub(super) struct Client {
    client: reqwest::Client,
    dials: Arc<AtomicU64>,
}

impl Clients {
    /// # Errors
    /// `TlsError` when reqwest refuses the configuration.
    pub(super) fn new(settings: &Settings, proxy: &Proxy) -> Result<Self, Error> {
        let plain = Client::new(settings, proxy, settings.tls.plain())?;
        let identified = settings.tls.identified().map(|tls| Client::new(settings, proxy, tls)).transpose()?;
        Ok(Self { plain, identified, shown_to: settings.shown_to.clone() })
    }

    /// The one for `origin`.
    pub(super) fn to(&self, origin: &Origin) -> &Client {
        let shown = self.identified.as_ref().filter(|_| self.shown_to.iter().any(|rule| rule.permits(origin)));
        shown.unwrap_or(&self.plain)
    }
}

impl Client {
    fn new(settings: &Settings, proxy: &Proxy, mut tls: ClientConfig) -> Result<Self, Error> {
        let setup = |_| Error::new(Code::TransportTlsSetup).saying("The proxy configuration cannot be used.");
        let mut route = reqwest::Proxy::https(&proxy.url).map_err(setup)?;
        if let Some((user, secret)) = &proxy.auth {
            route = route.basic_auth(user, &secret.reveal()?);
        }
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let dials = Arc::new(AtomicU64::new(0));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .proxy(route)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .connector_layer(Counts(dials.clone()))
            .pool_idle_timeout(POOL_IDLE)
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(60))
            .local_address(settings.local_address)
            .build()
            .map_err(setup)?;
        Ok(Self { client, dials })
    }

    pub(super) async fn send(&self, request: http::Request<reqwest::Body>) -> Result<http::Response<Wire>, Failed> {
        let before = self.dials.load(Ordering::Acquire);
        // reqwest does not tell whether a connection was a kept one; without any dial meanwhile it was.
        let failed =
            |error: reqwest::Error| Failed::Proxied(error.without_url(), self.dials.load(Ordering::Acquire) == before);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let response = self.client.execute(request).await.map_err(failed)?;
        Ok(http::Response::from(response).map(Wire::Proxied))
    }
}

/// Counts dials.
#[derive(Clone)]
struct Counts(Arc<AtomicU64>);

#[derive(Clone)]
struct Counted<S> {
    dials: Arc<AtomicU64>,
    inner: S,
}

impl<S> Layer<S> for Counts {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { dials: self.0.clone(), inner }
    }
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.dials.fetch_add(1, Ordering::AcqRel);
        self.inner.call(request)
    }
}
