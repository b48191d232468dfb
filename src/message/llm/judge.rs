//! Whether a link may stay: its host is on the list in canonical form, and nothing is smuggled behind it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Kind;
use super::bare;
use super::letters;
use super::view::View;
use crate::error::Error;
use crate::policy::hosts::{HostRule, Likeness, Looks};
use crate::redact;
use crate::url::Origin;

/// Longest URL that may stay. Browsers and servers take more, people never need it.
const MAX_URL: usize = 2_048;
/// Longest query and fragment together.
const MAX_QUERY: usize = 512;
/// Longest run without a separator that is no word: a SHA-1 and the ids of shared documents stay below, digests do not.
const MAX_OPAQUE: usize = 48;
/// Most characters in such runs of [`MIN_OPAQUE`] together.
const MAX_OPAQUE_SUM: usize = 128;
const MIN_OPAQUE: usize = 16;
/// Names that are spelled out for findings, and look-alikes that are looked for, within one text.
const MAX_MEMORY: usize = 256;
/// Names that are no plain ASCII and may be on the list: each is put through IDNA, which takes microseconds. More of them
/// within one text are refused.
const MAX_PARSED: usize = 256;
/// Links whose verdict is remembered within one text.
const MAX_JUDGED: usize = 8_192;

/// The hosts that links may lead to.
#[derive(Debug, Default)]
pub struct Allow {
    rules: Vec<HostRule>,
    /// What looks like a name of the list.
    likenesses: Vec<Likeness>,
    /// The international names of the list in their own letters.
    spelled: Vec<String>,
    /// What was found about one text.
    memory: RefCell<Memory>,
}

/// What was found about one text.
#[derive(Debug, Default)]
struct Memory {
    /// Each link is judged several times: in every reading, and in the round that finds nothing more.
    judged: HashMap<Box<str>, Verdict>,
    /// Names that went through IDNA, with their ports, and whether the list has them.
    parsed: HashMap<Box<str>, bool>,
    /// Refused names, and whether they look like one of the list.
    alike: HashMap<Box<str>, bool>,
    /// International names that were spelled out for a finding.
    told: usize,
}

/// What becomes of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep { host: Arc<str> },
    Drop { kind: Kind, host: Option<Arc<str>> },
}

impl Allow {
    /// Reads `allow_hosts`: as `hosts=` of a client.
    ///
    /// # Errors
    /// As [`HostRule::parse`].
    pub fn parse(hosts: &[String]) -> Result<Self, Error> {
        let rules: Vec<HostRule> = hosts.iter().map(|host| HostRule::parse(host)).collect::<Result<_, _>>()?;
        let names = || rules.iter().filter_map(HostRule::name);
        let likenesses = names().map(Likeness::of).collect();
        let spelled =
            names().filter(|name| name.contains("xn--")).map(|name| idna::domain_to_unicode(name).0).collect();
        Ok(Self { rules, likenesses, spelled, ..Self::default() })
    }

    /// Forgets the text before.
    pub(super) fn begin(&self) {
        self.memory.take();
    }

    /// Judges a link as written: a whole URL, one that begins at `//`, or a name with what follows it.
    pub(super) fn judge(&self, written: &str) -> Verdict {
        if let Some(known) = self.memory.borrow().judged.get(written) {
            return known.clone();
        }
        let verdict = self.judge_anew(written);
        let judged = &mut self.memory.borrow_mut().judged;
        if judged.len() < MAX_JUDGED && written.len() <= MAX_URL {
            judged.insert(written.into(), verdict.clone());
        }
        verdict
    }

    fn judge_anew(&self, written: &str) -> Verdict {
        let (scheme, rest) = match bare::scheme(written) {
            Some(scheme) => (Some(scheme), written.get(scheme.len() + 1..).unwrap_or("")),
            None => (None, written),
        };
        let default = match scheme {
            None => 443,
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => 443,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => 80,
            Some(_) => return drop(Kind::Scheme, None),
        };
        let after = rest.trim_start_matches(['/', '\\']);
        let slashes = rest.get(..rest.len() - after.len()).unwrap_or("");
        let end = after.find(['/', '\\', '?', '#']).unwrap_or(after.len());
        let (authority, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                (host, port.parse().unwrap_or(0))
            }
            _ => (place.trim_end_matches(':'), default),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let told = || self.told(written, host);
        if !self.permits(host, if port == default { 443 } else { port }) {
            let kind = if self.resembles(host) { Kind::Disguised } else { Kind::Link };
            return drop(kind, told());
        }
        let canonical = match scheme {
            Some(_) => slashes == "//",
            None => slashes.is_empty() || slashes == "//",
        };
        if userinfo.is_some() || !canonical || tail.starts_with('\\') {
            return drop(Kind::Disguised, told());
        }
        match self.smuggles(written, tail) {
            Some(Kind::Secret) => drop(Kind::Secret, None),
            Some(kind) => drop(kind, told()),
            None => Verdict::Keep { host: host.to_ascii_lowercase().into() },
        }
    }

    pub(super) fn permits(&self, host: &str, port: u16) -> bool {
        // IDNA lets quotation marks and emoji be part of a name; readers take them for its ends.
        let odd = |c: char| !c.is_ascii() && !letters::is_alphanumeric(c);
        if host.is_empty() || host.len() > 253 || !self.may_permit(host) || host.contains(odd) {
            return false;
        }
        if let Some(name) = canonical(host) {
            return port > 0 && self.rules.iter().any(|rule| rule.permits_name(&name, port));
        }
        let key = format!("{host}:{port}").into_boxed_str();
        let memory = &mut self.memory.borrow_mut().parsed;
        if let Some(known) = memory.get(&key) {
            return *known;
        }
        if memory.len() >= MAX_PARSED {
            return false;
        }
        let permits = self.permits_parsed(host, port);
        memory.insert(key, permits);
        permits
    }

    pub(super) fn permits_parsed(&self, host: &str, port: u16) -> bool {
        let origin = Origin::parse(&if port == 443 { host.to_owned() } else { format!("{host}:{port}") });
        origin.is_ok_and(|origin| self.rules.iter().any(|rule| rule.permits(&origin)))
    }

    /// Whether a host is worth a parser's time: most names end unlike every rule.
    fn may_permit(&self, host: &str) -> bool {
        let ends_in = |name: &str| {
            let tail = host.len().checked_sub(name.len()).and_then(|at| host.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name))
        };
        if self.rules.iter().any(|rule| rule.name().is_none_or(ends_in)) {
            return true;
        }
        // A name in letters of its own is one of the list only if that, or what it stands below, is spelled there. Letters
        // that stay as they are spell nothing else.
        let settled =
            || host.split('.').all(|label| !label.starts_with("xn--") && label.chars().all(letters::is_settled));
        !host.is_ascii()
            && !self.spelled.is_empty()
            && (!settled() || self.spelled.iter().any(|name| host.ends_with(name.as_str())))
    }

    /// Whether the name reads like one of the list: other letters that look the same, or the name before a stranger's.
    fn resembles(&self, host: &str) -> bool {
        let alike = &mut self.memory.borrow_mut().alike;
        let host = host.to_ascii_lowercase().into_boxed_str();
        if let Some(known) = alike.get(&host) {
            return *known;
        }
        if host.is_empty() || host.len() > 253 || alike.len() >= MAX_MEMORY {
            return false;
        }
        let looks = Looks::of(&host);
        let resembles = self.likenesses.iter().any(|likeness| likeness.is_worn_by(&looks));
        alike.insert(host, resembles);
        resembles
    }

    /// What stands behind an allowed host and must not leave.
    fn smuggles(&self, written: &str, tail: &str) -> Option<Kind> {
        if written.len() > MAX_URL || tail.len() - tail.find(['?', '#']).unwrap_or(tail.len()) > MAX_QUERY {
            return Some(Kind::Opaque);
        }
        let mut opaque = false;
        for view in View::all(written) {
            let text = view.text();
            if holds_secret(text) {
                return Some(Kind::Secret);
            }
            opaque |= is_opaque(text);
            let place = bare::scheme(text).and_then(|scheme| text.get(scheme.len() + 1..)).unwrap_or(text);
            let place = place.trim_start_matches(['/', '\\']);
            let path = place.find(['/', '\\', '?', '#']).and_then(|at| place.get(at..)).unwrap_or("");
            if self.leads_on(path) {
                return Some(Kind::Nested);
            }
        }
        opaque.then_some(Kind::Opaque)
    }
}

impl Allow {
    /// A host as a finding may name it: canonical, and without labels that could carry data.
    fn told(&self, written: &str, host: &str) -> Option<Arc<str>> {
        const LONGEST_LABEL: usize = 24;
        if matches!(redact::scrub(written), Cow::Owned(_)) || redact::looks_like_token(host) {
            return None;
        }
        let name = if host.is_ascii() {
            host.to_ascii_lowercase()
        } else {
            // Spelling it out is slow, and no one reads so many.
            let memory = &mut self.memory.borrow_mut();
            memory.told += 1;
            (memory.told <= MAX_MEMORY).then(|| Origin::parse(host).ok())??.host_text().into_owned()
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if name.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        let is_short = |name: &str| {
            name.split('.').all(|label| label.len() <= LONGEST_LABEL || label.starts_with("xn--") && label.len() <= 40)
        };
        if is_short(&name) && name.len() <= 100 {
            return Some(name.into());
        }
        let cut = name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
        name.get(cut..).filter(|name| is_short(name)).map(Arc::from)
    }

    /// Whether behind an allowed host stands a URL of another: for a server that forwards, or for a client that takes what
    /// follows a quotation mark for a link of its own.
    fn leads_on(&self, path: &str) -> bool {
        let foreign = |host: &str| !host.is_empty() && !self.permits(host, 443);
        let slashes = path.match_indices("//").chain(path.match_indices("\\\\"));
        let mut urls = slashes.map(|(at, _)| {
            let named = path.get(..at).is_some_and(|before| before.ends_with(':'));
            let place = path.get(at + 2..).unwrap_or("");
            let place = place.split(['/', '\\', '?', '#', '&']).next().unwrap_or("");
            (named, place.rsplit('@').next().unwrap_or("").split(':').next().unwrap_or(""))
        });
        if urls.any(|(named, host)| (named || host.contains('.')) && foreign(host)) {
            return true;
        }
        let ends_somewhere = |c: char| {
            !c.is_ascii() && !letters::is_alphanumeric(c) || matches!(c, '\\' | '^' | '{' | '}' | '\'' | '[' | ']')
        };
        path.split(ends_somewhere).skip(1).any(|piece| {
            bare::candidates(piece)
                .iter()
                .any(|found| foreign(bare::host_of(piece.get(found.range.clone()).unwrap_or(""))))
        })
    }
}

/// The host in lower case, where it is plain ASCII that every parser takes for a name and leaves as it is.
fn canonical(host: &str) -> Option<Cow<'_, str>> {
    let label_ok = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.get(..4).is_some_and(|head| head.ends_with("--"))
    };
    // What begins with a digit at the end may be a number, and the whole an address.
    let named = host.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()));
    if !named || !host.split('.').all(label_ok) {
        return None;
    }
    let lower = !host.bytes().any(|b| b.is_ascii_uppercase());
    Some(if lower { host.into() } else { host.to_ascii_lowercase().into() })
}

fn drop(kind: Kind, host: Option<Arc<str>>) -> Verdict {
    Verdict::Drop { kind, host }
}

/// A registered secret in any encoding, or what looks like a vendor's token or a credential's value.
fn holds_secret(text: &str) -> bool {
    matches!(redact::scrub(text), Cow::Owned(_))
        || redact::looks_like_token(text)
        || redact::scrub_bytes_excerpt(text.as_bytes(), MAX_URL * 2).contains(redact::MASK)
}

/// Whether a URL carries more than an address needs: digests, encoded text, long runs that no one reads.
fn is_opaque(url: &str) -> bool {
    let separator = |c: char| !(letters::is_alphanumeric(c) || matches!(c, '-' | '_' | '+' | '~' | '%'));
    let mut sum = 0;
    for run in url.split(separator).filter(|run| run.len() >= MIN_OPAQUE) {
        if hides_text(run) {
            return true;
        }
        if !reads_as_words(run) {
            sum += run.len();
            if run.len() > MAX_OPAQUE || sum > MAX_OPAQUE_SUM {
                return true;
            }
        }
    }
    false
}

/// Words, dates and short numbers between hyphens.
fn reads_as_words(run: &str) -> bool {
    run.split(['-', '_', '+', '~']).all(|word| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let capitals = letters.chars().skip(1).filter(char::is_ascii_uppercase).count();
        letters.chars().all(char::is_alphabetic)
            && letters.chars().count() <= 24
            && word.len() - letters.len() <= 8
            && capitals * 4 <= letters.len()
    })
}

/// Whether a run is readable text, or a secret, in base64 or hex.
fn hides_text(run: &str) -> bool {
    const SHORTEST: usize = 12;
    let reads = |bytes: &[u8]| {
        let printable = bytes.iter().filter(|b| b.is_ascii_graphic() || matches!(b, b' ' | b'\n')).count();
        let text = String::from_utf8_lossy(bytes);
        bytes.len() >= SHORTEST && printable * 10 >= bytes.len() * 9 || redact::looks_like_token(&text)
    };
    let plain = run.replace('+', "-");
    let whole = plain.get(..plain.len() - usize::from(plain.len() % 4 == 1)).unwrap_or("");
    let sixty_four = URL_SAFE_NO_PAD
        .decode(whole)
        .or_else(|_| URL_SAFE_NO_PAD.decode(whole.get(..whole.len() / 4 * 4).unwrap_or("")));
    if sixty_four.is_ok_and(|bytes| reads(&bytes)) {
        return true;
    }
    if run.len() < SHORTEST * 2 || !run.bytes().all(|b| b.is_ascii_hexdigit()) {
        return false;
    }
    let pairs = run.as_bytes().chunks_exact(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Vec<u8> = pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    reads(&bytes)
}
