//! Scripts and styles: as much of their grammar as tells strings from code.
//!
//! Where that is no longer certain (a regular expression or a division, a template literal), later holes are refused.
//! Sources: ECMA-262 §12.9.4 and Annex B.1.1; RFC 8259; CSS Syntax 3 §4.

use super::hole::{Hole, Out, What};
use super::literal::{Flaw, Literal, Token};

/// How a script's text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    JavaScript,
    Json,
    Other,
}

fn language(kind: &str) -> Language {
    match kind.trim() {
        "" | "module" | "text/javascript" | "application/javascript" | "text/ecmascript" | "application/ecmascript" => {
            Language::JavaScript
        }
        // A map of imports and rules of speculation decide what is loaded.
        "importmap" | "speculationrules" => Language::Other,
        kind if kind == "application/json" || kind.ends_with("+json") => Language::Json,
        _ => Language::Other,
    }
}

/// Where the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Code,
    String(char),
    Line,
    Block,
    /// No longer certain.
    Lost,
}

const UNSURE: &str = "in a script behind a regular expression, a division or a template literal; pass values in a \
                      `<script type=\"application/json\">`";

/// The holes of a script element's text.
pub(super) fn read(literal: &Literal, from: usize, to: usize, kind: &str) -> Result<Vec<Hole>, Flaw> {
    let language = language(kind);
    let mut holes = Vec::new();
    let mut state = In::Code;
    let mut at = from;
    while at < to {
        let c = match literal.get(at) {
            Some(Token::Hole(hole)) => {
                holes.push(match state {
                    _ if language == Language::Other => {
                        return Err(Flaw::Hole(hole, "in a script of a type that takes no values"));
                    }
                    In::Code => Hole::new(What::Json, Out::Plain),
                    In::String(_) => Hole::new(What::JsString, Out::Plain),
                    In::Line | In::Block => return Err(Flaw::Hole(hole, "in a comment of a script")),
                    In::Lost => return Err(Flaw::Hole(hole, UNSURE)),
                });
                at += 1;
                continue;
            }
            Some(Token::Char(c)) => c,
            None => break,
        };
        // Both change how a browser finds the end of the script.
        if c == '<' && (literal.has(at, "<!--") || literal.has(at, "<script")) {
            return Err(literal.flaw(at, "a `<!--` or `<script` inside a script"));
        }
        let json = language == Language::Json;
        state = match (state, c) {
            (In::Code, '"') => In::String('"'),
            (In::Code, '\'') if !json => In::String('\''),
            (In::Code, '/') if literal.char(at + 1) == Some('/') => In::Line,
            (In::Code, '/') if literal.char(at + 1) == Some('*') => {
                at += 1;
                In::Block
            }
            (In::Code, '/' | '`' | '\'') => In::Lost,
            // `-->` begins a comment, too.
            (In::Code, '-') if literal.has(at, "-->") => In::Lost,
            (In::String(_), '\\') => {
                literal.no_hole(at, at + escape(literal, at), "inside an escape of a string")?;
                at += 1;
                state
            }
            (In::String(quote), c) if c == quote => In::Code,
            (In::String(_), '\n' | '\r') => In::Lost,
            (In::Line, '\n' | '\r' | '\u{2028}' | '\u{2029}') => In::Code,
            (In::Block, '*') if literal.char(at + 1) == Some('/') => {
                at += 1;
                In::Code
            }
            (state, _) => state,
        };
        at += 1;
    }
    Ok(holes)
}

/// The length of an escape of a string, its backslash included.
fn escape(literal: &Literal, at: usize) -> usize {
    let digits = |from: usize, most: usize| {
        (from..from + most).take_while(|at| literal.char(*at).is_some_and(|c| c.is_ascii_hexdigit())).count()
    };
    match literal.char(at + 1) {
        Some('x') => 4,
        Some('u') if literal.char(at + 2) == Some('{') => {
            // Up to the brace, the longest that means anything.
            3 + (at + 3..at + 12).take_while(|at| literal.char(*at) != Some('}')).count()
        }
        Some('u') => 6,
        // Octal: what follows fewer than three digits could be one more.
        Some('0'..='7') => 2 + digits(at + 2, 2).max(1),
        _ => 2,
    }
}

/// The holes of a `style` attribute: inside quoted strings only. Gives their number.
pub(super) fn read_style(literal: &Literal, from: usize, to: usize) -> Result<usize, Flaw> {
    const PLACE: &str = "in a style outside of a quoted string";
    let (mut state, mut depth, mut count, mut at) = (In::Code, 0_usize, 0, from);
    while at < to {
        let c = match literal.get(at) {
            Some(Token::Hole(hole)) if state == In::Lost || !matches!(state, In::String(_)) => {
                return Err(Flaw::Hole(hole, PLACE));
            }
            Some(Token::Hole(hole)) if depth > 0 => return Err(Flaw::Hole(hole, "in a function of a style")),
            Some(Token::Hole(_)) => {
                count += 1;
                at += 1;
                continue;
            }
            Some(Token::Char(c)) => c,
            None => break,
        };
        state = match (state, c) {
            // A character reference may be a quote.
            (_, '&') | (In::String(_), '\n' | '\r' | '\u{c}') => In::Lost,
            // A quote within `url(…)` ends nothing, and begins nothing.
            (In::Code, '"' | '\'') if depth > 0 && !begins(literal, at) => In::Lost,
            (In::Code, '"' | '\'') => In::String(c),
            (In::Code, '/') if literal.char(at + 1) == Some('*') => {
                at += 1;
                In::Block
            }
            (In::Block, '*') if literal.char(at + 1) == Some('/') => {
                at += 1;
                In::Code
            }
            (In::Code, '(') => {
                depth += 1;
                state
            }
            (In::Code, ')') => {
                depth = depth.saturating_sub(1);
                state
            }
            (In::String(_) | In::Code, '\\') => {
                let digits = (at + 1..at + 7).take_while(|at| literal.char(*at).is_some_and(|c| c.is_ascii_hexdigit()));
                let digits = digits.count();
                // Up to six digits, and a blank: what follows fewer could be one more.
                literal.no_hole(at, (at + 2 + digits).min(to), "inside an escape of a string")?;
                at += digits.max(1);
                state
            }
            (In::String(quote), c) if c == quote => In::Code,
            (state, _) => state,
        };
        at += 1;
    }
    Ok(count)
}

/// Whether a quote follows what an argument may follow.
fn begins(literal: &Literal, at: usize) -> bool {
    literal.before(at).is_some_and(|c| c.is_ascii_whitespace() || matches!(c, '(' | ','))
}
