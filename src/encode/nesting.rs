//! Whether a text's markup lets an HTML parser stay linear.
//!
//! HTML's recovery rules are super-linear in what stays open: misnested formatting is opened again for every block, content
//! of a table outside its cells is moved before the table, attributes are compared with one another. So what is open is
//! counted beforehand, by rules that never take an element for closed that a parser still holds open.
//! Source: WHATWG HTML §13.2.

/// Elements open at once. Matrix permits no deeper nesting either.
const MAX_OPEN: usize = 100;
/// Attributes of one tag.
const MAX_ATTRIBUTES: usize = 100;
/// Tags and texts that stand in a table outside its cells.
const MAX_FOSTERED: usize = 100;
/// Tags `<html>` and `<body>`: each adds its attributes to one element.
const MAX_ROOTS: usize = 8;
/// Tags of a text with parts that are read in another way than these rules do (SVG, MathML, templates, selections).
const MAX_FOREIGN: usize = 500;

/// Start tags of one text: 100,000 characters of small table cells would cost 12 ms.
const MAX_ELEMENTS: usize = 16_000;
/// Signs `<` that begin no tag: each is a text of its own to a parser, and 20 times as dear as a letter.
const MAX_STRAY: usize = 10_000;
/// Bytes that a serialiser may look at again: for each `&` and each byte 0xC2 it looks for the next angle bracket.
const MAX_LOOKED_AT: usize = 200_000_000;

/// Whether a parser's work on `text` is linear.
pub(super) fn is_bounded(text: &str) -> bool {
    let mut tally = Tally::default();
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'<', rest) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        tally.text(before);
        let Some(read) = tally.markup(from) else { break };
        if tally.is_over() {
            return false;
        }
        rest = from.get(read.max(1)..).unwrap_or(&[]);
    }
    tally.text(rest);
    tally.end_run();
    !tally.is_over()
}

#[derive(Default)]
struct Tally<'t> {
    open: Vec<&'t [u8]>,
    tags: usize,
    attributes: usize,
    fostered: usize,
    roots: usize,
    elements: usize,
    stray: usize,
    foreign: bool,
    /// Length of the text since the last element, and how much in it makes a serialiser look ahead.
    run: (usize, usize),
    looked_at: usize,
}

impl<'t> Tally<'t> {
    fn is_over(&self) -> bool {
        self.open.len() > MAX_OPEN
            || self.attributes > MAX_ATTRIBUTES
            || self.fostered > MAX_FOSTERED
            || self.roots > MAX_ROOTS
            || self.elements > MAX_ELEMENTS
            || self.stray > MAX_STRAY
            || self.looked_at > MAX_LOOKED_AT
            || self.foreign && self.tags > MAX_FOREIGN
    }

    fn text(&mut self, text: &[u8]) {
        if self.in_table() && !text.trim_ascii().is_empty() {
            self.fostered += 1;
        }
        self.run.0 += text.len();
        self.run.1 += memchr::memchr2_iter(b'&', 0xc2, text).count();
    }

    /// An element stands between two texts, so that they stay two.
    fn end_run(&mut self) {
        let (length, signs) = std::mem::take(&mut self.run);
        self.looked_at = self.looked_at.saturating_add(length.saturating_mul(signs));
    }

    fn in_table(&self) -> bool {
        self.open.last().is_some_and(|top| is(top, &["table", "tbody", "thead", "tfoot", "tr", "colgroup"]))
    }

    /// Reads what begins with `<`: its length, or nothing when it takes the rest of the text.
    fn markup(&mut self, from: &'t [u8]) -> Option<usize> {
        match from.get(1..)? {
            [b'!', b'-', b'-', ..] => comment(from),
            [b'!' | b'?', ..] => {
                self.foreign |= from.starts_with(b"<![");
                Some(memchr::memchr(b'>', from)? + 1)
            }
            [b'/', b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let (name, read) = self.tag(from, 2)?;
                self.close(name);
                Some(read)
            }
            [b'/', ..] => Some(memchr::memchr(b'>', from)? + 1),
            [b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let (name, read) = self.tag(from, 1)?;
                self.start(name);
                let raw = self.raw(name, from.get(read..).unwrap_or(&[]))?;
                Some(read + raw)
            }
            _ => {
                self.stray += 1;
                Some(1)
            }
        }
    }

    /// The name of a tag and the length of the tag; a tag that does not end is no tag.
    fn tag(&mut self, from: &'t [u8], start: usize) -> Option<(&'t [u8], usize)> {
        let body = from.get(start..)?;
        let end = body.iter().position(|b| matches!(b, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' | b'/' | b'>'))?;
        let (count, read) = attributes(body.get(end..)?)?;
        self.tags += 1;
        let signs = memchr::memchr2_iter(b'&', 0xc2, body.get(end..end + read)?).count();
        self.looked_at = self.looked_at.saturating_add(read.saturating_mul(signs));
        self.attributes = self.attributes.max(count);
        Some((body.get(..end)?, start + end + read))
    }

    fn start(&mut self, name: &'t [u8]) {
        if self.in_table() && !is(name, CELLS) {
            self.fostered += 1;
        }
        self.elements += 1;
        self.roots += usize::from(is(name, &["html", "body"]));
        self.foreign |= is(name, &["svg", "math", "template", "select", "frameset", "plaintext"]);
        if !self.foreign && is(name, ALWAYS_MADE) {
            self.end_run();
        }
        let void = is(name, &["br", "hr", "img", "embed", "meta", "html", "body", "head"])
            || !self.foreign
                && is(name, &["area", "base", "col", "image", "input", "link", "param", "source", "track", "wbr"]);
        if void {
            return;
        }
        let closes: &[&str] = match () {
            () if is(name, &["p"]) => &["p"],
            () if is(name, &["li"]) => &["li", "p"],
            () if is(name, &["dd", "dt"]) => &["dd", "dt", "p"],
            () if is(name, &["td", "th"]) => &["td", "th", "p"],
            () if is(name, &["tr"]) => &["tr", "td", "th", "p"],
            () if is(name, &["tbody", "thead", "tfoot"]) => &["tbody", "thead", "tfoot", "tr", "td", "th", "p"],
            () => &[],
        };
        while self.open.last().is_some_and(|top| is(top, closes)) {
            self.open.pop();
        }
        self.open.push(name);
    }

    /// Closes what an end tag closes for sure: the innermost element, or a block around elements whose end tag is optional.
    fn close(&mut self, name: &[u8]) {
        if self.in_table() && !is(name, CELLS) {
            self.fostered += 1;
        }
        let inner = self.open.iter().rev();
        let depth = match is(name, BLOCKS) {
            true => inner.take_while(|open| !open.eq_ignore_ascii_case(name) && is(open, OPTIONAL)).count(),
            false => 0,
        };
        let kept = self.open.len().saturating_sub(depth + 1);
        if self.open.get(kept).is_some_and(|open| open.eq_ignore_ascii_case(name)) {
            self.open.truncate(kept);
        }
    }

    /// The length of what is text up to an element's own end tag; nothing when it is the rest.
    fn raw(&mut self, name: &[u8], body: &[u8]) -> Option<usize> {
        if is(name, &["plaintext"]) {
            return None;
        }
        if !is(name, RAW) {
            return Some(0);
        }
        let mut at = 0;
        let end = loop {
            at += memchr::memmem::find(body.get(at..)?, b"</")?;
            let after = body.get(at + 2..)?;
            let (end, next) = after.split_at_checked(name.len())?;
            if end.eq_ignore_ascii_case(name)
                && matches!(next.first(), None | Some(b'\t' | b'\n' | b'\x0c' | b'\r' | b' ' | b'/' | b'>'))
            {
                break at;
            }
            at += 2;
        };
        self.text(body.get(..end)?);
        // A comment in a script may hide its end tag from a parser.
        self.foreign |= memchr::memmem::find(body.get(..end)?, b"<!--").is_some();
        Some(end)
    }
}

/// What stands in a table by right.
const CELLS: &[&str] =
    &["table", "caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th", "script", "style"];

/// Elements that end when the block around them does.
const OPTIONAL: &[&str] = &["p", "li", "dd", "dt", "td", "th", "tr", "tbody", "thead", "tfoot", "colgroup"];

/// Elements whose end tag ends the optional ones within.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "header",
    "li",
    "main",
    "nav",
    "ol",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Elements that a parser makes wherever their tag stands, outside foreign content.
const ALWAYS_MADE: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "center",
    "code",
    "del",
    "details",
    "div",
    "dl",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "u",
    "ul",
];

/// Elements whose content is text.
const RAW: &[&str] = &["script", "style", "xmp", "iframe", "noembed", "noframes", "noscript", "title", "textarea"];

fn is(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The length of a comment, closed as parsers close one.
fn comment(from: &[u8]) -> Option<usize> {
    let body = from.get(4..)?;
    for at in memchr::memchr_iter(b'>', body) {
        let before = body.get(..at)?;
        if matches!(before, b"" | b"-") || before.ends_with(b"--") || before.ends_with(b"--!") {
            return Some(4 + at + 1);
        }
    }
    None
}

/// How many attributes a tag has, and the length up to and with its `>`.
fn attributes(body: &[u8]) -> Option<(usize, usize)> {
    let blank = |b: u8| matches!(b, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ');
    let (mut count, mut at) = (0, 0);
    let skip = |at: usize, while_: &dyn Fn(u8) -> bool| {
        let rest = body.get(at..)?;
        rest.iter().position(|b| !while_(*b)).map(|step| at + step)
    };
    loop {
        at = skip(at, &|b| blank(b) || b == b'/')?;
        if body.get(at)? == &b'>' {
            return Some((count, at + 1));
        }
        count += 1;
        // The first character belongs to the name even if it is `=`.
        at = skip(at + 1, &|b| !(blank(b) || matches!(b, b'/' | b'>' | b'=')))?;
        at = skip(at, &blank)?;
        if body.get(at)? != &b'=' {
            continue;
        }
        at = skip(at + 1, &blank)?;
        at = match body.get(at)? {
            b'>' => at,
            quote @ (b'"' | b'\'') => at + 2 + memchr::memchr(*quote, body.get(at + 1..)?)?,
            _ => skip(at, &|b| !(blank(b) || b == b'>'))?,
        };
    }
}
