//! One table for each context, behind the scan for clean text that all contexts share.

use std::borrow::Cow;

use super::scan::{BLOCK, clean_prefix};

/// What stands for one byte: up to seven bytes, then how many.
type Row = [u8; 8];

/// Room for what stands for a block, and for the last row's end.
type Stage = [u8; BLOCK * 8 + 8];
const STAGE: Stage = [0; BLOCK * 8 + 8];
const _: () = assert!(BLOCK.is_power_of_two(), "a place in the room is told by its low bits");

/// From a byte to what stands for it.
pub(super) struct Table([Row; 256]);

/// Units of a wider text that are looked at together.
pub(super) const UNITS: usize = 32;

/// Whether a unit of UTF-32 is no character.
pub(super) const fn is_surrogate(unit: u32) -> bool {
    unit >> 11 == 0xd800 >> 11
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index does not build")]
impl Table {
    /// Every byte stands for itself but these.
    pub(super) const fn of(pairs: &[(u8, &str)]) -> Self {
        let mut table = Self::plain();
        let mut at = 0;
        while at < pairs.len() {
            table.set(pairs[at].0, pairs[at].1.as_bytes());
            at += 1;
        }
        table
    }

    /// A backslash goes before each of these.
    pub(super) const fn backslashed(bytes: &[u8]) -> Self {
        let mut table = Self::plain();
        let mut at = 0;
        while at < bytes.len() {
            table.set(bytes[at], &[b'\\', bytes[at]]);
            at += 1;
        }
        table
    }

    /// Everything but RFC 3986's unreserved characters percent-encoded.
    pub(super) const fn percent() -> Self {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut table = Self::plain();
        let mut byte = 0;
        while byte < 256 {
            let unreserved = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
            if !unreserved {
                table.set(byte as u8, &[b'%', HEX[byte >> 4], HEX[byte & 15]]);
            }
            byte += 1;
        }
        table
    }

    /// The same, but these stand for themselves.
    pub(super) const fn keeping(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.set(bytes[at], &[bytes[at]]);
            at += 1;
        }
        self
    }

    const fn plain() -> Self {
        let mut table = Self([[0; 8]; 256]);
        let mut byte = 0;
        while byte < 256 {
            table.set(byte as u8, &[byte as u8]);
            byte += 1;
        }
        table
    }

    const fn set(&mut self, byte: u8, text: &[u8]) {
        assert!(text.len() < 8, "a row holds seven bytes");
        let mut row = [0; 8];
        let mut at = 0;
        while at < text.len() {
            row[at] = text[at];
            at += 1;
        }
        row[7] = text.len() as u8;
        self.0[byte as usize] = row;
    }
}

impl Table {
    fn row(&self, byte: u8) -> &Row {
        self.0.get(usize::from(byte)).unwrap_or(&[0; 8])
    }

    /// Rewrites `text`. `dirty` says what the table says, in a form that compares many bytes at once.
    #[inline]
    pub(super) fn apply<'t>(&self, text: &'t str, dirty: impl Fn(u8) -> bool + Copy) -> Cow<'t, str> {
        let clean = clean_prefix(text.as_bytes(), dirty);
        if clean == text.len() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(self.rewritten(text.as_bytes(), clean, dirty))
        }
    }

    #[inline(never)]
    fn rewritten(&self, bytes: &[u8], clean: usize, dirty: impl Fn(u8) -> bool + Copy) -> String {
        let out = if bytes.len() <= BLOCK { self.write_short(bytes) } else { self.write(bytes, clean, dirty) };
        // Rows are ASCII or bytes that stand for themselves, so this holds.
        String::from_utf8(out).unwrap_or_default()
    }

    fn write_short(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stage = STAGE;
        let end = self.write_rows(bytes, &mut stage);
        stage.get(..end).unwrap_or(&[]).to_vec()
    }

    /// Writes the rows of a block's bytes. They are written whole and overlap, so that no branch depends on the text.
    #[inline]
    fn write_rows(&self, bytes: &[u8], out: &mut Stage) -> usize {
        let mut end = 0;
        for byte in bytes {
            let row = self.row(*byte);
            // A block never comes this far; it tells the compiler, which then leaves the question out.
            end &= BLOCK * 8 - 1;
            if let Some(slot) = out.get_mut(end..end + 8) {
                slot.copy_from_slice(row);
            }
            end += usize::from(row[7]);
        }
        end
    }

    fn write(&self, bytes: &[u8], clean: usize, dirty: impl Fn(u8) -> bool + Copy) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 2 + BLOCK);
        let (head, rest) = bytes.split_at_checked(clean).unwrap_or((bytes, &[]));
        out.extend_from_slice(head);
        let mut stage = STAGE;
        for block in rest.chunks(BLOCK) {
            if clean_prefix(block, dirty) == block.len() {
                out.extend_from_slice(block);
            } else {
                let end = self.write_rows(block, &mut stage);
                out.extend_from_slice(stage.get(..end).unwrap_or(&[]));
            }
        }
        out
    }

    /// Rewrites text that stands as units of `W` bytes in the machine's order, as interpreters hold it; nothing when nothing
    /// changes and no unit of four bytes is a surrogate. `dirty` is asked for blocks, and may be wrong when it says yes.
    pub(super) fn apply_units<const W: usize>(
        &self,
        raw: &[u8],
        dirty: impl Fn(&[[u8; W]; UNITS]) -> bool,
    ) -> Option<Vec<u8>> {
        let (units, _) = raw.as_chunks::<W>();
        let is_clean = |block: &[[u8; W]]| match block.first_chunk::<UNITS>() {
            Some(block) => !dirty(block),
            None => {
                let mut whole = [[0; W]; UNITS];
                whole.iter_mut().zip(block).for_each(|(place, unit)| *place = *unit);
                !dirty(&whole)
            }
        };
        let clean = units.chunks(UNITS).take_while(|block| is_clean(block)).count() * UNITS;
        let rest = units.get(clean..).filter(|rest| !rest.is_empty())?;
        // Only when every sixth is special it grows by half: room for more is cheaper than moving.
        let mut out = Vec::with_capacity(raw.len() * 2 + UNITS * W);
        out.extend_from_slice(units.get(..clean).unwrap_or(&[]).as_flattened());
        let mut stage = [[0; W]; UNITS * 8];
        let mut changed = false;
        for block in rest.chunks(UNITS) {
            if is_clean(block) {
                out.extend_from_slice(block.as_flattened());
                continue;
            }
            let end = self.write_units(block, &mut stage);
            let stands = stage.get(..end).unwrap_or(&[]);
            changed |= stands != block;
            out.extend_from_slice(stands.as_flattened());
        }
        let is_surrogate =
            |unit: &[u8; W]| unit.as_slice().try_into().is_ok_and(|unit| is_surrogate(u32::from_ne_bytes(unit)));
        (changed || rest.iter().any(is_surrogate)).then_some(out)
    }

    /// As [`Self::write_rows`]: each row is written whole, as units.
    #[inline]
    fn write_units<const W: usize>(&self, block: &[[u8; W]], out: &mut [[u8; W]]) -> usize {
        let low = if cfg!(target_endian = "little") { 0 } else { W - 1 };
        let mut end = 0;
        for unit in block {
            let byte = unit.get(low).copied().unwrap_or(0);
            let single = *unit == widened(byte);
            let row = self.row(byte);
            if let Some(slot) = out.get_mut(end..end + 8) {
                for (unit, byte) in slot.iter_mut().zip(row) {
                    *unit = widened(*byte);
                }
                if !single && let Some(first) = slot.first_mut() {
                    *first = *unit;
                }
            }
            end += if single { usize::from(row[7]) } else { 1 };
        }
        end
    }

    #[cfg(test)]
    pub(super) fn changes(&self, byte: u8) -> bool {
        let row = self.row(byte);
        row[7] != 1 || row[0] != byte
    }
}

/// A byte as a unit of `W` bytes.
#[inline]
fn widened<const W: usize>(byte: u8) -> [u8; W] {
    let mut unit = [0; W];
    let low = if cfg!(target_endian = "little") { unit.first_mut() } else { unit.last_mut() };
    if let Some(low) = low {
        *low = byte;
    }
    unit
}

/// A rewritten text in the making: nothing is copied before the first change.
pub(super) struct Draft<'t> {
    text: &'t str,
    done: usize,
    out: Option<String>,
}

impl<'t> Draft<'t> {
    /// Copies what is clean before `at`, leaves out `len` bytes there, and gives the place to write instead of them.
    pub(super) fn put(&mut self, at: usize, len: usize) -> &mut String {
        let text = self.text;
        let out = self.out.get_or_insert_with(|| String::with_capacity(text.len() + text.len() / 8 + 16));
        out.push_str(text.get(self.done..at).unwrap_or(""));
        self.done = at + len;
        out
    }

    fn finish(self) -> Cow<'t, str> {
        let Some(mut out) = self.out else { return Cow::Borrowed(self.text) };
        out.push_str(self.text.get(self.done..).unwrap_or(""));
        Cow::Owned(out)
    }
}

/// The same question twice: in a form that compares many bytes at once, and as a table for single ones.
#[derive(Clone, Copy)]
pub(super) struct Suspects<F> {
    pub(super) compare: F,
    pub(super) table: &'static [bool; 256],
}

/// [`Suspects`] of a `const fn` that names them.
macro_rules! suspects {
    ($name:path) => {{
        #[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index does not build")]
        const TABLE: [bool; 256] = {
            let mut table = [false; 256];
            let mut byte = 0;
            while byte < 256 {
                table[byte] = $name(byte as u8);
                byte += 1;
            }
            table
        };
        $crate::encode::table::Suspects { compare: |byte: u8| $name(byte), table: &TABLE }
    }};
}
pub(super) use suspects;

impl<F: Fn(u8) -> bool + Copy> Suspects<F> {
    fn names(&self, byte: u8) -> bool {
        self.table.get(usize::from(byte)).copied().unwrap_or(true)
    }

    /// Where the first byte is that is named.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        /// Where comparing blocks begins to pay.
        const NEAR: usize = 24;
        let near = bytes.iter().take(NEAR).position(|byte| self.names(*byte));
        if near.is_some() || bytes.len() <= NEAR {
            return near;
        }
        let far = bytes.get(NEAR..).unwrap_or(&[]);
        let clean = clean_prefix(far, self.compare);
        far.iter().skip(clean).position(|byte| self.names(*byte)).map(|step| NEAR + clean + step)
    }
}

/// Rewrites `text` where a table of bytes is not enough. `suspects` names the first bytes of what may change; `judge` gets
/// the place and the text from there on, puts what stands for it, and returns how many bytes it has dealt with.
#[inline]
pub(super) fn rewrite<'t>(
    text: &'t str,
    suspects: Suspects<impl Fn(u8) -> bool + Copy>,
    mut judge: impl FnMut(&mut Draft<'t>, usize, &'t str) -> usize,
) -> Cow<'t, str> {
    if clean_prefix(text.as_bytes(), suspects.compare) == text.len() {
        return Cow::Borrowed(text);
    }
    let mut draft = Draft { text, done: 0, out: None };
    let mut at = 0;
    while let Some(step) = text.as_bytes().get(at..).and_then(|rest| suspects.find(rest)) {
        at += step;
        at += judge(&mut draft, at, text.get(at..).unwrap_or("")).max(1);
    }
    draft.finish()
}

/// Rewrites `text` from its start when anything in it is suspect; `judge` returns how many bytes it has dealt with.
#[inline]
pub(super) fn rewrite_from<'t>(
    text: &'t str,
    suspect: impl Fn(u8) -> bool + Copy,
    mut judge: impl FnMut(&mut Draft<'t>, usize) -> usize,
) -> Cow<'t, str> {
    if clean_prefix(text.as_bytes(), suspect) == text.len() {
        return Cow::Borrowed(text);
    }
    let mut draft = Draft { text, done: 0, out: None };
    let mut at = 0;
    while at < text.len() {
        at += judge(&mut draft, at).max(1);
    }
    draft.finish()
}

/// The first character and its length in bytes.
pub(super) fn first(rest: &str) -> (char, usize) {
    rest.chars().next().map_or(('\0', 1), |c| (c, c.len_utf8()))
}
