//! What stands in a hole, and how a value is written there.

use std::borrow::Cow;
use std::fmt::Write;

use super::link;
use crate::encode::{self, Where};

/// What a value means at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Text.
    Text,
    /// A whole link, judged.
    Link,
    /// A part of a link behind its host.
    Part(link::Part),
    /// A JSON value in a script.
    Json,
    /// Inside a string of a script or of JSON.
    JsString,
    /// Inside a string of a style.
    CssString,
    /// Digits, as in `<@42>` or `<t:0:R>`.
    Digits,
    /// Capitals and digits, as in Slack's `<@U024BE7LH>`.
    Id,
}

/// How the platform writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Html,
    Attribute,
    Telegram(Where),
    /// A line of a quotation: the next line stays one.
    TelegramQuote,
    Discord(Where),
    /// Behind a `[` of the literal, which a value must not close.
    DiscordBracket,
    DiscordQuote,
    Slack,
    SlackCode,
    SlackQuote,
    Terminal,
    /// As it is: what it means has made it safe.
    Plain,
}

/// The place of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    pub(super) what: What,
    pub(super) out: Out,
    /// Whether markup that is safe already may stand here.
    pub(super) markup: bool,
    /// What stands for an empty value, where nothing would join the characters around it.
    pub(super) empty: &'static str,
    /// Whether the value would finish a heading, a list or a link that the literal began, if it began with a blank, a full
    /// stop or a parenthesis.
    pub(super) guard: bool,
}

/// What a value would have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

/// Zero-width space.
pub(super) const BREAK: &str = "\u{200b}";

impl Hole {
    pub(super) const fn new(what: What, out: Out) -> Self {
        Self { what, out, markup: false, empty: "", guard: false }
    }

    /// Whether rendered templates and text that is marked as safe may stand here.
    pub fn takes_markup(&self) -> bool {
        self.markup
    }

    /// Whether a JSON value stands here.
    pub fn takes_json(&self) -> bool {
        self.what == What::Json
    }

    /// Writes a text.
    ///
    /// # Errors
    /// [`Unfit`] when no escape makes it fit: a link of another scheme, a dot segment, an id that is none.
    pub fn write(&self, value: &str, out: &mut String) -> Result<(), Unfit> {
        let meant = match self.what {
            What::Text => Cow::Borrowed(value),
            What::Link => Cow::Owned(link::judge(value)?),
            What::Part(part) => part.write(value)?,
            What::Json => return Err(Unfit("JSON")),
            What::JsString => Cow::Owned(js_string(value)),
            What::CssString => encode::css_string(value),
            What::Digits if is_number(value) => Cow::Borrowed(value),
            What::Digits => return Err(Unfit("an id or time in digits")),
            What::Id if is_id(value) => Cow::Borrowed(value),
            What::Id => return Err(Unfit("an id of capitals and digits")),
        };
        self.encode(&meant, out);
        Ok(())
    }

    /// Writes JSON into a script, with spaces around what would join the word before it.
    pub fn write_json(&self, json: &str, out: &mut String) {
        out.push(' ');
        for c in json.chars() {
            match c {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => unicode_escape(c, out),
                _ => out.push(c),
            }
        }
        out.push(' ');
    }

    fn encode(&self, text: &str, out: &mut String) {
        if text.is_empty() {
            out.push_str(self.empty);
            return;
        }
        if self.guard && text.starts_with([' ', '\t', '.', ')', '(']) {
            out.push_str(BREAK);
        }
        match self.out {
            Out::Html => out.push_str(&encode::html(text)),
            Out::Attribute => out.push_str(&encode::html_attribute(text)),
            Out::Telegram(place) => out.push_str(&encode::telegram(text, place)),
            Out::TelegramQuote => quoted(&encode::telegram(text, Where::Text), ">", out),
            Out::Discord(Where::Code) => code(text, out),
            Out::Discord(place) => out.push_str(&encode::discord(text, place)),
            Out::DiscordBracket => out.push_str(&encode::discord(text, Where::Text).replace(']', "\\]")),
            Out::DiscordQuote => quoted(&encode::discord(text, Where::Text).replace(']', "\\]"), "> ", out),
            Out::Slack => out.push_str(&encode::slack(text)),
            Out::SlackCode => code(&encode::slack(text), out),
            Out::SlackQuote => quoted(&encode::slack(text), "> ", out),
            Out::Terminal => out.push_str(&encode::terminal(text)),
            Out::Plain => out.push_str(text),
        }
    }
}

/// Code has no escape: its mark is replaced by one that looks like it, and never left alone.
fn code(text: &str, out: &mut String) {
    if text.chars().all(char::is_whitespace) {
        out.push_str(BREAK);
    }
    out.extend(text.chars().map(|c| if c == '`' { '\u{2cb}' } else { c }));
}

/// Keeps each line of a value inside the quotation.
fn quoted(text: &str, mark: &str, out: &mut String) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            out.push_str(mark);
        }
        out.push_str(line);
    }
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn unicode_escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// The inside of a string that JavaScript and JSON read alike, in either quotes, in a script element. Each escape is of one
/// length, so that no text behind it can lengthen it.
fn js_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        let plain = matches!(c, ' ' | '!' | '#'..='%' | '('..='.' | '0'..=';' | '?'..='[' | ']'..='_' | 'a'..='~');
        if plain || c > '\u{9f}' && !matches!(c, '\u{2028}' | '\u{2029}') {
            out.push(c);
        } else {
            unicode_escape(c, &mut out);
        }
    }
    out
}
