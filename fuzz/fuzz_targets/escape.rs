//! Output for pages, chats, terminals and logs: what must be inert there does not appear bare, and growth is linear.
#![no_main]

use botsec::encode::{self, Profile, Where, Width};

/// Bytes that one byte of the text may become, with room to spare: the longest escape stands for a control character.
const GROWTH: usize = 12;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for html in [encode::html(text), encode::html_attribute(text)] {
        assert!(!html.contains(['<', '>', '"', '\'']));
    }
    let query = encode::url_query(text);
    assert!(query.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    match encode::url_segment(text) {
        Ok(segment) => assert_eq!(segment, query),
        Err(_) => assert!(matches!(text, "" | "." | "..")),
    }
    assert!(!encode::js_string(text).contains(['<', '>', '"', '\'', '`', '\n']));
    assert!(!encode::css_string(text).contains(['<', '>', '"', '\'', '\n']));
    if let Ok(json) = encode::json_in_script(text) {
        assert!(!json.contains(['<', '>', '&']));
    }
    for (raw, width) in [
        (text.chars().flat_map(|c| (c as u32).to_ne_bytes()).collect::<Vec<u8>>(), Width::Four),
        (text.encode_utf16().flat_map(u16::to_ne_bytes).collect(), Width::Two),
    ] {
        let units = encode::html_units(&raw, width).unwrap_or(raw);
        let read = match width {
            Width::Four => units.as_chunks().0.iter().filter_map(|unit| char::from_u32(u32::from_ne_bytes(*unit))).collect(),
            _ => String::from_utf16_lossy(&units.as_chunks().0.iter().map(|unit| u16::from_ne_bytes(*unit)).collect::<Vec<_>>()),
        };
        assert_eq!(read, encode::html(text));
    }
    for profile in [Profile::Chat, Profile::Matrix, Profile::Email] {
        let _ = encode::sanitize_html(text, profile);
    }
    assert!(!encode::log(text).contains(char::is_control));
    assert!(!encode::terminal(text).contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    assert!(!encode::slack(text).contains(['<', '>']));
    assert!(bare(&encode::telegram(text, Where::Text), "_*[]()~`>#+-=|{}.!").is_none());
    assert!(bare(&encode::telegram(text, Where::Code), "`").is_none());
    assert!(bare(&encode::telegram(text, Where::Link), ")").is_none());
    for place in [Where::Text, Where::Code, Where::Link] {
        assert!(encode::discord(text, place).len() <= text.len() * GROWTH);
        assert!(encode::telegram(text, place).len() <= text.len() * 2);
    }
});

/// The first of `special` that no backslash precedes.
fn bare(text: &str, special: &str) -> Option<char> {
    let mut escaped = false;
    text.chars().find(|c| {
        let found = !escaped && special.contains(*c);
        escaped = !escaped && *c == '\\';
        found
    })
}
