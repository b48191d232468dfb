//! Cells, filters and patterns.

use std::borrow::Cow;

use super::line::is_invisible;
use super::table::Table;

/// One cell of a CSV file: text that a spreadsheet would run as a formula gets an apostrophe. The quotes that CSV itself
/// needs are the writer's. Plain negative numbers stay. Source: OWASP "CSV Injection".
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let shown = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c));
    let breaks = text.starts_with(['\t', '\r', '\n', '\0']);
    // Spreadsheets fold full-width forms when they read a cell.
    let formula = shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if breaks || formula && !is_negative_number(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn is_negative_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('-').is_some_and(|number| match number.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(number),
    })
}

static LDAP: Table = Table::of(&[(b'\\', "\\5c"), (b'*', "\\2a"), (b'(', "\\28"), (b')', "\\29"), (b'\0', "\\00")]);

const fn is_ldap(byte: u8) -> bool {
    (byte.wrapping_sub(b'(') < 3) | (byte == b'\\') | (byte == 0)
}

/// A value in an LDAP search filter; not a distinguished name. Source: RFC 4515 §3.
pub fn ldap(text: &str) -> Cow<'_, str> {
    LDAP.apply(text, is_ldap)
}

static LIKE: Table = Table::of(&[(b'/', "//"), (b'%', "/%"), (b'_', "/_")]);

const fn is_like(byte: u8) -> bool {
    (byte == b'/') | (byte == b'%') | (byte == b'_')
}

/// Text for a bound parameter of `LIKE … ESCAPE '/'`: wildcards are literal. It quotes nothing.
pub fn sql_like(text: &str) -> Cow<'_, str> {
    LIKE.apply(text, is_like)
}

#[cfg(test)]
pub(super) fn tables() -> Vec<(&'static Table, fn(u8) -> bool)> {
    vec![(&LDAP, is_ldap), (&LIKE, is_like)]
}
