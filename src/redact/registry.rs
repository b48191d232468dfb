//! The secrets of this process, as filters that readers share without waiting for each other.
//!
//! A value that rotated stays known. When many have come, those of before make room: two turns later what nobody has any more is
//! forgotten, and whoever rotates keys for years never fills the registry.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::filter::{Filter, MAX_PATTERNS, MIN_LENGTH, merge};
use super::{MASK, forms};
use crate::fork::Lock;
use crate::secret::{FaintValue, Version};
use crate::url::SafeUrl;

static KNOWN: Lock<Option<Arc<Known>>> = Lock::new(None);
/// Grows with each change of [`KNOWN`]; zero while no secret is known.
static GENERATION: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What this thread saw last, so that a scrub takes no lock.
    static SEEN: RefCell<(u64, Option<Arc<Known>>)> = const { RefCell::new((0, None)) };
}

/// So many patterns of values that may end have come since the last turn, at least: some 5,000 values of usual length.
const TURN: usize = MAX_PATTERNS / 4;

/// Everything that is known at one moment.
#[derive(Clone, Default)]
struct Known {
    /// Values that somebody holds, and those that were held since the last turn.
    now: Option<Arc<Filter>>,
    /// What was known before the last turn.
    before: Option<Arc<Filter>>,
    /// What has no holder, and stays.
    always: Option<Arc<Filter>>,
    held: Vec<Held>,
    /// Patterns that were in `now` right after the last turn.
    kept: usize,
}

/// A value with a holder, by itself or behind its user's name.
#[derive(Clone)]
struct Held {
    value: FaintValue,
    user: Option<Arc<str>>,
}

impl Held {
    /// The forms in which it is looked for, while somebody holds it.
    fn forms(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let Some(value) = self.value.get() else { return Vec::new() };
        match &self.user {
            Some(user) => forms::of(&pair(user, &value)),
            None => forms::of(&value),
        }
    }
}

impl Known {
    /// With these forms; `None` when there is no room.
    fn with(&self, forms: &[Zeroizing<Vec<u8>>], held: Option<&Held>) -> Option<Self> {
        let add = |to: &Option<Arc<Filter>>| match to {
            Some(filter) if filter.knows(forms) => Some(filter.clone()),
            to => {
                let mut filter = to.as_deref().cloned().unwrap_or_else(Filter::new);
                forms.iter().for_each(|form| filter.add(form));
                (filter.len() <= MAX_PATTERNS).then(|| Arc::new(filter))
            }
        };
        let Some(held) = held else {
            return Some(Self { always: Some(add(&self.always)?), ..self.clone() });
        };
        let is_alive = |known: &&Held| !known.value.is_gone();
        let others: Vec<Held> = self.held.iter().filter(is_alive).chain([held]).cloned().collect();
        let full = self.now.as_ref().is_some_and(|now| now.len() >= self.kept + TURN);
        if !full {
            return Some(Self { now: Some(add(&self.now)?), held: others, ..self.clone() });
        }
        let mut filter = Filter::new();
        others.iter().flat_map(Held::forms).for_each(|form| filter.add(&form));
        forms.iter().for_each(|form| filter.add(form));
        let kept = filter.len();
        let now = (kept <= MAX_PATTERNS).then(|| Arc::new(filter))?;
        Some(Self { now: Some(now), before: self.now.clone(), always: self.always.clone(), held: others, kept })
    }

    fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut filters = [&self.now, &self.before, &self.always].into_iter().flatten();
        let first = filters.next().map(|filter| filter.ranges(text)).unwrap_or_default();
        let more: Vec<Range<usize>> = filters.flat_map(|filter| filter.ranges(text)).collect();
        if more.is_empty() { first } else { merge([first, more].concat()) }
    }
}

/// Registers a text in all its forms, for as long as the process lives.
///
/// False when it is not looked for: shorter than eight bytes (spaces around it aside), or beyond the registry's 200,000 patterns.
pub fn register(value: &str) -> bool {
    add(value, None)
}

/// Registers a value in all its forms: for as long as somebody holds it, and then until thousands of others have come.
///
/// False as in [`register`].
pub fn register_version(version: &Version) -> bool {
    add(version, Some(&Held { value: version.faint(), user: None }))
}

/// Registers a password as [`register_version`] does, together with what `Basic` makes of it and its user.
pub fn register_pair(user: &str, password: &Version) -> bool {
    let alone = register_version(password);
    let held = Held { value: password.faint(), user: Some(user.into()) };
    add(&pair(user, password), Some(&held)) || alone
}

fn pair(user: &str, password: &str) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(String::with_capacity(user.len() + 1 + password.len()));
    pair.push_str(user);
    pair.push(':');
    pair.push_str(password);
    pair
}

fn add(value: &str, held: Option<&Held>) -> bool {
    if value.trim().len() < MIN_LENGTH {
        return false;
    }
    let forms = forms::of(value);
    loop {
        // Built outside the lock, for others must not wait; begun anew when another secret came in between.
        let old = KNOWN.lock().clone();
        let Some(new) = old.as_deref().cloned().unwrap_or_default().with(&forms, held) else { return false };
        let new = Arc::new(new);
        let mut known = KNOWN.lock();
        if known.as_ref().map(Arc::as_ptr) == old.as_ref().map(Arc::as_ptr) {
            *known = Some(new);
            GENERATION.fetch_add(1, Ordering::Release);
            return true;
        }
    }
}

/// Registers a URL that is a secret as a whole, and the parts of it that a server may repeat by themselves: path and
/// query, the last segment, segments that are no plain word, values of the query.
pub fn register_url(url: &SafeUrl) {
    let (path, query) = url.path_and_query();
    let tail = path.trim_start_matches('/');
    register(tail);
    if let Some(query) = query {
        register(&Zeroizing::new(format!("{tail}?{query}")));
        for (_, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            register(value);
        }
    }
    let mut segments = tail.rsplit('/');
    segments.next().map(register);
    let is_word = |segment: &&str| segment.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_');
    for segment in segments.filter(|segment| !is_word(segment)) {
        register(segment);
    }
}

/// The text with every registered secret masked; the same text when it holds none.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let ranges = secret_ranges(text);
    if ranges.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(mask(text, &ranges)) }
}

/// Where registered secrets stand.
pub(super) fn secret_ranges(text: &str) -> Vec<Range<usize>> {
    let generation = GENERATION.load(Ordering::Acquire);
    if generation == 0 || text.len() < MIN_LENGTH {
        return Vec::new();
    }
    let seen = SEEN.try_with(|seen| {
        let mut seen = seen.try_borrow_mut().ok()?;
        if seen.0 != generation {
            *seen = (generation, KNOWN.lock().clone());
        }
        seen.1.as_ref().map(|known| known.ranges(text))
    });
    // A thread that is ending has no memory of its own any more.
    seen.ok().flatten().or_else(|| KNOWN.lock().clone().map(|known| known.ranges(text))).unwrap_or_default()
}

/// The text with [`MASK`] for each range. A range that cuts a character takes all of it.
pub(super) fn mask(text: &str, ranges: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for range in ranges {
        out.push_str(text.get(kept..text.floor_char_boundary(range.start)).unwrap_or(""));
        out.push_str(MASK);
        kept = text.ceil_char_boundary(range.end);
    }
    out.push_str(text.get(kept..).unwrap_or(""));
    out
}
