//! The dependency policy that `cargo deny` repeats in the hosted workflow: one TLS stack, licences, version floors.
//!
//! Each rule is a function from packages to complaints, so that its test can show it a violation as well.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Layers of which two versions would mean two stacks to keep patched.
const SINGLE: &[&str] = &["rustls", "hyper", "tokio", "reqwest", "aws-lc-rs", "http", "h2", "url", "pyo3"];

/// Crates that are not built in: second TLS stacks, resolvers and protocols with open advisories, unmaintained ones.
const REFUSED: &[&str] = &[
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "rustls-pemfile",
    "hickory-resolver",
    "hickory-proto",
    "quinn",
    "quinn-proto",
    "pyo3-asyncio",
    "governor",
    "pythonize",
];

/// Lowest versions without a known advisory. Source: RustSec, 2026-08-21.
const FLOORS: &[(&str, (u64, u64, u64))] = &[
    ("h2", (0, 4, 16)),                 // RUSTSEC-2026-0258
    ("rustls-webpki", (0, 103, 13)),    // RUSTSEC-2026-0049, -0098, -0099, -0104
    ("rustls", (0, 23, 18)),            // RUSTSEC-2024-0399
    ("aws-lc-sys", (0, 39, 0)),         // RUSTSEC-2026-0044, -0048
    ("pyo3", (0, 29, 0)),               // RUSTSEC-2026-0013, -0176, -0177
    ("bytes", (1, 11, 1)),              // RUSTSEC-2026-0007
    ("idna", (1, 0, 0)),                // RUSTSEC-2024-0421
    ("time", (0, 3, 47)),               // RUSTSEC-2026-0009
    ("tracing-subscriber", (0, 3, 20)), // RUSTSEC-2025-0055
];

/// Licences that ask for no more than their text and a notice.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "0BSD",
    "BSL-1.0",
];

/// Crates under the Mozilla Public License, which asks to pass on their own files' source where they are changed: we change none.
/// `ammonia` needs both to judge styles.
const WEAK_COPYLEFT: &[&str] = &["cssparser", "dtoa-short"];

struct Package {
    name: String,
    version: String,
    licence: String,
}

fn package(name: &str, version: &str, licence: &str) -> Package {
    Package { name: name.to_owned(), version: version.to_owned(), licence: licence.to_owned() }
}

fn duplicated(packages: &[Package]) -> Vec<String> {
    let count = |name: &str| packages.iter().filter(|p| p.name == name).count();
    let bad = SINGLE.iter().map(|name| (name, count(name))).filter(|(_, count)| *count != 1);
    bad.map(|(name, count)| format!("{count} versions of {name}")).collect()
}

fn refused(packages: &[Package]) -> Vec<&str> {
    let family = |name: &str| name.starts_with("hickory") || name.starts_with("quinn");
    packages.iter().map(|p| p.name.as_str()).filter(|name| REFUSED.contains(name) || family(name)).collect()
}

fn too_old(packages: &[Package]) -> Vec<String> {
    let floor = |p: &&Package| FLOORS.iter().any(|(name, floor)| *name == p.name && numbers(&p.version) < *floor);
    packages.iter().filter(floor).map(|p| format!("{} {}", p.name, p.version)).collect()
}

fn numbers(version: &str) -> (u64, u64, u64) {
    let core = version.split(['-', '+']).next().unwrap();
    let mut numbers = core.split('.').map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn unlicensed(packages: &[Package]) -> Vec<String> {
    let excepted = |p: &Package| p.licence == "MPL-2.0" && WEAK_COPYLEFT.contains(&p.name.as_str());
    let bad = packages.iter().filter(|p| !allowed(&p.licence) && !excepted(p));
    bad.map(|p| format!("{} {}: {:?}", p.name, p.version, p.licence)).collect()
}

/// Whether an SPDX expression can be satisfied with allowed licences alone. What does not parse is not allowed.
///
/// A slash is the older spelling of `OR`. Source: SPDX 2.3, annex D; the cargo manifest's `license` field.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) == Some(true) && rest.is_empty()
}

fn any_of(rest: &mut &[&str]) -> Option<bool> {
    let mut satisfied = all_of(rest)?;
    while let ["OR", tail @ ..] = *rest {
        *rest = tail;
        satisfied |= all_of(rest)?;
    }
    Some(satisfied)
}

fn all_of(rest: &mut &[&str]) -> Option<bool> {
    let mut satisfied = one(rest)?;
    while let ["AND", tail @ ..] = *rest {
        *rest = tail;
        satisfied &= one(rest)?;
    }
    Some(satisfied)
}

fn one(rest: &mut &[&str]) -> Option<bool> {
    let (licence, tail) = match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let satisfied = any_of(rest)?;
            let [")", tail @ ..] = *rest else { return None };
            *rest = tail;
            return Some(satisfied);
        }
        [")" | "AND" | "OR" | "WITH", ..] | [] => return None,
        [licence, "WITH", exception, tail @ ..] => (format!("{licence} WITH {exception}"), tail),
        [licence, tail @ ..] => ((*licence).to_owned(), tail),
    };
    *rest = tail;
    Some(LICENCES.contains(&licence.as_str()))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What ends up in this host's extension; build and test dependencies are left out.
///
/// `cargo metadata` tells licences, but lists crates that only a weak feature mentions; `cargo tree` tells what is built.
fn shipped() -> Vec<Package> {
    let cargo = env!("CARGO");
    let tree = ["tree", "--locked", "--features", "python", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = output(cargo, &tree);
    let built = tree.lines().filter_map(|line| line.split_once(" v"));
    let built: BTreeSet<(&str, &str)> = built.map(|(name, rest)| (name, rest.split(' ').next().unwrap())).collect();

    let compiler = output(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()), &["-vV"]);
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let metadata = ["metadata", "--format-version", "1", "--locked", "--features", "python", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&output(cargo, &metadata)).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let known = metadata["packages"].as_array().unwrap().iter();
    let known =
        known.map(|p| Package { name: text(&p["name"]), version: text(&p["version"]), licence: text(&p["license"]) });
    let shipped: Vec<Package> = known.filter(|p| built.contains(&(p.name.as_str(), p.version.as_str()))).collect();
    assert!(shipped.len() > 50 && shipped.len() == built.len(), "{} of {}", shipped.len(), built.len());
    shipped
}

#[test]
fn there_is_one_of_each_network_layer() {
    assert_eq!(duplicated(&shipped()), [""; 0]);
    let mut one_each: Vec<Package> = SINGLE.iter().map(|name| package(name, "1.0.0", "MIT")).collect();
    assert_eq!(duplicated(&one_each), [""; 0]);
    one_each.push(package("rustls", "0.24.0", "MIT"));
    assert_eq!(duplicated(&one_each), ["2 versions of rustls"]);
}

#[test]
fn refused_crates_are_not_built_in() {
    assert_eq!(refused(&shipped()), [""; 0]);
    let crafted =
        ["ring", "hickory-net", "quinn-udp", "native-tls", "rustls"].map(|name| package(name, "1.0.0", "MIT"));
    assert_eq!(refused(&crafted), ["ring", "hickory-net", "quinn-udp", "native-tls"]);
}

#[test]
fn versions_stand_above_the_known_advisories() {
    assert_eq!(too_old(&shipped()), [""; 0]);
    let crafted = ["0.4.9", "0.4.16", "0.5.0", "0.4.15+meta"].map(|version| package("h2", version, "MIT"));
    assert_eq!(too_old(&crafted), ["h2 0.4.9", "h2 0.4.15+meta"]);
}

#[test]
fn every_licence_is_allowed() {
    assert_eq!(unlicensed(&shipped()), [""; 0]);
    let crafted = [package("x", "1.0.0", "GPL-3.0"), package("y", "1.0.0", ""), package("z", "1.0.0", "MPL-2.0")];
    assert_eq!(unlicensed(&crafted).len(), 3);
    assert_eq!(
        unlicensed(&[package("cssparser", "1.0.0", "GPL-3.0"), package("cssparser", "1.0.0", "MPL-2.0")]).len(),
        1
    );
}

#[test]
fn licence_expressions_are_evaluated() {
    for yes in [
        "MIT",
        "MIT/Apache-2.0",
        "MIT OR GPL-3.0",
        "GPL-3.0 OR MIT AND ISC",
        "ISC AND (Apache-2.0 OR GPL-2.0)",
        "((MIT OR GPL-3.0)) AND (ISC OR (Zlib AND GPL-2.0))",
        "GPL-2.0 OR (MIT OR (GPL-3.0 AND ISC))",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(allowed(yes), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT OR",
        "(MIT",
        "MIT)",
        "MIT ISC",
        "(MIT OR GPL-3.0) AND GPL-2.0",
        "MIT WITH Font-exception-2.0",
        "mit",
    ] {
        assert!(!allowed(no), "{no}");
    }
}

/// The strings of `key = [ … ]` in `[section]`.
fn listed(toml: &str, section: &str, key: &str) -> BTreeSet<String> {
    let (_, body) = toml.split_once(&format!("\n[{section}]\n")).expect("the section is there");
    let body = body.split("\n[").next().unwrap();
    let (_, list) = body.split_once(&format!("{key} = [")).expect("the key is there");
    let list = list.split(']').next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_hosted_check_holds_the_same_policy() {
    let toml = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).unwrap();
    let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(listed(&toml, "licenses", "allow"), own(LICENCES));
    assert_eq!(listed(&toml, "bans", "deny"), own(REFUSED));
    let excepted = toml.matches("allow = [\"MPL-2.0\"]").count();
    assert_eq!(excepted, WEAK_COPYLEFT.iter().filter(|name| toml.contains(&format!("{{ crate = \"{name}\""))).count());
    assert_eq!(excepted, WEAK_COPYLEFT.len());
    assert_eq!(listed("\n[a]\nb = [\"c\",\n \"d\"]\n[e]\n", "a", "b"), own(&["c", "d"]));
}
