#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

type Escape = fn(&str) -> Cow<'_, str>;

const ALL: [Escape; 27] = [
    html,
    html_attribute,
    js_string,
    |t| json_in_script(t).unwrap_or(Cow::Borrowed(t)),
    css_string,
    |t| url_segment(t).unwrap_or(Cow::Borrowed(t)),
    url_query,
    telegram_html,
    slack,
    slack_markdown,
    matrix_html,
    teams,
    whatsapp,
    |t| irc(t).unwrap_or(Cow::Borrowed(t)),
    terminal,
    log,
    csv_cell,
    ldap,
    sql_like,
    |t| sanitize_html(t, Profile::Chat),
    |t| sanitize_html(t, Profile::Matrix),
    |t| sanitize_html(t, Profile::Email),
    |t| telegram(t, Where::Text),
    |t| telegram(t, Where::Code),
    |t| discord(t, Where::Text),
    |t| discord(t, Where::Code),
    |t| discord(t, Where::Link),
];

/// The vectors of `tests/vectors/escape.json`; rows left out there carry their reason.
#[test]
fn every_vector_holds() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/escape.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let held = rows.iter().filter(|row| row.get("excluded").is_none());
    assert!(held.clone().count() > 450, "{}", held.count());
    for row in held {
        let (input, expected) = (row["input"].as_str().unwrap(), row["expected"].as_str().unwrap());
        assert_eq!(answer(row["context"].as_str().unwrap(), input), expected, "{row}");
    }
}

fn answer(context: &str, input: &str) -> String {
    let ours = match context {
        "html" => return html_escape::decode_html_entities(&html(input)).into_owned(),
        "telegram_html" => return html_escape::decode_html_entities(&telegram_html(input)).into_owned(),
        "url_query" => {
            return percent_encoding::percent_decode_str(&url_query(input)).decode_utf8().unwrap().into_owned();
        }
        "json_in_script" => return serde_json::from_str(&json_in_script(input).unwrap()).unwrap(),
        "discord.unescaped" => return unescape(&discord(input, Where::Text)),
        "telegram" => telegram(input, Where::Text),
        "telegram.code" => telegram(input, Where::Code),
        "telegram.link" => telegram(input, Where::Link),
        "discord" => discord(input, Where::Text),
        "slack" => slack(input),
        "url_segment" => url_segment(input).unwrap(),
        "js_string" => js_string(input),
        "terminal" => terminal(input),
        "log" => log(input),
        "irc" => irc(input).unwrap(),
        "csv_cell" => csv_cell(input),
        "ldap" => ldap(input),
        "sql_like" => sql_like(input),
        "sanitize_html.email" => sanitize_html(input, Profile::Email),
        "sanitize_html.matrix" => sanitize_html(input, Profile::Matrix),
        other => panic!("{other}"),
    };
    ours.into_owned()
}

#[test]
fn a_script_is_text_everywhere() {
    let script = "<script>alert('XSS')</script>";
    assert_eq!(html(script), "&lt;script&gt;alert(&#x27;XSS&#x27;)&lt;/script&gt;");
    assert_eq!(slack(script), "&lt;script&gt;alert('XSS')&lt;/script&gt;");
    assert_eq!(telegram(script, Where::Text), "<script\\>alert\\('XSS'\\)</script\\>");
    assert_eq!(discord(script, Where::Text), "\\<script>alert('XSS')\\</script>");
}

#[test]
fn discord_markup_is_inert() {
    for (text, expected) in [
        ("**b** __u__ ~~s~~ ||x||", "\\*\\*b\\*\\* \\_\\_u\\_\\_ \\~\\~s\\~\\~ \\|\\|x\\|\\|"),
        ("# h\n- a\n1. b\n-# c", "\\# h\n\\- a\n1\\. b\n\\-# c"),
        ("a-b 1.5 c. d", "a-b 1.5 c. d"),
        ("[t](http://e.com)", "\\[t](http://e.com)"),
        ("<@80351110224678912> <t:1:R>", "<@\u{200b}80351110224678912> \\<t:1:R>"),
        ("@everyone", "@\u{200b}everyone"),
        ("> q", "\\> q"),
        ("clean text", "clean text"),
    ] {
        assert_eq!(discord(text, Where::Text), expected);
    }
    assert_eq!(discord("`", Where::Code), "\u{200b}`\u{200b}");
    assert_eq!(discord("a```b", Where::Code), "a`\u{200b}`\u{200b}`\u{200b}b");
}

#[test]
fn nothing_ends_a_log_line_or_moves_a_cursor() {
    assert_eq!(log("a\nINFO fake"), "a\\nINFO fake");
    assert_eq!(log("a\u{0}b\u{2028}c\\n"), "a\\u0000b\\u2028c\\\\n");
    assert_eq!(terminal("\u{1b}[31mred\u{7}\u{9b}2J\r"), "red\\u0007\\r");
    assert_eq!(terminal("user\u{202e}gpj.exe"), "user\\u202egpj.exe");
    assert_eq!(terminal("a\tb\nc \\ d"), "a\tb\nc \\ d");
}

#[test]
fn a_segment_is_never_a_dot_segment() {
    assert!([".", "..", ""].iter().all(|text| url_segment(text).is_err()));
    assert_eq!(url_segment("a/b ü").unwrap(), "a%2Fb%20%C3%BC");
    assert_eq!(url_query("a&b=c"), "a%26b%3Dc");
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[test]
fn what_is_compared_is_what_the_tables_say() {
    for (number, (table, dirty)) in
        chat::tables().into_iter().chain(data::tables()).chain(markup::tables()).chain(web::tables()).enumerate()
    {
        for byte in 0..=255 {
            assert_eq!(table.changes(byte), dirty(byte), "table {number}, byte {byte:#x}");
        }
    }
}

/// Whose low byte is that of a special character, among others.
#[test]
fn every_character_beside_a_special_one_stays_in_every_width() {
    for c in ('\u{1}'..='\u{ffff}').chain(('\u{10000}'..='\u{10ffff}').step_by(13)) {
        let text = format!("<{c}a{c}&");
        let expected = html(&text);
        let units: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_ne_bytes()).collect();
        let escaped = html_units(&units, Width::Four).unwrap();
        let read = escaped.chunks(4).map(|unit| char::from_u32(u32::from_ne_bytes(unit.try_into().unwrap())).unwrap());
        assert_eq!(read.collect::<String>(), expected, "{c:?}");
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_ne_bytes).collect();
        let escaped = html_units(&units, Width::Two).unwrap();
        let read: Vec<u16> = escaped.chunks(2).map(|unit| u16::from_ne_bytes(unit.try_into().unwrap())).collect();
        assert_eq!(String::from_utf16(&read).unwrap(), expected, "{c:?}");
        if let Ok(byte) = u8::try_from(u32::from(c)) {
            let escaped = html_units(&[b'<', byte, b'a', byte, b'&'], Width::One).unwrap();
            assert_eq!(escaped.iter().map(|byte| char::from(*byte)).collect::<String>(), expected, "{c:?}");
        }
    }
}

proptest! {
    #[test]
    fn clean_text_is_borrowed_and_growth_is_bounded(text in "\\PC{0,80}|[<>&\"'`*_~|\\\\\\[\\]()#+=.!@:\n\r\t\u{1b}-]{0,40}") {
        for escape in ALL {
            let out = escape(&text);
            prop_assert!(out.len() <= text.len() * 12 + 64);
            if matches!(out, Cow::Borrowed(_)) {
                prop_assert_eq!(out, text.as_str());
            }
        }
    }

    #[test]
    fn what_was_escaped_reads_back(text in "\\PC{0,60}|[<>&\"'_*\\[\\]()~`#+=|{}.!\\\\-]{0,30}") {
        prop_assert_eq!(html_escape::decode_html_entities(&html(&text)).into_owned(), text.clone());
        prop_assert_eq!(unescape(&telegram(&text, Where::Text)), text.clone());
        prop_assert_eq!(unescape(&telegram(&text, Where::Code)), text.clone());
        prop_assert_eq!(unescape(&discord(&text, Where::Text)).replace('\u{200b}', ""), text.replace('\u{200b}', ""));
    }
}

#[test]
fn text_with_surrogates_never_passes_as_clean() {
    let units = |codes: &[u32]| codes.iter().flat_map(|code| code.to_ne_bytes()).collect::<Vec<u8>>();
    for len in [1, 31, 32, 33, 64, 100] {
        for clean in [0x23, 0x41, 0xd7ff, 0xe000, 0x1_d800, 0x10_ffff] {
            assert_eq!(html_units(&units(&vec![clean; len]), Width::Four), None);
        }
        for at in 0..len {
            for surrogate in [0xd800, 0xdbff, 0xdc00, 0xdfff] {
                let mut codes = vec![0x1_f600; len];
                codes[at] = surrogate;
                let raw = units(&codes);
                assert_eq!(html_units(&raw, Width::Four), Some(raw), "{surrogate:x} at {at} of {len}");
            }
        }
    }
}
