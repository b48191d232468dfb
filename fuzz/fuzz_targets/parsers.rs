//! Every parser of untrusted text at once: none may panic. Run with `cargo +nightly fuzz run parsers` in this folder's parent.
#![no_main]

use std::time::SystemTime;

use botsec::{encode, headers, redact, url, validate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = headers::retry_after(data, SystemTime::UNIX_EPOCH);
    let _ = redact::scrub_bytes_excerpt(data, 200);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut fields = http::HeaderMap::new();
    if let Ok(value) = http::HeaderValue::from_str(text) {
        for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            fields.insert(name, value.clone());
        }
        let _ = headers::quotas(&fields, SystemTime::UNIX_EPOCH);
    }
    let _ = url::SafeUrl::parse(text);
    let _ = validate::Template::parse(text);
    if let Ok(template) = validate::Template::parse("/a/{v:str}/b") {
        let filled = template.fill(&[("v".to_owned(), validate::Value::Text(text.to_owned()))]);
        assert!(filled.map_or(true, |path| path.split('/').count() == 4));
    }
    let _ = redact::route_label(text);
    let _ = encode::discord(text, encode::Where::Text);
    let _ = encode::terminal(text);
});
