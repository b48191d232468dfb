//! The forms that a text can have: one judge each, shared by path fields, query fields and `botsec.validate`.

mod email;
mod hostname;
mod https;
mod id;
mod idna;
mod ip;
mod length;
mod letters;
mod pattern;
mod text;
mod time;

use std::borrow::Cow;

use super::header;

pub use email::Email;
pub use hostname::Hostname;
pub use https::HttpsUrl;
pub use id::{SlackId, Slug, TelegramChatId, snowflake};
pub use ip::Ip;
pub use length::{Length, Unit};
pub use pattern::Pattern;
pub use text::{Newlines, Text};

/// A form of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text within a length.
    Str(Length),
    /// Text that shows what it holds.
    Text(Text),
    /// A name for URLs.
    Slug(Slug),
    /// What a regular expression says.
    Pattern(Pattern),
    /// One of these.
    OneOf(Vec<String>),
    /// A UUID in its canonical form (RFC 9562 §4).
    Uuid,
    /// A Slack id.
    SlackId(SlackId),
    /// A mail address.
    Email(Email),
    /// A telephone number (ITU-T E.164).
    E164,
    /// An https URL.
    HttpsUrl(HttpsUrl),
    /// A name of a host.
    Hostname(Hostname),
    /// An IP address.
    Ip(Ip),
    /// A day (RFC 3339 `full-date`).
    Date,
    /// A moment (RFC 3339 `date-time`).
    DateTime,
    /// A name of a header field that a caller may set.
    HeaderName,
    /// A value of a header field.
    HeaderValue,
    /// A key that makes a repeat safe.
    IdempotencyKey,
}

impl Form {
    /// The text in its form: as it is, or rewritten where the form asks for it (line ends, NFC, A-labels). Linear time.
    pub fn read<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let same = |fits: bool| fits.then_some(Cow::Borrowed(text));
        match self {
            Self::Text(form) => form.read(text),
            Self::Email(form) => form.read(text),
            Self::Hostname(form) => form.read(text),
            Self::Str(length) => same(length.fits(text)),
            Self::Slug(form) => same(form.fits(text)),
            Self::Pattern(form) => same(form.fits(text)),
            Self::OneOf(names) => same(names.iter().any(|name| name == text)),
            Self::Uuid => same(id::is_uuid(text)),
            Self::SlackId(form) => same(form.fits(text)),
            Self::E164 => same(id::is_e164(text)),
            Self::HttpsUrl(form) => same(form.fits(text)),
            Self::Ip(form) => same(form.fits(text)),
            Self::Date => same(time::is_date(text)),
            Self::DateTime => same(time::is_date_time(text)),
            Self::HeaderName => same(header::is_open(text)),
            Self::HeaderValue => same(header::value(text).is_ok()),
            Self::IdempotencyKey => same(id::is_idempotency_key(text)),
        }
    }

    /// Whether a text has the form.
    pub fn fits(&self, text: &str) -> bool {
        self.read(text).is_some()
    }

    /// What a message says is expected.
    pub fn expected(&self) -> String {
        let fixed = match self {
            Self::Str(length) => return length.expected(),
            Self::Text(form) => return form.expected(),
            Self::Pattern(form) => return form.expected(),
            Self::Slug(form) => form.expected(),
            Self::Ip(form) => return form.expected(),
            Self::SlackId(form) => return form.expected(),
            Self::OneOf(names) => return one_of(names.iter().map(|name| format!("`{name}`"))),
            Self::Uuid => "a UUID",
            Self::Email(_) => "an e-mail address",
            Self::E164 => "a telephone number such as +14155552671",
            Self::HttpsUrl(_) => "an https URL",
            Self::Hostname(_) => "a host name",
            Self::Date => "a date such as 2026-12-31",
            Self::DateTime => "a date and time with an offset, such as 2026-12-31T23:59:59Z",
            Self::HeaderName => "a header name",
            Self::HeaderValue => "a header value",
            Self::IdempotencyKey => "a key of 1 to 255 visible characters",
        };
        fixed.to_owned()
    }
}

/// Most choices that a message spells out.
const NAMED: usize = 12;

/// `one of a, b or c`, for messages.
pub fn one_of(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 1) {
        names.truncate(NAMED);
        names.push(format!("{more} others"));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("one of {} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests;
