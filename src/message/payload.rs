//! Ready payloads: what a platform's API takes as JSON, with every flag set to the safe side.
//!
//! | platform | method | flags |
//! |---|---|---|
//! | Discord | create message | no mention pings, `SUPPRESS_EMBEDS` |
//! | Slack | `chat.postMessage` | no markup, no names linked, nothing unfurled |
//! | Telegram | `sendMessage` | no `parse_mode`, no preview |
//! | Matrix | `m.room.message` | `m.mentions` empty, plain body |
//! | Teams | an activity | `textFormat: plain` |
//! | WhatsApp | a text message | no preview |

use std::borrow::Cow;

use serde_json::{Value, json};

use super::platform::Platform;
use super::split;
use crate::encode::{self, Where};
use crate::error::{Code, Error};

/// Discord's flag for a message without embeds. Source: Discord, "Message Flags".
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Most ids in Discord's `allowed_mentions.users`, and here on every platform.
const MAX_MENTIONS: usize = 100;

/// What a message says, and what it may do beyond being read.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Text from anywhere; escaped or sent as plain text.
    pub text: Option<String>,
    /// Text in the platform's own markup, sent as it is. Matrix: the HTML beside `text`.
    pub markup: Option<String>,
    /// Telegram: whether `markup` is HTML and not MarkdownV2.
    pub is_html: bool,
    /// Ids of those who may be pinged.
    pub mentions: Vec<String>,
    /// Whether the platform may fetch what the text links to.
    pub previews: bool,
    /// Parts that the text may become.
    pub max_parts: usize,
}

impl Draft {
    /// The messages to send, in order.
    ///
    /// # Errors
    /// `ValueError` for neither or both of `text` and `markup`, for mentions that are no ids, and for `max_parts` out of
    /// range; `InputError` as in [`split::markup`].
    pub fn payloads(&self, platform: Platform) -> Result<Vec<Value>, Error> {
        if !(1..=split::MAX_PARTS).contains(&self.max_parts) {
            return Err(usage("`max_parts` is a number from 1 to 1000."));
        }
        self.judge_mentions(platform)?;
        match (platform, &self.text, &self.markup) {
            (Platform::Matrix, Some(text), Some(html)) => self.matrix_html(text, html),
            (Platform::Matrix, None, Some(_)) => {
                Err(usage("Matrix needs `text` beside `markup`, for clients without HTML."))
            }
            (_, Some(text), None) => {
                let escaped = self.escape(platform, text);
                let parts = split::plain(&escaped, platform, self.max_parts)?;
                Ok(parts.into_iter().map(|part| self.payload(platform, part)).collect())
            }
            (_, None, Some(markup)) => {
                let parts = match platform {
                    Platform::Telegram if self.is_html => split::telegram_html(markup, self.max_parts)?,
                    _ => split::markup(markup, platform, self.max_parts)?,
                };
                Ok(parts.into_iter().map(|part| self.payload(platform, part)).collect())
            }
            _ => Err(usage("A message takes either `text` or `markup`.")),
        }
    }

    fn payload(&self, platform: Platform, part: String) -> Value {
        let is_markup = self.markup.is_some();
        match platform {
            Platform::Discord => {
                let mut mentions = json!({"parse": []});
                if let (Some(mentions), false) = (mentions.as_object_mut(), self.mentions.is_empty()) {
                    mentions.insert("users".to_owned(), json!(self.mentions));
                }
                let flags = if self.previews { 0 } else { SUPPRESS_EMBEDS };
                json!({"content": part, "allowed_mentions": mentions, "flags": flags})
            }
            Platform::Slack => json!({
                "text": part,
                "mrkdwn": is_markup || !self.mentions.is_empty(),
                "parse": "none",
                "link_names": false,
                "unfurl_links": self.previews,
                "unfurl_media": self.previews,
            }),
            Platform::Telegram if is_markup => json!({
                "text": part,
                "parse_mode": if self.is_html { "HTML" } else { "MarkdownV2" },
                "link_preview_options": {"is_disabled": !self.previews},
            }),
            Platform::Telegram => json!({"text": part, "link_preview_options": {"is_disabled": !self.previews}}),
            Platform::Matrix => json!({"msgtype": "m.text", "body": part, "m.mentions": self.matrix_mentions()}),
            Platform::Teams => {
                let format = if is_markup { "markdown" } else { "plain" };
                json!({"type": "message", "text": part, "textFormat": format})
            }
            Platform::WhatsApp => json!({
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "type": "text",
                "text": {"body": part, "preview_url": self.previews},
            }),
            Platform::Irc => json!({"text": part}),
        }
    }

    fn matrix_mentions(&self) -> Value {
        if self.mentions.is_empty() { json!({}) } else { json!({"user_ids": self.mentions}) }
    }

    /// HTML is not cut: its tags and those of the body would no longer say the same.
    fn matrix_html(&self, text: &str, html: &str) -> Result<Vec<Value>, Error> {
        let (limit, unit) = Platform::Matrix.limit();
        if unit.of(text) + unit.of(html) > limit {
            return Err(Error::new(Code::InputMessage).saying("The text is too long to be sent."));
        }
        let parts = split::plain(text, Platform::Matrix, 1)?;
        let mentions = self.matrix_mentions();
        let whole = |part: String| {
            json!({
                "msgtype": "m.text",
                "body": part,
                "format": "org.matrix.custom.html",
                "formatted_body": html,
                "m.mentions": mentions,
            })
        };
        Ok(parts.into_iter().map(whole).collect())
    }

    /// Text as the platform's field needs it, the mentions that were asked for left whole.
    fn escape<'a>(&self, platform: Platform, text: &'a str) -> Cow<'a, str> {
        let escape: fn(&str) -> Cow<'_, str> = match platform {
            Platform::Discord => |text| encode::discord(text, Where::Text),
            Platform::Slack => |text| encode::slack(text),
            // No field for plain text and no escape: its marks become their full-width twins.
            Platform::WhatsApp => |text| encode::whatsapp(text),
            _ => return Cow::Borrowed(text),
        };
        if self.mentions.is_empty() {
            return escape(text);
        }
        let (mut out, mut rest) = (String::with_capacity(text.len() + 16), text);
        let (mut from, mut pieces) = (0, Vec::new());
        for (at, _) in text.match_indices("<@") {
            let id = text.get(at + 2..).and_then(|rest| rest.get(..rest.bytes().take(MAX_ID).position(|b| b == b'>')?));
            if let Some(id) = id.filter(|id| self.mentions.iter().any(|mention| mention == id)) {
                pieces.push((from..at, at..at + id.len() + 3));
                from = at + id.len() + 3;
            }
        }
        for (before, mention) in pieces {
            rest = text.get(mention.end..).unwrap_or("");
            out.push_str(&escape(text.get(before).unwrap_or("")));
            out.push_str(text.get(mention).unwrap_or(""));
        }
        out.push_str(&escape(rest));
        Cow::Owned(out)
    }

    fn judge_mentions(&self, platform: Platform) -> Result<(), Error> {
        let is_id: fn(&str) -> bool = match platform {
            Platform::Discord => is_snowflake,
            Platform::Slack => is_slack_user,
            Platform::Matrix => is_matrix_user,
            _ if self.mentions.is_empty() => return Ok(()),
            _ => return Err(usage("`mentions` is for Discord, Slack and Matrix.")),
        };
        if self.mentions.len() > MAX_MENTIONS {
            return Err(usage("`mentions` takes at most 100 ids."));
        }
        if self.mentions.iter().all(|id| is_id(id)) {
            return Ok(());
        }
        Err(usage("An entry of `mentions` is not the id of a user."))
    }
}

/// Longest id that a mention in the text is compared with.
const MAX_ID: usize = 64;

fn is_snowflake(id: &str) -> bool {
    id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0') && id.parse::<u64>().is_ok()
}

/// Source: Slack's user ids begin with `U` or `W`.
fn is_slack_user(id: &str) -> bool {
    (3..=MAX_ID).contains(&id.len())
        && id.starts_with(['U', 'W'])
        && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `@localpart:server`, at most 255 bytes. Source: Matrix specification, appendices, "User identifiers".
fn is_matrix_user(id: &str) -> bool {
    let local = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._=-/+".contains(&b);
    let server = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let halves = id.strip_prefix('@').and_then(|rest| rest.split_once(':'));
    id.len() <= 255
        && halves.is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && name.bytes().all(local) && host.bytes().all(server)
        })
}

fn usage(said: &str) -> Error {
    Error::new(Code::UsageValue).saying(said)
}
