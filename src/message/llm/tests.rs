#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn allow() -> Allow {
    Allow::parse(&["docs.example.org".to_owned(), "*.example.com".to_owned(), "internal.example:8443".to_owned()])
        .unwrap()
}

fn clean(text: &str, platform: Platform) -> Clean {
    let clean = sanitize(text, platform, &allow());
    let again = sanitize(&clean.text, platform, &allow());
    assert_eq!((&again.text, again.findings.len()), (&clean.text, 0), "{text:?} {:?}", again.findings);
    clean
}

fn discord(text: &str) -> String {
    clean(text, Platform::Discord).text
}

/// One finding's kind and host.
fn found(text: &str) -> Vec<(&'static str, Option<String>)> {
    let clean = clean(text, Platform::Discord);
    clean
        .findings
        .into_iter()
        .map(|finding| (finding.kind.as_str(), finding.host.map(|host| host.as_ref().to_owned())))
        .collect()
}

#[test]
fn links_off_the_list_keep_their_label_and_lose_their_target() {
    for (text, expected) in [
        ("[a](https://evil.test/x \"t\")", "a (link removed: evil[.]test)"),
        ("[a [b] c](https://evil.test/(x)y)!", "a [b] c (link removed: evil[.]test)!"),
        ("![a](https://evil.test/?q=1)", "a (image removed: evil[.]test)"),
        (
            "[![i](https://evil.test/i.png)](https://evil.test)",
            "i (image removed: evil[.]test) (link removed: evil[.]test)",
        ),
        ("[a][r]\n\n[r]: https://evil.test/x", "[a][r]\n\n[r] (link removed: evil[.]test)"),
        ("> [r]:\n>  x\n[r]:\n  <https://evil.test/x> 't'", "> [r]:\n>  x\n[r] (link removed: evil[.]test)"),
        ("<https://evil.test/x>", "(link removed: evil[.]test)"),
        ("<https://evil.test/x|label>", "label (link removed: evil[.]test)"),
        ("<!date^1^{date}^https://evil.test|x>", "\u{ff20}x"),
        ("<a href='//evil.test'>x</a>", "(link removed: evil[.]test) x"),
        ("<img alt=x src=https://evil.test/x.png>", "(image removed: evil[.]test)"),
        (
            "**https://evil.test/x**, www.evil.com.",
            "**(link removed: evil[.]test)**, (link removed: www[.]evil[.]com).",
        ),
        (
            "see evil.com, evil.com/x and //evil.com",
            "see evil[.]com, (link removed: evil[.]com) and (link removed: evil[.]com)",
        ),
        ("[a](https://evil.test", "a (link removed: evil[.]test)"),
        ("evil.test«https://docs.example.org", "evil[.]test«https://docs.example.org"),
    ] {
        assert_eq!(discord(text), expected, "{text}");
    }
}

#[test]
fn what_the_list_allows_stays_as_it_is() {
    for text in [
        "[a](https://docs.example.org/x_(y) \"t\") ![i](https://a.example.com/i.png)",
        "<https://docs.example.org/?a=1&amp;b=2> <https://docs.example.org|docs>",
        "[r]: https://docs.example.org/x\n\n[r]",
        "<a href=\"https://docs.example.org/x\">x</a> <b>x</b> List<String> a < b",
        "https://docs.example.org/@user/a-long-title-of-some-page-that-reads-as-words?x=1#y",
        "docs.example.org, a.b.example.com/x; http://docs.example.org. https://internal.example:8443/x",
        "https://DOCS.example.org:443/8f14e45fceea167a5a36dedd4bea2543 bob@docs.example.org",
        "array[i](x) and f[0](a, b); note: [1]: see below; std::vec 12:30 v1.2.3 Node.js e.g. x = a.b",
        "```\nuser.name = os.path\n```\nand `user.name`",
        "hxxps://evil[.]com <t:1618953630:R> <a:wave:123>",
        "नी\u{200d}ला مي\u{200c}روم 👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3}",
    ] {
        let clean = clean(text, Platform::Discord);
        assert_eq!((clean.text.as_str(), clean.findings.as_slice()), (text, &[][..]), "{text}");
    }
}

#[test]
fn no_disguise_helps() {
    for text in [
        "&#104;ttps://evil.test",
        "https&colon;&sol;&sol;evil.test",
        "https:\\/\\/evil.test/x",
        "[a](&#x68;ttps&#58;//evil.test)",
        "[a](\\/\\/evil.test)",
        "[a](ht&Tab;tps://evil.test)",
        "https:evil.test https:/evil.test https:\\\\evil.test",
        "https://docs.example.org@evil.test/",
        "https://docs.example.org%2eevil.test",
        "https://docs.example.org\\@evil.test",
        "https://docs.example.org&period;evil.test",
        "https://evil。test/ https://ｅvil．test",
        "h\u{200b}ttps://ev\u{e0041}il.test",
        "<a\nhref = \"https://evil.test\">x</a>",
        "htt<b onclick=x>ps://evil.test",
        "[a](<https://evil.test",
        "![a]( https://evil.test )",
        "x-https://docs.example.org",
        "evil。com ｅvil．com пример.рф 1.2.3.4 2.evil.com",
        "[x](javascript:alert(1)) [y](DATA:text/html,x) [z](tg://user?id=1) [w](vbscript:x) slack://open mailto:a@b.test",
        "[x](/logout) [y](\\\\evil.test) [z](//intranet/x) [w](?x=1)",
        "http://localhost/x http://2130706433/ http://[::1]/ http://0x7f.1/",
        "https://docs.example.org../x https://docs.example.org:8443/ https://example.com/ https://notexample.com",
    ] {
        for platform in Platform::ALL {
            let clean = clean(text, platform);
            assert!(!clean.findings.is_empty(), "{text}");
            let shown = clean.text.replace("[.]", " ");
            for trace in ["evil.test", "://", "//evil", "javascript:", "data:", "mailto:", "/logout", "intranet/x"] {
                assert!(!shown.to_lowercase().contains(trace), "{text} -> {shown}");
            }
        }
    }
}

#[test]
fn a_label_says_where_its_link_leads() {
    assert_eq!(discord("[paypal.com](https://docs.example.org/x)"), "[docs.example.org](https://docs.example.org/x)");
    assert_eq!(
        discord("[https://a.example.com/x](https://docs.example.org)"),
        "[docs.example.org](https://docs.example.org)"
    );
    assert_eq!(discord("<https://docs.example.org|a.example.com>"), "<https://docs.example.org|docs.example.org>");
    assert_eq!(
        discord("<a href=\"https://docs.example.org\">a.example.com</a>"),
        "(link removed: docs[.]example[.]org) a.example.com"
    );
    assert_eq!(found("[paypal.com](https://docs.example.org)"), [("label", Some("docs.example.org".to_owned()))]);
    assert_eq!(
        discord("[www.docs.example.org](https://docs.example.org)"),
        "[docs.example.org](https://docs.example.org)"
    );
    assert_eq!(found("[the docs](https://docs.example.org)"), []);
}

#[test]
fn a_label_is_read_at_both_ends_whatever_its_length() {
    for first in ["a", "ä", "€", "😀"] {
        for blanks in 280..300 {
            let text = format!("[{first}{}paypal.de](https://docs.example.org/)", " ".repeat(blanks));
            assert_eq!(found(&text), [("label", Some("docs.example.org".to_owned()))], "{first} {blanks}");
        }
    }
}

#[test]
fn an_allowed_host_carries_nothing_out() {
    let secret = "K9s-correct-horse-battery";
    redact::register(secret);
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    for (kind, tail) in [
        ("secret", format!("?q={secret}")),
        ("secret", format!("{hex}/x")),
        ("secret", "?q=SzlzLWNvcnJlY3QtaG9yc2UtYmF0dGVyeQ".to_owned()),
        ("secret", "?q=%4b9s-correct-horse-batter%79".to_owned()),
        ("secret", "?token=a8f3k2m9q1".to_owned()),
        ("secret", format!("#ghp_{}", "a1".repeat(18))),
        ("opaque", "VGhlIHVzZXIgc2FpZCB0aGF0IHNoZSBpcyBpbGw".to_owned()),
        ("opaque", "54686520757365722073616964207468617420".to_owned()),
        ("opaque", "a1B2c3D4".repeat(7)),
        ("opaque", format!("?{}", "a=word&".repeat(90))),
        ("opaque", (0..9).map(|n| format!("{n}a1B2c3D4e5F6g7H8/")).collect()),
        ("nested", "?u=https://evil.test".to_owned()),
        ("nested", "?u=https%3A%2F%2Fevil.test".to_owned()),
        ("nested", "proxy//evil.test/x".to_owned()),
    ] {
        for text in [format!("https://docs.example.org/{tail}"), format!("[x](https://docs.example.org/{tail})")] {
            let found = found(&text);
            assert_eq!(found[0].0, kind, "{text}");
            assert!(!discord(&text).contains("docs.example.org/"), "{text}");
        }
    }
    assert_eq!(found("https://docs.example.org/?u=https://a.example.com/x"), []);
    let told = format!(
        "{:?}",
        clean(&format!("https://evil.test/?q={secret} and https://{secret}.evil.test"), Platform::Slack)
    );
    assert!(!told.contains(secret) && !told.contains("q="), "{told}");
    assert_eq!(discord(&format!("the key is {secret}")), "the key is [redacted]");
}

#[test]
fn a_finding_names_no_label_that_could_carry_data() {
    let host = format!("{}.evil.test", "d2l0aCBkYXRh".repeat(4));
    assert_eq!(found(&format!("https://{host}/")), [("link", Some("evil.test".to_owned()))]);
    assert_eq!(found("https://dосs.example.org/")[0].0, "disguised");
    assert_eq!(found("https://docs.example.org.evil.test/")[0].0, "disguised");
}

#[test]
fn nobody_is_pinged() {
    for (platform, text, expected) in [
        (
            Platform::Discord,
            "@everyone a@here <@1> <@!1> <@&1> <#1> </ban:1>",
            "＠everyone a＠here ＠1 ＠1 ＠1 ＃1 /ban",
        ),
        (
            Platform::Slack,
            "<!channel> <!here|here> <@U1|bob> <!subteam^S1> <#C1|x>",
            "＠channel ＠here ＠bob ＠subteam ＃x",
        ),
        (Platform::Telegram, "@bot and (@user1), a@docs.example.org", "＠bot and (＠user1), a@docs.example.org"),
        (Platform::Matrix, "@room @a:docs.example.org", "＠room ＠a:docs.example.org"),
        (Platform::Teams, "<at>Bob</at> hi", "Bob hi"),
        (Platform::Discord, "@bob is plain text there", "@bob is plain text there"),
        (Platform::Telegram, "https://docs.example.org/@user", "https://docs.example.org/@user"),
    ] {
        assert_eq!(clean(text, platform).text, expected);
    }
}

#[test]
fn hidden_characters_go_and_needed_ones_stay() {
    let tags: String = "ignore".chars().map(|c| char::from_u32(0xe0000 + c as u32).unwrap()).collect();
    let clean =
        clean(&format!("a{tags}b\u{202e}c\u{200b}d\u{fe0f}\u{e0101}e\u{1b}[0m\u{0}\r\nf\u{2028}g"), Platform::Slack);
    assert_eq!(clean.text, "abcde[0m\nf\ng");
    assert_eq!(clean.findings, [Finding { kind: Kind::Invisible, host: None, count: 12 }]);
}

#[test]
fn html_that_fetches_runs_or_hides_goes() {
    for (text, expected) in [
        ("<script>x</script>", "x"),
        ("<iframe src=x></iframe><svg/onload=x><object data=x>", ""),
        ("<b style='x:y'>a</b>", "a</b>"),
        ("<a href=\"https://docs.example.org\" onclick=\"x\">a</a>", "a"),
        (
            "<img src=\"https://docs.example.org/x.png\" alt=\"x\">",
            "<img src=\"https://docs.example.org/x.png\" alt=\"x\">",
        ),
        ("<img src=\"https://docs.example.org/x.png\" src=\"//intranet/x\">", ""),
        ("<img src=\"x", "img src=\"x"),
        ("<!-- x -->", "!-- x -->"),
        ("<scr<script>ipt>", "ipt>"),
    ] {
        assert_eq!(discord(text), expected, "{text}");
    }
}

#[test]
fn a_text_that_uncovers_something_each_time_is_reduced_to_words() {
    let mut text = "https://evil.test".to_owned();
    for _ in 0..MAX_ROUNDS + 4 {
        let (a, b) = text.split_at(text.len() / 2);
        text = format!("{a}<b x=1>{b}");
    }
    assert!(!clean(&text, Platform::Discord).text.contains("://"));
}

#[test]
fn a_list_that_is_none_is_refused() {
    for bad in ["", "*", "*.com", "https://x.org/path", "a b", "x@y.org"] {
        assert!(Allow::parse(&[bad.to_owned()]).is_err(), "{bad}");
    }
}

#[test]
fn every_table_is_in_order() {
    assert!(tlds::NAMES.split_ascii_whitespace().is_sorted() && tlds::contains("aaa") && tlds::contains("zw"));
    assert!(
        bare::is_host("a.ton") && bare::is_host("a.example") && !bare::is_host("a.notatld") && !bare::is_host("1.5")
    );
    assert!(
        ["svg", "at", "xmp", "animate", "title", "IMG"].iter().all(|name| tag::is_dangerous(name))
            && !tag::is_dangerous("b")
    );
}

#[test]
fn hostile_repetition_comes_back() {
    for piece in [
        "[",
        "](",
        "<",
        "![",
        "http://",
        "`",
        "<a ",
        "](x \"",
        "]:",
        "&#",
        "%2",
        "\\",
        "a.co ",
        "@",
        "<@",
        "data:",
        "[a](",
        "//",
        "x@a.co",
        "x@a.co,",
        "https://a.co)",
        "http://é.co)@",
        "a.co@b.co,",
        "\u{1f3fb}\u{200d}",
        "ж.рф ",
        "https://ä.co/ ",
        "ﷺ",
    ] {
        let text = piece.repeat(20_000 / piece.len());
        for platform in [Platform::Telegram, Platform::Discord] {
            clean(&text, platform);
        }
    }
}

#[test]
fn a_host_is_judged_alike_with_and_without_a_parser() {
    let list = ["docs.example.org", "*.example.com", "internal.example:8443", "пример.рф", "*.пример.рф", "1.2.3.4"];
    let allow = Allow::parse(&list.map(str::to_owned)).unwrap();
    let labels = [
        "docs",
        "DOCS",
        "a",
        "пример",
        "Пример",
        "рф",
        "xn--e1afmkfd",
        "-a",
        "a-",
        "a_b",
        "ab--c",
        "1",
        "0x1",
        "",
        "ä",
        "é́",
    ];
    for first in labels {
        for second in labels {
            for third in
                ["", ".example.org", ".example.com", ".пример.рф", ".рф", ".xn--p1ai", ".internal.example", ".3.4"]
            {
                for port in [443, 8443, 0] {
                    let host = format!("{first}.{second}{third}");
                    let host = host.strip_suffix('.').unwrap_or(&host);
                    // Its own rule: such characters end a name for a reader.
                    let odd = host.contains(|c: char| !c.is_ascii() && !c.is_alphanumeric()) || host.is_empty();
                    assert_eq!(allow.permits(host, port), !odd && allow.permits_parsed(host, port), "{host} {port}");
                }
            }
            allow.begin();
        }
    }
}

#[test]
fn names_that_need_a_parser_are_refused_once_there_are_very_many() {
    let allow = Allow::parse(&["*.пример.рф".to_owned()]).unwrap();
    let text: String = (0..700).map(|n| format!("https://Ж{n}.пример.рф/ ")).collect();
    let kept = |clean: &Clean| clean.text.matches("https://").count();
    let first = sanitize(&text, Platform::Discord, &allow);
    assert!(
        (1..700).contains(&kept(&first)) && kept(&first) + first.findings.iter().map(|f| f.count).sum::<usize>() == 700
    );
    // What one text had leaves nothing to the next.
    let few = sanitize("https://Ж1.пример.рф/ https://ж699.пример.рф/", Platform::Discord, &allow);
    assert_eq!((kept(&few), few.findings.len()), (2, 0));
}

#[test]
fn folding_is_nfkc_and_what_browsers_add() {
    use unicode_normalization::UnicodeNormalization;
    for c in ('\0'..='\u{33ff}').chain(('\u{3400}'..='\u{10ffff}').step_by(11)) {
        let text = format!("a{c}b");
        let view = View::of(&text);
        let folded: String = match c {
            '。' | '｡' => ".".to_owned(),
            '\u{2044}' | '\u{2215}' | '\u{29f8}' => "/".to_owned(),
            '\u{29f5}' | '\u{2216}' => "\\".to_owned(),
            // Phrases, which no link holds.
            '\u{fdfa}' | '\u{fdfb}' => c.to_string(),
            _ => std::iter::once(c).nfkc().collect(),
        };
        assert_eq!(view.text(), format!("a{folded}b"), "{c:?}");
        assert_eq!(view.source(1..1 + folded.len()), 1..text.len() - 1, "{c:?}");
        assert_eq!(view.source(1 + folded.len()..2 + folded.len()), text.len() - 1..text.len(), "{c:?}");
    }
}

#[test]
fn a_reading_knows_where_each_part_comes_from() {
    let text = "ж%66ﬁ&#104;％６６ x%2525ﬃﬃﬁﷺ";
    let views = View::all(text);
    let last = views.last().unwrap();
    assert_eq!(last.text(), "жffihf x%ffiffifiﷺ");
    for (part, source) in
        [("ж", "ж"), ("f", "%66"), ("ihf", "ﬁ&#104;％６６"), (" x", " x"), ("%", "%2525"), ("fifi", "ﬃﬁ"), ("ﷺ", "ﷺ")]
    {
        let at = last.text().find(part).unwrap();
        assert_eq!(&text[last.source(at..at + part.len())], source, "{part}");
    }
}

#[test]
fn joiners_behind_very_many_modifiers_go() {
    let tones = "\u{1f3fb}".repeat(50_000);
    let given = format!("{tones}{}", "\u{200d}".repeat(50_000));
    let (text, dropped) = invisible::strip(&given);
    assert_eq!((text.as_ref(), dropped), (tones.as_str(), 50_000));
}

const PIECES: &str = "(https?|:|//|\\.|evil|docs\\.example\\.org|com|test|\\[|\\]|\\(|\\)|!|<|>|\\||@|\\\\|/|&#104;|%2e|&amp;|`|\"|=|<a href=|<img |javascript:|\u{200b}|。|．|：| |\n|é|x|_|everyone|1\\.2\\.3\\.4|\\]:|</a>){1,16}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn twice_is_once_and_nothing_leads_astray(text in PIECES) {
        for platform in [Platform::Telegram, Platform::Slack] {
            let allow = allow();
            let clean = sanitize(&text, platform, &allow);
            let again = sanitize(&clean.text, platform, &allow);
            prop_assert_eq!(&again.text, &clean.text);
            prop_assert_eq!(again.findings, []);
            for view in View::all(&clean.text) {
                for candidate in bare::candidates(view.text()) {
                    let verdict = allow.judge(&view.text()[candidate.range]);
                    prop_assert!(platform == Platform::Slack || matches!(verdict, Verdict::Keep { .. }), "{:?}", clean.text);
                }
            }
        }
    }

    #[test]
    fn a_verdict_from_memory_is_the_verdict(text in PIECES, other in PIECES) {
        let (known, fresh) = (allow(), allow());
        for link in [&text, &other, &text] {
            let first = known.judge(link);
            prop_assert_eq!(&first, &known.judge(link));
            fresh.begin();
            prop_assert_eq!(&first, &fresh.judge(link));
        }
    }

    #[test]
    fn any_text_comes_back(text in "\\PC{0,200}") {
        clean(&text, Platform::Telegram);
    }
}
