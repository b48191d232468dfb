//! The body of an answer as a bounded stream: idle limit, size caps on decoded bytes, expansion limit, no truncation.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use super::decode::{Coding, Decoder};
use super::wire::Wire;
use crate::clock;
use crate::error::{Code, Error};

/// Bounds on a body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most decoded bytes.
    pub max_bytes: u64,
    /// Longest silence.
    pub read_timeout: Duration,
    /// When the body has to be complete.
    pub deadline: Instant,
}

impl Limits {
    /// The end of a silence that began at `since`, and the error that its end means.
    pub fn silence(&self, since: Instant) -> (Instant, Code) {
        let end = since + self.read_timeout;
        if self.deadline <= end { (self.deadline, Code::TransportTimeout) } else { (end, Code::TransportReadTimeout) }
    }
}

/// Decoded bytes per received byte beyond which a body is a bomb, once it is larger than [`EXPANSION_FLOOR`].
const MAX_EXPANSION: u64 = 100;
/// Bodies up to this size may expand as they like: 1 MiB.
const EXPANSION_FLOOR: u64 = 1024 * 1024;
/// Largest buffer that is reserved on the word of a Content-Length: 128 KiB, which most answers fit into. What is reserved
/// is zeroed when it is freed, so a length that lies would cost all that it announces.
const MAX_RESERVE: u64 = 128 * 1024;
/// Bytes that have to be there before the room of all that may follow is made: 1 MiB.
const EARNED: usize = 1024 * 1024;

/// A body to read, whole or in pieces. Dropping it closes the exchange.
pub struct Stream {
    kind: Kind,
    length: Option<u64>,
    decoded: u64,
}

enum Kind {
    Plain(Wire),
    Coded(Box<Decoder>),
    /// A coding that was not asked for.
    Unknown,
    /// No body may come.
    Bodiless(Wire),
}

impl Stream {
    pub(super) fn new(wire: Wire, headers: &HeaderMap) -> Self {
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let kind = match (codings.next(), codings.next()) {
            (None, _) => Kind::Plain(wire),
            (Some(value), None) => match Coding::parse(value.as_bytes()) {
                Some(Coding::Identity) => Kind::Plain(wire),
                Some(coding) => Kind::Coded(Box::new(Decoder::new(coding, wire))),
                None => Kind::Unknown,
            },
            (Some(_), Some(_)) => Kind::Unknown,
        };
        Self { kind, length, decoded: 0 }
    }

    /// The body of an answer that has none, whatever its head says of it.
    pub(super) fn bodiless(wire: Wire) -> Self {
        Self { kind: Kind::Bodiless(wire), length: Some(0), decoded: 0 }
    }

    fn wire(&self) -> Option<&Wire> {
        match &self.kind {
            Kind::Plain(wire) | Kind::Bodiless(wire) => Some(wire),
            Kind::Coded(decoder) => Some(decoder.wire()),
            Kind::Unknown => None,
        }
    }

    /// Bytes received from the network so far, before decoding; `None` where nothing is decoded.
    fn received(&self) -> Option<u64> {
        match &self.kind {
            Kind::Coded(decoder) => Some(decoder.received()),
            Kind::Plain(_) | Kind::Bodiless(_) | Kind::Unknown => None,
        }
    }

    async fn step(&mut self) -> Result<Option<Bytes>, Error> {
        match &mut self.kind {
            Kind::Plain(wire) => poll_fn(|context| wire.poll_data(context)).await.transpose(),
            Kind::Coded(decoder) => decoder.next().await,
            Kind::Bodiless(wire) => match poll_fn(|context| wire.poll_data(context)).await.transpose()? {
                None => Ok(None),
                Some(_) => Err(Error::new(Code::TransportProtocol).with("reason", "a body where none may be")),
            },
            Kind::Unknown => {
                Err(Error::new(Code::TransportDecoding).with("reason", "a content coding that was not asked for"))
            }
        }
    }

    /// What is there already needs no timer; a server that always has more is stopped at the deadline all the same.
    async fn step_in_time(&mut self, limits: &Limits) -> Result<Option<Bytes>, Error> {
        if self.decoded > 0 && clock::now() >= limits.deadline {
            return Err(overdue());
        }
        let (late, since) = {
            let mut step = pin!(self.step());
            if let Poll::Ready(ready) = poll_fn(|context| Poll::Ready(step.as_mut().poll(context))).await {
                return ready;
            }
            let since = clock::now();
            let (end, late) = limits.silence(since);
            match tokio::time::timeout_at(clock::on_timers(end).into(), step).await {
                Ok(step) => return step,
                Err(_) => (late, since),
            }
        };
        if let Some(wire) = self.wire() {
            wire.doubt(since);
        }
        match late {
            Code::TransportTimeout => Err(overdue()),
            late => {
                Err(Error::new(late).with("reason", format!("no data for {} s", limits.read_timeout.as_secs_f64())))
            }
        }
    }

    /// The next decoded bytes, or `None` at the end.
    ///
    /// # Errors
    /// `RequestTimeoutError` after a silence, `ResponseTooLargeError` beyond a cap, `ProtocolError` for a body that is
    /// cut short or cannot be decoded.
    pub async fn next(&mut self, limits: &Limits) -> Result<Option<Bytes>, Error> {
        let Some(bytes) = self.step_in_time(limits).await? else { return Ok(None) };
        self.decoded = self.decoded.saturating_add(bytes.len() as u64);
        if self.decoded > limits.max_bytes {
            return Err(too_large(limits.max_bytes));
        }
        if let Some(received) = self.received()
            && self.decoded > EXPANSION_FLOOR
            && self.decoded > received.saturating_mul(MAX_EXPANSION)
        {
            return Err(Error::new(Code::TransportExpansion)
                .with("reason", format!("the body expands more than {MAX_EXPANSION} times")));
        }
        Ok(Some(bytes))
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`Stream::next`]; a Content-Length beyond the cap is refused before any of it is read.
    pub async fn collect(&mut self, limits: &Limits) -> Result<Bytes, Error> {
        let plain = matches!(self.kind, Kind::Plain(_));
        if plain && self.length.is_some_and(|length| length > limits.max_bytes) {
            return Err(too_large(limits.max_bytes));
        }
        let Some(first) = self.next(limits).await? else { return Ok(Bytes::new()) };
        if plain && self.length == Some(first.len() as u64) {
            if self.wire().is_some_and(Wire::is_at_end) {
                return Ok(first);
            }
            // The connection returns to its pool once the end was seen.
            return match self.next(limits).await? {
                None => Ok(first),
                Some(_) => Err(Error::new(Code::TransportProtocol).with("reason", "more body than announced")),
            };
        }
        let Some(second) = self.next(limits).await? else { return Ok(first) };
        let announced = self.length.filter(|_| plain);
        let expected = announced.unwrap_or(0).min(limits.max_bytes).min(MAX_RESERVE);
        let mut all = BytesMut::with_capacity((expected as usize).max(first.len() + second.len()));
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(bytes) = self.next(limits).await? {
            make_room(&mut all, bytes.len(), announced, limits.max_bytes);
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }

    /// Reads at most `max` decoded bytes, for the excerpt of an error; what does not arrive in order is left out.
    pub async fn excerpt(&mut self, max: usize, limits: &Limits) -> Bytes {
        let mut all = BytesMut::new();
        while let Ok(Some(bytes)) = self.next(limits).await {
            let room = max.saturating_sub(all.len());
            all.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            if all.len() >= max {
                break;
            }
        }
        all.freeze()
    }

    /// Reads a small undecoded rest so that the connection can be used again; a larger one is dropped with it.
    pub async fn drain(self, limits: &Limits) {
        /// Above this a new connection is cheaper: 64 KiB.
        const SMALL: u64 = 64 * 1024;
        let (mut wire, Some(0..=SMALL)) = (
            match self.kind {
                Kind::Plain(wire) | Kind::Bodiless(wire) => wire,
                Kind::Coded(decoder) => decoder.into_wire(),
                Kind::Unknown => return,
            },
            self.length,
        ) else {
            return;
        };
        let rest = poll_fn(|context| wire.poll_data(context));
        let _ = tokio::time::timeout(limits.read_timeout.min(Duration::from_secs(2)), async move {
            let mut rest = rest;
            while let Some(Ok(_)) = (&mut rest).await {}
        })
        .await;
    }
}

/// Makes room for `more` bytes: of an announced length, [`AHEAD`] times what came. A body that has shown [`EARNED`] bytes gets
/// all of it, or its cap, at once: a buffer that doubles holds its content twice while it moves, and each one left is wiped.
fn make_room(all: &mut BytesMut, more: usize, announced: Option<u64>, max_bytes: u64) {
    /// Most room at once for a body of unknown length: 64 MiB.
    const STEP: u64 = 64 * 1024 * 1024;
    /// How far ahead of what came an announced length is believed.
    const AHEAD: usize = 8;
    let needed = all.len() + more;
    if needed <= all.capacity() {
        return;
    }
    if let (Some(announced), true) = (announced, needed <= EARNED) {
        let ahead = announced.min(max_bytes).min((AHEAD * needed) as u64);
        all.reserve((ahead as usize).saturating_sub(all.len()).max(more));
    } else if needed > EARNED {
        let whole = announced.unwrap_or_else(|| (needed as u64).div_ceil(STEP) * STEP).min(max_bytes);
        all.reserve((whole as usize).saturating_sub(all.len()).max(more));
    }
}

fn overdue() -> Error {
    Error::new(Code::TransportTimeout).with("reason", "the body did not end in time")
}

fn too_large(max: u64) -> Error {
    Error::new(Code::TransportTooLarge)
        .with("reason", format!("the body is larger than {max} bytes"))
        .hint("raise max_response_bytes=, or use stream() or download()")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: u64 = 32 * 1024 * 1024;

    #[test]
    fn room_grows_with_what_came_until_enough_of_it_has() {
        let mut all = BytesMut::new();
        for _ in 0..8 {
            make_room(&mut all, 100_000, Some(CAP), CAP);
            all.extend_from_slice(&[7; 100_000]);
            assert!(all.capacity() <= 8 * all.len(), "{} for {}", all.capacity(), all.len());
        }
        make_room(&mut all, 2 * EARNED, Some(CAP), CAP);
        assert!(all.capacity() as u64 >= CAP && all.capacity() as u64 <= CAP + CAP / 4);
    }

    #[test]
    fn an_announced_body_of_a_megabyte_moves_once() {
        let mut all = BytesMut::with_capacity(128 * 1024);
        let mut moves = 0;
        for _ in 0..64 {
            let before = all.capacity();
            make_room(&mut all, 16_000, Some(1_024_000), CAP);
            moves += usize::from(all.capacity() != before);
            all.extend_from_slice(&[7; 16_000]);
        }
        assert_eq!((moves, all.len()), (1, 1_024_000));
    }

    #[test]
    fn room_never_passes_the_cap() {
        for announced in [None, Some(9 * 1024 * 1024), Some(u64::MAX)] {
            let cap = 10 * 1024 * 1024;
            let mut all = BytesMut::from(vec![7; EARNED].as_slice());
            make_room(&mut all, EARNED, announced, cap);
            assert!(all.capacity() as u64 <= cap + cap / 4, "{}", all.capacity());
        }
    }
}
