//! Messages: parts fit the platform, text from anywhere becomes payloads or an error, and a model's text that went through once
//! stays as it is.
#![no_main]

use std::sync::LazyLock;

use botsec::message::llm::{Allow, sanitize};
use botsec::message::{Draft, Platform, split};

static HOSTS: LazyLock<[String; 4]> =
    LazyLock::new(|| ["docs.example.org", "*.example.com", "internal.example:8443", "\u{43f}\u{440}.\u{440}\u{444}"].map(str::to_owned));

libfuzzer_sys::fuzz_target!(|text: &str| {
    for platform in Platform::ALL {
        let (limit, unit) = platform.limit();
        for parts in [split::plain(text, platform, 10), split::markup(text, platform, 10)].into_iter().flatten() {
            assert!(parts.iter().all(|part| unit.of(part) <= limit), "{platform:?}");
        }
        let draft = Draft {
            text: Some(text.to_owned()),
            markup: None,
            is_html: false,
            mentions: Vec::new(),
            previews: false,
            max_parts: 10,
        };
        let _ = draft.payloads(platform);
    }
    let allow = Allow::parse(&*HOSTS).expect("a list");
    for platform in Platform::ALL {
        let clean = sanitize(text, platform, &allow);
        let again = sanitize(&clean.text, platform, &allow);
        assert_eq!(again.text, clean.text, "{platform:?}");
        assert!(again.findings.is_empty(), "{platform:?}");
    }
});
