//! What signers see of a request, and the moment and nonce they sign it with.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;

use crate::error::{Code, Error};

/// A judged request with its secrets attached, as it is about to be sent. It may hold secrets: never print it.
pub struct Message<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// Host and port as they are sent; port 443 is left out.
    pub authority: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// Header fields, secrets included.
    pub headers: &'a HeaderMap,
    /// The body; `None` when an iterator brings it.
    pub body: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// The path, as sent.
    pub fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// The query, as sent, without its question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The body.
    ///
    /// # Errors
    /// `InputError` when an iterator brings it.
    pub fn known_body(&self) -> Result<&'a [u8], Error> {
        self.body.ok_or_else(body_unknown)
    }
}

/// The error for a body that nobody knows before it was sent.
pub fn body_unknown() -> Error {
    Error::new(Code::InputBody)
        .with(
            "reason",
            "the signature covers the body, and an iterator or a file that is sent in pieces has no digest yet",
        )
        .hint("pass the body as bytes, or sign with content or components that leave the body out")
}

/// When a request is signed, and with which nonce: fresh for every time that it is sent.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Wall time.
    pub time: SystemTime,
    /// Visible ASCII that nobody can guess.
    pub nonce: String,
}

impl Stamp {
    /// A stamp of 128 random bits.
    pub fn new(time: SystemTime, nonce: [u8; 16]) -> Self {
        Self { time, nonce: hex(&nonce) }
    }

    /// Seconds since 1970.
    pub fn unix_s(&self) -> u64 {
        self.time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(&self) -> u128 {
        self.time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis())
    }

    /// Date and time in UTC as AWS writes them: `20150830` and `20150830T123600Z`.
    pub fn basic(&self) -> (String, String) {
        let [year, month, day, hour, minute, second] = self.civil();
        let date = format!("{year:04}{month:02}{day:02}");
        let time = format!("{date}T{hour:02}{minute:02}{second:02}Z");
        (date, time)
    }

    /// The time in UTC as RFC 3339 writes it: `2015-08-30T12:36:00Z`.
    pub fn extended(&self) -> String {
        let [year, month, day, hour, minute, second] = self.civil();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// Year, month, day, hour, minute, second. The calendar repeats every 400 years of 146,097 days; years begin in March
    /// here, so that the leap day is the last one.
    fn civil(&self) -> [u64; 6] {
        let seconds = self.unix_s();
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
        let march_based = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_based + 2) / 5 + 1;
        let month = if march_based < 10 { march_based + 3 } else { march_based - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        [year, month, day, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60]
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stamp_writes_its_time_as_each_scheme_wants_it() {
        let stamp = Stamp::new(UNIX_EPOCH + Duration::from_millis(1_440_938_160_250), [0xab; 16]);
        assert_eq!(stamp.basic(), ("20150830".to_owned(), "20150830T123600Z".to_owned()));
        assert_eq!(stamp.extended(), "2015-08-30T12:36:00Z");
        assert_eq!((stamp.unix_s(), stamp.unix_ms()), (1_440_938_160, 1_440_938_160_250));
        assert_eq!(stamp.nonce, "ab".repeat(16));
        let leap = Stamp::new(UNIX_EPOCH + Duration::from_secs(1_709_251_199), [0; 16]);
        assert_eq!(leap.extended(), "2024-02-29T23:59:59Z");
    }

    proptest! {
        /// Against httpdate, which counts days another way.
        #[test]
        fn the_calendar_is_everybodys(seconds in 0u64..253_402_300_800) {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let [year, month, day, hour, minute, second] = Stamp::new(time, [0; 16]).civil();
            let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                .get(month as usize - 1).copied().unwrap_or("?");
            let text = httpdate::fmt_http_date(time);
            let tail = format!("{day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
            prop_assert!(text.ends_with(&tail), "{text} {tail}");
        }
    }
}
