//! What one answer tells about time and quota.

use std::borrow::Cow;
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
    /// Whether the wait is ours, since the refusal names none; a further refusal of that kind doubles it.
    pub guessed: bool,
    /// Whether the refusal is the fault of others who share the resource.
    pub of_others: bool,
    /// Where the chat went that the request was meant for.
    pub moved_to: Option<i64>,
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
    /// What a bucket learns of the head's quotas. A refusal that says when to come again means that, whatever the windows in the
    /// same answer say: of those that last longer nothing is learned.
    ///
    /// Source: draft-ietf-httpapi-ratelimit-headers-11 §5 (`Retry-After` takes precedence).
    pub fn lessons(&self) -> Cow<'_, [Quota]> {
        match self.retry_after.filter(|_| self.refused) {
            Some(wait) if self.quotas.iter().any(|quota| quota.reset > Some(wait)) => {
                self.quotas.iter().filter(|quota| quota.reset <= Some(wait)).cloned().collect()
            }
            _ => Cow::Borrowed(&self.quotas),
        }
    }

    /// It was refused, and so is whatever else this client sends.
    pub(super) fn refuse_all(&mut self) {
        (self.refused, self.reach) = (true, Reach::Whole);
    }

    /// Takes a wait that another part of the answer asks for; the longest counts.
    pub(super) fn wait(&mut self, wait: Option<Duration>) {
        self.retry_after = self.retry_after.max(wait);
    }
}
