#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

fn draft(text: &str) -> Draft {
    Draft {
        text: Some(text.to_owned()),
        markup: None,
        is_html: false,
        mentions: vec![],
        previews: false,
        max_parts: split::MAX_PARTS,
    }
}

fn marked(text: &str) -> Draft {
    Draft { text: None, markup: Some(text.to_owned()), ..draft("") }
}

fn parts(text: &str, platform: Platform) -> Vec<String> {
    split::markup(text, platform, split::MAX_PARTS).unwrap()
}

#[test]
fn every_flag_stands_on_the_safe_side() {
    for (platform, expected) in [
        (Platform::Discord, json!({"content": "hi", "allowed_mentions": {"parse": []}, "flags": 4})),
        (
            Platform::Slack,
            json!({"text": "hi", "mrkdwn": false, "parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false}),
        ),
        (Platform::Telegram, json!({"text": "hi", "link_preview_options": {"is_disabled": true}})),
        (Platform::Matrix, json!({"msgtype": "m.text", "body": "hi", "m.mentions": {}})),
        (Platform::Teams, json!({"type": "message", "text": "hi", "textFormat": "plain"})),
        (
            Platform::WhatsApp,
            json!({"messaging_product": "whatsapp", "recipient_type": "individual", "type": "text", "text": {"body": "hi", "preview_url": false}}),
        ),
    ] {
        assert_eq!(draft("hi").payloads(platform).unwrap(), [expected]);
    }
}

#[test]
fn what_is_asked_for_is_switched_on_and_nothing_else() {
    let mentions =
        Draft { mentions: vec!["80351110224678912".to_owned()], ..draft("<@80351110224678912> <@1> @everyone") };
    let [payload] = &mentions.payloads(Platform::Discord).unwrap()[..] else { panic!() };
    assert_eq!(payload["content"], "<@80351110224678912> <@\u{200b}1> @\u{200b}everyone");
    assert_eq!(payload["allowed_mentions"], json!({"parse": [], "users": ["80351110224678912"]}));
    let slack = Draft { mentions: vec!["U0AB".to_owned()], ..draft("<@U0AB> <!channel>") };
    assert_eq!(slack.payloads(Platform::Slack).unwrap()[0]["text"], "<@U0AB> &lt;!channel&gt;");
    let shown = Draft { previews: true, ..marked("*x*") };
    assert_eq!(shown.payloads(Platform::Discord).unwrap()[0]["flags"], 0);
    assert_eq!(
        shown.payloads(Platform::Telegram).unwrap()[0],
        json!({"text": "*x*", "parse_mode": "MarkdownV2", "link_preview_options": {"is_disabled": false}})
    );
    assert_eq!(shown.payloads(Platform::Teams).unwrap()[0]["textFormat"], "markdown");
    let html = Draft { markup: Some("<b>x</b>".to_owned()), mentions: vec!["@a:b.org".to_owned()], ..draft("x") };
    let [payload] = &html.payloads(Platform::Matrix).unwrap()[..] else { panic!() };
    assert_eq!(
        (&payload["formatted_body"], &payload["m.mentions"]),
        (&json!("<b>x</b>"), &json!({"user_ids": ["@a:b.org"]}))
    );
}

#[test]
fn wrong_use_and_strangers_faults_are_told_apart() {
    let code = |draft: &Draft, platform| draft.payloads(platform).unwrap_err().code().as_str();
    for mentions in ["0", "x", "18446744073709551616", "everyone", "1 "] {
        assert_eq!(
            code(&Draft { mentions: vec![mentions.to_owned()], ..draft("x") }, Platform::Discord),
            "usage.value"
        );
    }
    assert_eq!(code(&Draft { mentions: vec!["1".to_owned()], ..draft("x") }, Platform::Telegram), "usage.value");
    assert_eq!(code(&Draft { text: None, ..draft("x") }, Platform::Discord), "usage.value");
    assert_eq!(code(&Draft { markup: Some("x".to_owned()), ..draft("x") }, Platform::Discord), "usage.value");
    assert_eq!(code(&Draft { max_parts: 0, ..draft("x") }, Platform::Discord), "usage.value");
    for text in ["", " \n\t", "\u{200b}"] {
        for platform in Platform::ALL {
            assert_eq!(code(&draft(text), platform), "input.message");
        }
    }
    assert_eq!(code(&Draft { max_parts: 2, ..draft(&"x".repeat(4001)) }, Platform::Discord), "input.message");
    assert_eq!(Draft { max_parts: 2, ..draft(&"x".repeat(4000)) }.payloads(Platform::Discord).unwrap().len(), 2);
}

#[test]
fn each_platform_counts_in_its_own_unit() {
    let emoji = "😀".repeat(2_000);
    assert_eq!(parts(&emoji, Platform::Discord).len(), 1);
    assert_eq!(parts(&"😀".repeat(2_048), Platform::Telegram).len(), 1);
    assert_eq!(parts(&"😀".repeat(2_049), Platform::Telegram).len(), 2);
    assert_eq!(parts(&"\n\"".repeat(9_999), Platform::Matrix).len(), 1);
    assert_eq!(parts(&"x\"".repeat(15_000), Platform::Matrix).len(), 2);
    assert_eq!(parts("one\r\n\r\ntwo", Platform::Irc), ["one", "two"]);
}

#[test]
fn a_cut_prefers_lines_then_words() {
    let line = "word ".repeat(250);
    let text = format!("{line}\n{line}");
    let cut = parts(&text, Platform::Discord);
    assert_eq!(cut, [line.trim_end(), &line]);
    let words = parts(&format!("{}word", "word ".repeat(500)), Platform::Discord);
    assert!(words.iter().all(|part| part.starts_with("word") && part.ends_with("word")));
}

#[test]
fn code_is_closed_and_reopened_with_its_language() {
    let body = "let x = 1;\n".repeat(300);
    let cut = parts(&format!("before\n```rust\n{body}```\nafter"), Platform::Discord);
    assert!(cut.len() == 2, "{}", cut.len());
    assert!(cut[0].starts_with("before\n```rust\n") && cut[0].ends_with("1;\n```"));
    assert!(cut[1].starts_with("```rust\nlet") && cut[1].ends_with("```\nafter"));
    let inline = parts(&format!("`{}`", "<@1> ".repeat(500)), Platform::Discord);
    assert!(inline.iter().all(|part| part.starts_with('`') && part.ends_with('`')));
    // A backtick that nothing closes is a backtick.
    assert!(parts(&format!("`{}", "x ".repeat(1500)), Platform::Discord).iter().all(|part| !part.ends_with('`')));
}

#[test]
fn an_empty_block_is_neither_left_nor_begun() {
    for filler in 1_980..2_000 {
        let cut = parts(&format!("{}\n```py\n{}\n```", "x".repeat(filler), "y".repeat(1_000)), Platform::Discord);
        assert!(cut.iter().all(|part| !part.contains("```py\n```") && !part.contains("```py\n\n```")), "{filler}");
        let cut = parts(&format!("```py\n{}\n```\nz", "y".repeat(filler)), Platform::Discord);
        assert!(cut.iter().all(|part| !part.contains("```py\n```") && !part.contains("```py\n\n```")), "{filler}");
    }
}

#[test]
fn telegrams_entities_end_in_each_part() {
    let text = format!("*bold __{}__*", "under \\*line ".repeat(600));
    let cut = parts(&text, Platform::Telegram);
    assert!(cut.len() >= 2);
    assert!(cut.iter().all(|part| part.starts_with("*") && part.ends_with("__*")), "{cut:?}");
    let link = format!("[{}](https://example.org)", "x".repeat(5_000));
    assert!(split::markup(&link, Platform::Telegram, 10).is_err());
    let link = format!("{} [x](https://example.org)", "x".repeat(4_080));
    assert_eq!(parts(&link, Platform::Telegram)[1], "[x](https://example.org)");
}

#[test]
fn telegrams_elements_end_in_each_part() {
    let text = format!("<b>bold <a href=\"https://example.org/?a=1&amp;b=2\">{}</a></b> end", "a &lt; b ".repeat(900));
    let cut = split::telegram_html(&text, 10).unwrap();
    assert!(cut.len() >= 2 && cut.iter().all(|part| part.encode_utf16().count() <= 4_096), "{cut:?}");
    assert!(cut[0].starts_with("<b>bold <a href") && cut[0].ends_with("</a></b>"));
    assert!(cut[1..].iter().all(|part| part.starts_with("<b><a href=\"https://example.org/?a=1&amp;b=2\">")));
    assert!(cut.last().unwrap().ends_with("</a></b> end"));
    let html = Draft { is_html: true, ..marked("<b>x</b>") };
    assert_eq!(html.payloads(Platform::Telegram).unwrap()[0]["parse_mode"], "HTML");
}

#[test]
fn marks_piled_on_one_letter_still_fit() {
    let pile = format!("a{}", "\u{301}".repeat(10_000));
    for platform in [Platform::Discord, Platform::Slack, Platform::WhatsApp, Platform::Irc, Platform::Matrix] {
        let (limit, unit) = platform.limit();
        assert!(parts(&pile, platform).iter().all(|part| unit.of(part) <= limit));
    }
}

/// Ends within an escape: an odd number of backslashes, or a reference without its end.
fn ends_within_escape(part: &str, platform: Platform) -> bool {
    let slashes = part.len() - part.trim_end_matches('\\').len();
    match platform {
        Platform::Discord => slashes % 2 == 1,
        _ => part.rfind('&').is_some_and(|at| !part[at..].contains(';')),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn plain_parts_fit_and_read_as_the_whole(
        text in "([a-z&<>*_`|@]{1,9}|[ \n]{1,3}|👩‍👩‍👧|🇩🇪|e\u{301}|😀|[\"\\\\]){200,1500}"
    ) {
        for platform in [Platform::Discord, Platform::Slack, Platform::Telegram, Platform::WhatsApp, Platform::Matrix] {
            let Ok(payloads) = draft(&text).payloads(platform) else { continue };
            let (limit, unit) = platform.limit();
            let field = if platform == Platform::Discord { "content" } else if platform == Platform::Matrix { "body" } else { "text" };
            let parts: Vec<String> = payloads.iter().map(|p| {
                let text = if platform == Platform::WhatsApp { &p["text"]["body"] } else { &p[field] };
                text.as_str().unwrap().to_owned()
            }).collect();
            let whole = match platform {
                Platform::Discord => crate::encode::discord(&text, crate::encode::Where::Text).into_owned(),
                Platform::Slack => crate::encode::slack(&text).into_owned(),
                Platform::WhatsApp => crate::encode::whatsapp(&text).into_owned(),
                _ => text.clone(),
            };
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&parts.concat()), squeeze(&whole));
            let graphemes: std::collections::BTreeSet<&str> = whole.graphemes(true).collect();
            for part in &parts {
                prop_assert!(unit.of(part) <= limit);
                prop_assert!(part.graphemes(true).all(|grapheme| graphemes.contains(grapheme)));
                if matches!(platform, Platform::Discord | Platform::Slack) {
                    prop_assert!(!ends_within_escape(part, platform));
                }
            }
        }
    }

    #[test]
    fn markup_parts_fit_and_lose_nothing(text in "(```(py)?\n?|`|[a-z]{1,40}|[ \n]|\\*|\\\\.|<@[0-9]{3}>|\\[x\\]\\(y\\)|&amp;){300,1200}") {
        for platform in Platform::ALL {
            let Ok(parts) = split::markup(&text, platform, split::MAX_PARTS) else { continue };
            let (limit, unit) = platform.limit();
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '`').collect::<String>();
            prop_assert!(parts.iter().all(|part| unit.of(part) <= limit));
            if matches!(platform, Platform::Matrix | Platform::Irc) {
                prop_assert_eq!(letters(&parts.concat()), letters(&text));
            } else {
                // A reopened block repeats its language.
                prop_assert!(letters(&parts.concat()).replace("py", "").len() >= letters(&text).replace("py", "").len());
            }
        }
    }
}
