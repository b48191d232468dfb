//! Telegram, Discord and Slack.

use std::borrow::Cow;

use super::rewrite;

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

/// Telegram's MarkdownV2. Source: Bot API, "MarkdownV2 style".
pub fn telegram(text: &str, place: Where) -> Cow<'_, str> {
    let dirty = move |c: char| match place {
        Where::Text => {
            matches!(
                c,
                '_' | '*'
                    | '['
                    | ']'
                    | '('
                    | ')'
                    | '~'
                    | '`'
                    | '>'
                    | '#'
                    | '+'
                    | '-'
                    | '='
                    | '|'
                    | '{'
                    | '}'
                    | '.'
                    | '!'
                    | '\\'
            )
        }
        Where::Code => matches!(c, '`' | '\\'),
        Where::Link => matches!(c, ')' | '\\'),
    };
    rewrite(text, dirty, |c, out| out.extend(['\\', c]))
}

/// Zero-width space: keeps `@everyone` readable and inert.
const BREAK: char = '\u{200b}';

/// Discord's markdown: emphasis, spoilers, code, masked links, headings, lists, quotes, mentions and timestamps are inert.
/// A mention is only sure to stay silent with `allowed_mentions: {"parse": []}`.
pub fn discord(text: &str, place: Where) -> Cow<'_, str> {
    if place == Where::Code {
        // A code block has no escape: its fence is broken instead.
        return rewrite(text, |c| c == '`', |c, out| out.extend([c, BREAK]));
    }
    let dirty = |c: char| {
        matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '(' | ')' | '<' | '>' | '#' | '@' | '-' | '+' | '.' | ':'
        )
    };
    if !text.contains(dirty) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 4 + 16);
    let mut start = Start::Line;
    for c in text.chars() {
        match c {
            '@' => out.extend(['@', BREAK]),
            // A bare address would become a link of its own inside a link's label.
            ':' if place == Where::Link => out.extend(['\\', ':']),
            ':' => out.push(':'),
            '-' | '+' if start != Start::Line => out.push(c),
            '.' if start != Start::Number => out.push('.'),
            _ if dirty(c) => out.extend(['\\', c]),
            _ => out.push(c),
        }
        start = start.after(c);
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// What precedes a character on its line: lists and headings begin there only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Line,
    Number,
    Within,
}

impl Start {
    fn after(self, c: char) -> Self {
        match (self, c) {
            (_, '\n' | '\r') => Self::Line,
            (Self::Line, c) if c.is_whitespace() || c == '>' => Self::Line,
            (Self::Line | Self::Number, c) if c.is_ascii_digit() => Self::Number,
            _ => Self::Within,
        }
    }
}

/// Slack's mrkdwn: the three characters that its control sequences need. Source: Slack, "Escaping text".
pub fn slack(text: &str) -> Cow<'_, str> {
    rewrite(
        text,
        |c| matches!(c, '&' | '<' | '>'),
        |c, out| {
            out.push_str(match c {
                '&' => "&amp;",
                '<' => "&lt;",
                _ => "&gt;",
            });
        },
    )
}
