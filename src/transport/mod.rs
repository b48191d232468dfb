//! Carries one judged hop to its server: the only room that names reqwest, hyper and rustls.
//!
//! In goes a [`PermittedRequest`], out come the head and a bounded body stream. Nothing here follows redirects, retries,
//! reads proxy variables, netrc or cookies. Direct hops go through hyper's connections, hops through an explicit proxy
//! through reqwest; both share the address guard and one TLS base configuration.
//!
//! ```compile_fail
//! # async fn f(transport: botsec::transport::Transport, request: botsec::validate::ValidRequest) {
//! // A validated request was not judged yet: the transport does not take it.
//! let _ = transport.send(request).await;
//! # }
//! ```
//!
//! ```
//! # async fn f(transport: botsec::transport::Transport, request: botsec::policy::PermittedRequest) {
//! let _ = transport.send(request).await;
//! # }
//! ```

mod body;
mod cache;
mod chain;
mod crew;
mod decode;
mod dial;
mod fault;
mod head;
mod identity;
mod lane;
mod outgoing;
mod peer;
mod pins;
mod plain;
mod pool;
mod proxied;
mod roots;
mod seats;
mod shared;
mod sip;
mod tls;
mod verify;
mod wire;

pub use body::{Limits, Stream};
pub use crew::Crew;
pub use decode::ACCEPT as ACCEPT_CODINGS;
pub use peer::{Peer, Wire};
pub(crate) use plain::{Metadata, Plain, ask as ask_metadata};
pub use proxied::Proxy;
pub use tls::{Base, Tls, TlsOptions};

use std::net::IpAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode, Version};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioExecutor;

use crate::error::Error;
use crate::policy::hosts::HostRule;
use crate::policy::{Networks, PermittedRequest};
use crate::url::Origin;
use crew::Hands;
use dial::Connectors;
use fault::Failed;
use pool::Pool;
use proxied::Clients;

/// Most header fields that an answer may have.
pub const MAX_HEADERS: usize = 100;
/// Most bytes that the head of an answer may have.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How long an unused connection is kept: below the 60 s after which common servers close.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// What one transport is built from. Clones share the TLS base and the dial counter.
#[derive(Clone)]
pub struct Settings {
    /// TLS base configuration, shared by all clients with the same options.
    pub tls: Base,
    /// Which non-public networks which hosts may resolve to.
    pub networks: Networks,
    /// For DNS, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The local address to dial from.
    pub local_address: Option<IpAddr>,
    /// An explicit proxy.
    pub proxy: Option<Proxy>,
    /// Where the client's certificate may be shown, when `tls` has one.
    pub shown_to: Vec<HostRule>,
}

/// Connections to servers, and the one way to use them. Belongs to the runtime that drives it.
pub struct Transport(Engine);

type Later<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

enum Engine {
    Direct(Box<Pool>),
    Proxied(Box<Clients>),
    /// Through a proxy, but for the hosts that its exceptions name.
    Mixed(Box<(Pool, Clients, Matcher)>),
}

/// One exchange under way.
enum Exchange<'a> {
    Direct(Later<lane::Answer, Failed>),
    Proxied(Pin<Box<dyn Future<Output = Result<http::Response<wire::Wire>, Failed>> + Send + 'a>>),
    Refused(Error),
}

/// The head of an answer, and its body still to read.
pub struct Reply {
    /// Status code.
    pub status: StatusCode,
    /// Reason phrase, when the server sent one other than the standard's.
    pub reason: Option<String>,
    /// Header fields, at most [`MAX_HEADERS`].
    pub headers: HeaderMap,
    /// Protocol version.
    pub version: Version,
    /// How long the request waited for a connection before it left, where that is known.
    pub delay: Option<Duration>,
    /// The body.
    pub body: Stream,
}

/// Why a hop brought no answer, and what that means for another try.
#[derive(Debug)]
pub struct Trouble {
    /// What to tell.
    pub error: Error,
    /// How far the request came.
    pub reached: Reached,
}

/// How far a failed request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// No byte of the request left this machine.
    NeverSent,
    /// It may have arrived.
    Sent,
    /// It was written on a kept connection that the server had closed already, as far as we can tell.
    StaleConnection,
    /// It must not be tried again: a refusal, a broken rule of the protocol.
    Refused,
}

impl Transport {
    /// Builds a transport. Opens nothing. Its connections run with `crew`, or on the runtime.
    ///
    /// # Errors
    /// `TlsError` when the proxy engine refuses the configuration.
    pub fn new(settings: &Settings, crew: Option<&Crew>) -> Result<Self, Error> {
        let direct = || {
            let hands = crew.map_or_else(|| Hands::Runtime(TokioExecutor::new()), Crew::hands);
            Pool::new(Connectors::new(settings), hands)
        };
        Ok(Self(match &settings.proxy {
            None => Engine::Direct(Box::new(direct())),
            Some(proxy) => {
                let clients = Clients::new(settings, proxy)?;
                match proxy.matcher() {
                    None => Engine::Proxied(Box::new(clients)),
                    Some(matcher) => Engine::Mixed(Box::new((direct(), clients, matcher))),
                }
            }
        }))
    }

    /// Which way a URI goes.
    fn way(&self, uri: &http::Uri) -> Result<&Pool, &Clients> {
        match &self.0 {
            Engine::Direct(pool) => Ok(pool),
            Engine::Proxied(clients) => Err(clients),
            Engine::Mixed(both) if both.2.intercept(uri).is_some() => Err(&both.1),
            Engine::Mixed(both) => Ok(&both.0),
        }
    }

    /// Sends one judged hop and waits for the head of its answer.
    ///
    /// # Errors
    /// [`Trouble`] with a `TransportError` or `AddressBlockedError` inside. Dropping the future closes the exchange.
    pub fn send(&self, request: PermittedRequest) -> impl Future<Output = Result<Reply, Trouble>> + Send {
        // What happens before the first wait happens here, so that the future holds an exchange and no request.
        let host = request.origin().clone();
        let of_head = *request.method() == Method::HEAD;
        let exchange = match self.way(request.uri()) {
            Ok(pool) => match pool.lane(&host) {
                Ok(lane) => Exchange::Direct(lane.send(outgoing::direct(request))),
                Err(error) => Exchange::Refused(error),
            },
            Err(clients) => Exchange::Proxied(Box::pin(clients.to(&host).send(outgoing::proxied(request)))),
        };
        async move {
            let answer = match exchange {
                Exchange::Direct(exchange) => exchange
                    .await
                    .map(|(response, held)| response.map(|body| wire::Wire::Direct(wire::Direct::new(body, held)))),
                Exchange::Proxied(exchange) => exchange.await,
                Exchange::Refused(error) => return Err(Trouble { error, reached: Reached::Refused }),
            };
            match answer {
                Ok(response) => Self::receive(response, of_head),
                Err(failed) => {
                    let mut trouble = fault::judge(&failed);
                    trouble.error.add("host", host.host_text());
                    Err(trouble)
                }
            }
        }
    }

    /// A connection to `origin` brought no answer to a call that was sent at `asked`: unless it was heard since, no further
    /// call takes it.
    pub fn doubt(&self, origin: &Origin, asked: Instant) {
        match &self.0 {
            Engine::Direct(pool) => pool.doubt(origin, asked),
            Engine::Mixed(both) => both.0.doubt(origin, asked),
            // HTTP/1.1 alone: a connection ends with the call that waits on it.
            Engine::Proxied(_) => {}
        }
    }

    fn receive(response: http::Response<wire::Wire>, of_head: bool) -> Result<Reply, Trouble> {
        let (head, wire) = response.into_parts();
        head::judge(head.status, &head.headers).map_err(|error| Trouble { error, reached: Reached::Refused })?;
        let reason = head
            .extensions
            .get::<hyper::ext::ReasonPhrase>()
            .map(|phrase| String::from_utf8_lossy(phrase.as_bytes()).into_owned());
        let body = if of_head || head::is_bodiless(head.status) {
            Stream::bodiless(wire)
        } else {
            Stream::new(wire, &head.headers)
        };
        Ok(Reply {
            status: head.status,
            reason,
            delay: head.extensions.get::<lane::Delay>().map(|delay| delay.0),
            body,
            headers: head.headers,
            version: head.version,
        })
    }
}
