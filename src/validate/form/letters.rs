//! Classes of ASCII characters as one table: a look per byte, where ranges would be several comparisons.

const ALPHANUMERIC: u8 = 1;
const ATOM: u8 = 2;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0u8;
    while at < 128 {
        let class = match at {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => ALPHANUMERIC | ATOM,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~' => ATOM,
            _ => 0,
        };
        set(&mut classes, at, class);
        at += 1;
    }
    classes
};

#[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
const fn set(classes: &mut [u8; 256], at: u8, class: u8) {
    classes[at as usize] = class;
}

#[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
fn class(b: u8) -> u8 {
    CLASSES[usize::from(b)]
}

/// An ASCII letter or digit.
pub(super) fn is_alphanumeric(b: u8) -> bool {
    class(b) & ALPHANUMERIC != 0
}

/// A character of an atom (RFC 5322 §3.2.3).
pub(super) fn is_atom(b: u8) -> bool {
    class(b) & ATOM != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_standards_say() {
        for b in 0..=255u8 {
            assert_eq!(is_alphanumeric(b), b.is_ascii_alphanumeric(), "{b}");
            assert_eq!(is_atom(b), b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b), "{b}");
        }
    }
}
