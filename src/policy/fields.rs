//! Header fields that a redirect leaves behind.

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderName};

/// Keeps for another origin the few fields that say what the caller reads.
pub(super) fn keep_harmless(headers: &mut HeaderMap) {
    keep(headers, |name| [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, USER_AGENT].contains(name));
}

/// Drops what describes a body that is not sent again.
///
/// Source: RFC 9110 §15.4; RFC 9530 for the digests.
pub(super) fn drop_content(headers: &mut HeaderMap) {
    keep(headers, |name| {
        let name = name.as_str();
        !name.starts_with("content-") && !["digest", "repr-digest", "last-modified"].contains(&name)
    });
}

fn keep(headers: &mut HeaderMap, kept: impl Fn(&HeaderName) -> bool) {
    let dropped: Vec<_> = headers.keys().filter(|name| !kept(name)).cloned().collect();
    dropped.iter().for_each(|name| drop(headers.remove(name)));
}
