//! The secrets of this process, as one filter that readers share without waiting for each other.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::filter::{Filter, MAX_PATTERNS, MIN_LENGTH};
use super::{MASK, forms};
use crate::fork::Lock;
use crate::url::SafeUrl;

static FILTER: Lock<Option<Arc<Filter>>> = Lock::new(None);
/// Grows with each change of [`FILTER`]; zero while no secret is known.
static GENERATION: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The filter that this thread saw last, so that a scrub takes no lock.
    static SEEN: RefCell<(u64, Option<Arc<Filter>>)> = const { RefCell::new((0, None)) };
}

/// Registers a secret in all its forms.
///
/// False when it is not looked for: shorter than eight bytes (spaces around it aside), or beyond the registry's 200,000 patterns.
pub fn register(value: &str) -> bool {
    if value.trim().len() < MIN_LENGTH {
        return false;
    }
    let forms = forms::of(value);
    loop {
        // Built outside the lock, for others must not wait; begun anew when another secret came in between.
        let old = FILTER.lock().clone();
        let mut filter = old.as_deref().cloned().unwrap_or_else(Filter::new);
        forms.iter().for_each(|form| filter.add(form));
        if filter.len() > MAX_PATTERNS {
            return false;
        }
        let new = Arc::new(filter);
        let mut held = FILTER.lock();
        if held.as_ref().map(Arc::as_ptr) == old.as_ref().map(Arc::as_ptr) {
            *held = Some(new);
            GENERATION.fetch_add(1, Ordering::Release);
            return true;
        }
    }
}

/// Registers a secret together with what `Basic` makes of it and its user.
pub fn register_pair(user: &str, secret: &str) -> bool {
    let mut pair = Zeroizing::new(String::with_capacity(user.len() + 1 + secret.len()));
    pair.push_str(user);
    pair.push(':');
    pair.push_str(secret);
    let alone = register(secret);
    register(&pair) || alone
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
            *seen = (generation, FILTER.lock().clone());
        }
        seen.1.as_ref().map(|filter| filter.ranges(text))
    });
    // A thread that is ending has no memory of its own any more.
    seen.ok().flatten().or_else(|| FILTER.lock().clone().map(|filter| filter.ranges(text))).unwrap_or_default()
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
