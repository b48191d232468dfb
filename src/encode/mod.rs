//! One safe way out for every place a bot speaks: text in, text out, borrowed when nothing changes.
//!
//! Each context is a table from a byte to what stands for it, or a judge of single characters, behind one scan for clean
//! text. Growth is linear. Sources: WHATWG HTML §13.1.2; Telegram Bot API "Formatting options"; the formatting pages of
//! Discord, Slack, Matrix and Teams; RFC 3986 §2.3; ECMA-48; RFC 4515.

mod chat;
mod data;
mod discord;
mod line;
mod lines;
mod markup;
mod nesting;
mod sanitize;
mod scan;
mod table;
mod web;

pub use chat::{Where, matrix_html, slack, slack_markdown, teams, telegram, telegram_html, whatsapp};
pub use data::{csv_cell, ldap, sql_like};
pub use discord::discord;
pub use line::{irc, log, terminal};
pub use markup::{Width, css_string, html, html_attribute, html_units, js_string, json_in_script};
pub use sanitize::{MATRIX_TAGS, Profile, Tag, sanitize_html};
pub use web::{link, url_query, url_segment};

#[cfg(test)]
mod tests;
