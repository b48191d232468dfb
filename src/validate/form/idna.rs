//! International names by IDNA 2008: what registries may register, which is less than what browsers map.
//!
//! UTS 46 of the `idna` crate gives Punycode, NFC, joiners and direction rules; the code points and the rules for their
//! neighbours are those of RFC 5892.

use std::iter;

use ::idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use icu_properties::props::{ChangesWhenNfkcCasefolded, GeneralCategory, HangulSyllableType, Script};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The A-label form of a name in its own script. `None` for a name whose characters would be mapped (beyond small letters) or
/// dropped: full-width letters, ideographic stops, soft hyphens. Such a name is written to be read in two ways.
pub(super) fn to_ascii(name: &str) -> Option<String> {
    let whole = Uts46::new();
    let ascii =
        whole.to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify).ok()?;
    let (shown, valid) = whole.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let spelled = |shown: &str, written: &str| {
        // An A-label among others is judged with the rest of the ASCII form.
        let kept = |c: char| c.is_ascii() || c.to_lowercase().all(|small| !small.is_ascii());
        let same = shown == written || shown.chars().eq(written.chars().flat_map(char::to_lowercase));
        is_a_label(written) || same && written.chars().all(kept)
    };
    let mut labels = shown.split('.');
    let same = name.split('.').all(|written| labels.next().is_some_and(|shown| spelled(shown, written)));
    (valid.is_ok() && same && labels.next().is_none()).then(|| ascii.into_owned())
}

/// Whether every A-label of an ASCII name stands for a label that IDNA 2008 permits, in its one spelling; one that stands for
/// ASCII alone is a second spelling.
pub(super) fn is_strict(name: &str) -> bool {
    let whole = Uts46::new();
    let (shown, valid) = whole.to_unicode(name.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let back = whole.to_ascii(shown.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    valid.is_ok()
        && back.is_ok_and(|back| back.eq_ignore_ascii_case(name))
        && shown
            .split('.')
            .zip(name.split('.'))
            .all(|(label, written)| label.is_ascii() != is_a_label(written) && is_label(label))
}

/// Whether a label is written as an A-label.
pub(super) fn is_a_label(label: &str) -> bool {
    label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
}

/// RFC 5891 §4.2.3: hyphens, the first character, and every code point in its place.
fn is_label(label: &str) -> bool {
    if label.is_ascii() {
        return true;
    }
    let mark = label.chars().next().is_none_or(is_mark);
    let third = label.char_indices().nth(2).and_then(|(at, _)| label.get(at..));
    let reserved = third.is_some_and(|rest| rest.starts_with("--"));
    let before = iter::once(None).chain(label.chars().map(Some));
    let after = label.chars().skip(1).map(Some).chain(iter::once(None));
    !mark
        && !reserved
        && label.chars().zip(before.zip(after)).all(|(c, (before, after))| may_stand(c, before, after, label))
}

fn is_mark(c: char) -> bool {
    use GeneralCategory::{EnclosingMark, NonspacingMark, SpacingMark};
    matches!(category(c), EnclosingMark | NonspacingMark | SpacingMark)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

/// CONTEXTO of RFC 5892 appendix A, then the derived property of its §3. Joiners were judged by UTS 46.
fn may_stand(c: char, before: Option<char>, after: Option<char>, label: &str) -> bool {
    match c {
        '\u{b7}' => before == Some('l') && after == Some('l'),
        '\u{375}' => after.is_some_and(|c| script(c) == Script::Greek),
        '\u{5f3}' | '\u{5f4}' => before.is_some_and(|c| script(c) == Script::Hebrew),
        '\u{30fb}' => label.chars().any(|c| c != '\u{30fb}' && is_japanese(c)),
        '\u{660}'..='\u{669}' => !label.chars().any(|c| matches!(c, '\u{6f0}'..='\u{6f9}')),
        '\u{6f0}'..='\u{6f9}' => !label.chars().any(|c| matches!(c, '\u{660}'..='\u{669}')),
        '\u{200c}' | '\u{200d}' | '-' => true,
        _ => is_permitted(c),
    }
}

fn is_japanese(c: char) -> bool {
    [Script::Hiragana, Script::Katakana, Script::Han].contains(&script(c))
}

/// PVALID (RFC 5892 §2, §3).
fn is_permitted(c: char) -> bool {
    use GeneralCategory as Is;
    if matches!(c, '\u{df}' | '\u{3c2}' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}') {
        return true;
    }
    if matches!(c, '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}') {
        return false;
    }
    let old_hangul = CodePointMapData::<HangulSyllableType>::new().get(c);
    let jamo = [HangulSyllableType::LeadingJamo, HangulSyllableType::VowelJamo, HangulSyllableType::TrailingJamo];
    // Blocks of combining marks for symbols and of musical symbols (RFC 5892 §2.4).
    let ignored = matches!(c, '\u{20d0}'..='\u{20ff}' | '\u{1d100}'..='\u{1d1ff}' | '\u{1d200}'..='\u{1d24f}');
    !ignored
        && !jamo.contains(&old_hangul)
        && !CodePointSetData::new::<ChangesWhenNfkcCasefolded>().contains(c)
        && matches!(
            category(c),
            // Of capitals only Cherokee's are left here: they are what their small ones are folded to.
            Is::LowercaseLetter
                | Is::UppercaseLetter
                | Is::OtherLetter
                | Is::DecimalNumber
                | Is::ModifierLetter
                | Is::NonspacingMark
                | Is::SpacingMark
        )
}
