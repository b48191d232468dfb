//! Dials: looks a name up, judges every address it got, connects and shakes hands, all within one time limit.
//!
//! The decision is made on the socket addresses that are dialled next; nothing resolves a second time. A literal address
//! does not come through here and is judged by `policy`.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use super::{Later, Settings};
use crate::policy::hosts::HostRule;
use crate::policy::{Blocked, Networks};
use crate::url::Origin;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Most bytes of an upload that a connection encrypts ahead of the network, ten records of TLS: rustls' own 64 KiB take more
/// system calls and packets (`docs/decisions.md`).
const MAX_UNSENT: usize = 160 * 1024;

/// The resolver, behind the address judge.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) resolver: Resolver,
    pub(super) networks: Networks,
}

/// Who says where a name leads.
#[derive(Clone)]
pub(super) enum Resolver {
    System,
    /// The unit tests' answers, one a question.
    #[cfg(test)]
    Script(tests::Script),
}

impl Resolver {
    /// The addresses of `host`, judged by nobody, each with port 0.
    pub(super) async fn look_up(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((host, 0)).await?.collect()),
            #[cfg(test)]
            Self::Script(script) => Ok(script.answer()),
        }
    }
}

/// Why a dial ended before a connection stood.
#[derive(Debug)]
pub(super) enum Refused {
    /// The name leads to an address that the policy does not allow.
    Blocked(Blocked),
    /// The name has no address.
    Unresolved,
    /// DNS, TCP and TLS together took too long.
    TooSlow,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked(_) => "address not allowed",
            Self::Unresolved => "name not found",
            Self::TooSlow => "connecting took too long",
        })
    }
}

impl StdError for Refused {}

impl Guard {
    /// The addresses of `host`, all of them allowed.
    pub(super) async fn resolve(self, host: String) -> Result<std::vec::IntoIter<SocketAddr>, Refused> {
        let addresses = self.resolver.look_up(&host).await.map_err(|_| Refused::Unresolved)?;
        if addresses.is_empty() {
            return Err(Refused::Unresolved);
        }
        let ips: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        self.networks.judge_all(&host, &ips).map_err(Refused::Blocked)?;
        Ok(addresses.into_iter())
    }
}

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Refused;
    type Future = Later<Self::Response, Refused>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().resolve(name.as_str().to_owned()))
    }
}

/// TCP and TLS under one time limit.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<Guard>>,
    limit: Duration,
}

/// One connector for all origins, and one with the client's certificate for those that it may be shown to.
pub(super) struct Connectors {
    plain: Connector,
    identified: Option<Connector>,
    shown_to: Vec<HostRule>,
}

impl Connectors {
    pub(super) fn new(settings: &Settings) -> Self {
        Self::asking(Resolver::System, settings)
    }

    fn asking(resolver: Resolver, settings: &Settings) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Guard { resolver, networks: settings.networks.clone() });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_local_address(settings.local_address);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let connector = |config: ClientConfig| Connector {
            inner: HttpsConnectorBuilder::new()
                .with_tls_config(config)
                .https_only()
                .enable_all_versions()
                .wrap_connector(tcp.clone()),
            limit: settings.connect_timeout,
        };
        Self {
            plain: connector(settings.tls.plain()),
            identified: settings.tls.identified().map(connector),
            shown_to: settings.shown_to.clone(),
        }
    }

    /// The one that dials `origin`.
    pub(super) fn to(&self, origin: &Origin) -> Connector {
        let shown = self.identified.as_ref().filter(|_| self.shown_to.iter().any(|rule| rule.permits(origin)));
        shown.unwrap_or(&self.plain).clone()
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Later<Self::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.inner.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let dialled = tokio::time::timeout(limit, dial).await;
            let mut stream = dialled.unwrap_or_else(|_| Err(Box::new(Refused::TooSlow) as BoxError))?;
            if let MaybeHttpsStream::Https(tls) = &mut stream {
                tls.inner_mut().get_mut().1.set_buffer_limit(Some(MAX_UNSENT));
            }
            Ok(stream)
        })
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
pub(super) mod tests;
