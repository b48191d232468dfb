#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn fill(template: &str, value: Value) -> Result<String, Error> {
    let name = template.split(['{', ':', '}']).nth(1).unwrap().to_owned();
    Ok(Template::parse(template)?.fill(&[(name, value)])?.path)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn an_int_is_canonical_and_never_a_bool() {
    assert_eq!(fill("/u/{id:int}", Value::Int(42)).unwrap(), "/u/42");
    assert_eq!(fill("/u/{id:int}", text("-7")).unwrap(), "/u/-7");
    for bad in ["１２３", "٣", "1_000", " 1 ", "1\n", "+1", "-0", "007", "1.0", "", "1 OR 1=1", "99999999999999999999"]
    {
        assert!(fill("/u/{id:int}", text(bad)).is_err(), "{bad:?}");
    }
    for bad in [Value::Scalar("true".to_owned()), Value::Absent, Value::Other("x"), Value::List(vec![])] {
        assert!(fill("/u/{id:int}", bad).is_err());
    }
    assert!(fill("/u/{id:int(1..100)}", Value::Int(100)).is_ok());
    assert!(fill("/u/{id:int(1..100)}", Value::Int(101)).is_err());
}

#[test]
fn a_text_stays_one_segment() {
    assert_eq!(fill("/f/{n:str}", text("a/b?c#d e%")).unwrap(), "/f/a%2Fb%3Fc%23d%20e%25");
    for bad in [
        ".",
        "..",
        "",
        "../x",
        "a/../b",
        "%2e%2e",
        "%252e%252e",
        "a%2f..%2fb",
        "..\\x",
        "a\nb",
        "a\0",
        "\u{202e}x",
        "%00",
        "%0d%0a",
    ] {
        assert!(fill("/f/{n:str}", text(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn no_spelling_of_a_dot_segment_passes() {
    for bad in [
        "..;",
        "a/..;x=1/b",
        ".. ",
        "\u{ff0e}\u{ff0e}",
        "\u{2025}",
        "a\u{ff0f}..\u{ff0f}b",
        "..\u{2215}x",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%f0%80%80%ae",
        "%u002e%u002e",
        "%uff0e%uff0e%u2215x",
        "%ef%bc%8e%ef%bc%8e",
        "..%3b",
        "..%c0%afetc",
        "..%5c..%5cx",
        "%25252e%25252e",
        "%2525252525252e",
        "%e2%80%ae",
    ] {
        assert!(fill("/f/{n:str}", text(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn text_that_merely_holds_dots_and_percent_signs_passes() {
    for good in ["...", "..a", "a..b", ".env", "\u{2026}", "v1;x=2", "100%", "50%25", "%", "%u", "%zz", "café", "1/2"]
    {
        assert!(fill("/f/{n:str}", text(good)).is_ok(), "{good:?}");
    }
    assert!(fill("/reactions/{emoji}", text("\u{1f468}\u{200d}\u{1f469}\u{fe0f}")).is_ok());
}

#[test]
fn a_segment_may_hold_two_fields_when_it_is_filled() {
    let template = Template::parse("/compare/{a:slug}...{b:slug}").unwrap();
    let values = [("a".to_owned(), text("main")), ("b".to_owned(), text("dev"))];
    assert_eq!(template.fill(&values).unwrap().path, "/compare/main...dev");
    assert!(template.segments().is_none());
    assert_eq!(Template::parse("/a/{x}/b{y:int}/").unwrap().segments().unwrap().len(), 4);
}

#[test]
fn ids_have_one_form() {
    assert!(fill("/{i:snowflake}", text("80351110224678912")).is_ok());
    assert!(fill("/{i:snowflake}", Value::Int(1)).is_ok());
    for bad in [0, -1, i128::from(u64::MAX) + 1] {
        assert!(fill("/{i:snowflake}", Value::Int(bad)).is_err(), "{bad}");
    }
    for bad in ["0", "18446744073709551616", "８0", "-1", "1e3", ""] {
        assert!(fill("/{i:snowflake}", text(bad)).is_err(), "{bad:?}");
    }
    assert!(fill("/{i:uuid}", text("3f2504e0-4f89-11d3-9a0c-0305e82c3301")).is_ok());
    for bad in [
        "{3f2504e0-4f89-11d3-9a0c-0305e82c3301}",
        "urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "3f2504e04f8911d39a0c0305e82c3301",
    ] {
        assert!(fill("/{i:uuid}", text(bad)).is_err(), "{bad:?}");
    }
    assert!(fill("/{i:slug}", text("a-b_9")).is_ok());
    assert!(fill("/{i:slug}", text("-a")).is_err());
}

/// Every validator that makes sense in a path or a query: what fits is written, encoded, and what does not is refused.
#[test]
fn fields_have_the_forms_of_validators() {
    for (kind, good, written, bad) in [
        ("str(1..3)", "é ", "%C3%A9%20", "abcd"),
        ("text", "a b", "a%20b", "a\u{200b}"),
        ("text(1..3)", "abc", "abc", "abcd"),
        ("email", "a+b@example.com", "a%2Bb%40example.com", "a@b"),
        ("email", "a@bücher.de", "a%40xn--bcher-kva.de", "a@ｂ.de"),
        ("hostname", "example.com", "example.com", "127.0.0.1"),
        ("ip", "::1", "%3A%3A1", "fe80::1%25eth0"),
        ("ipv4", "10.0.0.1", "10.0.0.1", "::1"),
        ("ipv6", "2001:db8::1", "2001%3Adb8%3A%3A1", "10.0.0.1"),
        ("date", "2024-02-29", "2024-02-29", "2023-02-29"),
        ("datetime", "2024-02-29T00:00:00Z", "2024-02-29T00%3A00%3A00Z", "2024-02-29T00:00:00"),
        ("e164", "+14155552671", "%2B14155552671", "14155552671"),
        ("https_url", "https://e.com/a", "https%3A%2F%2Fe.com%2Fa", "http://e.com"),
        ("telegram_chat_id", "@durov", "%40durov", "@a"),
        ("telegram_chat_id", "-1001234567890", "-1001234567890", "0"),
        ("slack_id", "C024BE91L", "C024BE91L", "c024be91l"),
        ("idempotency_key", "k-1", "k-1", "k 1"),
        ("one_of(open|closed)", "open", "open", "opened"),
    ] {
        let template = format!("/x/{{v:{kind}}}");
        assert_eq!(fill(&template, text(good)).unwrap(), format!("/x/{written}"), "{kind}");
        let refused = fill(&template, text(bad)).unwrap_err();
        assert!(refused.details().iter().any(|(key, _)| *key == "expected"), "{kind}");
        let parsed = Kind::parse(kind).unwrap();
        assert!(parsed.matches(good) && !parsed.matches(bad), "{kind}");
        assert!(
            fill(&template, Value::Scalar("true".to_owned())).is_err()
                && fill(&template, Value::List(vec![text(good)])).is_err()
        );
    }
    assert_eq!(fill("/x/{v:telegram_chat_id}", Value::Int(-42)).unwrap(), "/x/-42");
    assert!(fill("/x/{v:telegram_chat_id}", Value::Int(0)).is_err());
}

#[test]
fn a_form_does_not_let_a_dot_segment_pass() {
    for (kind, bad) in [("str(1..9)", ".."), ("text", "%2e%2e"), ("text", "a/../b"), ("idempotency_key", "..")] {
        assert!(fill(&format!("/x/{{v:{kind}}}"), text(bad)).is_err(), "{kind} {bad}");
        assert!(!Kind::parse(kind).unwrap().matches(bad), "{kind} {bad}");
    }
}

#[test]
fn a_kind_that_is_not_written_right_is_none() {
    for bad in [
        "int()",
        "int(1)",
        "int(2..1)",
        "int(01..2)",
        "int(1..)",
        "str()",
        "str(-1..2)",
        "str(3..2)",
        "email()",
        "slug(1..2)",
        "one_of()",
        "one_of(a|)",
        "one_of(a b)",
        "one_of(..)",
        "Email",
        "",
        "int(1..2",
        "int(1..2))",
        "segments(1..2)",
    ] {
        assert_eq!(Kind::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn segments_are_several_texts() {
    let list = Value::List(vec![text("a b"), text("c")]);
    assert_eq!(fill("/t/{p:segments}", list).unwrap(), "/t/a%20b/c");
    assert!(fill("/t/{p:segments}", Value::List(vec![text("a"), text("..")])).is_err());
}

#[test]
fn an_error_names_the_field_and_not_the_value() {
    let error = fill("/u/{id:int}", text("1 OR 1=1")).unwrap_err();
    assert_eq!(error.user_message(), "`id` must be a whole number.");
    assert!(!format!("{error:?}").contains("OR"));
}

#[test]
fn literal_text_that_needs_encoding_is_refused() {
    for bad in [
        "/a?b",
        "/a#b",
        "/a%20b",
        "/a b",
        "/a//b",
        "/../a",
        "/a/./b",
        "a",
        "/a\n",
        "/{x",
        "/{x:}",
        "/{x:what}",
        "/{x}{y}",
        "/{x}/{x}",
        "/é",
        "",
    ] {
        assert!(Template::parse(bad).is_err(), "{bad:?}");
    }
    for good in ["/", "/a/", "/v1/@me/a:b~c", "/{x}/{y:int}", "/repos/{o:slug}/x.json", "/s{?q,limit:int(1..9)}"] {
        assert!(Template::parse(good).is_ok(), "{good:?}");
    }
}

#[test]
fn missing_and_surplus_values_are_refused() {
    let template = Template::parse("/u/{id:int}").unwrap();
    assert!(template.fill(&[]).is_err());
    assert!(template.fill(&[("id".into(), Value::Int(1)), ("x".into(), Value::Int(2))]).is_err());
}

fn queried(template: &str, values: &[(&str, Value)]) -> Result<Filled, Error> {
    let values: Vec<_> = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Template::parse(template)?.fill(&values)
}

#[test]
fn a_query_part_takes_what_is_there_and_leaves_out_the_rest() {
    let template = "/g/{g:snowflake}/m{?limit:int(1..1000),after:snowflake,q}";
    let g = ("g", Value::Int(7));
    let filled = queried(template, &[g.clone(), ("limit", Value::Int(5)), ("q", text("a&b=.."))]).unwrap();
    assert_eq!(filled.path, "/g/7/m");
    assert_eq!(filled.query, [("limit".to_owned(), "5".to_owned()), ("q".to_owned(), "a&b=..".to_owned())]);
    for none in [&[g.clone()][..], &[g.clone(), ("after", Value::Absent), ("q", Value::List(vec![]))]] {
        assert!(queried(template, none).unwrap().query.is_empty());
    }
    assert_eq!(Template::parse(template).unwrap().label(), "/g/{g:snowflake}/m");
}

#[test]
fn a_query_value_is_judged_by_its_type() {
    let both = Value::List(vec![text("1"), Value::Int(2)]);
    assert_eq!(queried("/s{?id:int}", &[("id", both)]).unwrap().query.len(), 2);
    for bad in [
        Value::Int(0),
        Value::Int(1001),
        text("1 OR 1=1"),
        text(""),
        Value::Scalar("true".to_owned()),
        Value::Other("x"),
        Value::List(vec![Value::Int(1), Value::Absent]),
        Value::List(vec![Value::List(vec![Value::Int(1)])]),
    ] {
        let error = queried("/s{?limit:int(1..1000)}", &[("limit", bad.clone())]).unwrap_err();
        assert_eq!(error.user_message(), "`limit` must be a whole number from 1 to 1000.", "{bad:?}");
    }
    for good in [text(""), text("\u{0}"), Value::Scalar("1.5".to_owned()), Value::Int(-1)] {
        assert!(queried("/s{?q}", &[("q", good)]).is_ok());
    }
    for bad in [Value::Other("x"), Value::List(vec![Value::Absent])] {
        assert!(queried("/s{?q}", &[("q", bad)]).is_err());
    }
}

#[test]
fn a_parameter_beside_the_template_is_one_that_it_names() {
    let template = Template::parse("/s{?q,limit:int}").unwrap();
    assert_eq!(template.admit("q", Some("a b")).unwrap().as_deref(), Some("a b"));
    assert_eq!(template.admit("limit", Some("5")).unwrap().as_deref(), Some("5"));
    assert!(template.admit("q", None).unwrap().is_none(), "a secret fits where there is no type");
    for (key, value) in [("other", Some("x")), ("limit", Some("x")), ("limit", None), ("Limit", Some("5"))] {
        assert!(template.admit(key, value).is_err(), "{key}");
    }
    assert!(Template::parse("/s").unwrap().admit("any", Some("x")).is_ok());
    assert!(Template::parse("/s{?}").unwrap().admit("any", Some("x")).is_err());
}

#[test]
fn a_query_part_that_reads_two_ways_is_refused() {
    for bad in ["/s{?a,a}", "/s{?a,a:int}", "/s{?a}{?b}", "/s{?a}/t", "/s{?a b}", "/s{?a:what}", "/s{?a", "/s{?,}"] {
        assert!(Template::parse(bad).is_err(), "{bad}");
    }
    assert!(Template::parse("/{id}{?id}").unwrap().names_twice());
    assert!(!Template::parse("/{id}{?name}").unwrap().names_twice());
}

/// `tests/vectors/fields.json`: values that fit their type and values that do not.
#[test]
fn every_vector_is_judged_right() {
    let rows = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/fields.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    assert!(rows.len() > 40);
    for row in rows {
        let template = format!("/x/{{v:{}}}", row["kind"].as_str().unwrap());
        let fits = fill(&template, text(row["input"].as_str().unwrap())).is_ok();
        assert_eq!(fits, row["valid"].as_bool().unwrap(), "{row}");
    }
}

fn decoded(segment: &str) -> String {
    let mut pieces = segment.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #[test]
    fn a_filled_value_is_exactly_one_segment(value in "\\PC{0,40}|[%./\\\\2eE5cf]{0,12}") {
        if let Ok(path) = fill("/a/{v:str}/b", text(&value)) {
            let segments: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert!(path.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert!(!["", ".", ".."].contains(&segments[2]));
            let url = url::Url::parse(&format!("https://h{path}")).unwrap();
            prop_assert_eq!(url.path(), path.as_str());
            prop_assert_eq!(decoded(segments[2]), value);
        }
    }

    #[test]
    fn parsing_a_template_never_panics(text in "\\PC{0,60}") {
        let _ = Template::parse(&text);
        let _ = Template::parse(&format!("/{text}"));
    }
}
