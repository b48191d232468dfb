//! The types of template fields: `int`, `int(1..100)`, `str(1..64)`, `slug`, `email`, `one_of(open|closed)` and their kin.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::form::{Email, Form, Hostname, HttpsUrl, Ip, Length, SlackId, Slug, TelegramChatId, Text, snowflake};
use super::number::{integer, whole};
use super::segment::is_segment;
use super::template::Value;
use crate::encode;

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds.
    Int(i64, i64),
    /// Any text that can be one path segment.
    Str,
    /// A Discord or Twitter id: up to 20 digits within 64 bits.
    Snowflake,
    /// A chat of Telegram: a number, or `@name`.
    TelegramChatId,
    /// Text of a form that `botsec.validate` knows as well.
    Form(Form),
    /// Several texts, each one segment.
    Segments,
}

/// Most segments of a `segments` field.
const MAX_SEGMENTS: usize = 64;

impl Kind {
    /// Every name, for hints.
    pub const NAMES: &'static str = "int, int(1..100), str, str(1..64), text, text(1..64), slug, uuid, snowflake, \
        telegram_chat_id, slack_id, email, e164, https_url, hostname, ip, ipv4, ipv6, date, datetime, idempotency_key, \
        one_of(a|b), segments";

    /// Reads `int(1..100)` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((name, inside)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            return match name {
                "int" => bounds(inside).map(|bounds| Self::Int(*bounds.start(), *bounds.end())),
                "str" => lengths(inside).map(|length| Self::Form(Form::Str(length))),
                "text" => lengths(inside).map(|length| Self::Form(Form::Text(Text { length, ..Text::default() }))),
                "one_of" => names(inside).map(|names| Self::Form(Form::OneOf(names))),
                _ => None,
            };
        }
        let form = match text {
            "int" => return Some(Self::Int(i64::MIN, i64::MAX)),
            "str" => return Some(Self::Str),
            "snowflake" => return Some(Self::Snowflake),
            "telegram_chat_id" => return Some(Self::TelegramChatId),
            "segments" => return Some(Self::Segments),
            "text" => Form::Text(Text::default()),
            "slug" => Form::Slug(Slug::Open),
            "uuid" => Form::Uuid,
            "slack_id" => Form::SlackId(SlackId::default()),
            "email" => Form::Email(Email::default()),
            "e164" => Form::E164,
            "https_url" => Form::HttpsUrl(HttpsUrl::default()),
            "hostname" => Form::Hostname(Hostname::default()),
            "ip" => Form::Ip(Ip::default()),
            "ipv4" => Form::Ip(Ip { version: Some(4), public: None }),
            "ipv6" => Form::Ip(Ip { version: Some(6), public: None }),
            "date" => Form::Date,
            "datetime" => Form::DateTime,
            "idempotency_key" => Form::IdempotencyKey,
            _ => return None,
        };
        Some(Self::Form(form))
    }

    /// What a message says is expected.
    pub fn expected(&self) -> String {
        match self {
            Self::Int(low, high) => whole(*low, *high),
            Self::Str => "a text without control characters, not a path".to_owned(),
            Self::Snowflake => "a numeric id".to_owned(),
            Self::TelegramChatId => "a Telegram chat id".to_owned(),
            Self::Form(form) => form.expected(),
            Self::Segments => "a list of texts".to_owned(),
        }
    }

    /// The value as text, not yet encoded for its place; `None` when it does not fit. A list fits nothing here.
    pub fn read<'a>(&self, value: &'a Value) -> Option<Cow<'a, str>> {
        match (self, value) {
            (Self::Int(low, high), value) => {
                let number = number(value).filter(|number| (*low..=*high).contains(number))?;
                Some(number.to_string().into())
            }
            (Self::Snowflake, Value::Int(number)) => {
                u64::try_from(*number).ok().filter(|number| *number > 0).map(|number| number.to_string().into())
            }
            (Self::TelegramChatId, Value::Int(number)) => {
                let number = i64::try_from(*number).ok().filter(|number| TelegramChatId::holds(*number))?;
                Some(number.to_string().into())
            }
            (Self::Str, Value::Int(number)) => Some(number.to_string().into()),
            (Self::Form(form), Value::Text(text)) => form.read(text),
            (_, Value::Text(text)) => self.matches(text).then_some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    /// Appends the value to `path`, encoded as its segment; false when it does not fit.
    #[must_use]
    pub fn write(&self, value: &Value, path: &mut String) -> bool {
        match (self, value) {
            (Self::Segments, Value::List(items)) => segments(path, items),
            _ => self.read(value).is_some_and(|text| segment(path, &text)),
        }
    }

    /// Whether a decoded segment of a concrete path is of this type, for allow lists.
    pub fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Int(low, high) => integer(segment).is_some_and(|n| (*low..=*high).contains(&n)),
            Self::Snowflake => snowflake(segment, 1),
            Self::TelegramChatId => TelegramChatId { usernames: true }.fits(segment),
            Self::Form(form) => form.fits(segment) && is_segment(segment),
            Self::Str | Self::Segments => is_segment(segment),
        }
    }
}

/// `1..100`, in canonical numbers, the lower one first.
fn bounds(text: &str) -> Option<RangeInclusive<i64>> {
    let (low, high) = text.split_once("..")?;
    let (low, high) = (integer(low)?, integer(high)?);
    (low <= high).then_some(low..=high)
}

fn lengths(text: &str) -> Option<Length> {
    let bounds = bounds(text)?;
    let (min, max) = (usize::try_from(*bounds.start()).ok()?, usize::try_from(*bounds.end()).ok()?);
    Some(Length::chars(min, max))
}

/// `open|closed`: names that need no encoding.
fn names(text: &str) -> Option<Vec<String>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.split('|').map(|name| (is_segment(name) && name.bytes().all(plain)).then(|| name.to_owned())).collect()
}

fn segment(path: &mut String, text: &str) -> bool {
    let fits = is_segment(text);
    if fits {
        path.push_str(&encode::url_query(text));
    }
    fits
}

fn segments(path: &mut String, items: &[Value]) -> bool {
    if items.is_empty() || items.len() > MAX_SEGMENTS {
        return false;
    }
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            path.push('/');
        }
        if !Kind::Str.write(item, path) {
            return false;
        }
    }
    true
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => i64::try_from(*number).ok(),
        Value::Text(text) => integer(text),
        _ => None,
    }
}
