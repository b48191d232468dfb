//! One safe way out for every place a bot speaks: text in, text out, borrowed when nothing changes.
//!
//! Each context is a table from a character to what stands for it, behind one scan for the clean prefix. Growth is linear.
//! Sources: WHATWG HTML §13.1.2; Telegram Bot API "Formatting options"; Discord's and Slack's formatting pages; RFC 3986 §2.3.

mod chat;
mod line;
mod markup;

pub use chat::{Where, discord, slack, telegram};
pub use line::{log, terminal};
pub use markup::{html, html_attribute, url_query, url_segment};

use std::borrow::Cow;

/// Rewrites `text` from the first character that `dirty` names; `write` appends what stands for a character.
fn rewrite(text: &str, dirty: impl Fn(char) -> bool, mut write: impl FnMut(char, &mut String)) -> Cow<'_, str> {
    let Some(at) = text.find(&dirty) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 16);
    out.push_str(clean);
    for c in rest.chars() {
        if dirty(c) { write(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
