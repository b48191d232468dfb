//! Finds what a client would make a link of by itself: URLs of any scheme, names with a top-level domain, addresses.
//!
//! One pass over a reading of the text; each byte is looked at a bounded number of times.

use std::ops::Range;

use super::tlds;

/// Schemes that lead somewhere without slashes after them.
const SLASHLESS: [&str; 22] = [
    "blob",
    "callto",
    "data",
    "facetime",
    "file",
    "http",
    "https",
    "intent",
    "javascript",
    "livescript",
    "magnet",
    "mailto",
    "matrix",
    "msteams",
    "skype",
    "slack",
    "sms",
    "tel",
    "tg",
    "vbscript",
    "view-source",
    "whatsapp",
];
/// Names that no registry gives out and that networks of one's own, documents and Telegram use.
const RESERVED: [&str; 15] = [
    "corp",
    "eth",
    "example",
    "home",
    "i2p",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "private",
    "test",
    "ton",
];

/// A link that nobody wrote as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The whole of it.
    pub(super) range: Range<usize>,
    /// A name alone, with what surrounds it: it can be shown with its dots broken.
    pub(super) name: Option<Range<usize>>,
    /// What ends at its end could be read as part of its authority.
    pub(super) runs_on: bool,
}

/// A URL's scheme: letters, digits, `+`, `-`, `.`, before the colon. A name with a port is none.
pub(super) fn scheme(url: &str) -> Option<&str> {
    let end = url.bytes().take(64).position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    let (scheme, rest) = url.split_at_checked(end)?;
    let rest = rest.strip_prefix(':')?;
    let port = is_host(scheme) && rest.starts_with(|c: char| c.is_ascii_digit());
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && !port).then_some(scheme)
}

/// Whether a run of letters, digits, dots and hyphens holds a name that a client links.
pub(super) fn is_host(run: &str) -> bool {
    if run.split(|c: char| !(c.is_alphanumeric() || c == '.')).any(is_v4) {
        return true;
    }
    run.match_indices('.').any(|(at, _)| {
        // Clients take marks and emoji for letters of a name.
        let before = run
            .get(..at)
            .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '~' || !c.is_ascii()));
        let label = run.get(at + 1..).unwrap_or("");
        let end = label.find(|c: char| !c.is_alphanumeric()).unwrap_or(label.len());
        before && is_tld(label.get(..end).unwrap_or(""), label)
    })
}

fn is_tld(word: &str, label: &str) -> bool {
    if !word.is_ascii() {
        return word.chars().nth(1).is_some();
    }
    if word.len() < 2 || word.len() > 24 {
        return false;
    }
    let word = word.to_ascii_lowercase();
    word == "xn" && label.get(2..).is_some_and(|rest| rest.starts_with("--"))
        || tlds::contains(&word)
        || RESERVED.binary_search(&word.as_str()).is_ok()
}

/// Four decimal numbers, as clients link them; a version of three is none.
fn is_v4(run: &str) -> bool {
    let mut parts = run.trim_matches('.').split('.');
    let numbers = parts.by_ref().take(4).filter(|part| part.len() <= 3 && part.parse::<u8>().is_ok()).count();
    numbers == 4 && parts.next().is_none()
}

fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~') || !c.is_ascii() && !c.is_whitespace()
}

fn ends_chunk(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|')
}

/// Every candidate, ascending and apart from each other.
pub(super) fn candidates(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.find(|c| !ends_chunk(c)).unwrap_or(rest.len());
        let chunk = rest.get(blank..).unwrap_or("");
        let length = chunk.find(ends_chunk).unwrap_or(chunk.len());
        at += blank;
        if let Some(chunk) = chunk.get(..length) {
            scan(chunk, at, &mut found);
        }
        at += length;
    }
    found
}

/// Finds the candidates of one chunk, which begins at `base`.
fn scan(chunk: &str, base: usize, found: &mut Vec<Candidate>) {
    // Nothing in it can lead anywhere: most words of a text.
    if !chunk.contains(['.', ':', '/', '\\']) {
        return;
    }
    let mut at = 0;
    while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
        let run_end = rest.find(|c| !is_run(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(run_end).unwrap_or((rest, ""));
        if let Some(start) = begins(run, after) {
            // What some take for letters before a scheme ends a name for others.
            let before = run.get(..start).unwrap_or("");
            if is_host(before) {
                let range = base + at..base + at + before.trim_end_matches(edges).len();
                found.push(Candidate { range, name: Some(base + at..base + at + start), runs_on: false });
            }
            let end = at + start + token_end(rest.get(start..).unwrap_or(""));
            let token = chunk.get(at + start..end).unwrap_or("");
            let authority_ends =
                end == chunk.len() || token.contains(['?', '#']) || token.matches('/').nth(2).is_some();
            let runs_on = !authority_ends && near(chunk, end..end + AUTHORITY).contains('@');
            found.push(Candidate { range: base + at + start..base + end, name: None, runs_on });
            at = end.max(at + 1);
            continue;
        }
        let has_tail = after.starts_with(['/', '?', '#', '\\'])
            || after.strip_prefix(':').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let slashes = chunk.get(..at).is_some_and(|before| before.ends_with("//") || before.ends_with("\\\\"));
        // The first half of an address: its second half is judged.
        let is_local =
            after.strip_prefix('@').is_some_and(|rest| is_host(rest.split(|c| !is_run(c)).next().unwrap_or("")));
        let named = is_host(run) && !is_local
            || starts_with_www(run)
            || has_tail && !chunk.get(..at).is_some_and(|before| before.ends_with('/')) && ends_like_a_name(run)
            || slashes && ends_like_a_name(run);
        if named {
            let local = near(chunk, at.saturating_sub(LOCAL)..at).strip_suffix('@');
            let end = if has_tail { at + token_end(rest).max(run_end) } else { at + run.trim_end_matches(edges).len() };
            let start = if slashes { at - 2 } else { at + run.len() - run.trim_start_matches(edges).len() };
            let bare = !has_tail && !slashes && !starts_with_www(run);
            // What stands before the `@` of an address is a name, or it is there to deceive.
            let plain = |local: &str| local.is_ascii() && !local.contains([':', '=', '/', '\\', '?', '#']);
            let runs_on = match local {
                Some(local) => !plain(local),
                None => !bare && chunk.get(end..).is_some_and(|rest| rest.starts_with('@') && rest.len() > 1),
            };
            let name = bare.then(|| base + at..base + at + run.len());
            found.push(Candidate { range: base + start..base + end, name, runs_on });
            at = end.max(at + 1);
            continue;
        }
        let step = after.chars().next().map_or(0, char::len_utf8);
        at += run_end + step;
    }
}

/// How far behind a URL an `@` could still make it the credentials of another.
const AUTHORITY: usize = 256;
/// Longest local part of an address, and its `@` (RFC 5321 §4.5.3.1.1).
const LOCAL: usize = 65;

/// A part of `text` with its ends on characters.
fn near(text: &str, range: Range<usize>) -> &str {
    let end = text.floor_char_boundary(range.end.min(text.len()));
    text.get(text.floor_char_boundary(range.start)..end).unwrap_or("")
}

/// Where in `run` a URL's scheme begins, if the run ends in one.
fn begins(run: &str, after: &str) -> Option<usize> {
    let rest = after.strip_prefix(':')?;
    if rest.is_empty() {
        return None;
    }
    // A scheme may stand behind what only an ASCII reader takes for part of it.
    let start = run
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
        .map_or(0, |at| at + run.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let word = run.get(start..)?;
    let word_start = start + word.find(|c: char| c.is_ascii_alphabetic())?;
    let word = run.get(word_start..)?;
    let place = rest.trim_start_matches(['/', '\\']);
    if place.is_empty() {
        return None;
    }
    // Written so that nobody follows it.
    if word.eq_ignore_ascii_case("hxxp") || word.eq_ignore_ascii_case("hxxps") {
        return None;
    }
    if rest.len() - place.len() > 1 {
        // `x-https://…` is linked from `https` on by some, and from `x` on by others.
        return Some(word_start);
    }
    let tail = word.rsplit(['.', '+']).next().unwrap_or(word);
    let known = |name: &&&str| tail.eq_ignore_ascii_case(name);
    match SLASHLESS.iter().find(known).copied()? {
        // Words of any text: only what goes on like a URL is one.
        "data" => rest.bytes().take(64).any(|b| matches!(b, b',' | b'/')).then(|| run.len() - tail.len()),
        "file" | "slack" | "matrix" | "intent" => (rest.len() > place.len()).then(|| run.len() - tail.len()),
        _ => Some(run.len() - tail.len()),
    }
}

fn starts_with_www(run: &str) -> bool {
    run.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("www.")) && run.len() > 4
}

/// Two labels and an alphabetic end: with a path behind it, a name of a domain that this list does not know yet.
fn ends_like_a_name(run: &str) -> bool {
    let run = run.trim_end_matches('.');
    let Some((before, last)) = run.rsplit_once('.') else { return false };
    before.ends_with(char::is_alphanumeric) && last.chars().nth(1).is_some() && last.chars().all(char::is_alphabetic)
}

/// Punctuation that ends a sentence, a quotation or an emphasis, and no URL.
const TRAILING: [char; 18] =
    ['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', '”', '“', '’', '»', '«', '」', '】', '、'];

/// Quotation and emphasis around a name.
fn edges(c: char) -> bool {
    matches!(c, '.' | '-' | '_' | '+' | '“' | '„' | '‘' | '«' | '»' | '「' | '【') || TRAILING.contains(&c)
}

/// How far a URL that begins here goes: brackets that were not opened end it, and punctuation at its end is not its own.
fn token_end(rest: &str) -> usize {
    let (mut round, mut square, mut curly) = (0usize, 0usize, 0usize);
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        let count = match c {
            '(' | ')' => &mut round,
            '[' | ']' => &mut square,
            '{' | '}' => &mut curly,
            _ => continue,
        };
        if matches!(c, '(' | '[' | '{') {
            *count += 1;
        } else if *count == 0 {
            end = at;
            break;
        } else {
            *count -= 1;
        }
    }
    rest.get(..end).unwrap_or("").trim_end_matches(|c| TRAILING.contains(&c)).len()
}

/// The host that a candidate's text names, for comparing it with another.
pub(super) fn host_of(token: &str) -> &str {
    let rest = scheme(token).and_then(|scheme| token.get(scheme.len() + 1..)).unwrap_or(token);
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or("");
    let place = authority.rsplit('@').next().unwrap_or("");
    place.split(':').next().unwrap_or("").trim_end_matches('.')
}
