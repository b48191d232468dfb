//! Finds what a client would make a link of by itself: URLs of any scheme, names with a top-level domain, addresses.
//!
//! One pass over a reading of the text; each byte is looked at a bounded number of times.

use std::ops::Range;

use super::letters::is_alphanumeric;
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
    let bytes = run.as_bytes();
    let mut dots = memchr::memchr_iter(b'.', bytes);
    let named = |at: usize| {
        // Clients take marks and emoji for letters of a name.
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'~' || !b.is_ascii())
            && is_tld(run.get(at + 1..).unwrap_or(""))
    };
    if dots.any(named) {
        return true;
    }
    // Four numbers have three dots between them.
    let numbers = bytes.iter().any(u8::is_ascii_digit) && memchr::memchr_iter(b'.', bytes).nth(2).is_some();
    numbers && run.split(|c: char| !(is_alphanumeric(c) || c == '.')).any(is_v4)
}

/// Whether what stands behind a dot begins with a top-level domain.
fn is_tld(label: &str) -> bool {
    let ascii = label.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(label.len());
    let (word, rest) = label.split_at_checked(ascii).unwrap_or((label, ""));
    // In letters of its own any word of two characters is one.
    if rest.chars().next().is_some_and(|c| !c.is_ascii() && is_alphanumeric(c)) {
        return !word.is_empty() || rest.chars().nth(1).is_some_and(is_alphanumeric);
    }
    word.len() > 1 && (tlds::contains(word) || word.eq_ignore_ascii_case("xn") && rest.starts_with("--"))
}

/// Four decimal numbers, as clients link them; a version of three is none.
fn is_v4(run: &str) -> bool {
    let mut parts = run.trim_matches('.').split('.');
    let numbers = parts.by_ref().take(4).filter(|part| part.len() <= 3 && part.parse::<u8>().is_ok()).count();
    numbers == 4 && parts.next().is_none()
}

/// What a byte is to the search for names. The bytes of a character outside ASCII are letters of a name; some begin a blank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a name.
    Run,
    /// A mark between names without which nothing leads anywhere; a dot is part of a name.
    Mark,
    /// Any other punctuation.
    Other,
    /// What every reader takes for the end of a link.
    End,
    /// What may begin a blank outside ASCII.
    Lead,
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index does not build")]
static CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        classes[at] = match byte {
            b' ' | b'\t'..=b'\r' | b'<' | b'>' | b'"' | b'`' | b'|' => Class::End,
            b'.' | b':' | b'/' | b'\\' => Class::Mark,
            b'-' | b'_' | b'+' | b'~' => Class::Run,
            0xc2 | 0xe1 | 0xe2 | 0xe3 => Class::Lead,
            _ if byte.is_ascii_alphanumeric() || !byte.is_ascii() => Class::Run,
            _ => Class::Other,
        };
        at += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other)
}

/// Where the run at the start of a chunk ends, in which there are no blanks.
fn run_end(chunk: &str) -> usize {
    let in_run = |b: &u8| matches!(class(*b), Class::Run | Class::Lead) || *b == b'.';
    chunk.bytes().position(|b| !in_run(&b)).unwrap_or(chunk.len())
}

/// Every candidate, ascending and apart from each other.
pub(super) fn candidates(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let (mut start, mut at, mut marked) = (0, 0, false);
    while let Some(byte) = bytes.get(at) {
        let blank = match class(*byte) {
            Class::Run | Class::Other => 0,
            Class::Mark => {
                marked = true;
                0
            }
            Class::End => 1,
            Class::Lead => {
                let c = text.get(at..).and_then(|rest| rest.chars().next());
                c.filter(|c| c.is_whitespace()).map_or(0, char::len_utf8)
            }
        };
        if blank > 0 {
            // Nothing in most words of a text can lead anywhere.
            if marked {
                scan(text.get(start..at).unwrap_or(""), start, &mut found);
            }
            (start, marked) = (at + blank, false);
        }
        at += blank.max(1);
    }
    if marked {
        scan(text.get(start..).unwrap_or(""), start, &mut found);
    }
    found
}

/// Finds the candidates of one chunk, which begins at `base`.
fn scan(chunk: &str, base: usize, found: &mut Vec<Candidate>) {
    let mut at = 0;
    while let Some(rest) = chunk.get(at..).filter(|rest| !rest.is_empty()) {
        let run_end = run_end(rest);
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
            || after.strip_prefix('@').is_some_and(|rest| is_host(rest.get(..self::run_end(rest)).unwrap_or("")));
        let named = is_host(run) && !is_local()
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
    // Nothing shorter than `a.bc`, such as what stands between two backslashes.
    if run.len() < 4 {
        return false;
    }
    let run = run.trim_end_matches('.');
    let Some((before, last)) = run.rsplit_once('.') else { return false };
    before.ends_with(is_alphanumeric) && last.chars().nth(1).is_some() && last.chars().all(char::is_alphabetic)
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
