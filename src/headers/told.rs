//! What one answer tells about time and quota.

use std::time::Duration;

use super::quota::Quota;

/// What one answer tells about time and quota.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Every limit that it speaks of.
    pub quotas: Vec<Quota>,
    /// How long to wait before another request.
    pub retry_after: Option<Duration>,
    /// Whether the request was refused for its pace, and not processed.
    pub refused: bool,
    /// Whether it was refused because too many requests were under way.
    pub crowded: bool,
    /// Whom a refusal concerns.
    pub reach: Reach,
    /// What the server itself says about a repeat.
    pub retry: Option<bool>,
    /// The bucket that the request counted against, as the API names it.
    pub bucket: Option<String>,
}

/// Whom a refusal concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// The bucket that the request counted against.
    #[default]
    Bucket,
    /// Every request of this client.
    Whole,
}

impl Told {
    /// Takes a wait that another part of the answer asks for; the longest counts.
    pub(super) fn wait(&mut self, wait: Option<Duration>) {
        self.retry_after = self.retry_after.max(wait);
    }
}
