//! The buckets of this process: clients with the same key share one.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Host, Shared};
use crate::fork::Lock;

/// The buckets of this process, by origin, secret fingerprint and key.
pub struct Registry;

static BUCKETS: Lock<Option<HashMap<String, Arc<Shared>>>> = Lock::new(None);
/// Buckets kept; beyond it those that nobody uses are forgotten.
const MAX_BUCKETS: usize = 10_000;

impl Registry {
    /// The bucket of `key`; the length of its line is what the first asked for.
    pub fn get_or_create(key: &str, max_queue: usize, host: Option<Arc<Host>>) -> Arc<Shared> {
        let mut held = BUCKETS.lock();
        let buckets = held.get_or_insert_default();
        if let Some(found) = buckets.get(key) {
            return found.clone();
        }
        if buckets.len() >= MAX_BUCKETS {
            buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1);
        }
        let made = Arc::new(match host {
            Some(host) => Shared::before(host, &[], max_queue),
            None => Shared::new(&[], max_queue),
        });
        if buckets.len() < MAX_BUCKETS {
            buckets.insert(key.to_owned(), made.clone());
        }
        made
    }

    /// Forgets the buckets whose keys begin so, for tests that start a new server at an old address.
    pub fn forget(beginning: &str) {
        if let Some(buckets) = BUCKETS.lock().as_mut() {
            buckets.retain(|key, _| !key.starts_with(beginning));
        }
    }
}
