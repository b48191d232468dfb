//! Templates and values for their fields: a value never leaves its segment.
#![no_main]

use botsec::validate::{Route, Template, Value};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Route::parse(text);
    if let Ok(template) = Template::parse(text) {
        assert!(text.starts_with(template.label()));
        let _ = template.segments();
    }
    let query = Template::parse("/a{?v}").unwrap().fill(&[("v".to_owned(), Value::Text(text.to_owned()))]).unwrap();
    assert_eq!((query.path.as_str(), query.query.as_slice()), ("/a", &[("v".to_owned(), text.to_owned())][..]));
    let kinds = "str,slug,uuid,snowflake,int,int(1..100),str(1..64),text,telegram_chat_id,slack_id,email,e164,https_url,hostname,ip,\
        date,datetime,idempotency_key,one_of(a|b)";
    for kind in kinds.split(',') {
        let template = Template::parse(&format!("/a/{{v:{kind}}}/b")).unwrap();
        let Ok(filled) = template.fill(&[("v".to_owned(), Value::Text(text.to_owned()))]) else { continue };
        let segments: Vec<&str> = filled.path.split('/').collect();
        let ["", "a", value, "b"] = segments[..] else { panic!("the value left its segment") };
        assert!(!["", ".", ".."].contains(&value));
        assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%@:".contains(&b)));
    }
});
