//! https URLs that need no repair: every parser reads them alike.

use crate::url::SafeUrl;

/// https URLs as RFC 3986 writes them, with a canonical host. Where they lead is the client's policy to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpsUrl {
    /// Whether hosts in their own script are taken.
    pub idna: bool,
}

impl HttpsUrl {
    pub(super) fn fits(self, text: &str) -> bool {
        let Ok(url) = SafeUrl::parse(text) else { return false };
        let rest = text.get("https://".len()..).unwrap_or("");
        let (authority, tail) =
            rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or_default();
        let (before, fragment) = tail.split_once('#').unwrap_or((tail, ""));
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        // Dot segments, in any spelling, are what a parser takes away.
        let whole = url.path_and_query().0 == if path.is_empty() { "/" } else { path };
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        whole
            && (self.idna || authority.is_ascii())
            && !name.ends_with('.')
            && [path, query, fragment].into_iter().all(is_spelled)
    }
}

/// RFC 3986 §3.3 to §3.5: characters of a path, a query or a fragment, and `%` only before two hexadecimal digits.
fn is_spelled(part: &str) -> bool {
    let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
    let mut bytes = part.as_bytes().iter();
    while let Some(&b) = bytes.next() {
        let fine = match b {
            b'%' => hex(bytes.next()) && hex(bytes.next()),
            _ => b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&b),
        };
        if !fine {
            return false;
        }
    }
    true
}
