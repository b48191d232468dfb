//! Holds the plan of the house: which room may use which, and what only one room may name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Floors from the ground up, rooms from left to right. A room uses lower floors and the rooms to its left.
const FLOORS: &[&[&str]] = &[
    &["clock", "fork", "error", "url", "secret"],
    &["encode", "redact", "validate", "headers", "throttle", "retry", "sign"],
    &["policy", "observe"],
    &["transport"],
    &["pipeline"],
    &["secrets", "client"],
    &["bindings"],
];

/// Arrows that point upward or rightward on purpose, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    // `error` names incidents with `clock`'s dice: left of it. `throttle` learns from `headers`: left of it.
    // `secrets` checks the host texts of a secret with the judge that will later compare them.
];

/// Foreign crates and the one room that may name them.
const FENCES: &[(&str, &str)] = &[
    ("pyo3", "bindings"),
    ("jiter", "bindings"),
    ("rcgen", "bindings"),
    ("mimalloc", "bindings"),
    ("rustix", "bindings"),
    ("reqwest", "transport"),
    ("hyper", "transport"),
    ("hyper_util", "transport"),
    ("hyper_rustls", "transport"),
    ("rustls", "transport"),
    ("rustls_platform_verifier", "transport"),
    ("getrandom", "clock"),
];

fn height(room: &str) -> Option<(usize, usize)> {
    FLOORS.iter().enumerate().find_map(|(floor, rooms)| rooms.iter().position(|r| *r == room).map(|at| (floor, at)))
}

/// Every path of a file, tests left out.
#[derive(Default)]
struct Paths {
    paths: Vec<Vec<String>>,
    literals: Vec<String>,
    ignored: bool,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let test = item.attrs.iter().any(|a| a.path().is_ident("cfg") && quote(&a.meta).contains("test"));
        if !test {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.ignored |= attribute.path().is_ident("ignore");
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|s| s.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        self.literals.extend(item.path.segments.last().map(|s| s.ident.to_string()));
        visit::visit_expr_struct(self, item);
    }
}

impl Paths {
    fn tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.tree(&path.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Name(name) => self.paths.push([&prefix[..], &[name.ident.to_string()]].concat()),
            syn::UseTree::Rename(name) => self.paths.push([&prefix[..], &[name.ident.to_string()]].concat()),
            syn::UseTree::Glob(_) => self.paths.push(prefix.clone()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, prefix)),
        }
    }

    fn of(source: &str) -> Self {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(source).expect("the file parses"));
        paths
    }
}

fn quote(meta: &syn::Meta) -> String {
    match meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}

fn arrows(room: &str, source: &str) -> Vec<String> {
    let own = height(room).expect("a room of the plan");
    let paths = Paths::of(source).paths;
    let targets = paths.iter().filter(|p| p.first().is_some_and(|f| f == "crate")).filter_map(|p| p.get(1));
    let mut bad: Vec<String> = targets
        .filter(|t| height(t).is_some_and(|other| other.0 > own.0 || other.0 == own.0 && other.1 > own.1))
        .filter(|t| !EXCEPTIONS.contains(&(room, t)))
        .map(|t| format!("{room} uses {t}"))
        .collect();
    bad.dedup();
    bad
}

fn fences(room: &str, source: &str) -> Vec<String> {
    let paths = Paths::of(source).paths;
    let first = paths.iter().filter_map(|p| p.first());
    first
        .filter_map(|name| FENCES.iter().find(|(foreign, at)| foreign == name && *at != room))
        .map(|(foreign, at)| format!("{room} names {foreign}, which belongs to {at}"))
        .collect()
}

fn places(file: &str, source: &str) -> Vec<String> {
    let paths = Paths::of(source);
    let has = |tail: &[&str]| paths.paths.iter().any(|p| p.windows(tail.len()).any(|w| w == tail));
    let mut bad = Vec::new();
    if has(&["std", "env"]) && file != "secrets/env.rs" {
        bad.push(format!("{file} reads the environment"));
    }
    let clock = [&["Instant", "now"][..], &["SystemTime", "now"]];
    if clock.iter().any(|tail| has(tail)) && !file.starts_with("clock/") {
        bad.push(format!("{file} reads a clock"));
    }
    if has(&["RandomState"]) && !file.starts_with("redact/") && !file.starts_with("secrets/") {
        bad.push(format!("{file} draws randomness"));
    }
    for (name, home) in [("ValidRequest", "validate/"), ("PermittedRequest", "policy/")] {
        if paths.literals.iter().any(|l| l == name) && !file.starts_with(home) {
            bad.push(format!("{file} constructs a {name}"));
        }
    }
    if paths.ignored {
        bad.push(format!("{file} ignores a test"));
    }
    bad
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, out) } else { out.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .map(|p| (name(p), fs::read_to_string(p).unwrap()))
        .collect()
}

/// Files of rooms, without the crate's root and without files that hold only tests.
fn rooms() -> Vec<(String, String, String)> {
    let files = sources().into_iter().filter(|(name, _)| !name.ends_with("tests.rs"));
    files
        .filter_map(|(name, text)| name.split_once('/').map(|(room, _)| (room.to_owned(), name.clone(), text)))
        .collect()
}

#[test]
fn no_arrow_points_up_or_right() {
    let bad: Vec<String> = rooms()
        .iter()
        .flat_map(|(room, file, text)| arrows(room, text).into_iter().map(move |b| format!("{file}: {b}")))
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(arrows("encode", "use crate::policy::Policy;"), ["encode uses policy"]);
    assert_eq!(arrows("encode", "fn f() { crate::redact::scrub(\"\"); }"), ["encode uses redact"]);
    assert!(arrows("policy", "use crate::encode;").is_empty());
}

#[test]
fn foreign_crates_stay_behind_their_fences() {
    let bad: Vec<String> = rooms().iter().flat_map(|(room, _, text)| fences(room, text)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(fences("policy", "use reqwest::Client;").len(), 1);
    assert!(fences("transport", "use reqwest::Client;").is_empty());
}

#[test]
fn environment_clock_and_judged_types_have_one_home() {
    let bad: Vec<String> = rooms().iter().flat_map(|(_, file, text)| places(file, text)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    for (file, text) in [
        ("policy/x.rs", "fn f() { std::env::var(\"X\"); }"),
        ("policy/x.rs", "fn f() { std::time::Instant::now(); }"),
        ("transport/x.rs", "fn f() { PermittedRequest { a: 1 }; }"),
        ("policy/x.rs", "#[ignore] fn f() {}"),
    ] {
        assert_eq!(places(file, text).len(), 1, "{text}");
    }
    assert!(places("secrets/env.rs", "fn f() { std::env::var(\"X\"); }").is_empty());
}

#[test]
fn every_room_is_on_the_plan_and_no_room_is_a_drawer() {
    for (room, file, _) in rooms() {
        assert!(height(&room).is_some(), "{file} is in no room of the plan");
        for word in ["utils", "helpers", "common", "manager", "misc"] {
            assert!(!file.contains(word), "{file}");
        }
    }
}

#[test]
fn files_are_one_room_each() {
    let long: Vec<(String, usize)> = sources()
        .into_iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > 460)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
