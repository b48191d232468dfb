//! What the head of an answer may be: bounded, and framed in one way.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};

use super::{MAX_HEADER_BYTES, MAX_HEADERS};
use crate::error::{Code, Error};

/// Judges an answer's status and header fields, whichever protocol and engine brought them.
///
/// # Errors
/// `ProtocolError` beyond a cap, for another protocol, for two framings at once, a length that is said twice among them, and
/// for a transfer coding besides `chunked`: `Upgrade` and `TE` ask for none.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), Error> {
    let broken = |reason: &str| Err(Error::new(Code::TransportProtocol).with("reason", reason));
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return broken("a change of protocol that was not asked for");
    }
    // The engines read in blocks and count each in its own way.
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return broken("the head of the answer is too large");
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    // hyper takes several that agree, as RFC 9112 §6.3 allows; no server has a reason to send them.
    if lengths.next().is_some() || length.is_some_and(|length| length.as_bytes().contains(&b',')) {
        return broken("the answer has more than one Content-Length");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if length.is_some() {
        return broken("the answer has both Content-Length and Transfer-Encoding");
    }
    if codings.next().is_some() || !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return broken("a transfer coding that was not asked for");
    }
    Ok(())
}

/// Whether an answer of this status has no body, whatever its head says of one (RFC 9110 §6.4.1).
pub(super) fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn is_fine(fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        judge(StatusCode::OK, &headers).is_ok()
    }

    #[test]
    fn fields_are_counted_repeated_ones_too() {
        assert!(is_fine(&vec![("x", "v"); MAX_HEADERS]));
        assert!(!is_fine(&vec![("x", "v"); MAX_HEADERS + 1]));
    }

    #[test]
    fn bytes_are_counted_with_names_and_line_ends() {
        let fits = "v".repeat(MAX_HEADER_BYTES - "x: \r\n".len());
        assert!(is_fine(&[("x", &fits)]));
        assert!(!is_fine(&[("xx", &fits)]));
    }

    #[test]
    fn a_length_is_said_once() {
        let length = "content-length";
        assert!(is_fine(&[(length, "5")]));
        for bad in ["5, 5", "5,5", "5,", ",5", "5, 6"] {
            assert!(!is_fine(&[(length, bad)]), "{bad}");
        }
        assert!(!is_fine(&[(length, "5"), (length, "5")]));
        assert!(!is_fine(&[(length, "5"), (length, "6")]));
    }

    #[test]
    fn another_protocol_is_no_answer() {
        let headers = HeaderMap::new();
        assert!(judge(StatusCode::SWITCHING_PROTOCOLS, &headers).is_err());
        assert!(judge(StatusCode::UPGRADE_REQUIRED, &headers).is_ok());
    }

    #[test]
    fn chunked_alone_frames_a_body() {
        let coding = "transfer-encoding";
        for fine in ["chunked", "Chunked", " chunked\t"] {
            assert!(is_fine(&[(coding, fine)]), "{fine}");
        }
        for bad in ["gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked", ""] {
            assert!(!is_fine(&[(coding, bad)]), "{bad}");
        }
        assert!(!is_fine(&[(coding, "chunked"), (coding, "chunked")]));
        assert!(!is_fine(&[(coding, "chunked"), ("content-length", "3")]));
    }
}
