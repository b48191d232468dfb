//! Discord's markdown, Slack's mrkdwn and terminals: places that a value would change are told from running text.
//!
//! Sources: Discord developer documentation, "Message Formatting"; Slack, "Formatting message text"; ECMA-48 §5.4.

use crate::encode::Where;

use super::hole::{BREAK, Hole, Out, What};
use super::link::{self, Spot};
use super::literal::{Flaw, Literal, Token};

const OPEN_CODE: &str = "code that never ends";

/// Characters that count as the beginning of a line: marks stand there, and long lines stay cheap.
const START: usize = 16;

/// Reads a template of Discord's markdown.
pub(super) fn read_discord(literal: &Literal) -> Result<Vec<Hole>, Flaw> {
    let mut reader = Reader::new(literal);
    // Holes since the last `[`, which are a label if `](` follows.
    let mut label: Option<usize> = None;
    let mut bracket = false;
    while let Some(token) = literal.get(reader.at) {
        let at = reader.at;
        match token {
            Token::Hole(hole) if literal.before(at) == Some('\\') => {
                return Err(Flaw::Hole(hole, "behind a backslash"));
            }
            Token::Hole(_) => {
                let plain = if bracket { Out::DiscordBracket } else { Out::Discord(Where::Text) };
                reader.text(plain, Out::DiscordQuote);
            }
            Token::Char('\\') if literal.char(at + 1).is_some() => reader.at += 2,
            Token::Char('`') => reader.code(Out::Discord(Where::Code))?,
            Token::Char('[') => {
                label = Some(reader.holes.len());
                bracket = true;
                reader.at += 1;
            }
            Token::Char(']') => {
                reader.at += 1;
                if let Some(from) = label.take()
                    && literal.char(at + 1) == Some('(')
                {
                    for (index, hole) in reader.holes.iter_mut().enumerate().skip(from) {
                        if hole.what != What::Text || hole.out == Out::Discord(Where::Code) {
                            return Err(Flaw::Hole(index, "in code, a link or a mention inside the label of a link"));
                        }
                        *hole = Hole::new(What::Text, Out::Discord(Where::Link));
                    }
                    reader.at += 1;
                    reader.target()?;
                }
            }
            Token::Char('<') => reader.angle()?,
            Token::Char(_) => reader.step()?,
        }
    }
    Ok(reader.holes)
}

/// Reads a template of Slack's mrkdwn.
pub(super) fn read_slack(literal: &Literal) -> Result<Vec<Hole>, Flaw> {
    let mut reader = Reader::new(literal);
    while let Some(token) = literal.get(reader.at) {
        match token {
            Token::Hole(_) => reader.text(Out::Slack, Out::SlackQuote),
            Token::Char('`') => reader.code(Out::SlackCode)?,
            Token::Char('<') => reader.control()?,
            Token::Char('>') if !reader.line_begins() => {
                return Err(literal.flaw(reader.at, "a `>` that ends nothing; write `&gt;`"));
            }
            Token::Char(_) => reader.step()?,
        }
    }
    Ok(reader.holes)
}

/// Reads a template for a terminal: its own escape sequences have to be whole.
pub(super) fn read_terminal(literal: &Literal) -> Result<Vec<Hole>, Flaw> {
    const INSIDE: &str = "inside an escape sequence";
    let mut at = 0;
    let mut holes = Vec::new();
    while let Some(token) = literal.get(at) {
        at += 1;
        let kind = match token {
            Token::Hole(_) => {
                holes.push(Hole { markup: true, ..Hole::new(What::Text, Out::Terminal) });
                continue;
            }
            Token::Char('\u{1b}') => {
                at += 1;
                literal.get(at - 1)
            }
            Token::Char('\u{9b}') => Some(Token::Char('[')),
            Token::Char('\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => Some(Token::Char(']')),
            Token::Char(_) => continue,
        };
        let start = at;
        let ends: fn(&Literal, usize) -> bool = match kind {
            Some(Token::Char('[')) => |l, at| l.char(at).is_some_and(|c| matches!(c, '@'..='~')),
            Some(Token::Char(']' | 'P' | 'X' | '^' | '_')) => {
                |l, at| matches!(l.char(at), Some('\u{7}' | '\u{9c}')) || l.has(at, "\u{1b}\\")
            }
            // Intermediate bytes lead to one more.
            Some(Token::Char(' '..='/')) => |l, at| l.char(at).is_some_and(|c| matches!(c, '0'..='~')),
            Some(Token::Char(_)) => continue,
            Some(Token::Hole(hole)) => return Err(Flaw::Hole(hole, INSIDE)),
            None => return Err(literal.flaw(start, "an escape sequence that never ends")),
        };
        let Some(end) = (at..literal.len()).find(|at| ends(literal, *at)) else {
            literal.no_hole(start, literal.len(), INSIDE)?;
            return Err(literal.flaw(start, "an escape sequence that never ends"));
        };
        literal.no_hole(start, end, INSIDE)?;
        at = end + if literal.char(end) == Some('\u{1b}') { 2 } else { 1 };
    }
    Ok(holes)
}

struct Reader<'a> {
    literal: &'a Literal,
    at: usize,
    /// Where the current line begins.
    line: usize,
    holes: Vec<Hole>,
}

impl<'a> Reader<'a> {
    fn new(literal: &'a Literal) -> Self {
        Self { literal, at: 0, line: 0, holes: Vec::with_capacity(literal.holes()) }
    }

    fn line_begins(&self) -> bool {
        self.at < self.line + START
            && self.literal.slice(self.line, self.at).iter().all(|token| matches!(token, Token::Char(' ' | '>')))
    }

    /// A hole in running text.
    fn text(&mut self, plain: Out, quote: Out) {
        let (before, after) = self.literal.around(self.at);
        let joins = before == after && matches!(before, Some('*' | '_' | '~' | '|'));
        let marks = self.literal.slice(self.line, self.at.min(self.line + START));
        let has = |mark: &str| self.literal.has(self.line, mark);
        // `>>>` quotes all that follows.
        let quoted = (has(">") || has("&gt;")) && !has(">>>");
        let mark = |token: &Token| matches!(token, Token::Char(c) if "#-*+>. ".contains(*c) || c.is_ascii_digit());
        let begins = self.at < self.line + START && !marks.is_empty() && marks.iter().all(mark);
        // A hole behind a hole stands where that one stands, if that one is empty.
        let follows = matches!(self.at.checked_sub(1).and_then(|at| self.literal.get(at)), Some(Token::Hole(_)));
        let guard = begins || before == Some(']') || follows && self.holes.last().is_some_and(|hole| hole.guard);
        self.holes.push(Hole {
            markup: !quoted,
            empty: if joins { BREAK } else { "" },
            guard,
            ..Hole::new(What::Text, if quoted { quote } else { plain })
        });
        self.at += 1;
    }

    /// One character of text; an address in it is read as a whole.
    fn step(&mut self) -> Result<(), Flaw> {
        if self.literal.has(self.at, "http://") || self.literal.has(self.at, "https://") {
            return self.address();
        }
        if self.literal.char(self.at) == Some('\n') {
            self.line = self.at + 1;
        }
        self.at += 1;
        Ok(())
    }

    /// An address that the platform turns into a link by itself.
    fn address(&mut self) -> Result<(), Flaw> {
        let from = self.at;
        let inside = |token: Token| !matches!(token, Token::Char(c) if c.is_whitespace() || "<>()[]|`*\"".contains(c));
        while self.literal.get(self.at).is_some_and(inside) {
            self.at += 1;
        }
        let found = link::read(self.literal.slice(from, self.at))?;
        self.holes.extend(found.into_iter().map(|(_, spot)| linked(spot, Out::Plain)));
        Ok(())
    }

    fn code(&mut self, out: Out) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let width = literal.run(start, '`');
        if width > 3 {
            return Err(literal.flaw(start, "more than three backticks"));
        }
        self.at += width;
        let mut named = width < 3;
        loop {
            match literal.get(self.at) {
                None => return Err(literal.flaw(start, OPEN_CODE)),
                Some(Token::Hole(hole)) if !named => {
                    return Err(Flaw::Hole(hole, "where a block of code names its language; begin a line before it"));
                }
                Some(Token::Hole(_)) => {
                    self.holes.push(Hole { empty: BREAK, ..Hole::new(What::Text, out) });
                    self.at += 1;
                }
                Some(Token::Char('`')) => {
                    let run = literal.run(self.at, '`');
                    self.at += run;
                    if run == width {
                        return Ok(());
                    }
                    if width != 2 || run != 1 {
                        return Err(literal.flaw(self.at - run, "backticks inside code"));
                    }
                }
                Some(Token::Char(c)) => {
                    named |= c == '\n';
                    if c == '\n' {
                        self.line = self.at + 1;
                    }
                    self.at += 1;
                }
            }
        }
    }

    /// A masked link's target, behind its `(`.
    fn target(&mut self) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let angled = literal.char(start) == Some('<');
        self.at += usize::from(angled);
        let from = self.at;
        let ends =
            |token: Token| matches!(token, Token::Char(c) if c.is_whitespace() || c == ')' || angled && c == '>');
        while self.literal.get(self.at).is_some_and(|token| !ends(token)) {
            self.at += 1;
        }
        let found = link::read(literal.slice(from, self.at))?;
        self.holes.extend(found.into_iter().map(|(_, spot)| linked(spot, Out::Plain)));
        let end = (self.at..literal.len()).find(|at| literal.char(*at) == Some(')'));
        let Some(end) = end else { return Err(literal.flaw(start, "a link that never ends")) };
        literal.no_hole(self.at, end, "in the title of a link")?;
        self.at = end + 1;
        Ok(())
    }

    /// Discord's `<…>`: an address without preview, a mention, a time, an emoji; or a plain `<`.
    fn angle(&mut self) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let stops = |token: Token| matches!(token, Token::Char(c) if c.is_whitespace() || c == '>' || c == '<');
        let end = (start + 1..literal.len()).find(|at| literal.get(*at).is_some_and(stops));
        let Some(end) = end.filter(|end| literal.char(*end) == Some('>')) else {
            let next = literal.get(start + 1);
            if let Some(Token::Hole(hole)) = next {
                return Err(Flaw::Hole(hole, "behind a `<` that begins nothing"));
            }
            self.at += 1;
            return Ok(());
        };
        let what = match literal.get(start + 1) {
            Some(Token::Char('@' | '#' | 't' | ':' | '/' | 'a' | 'i')) => Some(What::Digits),
            _ => None,
        };
        let inner = literal.slice(start + 1, end);
        match what {
            Some(what) => {
                let count = inner.iter().filter(|token| matches!(token, Token::Hole(_))).count();
                self.holes.extend(std::iter::repeat_n(Hole::new(what, Out::Plain), count));
            }
            None => self.holes.extend(link::read(inner)?.into_iter().map(|(_, spot)| linked(spot, Out::Plain))),
        }
        self.at = end + 1;
        Ok(())
    }

    /// Slack's `<…>`: a link with a label, a mention, a command.
    fn control(&mut self) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let end = (start + 1..literal.len()).find(|at| literal.char(*at) == Some('>'));
        let Some(end) = end else { return Err(literal.flaw(start, "a `<` that never ends; write `&lt;`")) };
        let bar = (start + 1..end).find(|at| literal.char(*at) == Some('|')).unwrap_or(end);
        let head = literal.slice(start + 1, bar);
        match literal.char(start + 1) {
            Some('@' | '#') => self.ids(head),
            Some('!') if literal.has(start, "<!subteam^") || literal.has(start, "<!date^") => self.ids(head),
            Some('!') => literal.no_hole(start, bar, "in the name of a command")?,
            _ => {
                let found = link::read(head)?;
                self.holes.extend(found.into_iter().map(|(_, spot)| linked(spot, Out::Slack)));
            }
        }
        for token in literal.slice(bar, end) {
            if matches!(token, Token::Hole(_)) {
                self.holes.push(Hole { empty: BREAK, ..Hole::new(What::Text, Out::Slack) });
            }
        }
        self.at = end + 1;
        Ok(())
    }

    fn ids(&mut self, tokens: &[Token]) {
        let count = tokens.iter().filter(|token| matches!(token, Token::Hole(_))).count();
        self.holes.extend(std::iter::repeat_n(Hole::new(What::Id, Out::Plain), count));
    }
}

fn linked(spot: Spot, out: Out) -> Hole {
    match spot {
        Spot::Whole => Hole::new(What::Link, out),
        Spot::Part(part) => Hole::new(What::Part(part), out),
    }
}
