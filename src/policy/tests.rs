#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::*;
use crate::clock;
use crate::validate::{Body, Request, Target, ValidRequest};

type Names = HashMap<String, Vec<IpAddr>>;

/// Judges a URL as a client does, then the addresses that its name leads to.
fn judge(policy: &Policy, url: &str, dns: &Names) -> Result<(), Error> {
    let request = Request {
        method: Method::GET,
        target: Target::Url(url.to_owned()),
        params: Vec::new(),
        headers: Vec::new(),
        body: Body::Empty,
        content_type: None,
        idempotency_key: None,
    };
    let permitted = policy.permit(&ValidRequest::parse(request)?, &[], &HeaderMap::new(), clock::now())?;
    let host = permitted.origin().host_text().into_owned();
    let ips = dns.get(&host).cloned().unwrap_or_default();
    policy.networks().judge_all(&host, &ips).map_err(|_| Error::new(Code::PolicyAddressBlocked))
}

/// Judges a URL and where its answers lead.
fn judge_all(policy: &Policy, row: &serde_json::Value, dns: &Names) -> Result<(), Error> {
    let mut url = row["url"].as_str().unwrap().to_owned();
    judge(policy, &url, dns)?;
    for location in row["redirects"].as_array().into_iter().flatten() {
        url = SafeUrl::parse(&url)?.join(location.as_str().unwrap())?.as_sent();
        judge(policy, &url, dns)?;
    }
    Ok(())
}

fn names(row: &serde_json::Value) -> Names {
    let answers = row["dns"].as_object().into_iter().flatten();
    let ips = |list: &serde_json::Value| {
        let texts = list.as_array().into_iter().flatten().filter_map(|ip| ip.as_str());
        texts.filter_map(|ip| ip.split('%').next()?.parse().ok()).collect()
    };
    answers.map(|(name, list)| (name.clone(), ips(list))).collect()
}

fn rows() -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/ssrf.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// `tests/vectors/ssrf.json`: nothing that must be blocked passes, nothing that is public is stopped. Rows whose answers
/// change from one question to the next are judged where they are dialled (`transport::dial`).
#[test]
fn every_vector_is_judged_right() {
    let rows = rows();
    assert!(rows.len() > 450, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| row["dns_seq"].is_null()) {
        let blocked = judge_all(&Policy::open_web(), row, &names(row)).is_err();
        if blocked != (row["expect"] == "block") {
            wrong.push(row.to_string());
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

#[test]
fn look_alikes_of_listed_hosts_are_refused_and_told() {
    let mut told = 0;
    for row in rows() {
        let Some(listed) = row.get("allowlist").and_then(|list| list.as_array()) else { continue };
        let hosts = listed.iter().map(|host| HostRule::parse(host.as_str().unwrap()).unwrap()).collect();
        let policy = Policy::bound(None, hosts, None, Networks::none()).unwrap();
        let url = SafeUrl::parse(row.get("url").and_then(|url| url.as_str()).unwrap()).unwrap();
        let error = policy.judge_origin(url.origin()).unwrap_err();
        assert_eq!(error.code(), Code::PolicyHostNotAllowed);
        told += usize::from(error.details().iter().any(|(key, _)| *key == "looks_like"));
    }
    assert_eq!(told, 5);
}

#[test]
fn segments_are_decoded_once() {
    assert_eq!(segments("/a%2Fb/c%20d/"), ["a/b", "c d", ""]);
    assert_eq!(percent_decode("%zz%4"), "%zz%4");
}
