//! Decides whether a failed request is sent again, and when. Pure: time left and dice are arguments.
//!
//! A wait is never shorter than what the server asked for; what cannot end in time is refused at once.

mod budget;

pub use budget::{Budget, Budgets};

use std::time::Duration;

use http::Method;

use crate::clock::Dice;

/// What a 429 means for methods that are not idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On429 {
    /// The server refused the request, so every method may be repeated.
    All,
    /// Only idempotent methods.
    Idempotent,
    /// No method.
    Never,
}

/// When to try again.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Requests in all.
    pub attempts: u32,
    /// From which the backoff doubles.
    pub base: Duration,
    /// Longest backoff.
    pub cap: Duration,
    /// Longest wait that a server may ask for.
    pub max_retry_after: Duration,
    /// Methods that count as idempotent; `None` is the standard's list.
    pub methods: Option<Vec<Method>>,
    /// What a 429 means.
    pub on_429: On429,
}

impl Outcome {
    /// Whether the server refused the key.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Answered { status: 401, .. })
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            max_retry_after: Duration::from_secs(60),
            methods: None,
            on_429: On429::All,
        }
    }
}

/// One attempt as the judge sees it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Its method.
    pub method: &'a Method,
    /// How many were sent, this one included.
    pub number: u32,
    /// Whether the body can be sent again.
    pub replayable: bool,
    /// Whether an idempotency key makes a repeat safe.
    pub idempotency_key: bool,
    /// Whether whoever made the request counts its own attempts, and would multiply ours.
    pub owned_above: bool,
    /// Until the call's deadline.
    pub time_left: Duration,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// With an answer.
    Answered {
        /// Its status.
        status: u16,
        /// The wait it asks for.
        retry_after: Option<Duration>,
        /// Whether the server refused it for its pace, and did not process it.
        refused: bool,
        /// What the server itself says about a repeat.
        verdict: Option<bool>,
    },
    /// Before a byte was sent.
    NeverSent,
    /// The connection broke.
    Broken,
    /// No answer came in time.
    TimedOut,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it again after this wait.
    Again(Duration),
    /// The outcome stands; no repeat could change it.
    Done,
    /// It would be worth a repeat, but there will be none.
    Stop {
        /// Why.
        reason: Reason,
        /// When another try makes sense.
        retry_after: Option<Duration>,
    },
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All attempts were used.
    Attempts,
    /// The wait is longer than the cap or the time left.
    TooLong,
    /// The body is an iterator.
    NotReplayable,
    /// The host fails too often; more requests would not help it.
    Budget,
    /// The server says that a repeat is of no use.
    Server,
    /// A library above repeats by itself.
    OwnedAbove,
    /// The queue refused another turn.
    NoTurn,
}

impl Reason {
    /// As a detail of the error.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "no attempt left",
            Self::TooLong => "the wait would be too long",
            Self::NotReplayable => "the body is an iterator and cannot be sent again",
            Self::Budget => "the retry budget of the host is used up",
            Self::Server => "the server asks not to try again",
            Self::NoTurn => "no turn for another try came in time",
            Self::OwnedAbove => "the library above tries again by itself",
        }
    }
}

impl Rules {
    /// Whether a repeat may change this status.
    pub fn is_retryable_status(&self, status: u16) -> bool {
        matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 529)
    }

    /// Judges one outcome.
    pub fn decide(&self, attempt: &Attempt<'_>, outcome: &Outcome, budget: &mut Budget, dice: &mut Dice) -> Verdict {
        let idempotent = attempt.idempotency_key
            || self
                .methods
                .as_ref()
                .map_or_else(|| attempt.method.is_idempotent(), |list| list.contains(attempt.method));
        let (worth, asked, throttled) = match *outcome {
            Outcome::NeverSent => (true, None, false),
            Outcome::Broken | Outcome::TimedOut => (idempotent, None, false),
            Outcome::Answered { status, retry_after, refused, verdict } => {
                let throttled = refused || status == 429;
                let may = match self.on_429 {
                    _ if !throttled => verdict == Some(true) || idempotent && self.is_retryable_status(status),
                    On429::All => true,
                    On429::Idempotent => idempotent,
                    On429::Never => false,
                };
                (may, retry_after, throttled)
            }
        };
        if !worth {
            return Verdict::Done;
        }
        let stop = |reason| Verdict::Stop { reason, retry_after: asked };
        if matches!(outcome, Outcome::Answered { verdict: Some(false), .. }) {
            return stop(Reason::Server);
        }
        if attempt.owned_above {
            return stop(Reason::OwnedAbove);
        }
        let wait = self.wait(attempt.number, asked, dice);
        if asked.is_some_and(|asked| asked > self.max_retry_after) || wait >= attempt.time_left {
            return Verdict::Stop { reason: Reason::TooLong, retry_after: Some(asked.unwrap_or(wait)) };
        }
        if attempt.number >= self.attempts {
            return stop(Reason::Attempts);
        }
        if !attempt.replayable {
            return stop(Reason::NotReplayable);
        }
        if !budget.spend(throttled) {
            return stop(Reason::Budget);
        }
        Verdict::Again(wait)
    }

    /// Full jitter without a word from the server; with one, never below it and a little above.
    fn wait(&self, number: u32, asked: Option<Duration>, dice: &mut Dice) -> Duration {
        let doubled = self.base.saturating_mul(1u32.checked_shl(number.saturating_sub(1).min(30)).unwrap_or(u32::MAX));
        let backoff = doubled.min(self.cap);
        match asked {
            None => backoff.mul_f64(dice.fraction()),
            Some(asked) => {
                let most = backoff.as_secs_f64().min(0.25 * asked.as_secs_f64() + 1.0);
                asked.saturating_add(Duration::from_secs_f64(most * dice.fraction()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
