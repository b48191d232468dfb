#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// The template taken apart at its `{}`.
fn plan(platform: Platform, template: &str) -> Result<Plan, Flaw> {
    Plan::read(platform, template.split("{}"))
}

/// The template with the value in each hole; JSON holes get it as a JSON string.
pub(super) fn render(platform: Platform, template: &str, value: &str) -> Result<String, Unfit> {
    plan(platform, template).unwrap().write(|_, hole, out| {
        if hole.takes_json() {
            hole.write_json(&serde_json::to_string(value).unwrap(), out);
            return Ok(());
        }
        hole.write(value, out)
    })
}

fn takes(platform: Platform, templates: &[&str]) {
    for template in templates {
        if let Err(flaw) = plan(platform, template) {
            panic!("{template}: {flaw:?}");
        }
    }
}

fn refuses(platform: Platform, templates: &[&str]) {
    for template in templates {
        assert!(plan(platform, template).is_err(), "{template}");
    }
}

#[test]
fn html_takes_values_in_text_quotes_links_and_scripts() {
    for (template, value, expected) in [
        ("<p>{}</p>", "<b>&", "<p>&lt;b&gt;&amp;</p>"),
        ("<title>{}</title>", "</title>", "<title>&lt;/title&gt;</title>"),
        ("<p title=\"{}\">", "\" onclick=\"x", "<p title=\"&quot; onclick&#x3D;&quot;x\">"),
        ("<p title = '{}'>", "'", "<p title = '&#x27;'>"),
        ("<a href=\"/p-{}?q={}#{}\">", "a&b/ü", "<a href=\"/p-a%26b%2F%C3%BC?q=a%26b%2F%C3%BC#a%26b%2F%C3%BC\">"),
        ("<a href='mailto:{}'>", "a@b.c?bcc=d", "<a href='mailto:a@b.c%3Fbcc%3Dd'>"),
        ("<p style=\"font-family: '{}'\">", "a';x", "<p style=\"font-family: 'a\\27\\3bx'\">"),
        ("<script>f('{}')</script>", "'</script>", "<script>f('\\u0027\\u003c\\u002fscript\\u003e')</script>"),
        ("<script>f({})</script>", "'</script>", "<script>f( \"'\\u003c/script\\u003e\" )</script>"),
        (
            "<script type=module>/* a */ f({}) // b</script>",
            "a",
            "<script type=module>/* a */ f( \"a\" ) // b</script>",
        ),
        ("<textarea>{}</textarea><p>{}</p>", "<", "<textarea>&lt;</textarea><p>&lt;</p>"),
        ("a < b {} <3 && <>", "<", "a < b &lt; <3 && <>"),
    ] {
        assert_eq!(render(Platform::Html, template, value).unwrap(), expected);
    }
}

/// Places that a browser reads as something other than text, each beside one that is safe and differs little.
#[test]
fn html_refuses_values_where_no_escape_is_sure() {
    let pairs = [
        ("<p title={}>", "<p title='{}'>"),
        ("<p title=a{}>", "<p title='a{}'>"),
        ("<{}>", "<p>{}"),
        ("<p{}>", "<p >{}"),
        ("</{}>", "</p>{}"),
        ("<p {}>", "<p a>{}"),
        ("<p {}='a'>", "<p a='{}'>"),
        ("<p a{}='a'>", "<p a='a{}'>"),
        ("<p a='b'{}>", "<p a='b'>{}"),
        ("<!-- {} -->", "<!-- -->{}"),
        ("<!doctype {}>", "<!doctype html>{}"),
        ("<?{}>", "<?a>{}"),
        ("</ {}>", "</ >{}"),
        ("<style>{}</style>", "<style></style>{}"),
        ("<iframe>{}</iframe>", "<iframe></iframe>{}"),
        ("<xmp>{}</xmp>", "<xmp></xmp>{}"),
        ("<svg>{}</svg>", "<svg/>{}"),
        ("<svg a=b/>{}</svg>", "<svg a='b'/>{}"),
        ("<math><a a='{}'></a></math>", "<math></math>{}"),
        ("<noscript>{}</noscript>", "<noscript></noscript>{}"),
        ("<p onclick='{}'>", "<p data-a='{}'>"),
        ("<p ONCLICK='{}'>", "<p TITLE='{}'>"),
        ("<p @click='{}'>", "<p click='{}'>"),
        ("<p v-html='{}'>", "<p value='{}'>"),
        ("<iframe srcdoc='{}'></iframe>", "<iframe title='{}'></iframe>"),
        ("<img srcset='{} 2x'>", "<img src='{}'>"),
        ("<script src='{}'></script>", "<img src='{}'>"),
        ("<script src='/{}'></script>", "<img src='/{}'>"),
        ("<base href='{}'>", "<a href='{}'>"),
        ("<link href='{}'>", "<area href='{}'>"),
        ("<object data='{}'></object>", "<object title='{}'></object>"),
        ("<meta http-equiv=refresh content='{}'>", "<meta name=a content='{}'>"),
        ("<meta content='{}' http-equiv=refresh>", "<meta content='{}' name=a>"),
        ("<script type='{}'></script>", "<script id='{}'></script>"),
        ("<p style='color: {}'>", "<p style='color: \"{}\"'>"),
        ("<p style='a: url(\"{}\")'>", "<p style='a: \"{}\"'>"),
        ("<p style='/* \"{}\" */'>", "<p style='/* */ a: \"{}\"'>"),
        ("<p style='a: \"\\{}\"'>", "<p style='a: \"\\\\{}\"'>"),
        ("<p style='a: \"\\27{}\"'>", "<p style='a: \"\\000027 {}\"'>"),
        ("<p style='a: &quot;{}&quot;'>", "<p style='a: \"{}\"'>"),
        ("<p style='a: url(b\"c); d: \"{}\"'>", "<p style='a: url(\"b\"); d: \"{}\"'>"),
        ("<p title='&{};'>", "<p title='&amp;{};'>"),
        ("&#{};", "&amp;#{};"),
        ("&l{};", "&amp;l{};"),
        ("<script>`{}`</script>", "<script>'{}'</script>"),
        ("<script>a / b; f({})</script>", "<script>f({}); a / b</script>"),
        ("<script>/['\"]/; f({})</script>", "<script>'/'; f({})</script>"),
        ("<script>// {}</script>", "<script>//\n{}</script>"),
        ("<script>/* {} */</script>", "<script>/* */{}</script>"),
        ("<script>'\\{}'</script>", "<script>'\\\\{}'</script>"),
        ("<script>'\\u00{}'</script>", "<script>'\\u0041{}'</script>"),
        ("<script>'\\1{}'</script>", "<script>'\\1';'{}'</script>"),
        ("<script>'</scr{}'</script>", "<script>'<\\/scr{}'</script>"),
        ("<script>'<!-{}'</script>", "<script>'<\\!-{}'</script>"),
        ("<script>'<!--';{}</script>", "<script>'<\\!--';{}</script>"),
        ("<script>'a\n{}'</script>", "<script>'a\\\n{}'</script>"),
        ("<script type=text/x>{}</script>", "<script type=application/json>{}</script>"),
        ("<script type=importmap>{}</script>", "<script type=application/ld+json>{}</script>"),
        ("<title></ti{}</title>", "<title>&lt;/ti{}</title>"),
        ("<p", "<p>"),
        ("<p a='", "<p a=''>"),
        ("<!--", "<!-->"),
        ("<script>", "<script></script>"),
        ("<title>a</titlea>", "<title>a</title>"),
        ("<plaintext>", "<pre>"),
        ("<svg><style><!--</style></svg>", "<svg><style>a</style></svg>"),
    ];
    for (unsafe_place, safe_place) in pairs {
        refuses(Platform::Html, &[unsafe_place]);
        takes(Platform::Html, &[safe_place]);
    }
}

#[test]
fn telegram_and_matrix_show_their_own_tags_only() {
    let both = ["<b>{}</b>", "<pre><code class='language-{}'>{}</code></pre>", "<a href='{}'>{}</a>"];
    takes(Platform::Telegram, &both);
    takes(Platform::Matrix, &both);
    takes(Platform::Telegram, &["<tg-spoiler>{}</tg-spoiler>", "<a href='tg://user?id={}'>a</a>", "a &amp; {}"]);
    takes(Platform::Matrix, &["<h1>{}</h1><br>", "<span data-mx-spoiler='{}'>a</span>", "<img src='mxc://a/{}'>"]);
    refuses(Platform::Telegram, &["<h1>a</h1>", "<br>", "<a>{}</a>", "<b>{}", "{}</b>", "<b><i>{}</b></i>", "a < {}"]);
    refuses(Platform::Telegram, &["<b title='{}'>a</b>", "<!-- -->", "<a href={}>a</a>", "<a href='{}' x\">a</a>"]);
    refuses(Platform::Telegram, &["<a href=''>{}</a>", "<a href>{}</a>", "<a href='https://e.com' href=''>{}</a>"]);
    refuses(Platform::Matrix, &["<script>{}</script>", "<p style='a: \"{}\"'>a</p>", "<img src='{}'>", "<svg></svg>"]);
    refuses(Platform::Matrix, &["<a target='{}'>a</a>", "<!-- -->", "<p>{}", &"<b>".repeat(101)]);
}

#[test]
fn telegrams_marks_are_closed_in_order_and_quotes_stay_quotes() {
    for (template, value, expected) in [
        ("*{}*", "a*b", "*a\\*b*"),
        ("`{}`", "a`b\\", "`a\\`b\\\\`"),
        ("_{}_", "", "_\r_"),
        ("*a {}*", "", "*a *"),
        ("```py\n{}```", "```", "```py\n\\`\\`\\````"),
        ("[{}](https://e.com/{})", "a)]", "[a\\)\\]](https://e.com/a%29%5D)"),
        (">{}\nb", "c\nd", ">c\n>d\nb"),
    ] {
        assert_eq!(render(Platform::TelegramMarkdown, template, value).unwrap(), expected);
    }
    takes(Platform::TelegramMarkdown, &["_a __{}___", "![{}](tg://emoji?id={})", "a\\.{}", "||{}||", "**>{}||"]);
    refuses(Platform::TelegramMarkdown, &["*{}", "**{}**", "*_{}*_", "{}.", "\\{}", "[{}]", "[a]({}", "```{}```"]);
    refuses(
        Platform::TelegramMarkdown,
        &[
            "`{}",
            "[a [{}](https://e.com)](b)",
            "![a](https://e.com/{})",
            "![a](tg://emoji?id={}])",
            "``{}``",
            "``",
            "*\n>{}*",
        ],
    );
    refuses(Platform::TelegramMarkdown, &["[a](https://{}/)", "[a](javascript:{})", "[a](https://e.com/\\{})"]);
}

#[test]
fn discord_tells_text_code_labels_targets_and_mentions_apart() {
    for (template, value, expected) in [
        ("`{}` {}", "a`b", "`a\u{2cb}b` a\\`b"),
        ("```py\n{}```", "", "```py\n\u{200b}```"),
        ("[a](https://e.com/{})", "a)b", "[a](https://e.com/a%29b)"),
        ("[a](<https://e.com/?q={}> \"t\")", "a> b", "[a](<https://e.com/?q=a%3E%20b> \"t\")"),
        ("<@{}>", "42", "<@42>"),
        ("https://e.com/{} {}", "a b", "https://e.com/a%20b a b"),
        ("> {}\nb", "c\nd", "> c\n> d\nb"),
        (">>> {}", "c\nd", ">>> c\nd"),
        ("*{}* **b**", "", "*\u{200b}* **b**"),
        ("#{}", " big", "#\u{200b} big"),
        ("a#{}", " small", "a# small"),
        ("[{}] (a)", "**", "[\\*\\*] (a)"),
        ("[{}] a", "b](https://e.com)", "[b\\](https://e.com)] a"),
        ("[a]{}", "(https://e.com)", "[a]\u{200b}(https://e.com)"),
        ("#{}{}", " a", "#\u{200b} a\u{200b} a"),
    ] {
        assert_eq!(render(Platform::Discord, template, value).unwrap(), expected);
    }
    takes(Platform::Discord, &["\\`{}", "``a ` {}``", "a [b] {}", "1 < {}", "<t:{}:R>", "</cmd:{}>"]);
    refuses(Platform::Discord, &["`{}", "```{}```", "````{}````", "\\{}", "[a](https://{})", "[a](b \"{}\")", "<{}"]);
    refuses(Platform::Discord, &["[`{}`](https://e.com)", "https://{}", "https://e.com{}", "[a]({}", "``{}`"]);
}

#[test]
fn slack_tells_text_code_links_and_mentions_apart() {
    for (template, value, expected) in [
        ("*{}*", "<!here>", "*&lt;!here&gt;*"),
        ("`{}`", "a`<b", "`a\u{2cb}&lt;b`"),
        ("<https://e.com/{}|{}>", "a|b>", "<https://e.com/a%7Cb%3E|a|b&gt;>"),
        ("<@{}>", "U1", "<@U1>"),
        ("> {}", "a\nb", "> a\n> b"),
        ("https://e.com/?q={}", "a b", "https://e.com/?q=a%20b"),
    ] {
        assert_eq!(render(Platform::Slack, template, value).unwrap(), expected);
    }
    takes(Platform::Slack, &["<!here> {}", "<!subteam^{}>", "&gt; {}", ">>> {}"]);
    refuses(Platform::Slack, &["<!{}>", "<{}", "a > {}", "`{}", "<https://{}|a>", "<https://e.com{}>", "```{}```"]);
}

#[test]
fn a_terminals_own_sequences_are_whole() {
    let shown = render(Platform::Terminal, "\u{1b}[1m{}\u{1b}[0m", "a\u{1b}[2J\r").unwrap();
    assert_eq!(shown, "\u{1b}[1ma\\r\u{1b}[0m");
    takes(
        Platform::Terminal,
        &["\u{1b}]8;;https://e.com\u{7}{}\u{1b}]8;;\u{1b}\\", "\u{1b}c{}", "\u{9b}1m{}", "\u{1b}(B{}"],
    );
    refuses(
        Platform::Terminal,
        &["\u{1b}[{}m", "\u{1b}{}", "\u{1b}]8;;{}\u{7}a", "\u{9b}3{}m", "\u{1b}({}", "\u{1b}[1"],
    );
}

#[test]
fn format_strings_are_names_only() {
    let read = Fields::parse("a {x!r:>4} {{{y}}}").unwrap();
    assert_eq!(read.parts, ["a ", " {", "}"]);
    let [first, second] = read.fields.as_slice() else { panic!() };
    assert_eq!((first.name.as_str(), first.conversion, first.spec.as_str()), ("x", Some('r'), ">4"));
    assert_eq!((second.name.as_str(), second.conversion, second.spec.as_str()), ("y", None, ""));
    for wrong in
        ["{", "}", "{}", "{0}", "{a.b}", "{a[0]}", "{a!q}", "{a!}", "{a:{b}}", "{ a}", "{a!r.b}", "{!r}", "{:x}"]
    {
        assert!(Fields::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn no_value_lengthens_the_host_of_an_address_in_a_chat() {
    for (refused, taken) in [
        ("https://e\\.com{}", "https://e\\.com/{}"),
        ("https://{}", "https {}"),
        ("see https://e\\.com:443{}", "see https://e\\.com {}"),
        ("https://{}/a", "https:/{}/a"),
    ] {
        refuses(Platform::TelegramMarkdown, &[refused]);
        takes(Platform::TelegramMarkdown, &[taken]);
        let (refused, taken) = (refused.replace('\\', ""), taken.replace('\\', ""));
        refuses(Platform::Telegram, &[&refused]);
        refuses(Platform::Matrix, &[&refused]);
        refuses(Platform::Discord, &[&refused]);
        refuses(Platform::Slack, &[&refused]);
        for platform in Platform::ALL {
            takes(platform, &[&taken.replace('.', "")]);
        }
        takes(Platform::Html, &[&refused]);
    }
}

#[test]
fn flaws_name_places() {
    assert_eq!(plan(Platform::Html, "<p>{}<p {}>").unwrap_err(), Flaw::Hole(1, "in the name of an attribute"));
    assert_eq!(plan(Platform::Html, "{}ab<p").unwrap_err(), Flaw::At(2, "a tag that never ends"));
}

#[test]
fn every_platform_has_a_name() {
    assert!(Platform::ALL.iter().all(|platform| Platform::parse(platform.name()) == Some(*platform)));
    assert_eq!(Platform::parse("irc"), None);
}

const TEMPLATE: &str =
    "(\\{\\}|<[a-z]{1,3} ?|</?p>|>|['\"=&;/<!`*_\\[\\]()|~\\\\:#.\n-]|https://e.com/|script|style|title|svg){0,14}";

proptest! {
    #[test]
    fn reading_and_writing_never_panic_and_have_a_place_for_each_hole(template in TEMPLATE, value in "\\PC{0,8}|[<>'\"&`\\]()/.]{0,8}") {
        for platform in Platform::ALL {
            if let Ok(plan) = plan(platform, &template) {
                prop_assert_eq!(plan.holes().len() + 1, plan.parts().len());
                let _ = plan.write(|_, hole, out| hole.write(&value, out));
            }
        }
    }

    #[test]
    fn any_format_string_is_read_or_refused(text in "[{}a-c!:.\\[r]{0,20}|\\PC{0,30}") {
        if let Ok(read) = Fields::parse(&text) {
            prop_assert_eq!(read.parts.len(), read.fields.len() + 1);
        }
    }
}
