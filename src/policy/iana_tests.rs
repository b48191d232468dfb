//! The registries a second time, row by row, as texts: a row that is lost or mistyped in the table fails here by its name.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::address::judge;
use super::super::networks::Networks;
use super::*;

/// First address, prefix length, last address, and the name under which both are refused. Where a narrower row or a cloud's
/// metadata lies at an end of a block, the end is named as that.
const REFUSED: &[(&str, u8, &str, &str)] = &[
    // iana-ipv4-special-registry
    ("0.0.0.0", 8, "0.255.255.255", "this network (RFC 791)"),
    ("0.0.0.0", 32, "0.0.0.0", "this host (RFC 1122)"),
    ("10.0.0.0", 8, "10.255.255.255", "private use (RFC 1918)"),
    ("100.64.0.0", 10, "100.127.255.255", "shared address space (RFC 6598)"),
    ("127.0.0.0", 8, "127.255.255.255", "loopback (RFC 1122)"),
    ("169.254.0.0", 16, "169.254.255.255", "link local (RFC 3927)"),
    ("172.16.0.0", 12, "172.31.255.255", "private use (RFC 1918)"),
    ("192.0.0.0", 24, "192.0.0.255", "IETF protocol assignments (RFC 6890)"),
    ("192.0.0.0", 29, "192.0.0.7", "IPv4 service continuity (RFC 7335)"),
    ("192.0.0.8", 32, "192.0.0.8", "IPv4 dummy address (RFC 7600)"),
    ("192.0.0.9", 32, "192.0.0.9", "PCP anycast (RFC 7723)"),
    ("192.0.0.10", 32, "192.0.0.10", "TURN anycast (RFC 8155)"),
    ("192.0.0.170", 32, "192.0.0.170", "NAT64/DNS64 discovery (RFC 8880)"),
    ("192.0.0.171", 32, "192.0.0.171", "NAT64/DNS64 discovery (RFC 8880)"),
    ("192.0.2.0", 24, "192.0.2.255", "documentation (RFC 5737)"),
    ("192.31.196.0", 24, "192.31.196.255", "AS112 (RFC 7535)"),
    ("192.52.193.0", 24, "192.52.193.255", "AMT (RFC 7450)"),
    ("192.88.99.0", 24, "192.88.99.255", "6to4 relay anycast, deprecated (RFC 7526)"),
    ("192.88.99.2", 32, "192.88.99.2", "6a44 relay anycast (RFC 6751)"),
    ("192.168.0.0", 16, "192.168.255.255", "private use (RFC 1918)"),
    ("192.175.48.0", 24, "192.175.48.255", "AS112 (RFC 7534)"),
    ("198.18.0.0", 15, "198.19.255.255", "benchmarking (RFC 2544)"),
    ("198.51.100.0", 24, "198.51.100.255", "documentation (RFC 5737)"),
    ("203.0.113.0", 24, "203.0.113.255", "documentation (RFC 5737)"),
    ("240.0.0.0", 4, "255.255.255.255", "reserved (RFC 1112)"),
    ("255.255.255.255", 32, "255.255.255.255", "limited broadcast (RFC 919)"),
    // multicast
    ("224.0.0.0", 4, "239.255.255.255", "multicast (RFC 5771)"),
    // iana-ipv6-special-registry
    ("::1", 128, "::1", "loopback (RFC 4291)"),
    ("::", 128, "::", "unspecified (RFC 4291)"),
    ("64:ff9b:1::", 48, "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local-use translation (RFC 8215)"),
    ("100::", 64, "100::ffff:ffff:ffff:ffff", "discard only (RFC 6666)"),
    ("100:0:0:1::", 64, "100:0:0:1:ffff:ffff:ffff:ffff", "dummy prefix (RFC 9780)"),
    ("2001::", 23, "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "IETF protocol assignments (RFC 2928)"),
    ("2001::", 32, "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo (RFC 4380)"),
    ("2001:1::1", 128, "2001:1::1", "PCP anycast (RFC 7723)"),
    ("2001:1::2", 128, "2001:1::2", "TURN anycast (RFC 8155)"),
    ("2001:1::3", 128, "2001:1::3", "DNS-SD SRP anycast (RFC 9665)"),
    ("2001:2::", 48, "2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmarking (RFC 5180)"),
    ("2001:3::", 32, "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "AMT (RFC 7450)"),
    ("2001:4:112::", 48, "2001:4:112:ffff:ffff:ffff:ffff:ffff", "AS112 (RFC 7535)"),
    ("2001:10::", 28, "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHID, deprecated (RFC 4843)"),
    ("2001:20::", 28, "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHIDv2 (RFC 7343)"),
    ("2001:30::", 28, "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "DRIP entity tags (RFC 9374)"),
    ("2001:db8::", 32, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation (RFC 3849)"),
    ("2620:4f:8000::", 48, "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "AS112 (RFC 7534)"),
    ("3fff::", 20, "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation (RFC 9637)"),
    ("5f00::", 16, "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing (RFC 9602)"),
    ("fc00::", 7, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique local (RFC 4193)"),
    ("fe80::", 10, "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link local (RFC 4291)"),
    // returned, deprecated, multicast
    ("3ffe::", 16, "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6bone, returned (RFC 3701)"),
    ("fec0::", 10, "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site local (RFC 3879)"),
    ("ff00::", 8, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast (RFC 4291)"),
];

/// The registry's rows that are judged by the IPv4 address within: block, name, `8.8.8.8` in it, `10.0.0.1` in it.
const EMBEDDING: &[(&str, u8, &str, &str, &str)] = &[
    ("::ffff:0:0", 96, "IPv4-mapped (RFC 4291)", "::ffff:8.8.8.8", "::ffff:10.0.0.1"),
    ("64:ff9b::", 96, "NAT64 (RFC 6052)", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1"),
    ("2002::", 16, "6to4 (RFC 3056)", "2002:808:808::1", "2002:a00:1::1"),
];

/// The addresses beside the blocks that are public, so that no row reaches further than its RFC says.
const BESIDE: &[&str] = &[
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.1.255",
    "192.0.3.0",
    "192.31.195.255",
    "192.31.197.0",
    "192.52.192.255",
    "192.52.194.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "192.175.47.255",
    "192.175.49.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2003::",
    "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
    "2620:4f:8001::",
    "3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
];

/// Where clouds hand out credentials, and the range that somebody may open around it.
const METADATA: &[(&str, &str)] = &[
    ("169.254.169.254", "169.254.0.0/16"),
    ("169.254.169.253", "169.254.0.0/16"),
    ("169.254.169.123", "169.254.0.0/16"),
    ("169.254.170.2", "169.254.0.0/16"),
    ("169.254.170.23", "169.254.0.0/16"),
    ("169.254.42.42", "169.254.0.0/16"),
    ("169.254.0.23", "169.254.0.0/16"),
    ("100.100.100.200", "100.64.0.0/10"),
    ("100.96.0.96", "100.64.0.0/10"),
    ("100.80.80.80", "100.64.0.0/10"),
    ("168.63.129.16", "168.63.0.0/16"),
    ("192.0.0.192", "192.0.0.0/24"),
    ("fd00:ec2::254", "private"),
    ("fd00:ec2::253", "private"),
    ("fd00:ec2::23", "private"),
    ("fd00:42::42", "private"),
    ("fd20:ce::254", "private"),
    ("fe80::a9fe:a9fe", "fe80::/10"),
    ("fd00:c1::a9fe:a9fe", "private"),
    ("fd00:a9fe:a9fe::1", "private"),
    ("fd00:100::100:200", "private"),
];
const NAMES: &[&str] = &[
    "api.metadata.cloud.ibm.com",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.com",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.tencentyun.com",
];

fn row_of(text: &str) -> Option<&'static str> {
    judge(text.parse().unwrap()).err().map(|blocked| blocked.row())
}

#[test]
fn the_table_holds_each_row_of_the_registries_and_no_other() {
    let parse = |text: &str| text.parse::<IpAddr>().unwrap();
    let listed: BTreeSet<_> = REFUSED.iter().map(|(net, bits, _, row)| (parse(net), *bits, *row)).collect();
    let of_v4 = V4.iter().map(v4).map(|(net, bits, row)| (IpAddr::V4(net), bits, row));
    let of_v6 = V6.iter().map(v6).map(|(net, bits, row)| (IpAddr::V6(net), bits, row));
    let held: BTreeSet<_> = of_v4.chain(of_v6).collect();
    assert_eq!(listed, held);
    assert_eq!((V4.len(), V6.len()), (27, 25), "a row stands twice");
    let listed: BTreeSet<_> = EMBEDDING.iter().map(|(net, bits, row, ..)| (parse(net), *bits, *row)).collect();
    let held = V6_EMBEDDING.iter().map(v6).map(|(net, bits, row)| (IpAddr::V6(net), bits, row));
    assert_eq!(listed, held.collect());
}

#[test]
fn each_row_is_refused_by_its_own_name() {
    // Ends of blocks where a narrower row lies.
    let narrower = |text: &str, bits: u8| {
        REFUSED.iter().any(|(net, more, last, _)| *more > bits && (*net == text || *last == text))
    };
    for (first, bits, last, row) in REFUSED {
        for end in [first, last] {
            let found = row_of(end);
            assert!(found.is_some(), "{end} of {row}");
            assert!(found == Some(*row) || narrower(end, *bits), "{end} is named {found:?}, not {row}");
        }
    }
}

#[test]
fn what_lies_beside_a_block_passes() {
    for ip in BESIDE {
        assert_eq!(row_of(ip), None, "{ip}");
    }
}

#[test]
fn rows_that_embed_an_address_are_as_public_as_it_is() {
    for (.., row, public, private) in EMBEDDING {
        assert_eq!(row_of(public), None, "{row}");
        assert_eq!(row_of(private), Some("private use (RFC 1918)"), "{row}");
    }
}

#[test]
fn metadata_is_refused_under_the_range_around_it_and_opened_one_by_one() {
    let listed: BTreeSet<IpAddr> = METADATA.iter().map(|(ip, _)| ip.parse().unwrap()).collect();
    let of_v6 = METADATA_V6.iter().map(|ip| IpAddr::from(*ip));
    assert_eq!(listed, METADATA_V4.iter().map(|ip| IpAddr::from(*ip)).chain(of_v6).collect());
    assert_eq!(NAMES.iter().collect::<BTreeSet<_>>(), METADATA_NAMES.iter().collect());
    for host in NAMES.iter().chain(&["api.internal"]) {
        let judge = |networks: &Networks, ip: &str| {
            networks.judge_name(host).is_ok() && networks.judge_all(host, &[ip.parse().unwrap()]).is_ok()
        };
        let open = |to: &str, texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            Networks::none().open(to, &texts).unwrap()
        };
        for (ip, range) in METADATA {
            assert!(!judge(&Networks::none(), ip), "{host} {ip}");
            assert!(!judge(&open(host, &[range]), ip), "{host} {ip} in {range}");
            assert!(!judge(&open(host, &["0.0.0.0/0", "::/0"]), ip), "{host} {ip} in everything");
            assert!(!judge(&open("other.internal", &[ip]), ip), "{host} {ip} of another host");
            assert!(judge(&open(host, &[ip]), ip), "{host} {ip} by itself");
            assert!(judge(&open(host, &[range, ip]), ip), "{host} {ip} by itself beside {range}");
        }
    }
    let elsewhere = Networks::none().open("api.internal", &["private".into()]).unwrap();
    for host in NAMES {
        assert!(Networks::none().judge_name(host).is_err(), "{host}");
        assert!(elsewhere.judge_name(host).is_err(), "{host}");
    }
}
