//! The connections to one origin: HTTP/1.1 ones that take turns, or an HTTP/2 one that all calls share.
//!
//! A call that finds no idle connection races a dial against the next one that comes free. Where HTTP/2 is spoken one call
//! dials and the others wait for it.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy::connect::Connection as _;
use tower_service::Service;

use super::cache::{Desk, Found, Lease, Line, Place, desk};
use super::crew::Hands;
use super::dial::Connector;
use super::fault::Failed;
use super::outgoing::{Outgoing, Target};
use super::seats::{Seat, Seats};
use super::shared::{self, Shared};
use super::sip::Sipped;
use super::{Later, MAX_HEADER_BYTES, MAX_HEADERS};
use crate::clock;
use crate::error::Error;
use crate::fork::Lock;
use crate::url::Origin;

/// Connections that one request may find closed, one after the other, before it gives up unsent.
const MAX_TRIES: u32 = 4;

type Request = http::Request<Outgoing>;
/// An answer's head, and the connection that its body still comes over.
pub(super) type Answer = (http::Response<Incoming>, Held);

/// The connection that an answer comes over.
pub(super) enum Held {
    /// For this answer alone.
    Own(Lease),
    /// One that all calls share.
    Shared(Arc<Lane>),
}

/// How long a request waited for its connection; an extension of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay(pub(super) Duration);

/// One origin's connections.
pub(super) struct Lane {
    desk: Lock<Box<dyn Desk>>,
    seats: Seats,
    shared: Arc<Shared>,
    target: Target,
}

/// A connection for one request.
enum Way {
    Own(Lease),
    Shared(http2::SendRequest<Outgoing>),
}

/// Why a dial brought no line.
pub(super) enum NoLine {
    Failed(Failed),
    /// The server speaks HTTP/2: the connection is the shared one now.
    Shared,
}

/// Makes connections to one origin.
#[derive(Clone)]
pub(super) struct Dial {
    connector: Connector,
    uri: http::Uri,
    pub(super) hands: Hands,
    shared: Arc<Shared>,
}

impl Service<()> for Dial {
    type Response = Place;
    type Error = NoLine;
    type Future = Later<Place, NoLine>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoLine>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

impl Dial {
    async fn dial(mut self) -> Result<Place, NoLine> {
        let stream = self.connector.call(self.uri).await.map_err(|e| NoLine::Failed(Failed::Dial(e)))?;
        let broken = |error: hyper::Error| NoLine::Failed(Failed::Dial(Box::new(error)));
        if stream.connected().is_negotiated_h2() {
            let shaken = shared::builder(self.hands.clone(), shared::PATIENCE).handshake(Sipped::new(stream)).await;
            let (mut sender, connection) = shaken.map_err(broken)?;
            self.hands.run(async move {
                let _ = connection.await;
            });
            sender.ready().await.map_err(broken)?;
            self.shared.adopt(sender);
            return Err(NoLine::Shared);
        }
        self.shared.is_not_spoken();
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .handshake(stream)
            .await
            .map_err(broken)?;
        let (tell, told) = tokio::sync::oneshot::channel();
        self.hands.run(async move {
            if let Err(error) = connection.await {
                let _ = tell.send(error);
            }
        });
        if let Err(error) = sender.ready().await {
            // The connection's own error says more than that it is closed.
            return Err(broken(told.await.unwrap_or(error)));
        }
        Ok(Place::new(Line::new(sender, self.hands)))
    }
}

impl Lane {
    /// An origin without connections yet.
    ///
    /// # Errors
    /// `InputError` for an origin that a Host field cannot hold.
    pub(super) fn new(origin: &Origin, connector: Connector, hands: Hands) -> Result<Self, Error> {
        let target = Target::of(origin)?;
        let shared = Arc::new(Shared::default());
        let seats = Seats::new(&hands);
        let dial = Dial { connector, uri: target.uri(), hands, shared: shared.clone() };
        Ok(Self { desk: Lock::new(desk(dial)), seats, shared, target })
    }

    /// Closes what rested too long; whether nothing is left.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        let idle = self.desk.lock().sweep(now);
        self.shared.sweep(now) && idle
    }

    /// A call that was sent at `asked` had no answer.
    pub(super) fn doubt(&self, asked: Instant) {
        self.shared.doubt(asked);
    }

    /// Sends a request: at once where a connection is free, so that the future holds no request. In a box, for each layer above
    /// would hold it twice.
    pub(super) fn send(self: Arc<Self>, mut request: Request) -> Later<Answer, Failed> {
        if let Some(mut sender) = self.shared.is_spoken().then(|| self.shared.sender()).flatten() {
            let sent = sender.try_send_request(request);
            return Box::pin(async move {
                match sent.await {
                    Ok(head) => {
                        self.shared.hear();
                        Ok((head, Held::Shared(self)))
                    }
                    Err(error) => Box::pin(self.unsent(error, true)).await,
                }
            });
        }
        let Some(mut lease) = self.free() else { return Box::pin(self.send_later(request)) };
        let Some(line) = &mut lease.line else { return Box::pin(self.send_later(request)) };
        self.target.shorten(&mut request);
        let sent = line.sender.try_send_request(request);
        Box::pin(async move {
            match sent.await {
                Ok(head) => Ok((head, Held::Own(lease))),
                Err(error) => {
                    let reused = lease.is_reused();
                    drop(lease);
                    Box::pin(self.unsent(error, reused)).await
                }
            }
        })
    }

    /// A line that is ready now, and a seat.
    fn free(&self) -> Option<Lease> {
        if self.shared.is_spoken() {
            return None;
        }
        let seat = self.seats.free()?;
        let mut desk = self.desk.lock();
        if desk.is_empty() {
            return None;
        }
        let found = desk.find();
        drop(desk);
        let Found::Free(slot) = found else { return None };
        let lease = Lease::of(slot, seat)?;
        if lease.line.as_ref().is_some_and(|line| line.sender.is_ready()) {
            return Some(lease);
        }
        lease.put_back();
        None
    }

    /// What the connection gave back unwritten goes to the next one; anything else ends here.
    async fn unsent(
        self: Arc<Self>,
        mut error: hyper::client::conn::TrySendError<Request>,
        reused: bool,
    ) -> Result<Answer, Failed> {
        match error.take_message() {
            Some(request) if reused => self.send_later(request).await,
            Some(_) => Err(Failed::Unsent),
            None => Err(Failed::Sent(error.into_error(), reused)),
        }
    }

    /// Sends a request once there is a connection.
    async fn send_later(self: Arc<Self>, mut request: Request) -> Result<Answer, Failed> {
        let asked = clock::now();
        let after = |mut head: http::Response<Incoming>, sent: Instant| {
            head.extensions_mut().insert(Delay(sent.duration_since(asked)));
            head
        };
        let mut seat = if self.shared.is_spoken() { Seat::default() } else { self.seats.wait().await };
        for _ in 0..MAX_TRIES {
            let (mut error, reused) = match self.find(&mut seat).await? {
                Way::Shared(mut sender) => {
                    seat = Seat::default();
                    self.target.lengthen(&mut request);
                    let sent = clock::now();
                    match sender.try_send_request(request).await {
                        Ok(head) => {
                            self.shared.hear();
                            return Ok((after(head, sent), Held::Shared(self)));
                        }
                        Err(error) => (error, true),
                    }
                }
                Way::Own(mut lease) => {
                    self.target.shorten(&mut request);
                    let Some(line) = &mut lease.line else { return Err(Failed::Unsent) };
                    let sent = clock::now();
                    match line.sender.try_send_request(request).await {
                        Ok(head) => return Ok((after(head, sent), Held::Own(lease))),
                        Err(error) => (error, lease.is_reused()),
                    }
                }
            };
            request = match error.take_message() {
                Some(request) if reused => request,
                Some(_) => return Err(Failed::Unsent),
                None => return Err(Failed::Sent(error.into_error(), reused)),
            };
        }
        Err(Failed::Unsent)
    }

    /// Waits for a connection: one that comes free, or a new one.
    async fn find(&self, seat: &mut Seat) -> Result<Way, Failed> {
        for _ in 0..MAX_TRIES {
            let arrived = self.shared.arrived.notified();
            let mut arrived = pin!(arrived);
            arrived.as_mut().enable();
            // Where HTTP/2 is spoken one call dials; it is found by those that waited for it.
            let _turn = match self.shared.is_spoken() {
                true if self.shared.sender().is_none() => Some(self.shared.dialling.lock().await),
                _ => None,
            };
            if let Some(sender) = self.shared.sender() {
                return Ok(Way::Shared(sender));
            }
            let found = self.desk.lock().find();
            let slot = match found {
                Found::Free(slot) => Ok(slot),
                Found::Dialling(dial) => match select(dial, arrived).await {
                    Either::Left((dialled, _)) => dialled,
                    Either::Right(_) => continue,
                },
            };
            match slot {
                Ok(mut slot) => {
                    if poll_fn(|context| slot.poll_ready(context)).await.is_ok()
                        && let Some(lease) = Lease::of(slot, mem::take(seat))
                    {
                        return Ok(Way::Own(lease));
                    }
                    // Where one went stale so did others: none of them costs another try.
                    self.desk.lock().sweep(clock::now());
                }
                Err(NoLine::Shared) => {}
                Err(NoLine::Failed(failed)) => return Err(failed),
            }
        }
        Err(Failed::Unsent)
    }
}
