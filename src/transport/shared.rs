//! The HTTP/2 connection that all calls to an origin share, and how long it may say nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyper::client::conn::http2;
use hyper_util::rt::TokioTimer;
use tokio::sync::{Mutex, Notify};

use super::crew::Hands;
use super::outgoing::Outgoing;
use super::{MAX_HEADER_BYTES, POOL_IDLE};
use crate::clock;
use crate::fork::Lock;

/// How long a connection that owes answers may say nothing.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Before it is asked whether it is still there.
    silence: Duration,
    /// For the answer to that.
    echo: Duration,
}

/// Together below the 30 s that a call waits by default: its other attempts then find a connection that works.
pub(super) const PATIENCE: Patience = Patience { silence: Duration::from_secs(15), echo: Duration::from_secs(10) };

/// What a connection is made with.
pub(super) fn builder(hands: Hands, patience: Patience) -> http2::Builder<Hands> {
    // The tasks of a crew rest between calls: an echo that came meanwhile would be read too late to count.
    let is_driven = matches!(hands, Hands::Runtime(_));
    let mut builder = http2::Builder::new(hands);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(2 * 1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .keep_alive_interval(is_driven.then_some(patience.silence))
        .keep_alive_timeout(patience.echo);
    builder
}

/// The connection, once there is one.
pub(super) struct Shared {
    kept: Lock<Option<http2::SendRequest<Outgoing>>>,
    /// Whether the server chose HTTP/2 before: then one call dials and the others wait for it.
    spoken: AtomicBool,
    pub(super) arrived: Notify,
    pub(super) dialling: Mutex<()>,
    born: Instant,
    /// When it last brought the head of an answer, or stood: nanoseconds since `born`.
    heard: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            kept: Lock::default(),
            spoken: AtomicBool::new(false),
            arrived: Notify::new(),
            dialling: Mutex::new(()),
            born: clock::now(),
            heard: AtomicU64::new(0),
        }
    }
}

impl Shared {
    pub(super) fn is_spoken(&self) -> bool {
        self.spoken.load(Ordering::Acquire)
    }

    pub(super) fn is_not_spoken(&self) {
        self.spoken.store(false, Ordering::Release);
    }

    /// Takes in a new connection, unless there is one that works.
    pub(super) fn adopt(&self, sender: http2::SendRequest<Outgoing>) {
        self.spoken.store(true, Ordering::Release);
        {
            let mut kept = self.kept.lock();
            if kept.as_ref().is_none_or(http2::SendRequest::is_closed) {
                *kept = Some(sender);
                self.hear();
            }
        }
        self.arrived.notify_waiters();
    }

    /// The connection, unless it is closed or said nothing for long.
    pub(super) fn sender(&self) -> Option<http2::SendRequest<Outgoing>> {
        let fresh = clock::now().saturating_duration_since(self.heard()) < POOL_IDLE;
        let mut kept = self.kept.lock();
        match kept.as_ref() {
            Some(sender) if fresh && !sender.is_closed() => Some(sender.clone()),
            _ => {
                let gone = kept.take();
                drop(kept);
                drop(gone);
                None
            }
        }
    }

    /// An answer came.
    pub(super) fn hear(&self) {
        let nanos = clock::now().saturating_duration_since(self.born).as_nanos();
        self.heard.store(nanos.try_into().unwrap_or(u64::MAX), Ordering::Release);
    }

    fn heard(&self) -> Instant {
        self.born + Duration::from_nanos(self.heard.load(Ordering::Acquire))
    }

    /// A call that was sent at `asked` had no answer: unless others had one since, the next call dials. Those under way stay.
    pub(super) fn doubt(&self, asked: Instant) {
        if self.heard() < asked {
            let gone = self.kept.lock().take();
            drop(gone);
        }
    }

    /// Lets go of a connection that brought no answer for long; whether there is none.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        let stale = now.saturating_duration_since(self.heard()) >= POOL_IDLE;
        let mut kept = self.kept.lock();
        let gone = if stale || kept.as_ref().is_some_and(http2::SendRequest::is_closed) { kept.take() } else { None };
        let empty = kept.is_none();
        drop(kept);
        drop(gone);
        empty
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests")]
mod tests {
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::super::crew::Crew;
    use super::*;

    const SHORT: Patience = Patience { silence: Duration::from_millis(50), echo: Duration::from_millis(400) };

    /// Whether a call ends within `millis` on a connection whose server reads on, or is dark, after it got the request.
    fn ends(by_crew: bool, dark: bool, millis: u64) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let mut crew = Crew::default();
        let hands = if by_crew { crew.hands() } else { Hands::Runtime(TokioExecutor::new()) };
        let call = async move {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let server = tokio::spawn(async move {
                let mut connection = h2::server::handshake(theirs).await.expect("a client");
                let _unanswered = connection.accept().await;
                if !dark {
                    let _ = connection.accept().await;
                }
                std::future::pending::<()>().await;
            });
            let shaken = builder(hands.clone(), SHORT).handshake::<_, String>(TokioIo::new(ours)).await;
            let (mut sender, connection) = shaken.expect("a server");
            hands.run(async move {
                let _ = connection.await;
            });
            let call = sender.send_request(http::Request::new("ping".to_owned()));
            let ended = tokio::time::timeout(Duration::from_millis(millis), call).await.is_ok();
            server.abort();
            ended
        };
        runtime.block_on(crew.drive(call))
    }

    #[test]
    fn a_connection_that_went_dark_ends_its_calls() {
        assert!(ends(false, true, 20_000));
    }

    #[test]
    fn a_server_that_thinks_long_is_left_to_think() {
        assert!(!ends(false, false, 800));
    }

    #[test]
    fn a_crew_that_rests_asks_for_no_echo() {
        assert!(!ends(true, true, 800));
    }

    #[test]
    fn silence_counts_from_the_last_answer() {
        let shared = Shared::default();
        shared.hear();
        let heard = shared.heard();
        assert!(heard <= clock::now());
        shared.hear();
        assert!(shared.heard() >= heard);
    }
}
