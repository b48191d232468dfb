//! Forms of text: what one reads has the form, stays as it is when read again, and holds nothing that the form forbids.
#![no_main]

use std::sync::LazyLock;

use botsec::validate::form::{
    Email, Form, Hostname, HttpsUrl, Ip, Length, Newlines, Pattern, SlackId, Slug, TelegramChatId, Text, Unit, snowflake,
};

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let length = Length { min: 1, max: 64, unit: Unit::Chars };
    let text = Text { length, newlines: Newlines::Normalize, tabs: true, joiners: true, normalize: true };
    vec![
        Form::Str(Length { unit: Unit::Utf16, ..length }),
        Form::Text(text),
        Form::Text(Text { newlines: Newlines::Refuse, tabs: false, joiners: false, normalize: false, ..text }),
        Form::Slug(Slug::Words),
        Form::Pattern(Pattern::new("(a|b+)*[^c]?", 64, None).expect("a pattern")),
        Form::OneOf(vec!["a".to_owned(), "b".to_owned()]),
        Form::Uuid,
        Form::SlackId(SlackId::of("CG").expect("letters")),
        Form::Email(Email { tld: true, idna: true }),
        Form::Email(Email { tld: false, idna: false }),
        Form::E164,
        Form::HttpsUrl(HttpsUrl { idna: true }),
        Form::HttpsUrl(HttpsUrl { idna: false }),
        Form::Hostname(Hostname { dotted: false, idna: true }),
        Form::Hostname(Hostname { dotted: true, idna: false }),
        Form::Ip(Ip { version: None, public: None }),
        Form::Date,
        Form::DateTime,
        Form::HeaderName,
        Form::HeaderValue,
        Form::IdempotencyKey,
    ]
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    for form in FORMS.iter() {
        let read = form.read(text);
        assert_eq!(read.is_some(), form.fits(text), "{form:?}");
        let Some(read) = read else { continue };
        assert_eq!(form.read(&read).as_deref(), Some(&*read), "{form:?}");
        if !matches!(form, Form::Str(_) | Form::Text(_) | Form::Pattern(_) | Form::HeaderValue) {
            assert!(!read.contains(|c: char| c.is_control() || c.is_whitespace()), "{form:?}");
        }
        if let Form::Hostname(_) | Form::Email(_) = form {
            assert!(read.is_ascii(), "{form:?}");
        }
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    assert!(!snowflake(text, 1 << 22) || digits(text));
    let chat = TelegramChatId { usernames: false };
    assert!(!chat.fits(text) || digits(text.strip_prefix('-').unwrap_or(text)));
});
