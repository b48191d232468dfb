//! Telegram, Slack, Matrix, Teams and WhatsApp. Discord has a file of its own.

use std::borrow::Cow;
use std::fmt::Write;

use super::lines::{Start, ends, turns, walk};
use super::markup::{html, is_html};
use super::table::{Table, suspects};

/// Where in a message the text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Running text.
    Text,
    /// Inside code.
    Code,
    /// Telegram: inside a link's `(…)`. Discord: inside a masked link's `[…]`.
    Link,
}

static TELEGRAM: Table = Table::backslashed(b"_*[]()~`>#+-=|{}.!\\");
static TELEGRAM_CODE: Table = Table::backslashed(b"`\\");
static TELEGRAM_LINK: Table = Table::backslashed(b")\\");

const fn is_telegram(byte: u8) -> bool {
    (byte == b'!')
        | (byte == b'#')
        | (byte.wrapping_sub(b'(') < 4)
        | (byte.wrapping_sub(b'-') < 2)
        | (byte.wrapping_sub(b'=') < 2)
        | (byte.wrapping_sub(b'[') < 3)
        | (byte.wrapping_sub(b'_') < 2)
        | (byte.wrapping_sub(b'{') < 4)
}

const fn is_telegram_code(byte: u8) -> bool {
    (byte == b'`') | (byte == b'\\')
}

const fn is_telegram_link(byte: u8) -> bool {
    (byte == b')') | (byte == b'\\')
}

/// Telegram's MarkdownV2. Source: Bot API, "MarkdownV2 style".
pub fn telegram(text: &str, place: Where) -> Cow<'_, str> {
    match place {
        Where::Text => TELEGRAM.apply(text, is_telegram),
        Where::Code => TELEGRAM_CODE.apply(text, is_telegram_code),
        Where::Link => TELEGRAM_LINK.apply(text, is_telegram_link),
    }
}

static TELEGRAM_HTML: Table =
    Table::of(&[(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;"), (b'"', "&quot;"), (b'\'', "&#39;")]);

/// Telegram's HTML, as text and as a quoted attribute value: the named entities that Telegram knows, and numbers.
/// Source: Bot API, "HTML style".
pub fn telegram_html(text: &str) -> Cow<'_, str> {
    TELEGRAM_HTML.apply(text, is_html)
}

static SLACK: Table = Table::of(&[(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;")]);
static SLACK_MARKDOWN: Table = Table::of(&[(b'<', "&lt;"), (b'>', "&gt;")]);

const fn is_slack(byte: u8) -> bool {
    (byte | 2 == b'>') | (byte == b'&')
}

const fn is_slack_markdown(byte: u8) -> bool {
    byte | 2 == b'>'
}

/// Slack's mrkdwn: the three characters that its control sequences need. Source: Slack, "Escaping text".
pub fn slack(text: &str) -> Cow<'_, str> {
    SLACK.apply(text, is_slack)
}

/// Slack's `markdown` block, another syntax: an ampersand stays, because an entity there would change links.
pub fn slack_markdown(text: &str) -> Cow<'_, str> {
    SLACK_MARKDOWN.apply(text, is_slack_markdown)
}

/// Text in a `formatted_body` of Matrix. Source: Matrix client-server API v1.18, "m.room.message msgtypes".
pub fn matrix_html(text: &str) -> Cow<'_, str> {
    html(text)
}

const fn may_change_in_teams(b: u8) -> bool {
    is_html(b)
        | (b == b'\\')
        | (b == b'*')
        | (b == b'#')
        | (b.wrapping_sub(b'+') < 4)
        | (b.wrapping_sub(b'[') < 6)
        | (b == b'|')
        | (b == b'~')
        | turns(b)
}

/// Teams' `markdown` and `xml` formats: references for what either reads, because only HTML's rule is documented for both.
/// Source: Microsoft Teams, "Format your bot messages".
pub fn teams(text: &str) -> Cow<'_, str> {
    walk(text, suspects!(may_change_in_teams), |draft, at, c, next, start| {
        let stands = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\\' | '*' | '_' | '~' | '`' | '[' | ']' | '#' | '|' | '\'' => "",
            '-' | '+' if start == Start::Line && ends(next) => "",
            '.' if start == Start::Number && ends(next) => "",
            _ => return,
        };
        let out = draft.put(at, 1);
        out.push_str(stands);
        if stands.is_empty() {
            let _ = write!(out, "&#{};", u32::from(c));
        }
    })
}

/// The full-width form of a character, which looks alike and means nothing to markdown.
pub(super) fn twin(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    }
}

const fn may_change_in_whatsapp(b: u8) -> bool {
    (b == b'*') | (b == b'_') | (b == b'~') | (b == b'`') | (b.wrapping_sub(b'-') < 2) | (b == b'>') | turns(b)
}

/// WhatsApp's markers have no escape, so their full-width forms stand for them; an underscore within a word stays.
pub fn whatsapp(text: &str) -> Cow<'_, str> {
    walk(text, suspects!(may_change_in_whatsapp), |draft, at, c, next, start| {
        let marker = match c {
            '*' | '~' | '`' => true,
            '_' => {
                let before = text.get(..at).and_then(|text| text.chars().next_back());
                let within = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !(within(before) && within(next.chars().next()))
            }
            '>' | '-' => start == Start::Line && ends(next),
            '.' => start == Start::Number && ends(next),
            _ => false,
        };
        if marker {
            draft.put(at, 1).push(twin(c));
        }
    })
}

#[cfg(test)]
pub(super) fn tables() -> Vec<(&'static Table, fn(u8) -> bool)> {
    vec![
        (&TELEGRAM, is_telegram),
        (&TELEGRAM_CODE, is_telegram_code),
        (&TELEGRAM_LINK, is_telegram_link),
        (&TELEGRAM_HTML, is_html),
        (&SLACK, is_slack),
        (&SLACK_MARKDOWN, is_slack_markdown),
    ]
}
