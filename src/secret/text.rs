//! Text in which secrets may stand as leaves: resolved late, for one host, after the host binding was checked.

use std::fmt;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::Secret;
use crate::clock;
use crate::error::Error;

/// How a secret is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is: headers, raw bodies.
    Raw,
    /// Inside a JSON string.
    Json,
    /// Percent-encoded: queries, forms, path segments.
    Percent,
}

/// A run of plain bytes, or a secret.
#[derive(Clone)]
pub enum Piece {
    /// Bytes that may be printed as far as their room allows.
    Plain(Bytes),
    /// A secret and the form it takes on.
    Hidden(Secret, Form),
}

/// Bytes made of [`Piece`]s.
#[derive(Clone, Default)]
pub struct Text(Vec<Piece>);

impl Text {
    /// Plain text.
    pub fn plain(text: impl Into<Bytes>) -> Self {
        Self(vec![Piece::Plain(text.into())])
    }

    /// One secret.
    pub fn hidden(secret: Secret, form: Form) -> Self {
        Self(vec![Piece::Hidden(secret, form)])
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Piece) {
        self.0.push(piece);
    }

    /// The secrets in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Hidden(secret, _) => Some(secret),
            Piece::Plain(_) => None,
        })
    }

    /// Whether a secret stands in it.
    pub fn is_hidden(&self) -> bool {
        self.secrets().next().is_some()
    }

    /// The bytes with asterisks where secrets stand, as secrets print: for whoever looks at a body before it is sent.
    pub fn masked(&self) -> Bytes {
        if let [Piece::Plain(bytes)] = self.0.as_slice() {
            return bytes.clone();
        }
        let mut out = BytesMut::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(bytes) => out.put_slice(bytes),
                Piece::Hidden(..) => out.put_slice(b"**********"),
            }
        }
        out.freeze()
    }

    /// The bytes to send. Only what attaches secrets to a judged hop calls this.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub fn reveal(&self) -> Result<Bytes, Error> {
        self.reveal_at(clock::now())
    }

    /// The bytes to send at this moment.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub fn reveal_at(&self, now: Instant) -> Result<Bytes, Error> {
        if let [Piece::Plain(bytes)] = self.0.as_slice() {
            return Ok(bytes.clone());
        }
        let mut out = BytesMut::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(bytes) => out.put_slice(bytes),
                Piece::Hidden(secret, form) => write(&mut out, &secret.reveal_at(now)?, *form),
            }
        }
        Ok(out.freeze())
    }
}

fn write(out: &mut BytesMut, value: &str, form: Form) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
    match form {
        Form::Raw => out.put_slice(value.as_bytes()),
        Form::Percent => {
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    out.put_u8(byte);
                } else {
                    out.put_slice(&[b'%', hex(byte >> 4), hex(byte)]);
                }
            }
        }
        Form::Json => {
            for byte in value.bytes() {
                match byte {
                    b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
                    0..=0x1f => out.put_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]),
                    _ => out.put_u8(byte),
                }
            }
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_hidden() { "Text(**********)" } else { "Text(…)" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_secret_takes_the_form_of_its_place() {
        let secret = Secret::new("env:K", "a\"b c\n/é".to_owned().into(), "f".into());
        let mut text = Text::plain("x=");
        text.push(Piece::Hidden(secret.clone(), Form::Percent));
        assert_eq!(text.reveal().unwrap(), "x=a%22b%20c%0A%2F%C3%A9");
        assert_eq!(text.masked(), "x=**********");
        assert_eq!(Text::hidden(secret.clone(), Form::Json).reveal().unwrap(), "a\\\"b c\\u000A/é");
        assert_eq!(format!("{:?}", Text::hidden(secret, Form::Raw)), "Text(**********)");
    }
}
