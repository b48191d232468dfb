//! URLs from strangers: what parses is https, reads back as itself, and prints no more than it should.
#![no_main]

use botsec::url::SafeUrl;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let base = SafeUrl::parse("https://api.example.com/v1/users?page=2").unwrap();
    for url in [SafeUrl::parse(text), SafeUrl::parse_base(text), base.join(text)].into_iter().flatten() {
        let sent = url.as_sent();
        assert!(sent.starts_with("https://"));
        let authority = sent["https://".len()..].split(['/', '?']).next().unwrap();
        assert_eq!(authority, url.origin().authority());
        assert!(!authority.contains('@') && !sent.contains(|c: char| c.is_control() || c == ' '));
        let again = SafeUrl::parse(&sent).unwrap();
        assert_eq!(again.as_sent(), sent);
    }
});
