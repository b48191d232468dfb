//! What no cut may go through: graphemes, escapes, references, mentions, links; and what stays open across a cut, code and
//! Telegram's entities.
//!
//! One pass, linear in the text.

use super::graphemes::Ends;
use super::platform::{Platform, Unit};

/// Which constructs a text holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grammar {
    /// A backslash belongs to what follows.
    backslash: bool,
    /// `&amp;` is one character.
    references: bool,
    /// Backticks hold code.
    code: bool,
    /// `<@1>` and `<https://…|…>` are whole.
    angles: bool,
    /// `[…](…)` is whole.
    links: bool,
    /// MarkdownV2, which Telegram refuses where an entity does not end.
    entities: bool,
    /// HTML, which it refuses where an element does not end.
    tags: bool,
}

impl Grammar {
    /// The grammar of Telegram's HTML.
    pub(super) fn html() -> Self {
        Self { references: true, tags: true, ..Self::default() }
    }

    /// Whether a token that is cut makes the platform refuse the message.
    fn is_strict(self) -> bool {
        self.entities || self.tags
    }

    /// The grammar of a platform's markup.
    pub(super) fn markup(platform: Platform) -> Self {
        let none = Self::default();
        match platform {
            Platform::Discord => Self { backslash: true, code: true, angles: true, links: true, ..none },
            Platform::Slack => Self { references: true, code: true, angles: true, ..none },
            Platform::Telegram => Self { backslash: true, code: true, links: true, entities: true, ..none },
            Platform::Teams => Self { backslash: true, references: true, code: true, links: true, ..none },
            Platform::WhatsApp => Self { code: true, ..none },
            Platform::Matrix | Platform::Irc => none,
        }
    }

    /// The grammar of what `botsec.escape` makes of plain text, where a platform has no field for plain text.
    pub(super) fn escaped(platform: Platform) -> Self {
        match platform {
            Platform::Discord => Self { backslash: true, angles: true, ..Self::default() },
            Platform::Slack => Self { references: true, ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// A piece that is never cut, and what is open behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom {
    pub(super) end: usize,
    pub(super) cost: usize,
    /// Index into [`Atoms::open`].
    pub(super) open: usize,
    pub(super) blank: bool,
    pub(super) newline: bool,
}

/// An open construct above the ones that were open before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    pub(super) below: usize,
    pub(super) depth: usize,
    pub(super) is_code: bool,
    /// What reopens all of them, outermost first, and what closes them.
    pub(super) reopen: String,
    pub(super) close: String,
}

/// A text in pieces.
#[derive(Debug)]
pub(super) struct Atoms {
    pub(super) list: Vec<Atom>,
    pub(super) open: Vec<Open>,
}

/// Elements within each other that are closed and reopened. What people write stays below; what does not is cut as it is.
const MAX_DEPTH: usize = 16;
/// Longest name of a language that is repeated after a cut.
const MAX_LANGUAGE: usize = 32;
/// Longest character reference; HTML's longest name is shorter.
const MAX_REFERENCE: usize = 34;

/// Cuts `text` into atoms. A token that takes more than `most` is cut as text, except Telegram's.
pub(super) fn of(text: &str, grammar: Grammar, unit: Unit, most: usize) -> Atoms {
    let mut ends = Ends::of(text);
    let mut scan = Scan {
        text,
        grammar,
        most,
        unit,
        runs: if grammar.code && !grammar.entities { Runs::of(text) } else { Runs::default() },
        at: 0,
        line: 0,
        top: 0,
        no_link_before: 0,
        no_tag_before: 0,
        too_deep: 0,
        out: Atoms { list: Vec::new(), open: vec![Open::default()] },
    };
    while let Some(grapheme_end) = ends.next() {
        let token = scan.token().unwrap_or(grapheme_end).max(grapheme_end);
        // A mark on top of a token's last character stays with it.
        let mut end = grapheme_end;
        while end < token {
            let Some(next) = ends.next() else { break };
            end = next;
        }
        scan.push(end);
    }
    scan.out
}

struct Scan<'a> {
    text: &'a str,
    grammar: Grammar,
    most: usize,
    unit: Unit,
    runs: Runs,
    at: usize,
    /// Where this line begins.
    line: usize,
    /// What is open here.
    top: usize,
    no_link_before: usize,
    no_tag_before: usize,
    /// Elements below [`MAX_DEPTH`] that are open.
    too_deep: usize,
    out: Atoms,
}

impl Scan<'_> {
    fn push(&mut self, end: usize) {
        let piece = self.text.get(self.at..end).unwrap_or("");
        let cost = self.unit.of(piece);
        let blank = piece.chars().all(char::is_whitespace);
        let newline = piece.ends_with(['\n', '\r']) && blank;
        // A pile of marks on one letter can be longer than any message.
        if cost > self.most && piece.chars().nth(1).is_some() && !self.grammar.is_strict() {
            let mut from = self.at;
            for c in piece.chars() {
                from += c.len_utf8();
                let cost = self.unit.of(c.encode_utf8(&mut [0; 4]));
                self.out.list.push(Atom {
                    end: from,
                    cost,
                    open: self.top,
                    blank: c.is_whitespace(),
                    newline: c == '\n',
                });
            }
        } else {
            self.out.list.push(Atom { end, cost, open: self.top, blank, newline });
        }
        self.at = end;
        if newline {
            self.line = end;
        }
    }

    fn open(&mut self, reopen: &str, close: &str, is_code: bool) {
        let Some(below) = self.out.open.get(self.top) else { return };
        let open = Open {
            below: self.top,
            depth: below.depth + 1,
            is_code,
            reopen: join(&below.reopen, reopen, &below.reopen),
            close: join(close, &below.close, &below.reopen),
        };
        self.top = self.out.open.len();
        self.out.open.push(open);
    }

    fn close(&mut self) {
        self.top = self.out.open.get(self.top).map_or(0, |open| open.below);
    }

    fn in_code(&self) -> bool {
        self.out.open.get(self.top).is_some_and(|open| open.is_code)
    }

    /// The end of the token that begins here; opens and closes what it opens and closes.
    fn token(&mut self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        let fits = |end: usize, scan: &Self| {
            let fits = scan.text.get(scan.at..end).is_some_and(|token| scan.unit.of(token) <= scan.most);
            (fits || scan.grammar.is_strict()).then_some(end)
        };
        match first {
            '`' if self.grammar.entities => Some(self.telegram_code(rest)),
            '`' if self.grammar.code => self.code(rest),
            '\\' if self.grammar.backslash && (self.grammar.entities || !self.in_code()) => {
                Some(self.at + 1 + rest.chars().nth(1).map_or(0, char::len_utf8))
            }
            _ if self.in_code() => None,
            '&' if self.grammar.references => {
                let name = rest.bytes().take(MAX_REFERENCE).position(|b| b == b';')?;
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'#';
                rest.get(1..name)?.bytes().all(plain).then_some(self.at + name + 1)
            }
            '<' if self.grammar.tags => self.tag(rest),
            '<' if self.grammar.angles => {
                let end =
                    rest.char_indices().take(self.most).find(|(at, c)| *at > 0 && matches!(c, '<' | '>' | '\n'))?;
                if end.1 == '>' { fits(self.at + end.0 + 1, self) } else { None }
            }
            '[' | '!' if self.grammar.links => self.link(rest).and_then(|end| fits(end, self)),
            _ if self.grammar.entities => self.entity(rest),
            _ => None,
        }
    }

    /// `[label](target)` on one line, an image's `!` included.
    fn link(&mut self, rest: &str) -> Option<usize> {
        let from = if rest.starts_with('!') { 1 } else { 0 };
        if !rest.get(from..)?.starts_with('[') || self.at < self.no_link_before {
            return None;
        }
        let bytes = rest.as_bytes();
        let (mut at, mut in_target) = (from + 1, false);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b'\n' if !self.grammar.entities => break,
                b']' if !in_target && bytes.get(at + 1) == Some(&b'(') => {
                    in_target = true;
                    at += 1;
                }
                b')' if in_target => return Some(self.at + at + 1),
                _ => {}
            }
            at += 1;
        }
        // Nothing closes before here, so no later bracket needs to look again.
        self.no_link_before = self.at + at.min(bytes.len());
        None
    }

    /// A tag of Telegram's HTML; what it opens is opened anew with all its attributes.
    fn tag(&mut self, rest: &str) -> Option<usize> {
        if self.at < self.no_tag_before {
            return None;
        }
        let Some(end) = rest.find('>').map(|end| end + 1) else {
            self.no_tag_before = self.text.len();
            return None;
        };
        let tag = rest.get(..end)?;
        if tag.starts_with("</") {
            match self.too_deep.checked_sub(1) {
                Some(fewer) => self.too_deep = fewer,
                None => self.close(),
            }
        } else if self.out.open.get(self.top).is_some_and(|open| open.depth >= MAX_DEPTH) {
            self.too_deep += 1;
        } else {
            let name = tag.get(1..)?.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next()?;
            self.open(tag, &format!("</{name}>"), false);
        }
        Some(self.at + end)
    }

    fn code(&mut self, rest: &str) -> Option<usize> {
        let (length, close) = self.runs.at(self.at)?;
        let end = self.at + length;
        if self.in_code() {
            if self.runs.closing != Some(self.at) {
                return Some(end);
            }
            self.runs.closing = None;
            self.close();
            return Some(end);
        }
        let close = close?;
        self.runs.closing = Some(close);
        let ticks = rest.get(..length)?;
        if length < 3 {
            self.open(ticks, ticks, true);
            return Some(end);
        }
        let language = language(rest.get(length..)?);
        self.open(&format!("{ticks}{}\n", language.unwrap_or("")), &format!("\n{ticks}"), true);
        Some(end + language.map_or(0, |language| language.len() + 1))
    }

    fn telegram_code(&mut self, rest: &str) -> usize {
        let open = self.out.open.get(self.top).filter(|open| open.is_code);
        let is_block = open.is_some_and(|open| open.close.starts_with('\n'));
        let fence = rest.starts_with("```");
        match open.is_some() {
            true if is_block && !fence => self.at + 1,
            true => {
                self.close();
                self.at + if is_block { 3 } else { 1 }
            }
            false if fence => {
                let language = language(rest.get(3..).unwrap_or(""));
                self.open(&format!("```{}\n", language.unwrap_or("")), "\n```", true);
                self.at + 3 + language.map_or(0, |language| language.len() + 1)
            }
            false => {
                self.open("`", "`", true);
                self.at + 1
            }
        }
    }

    /// Telegram's emphasis: each kind at most once at a time, `__` before `_`.
    fn entity(&mut self, rest: &str) -> Option<usize> {
        let mark = ["||", "__", "*", "_", "~"].into_iter().find(|mark| rest.starts_with(mark))?;
        let end = self.at + mark.len();
        let ends_quote = mark == "||" && matches!(self.text.as_bytes().get(end), None | Some(b'\n'));
        let open = self.out.open.get(self.top)?;
        if open.close.starts_with(mark) && !(mark == "_" && open.close.starts_with("__")) {
            self.close();
        } else if !(open.reopen.contains(mark) && (mark != "_" || open.reopen.replace("__", "").contains('_')))
            && !(ends_quote && self.text.get(self.line..).is_some_and(|line| line.starts_with(['>', '*'])))
        {
            self.open(mark, mark, false);
        }
        Some(end)
    }
}

/// Two marks in a row. Between underscores that would read as one mark stands an entity around nothing, of a kind that is
/// not `open` (Bot API, "MarkdownV2 style").
fn join(first: &str, second: &str, open: &str) -> String {
    let meet = first.ends_with('_') && second.starts_with('_');
    let between = ["**", "~~", "||||"]
        .into_iter()
        .find(|empty| meet && !open.contains(empty.get(..empty.len() / 2).unwrap_or("")));
    format!("{first}{}{second}", between.unwrap_or(""))
}

/// The name of a language that begins a block of code: a word up to the end of its line. Empty when the line is.
fn language(rest: &str) -> Option<&str> {
    let end = rest.bytes().take(MAX_LANGUAGE + 1).position(|b| b == b'\n')?;
    let word = rest.get(..end)?;
    word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'.' | b'#')).then_some(word)
}

/// Runs of backticks, and for each the one that would close it: of the same length, or for blocks of three or more.
#[derive(Default)]
struct Runs {
    /// Start, length, start of the closing run; ascending.
    list: Vec<(usize, usize, Option<usize>)>,
    closing: Option<usize>,
}

impl Runs {
    fn of(text: &str) -> Self {
        let mut list: Vec<(usize, usize, Option<usize>)> = Vec::new();
        for (at, _) in text.match_indices('`') {
            match list.last_mut() {
                Some((start, length, _)) if *start + *length == at => *length += 1,
                _ => list.push((at, 1, None)),
            }
        }
        let mut next = [None; 3];
        for (start, length, close) in list.iter_mut().rev() {
            if let Some(slot) = next.get_mut(length.saturating_sub(1).min(2)) {
                *close = slot.replace(*start);
            }
        }
        Self { list, closing: None }
    }

    fn at(&self, place: usize) -> Option<(usize, Option<usize>)> {
        let index = self.list.binary_search_by_key(&place, |(start, ..)| *start).ok()?;
        self.list.get(index).map(|(_, length, close)| (*length, *close))
    }
}
