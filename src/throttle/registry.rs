//! The buckets of this process: clients with the same key share one.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Host, Limit, Shared};
use crate::fork::Lock;

/// The buckets of this process, by origin, secret fingerprint and key.
pub struct Registry;

static BUCKETS: Lock<Option<HashMap<String, Arc<Shared>>>> = Lock::new(None);
/// Buckets kept; beyond it those that nobody uses are forgotten.
const MAX_BUCKETS: usize = 10_000;

impl Registry {
    /// The bucket of `key`. Limits that it does not have yet are added, so that it keeps to the strictest of all its
    /// clients as long as it lives; the length of the line is that of the first.
    pub fn get_or_create(key: &str, limits: &[Limit], max_queue: usize, host: Option<Arc<Host>>) -> Arc<Shared> {
        let found = {
            let mut held = BUCKETS.lock();
            let buckets = held.get_or_insert_default();
            if let Some(found) = buckets.get(key) {
                found.clone()
            } else {
                if buckets.len() >= MAX_BUCKETS {
                    buckets.retain(|_, bucket| Arc::strong_count(bucket) > 1);
                }
                let made = Arc::new(match host {
                    Some(host) => Shared::before(host, limits, max_queue),
                    None => Shared::new(limits, max_queue),
                });
                if buckets.len() < MAX_BUCKETS {
                    buckets.insert(key.to_owned(), made.clone());
                }
                return made;
            }
        };
        found.tighten(limits);
        found
    }

    /// Forgets the buckets whose keys begin so, for tests that start a new server at an old address.
    pub fn forget(beginning: &str) {
        if let Some(buckets) = BUCKETS.lock().as_mut() {
            buckets.retain(|key, _| !key.starts_with(beginning));
        }
    }
}
