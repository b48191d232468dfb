//! A quota that other processes share: what a store has to answer, and how the line asks it.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::queue;
use crate::clock;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::throttle::{Answer, OnFailure, Places, Refusal, Shared, Spare, Ticket, Want};

/// Keeps a quota for many processes. Every question has a deadline of its own.
pub trait Store: Send + Sync + Debug {
    /// Places for this process; why there are none when it does not answer.
    fn reserve(&self, bucket: &str, want: Want) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send>>;
    /// Nothing leaves any process for so long, or nothing of a lane. Ends once the store knows it, or did not answer: a process
    /// that ends right after its refusal must have told the others.
    fn block(&self, bucket: &str, lane: Option<&str>, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// Places that this process does not need.
    fn give_back(&self, bucket: &str, spare: Spare);
    /// What happens while it does not answer.
    fn on_failure(&self) -> OnFailure;
    /// What tells it from other stores.
    fn name(&self) -> &str;
}

/// A line's bucket in a store.
#[derive(Debug)]
pub struct Remote {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The bucket's name there; it holds no secret.
    pub bucket: String,
    /// Why this process began to get along without the store, until somebody tells.
    untold: Lock<Option<String>>,
    is_untold: AtomicBool,
}

impl Remote {
    /// A bucket of this name.
    pub fn new(store: Arc<dyn Store>, bucket: String) -> Self {
        Self { store, bucket, untold: Lock::default(), is_untold: AtomicBool::new(false) }
    }

    /// Why this process began to get along without the store; told once.
    pub(super) fn news(&self) -> Option<String> {
        if !self.is_untold.swap(false, Ordering::AcqRel) {
            return None;
        }
        self.untold.lock().take()
    }

    /// Asks for places, if whose turn is next has none; whether it asked.
    ///
    /// # Errors
    /// `ThrottledError` when the store has no place within `longest`, or does not answer and requests are refused then.
    pub(super) async fn ask(&self, line: &Arc<Shared>, ticket: &Ticket, longest: Duration) -> Result<bool, Error> {
        let asked = clock::now();
        let Some(want) = line.wants(ticket, longest, asked) else { return Ok(false) };
        let asking = Asking(line);
        let answer = self.store.reserve(&self.bucket, want).await;
        std::mem::forget(asking);
        let now = clock::now();
        match (answer, self.store.on_failure()) {
            (Ok(answer), _) => {
                line.answered(&answer, asked, now);
                if let Places::Later(wait) = answer.places {
                    return Err(queue::refuse(&Refusal::TooLong(wait)));
                }
            }
            (Err(reason), OnFailure::FailClosed) => {
                line.unasked();
                return Err(Error::new(Code::ThrottleStoreDown).with("reason", reason).after(Duration::from_secs(1)));
            }
            (Err(reason), policy) => {
                if line.is_shared() == Some(true) {
                    *self.untold.lock() = Some(format!("{}: {reason}", self.store.name()));
                    self.is_untold.store(true, Ordering::Release);
                }
                line.store_failed(policy == OnFailure::FailOpen, now);
            }
        }
        Ok(true)
    }

    /// Gives back what nobody waits for any more.
    pub(super) fn tidy(&self, line: &Shared) {
        if let Some(spare) = line.spare(clock::now()) {
            self.store.give_back(&self.bucket, spare);
        }
    }
}

/// A question under way; dropped, whoever is next asks again.
struct Asking<'a>(&'a Shared);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.unasked();
    }
}
