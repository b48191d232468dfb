//! What a request carries: nothing, bytes with secrets as leaves, or what a feed brings while it is sent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::fork::Lock;
use crate::secret::Text;

/// A request body as the caller gave it.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes that can be sent again.
    Text(Text),
    /// An iterator's chunks: sent once.
    Feed(FeedSlot),
}

/// A body with its secrets resolved, on its way out.
#[derive(Debug)]
pub enum Payload {
    /// None.
    Empty,
    /// All of it.
    Bytes(Bytes),
    /// Chunk by chunk.
    Feed(Feed),
}

/// The receiving end of a body iterator that runs elsewhere.
pub struct Feed {
    chunks: mpsc::Receiver<Result<Bytes, ()>>,
    tally: Tally,
}

/// Where a [`Feed`] waits until the one attempt takes it.
#[derive(Clone)]
pub struct FeedSlot(Arc<Lock<Option<Feed>>>);

/// The sending end, for whoever runs the iterator.
#[derive(Clone)]
pub struct Feeder {
    chunks: mpsc::Sender<Result<Bytes, ()>>,
    tally: Tally,
}

/// A place for one chunk of a feed. `Err(())` says that the iterator raised.
pub type Room = mpsc::OwnedPermit<Result<Bytes, ()>>;

/// The length of a feed where it was announced, and how many bytes the connection has taken of it.
#[derive(Clone)]
pub struct Tally {
    length: Option<u64>,
    taken: Arc<AtomicU64>,
}

/// A feed of unknown or known length and its sending end. One chunk waits at a time.
pub fn feed(length: Option<u64>) -> (Feeder, FeedSlot) {
    let (sender, chunks) = mpsc::channel(1);
    let tally = Tally { length, taken: Arc::default() };
    let feed = Feed { chunks, tally: tally.clone() };
    (Feeder { chunks: sender, tally }, FeedSlot(Arc::new(Lock::new(Some(feed)))))
}

impl Feeder {
    /// A place for the next chunk, once the one before was taken; `None` when nothing more is wanted.
    pub async fn room(self) -> Option<Room> {
        self.chunks.reserve_owned().await.ok()
    }

    /// What was taken so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Tally {
    /// Whether the connection has taken every byte of the announced length. It asks for no more then, and goes.
    pub fn is_complete(&self) -> bool {
        self.length == Some(self.taken.load(Ordering::Acquire))
    }
}

impl FeedSlot {
    /// The feed, the first time.
    pub fn take(&self) -> Option<Feed> {
        self.0.lock().take()
    }
}

impl Feed {
    /// Bytes to come, when known.
    pub fn length(&self) -> Option<u64> {
        self.tally.length
    }

    /// The next chunk.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
        let chunk = self.chunks.poll_recv(context);
        if let Poll::Ready(Some(Ok(bytes))) = &chunk {
            self.tally.taken.fetch_add(bytes.len() as u64, Ordering::Release);
        }
        chunk
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

impl fmt::Debug for FeedSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedSlot")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn take(feed: &mut Feed) {
        assert!(feed.poll_chunk(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
    }

    #[test]
    fn a_body_is_taken_once_the_connection_has_its_announced_length() {
        let (feeder, slot) = feed(Some(3));
        let mut feed = slot.take().unwrap();
        for (chunk, complete) in [("ab", false), ("c", true)] {
            feeder.chunks.try_send(Ok(chunk.into())).unwrap();
            assert!(!feeder.tally().is_complete(), "{chunk} waits");
            take(&mut feed);
            assert_eq!(feeder.tally().is_complete(), complete);
        }
    }

    #[test]
    fn a_body_of_unknown_length_is_never_complete_by_its_length() {
        let (feeder, slot) = feed(None);
        feeder.chunks.try_send(Ok("ab".into())).unwrap();
        take(&mut slot.take().unwrap());
        assert!(!feeder.tally().is_complete());
    }
}
