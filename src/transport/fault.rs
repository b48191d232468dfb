//! Turns the engines' errors into ours: class by cause, no text of theirs beyond fixed words, no URL.

use std::error::Error as StdError;
use std::io;

use rustls::AlertDescription;

use super::dial::Refused;
use super::outgoing::FeedBroken;
use super::verify::Refusal;
use super::{Reached, Trouble};
use crate::error::{Code, Error};

/// How deep a chain of causes is followed.
const MAX_CAUSES: usize = 16;

/// What an engine said.
#[derive(Debug)]
pub(super) enum Failed {
    /// No connection came about.
    Dial(Box<dyn StdError + Send + Sync>),
    /// A connection closed before it took the request.
    Unsent,
    /// A connection took the request; whether it had answered another one before.
    Sent(hyper::Error, bool),
    /// Through a proxy; whether a kept connection was used.
    Proxied(reqwest::Error, bool),
}

/// What an error chain holds, looked at once.
#[derive(Default)]
struct Causes<'a> {
    refused: Option<&'a Refused>,
    tls: Option<&'a rustls::Error>,
    hyper: Option<&'a hyper::Error>,
    http2: Option<&'a h2::Error>,
    io: Option<io::ErrorKind>,
    feed: bool,
}

impl<'a> Causes<'a> {
    fn of(error: &'a (dyn StdError + 'static)) -> Self {
        let mut causes = Self::default();
        let mut next = Some(error);
        for _ in 0..MAX_CAUSES {
            let Some(error) = next else { break };
            causes.look(error);
            // An io::Error that wraps another error hides it from `source`.
            next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        causes
    }

    fn look(&mut self, error: &'a (dyn StdError + 'static)) {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            self.refused = Some(refused);
        } else if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            self.tls = Some(tls);
        } else if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
            self.hyper.get_or_insert(hyper);
        } else if let Some(http2) = error.downcast_ref::<h2::Error>() {
            self.http2 = Some(http2);
        } else if let Some(io) = error.downcast_ref::<io::Error>() {
            self.io = Some(io.kind());
        } else if error.is::<FeedBroken>() {
            self.feed = true;
        }
    }
}

/// Class and reach of a hop that brought no answer.
pub(super) fn judge(failed: &Failed) -> Trouble {
    let (causes, connecting, reused) = match failed {
        Failed::Dial(error) => (Causes::of(&**error), true, false),
        Failed::Unsent => return unsent(),
        Failed::Sent(error, reused) => (Causes::of(error), false, *reused),
        Failed::Proxied(error, reused) => (Causes::of(error), error.is_connect(), *reused),
    };
    if let Some(refused) = causes.refused {
        return match refused {
            Refused::Blocked(blocked) => {
                let error = Error::new(Code::PolicyAddressBlocked)
                    .with("address", blocked.row())
                    .hint("the name leads to an address that is not public; networks= opens named networks");
                Trouble { error, reached: Reached::Refused }
            }
            Refused::Unresolved => Trouble {
                error: Error::new(Code::TransportDns).with("reason", "name not found"),
                reached: Reached::NeverSent,
            },
            Refused::TooSlow => Trouble {
                error: Error::new(Code::TransportConnectTimeout).with("reason", "connecting took too long"),
                reached: Reached::NeverSent,
            },
        };
    }
    if let Some(tls) = causes.tls {
        return Trouble { error: tls_error(tls), reached: Reached::Refused };
    }
    let late = matches!(failed, Failed::Proxied(error, _) if error.is_timeout());
    if connecting && late {
        return Trouble {
            error: Error::new(Code::TransportConnectTimeout).with("reason", "connecting took too long"),
            reached: Reached::NeverSent,
        };
    }
    if connecting {
        let reason = causes.io.map_or_else(|| "no connection".to_owned(), |kind| kind.to_string());
        return Trouble {
            error: Error::new(Code::TransportConnect).with("reason", reason),
            reached: Reached::NeverSent,
        };
    }
    if causes.feed {
        let error = Error::new(Code::InputBody).with("reason", "the request body's iterator raised");
        return Trouble { error, reached: Reached::Refused };
    }
    sent(&causes, reused)
}

fn unsent() -> Trouble {
    let error = Error::new(Code::TransportClosed).with("reason", "the connection closed before the request was sent");
    Trouble { error, reached: Reached::NeverSent }
}

/// A failure after the connection stood.
fn sent(causes: &Causes<'_>, reused: bool) -> Trouble {
    let hyper = causes.hyper;
    if hyper.is_some_and(hyper::Error::is_canceled) {
        return unsent();
    }
    if causes.http2.is_some_and(is_unprocessed) {
        let error = Error::new(Code::TransportClosed).with("reason", "the server refused the stream unprocessed");
        return Trouble { error, reached: Reached::NeverSent };
    }
    if hyper.is_some_and(hyper::Error::is_parse) {
        let reason = "the head of the answer is not HTTP, or too large";
        return Trouble {
            error: Error::new(Code::TransportProtocol).with("reason", reason),
            reached: Reached::Refused,
        };
    }
    let closed = hyper.is_some_and(|e| e.is_incomplete_message() || e.is_closed()) || causes.io.is_some();
    if closed {
        let error = Error::new(Code::TransportClosed).with("reason", "the connection closed before an answer came");
        return Trouble { error, reached: if reused { Reached::StaleConnection } else { Reached::Sent } };
    }
    Trouble {
        error: Error::new(Code::TransportProtocol).with("reason", "the server broke the rules of HTTP"),
        reached: Reached::Sent,
    }
}

/// Whether an HTTP/2 server says that it did nothing with the request (RFC 9113 §8.7).
fn is_unprocessed(error: &h2::Error) -> bool {
    match error.reason() {
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset() && error.is_remote(),
        Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
        _ => false,
    }
}

/// What a failed handshake says; the words are rustls' names for the failure, never a certificate's text.
fn tls_error(error: &rustls::Error) -> Error {
    use rustls::CertificateError as Certificate;
    let (reason, hint) = match error {
        rustls::Error::InvalidCertificate(why) => match why {
            Certificate::Expired | Certificate::ExpiredContext { .. } => ("the certificate has expired", ""),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                ("the certificate is not valid yet", "check the clock of this machine")
            }
            Certificate::UnknownIssuer => {
                ("the certificate's issuer is not trusted", "for a private CA pass Tls(ca_file=…)")
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                ("the certificate is for another name", "")
            }
            Certificate::Revoked => ("the certificate was revoked", ""),
            Certificate::UnknownRevocationStatus => {
                ("no revocation list tells of the certificate", "add its issuer's list to Tls(crls=[…])")
            }
            Certificate::ExpiredRevocationList | Certificate::ExpiredRevocationListContext { .. } => {
                ("the revocation list has expired", "fetch a new one and make the client anew")
            }
            Certificate::Other(other) => return refused_chain(other),
            _ => ("the certificate is not acceptable", ""),
        },
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            ("the server wants a client certificate", "pass Tls(client_cert=(file, secret))")
        }
        rustls::Error::AlertReceived(_) => ("the server ended the handshake", ""),
        rustls::Error::PeerIncompatible(_) => ("no TLS version or cipher in common", "botsec speaks TLS 1.2 and 1.3"),
        _ => ("the TLS handshake failed", ""),
    };
    let error = Error::new(Code::TransportTls).with("reason", reason);
    if hint.is_empty() { error } else { error.hint(hint) }
}

/// What our own checks of the chain say.
fn refused_chain(other: &rustls::OtherError) -> Error {
    let error = Error::new(Code::TransportTls);
    match other.0.downcast_ref::<Refusal>() {
        Some(Refusal::Flawed(flaw)) => error.with("reason", flaw.0),
        Some(Refusal::Unpinned(seen)) => {
            let seen = seen.map_or_else(|| "unreadable".to_owned(), |pin| pin.to_string());
            error.with("reason", "the server's key is not pinned").with("pin_seen", seen)
        }
        None => error.with("reason", "the certificate is not acceptable"),
    }
}

/// A failure while a body is read.
pub(super) fn in_body(error: &(dyn StdError + 'static)) -> Error {
    let causes = Causes::of(error);
    if let Some(tls) = causes.tls {
        return tls_error(tls);
    }
    let cut = causes.hyper.is_some_and(|e| e.is_incomplete_message() || e.is_closed()) || causes.io.is_some();
    if cut {
        return Error::new(Code::TransportTruncated).with("reason", "the body is cut short");
    }
    Error::new(Code::TransportProtocol).with("reason", "the body breaks the rules of HTTP")
}
