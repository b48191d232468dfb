//! How a request asks for its turn.

use std::time::Duration;

/// Whose turn comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody is looking at the screen.
    Interactive,
    /// Everything else.
    #[default]
    Normal,
    /// Whatever can wait.
    Bulk,
}

impl Priority {
    /// Seconds after its arrival from which a request counts as arrived: whoever waits long enough goes first, whatever its
    /// class.
    pub(super) fn allowance(self) -> Duration {
        Duration::from_secs(match self {
            Self::Interactive => 0,
            Self::Normal => 1,
            Self::Bulk => 10,
        })
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// The narrower bucket that a request counts against as well, such as a chat or a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane<'a> {
    /// What is alike about its requests.
    pub name: &'a str,
    /// The bucket that other lanes share with it, until an answer names another one; `None` for a bucket of its own.
    pub bucket: Option<&'a str>,
}

impl<'a> From<&'a str> for Lane<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, bucket: None }
    }
}

/// What a request needs of the line.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The narrower bucket that it counts against as well.
    pub lane: Option<Lane<'a>>,
    /// How many requests it counts as under the caller's own limits.
    pub weight: u32,
    /// Its class.
    pub priority: Priority,
    /// The longest wait that the API's own words may cause: what takes longer is refused instead.
    pub patience: Duration,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self { lane: None, weight: 1, priority: Priority::Normal, patience: Duration::MAX }
    }
}
