//! How many retries a host deserves: a bucket of tokens that successes fill and retries empty.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fork::Lock;

/// Tokens of one host. The numbers are those that AWS' SDKs settled on.
#[derive(Clone, Debug)]
pub struct Budget(u32);

const FULL: u32 = 500;
const RETRY: u32 = 14;
const THROTTLED: u32 = 5;

impl Default for Budget {
    fn default() -> Self {
        Self(FULL)
    }
}

impl Budget {
    /// Takes the tokens of one retry; false when there are too few.
    pub fn spend(&mut self, throttled: bool) -> bool {
        let cost = if throttled { THROTTLED } else { RETRY };
        match self.0.checked_sub(cost) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }

    /// A call succeeded.
    pub fn succeed(&mut self) {
        self.0 = (self.0 + 1).min(FULL);
    }
}

/// The budgets of all hosts of this process.
pub struct Budgets;

/// Whether any budget was ever touched: until then all are full, and a success has nothing to give back.
static TOUCHED: AtomicBool = AtomicBool::new(false);

static BUDGETS: Lock<Option<HashMap<String, Budget>>> = Lock::new(None);
/// Hosts remembered; full budgets are forgotten first, since a new one is full again.
const MAX_HOSTS: usize = 1024;

impl Budgets {
    /// A call to `host` succeeded.
    pub fn succeed(host: &str) {
        if TOUCHED.load(Ordering::Acquire) {
            Self::of(host, Budget::succeed);
        }
    }

    /// Forgets a host, for tests that start a new server at an old address.
    pub fn forget(host: &str) {
        if let Some(budgets) = BUDGETS.lock().as_mut() {
            budgets.remove(host);
        }
    }

    /// Works on the budget of `host`.
    pub fn of<T>(host: &str, work: impl FnOnce(&mut Budget) -> T) -> T {
        let mut held = BUDGETS.lock();
        let budgets = held.get_or_insert_default();
        if let Some(budget) = budgets.get_mut(host) {
            return work(budget);
        }
        let mut fresh = Budget::default();
        let result = work(&mut fresh);
        if fresh.0 < FULL {
            TOUCHED.store(true, Ordering::Release);
            if budgets.len() >= MAX_HOSTS {
                budgets.retain(|_, budget| budget.0 < FULL);
            }
            if budgets.len() < MAX_HOSTS {
                budgets.insert(host.to_owned(), fresh);
            }
        }
        result
    }
}
