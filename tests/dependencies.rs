//! The dependency policy that `cargo deny` repeats in the hosted workflow: one TLS stack, licences, version floors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What ends up in the extension: name, version, licence.
///
/// `cargo metadata` tells licences, but lists crates that only a weak feature mentions; `cargo tree` tells which crates
/// are really built into this host's extension. Build and test dependencies are left out.
fn shipped() -> Vec<(String, String, String)> {
    let built = cargo(&[
        "tree",
        "--locked",
        "--features",
        "python",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let built: BTreeSet<(String, String)> = built
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap().to_owned()))
        .collect();
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked", "--features", "python"]))
            .unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let known = packages.map(|p| (text(&p["name"]), text(&p["version"]), text(&p["license"])));
    let shipped: Vec<_> = known.filter(|(name, version, _)| built.contains(&(name.clone(), version.clone()))).collect();
    assert!(shipped.len() > 50 && shipped.len() == built.len(), "{} of {}", shipped.len(), built.len());
    shipped
}

fn parse(version: &str) -> (u64, u64, u64) {
    let core = version.split(['-', '+']).next().unwrap();
    let mut numbers = core.split('.').map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[test]
fn there_is_one_of_each_network_layer_and_none_of_the_refused() {
    let shipped = shipped();
    for name in ["rustls", "hyper", "tokio", "reqwest", "aws-lc-rs", "http", "h2", "url", "pyo3"] {
        assert_eq!(shipped.iter().filter(|(n, ..)| n == name).count(), 1, "{name}");
    }
    let refused =
        ["ring", "openssl", "openssl-sys", "native-tls", "rustls-pemfile", "pyo3-asyncio", "governor", "pythonize"];
    for (name, ..) in &shipped {
        assert!(!refused.contains(&name.as_str()), "{name}");
        assert!(!name.starts_with("hickory") && !name.starts_with("quinn"), "{name}");
    }
}

#[test]
fn versions_stand_above_the_known_advisories() {
    let floors = [
        ("h2", "0.4.16"),
        ("rustls-webpki", "0.103.13"),
        ("rustls", "0.23.18"),
        ("aws-lc-sys", "0.39.0"),
        ("pyo3", "0.29.0"),
        ("bytes", "1.11.1"),
        ("idna", "1.0.0"),
        ("time", "0.3.47"),
        ("tracing-subscriber", "0.3.20"),
    ];
    for (name, version, _) in shipped() {
        if let Some((_, floor)) = floors.iter().find(|(n, _)| *n == name) {
            assert!(parse(&version) >= parse(floor), "{name} {version} is below {floor}");
        }
    }
    assert!(parse("0.4.9") < parse("0.4.16"));
}

/// Whether an SPDX expression can be satisfied with allowed licences alone.
fn allowed(expression: &str) -> bool {
    const ALLOWED: [&str; 12] = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "CDLA-Permissive-2.0",
        "MIT-0",
        "0BSD",
        "BSL-1.0",
    ];
    let expression = expression.trim();
    let whole = expression.strip_prefix('(').and_then(|e| e.strip_suffix(')')).filter(|e| !e.contains('('));
    let expression = whole.unwrap_or(expression);
    if let Some((left, right)) = split(expression, " AND ") {
        return allowed(left) && allowed(right);
    }
    if let Some((left, right)) = split(expression, " OR ").or_else(|| split(expression, "/")) {
        return allowed(left) || allowed(right);
    }
    ALLOWED.contains(&expression)
}

/// Splits at the first operator outside brackets.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0;
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && expression[at..].starts_with(operator) => {
                return Some((&expression[..at], &expression[at + operator.len()..]));
            }
            _ => {}
        }
    }
    None
}

#[test]
fn every_licence_is_allowed() {
    let bad: Vec<_> =
        shipped().into_iter().filter(|(name, _, licence)| name != "botsec" && !allowed(licence)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(allowed("MIT OR GPL-3.0") && allowed("ISC AND (Apache-2.0 OR ISC)") && !allowed("MIT AND GPL-3.0"));
}
