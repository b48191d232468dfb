//! The literal part of a template as one row of characters and holes.

/// What is wrong with a template. It names places and never text: a literal may be an f-string's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The literal text itself, at so many characters of it.
    At(usize, &'static str),
    /// The hole of that index stands where no escape is sure.
    Hole(usize, &'static str),
}

/// A character of the literal, or a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    Hole(usize),
}

/// The row.
pub(super) struct Literal(Vec<Token>);

impl Literal {
    pub(super) fn new(parts: &[String]) -> Self {
        let mut row = Vec::with_capacity(parts.iter().map(String::len).sum::<usize>() + parts.len());
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                row.push(Token::Hole(index - 1));
            }
            row.extend(part.chars().map(Token::Char));
        }
        Self(row)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many holes there are.
    pub(super) fn holes(&self) -> usize {
        self.0.iter().filter(|token| matches!(token, Token::Hole(_))).count()
    }

    pub(super) fn get(&self, at: usize) -> Option<Token> {
        self.0.get(at).copied()
    }

    pub(super) fn char(&self, at: usize) -> Option<char> {
        match self.get(at) {
            Some(Token::Char(c)) => Some(c),
            _ => None,
        }
    }

    /// The character before, if one stands directly there.
    pub(super) fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|at| self.char(at))
    }

    /// Whether `text` stands at `at`, ASCII letters in either case.
    pub(super) fn has(&self, at: usize, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.char(at + i).is_some_and(|own| own.eq_ignore_ascii_case(&c)))
    }

    /// How often `c` is repeated from `at` on.
    pub(super) fn run(&self, at: usize, c: char) -> usize {
        (at..self.len()).take_while(|at| self.char(*at) == Some(c)).count()
    }

    /// The tokens from one index up to another.
    pub(super) fn slice(&self, from: usize, to: usize) -> &[Token] {
        self.0.get(from..to.min(self.len())).unwrap_or(&[])
    }

    /// The first hole from one index up to another.
    pub(super) fn hole_in(&self, from: usize, to: usize) -> Option<usize> {
        self.slice(from, to).iter().find_map(|token| match token {
            Token::Hole(index) => Some(*index),
            Token::Char(_) => None,
        })
    }

    /// Refuses holes from one index up to another.
    pub(super) fn no_hole(&self, from: usize, to: usize, why: &'static str) -> Result<(), Flaw> {
        self.hole_in(from, to).map_or(Ok(()), |hole| Err(Flaw::Hole(hole, why)))
    }

    /// The characters before and after a row of holes, asked of its first; the others have none.
    pub(super) fn around(&self, at: usize) -> (Option<char>, Option<char>) {
        let Some(before) = self.before(at) else { return (None, None) };
        let after = (at + 1..self.len()).find_map(|at| self.char(at));
        (Some(before), after)
    }

    /// A flaw of the literal at a token.
    pub(super) fn flaw(&self, at: usize, why: &'static str) -> Flaw {
        let before = self.slice(0, at);
        Flaw::At(before.iter().filter(|token| matches!(token, Token::Char(_))).count(), why)
    }

    /// Refuses a hole behind an unfinished `<…`, `</scr` or `<!-`, which a value could finish.
    pub(super) fn no_open_tag(&self, at: usize, hole: usize) -> Result<(), Flaw> {
        /// Longer than `</textarea`, the longest that matters.
        const LONGEST: usize = 12;
        for back in 1..=LONGEST {
            match at.checked_sub(back).and_then(|at| self.char(at)) {
                Some('<') => return Err(Flaw::Hole(hole, "inside an unfinished tag")),
                Some(c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '-') => {}
                _ => break,
            }
        }
        Ok(())
    }
    /// Refuses a hole directly behind the host of an address that a chat turns into a link by itself.
    pub(super) fn no_bare_host(&self, at: usize, hole: usize) -> Result<(), Flaw> {
        /// Longer than any host (253), its scheme and its port.
        const LONGEST: usize = 300;
        for back in 1..=LONGEST {
            match at.checked_sub(back).and_then(|at| self.char(at)) {
                Some('/') => {
                    let named = back < at && self.has(at - back - 1, "//") && self.before(at - back - 1) == Some(':');
                    return if named {
                        Err(Flaw::Hole(hole, "behind the host of an address; end it with `/`"))
                    } else {
                        Ok(())
                    };
                }
                Some(c) if c.is_whitespace() || matches!(c, '?' | '#' | '<' | '>' | '"') => return Ok(()),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }
}
