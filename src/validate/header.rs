//! Header names and values that cannot end their field (RFC 9110 §5).

use crate::error::{Code, Error};

/// Longest value: 8 KiB, what servers take.
const MAX_VALUE: usize = 8 * 1024;

/// Checks a field name: an RFC 9110 token.
///
/// # Errors
/// `InputError` without the name.
pub fn name(name: &str) -> Result<(), Error> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.is_empty() && name.len() <= 256 && name.bytes().all(token) {
        return Ok(());
    }
    Err(Error::new(Code::InputHeader).saying("A header name is not valid."))
}

/// Checks a field value: visible ASCII, space and tab inside; nothing that ends or folds a line.
///
/// # Errors
/// `InputError` without the value.
pub fn value(value: &str) -> Result<(), Error> {
    let fine = |b: u8| b == b'\t' || (0x20..0x7f).contains(&b);
    let trimmed = value.trim_matches([' ', '\t']).len() == value.len();
    if value.len() <= MAX_VALUE && trimmed && value.bytes().all(fine) {
        return Ok(());
    }
    Err(Error::new(Code::InputHeader).saying("A header value was not accepted."))
}

/// Whether a caller may give a field of this name as plain text: a token that neither frames the message nor carries a
/// credential.
pub fn is_open(text: &str) -> bool {
    name(text).is_ok() && !is_reserved(text) && !is_credential(text)
}

/// Whether a field carries a credential: it takes a `Secret`, never plain text.
pub fn is_credential(name: &str) -> bool {
    const WHOLE: [&str; 8] =
        ["api-key", "authentication", "cookie", "cookie2", "password", "secret", "token", "x-auth"];
    const TAIL: [&str; 15] = [
        "-access-key",
        "-api-key",
        "-application-key",
        "-auth-key",
        "-functions-key",
        "-master-key",
        "-password",
        "-private-key",
        "-rapidapi-key",
        "-secret",
        "-secret-key",
        "-subscription-key",
        "-token",
        "apikey",
        "authorization",
    ];
    let name = name.to_ascii_lowercase().replace('_', "-");
    WHOLE.contains(&name.as_str()) || TAIL.iter().any(|tail| name.ends_with(tail))
}

/// Whether a field frames the message or belongs to the connection: we write it ourselves.
pub fn is_reserved(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "http2-settings",
        "accept-encoding",
    ];
    name.starts_with(':') || NAMES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_line() {
        for bad in ["a\r\nX: y", "a\nb", "a\0b", "a\u{7f}", "é", "\r", " a", "a "] {
            assert!(value(bad).is_err(), "{bad:?}");
        }
        assert!(value("text/plain; q=0.5,\t*/*").is_ok());
        for bad in ["", "a b", "a:b", "a\r\n", "é", "(x)"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_are_known_by_name() {
        for yes in [
            "Authorization",
            "Proxy-Authorization",
            "COOKIE",
            "X-Api-Key",
            "Api-Key",
            "apikey",
            "x_api_key",
            "x-foo-token",
            "Token",
            "X-Vault-Token",
            "X-Goog-Api-Key",
            "X-Auth-Key",
            "Ocp-Apim-Subscription-Key",
            "x-rapidapi-key",
            "DD-APPLICATION-KEY",
        ] {
            assert!(is_credential(yes), "{yes}");
        }
        for no in ["Accept", "Idempotency-Key", "Surrogate-Key", "X-Author", "X-Request-Id", "X-Tokens-Used", "Monkey"]
        {
            assert!(!is_credential(no), "{no}");
        }
        assert!(is_reserved("Content-LENGTH") && is_reserved(":path") && !is_reserved("X-Id"));
    }
}
