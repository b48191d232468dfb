//! Secrets inside a stranger's text: whatever surrounds one, it does not come out.
#![no_main]

use botsec::redact;

const SECRET: &str = "p4ss/w0rd+Zebra=Quartz";
const HEX: &str = "703473732f773072642b5a656272613d51756172747a";
/// The longest excerpt that an error's note holds.
const MAX: usize = 200;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    redact::register(SECRET);
    let text = String::from_utf8_lossy(data);
    let middle = text.floor_char_boundary(text.len() / 2);
    let (before, after) = text.split_at(middle);
    for form in [SECRET, HEX] {
        let text = format!("{before}{form}{after}");
        let scrubbed = redact::scrub(&text);
        assert!(!scrubbed.contains(form));
        assert_eq!(redact::scrub(&scrubbed), scrubbed, "scrubbing again changes nothing");
        let excerpt = redact::scrub_bytes_excerpt(text.as_bytes(), MAX);
        assert!(!excerpt.contains(form) && excerpt.chars().count() <= MAX);
        assert!(!excerpt.contains(char::is_control));
    }
    let _ = redact::scrub_bytes_excerpt(data, MAX);
    let _ = redact::route_label(&text);
    let _ = redact::query_keys(&text);
    let _ = redact::looks_like_token(&text);
});
