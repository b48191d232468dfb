//! Finds the places in a text where a secret stands, in time linear in the text and without holding any secret.
//!
//! Each bank samples: a pattern of at least `floor` bytes holds a four-byte gram that starts at a multiple of
//! `floor - 3`, so only those places are looked up, in a bitmap of the grams of all patterns. Around a hit the whole row of
//! grams must be known; then eight bytes lead to the possible lengths, and a keyed hash of the window decides.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::views;

/// Shortest pattern: masking shorter ones would destroy texts and tell the value by its position.
pub(super) const MIN_LENGTH: usize = crate::secret::SEARCHED_FROM;
/// Longest pattern; a longer form becomes several. Bounds the bytes hashed per place, whatever a hostile text repeats.
pub(super) const MAX_LENGTH: usize = 64;
/// Most patterns held: about 15 MiB. A usual secret has ten.
pub(super) const MAX_PATTERNS: usize = 200_000;
/// Bits of one bitmap as a power of two: 32 KiB, which the nearest caches hold.
const BITS: u32 = 18;
/// Bytes that lead from a place to the lengths of the patterns there.
const ANCHOR: usize = 8;

/// Keyed hashes of every pattern, and the bitmaps that say where hashing is worth it.
#[derive(Clone)]
pub(super) struct Filter {
    keys: [RandomState; 2],
    banks: [Bank; 3],
    patterns: HashSet<[u64; 2]>,
    /// Whether some secret holds a space, so that `+` must be read as one.
    spaced: bool,
}

/// Patterns of at least `floor` bytes and less than the next bank's.
#[derive(Clone)]
struct Bank {
    floor: usize,
    key: (u64, u64),
    /// Empty until the first pattern.
    bitmap: Vec<u64>,
    /// From the hash of the last eight of the first `floor` bytes to lengths, as bits counted from [`MIN_LENGTH`]. Beginnings
    /// would not do: many secrets of one service begin alike.
    anchors: HashMap<u64, u64>,
}

impl Filter {
    pub(super) fn new() -> Self {
        let keys = [RandomState::new(), RandomState::new()];
        let [key, odd] = &keys;
        let bank = |floor: usize| Bank {
            floor,
            key: (key.hash_one(floor), odd.hash_one(floor) | 1),
            bitmap: Vec::new(),
            anchors: HashMap::new(),
        };
        let banks = [bank(MIN_LENGTH), bank(16), bank(32)];
        Self { keys, banks, patterns: HashSet::new(), spaced: false }
    }

    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Adds one form of a secret, cut into windows that cover it when it is long.
    pub(super) fn add(&mut self, form: &[u8]) {
        self.spaced |= form.contains(&b' ');
        windows(form).for_each(|window| self.add_pattern(window));
    }

    /// Whether all of these were added.
    pub(super) fn knows(&self, forms: &[impl AsRef<[u8]>]) -> bool {
        let mut windows = forms.iter().flat_map(|form| windows(form.as_ref()));
        windows.all(|window| self.patterns.contains(&self.hash(window)))
    }

    /// Everything that is held about secrets, for the test that no part of one is.
    #[cfg(test)]
    pub(super) fn state(&self) -> Vec<u8> {
        let hashes = self.patterns.iter().flatten().copied();
        let banks = self
            .banks
            .iter()
            .flat_map(|bank| bank.bitmap.iter().copied().chain(bank.anchors.iter().flat_map(|(k, v)| [*k, *v])));
        hashes.chain(banks).flat_map(u64::to_le_bytes).collect()
    }

    fn add_pattern(&mut self, pattern: &[u8]) {
        let hash = self.hash(pattern);
        let [key, _] = &self.keys;
        if let Some(bank) = self.banks.iter_mut().rfind(|bank| bank.floor <= pattern.len()) {
            self.patterns.insert(hash);
            bank.add(key, pattern);
        }
    }

    fn hash(&self, bytes: &[u8]) -> [u64; 2] {
        let [a, b] = &self.keys;
        [a.hash_one(bytes), b.hash_one(bytes)]
    }

    /// Where secrets stand in `text`, plain or behind one or two layers of escapes: ascending, apart from each other.
    pub(super) fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.scan(text.as_bytes(), |range| found.push(range));
        views::each(text.as_bytes(), self.spaced, |view| {
            self.scan(view.bytes(), |range| found.push(view.source(range)));
        });
        merge(found)
    }

    fn scan(&self, bytes: &[u8], mut found: impl FnMut(Range<usize>)) {
        let [key, _] = &self.keys;
        for bank in self.banks.iter().filter(|bank| !bank.bitmap.is_empty()) {
            let mut open: Range<usize> = 0..0;
            bank.starts(bytes, |start| {
                let Some(length) = bank.lengths(key, bytes, start).find(|length| {
                    bytes.get(start..start + length).is_some_and(|window| self.patterns.contains(&self.hash(window)))
                }) else {
                    return;
                };
                // Starts ascend; what overlaps is one range, so a repeated text cannot fill the memory.
                if start > open.end {
                    found(open.clone());
                    open = start..start;
                }
                open.end = open.end.max(start + length);
            });
            found(open);
        }
    }
}

/// A form as patterns: whole, or in parts that cover it.
fn windows(form: &[u8]) -> impl Iterator<Item = &[u8]> {
    let rest = !form.len().is_multiple_of(MAX_LENGTH);
    let end = rest.then(|| form.last_chunk::<MAX_LENGTH>().map_or(form, |end| end));
    form.chunks_exact(MAX_LENGTH).chain(end)
}

impl Bank {
    /// Distance between two sampled places, and the number of grams of each pattern that are known.
    fn stride(&self) -> usize {
        self.floor - 3
    }

    fn slot(&self, gram: [u8; 4]) -> (usize, u64) {
        let (key, odd) = self.key;
        let slot = (u64::from(u32::from_le_bytes(gram)) ^ key).wrapping_mul(odd) >> (64 - BITS);
        ((slot / 64) as usize, 1 << (slot % 64))
    }

    fn knows(&self, gram: [u8; 4]) -> bool {
        let (word, bit) = self.slot(gram);
        self.bitmap.get(word).is_some_and(|word| word & bit != 0)
    }

    fn knows_at(&self, bytes: &[u8], place: usize) -> bool {
        bytes.get(place..).and_then(|rest| rest.first_chunk()).is_some_and(|gram| self.knows(*gram))
    }

    fn add(&mut self, key: &RandomState, pattern: &[u8]) {
        self.bitmap.resize(1 << (BITS - 6), 0);
        for gram in pattern.windows(4).take(self.stride()) {
            let Some(gram) = gram.first_chunk() else { return };
            let (word, bit) = self.slot(*gram);
            if let Some(word) = self.bitmap.get_mut(word) {
                *word |= bit;
            }
        }
        if let Some(anchor) = pattern.get(self.floor - ANCHOR..self.floor) {
            *self.anchors.entry(key.hash_one((self.floor, anchor))).or_default() |= 1 << (pattern.len() - MIN_LENGTH);
        }
    }

    /// Calls `found` with every place, ascending, from which on all of a pattern's known grams stand.
    fn starts(&self, bytes: &[u8], mut found: impl FnMut(usize)) {
        let stride = self.stride();
        for (index, chunk) in bytes.chunks(stride).enumerate() {
            if chunk.first_chunk().is_none_or(|gram| !self.knows(*gram)) {
                continue;
            }
            let at = index * stride;
            let lowest = (at + 1).saturating_sub(stride);
            let mut first = at;
            while first > lowest && self.knows_at(bytes, first - 1) {
                first -= 1;
            }
            let mut end = at + 1;
            while end < at + stride && self.knows_at(bytes, end) {
                end += 1;
            }
            (first..(end + 1).saturating_sub(stride)).for_each(&mut found);
        }
    }

    /// Lengths of the patterns that may begin at `start`, longest first.
    fn lengths(&self, key: &RandomState, bytes: &[u8], start: usize) -> impl Iterator<Item = usize> + use<> {
        let anchor = bytes.get(start + self.floor - ANCHOR..start + self.floor);
        let lengths =
            anchor.and_then(|anchor| self.anchors.get(&key.hash_one((self.floor, anchor)))).copied().unwrap_or(0);
        (MIN_LENGTH..=MAX_LENGTH).rev().filter(move |length| lengths & (1 << (length - MIN_LENGTH)) != 0)
    }
}

/// The same places as ranges that ascend and neither overlap nor touch.
pub(super) fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
