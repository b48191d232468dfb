//! The scan for clean text that all contexts share.

/// Bytes that are looked at together: four of SSE2's and NEON's registers.
pub(super) const BLOCK: usize = 64;
type Register = [u8; REGISTER];
const REGISTER: usize = BLOCK / 4;
const _: () = assert!(BLOCK == 4 * REGISTER, "a block is four registers");

/// The length of a prefix without dirty bytes: all of it, or down to the block that holds the first.
#[inline]
pub(super) fn clean_prefix(bytes: &[u8], dirty: impl Fn(u8) -> bool + Copy) -> usize {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if let [a, b, c, d] = block.as_chunks().0
            && any_of_four([a, b, c, d], dirty)
        {
            return number * BLOCK;
        }
    }
    if rest.is_empty() {
        return bytes.len();
    }
    // The last registers overlap the ones before them.
    let register = |at: usize| bytes.get(at..)?.first_chunk::<REGISTER>();
    let back = |steps: usize| bytes.len().checked_sub(steps * REGISTER);
    let start = back(4).unwrap_or(0);
    let last = back(1).and_then(register);
    let found = match (register(start), register(start + REGISTER), back(2).and_then(register), last) {
        (Some(a), Some(b), Some(c), Some(d)) => any_of_four([a, b, c, d], dirty),
        (Some(a), _, _, Some(d)) => any(&clean(a, d, dirty)),
        _ => rest.iter().any(|byte| dirty(*byte)),
    };
    if found { bytes.len() - rest.len() } else { bytes.len() }
}

/// Whether one of four registers holds a dirty byte. A call for each block would cost as much as the comparison.
#[inline(always)]
fn any_of_four([a, b, c, d]: [&Register; 4], dirty: impl Fn(u8) -> bool + Copy) -> bool {
    any(&least(&clean(a, b, dirty), &clean(c, d, dirty)))
}

/// 0 where one of two registers holds a dirty byte, without a branch. The minimum keeps the compiler from making one register
/// of bits of all comparisons, which takes it twice the instructions; so do loops of a written length.
#[inline]
fn clean(a: &Register, b: &Register, dirty: impl Fn(u8) -> bool) -> Register {
    let clean = |byte: &u8| u8::from(!dirty(*byte));
    let mut both = Register::default();
    for ((both, a), b) in both.iter_mut().zip(a).zip(b) {
        *both = clean(a).min(clean(b));
    }
    both
}

#[inline]
fn least(a: &Register, b: &Register) -> Register {
    let mut both = Register::default();
    for ((both, a), b) in both.iter_mut().zip(a).zip(b) {
        *both = *a.min(b);
    }
    both
}

#[inline]
fn any(clean: &Register) -> bool {
    clean.iter().fold(0, |found, clean| found | u8::from(*clean == 0)) != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dirty(byte: u8) -> bool {
        (byte | 4 == b'&') | (byte == b'x')
    }

    #[test]
    fn a_dirty_byte_is_found_at_every_place_of_every_length() {
        for len in 0..300 {
            let mut text = vec![b'a'; len];
            assert_eq!(clean_prefix(&text, dirty), len);
            for at in 0..len {
                if let Some(place) = text.get_mut(at) {
                    *place = b'x';
                }
                let clean = clean_prefix(&text, dirty);
                assert!(clean <= at && at - clean < BLOCK, "{at} of {len}: {clean}");
                if let Some(place) = text.get_mut(at) {
                    *place = b'a';
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_clean_is_clean(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let clean = clean_prefix(&bytes, dirty);
            let first = bytes.iter().position(|byte| dirty(*byte));
            prop_assert!(bytes.iter().take(clean).all(|byte| !dirty(*byte)));
            prop_assert_eq!(clean == bytes.len(), first.is_none());
        }
    }
}
