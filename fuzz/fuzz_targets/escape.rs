//! Output for pages, chats, terminals and logs: what must be inert there does not appear bare, and growth is linear.
#![no_main]

use botsec::encode::{self, Where};

/// Bytes that one byte of the text may become, with room to spare: the longest escape stands for a control character.
const GROWTH: usize = 12;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for html in [encode::html(text), encode::html_attribute(text)] {
        assert!(!html.contains(['<', '>', '"', '\'']));
    }
    for url in [encode::url_segment(text), encode::url_query(text)] {
        assert!(url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    }
    assert!(!encode::url_segment(text).is_empty() || text.is_empty());
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
