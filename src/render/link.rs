//! Links: which part of one a hole stands in, and what may stand there.
//!
//! A host, a port and a scheme have no escape, so they are the literal's. Behind the host a value is percent-encoded; it must
//! not be a dot segment, and must not be empty where `//` would begin a host. Source: WHATWG URL §4.4.

use std::borrow::Cow;

use super::hole::Unfit;
use super::literal::{Flaw, Token};
use crate::encode;
use crate::url::Host;

/// A part of a link behind its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Whether nothing but dots and other holes share its segment.
    alone: bool,
    /// The one reserved character that may stay: `@` of an address, `+` of a number.
    keep: Option<char>,
}

impl Part {
    pub(super) fn write<'a>(&self, value: &'a str) -> Result<Cow<'a, str>, Unfit> {
        if self.alone && value.chars().all(|c| c == '.') {
            return Err(Unfit("a text of more than dots"));
        }
        let encoded = encode::url_query(value);
        Ok(match self.keep {
            Some('@') => Cow::Owned(encoded.replace("%40", "@")),
            Some('+') => Cow::Owned(encoded.replace("%2B", "+")),
            _ => encoded,
        })
    }
}

/// Where a hole of a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// At its beginning: the value is the link.
    Whole,
    /// Behind its host.
    Part(Part),
}

/// How far the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    /// A scheme or the first segment of a relative link.
    First,
    /// Behind the first slash.
    Slash,
    /// Behind a scheme or two slashes: to a browser `https:x`, `https:/x` and `///x` name a host as well.
    Slashes,
    Host,
    Path,
    Query,
    Opaque(char),
    /// Behind a hole at the beginning.
    Whole,
    /// A scheme that takes no values.
    Closed,
}

/// Reads the literal of a link, its escapes undone; says for each hole where it stands.
///
/// # Errors
/// A hole in the scheme, host or port, behind half an escape, or directly behind a whole link.
pub(super) fn read(tokens: &[Token]) -> Result<Vec<(usize, Spot)>, Flaw> {
    const HOST: &str = "in the host of a link; only its path and query take values";
    let mut reader =
        Reader { at: At::Start, first: String::new(), segment: String::new(), open: Vec::new(), done: Vec::new() };
    let mut tail = ['\0'; 2];
    for token in tokens {
        match *token {
            Token::Char(c) => {
                reader.char(c)?;
                tail = [tail[1], c];
            }
            Token::Hole(hole) => {
                if tail[1] == '%' || tail[0] == '%' {
                    return Err(Flaw::Hole(hole, "inside a percent escape of a link"));
                }
                match reader.at {
                    At::Start => {
                        reader.done.push((hole, Spot::Whole));
                        reader.at = At::Whole;
                    }
                    At::Whole => return Err(Flaw::Hole(hole, "directly behind a whole link")),
                    At::Slashes | At::Host => return Err(Flaw::Hole(hole, HOST)),
                    At::Closed => return Err(Flaw::Hole(hole, "in a link whose scheme takes no values")),
                    At::Slash => {
                        reader.at = At::Path;
                        reader.open.push(hole);
                    }
                    At::First | At::Path => reader.open.push(hole),
                    At::Query => reader.put(hole, Part { alone: false, keep: None }),
                    At::Opaque(keep) => reader.put(hole, Part { alone: false, keep: Some(keep) }),
                }
                tail = ['\0'; 2];
            }
        }
    }
    reader.end_segment();
    Ok(reader.done)
}

struct Reader {
    at: At,
    first: String,
    segment: String,
    /// Holes of the segment that is being read.
    open: Vec<usize>,
    done: Vec<(usize, Spot)>,
}

impl Reader {
    fn put(&mut self, hole: usize, part: Part) {
        self.done.push((hole, Spot::Part(part)));
    }

    fn end_segment(&mut self) {
        let segment = std::mem::take(&mut self.segment).to_ascii_lowercase().replace("%2e", ".");
        let alone = segment.chars().all(|c| c == '.' || c.is_ascii_control());
        for hole in std::mem::take(&mut self.open) {
            self.put(hole, Part { alone, keep: None });
        }
    }

    fn char(&mut self, c: char) -> Result<(), Flaw> {
        let slash = matches!(c, '/' | '\\');
        match self.at {
            At::Start if c.is_ascii_whitespace() || c.is_ascii_control() => {}
            At::Query | At::Opaque(_) | At::Closed => {}
            _ if matches!(c, '?' | '#') => {
                self.end_segment();
                self.at = At::Query;
            }
            At::Start if slash => self.at = At::Slash,
            At::Slash if slash => self.at = At::Slashes,
            At::Slash if c.is_ascii_control() => {}
            At::Slashes if slash || c.is_ascii_control() => {}
            At::Slashes => self.at = At::Host,
            At::First | At::Path | At::Whole | At::Host if slash => {
                self.end_segment();
                self.at = At::Path;
            }
            At::Whole => return self.joined(),
            At::First if c == ':' => return self.scheme(),
            At::Start | At::First => {
                self.at = At::First;
                self.first.push(c);
                self.segment.push(c);
            }
            At::Slash | At::Path => {
                self.at = At::Path;
                self.segment.push(c);
            }
            At::Host => {}
        }
        Ok(())
    }

    fn scheme(&mut self) -> Result<(), Flaw> {
        if let Some(hole) = self.open.first() {
            return Err(Flaw::Hole(*hole, "in the scheme of a link"));
        }
        self.segment.clear();
        self.at = match self.first.to_ascii_lowercase().as_str() {
            "https" | "http" | "tg" | "mxc" => At::Slashes,
            "mailto" => At::Opaque('@'),
            "tel" => At::Opaque('+'),
            _ => At::Closed,
        };
        Ok(())
    }

    /// Text that would lengthen the host of a whole link.
    fn joined(&self) -> Result<(), Flaw> {
        let hole = self.done.last().map_or(0, |(hole, _)| *hole);
        Err(Flaw::Hole(hole, "before text that would change its host; a link goes on with `/`, `?` or `#`"))
    }
}

/// A whole link from a stranger, in canonical form: https with a host that is read in one way, or one mail address.
pub(super) fn judge(text: &str) -> Result<String, Unfit> {
    const NEEDED: Unfit = Unfit("a whole https or mailto link");
    if let Some((scheme, address)) = text.split_once(':')
        && scheme.eq_ignore_ascii_case("mailto")
    {
        let (local, domain) = address.split_once('@').ok_or(NEEDED)?;
        let word = |text: &str, also: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let fits = address.len() <= 254 && word(local, "._+-") && word(domain, ".-");
        return if fits { Ok(format!("mailto:{address}")) } else { Err(NEEDED) };
    }
    // Brackets around a host would end the target of a link in markdown.
    encode::link(text, |origin| !matches!(origin.host(), Host::V6(_))).map_err(|_| NEEDED)
}
