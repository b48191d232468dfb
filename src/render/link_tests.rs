#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::link::judge;
use super::tests::render;
use super::{Plan, Platform};

fn link(template: &str, value: &str) -> Option<String> {
    render(Platform::Html, &format!("<a href=\"{template}\">"), value).ok()
}

fn reads(template: &str) -> bool {
    Plan::read(Platform::Html, format!("<a href=\"{template}\">").split("{}")).is_ok()
}

#[test]
fn hosts_schemes_and_ports_are_the_literals() {
    for (refused, taken) in [
        ("https://{}/a", "https://e.com/{}/a"),
        ("https://{}.e.com/", "https://e.com/{}.e.com/"),
        ("https://e.com{}", "https://e.com/{}"),
        ("https://e.com:{}/", "https://e.com:443/{}"),
        ("https://u{}@e.com/", "https://e.com/u{}@e.com/"),
        ("https:{}", "https://e/{}"),
        ("https:/{}", "https:/e/{}"),
        ("https:\\\\{}", "https:\\\\e\\{}"),
        ("//{}", "/a/{}"),
        ("///{}", "/a//{}"),
        ("/\\{}", "/a\\{}"),
        ("/\t/{}", "/\ta/{}"),
        ("{}:a", "a{}/:a"),
        ("java{}:a", "java{}?:a"),
        ("javascript:{}", "mailto:{}"),
        ("java\tscript:{}", "tel:{}"),
        ("data:text/html,{}", "tg://user?id={}"),
        ("{}{}", "{}/{}"),
        ("{}.evil.example", "{}?a"),
        ("{}@evil.example", "{}#a"),
        ("/%{}", "/%25{}"),
        ("/%2{}", "/%2e-{}"),
        ("https&colon;//e.com/{}", "https://e.com/?a&amp;b={}"),
        ("https:&#47;/e.com/{}", "https://e.com/?a&b={}"),
        ("/?a=1&{}", "/?a=1&amp;{}"),
    ] {
        assert!(!reads(refused), "{refused}");
        assert!(reads(taken), "{taken}");
    }
}

#[test]
fn nothing_begins_a_host_or_leaves_a_folder() {
    for template in
        ["/{}", "/{}/evil.example", "/a/{}", "/a/{}/b", "/a/.{}", "/a/%2E{}", "/a/{}?q", "https://e.com/{}", "./{}"]
    {
        for value in ["", ".", "..", "..."] {
            assert_eq!(link(template, value), None, "{template} {value}");
        }
        assert!(link(template, "a").is_some());
        assert!(link(template, "../..\\").unwrap().contains("..%2F..%5C"), "{template}");
    }
    assert_eq!(link("/a-{}", "..").unwrap(), "<a href=\"/a-..\">");
    assert_eq!(link("/?q={}", "").unwrap(), "<a href=\"/?q=\">");
}

#[test]
fn whole_links_are_canonical() {
    for (value, expected) in [
        ("https://e.com", "https://e.com/"),
        ("https://E.com:443/a b".trim_end_matches(" b"), "https://e.com/a"),
        ("https://e.com/(a)[b]{c}|`*'", "https://e.com/%28a%29%5Bb%5D%7Bc%7D%7C%60%2A%27"),
        ("https://e.com/#a)é", "https://e.com/#a%29%C3%A9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("MAILTO:a@e.com", "mailto:a@e.com"),
    ] {
        assert_eq!(judge(value).as_deref(), Ok(expected));
    }
    for value in
        ["http://e.com", "https:e.com", "https://a@e.com", "javascript:a", "/a", "", "mailto:a@b?c", "https://[::1]/"]
    {
        assert!(judge(value).is_err(), "{value}");
    }
}
