//! Finds registered secrets in a text: a bitmap over four-byte beginnings, then keyed hashes of whole candidates.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::MASK;
use super::forms::{self, MIN_LENGTH};
use crate::fork::Lock;

/// Bits of the bitmap: 8 KiB, enough that a few hundred forms leave most texts without a candidate.
const BITS: usize = 1 << 16;
/// Most forms held; a process that loads more secrets than this keeps the newest unregistered rather than growing.
const MAX_FORMS: usize = 200_000;

#[derive(Clone)]
struct Filter {
    keys: [RandomState; 2],
    spread: u32,
    bitmap: Vec<u64>,
    /// By hashed beginning: length and hash of each form, longest first.
    forms: HashMap<u64, Vec<(usize, [u64; 2])>>,
    count: usize,
}

static FILTER: Lock<Option<Arc<Filter>>> = Lock::new(None);
static ANY: AtomicBool = AtomicBool::new(false);

impl Filter {
    fn new() -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        let spread = (keys.first().map_or(1, |key| key.hash_one(0u8)) as u32) | 1;
        Self { keys, spread, bitmap: vec![0; BITS / 64], forms: HashMap::new(), count: 0 }
    }

    fn slot(&self, start: [u8; 4]) -> usize {
        (u32::from_le_bytes(start).wrapping_mul(self.spread) >> 16) as usize
    }

    fn hash(&self, bytes: &[u8]) -> [u64; 2] {
        let [a, b] = &self.keys;
        [a.hash_one(bytes), b.hash_one(bytes)]
    }

    fn add(&mut self, form: &str) {
        let bytes = form.as_bytes();
        let Some(start) = bytes.first_chunk::<4>() else { return };
        let entry = (bytes.len(), self.hash(bytes));
        let [key, _] = self.hash(start);
        let list = self.forms.entry(key).or_default();
        if list.contains(&entry) {
            return;
        }
        list.push(entry);
        list.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        let slot = self.slot(*start);
        if let Some(word) = self.bitmap.get_mut(slot / 64) {
            *word |= 1 << (slot % 64);
        }
        self.count += 1;
    }

    /// Length of the secret that begins at the start of `bytes`, if one does.
    fn at(&self, bytes: &[u8]) -> Option<usize> {
        let start = bytes.first_chunk::<4>()?;
        let slot = self.slot(*start);
        if self.bitmap.get(slot / 64).is_none_or(|word| word & (1 << (slot % 64)) == 0) {
            return None;
        }
        let [key, _] = self.hash(start);
        let list = self.forms.get(&key)?;
        list.iter()
            .find(|(length, hash)| bytes.get(..*length).is_some_and(|part| self.hash(part) == *hash))
            .map(|(length, _)| *length)
    }

    fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let bytes = text.as_bytes();
        let mut out = Vec::new();
        let (mut index, mut kept) = (0, 0);
        while let Some(rest) = bytes.get(index..).filter(|rest| rest.len() >= MIN_LENGTH) {
            match self.at(rest) {
                None => index += 1,
                Some(length) => {
                    out.extend_from_slice(bytes.get(kept..index).unwrap_or_default());
                    out.extend_from_slice(MASK.as_bytes());
                    index += length;
                    kept = index;
                }
            }
        }
        if kept == 0 && out.is_empty() {
            return Cow::Borrowed(text);
        }
        out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        // Forms are whole characters, so nothing is lost here; a cut one would become U+FFFD.
        Cow::Owned(String::from_utf8_lossy(&out).into_owned())
    }
}

/// Registers a secret in all its forms; false for one that is too short to be looked for.
pub fn register(value: &str) -> bool {
    if value.len() < MIN_LENGTH {
        return false;
    }
    let forms = forms::of(value);
    {
        // Copied and replaced under one lock: two threads that load secrets must not lose each other's.
        let mut held = FILTER.lock();
        let mut filter = held.as_deref().cloned().unwrap_or_else(Filter::new);
        if filter.count + forms.len() > MAX_FORMS {
            return false;
        }
        forms.iter().for_each(|form| filter.add(form));
        *held = Some(Arc::new(filter));
    }
    ANY.store(true, Ordering::Release);
    true
}

/// Registers what `Basic` makes of a user and a secret.
pub fn register_pair(user: &str, secret: &str) -> bool {
    let pair = zeroize::Zeroizing::new(format!("{user}:{secret}"));
    register(&pair)
}

/// The text with every registered secret masked; the same text when there is none.
pub fn scrub(text: &str) -> Cow<'_, str> {
    if !ANY.load(Ordering::Acquire) {
        return Cow::Borrowed(text);
    }
    let filter = FILTER.lock().clone();
    match filter {
        Some(filter) => filter.scrub(text),
        None => Cow::Borrowed(text),
    }
}
