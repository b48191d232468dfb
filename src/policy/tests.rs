#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;

use http::{HeaderMap, Method};

use super::*;
use crate::validate::{Body, Request, Target, ValidRequest};

/// Judges a stranger's URL as an open_web client does, then the addresses that its name leads to.
fn judge(url: &str, dns: &[IpAddr]) -> Result<(), Error> {
    let request = Request {
        method: Method::GET,
        target: Target::Url(url.to_owned()),
        params: Vec::new(),
        headers: Vec::new(),
        body: Body::Empty,
        content_type: None,
        idempotency_key: None,
    };
    let policy = Policy::open_web();
    let permitted = policy.permit(&ValidRequest::parse(request)?, &[], &HeaderMap::new())?;
    let host = permitted.origin().host_text().into_owned();
    policy.networks().judge_all(&host, dns).map_err(|_| Error::new(Code::PolicyAddressBlocked))
}

/// `tests/vectors/ssrf.json`: nothing that must be blocked passes, nothing that is public is stopped.
#[test]
fn every_vector_is_judged_right() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/ssrf.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(rows.len() > 400, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let answers = row["dns"].as_object().into_iter().flat_map(|dns| dns.values());
        let ips = answers.filter_map(|list| list.as_array()).flatten().filter_map(|ip| ip.as_str());
        let dns: Vec<IpAddr> = ips.filter_map(|ip| ip.split('%').next()?.parse().ok()).collect();
        let blocked = judge(row["url"].as_str().unwrap(), &dns).is_err();
        if blocked != (row["expect"] == "block") {
            wrong.push(row.to_string());
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

#[test]
fn segments_are_decoded_once() {
    assert_eq!(segments("/a%2Fb/c%20d/"), ["a/b", "c d", ""]);
    assert_eq!(percent_decode("%zz%4"), "%zz%4");
}
