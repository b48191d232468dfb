//! Plain HTTP to the metadata services of clouds, which speak nothing else: fixed addresses, no names, no proxy, no redirects.
//!
//! Nothing outside the crate gets here, and no caller brings an address: [`Metadata`] lists them all.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::{Either, select};
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::Body as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{MAX_HEADER_BYTES, MAX_HEADERS};
use crate::error::{Code, Error};

/// For the whole exchange: these services answer from the same machine.
const TOTAL: Duration = Duration::from_secs(5);
/// For the connection; where no such service is, packets to its address vanish.
const CONNECT: Duration = Duration::from_secs(1);
/// Largest answer: 64 KiB; tokens and credentials have a few.
const MAX_BYTES: usize = 64 * 1024;

/// A metadata service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// Instances of EC2.
    Ec2,
    /// Tasks of ECS.
    Ecs,
    /// Pods of EKS.
    Eks,
    /// Pods of EKS whose network is IPv6.
    Eks6,
    /// Machines, pods and functions of Google Cloud. Their service has a name, but the address needs no resolver.
    Google,
    /// Virtual machines of Azure.
    Azure,
    /// A server of the unit tests, on this machine.
    #[cfg(test)]
    Test(u16),
}

impl Metadata {
    fn address(self) -> SocketAddr {
        let ip = match self {
            Self::Ec2 | Self::Google | Self::Azure => IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
            Self::Ecs => IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
            Self::Eks => IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
            Self::Eks6 => IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
            #[cfg(test)]
            Self::Test(port) => return (Ipv4Addr::LOCALHOST, port).into(),
        };
        SocketAddr::new(ip, 80)
    }

    fn host(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Ec2 | Self::Azure => "169.254.169.254",
            Self::Ecs => "169.254.170.2",
            Self::Eks => "169.254.170.23",
            Self::Eks6 => "[fd00:ec2::23]",
            Self::Google => "metadata.google.internal",
            #[cfg(test)]
            Self::Test(_) => "metadata.test",
        })
    }
}

/// What a metadata service said.
pub(crate) struct Plain {
    /// Status code; redirects are not followed.
    pub(crate) status: u16,
    /// Header fields.
    pub(crate) headers: HeaderMap,
    /// The body; it may hold secrets.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Asks a metadata service for `target`, a path and query.
///
/// # Errors
/// `ConnectError`, `RequestTimeoutError`, `ProtocolError`, `ResponseTooLargeError`; `ValueError` for a target that is none.
pub(crate) async fn ask(
    at: Metadata,
    method: Method,
    target: &str,
    headers: Vec<(HeaderName, HeaderValue)>,
) -> Result<Plain, Error> {
    let uri: Uri = target.parse().map_err(|_| Error::new(Code::UsageValue))?;
    if uri.authority().is_some() || !target.starts_with('/') {
        return Err(Error::new(Code::UsageValue));
    }
    let mut request = Request::new(String::new());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let fields = request.headers_mut();
    fields.insert(HOST, at.host());
    fields.insert(ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(USER_AGENT, HeaderValue::from_static(concat!("botsec/", env!("CARGO_PKG_VERSION"))));
    fields.extend(headers);
    timeout(TOTAL, exchange(at, request)).await.unwrap_or_else(|_| Err(Error::new(Code::TransportTimeout)))
}

async fn exchange(at: Metadata, request: Request<String>) -> Result<Plain, Error> {
    let broken = |_| Error::new(Code::TransportProtocol);
    let dial = timeout(CONNECT, TcpStream::connect(at.address())).await;
    let stream = dial.map_err(|_| Error::new(Code::TransportConnectTimeout))?;
    let stream = stream.map_err(|_| Error::new(Code::TransportConnect))?;
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEADER_BYTES);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let receive = async {
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = collect(body).await?;
        Ok(Plain { status: head.status.as_u16(), headers: head.headers, body })
    };
    match select(pin!(receive), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, receive)) => receive.await,
    }
}

async fn collect(mut body: hyper::body::Incoming) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Whole from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Error::new(Code::TransportTruncated))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > MAX_BYTES {
            return Err(Error::new(Code::TransportTooLarge));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
