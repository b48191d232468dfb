//! Streams to servers that speak no HTTP: TLS as for every call, or plain on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Settings;
use super::dial::{Guard, Refused, Resolver};
use crate::error::{Code, Error};

/// A connection as bytes.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A server, and how it is reached.
#[derive(Clone, Debug)]
pub struct Peer(Way);

#[derive(Clone, Debug)]
enum Way {
    Tls(String, u16),
    Loopback(String, u16),
    Unix(PathBuf),
}

impl Peer {
    /// Over TLS; its addresses are judged like those of an API.
    pub fn tls(host: String, port: u16) -> Self {
        Self(Way::Tls(host, port))
    }

    /// In clear, to an address of this machine.
    pub fn loopback(host: String, port: u16) -> Self {
        Self(Way::Loopback(host, port))
    }

    /// Over a socket of this machine.
    ///
    /// # Errors
    /// `ValueError` where the system has none.
    pub fn unix(path: &str) -> Result<Self, Error> {
        if cfg!(unix) {
            return Ok(Self(Way::Unix(path.into())));
        }
        Err(Error::new(Code::UsageValue).saying("This system has no unix sockets."))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// `AddressBlockedError`, `TlsError` or `ConnectError`.
    pub async fn dial(&self, settings: &Settings) -> Result<Box<dyn Wire>, Error> {
        self.dial_by(Resolver::System, settings).await
    }

    async fn dial_by(&self, resolver: Resolver, settings: &Settings) -> Result<Box<dyn Wire>, Error> {
        match &self.0 {
            Way::Tls(host, port) => {
                let guard = Guard { resolver, networks: settings.networks.clone() };
                let found = guard.resolve(host.clone()).await.map_err(|refused| {
                    let blocked = matches!(refused, Refused::Blocked(_));
                    Error::new(if blocked { Code::PolicyAddressBlocked } else { Code::TransportConnect })
                })?;
                let stream = connect(found.collect(), *port).await?;
                let name = ServerName::try_from(host.clone()).map_err(|_| Error::new(Code::UsageValue))?;
                // These options are the peer's own, so its certificate is for it; `quota` judged whether the key may go there.
                let config = settings.tls.identified().unwrap_or_else(|| settings.tls.plain());
                let connector = TlsConnector::from(Arc::new(config));
                let stream = connector.connect(name, stream).await.map_err(|_| Error::new(Code::TransportTls))?;
                Ok(Box::new(stream))
            }
            Way::Loopback(host, port) => {
                let found = resolver.look_up(host).await.map_err(|_| Error::new(Code::TransportConnect))?;
                if !found.iter().all(|address| address.ip().is_loopback()) {
                    return Err(Error::new(Code::PolicyAddressBlocked));
                }
                Ok(Box::new(connect(found, *port).await?))
            }
            #[cfg(unix)]
            Way::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await;
                Ok(Box::new(stream.map_err(|_| Error::new(Code::TransportConnect))?))
            }
            #[cfg(not(unix))]
            Way::Unix(_) => Err(Error::new(Code::TransportConnect)),
        }
    }
}

async fn connect(mut addresses: Vec<SocketAddr>, port: u16) -> Result<TcpStream, Error> {
    addresses.iter_mut().for_each(|address| address.set_port(port));
    let stream = TcpStream::connect(&*addresses).await.map_err(|_| Error::new(Code::TransportConnect))?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
