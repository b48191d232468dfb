//! Mentions that stand in running text: an `@` that would ping becomes a full-width one, which nobody takes for a mention.

use std::borrow::Cow;

use super::bare;
use crate::message::Platform;

/// Names that ping a room on some platform.
const ROOMS: [&str; 6] = ["everyone", "here", "channel", "room", "all", "online"];

/// What stands where an `@` pinged.
pub(super) const INERT: char = '\u{ff20}';

/// The text with its mentions inert, and how many there were.
pub(super) fn quiet(text: Cow<'_, str>, platform: Platform) -> (Cow<'_, str>, usize) {
    let by_name = matches!(platform, Platform::Telegram | Platform::Matrix | Platform::WhatsApp | Platform::Teams);
    let mut out = String::new();
    let (mut count, mut kept) = (0, 0);
    // Whether this is the path of a URL: what it holds is no mention. Others with an `@` are gone by now.
    let (mut looked, mut in_path) = (0, false);
    for (at, _) in text.match_indices('@') {
        let between = text.get(looked..at).unwrap_or("");
        looked = at;
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|');
        let word = between.rfind(ends).and_then(|at| between.get(at..));
        let word_of = word.unwrap_or(between);
        let url = (memchr::memchr(b':', word_of.as_bytes()).and_then(|_| word_of.split_once("://")))
            .filter(|(scheme, _)| scheme.ends_with("http") || scheme.ends_with("https"));
        in_path = url.is_some_and(|(_, place)| place.contains('/')) || in_path && word.is_none();
        let rest = text.get(at + 1..).unwrap_or("");
        let name_end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest.get(..name_end).unwrap_or("");
        let room = ROOMS.iter().any(|room| {
            name.len() >= room.len() && name.get(..room.len()).is_some_and(|n| n.eq_ignore_ascii_case(room))
        });
        let before = between.chars().next_back();
        let joined = before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '%'));
        let host = rest.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).next().unwrap_or("");
        let is_address = joined && bare::is_host(host);
        let pings =
            room && (platform == Platform::Discord || !is_address) || by_name && !name.is_empty() && !is_address;
        if pings && !in_path {
            out.push_str(text.get(kept..at).unwrap_or(""));
            out.push(INERT);
            kept = at + 1;
            count += 1;
        }
    }
    if count == 0 {
        return (text, 0);
    }
    out.push_str(text.get(kept..).unwrap_or(""));
    (out.into(), count)
}
