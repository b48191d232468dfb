//! What keeps the process usable after `os.fork`: an epoch that grows in each child, and locks that a fork waits for.
//!
//! A child has one thread. A lock that another thread of the parent held at that moment would stay locked for ever, so
//! every lock of ours is a [`Lock`], and the fork hooks take the one gate behind all of them before the process splits.
//! A thread holds at most one [`Lock`] at a time, for a few instructions, and runs no foreign code meanwhile.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static GATE: RwLock<()> = RwLock::new(());
static EPOCH: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static HELD: RefCell<Option<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// How many forks lie between this process and the one that loaded the library.
#[inline]
pub fn epoch() -> u64 {
    EPOCH.load(Ordering::Acquire)
}

/// Before a fork: waits until no thread holds one of our locks, and keeps it so.
pub fn before() {
    let guard = GATE.write().unwrap_or_else(PoisonError::into_inner);
    HELD.with(|held| *held.borrow_mut() = Some(guard));
}

/// After a fork, in the parent.
pub fn after_in_parent() {
    HELD.with(|held| held.borrow_mut().take());
}

/// After a fork, in the child: what belongs to the parent's threads is out of date from here on.
pub fn after_in_child() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
    HELD.with(|held| held.borrow_mut().take());
}

/// A mutex that a fork waits for, and that a panic in another thread does not poison.
#[derive(Debug, Default)]
pub struct Lock<T>(Mutex<T>);

/// Access to what a [`Lock`] guards.
pub struct Held<'a, T> {
    inner: MutexGuard<'a, T>,
    _gate: RwLockReadGuard<'static, ()>,
}

impl<T> Lock<T> {
    /// Guards `value`.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits for the value; never while this thread holds another [`Lock`].
    #[inline]
    pub fn lock(&self) -> Held<'_, T> {
        let gate = GATE.read().unwrap_or_else(PoisonError::into_inner);
        Held { inner: self.0.lock().unwrap_or_else(PoisonError::into_inner), _gate: gate }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_waits_for_a_held_lock_and_the_child_sees_a_new_epoch() {
        static VALUE: Lock<u32> = Lock::new(1);
        *VALUE.lock() += 1;
        let old = epoch();
        before();
        after_in_child();
        assert_eq!(epoch(), old + 1);
        assert_eq!(*VALUE.lock(), 2);
        before();
        after_in_parent();
        assert_eq!(epoch(), old + 1);
    }
}
