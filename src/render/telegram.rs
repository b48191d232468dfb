//! Telegram's MarkdownV2, as strict as Telegram's own parser: what that refuses is refused when the template is read.
//!
//! Source: Bot API, "MarkdownV2 style"; order and greed of the marks as TDLib has them.

use crate::encode::Where;

use super::hole::{Hole, Out, What};
use super::link::{self, Spot};
use super::literal::{Flaw, Literal, Token};

/// What a mark has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Bold,
    Italic,
    Underline,
    Strike,
    Spoiler,
    Link,
    /// A custom emoji, or a time.
    Emoji,
    Quote,
}

/// Reads a template of MarkdownV2.
pub(super) fn read(literal: &Literal) -> Result<Vec<Hole>, Flaw> {
    let mut reader = Reader { literal, at: 0, open: Vec::new(), holes: Vec::with_capacity(literal.holes()) };
    while let Some(token) = literal.get(reader.at) {
        match token {
            Token::Hole(hole) => {
                literal.no_bare_host(reader.at, hole)?;
                reader.hole();
            }
            Token::Char(c) => reader.char(c)?,
        }
    }
    reader.end_quote();
    match reader.open.last() {
        Some((_, at)) => Err(literal.flaw(*at, UNCLOSED)),
        None => Ok(reader.holes),
    }
}

const UNCLOSED: &str = "a mark that is never closed";
const RESERVED: &str = "a reserved character; write a backslash before it";

struct Reader<'a> {
    literal: &'a Literal,
    at: usize,
    open: Vec<(Mark, usize)>,
    holes: Vec<Hole>,
}

impl Reader<'_> {
    fn hole(&mut self) {
        let quoted = self.open.first().is_some_and(|(mark, _)| *mark == Mark::Quote);
        let out = if quoted { Out::TelegramQuote } else { Out::Telegram(Where::Text) };
        // Nothing between two of `_` or `*` or `|` would join them; Telegram drops the carriage return.
        let (before, after) = self.literal.around(self.at);
        let joins = before == after && matches!(before, Some('_' | '*' | '|'));
        let markup = !quoted && !self.in_link();
        self.holes.push(Hole { markup, empty: if joins { "\r" } else { "" }, ..Hole::new(What::Text, out) });
        self.at += 1;
    }

    fn last(&self) -> Option<Mark> {
        self.open.last().map(|(mark, _)| *mark)
    }

    fn toggle(&mut self, mark: Mark, width: usize) -> Result<(), Flaw> {
        if self.last() == Some(mark) {
            if self.open.pop().is_some_and(|(_, from)| from + width == self.at) {
                return Err(self.literal.flaw(self.at, "a mark around nothing; bold is one `*` here"));
            }
        } else if self.open.iter().any(|(open, _)| *open == mark) {
            return Err(self.literal.flaw(self.at, "marks that cross each other"));
        } else {
            self.open.push((mark, self.at));
        }
        self.at += width;
        Ok(())
    }

    fn char(&mut self, c: char) -> Result<(), Flaw> {
        let (literal, at) = (self.literal, self.at);
        match c {
            '\\' => {
                literal.no_hole(at, at + 2, "behind a backslash")?;
                self.at += 2;
            }
            '`' => return self.code(),
            '*' if self.line_begins() && literal.has(at, "**>") => {
                self.open.push((Mark::Quote, at));
                self.at += 3;
            }
            '>' if self.line_begins() => {
                self.open.push((Mark::Quote, at));
                self.at += 1;
            }
            '*' => return self.toggle(Mark::Bold, 1),
            '_' if literal.char(at + 1) == Some('_') => return self.toggle(Mark::Underline, 2),
            '_' => return self.toggle(Mark::Italic, 1),
            '~' => return self.toggle(Mark::Strike, 1),
            '|' if literal.char(at + 1) == Some('|') => {
                // At the end of a quotation, these say that it may be folded.
                let line_ends = literal.char(at + 2) == Some('\n') && literal.char(at + 3) != Some('>');
                if self.last() == Some(Mark::Quote) && (line_ends || literal.get(at + 2).is_none()) {
                    self.at += 2;
                    return Ok(());
                }
                return self.toggle(Mark::Spoiler, 2);
            }
            '!' if literal.char(at + 1) == Some('[') => {
                self.at += 1;
                return self.bracket(Mark::Emoji);
            }
            '[' => return self.bracket(Mark::Link),
            ']' if matches!(self.last(), Some(Mark::Link | Mark::Emoji)) => return self.link(),
            '\n' => return self.line(),
            ']' | '(' | ')' | '>' | '#' | '+' | '-' | '=' | '|' | '{' | '}' | '.' | '!' => {
                return Err(literal.flaw(at, RESERVED));
            }
            _ => self.at += 1,
        }
        Ok(())
    }

    /// A quotation begins at the beginning of a line only, and inside nothing else.
    fn line_begins(&self) -> bool {
        self.open.is_empty() && (self.at == 0 || self.literal.before(self.at) == Some('\n'))
    }

    /// The end of a line, and of a quotation that the next line does not go on with.
    fn line(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        if self.open.first().is_none_or(|(mark, _)| *mark != Mark::Quote) {
            return Ok(());
        }
        if self.literal.char(self.at) == Some('>') {
            self.at += 1;
            return Ok(());
        }
        self.end_quote();
        self.open.last().map_or(Ok(()), |(_, at)| Err(self.literal.flaw(*at, UNCLOSED)))
    }

    fn end_quote(&mut self) {
        if self.last() == Some(Mark::Quote) {
            self.open.pop();
        }
    }

    fn in_link(&self) -> bool {
        self.open.iter().any(|(mark, _)| matches!(mark, Mark::Link | Mark::Emoji))
    }

    fn bracket(&mut self, mark: Mark) -> Result<(), Flaw> {
        if self.in_link() {
            return Err(self.literal.flaw(self.at, "a link inside a link"));
        }
        self.open.push((mark, self.at));
        self.at += 1;
        Ok(())
    }

    /// From a link's `]` to its `)`.
    fn link(&mut self) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let emoji = self.open.pop().is_some_and(|(mark, _)| mark == Mark::Emoji);
        if literal.char(start + 1) != Some('(') {
            return Err(literal.flaw(start, "a `]` without `(…)`: Telegram then takes the text for the link"));
        }
        self.at += 2;
        let mut plain = Vec::new();
        loop {
            match literal.get(self.at) {
                None => return Err(literal.flaw(start, UNCLOSED)),
                Some(Token::Char(')')) => break,
                Some(Token::Char('\\')) => {
                    literal.no_hole(self.at, self.at + 2, "behind a backslash")?;
                    plain.extend(literal.get(self.at + 1));
                    self.at += 2;
                }
                Some(token) => {
                    plain.push(token);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if emoji && !is_emoji(&plain) {
            return Err(literal.flaw(start, "a `![…]` that leads to no `tg://emoji?id=` and no `tg://time?unix=`"));
        }
        for (_, spot) in link::read(&plain)? {
            let what = match spot {
                _ if emoji => What::Digits,
                Spot::Whole => What::Link,
                Spot::Part(part) => What::Part(part),
            };
            self.holes.push(Hole::new(what, Out::Telegram(Where::Link)));
        }
        Ok(())
    }

    /// Code, from its first mark to its last.
    fn code(&mut self) -> Result<(), Flaw> {
        let (literal, start) = (self.literal, self.at);
        let block = match literal.run(start, '`') {
            // An empty value beside it would make a block of it.
            2 => return Err(literal.flaw(start, "code around nothing")),
            run => run >= 3,
        };
        self.at += if block { 3 } else { 1 };
        let mut named = !block;
        loop {
            match literal.get(self.at) {
                None => return Err(literal.flaw(start, "code that never ends")),
                Some(Token::Hole(hole)) if !named => {
                    return Err(Flaw::Hole(hole, "where a block of code names its language; begin a line before it"));
                }
                Some(Token::Hole(_)) => {
                    let (before, after) = literal.around(self.at);
                    let joins = before == Some('`') && after == Some('`');
                    self.holes.push(Hole {
                        empty: if joins { "\r" } else { "" },
                        ..Hole::new(What::Text, Out::Telegram(Where::Code))
                    });
                }
                Some(Token::Char('\\')) => {
                    literal.no_hole(self.at, self.at + 2, "behind a backslash")?;
                    self.at += 1;
                }
                Some(Token::Char('`')) if !block => break,
                Some(Token::Char('`')) if literal.run(self.at, '`').min(3) == 3 => break,
                Some(Token::Char('`')) => return Err(literal.flaw(self.at, RESERVED)),
                Some(Token::Char(c)) => named |= c == '\n',
            }
            self.at += 1;
        }
        self.at += if block { 3 } else { 1 };
        Ok(())
    }
}

/// Whether a link is that of a custom emoji or of a time.
fn is_emoji(link: &[Token]) -> bool {
    let behind = |head: &str| {
        let head: Vec<Token> = head.chars().map(Token::Char).collect();
        link.strip_prefix(head.as_slice()).filter(|rest| !rest.is_empty())
    };
    let digit = |token: &Token| matches!(token, Token::Hole(_) | Token::Char('0'..='9'));
    behind("tg://emoji?id=").is_some_and(|id| id.iter().all(digit))
        || behind("tg://time?unix=").and_then(<[Token]>::first).is_some_and(digit)
}
