//! `Retry-After` and quota fields of a hostile server: every wait has an upper bound.
#![no_main]

use std::time::{Duration, SystemTime};

use botsec::headers::{self, Dialect};
use http::{HeaderMap, HeaderValue};

/// A century, and the second that a fraction may add.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600 + 1);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    if let Ok(wait) = headers::retry_after(data, now) {
        assert!(wait <= LONGEST);
    }
    const NAMES: [&str; 8] = [
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "retry-after",
        "date",
    ];
    let mut fields = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            fields.append(name, value);
        }
    }
    if let Some(wait) = headers::retry_after_of(&fields, now) {
        assert!(wait <= LONGEST);
    }
    let status = [200, 403, 429, 503, 529][usize::from(data.first().copied().unwrap_or(0)) % 5];
    for dialect in Dialect::names().filter_map(Dialect::named) {
        let mut told = dialect.read(status, &fields, now);
        dialect.conclude(&mut told, status, Some(data));
        assert!(told.retry_after.is_none_or(|wait| wait <= LONGEST));
        assert!(told.quotas.iter().all(|quota| quota.reset.is_none_or(|reset| reset <= LONGEST)));
    }
});
