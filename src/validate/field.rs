//! The types of template fields: `int`, `int(1..100)`, `str`, `slug`, `uuid`, `snowflake`, `segments`.

use std::fmt::Write;

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
    /// `[a-z0-9]`, then `-` and `_` as well; at most 128.
    Slug,
    /// A UUID in its canonical form (RFC 9562 §4).
    Uuid,
    /// A Discord or Twitter id: up to 20 digits within 64 bits.
    Snowflake,
    /// Several texts, each one segment.
    Segments,
}

/// Most segments of a `segments` field.
const MAX_SEGMENTS: usize = 64;

impl Kind {
    /// Reads `int(1..100)` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "int" => Some(Self::Int(i64::MIN, i64::MAX)),
            "str" => Some(Self::Str),
            "slug" => Some(Self::Slug),
            "uuid" => Some(Self::Uuid),
            "snowflake" => Some(Self::Snowflake),
            "segments" => Some(Self::Segments),
            _ => {
                let (low, high) = text.strip_prefix("int(")?.strip_suffix(')')?.split_once("..")?;
                let (low, high) = (integer(low)?, integer(high)?);
                (low <= high).then_some(Self::Int(low, high))
            }
        }
    }

    /// What a message says is expected.
    pub fn expected(&self) -> String {
        match self {
            Self::Int(i64::MIN, i64::MAX) => "a whole number".to_owned(),
            Self::Int(low, high) => format!("a whole number from {low} to {high}"),
            Self::Str => "a text without control characters, not a path".to_owned(),
            Self::Slug => "small letters, digits, `-` and `_`".to_owned(),
            Self::Uuid => "a UUID".to_owned(),
            Self::Snowflake => "a numeric id".to_owned(),
            Self::Segments => "a list of texts".to_owned(),
        }
    }

    /// Appends the value to `path`, encoded as its segment; false when it does not fit.
    #[must_use]
    pub fn write(&self, value: &Value, path: &mut String) -> bool {
        match (self, value) {
            (Self::Int(low, high), value) => match number(value).filter(|n| (*low..=*high).contains(n)) {
                Some(number) => write!(path, "{number}").is_ok(),
                None => false,
            },
            (Self::Snowflake, Value::Int(number)) => {
                u64::try_from(*number).is_ok_and(|n| n > 0 && write!(path, "{n}").is_ok())
            }
            (Self::Snowflake, Value::Text(text)) => push(path, text, is_snowflake(text)),
            (Self::Slug, Value::Text(text)) => push(path, text, is_slug(text)),
            (Self::Uuid, Value::Text(text)) => push(path, text, is_uuid(text)),
            (Self::Str, Value::Text(text)) => segment(path, text),
            (Self::Str, Value::Int(number)) => write!(path, "{number}").is_ok(),
            (Self::Segments, Value::List(items)) => segments(path, items),
            _ => false,
        }
    }

    /// Whether a decoded segment of a concrete path is of this type, for allow lists.
    pub fn matches(&self, segment: &str) -> bool {
        match self {
            Self::Int(low, high) => integer(segment).is_some_and(|n| (*low..=*high).contains(&n)),
            Self::Snowflake => is_snowflake(segment),
            Self::Slug => is_slug(segment),
            Self::Uuid => is_uuid(segment),
            Self::Str | Self::Segments => is_segment(segment),
        }
    }
}

fn push(path: &mut String, text: &str, fits: bool) -> bool {
    if fits {
        path.push_str(text);
    }
    fits
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

/// Canonical decimal: no plus, no leading zero, no minus zero, ASCII digits only.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = !digits.is_empty()
        && digits.len() <= 19
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0");
    if canonical { text.parse().ok() } else { None }
}

fn is_snowflake(text: &str) -> bool {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits && !text.starts_with('0') && text.parse::<u64>().is_ok()
}

fn is_slug(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let first = text.bytes().next().is_some_and(plain);
    first && text.len() <= 128 && text.bytes().all(|b| plain(b) || b == b'-' || b == b'_')
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
