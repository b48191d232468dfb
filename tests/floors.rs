//! Holds the plan of the house: which room may use which, and what only one room may name.
//!
//! Each rule is a function from a file's text to complaints, so that its test can show it a violation as well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "floors/reader.rs"]
mod reader;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use reader::Reading;

/// Floors from the ground up, rooms from left to right. A room uses lower floors and the rooms to its left.
const FLOORS: &[&[&str]] = &[
    &["clock", "fork", "error", "url", "secret"],
    &["encode", "render", "redact", "validate", "headers", "throttle", "retry", "sign"],
    &["policy", "message", "observe"],
    &["transport"],
    &["pipeline"],
    &["secrets", "quota", "client"],
    &["bindings"],
];

/// Rooms below this floor decide and do nothing: no files, sockets, threads or sleep.
const FIRST_ACTING_FLOOR: usize = 3;

/// Foreign crates and the one room that may name them, or each of two for parts that have nothing in common.
const FENCES: &[(&str, &str)] = &[
    ("pyo3", "bindings"),
    ("jiter", "bindings"),
    ("rcgen", "bindings"),
    ("mimalloc", "bindings"),
    ("zeroizing_alloc", "bindings"),
    ("memmap2", "secret"),
    ("rustix", "bindings"),
    ("rustix", "clock"),
    ("rustix", "secrets"),
    ("reqwest", "transport"),
    ("hyper", "transport"),
    ("hyper_util", "transport"),
    ("hyper_rustls", "transport"),
    ("rustls", "transport"),
    ("tokio_rustls", "transport"),
    ("redis", "quota"),
    ("rustls_platform_verifier", "transport"),
    ("getrandom", "clock"),
];

/// Types that only their judge makes, and the room of the judge.
const JUDGED: &[(&str, &str)] = &[("ValidRequest", "validate"), ("PermittedRequest", "policy")];

/// Names of rooms that own nothing in particular.
const DRAWERS: &[&str] = &["utils", "util", "helpers", "common", "manager", "misc"];

/// Lines of a file that can still be read in one go; tests hold tables and may be longer.
const LINES: usize = 400;
const TEST_LINES: usize = 600;

/// Files that wait to be split, and the length they must not pass until then.
const WAITING_TO_BE_SPLIT: &[(&str, usize)] = &[];

fn room(file: &str) -> &str {
    file.split_once('/').map_or("", |(room, _)| room)
}

fn place(room: &str) -> Option<(usize, usize)> {
    FLOORS.iter().enumerate().find_map(|(floor, rooms)| rooms.iter().position(|r| *r == room).map(|at| (floor, at)))
}

fn arrows(file: &str, source: &str) -> Vec<String> {
    let own = place(room(file));
    let names = Reading::of(file, source).names;
    let inner = names.iter().filter(|name| name.first().is_some_and(|first| first == "crate"));
    let targets: BTreeSet<&String> = inner.filter_map(|name| name.get(1)).collect();
    let points_up = |target: &str| target == "*" || own.is_some() && place(target) > own;
    targets.into_iter().filter(|t| points_up(t)).map(|t| format!("{file} uses {t}")).collect()
}

fn fences(file: &str, source: &str) -> Vec<String> {
    let names = Reading::of(file, source).names;
    let first: BTreeSet<&String> = names.iter().filter_map(|name| name.first()).collect();
    let may = |foreign: &str| FENCES.iter().any(|fence| *fence == (foreign, room(file)));
    FENCES
        .iter()
        .filter(|(foreign, _)| !may(foreign) && first.iter().any(|name| name == foreign))
        .map(|(foreign, home)| format!("{file} names {foreign}, which belongs to {home}"))
        .collect()
}

fn environment(file: &str, source: &str) -> Vec<String> {
    let reads = file != "secrets/env.rs" && Reading::of(file, source).has(&["std", "env"]);
    reads.then(|| format!("{file} reads the environment")).into_iter().collect()
}

fn clocks(file: &str, source: &str) -> Vec<String> {
    let reading = Reading::of(file, source);
    let hidden = reading.methods.iter().any(|method| method == "elapsed");
    let reads = hidden || reading.has(&["Instant", "now"]) || reading.has(&["SystemTime", "now"]);
    (reads && room(file) != "clock").then(|| format!("{file} reads a clock")).into_iter().collect()
}

/// Randomness from the hasher names secrets in logs and hides redaction's tables; all other randomness is `clock`'s.
fn randomness(file: &str, source: &str) -> Vec<String> {
    let draws = Reading::of(file, source).has(&["RandomState"]);
    let may = ["clock", "redact", "secrets"].contains(&room(file));
    (draws && !may).then(|| format!("{file} draws randomness")).into_iter().collect()
}

fn acts(file: &str, source: &str) -> Vec<String> {
    const ACTS: &[&[&str]] = &[
        &["std", "fs"],
        &["std", "thread"],
        &["std", "process", "Command"],
        &["std", "net", "TcpStream"],
        &["std", "net", "TcpListener"],
        &["std", "net", "UdpSocket"],
        &["std", "net", "ToSocketAddrs"],
        &["tokio", "fs"],
        &["tokio", "net"],
        &["tokio", "time"],
        &["tokio", "task"],
        &["tokio", "spawn"],
        &["tokio", "runtime"],
    ];
    let reading = Reading::of(file, source);
    let judge = place(room(file)).is_some_and(|(floor, _)| floor < FIRST_ACTING_FLOOR);
    let done = ACTS.iter().filter(|act| judge && reading.has(act));
    done.map(|act| format!("{file} decides, and must not use {}", act.join("::"))).collect()
}

fn second_constructors(file: &str, source: &str) -> Vec<String> {
    let reading = Reading::of(file, source);
    let elsewhere =
        JUDGED.iter().filter(|(name, home)| room(file) != *home && reading.literals.iter().any(|l| l == name));
    let open = JUDGED.iter().filter(|(name, _)| reading.open.iter().any(|o| o == name));
    let made = elsewhere.map(|(name, _)| format!("{file} constructs a {name}"));
    made.chain(open.map(|(name, _)| format!("{file} opens a field of {name}"))).collect()
}

fn length(file: &str, source: &str, test: bool) -> Vec<String> {
    let waiting = WAITING_TO_BE_SPLIT.iter().find(|(name, _)| *name == file).map(|(_, lines)| *lines);
    let limit = waiting.unwrap_or(if test { TEST_LINES } else { LINES });
    let lines = source.lines().count();
    (lines > limit).then(|| format!("{file} has {lines} lines, more than {limit}: split it")).into_iter().collect()
}

fn drawers(file: &str, source: &str) -> Vec<String> {
    let modules = Reading::of(file, source).modules;
    let names = file.split(['/', '.']).chain(modules.iter().map(String::as_str));
    let bad: BTreeSet<&str> = names.filter(|name| DRAWERS.contains(name)).collect();
    bad.into_iter().map(|name| format!("{file}: `{name}` owns nothing")).collect()
}

/// An ignored test, or an ignored example in the documentation.
fn ignored(file: &str, source: &str) -> Vec<String> {
    let example = source.lines().map(str::trim_start).filter_map(|line| line.strip_prefix("//"));
    let mut example = example.map(|text| text.trim_start_matches(['/', '!', ' ']));
    let any =
        Reading::of(file, source).ignored || example.any(|text| text.starts_with("```") && text.contains("ignore"));
    any.then(|| format!("{file} ignores a test")).into_iter().collect()
}

/// Every file below a folder of the project, with its path relative to it.
fn files(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, out) } else { out.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let rust = paths.iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    rust.map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Source files, and whether they hold only tests.
fn sources() -> Vec<(String, String, bool)> {
    let files = files("src");
    let tests: BTreeSet<String> = files.iter().flat_map(|(file, text)| Reading::of(file, text).test_files).collect();
    files.into_iter().map(|(file, text)| (tests.contains(&file), file, text)).map(|(t, f, s)| (f, s, t)).collect()
}

/// Asserts that a rule has nothing to say about the code that is built.
fn holds(rule: fn(&str, &str) -> Vec<String>) {
    let built = sources().into_iter().filter(|(_, _, test)| !test);
    let bad: Vec<String> = built.flat_map(|(file, text, _)| rule(&file, &text)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

/// Asserts that a rule catches each of these, and once.
fn catches(rule: fn(&str, &str) -> Vec<String>, file: &str, sources: &[&str]) {
    sources.iter().for_each(|source| assert_eq!(rule(file, source).len(), 1, "{file}: {source}"));
}

/// Asserts that a rule lets each of these pass.
fn allows(rule: fn(&str, &str) -> Vec<String>, file: &str, sources: &[&str]) {
    sources.iter().for_each(|source| assert_eq!(rule(file, source), [""; 0], "{file}: {source}"));
}

#[test]
fn no_arrow_points_up_or_right() {
    holds(arrows);
    let up = [
        "use crate::policy::Policy;",
        "use crate::{clock, policy::{self, Policy}};",
        "use crate::policy as p;",
        "use crate as root; fn f() { root::policy::g(); }",
        "use super::super::policy::Policy;",
        "mod inner { use super::super::super::policy; }",
        "fn f() { crate::redact::scrub(\"\"); }",
        "fn f() -> crate::policy::Policy { todo!() }",
        "fn f() { println!(\"{}\", crate::policy::name()); }",
        "macro_rules! m { () => { use crate::{policy}; } }",
        "macro_rules! m { () => { $crate::policy::name() } }",
        "#[cfg(not(test))] use crate::policy;",
        "#[cfg(any(test, unix))] use crate::policy;",
        "use crate::*;",
    ];
    catches(arrows, "encode/chat.rs", &up);
    let down = [
        "use crate::error::Error;",
        "use super::line::log;",
        "#[cfg(test)] mod tests { use crate::policy::Policy; }",
        "#[cfg(all(test, unix))] fn f() { crate::policy::g(); }",
        "fn f() -> &'static str { \"crate::policy\" }",
    ];
    allows(arrows, "encode/chat.rs", &down);
    allows(arrows, "policy/mod.rs", &["use crate::encode;"]);
    catches(arrows, "policy/mod.rs", &["use super::observe;"]);
    allows(arrows, "observe/mod.rs", &["use super::policy;"]);
}

#[test]
fn foreign_crates_stay_behind_their_fences() {
    holds(fences);
    let foreign = [
        "use reqwest::Client;",
        "use ::reqwest::Client;",
        "use {std::fmt, reqwest as http};",
        "extern crate reqwest;",
        "extern crate reqwest as http;",
        "fn f(_: reqwest::Client) {}",
        "#[reqwest::attribute] fn f() {}",
        "#[derive(Debug, reqwest::Thing)] struct S;",
        "fn f() { vec![reqwest::get()]; }",
    ];
    catches(fences, "policy/x.rs", &foreign);
    catches(fences, "lib.rs", &["pub use reqwest;", "pub mod transport { pub use rustls; }"]);
    allows(fences, "transport/x.rs", &foreign);
    catches(fences, "pipeline/x.rs", &["#[pyo3::pyfunction] fn f() {}"]);
    allows(fences, "bindings/x.rs", &["#[pyo3::pyfunction] fn f() {}"]);
}

#[test]
fn the_environment_is_read_in_one_file() {
    holds(environment);
    let reads = [
        "fn f() { std::env::var(\"X\"); }",
        "use std::env;",
        "use std::{env as e, fmt};",
        "use std as s; fn f() { s::env::vars(); }",
        "fn f() { assert!(std::env::var(\"X\").is_ok()); }",
    ];
    catches(environment, "transport/x.rs", &reads);
    catches(environment, "secrets/file.rs", &reads);
    allows(environment, "secrets/env.rs", &reads);
}

#[test]
fn clocks_and_randomness_have_one_home() {
    holds(clocks);
    holds(randomness);
    let reads = [
        "fn f() { std::time::Instant::now(); }",
        "use std::time::SystemTime as Wall; fn f() { Wall::now(); }",
        "use std::time::Instant; fn f(start: Instant) { start.elapsed(); }",
        "fn f(start: std::time::Instant) { dbg!(start.elapsed()); }",
    ];
    catches(clocks, "throttle/x.rs", &reads);
    allows(clocks, "clock/mod.rs", &reads);
    allows(clocks, "throttle/x.rs", &["fn f(now: Instant, then: Instant) { now.duration_since(then); }"]);
    let draws = ["use std::hash::RandomState;", "fn f() { std::collections::hash_map::RandomState::new(); }"];
    catches(randomness, "retry/x.rs", &draws);
    allows(randomness, "redact/x.rs", &draws);
}

#[test]
fn judges_decide_and_do_nothing() {
    holds(acts);
    let done = [
        "fn f() { std::thread::sleep(D); }",
        "use std::net::{IpAddr, TcpStream};",
        "async fn f() { tokio::time::sleep(D).await; }",
    ];
    catches(acts, "throttle/x.rs", &done);
    allows(acts, "pipeline/x.rs", &done);
    allows(acts, "policy/x.rs", &["use std::net::IpAddr;", "use tokio::sync::mpsc;"]);
}

#[test]
fn judged_types_have_one_constructor() {
    holds(second_constructors);
    let made = ["fn f() { PermittedRequest { a: 1 }; }", "fn f() { crate::policy::PermittedRequest { ..g() }; }"];
    catches(second_constructors, "transport/x.rs", &made);
    catches(second_constructors, "validate/x.rs", &made);
    allows(second_constructors, "policy/x.rs", &made);
    catches(second_constructors, "policy/x.rs", &["fn f() { ValidRequest { a: 1 }; }"]);
    catches(second_constructors, "policy/x.rs", &["pub struct PermittedRequest { pub(crate) uri: Uri }"]);
    allows(second_constructors, "policy/x.rs", &["pub struct PermittedRequest { uri: Uri }"]);
}

#[test]
fn every_room_stands_on_the_plan() {
    let on_disk: BTreeSet<String> = sources().iter().map(|(file, ..)| room(file).to_owned()).collect();
    let planned = FLOORS.iter().flat_map(|rooms| rooms.iter()).map(|room| (*room).to_owned());
    assert_eq!(on_disk, planned.chain([String::new()]).collect());
    assert!(place("cellar").is_none() && place("clock") < place("policy"));
}

#[test]
fn files_are_one_room_each() {
    let bad: Vec<String> = sources().iter().flat_map(|(file, text, test)| length(file, text, *test)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let split = |file: &str| files("src").iter().any(|(f, text)| f == file && text.lines().count() <= LINES);
    let done: Vec<_> = WAITING_TO_BE_SPLIT.iter().filter(|(file, _)| split(file)).collect();
    assert!(done.is_empty(), "short enough now, strike from the list: {done:?}");
    assert_eq!(length("url/x.rs", &"\n".repeat(LINES + 1), false).len(), 1);
    assert!(length("url/x.rs", &"\n".repeat(LINES), false).is_empty());
}

#[test]
fn no_room_is_a_drawer() {
    let bad: Vec<String> = sources().iter().flat_map(|(file, text, _)| drawers(file, text)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    catches(drawers, "url/utils.rs", &[""]);
    catches(drawers, "helpers/mod.rs", &[""]);
    catches(drawers, "url/mod.rs", &["mod common;", "mod tests { mod misc {} }"]);
    allows(drawers, "url/mod.rs", &["mod commonmark;"]);
}

#[test]
fn no_test_is_ignored() {
    let all = files("src").into_iter().chain(files("tests"));
    let bad: Vec<String> = all.flat_map(|(file, text)| ignored(&file, &text)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let skipped = [
        "#[test] #[ignore] fn f() {}",
        "#[cfg(test)] mod tests { #[test] #[ignore = \"slow\"] fn f() {} }",
        "#[test] #[cfg_attr(windows, ignore)] fn f() {}",
        "/// ```ignore\n/// f();\n/// ```\nfn f() {}",
        "//! ```rust,ignore\n//! f();\n//! ```",
    ];
    catches(ignored, "url/x.rs", &skipped);
    allows(ignored, "url/x.rs", &["#[test] fn f() {}", "/// ```compile_fail\n/// f();\n/// ```\nfn f() {}"]);
}
