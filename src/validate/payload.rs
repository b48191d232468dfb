//! What a request carries: nothing, bytes with secrets as leaves, or what a feed brings while it is sent.

use std::fmt;
use std::sync::Arc;
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
    length: Option<u64>,
}

/// Where a [`Feed`] waits until the one attempt takes it.
#[derive(Clone)]
pub struct FeedSlot {
    feed: Arc<Lock<Option<Feed>>>,
    beginning: Bytes,
}

/// The sending end, for whoever runs the iterator. `Err(())` says that the iterator raised.
pub type Feeder = mpsc::Sender<Result<Bytes, ()>>;

/// A feed of unknown or known length and its sending end. One chunk waits at a time.
pub fn feed(length: Option<u64>) -> (Feeder, FeedSlot) {
    let (sender, chunks) = mpsc::channel(1);
    let feed = Arc::new(Lock::new(Some(Feed { chunks, length })));
    (sender, FeedSlot { feed, beginning: Bytes::new() })
}

impl FeedSlot {
    /// The feed, the first time.
    pub fn take(&self) -> Option<Feed> {
        self.feed.lock().take()
    }

    /// Shows what the feed is known to begin with.
    #[must_use]
    pub fn begin_with(mut self, beginning: Bytes) -> Self {
        self.beginning = beginning;
        self
    }

    /// What it is known to begin with; it comes with the chunks all the same.
    pub fn beginning(&self) -> &[u8] {
        &self.beginning
    }
}

impl Feed {
    /// Bytes to come, when known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next chunk.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, ()>>> {
        self.chunks.poll_recv(context)
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
