//! HTML as a browser's tokenizer reads it, and the parts of it that Telegram and Matrix show.
//!
//! A hole is welcome in text, in `<title>` and `<textarea>`, in quoted attribute values and in the strings and values of a
//! script. Source: WHATWG HTML §13.2.5; a rule of ours where two parsers may differ is to refuse.

use super::Platform;
use super::hole::{Hole, Out, What};
use super::link::{self, Spot};
use super::literal::{Flaw, Literal, Token};
use super::script;
use super::tags::{self, Kind};

const OPEN_TAG: &str = "a tag that never ends";

/// Reads a template of HTML, Telegram's or Matrix' included.
pub(super) fn read(literal: &Literal, platform: Platform) -> Result<Vec<Hole>, Flaw> {
    let mut reader = Reader {
        literal,
        platform,
        at: 0,
        holes: Vec::with_capacity(literal.holes()),
        open: Vec::new(),
        foreign: 0,
        script_off: 0,
    };
    reader.run()?;
    Ok(reader.holes)
}

struct Reader<'a> {
    literal: &'a Literal,
    platform: Platform,
    at: usize,
    holes: Vec<Hole>,
    /// Tags that wait for their end, on platforms that insist on it.
    open: Vec<(String, usize)>,
    /// Depth inside `<svg>` and `<math>`, where names mean other things.
    foreign: usize,
    /// Depth inside `<noscript>`, which is text or markup as the browser decides.
    script_off: usize,
}

/// An attribute that was read: its name, and where its value stands.
struct Attribute {
    name: String,
    from: usize,
    to: usize,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), Flaw> {
        while let Some(token) = self.literal.get(self.at) {
            match token {
                Token::Hole(hole) => {
                    if self.foreign > 0 || self.script_off > 0 {
                        return Err(Flaw::Hole(hole, "inside `<svg>`, `<math>` or `<noscript>`"));
                    }
                    self.references(hole)?;
                    if tags::is_strict(self.platform) {
                        self.literal.no_bare_host(self.at, hole)?;
                    }
                    self.holes.push(Hole { markup: true, ..Hole::new(What::Text, Out::Html) });
                    self.at += 1;
                }
                Token::Char('<') => self.markup()?,
                Token::Char(_) => self.at += 1,
            }
        }
        match self.open.last() {
            Some((_, at)) => Err(self.literal.flaw(*at, "a tag without its end tag")),
            None => Ok(()),
        }
    }

    /// Refuses a hole behind an unfinished character reference, which its value could finish.
    fn references(&self, hole: usize) -> Result<(), Flaw> {
        /// Longer than `&CounterClockwiseContourIntegral`.
        const LONGEST: usize = 34;
        for back in 1..=LONGEST {
            match self.at.checked_sub(back).and_then(|at| self.literal.char(at)) {
                Some('&') => {
                    return Err(Flaw::Hole(hole, "inside a character reference; write `&amp;` for a plain `&`"));
                }
                Some(c) if c.is_ascii_alphanumeric() || c == '#' => {}
                _ => break,
            }
        }
        Ok(())
    }

    fn markup(&mut self) -> Result<(), Flaw> {
        let (start, strict) = (self.at, tags::is_strict(self.platform));
        match self.literal.get(start + 1) {
            Some(Token::Hole(hole)) => return Err(Flaw::Hole(hole, "in the name of a tag")),
            Some(Token::Char(c)) if c.is_ascii_alphabetic() => return self.tag(start, false),
            Some(Token::Char('/')) => match self.literal.get(start + 2) {
                Some(Token::Hole(hole)) => return Err(Flaw::Hole(hole, "in the name of a tag")),
                Some(Token::Char(c)) if c.is_ascii_alphabetic() => return self.tag(start, true),
                _ if !strict => return self.skip_to(">", start),
                _ => {}
            },
            Some(Token::Char('!' | '?')) if !strict => return self.declaration(start),
            _ if !strict => {
                self.at += 1;
                return Ok(());
            }
            _ => {}
        }
        Err(self.literal.flaw(start, "a `<` that begins no tag; write `&lt;`"))
    }

    /// A comment, a document type, or what a browser takes for a comment.
    fn declaration(&mut self, start: usize) -> Result<(), Flaw> {
        let is_comment = self.literal.has(start, "<!--");
        if !is_comment && self.foreign > 0 {
            return Err(self.literal.flaw(start, "a CDATA section"));
        }
        if !is_comment {
            return self.skip_to(">", start);
        }
        // `<!-->` is a whole comment; `--!>` ends one as well.
        for at in start + 2..self.literal.len() {
            let late = at >= start + 4 && self.literal.has(at, "--!>");
            if late || self.literal.has(at, "-->") {
                self.at = at + if late { 4 } else { 3 };
                return Ok(());
            }
            self.literal.no_hole(at, at + 1, "inside a comment")?;
        }
        Err(self.literal.flaw(start, "a comment that never ends"))
    }

    /// Goes on behind `end`; no hole may stand before it.
    fn skip_to(&mut self, end: &str, start: usize) -> Result<(), Flaw> {
        let found = (self.at..self.literal.len()).find(|at| self.literal.has(*at, end));
        let Some(found) = found else { return Err(self.literal.flaw(start, OPEN_TAG)) };
        self.literal.no_hole(start, found, "inside a comment")?;
        self.at = found + end.len();
        Ok(())
    }

    fn tag(&mut self, start: usize, is_end: bool) -> Result<(), Flaw> {
        let unclosed = |reader: &Self| reader.literal.flaw(start, OPEN_TAG);
        self.at = start + 1 + usize::from(is_end);
        let name = self.name(&[])?.to_ascii_lowercase();
        let mut attributes: Vec<Attribute> = Vec::new();
        let mut slash = false;
        let empty = loop {
            match self.literal.get(self.at) {
                None => return Err(unclosed(self)),
                Some(Token::Hole(hole)) => return Err(Flaw::Hole(hole, "in the name of an attribute")),
                Some(Token::Char('>')) => break slash,
                Some(Token::Char(c)) if c.is_ascii_whitespace() || c == '/' => {
                    slash = c == '/';
                    self.at += 1;
                }
                Some(Token::Char(_)) => {
                    slash = false;
                    attributes.push(self.attribute(start)?);
                }
            }
        };
        self.at += 1;
        for attribute in &attributes {
            self.values(&name, attribute, is_end)?;
        }
        if !tags::shows(self.platform, &name) {
            return Err(self.literal.flaw(start, "a tag that the platform does not show"));
        }
        let named = |wanted: &str| attributes.iter().find(|attribute| attribute.name == wanted);
        if is_end {
            return self.end(start, &name);
        }
        let leads = named("href").is_some() && attributes.iter().all(|a| a.name != "href" || a.from < a.to);
        if self.platform == Platform::Telegram && name == "a" && !leads {
            return Err(self.literal.flaw(start, "an `<a>` without `href`: Telegram then takes its text for the link"));
        }
        if name == "meta"
            && named("http-equiv").is_some()
            && let Some(content) = named("content")
        {
            self.literal.no_hole(content.from, content.to, "in what a page tells the browser to do")?;
        }
        let kind = named("type").map(|t| self.text(t.from, t.to)).unwrap_or_default();
        self.start(start, name, empty, &kind)
    }

    /// A name up to a blank, `/`, `>` or one of `ends`.
    fn name(&mut self, ends: &[char]) -> Result<String, Flaw> {
        let mut name = String::new();
        loop {
            match self.literal.get(self.at) {
                Some(Token::Hole(hole)) => return Err(Flaw::Hole(hole, "in the name of a tag or attribute")),
                Some(Token::Char(c)) if !(c.is_ascii_whitespace() || matches!(c, '/' | '>') || ends.contains(&c)) => {
                    name.push(c);
                    self.at += 1;
                }
                _ => return Ok(name),
            }
        }
    }

    fn blanks(&mut self) {
        while self.literal.char(self.at).is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn attribute(&mut self, start: usize) -> Result<Attribute, Flaw> {
        let first = self.literal.char(self.at).filter(|c| *c == '=');
        self.at += usize::from(first.is_some());
        let rest = self.name(&['='])?.to_ascii_lowercase();
        let name: String = first.into_iter().chain(rest.chars()).collect();
        let odd = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        if tags::is_strict(self.platform) && (name.is_empty() || name.contains(odd)) {
            return Err(self.literal.flaw(start, "an attribute without a proper name"));
        }
        self.blanks();
        if self.literal.char(self.at) != Some('=') {
            return Ok(Attribute { name, from: self.at, to: self.at });
        }
        self.at += 1;
        self.blanks();
        let quote = self.literal.char(self.at).filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            let from = self.at;
            let ends = |c: char| c.is_ascii_whitespace() || c == '>';
            while let Some(token) = self.literal.get(self.at) {
                match token {
                    Token::Hole(hole) => return Err(Flaw::Hole(hole, "in an attribute value without quotes")),
                    Token::Char(c) if ends(c) => break,
                    Token::Char(_) => self.at += 1,
                }
            }
            return Ok(Attribute { name, from, to: self.at });
        };
        let from = self.at + 1;
        let end = (from..self.literal.len()).find(|at| self.literal.char(*at) == Some(quote));
        let Some(to) = end else { return Err(self.literal.flaw(start, "an attribute value that never ends")) };
        self.at = to + 1;
        Ok(Attribute { name, from, to })
    }

    fn text(&self, from: usize, to: usize) -> String {
        (from..to).filter_map(|at| self.literal.char(at)).collect::<String>().to_ascii_lowercase()
    }

    /// The holes of an attribute's value.
    fn values(&mut self, tag: &str, attribute: &Attribute, is_end: bool) -> Result<(), Flaw> {
        let Attribute { name, from, to } = attribute;
        let Some(first) = self.literal.hole_in(*from, *to) else { return Ok(()) };
        if is_end || self.foreign > 0 || self.script_off > 0 {
            return Err(Flaw::Hole(first, "in an end tag, or inside `<svg>`, `<math>` or `<noscript>`"));
        }
        let back = std::mem::replace(&mut self.at, *from);
        for at in *from..*to {
            if let Some(Token::Hole(hole)) = self.literal.get(at) {
                self.at = at;
                self.references(hole)?;
            }
        }
        self.at = back;
        match tags::kind(self.platform, tag, name) {
            Kind::Closed(why) => return Err(Flaw::Hole(first, why)),
            Kind::Text => {
                let count = self.literal.slice(*from, *to).iter().filter(|t| matches!(t, Token::Hole(_))).count();
                self.holes.extend(std::iter::repeat_n(Hole::new(What::Text, Out::Attribute), count));
            }
            Kind::Style => {
                let count = script::read_style(self.literal, *from, *to)?;
                self.holes.extend(std::iter::repeat_n(Hole::new(What::CssString, Out::Attribute), count));
            }
            kind @ (Kind::Link | Kind::Tail) => self.link(*from, *to, kind == Kind::Link)?,
        }
        Ok(())
    }

    fn link(&mut self, from: usize, to: usize, whole: bool) -> Result<(), Flaw> {
        let plain = self.plain(from, to)?;
        for (hole, spot) in link::read(&plain)? {
            let what = match spot {
                Spot::Whole if !whole => return Err(Flaw::Hole(hole, "at the beginning of a link that loads at once")),
                Spot::Whole => What::Link,
                Spot::Part(part) => What::Part(part),
            };
            self.holes.push(Hole::new(what, Out::Attribute));
        }
        Ok(())
    }

    /// A link with `&amp;` undone; other references may hide what a browser sees.
    fn plain(&self, from: usize, to: usize) -> Result<Vec<Token>, Flaw> {
        let mut plain = Vec::with_capacity(to - from);
        let mut at = from;
        while at < to {
            if let Some(token) = self.literal.get(at) {
                plain.push(token);
            }
            if self.literal.char(at) == Some('&') {
                let word =
                    (at + 1..to).take_while(|at| self.literal.char(*at).is_some_and(|c| c.is_ascii_alphanumeric()));
                let end = at + 1 + word.count();
                if self.literal.has(at, "&amp;") {
                    at += 4;
                } else if self.literal.char(end) == Some(';') || self.literal.char(at + 1) == Some('#') {
                    return Err(self
                        .literal
                        .flaw(at, "a character reference in a link with values; write the character"));
                }
            }
            at += 1;
        }
        Ok(plain)
    }

    fn end(&mut self, start: usize, name: &str) -> Result<(), Flaw> {
        match name {
            "svg" | "math" => self.foreign = self.foreign.saturating_sub(1),
            "noscript" => self.script_off = self.script_off.saturating_sub(1),
            _ => {}
        }
        if !tags::is_strict(self.platform) {
            return Ok(());
        }
        match self.open.pop() {
            Some((open, _)) if open == name => Ok(()),
            _ => Err(self.literal.flaw(start, "an end tag that ends nothing")),
        }
    }

    fn start(&mut self, start: usize, name: String, empty: bool, kind: &str) -> Result<(), Flaw> {
        /// Matrix: deepest nesting that clients show.
        const DEPTH: usize = 100;
        match name.as_str() {
            "svg" | "math" if !empty => self.foreign += 1,
            "noscript" => self.script_off += 1,
            "plaintext" => return Err(self.literal.flaw(start, "a `<plaintext>`, which never ends")),
            "title" | "textarea" | "style" | "xmp" | "iframe" | "noembed" | "noframes" | "script" => {
                return self.raw(start, &name, kind);
            }
            _ => {}
        }
        if tags::is_strict(self.platform) && !tags::is_void(&name) {
            self.open.push((name, start));
            if self.open.len() > DEPTH {
                return Err(self.literal.flaw(start, "more than 100 tags inside each other"));
            }
        }
        Ok(())
    }

    /// An element whose content is text up to its end tag.
    fn raw(&mut self, start: usize, name: &str, kind: &str) -> Result<(), Flaw> {
        let from = self.at;
        let ends = |at: usize| {
            let behind = self.literal.char(at + 2 + name.len());
            self.literal.has(at, "</")
                && self.literal.has(at + 2, name)
                && behind.is_some_and(|c| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
        };
        let Some(to) = (from..self.literal.len()).find(|at| ends(*at)) else {
            return Err(self.literal.flaw(start, "an element without its end tag"));
        };
        for at in from..to {
            match self.literal.get(at) {
                Some(Token::Char('<')) if self.foreign > 0 || self.script_off > 0 => {
                    return Err(self.literal.flaw(at, "markup that browsers read in two ways"));
                }
                Some(Token::Hole(hole)) => {
                    if self.foreign > 0 || self.script_off > 0 {
                        return Err(Flaw::Hole(hole, "inside `<svg>`, `<math>` or `<noscript>`"));
                    }
                    self.literal.no_open_tag(at, hole)?;
                }
                _ => {}
            }
        }
        match name {
            "title" | "textarea" => {
                for at in from..to {
                    if let Some(Token::Hole(hole)) = self.literal.get(at) {
                        self.at = at;
                        self.references(hole)?;
                        self.holes.push(Hole::new(What::Text, Out::Html));
                    }
                }
            }
            "script" => self.holes.extend(script::read(self.literal, from, to, kind)?),
            _ => self.literal.no_hole(from, to, "inside an element that takes no values, such as `<style>`")?,
        }
        self.at = to;
        Ok(())
    }
}
