//! The places where a message may go: how long it may be there, in which unit, and what its markup holds together.

/// A chat platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Discord: content of a message.
    Discord,
    /// Slack: `text` of `chat.postMessage`, and mrkdwn.
    Slack,
    /// Telegram: `sendMessage`, and MarkdownV2.
    Telegram,
    /// Matrix: the body of `m.room.message`.
    Matrix,
    /// Microsoft Teams: the text of an activity.
    Teams,
    /// WhatsApp: the body of a text message.
    WhatsApp,
    /// IRC: one line of `PRIVMSG`.
    Irc,
}

/// What a platform counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode code points.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Utf8,
    /// Bytes of UTF-8 as a JSON string holds them, escapes included.
    JsonUtf8,
    /// UTF-16 code units as a JSON string holds them, escapes included.
    JsonUtf16,
}

impl Unit {
    /// How much `text` takes.
    pub fn of(self, text: &str) -> usize {
        match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
            Self::Utf8 => text.len(),
            Self::JsonUtf8 => text.chars().map(|c| escaped(c).unwrap_or(c.len_utf8())).sum(),
            Self::JsonUtf16 => text.chars().map(|c| escaped(c).unwrap_or(c.len_utf16())).sum(),
        }
    }
}

/// The length of a character's escape in JSON, if it needs one (RFC 8259 §7).
fn escaped(c: char) -> Option<usize> {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' => Some(2),
        _ if c.is_ascii_control() => Some(6),
        _ => None,
    }
}

impl Platform {
    /// Every platform, for tests and documentation.
    pub const ALL: [Self; 7] =
        [Self::Discord, Self::Slack, Self::Telegram, Self::Matrix, Self::Teams, Self::WhatsApp, Self::Irc];

    /// The name in `platform=`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Telegram => "telegram",
            Self::Matrix => "matrix",
            Self::Teams => "teams",
            Self::WhatsApp => "whatsapp",
            Self::Irc => "irc",
        }
    }

    /// The platform of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// What is counted, and how much of it one message holds.
    pub fn limit(self) -> (usize, Unit) {
        match self {
            // 2,000 code points; Discord's staff in discord-api-docs issue 1315.
            Self::Discord => (2_000, Unit::Chars),
            // Slack cuts at 40,000, but breaks texts beyond 4,000 by itself, at any place, and edits no longer ones.
            Self::Slack => (4_000, Unit::Utf16),
            // 4,096 after entities are parsed, in the unit of their offsets; markup is never shorter than its text.
            Self::Telegram => (4_096, Unit::Utf16),
            // An event is 65,536 bytes with its signatures, and base64 when the room is encrypted: 4/3 of this and 10 KB.
            Self::Matrix => (40_000, Unit::JsonUtf8),
            // An activity is 100 KB as UTF-16; its other fields get a fifth.
            Self::Teams => (40_000, Unit::JsonUtf16),
            Self::WhatsApp => (4_096, Unit::Utf16),
            // 512 bytes with prefix, command, target and CR LF (RFC 2812 §2.3).
            Self::Irc => (400, Unit::Utf8),
        }
    }
}
