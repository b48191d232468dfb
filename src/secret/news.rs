//! What happened to secrets that nobody has told yet: version names, never values. Whoever ends a call tells it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fork::Lock;

/// What happened to one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It has another value.
    Rotated {
        /// What the old version is called.
        old: String,
        /// What the new one is called.
        new: String,
    },
    /// It could not be read.
    Failed {
        /// The error's code.
        code: &'static str,
        /// Whether the last value serves on.
        serves: bool,
    },
    /// Its value is too short to be searched for in logs.
    Short,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct News {
    /// The secret's [`id`](super::Secret::id).
    pub id: usize,
    /// The secret's name.
    pub name: String,
    /// What happened.
    pub happened: Happened,
}

static NEWS: Lock<VecDeque<News>> = Lock::new(VecDeque::new());
static SOME: AtomicBool = AtomicBool::new(false);
/// News kept until somebody hears of them; the oldest give way.
const MOST: usize = 256;

/// Leaves one for whoever tells.
pub fn leave(news: News) {
    let mut held = NEWS.lock();
    if held.len() >= MOST {
        held.pop_front();
    }
    held.push_back(news);
    SOME.store(true, Ordering::Release);
}

/// Everything that nobody has told yet.
pub fn take() -> Vec<News> {
    if !SOME.load(Ordering::Acquire) {
        return Vec::new();
    }
    let mut held = NEWS.lock();
    SOME.store(false, Ordering::Release);
    std::mem::take(&mut *held).into()
}
