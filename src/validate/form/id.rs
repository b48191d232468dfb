//! Identifiers: each has one spelling.

/// Whether a text is `least..2^64` in canonical decimal. Discord's ids begin at 2^22, where their time stamps do; others count from 1.
pub fn snowflake(text: &str, least: u64) -> bool {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits && !text.starts_with('0') && text.parse::<u64>().is_ok_and(|number| number >= least)
}

/// Names for URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slug {
    /// Words of `[a-z0-9]` with single hyphens between them.
    Words,
    /// `[a-z0-9]`, then `-` and `_` as well, as path fields take them: repositories are named so.
    Open,
}

/// Longest slug.
const MAX_SLUG: usize = 128;

impl Slug {
    pub(super) fn fits(self, text: &str) -> bool {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !(1..=MAX_SLUG).contains(&text.len()) {
            return false;
        }
        match self {
            Self::Words => text.split('-').all(|word| !word.is_empty() && word.bytes().all(plain)),
            Self::Open => {
                text.bytes().next().is_some_and(plain) && text.bytes().all(|b| plain(b) || b == b'-' || b == b'_')
            }
        }
    }

    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Words => "small letters and digits with single hyphens between them",
            Self::Open => "small letters, digits, `-` and `_`",
        }
    }
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A plus and 7 to 15 digits, the first not 0.
pub(super) fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Visible ASCII without what quotes or separates fields: 1 to 255, as Stripe takes them.
pub(super) fn is_idempotency_key(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\,;".contains(&b);
    (1..=255).contains(&text.len()) && text.bytes().all(plain)
}

/// Chats of Telegram: a number of at most 52 bits that is not 0 (Bot API, "Chat"), or a public name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelegramChatId {
    /// Whether `@name` is taken as well.
    pub usernames: bool,
}

impl TelegramChatId {
    /// Whether a number names a chat.
    pub fn holds(number: i64) -> bool {
        number != 0 && number.unsigned_abs() < 1 << 52
    }

    /// Whether a text does, in canonical decimal or as `@name`.
    pub fn fits(self, text: &str) -> bool {
        match text.strip_prefix('@') {
            Some(name) => {
                let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                self.usernames
                    && (4..=32).contains(&name.len())
                    && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
                    && name.bytes().all(word)
            }
            None => super::super::number::integer(text).is_some_and(Self::holds),
        }
    }
}

/// Ids of Slack: a letter that tells what it names, then capitals and digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlackId {
    /// The first letters that are taken, as bits from `A`; none given means all.
    kinds: u32,
}

impl SlackId {
    /// Ids that begin with one of these capital letters; `None` for what is no capital letter.
    pub fn of(letters: &str) -> Option<Self> {
        let bit = |b: u8| b.is_ascii_uppercase().then(|| 1u32 << (b - b'A'));
        let kinds = letters.bytes().map(bit).try_fold(0, |all, bit| bit.map(|bit| all | bit))?;
        Some(Self { kinds })
    }

    fn takes(self, first: u8) -> bool {
        first.is_ascii_uppercase() && (self.kinds == 0 || self.kinds & (1 << (first - b'A')) != 0)
    }

    pub(super) fn fits(self, text: &str) -> bool {
        // Nine characters in the ids that Slack made first, eleven today; its documentation asks for room to grow.
        (9..=24).contains(&text.len())
            && text.bytes().next().is_some_and(|first| self.takes(first))
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }

    pub(super) fn expected(self) -> String {
        if self.kinds == 0 {
            return "a Slack id".to_owned();
        }
        let letters = (b'A'..=b'Z').filter(|letter| self.takes(*letter)).map(|letter| char::from(letter).to_string());
        format!("a Slack id that begins with {}", letters.collect::<Vec<_>>().join(" or "))
    }
}
