#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn blocked(text: &str) -> bool {
    judge(text.parse().unwrap()).is_err()
}

#[test]
fn every_row_of_the_registries_is_refused_at_both_ends_in_the_mapped_form_too() {
    for (net, bits, row) in iana::V4.iter().map(iana::v4) {
        let last = u32::from(net) | u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
        for ip in [net, Ipv4Addr::from(last)] {
            assert!(judge(ip.into()).is_err(), "{ip} {row}");
            assert!(judge(ip.to_ipv6_mapped().into()).is_err(), "mapped {ip} {row}");
        }
    }
}

#[test]
fn public_addresses_pass() {
    for ip in [
        "8.8.8.8",
        "1.1.1.1",
        "93.184.215.14",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001::1",
        "172.32.0.1",
        "100.128.0.1",
    ] {
        assert!(!blocked(ip), "{ip}");
    }
}

#[test]
fn every_embedding_of_a_private_address_is_decoded() {
    for ip in [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::127.0.0.1",
        "2002:7f00:1::",
        "2002:0a00:0001::1",
        "2001:0:7f00:1::",
        "2001:0:808:808::80ff:fffe",
        "2a00::5efe:127.0.0.1",
        "2a00::200:5efe:10.0.0.1",
        "2a00::100:5efe:10.0.0.1",
        "2a00::300:5efe:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1:7f00:0:100::",
    ] {
        assert!(blocked(ip), "{ip}");
    }
}

#[test]
fn what_no_registry_assigns_is_refused() {
    for ip in
        ["64:ff9b::1:808:808", "64:ff9b:2::1", "64:ff9b:1::8.8.8.8", "4000::1", "1::1", "e000::1", "::2", "::8.8.8.8"]
    {
        assert!(blocked(ip), "{ip}");
    }
}

#[test]
fn embeddings_of_public_addresses_that_a_translator_serves_pass() {
    assert!(!blocked("64:ff9b::8.8.8.8"));
    assert!(!blocked("::ffff:8.8.8.8"));
    assert!(!blocked("2002:808:808::1"));
}

#[test]
fn what_only_looks_like_isatap_passes() {
    for ip in ["2a00::300:5efe:8.8.8.8", "2a00::400:5efe:10.0.0.1", "2a00::1:5efe:10.0.0.1", "2a00::300:5eff:10.0.0.1"]
    {
        assert!(!blocked(ip), "{ip}");
    }
}

#[test]
fn metadata_is_known_in_every_spelling() {
    for ip in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:a9fe:a9fe::1",
        "fd00:100::100:200",
        "100.100.100.200",
        "168.63.129.16",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00:0",
        "2002:a9fe:a9fe::1",
    ] {
        assert!(is_metadata(ip.parse().unwrap()), "{ip}");
    }
}

proptest! {
    #[test]
    fn only_global_unicast_and_two_embeddings_pass(high in any::<u64>(), low in any::<u64>(), shape in 0usize..4) {
        let bits = (u128::from(high) << 64) | u128::from(low);
        let nat64 = 0x64_ff9b << 96;
        let shapes = [bits, (bits & 0xffff_ffff) | nat64, (bits >> 32) | nat64, bits >> 80];
        let ip = Ipv6Addr::from(*shapes.get(shape).unwrap());
        if judge(ip.into()).is_ok() {
            let [a, b, c, d, e, f, ..] = ip.segments();
            let embedding = matches!((a, b, c, d, e, f), (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0, 0xffff));
            prop_assert!(embedding || (0x2000..0x4000).contains(&a), "{}", ip);
        }
    }

    #[test]
    fn a_private_address_is_refused_in_every_form(last in any::<[u8; 3]>()) {
        let inner = Ipv4Addr::new(10, last[0], last[1], last[2]);
        let [a, b, c, d] = inner.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for ip in [
            [0, 0, 0, 0, 0, 0xffff, high, low], [0x64, 0xff9b, 0, 0, 0, 0, high, low], [0x2002, high, low, 0, 0, 0, 0, 1],
            [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low], [0x2a00, 1, 2, 3, 0, 0x5efe, high, low],
            [0x2a00, 1, 2, 3, 0x100, 0x5efe, high, low], [0x2a00, 1, 2, 3, 0x300, 0x5efe, high, low],
        ] {
            prop_assert!(judge(Ipv6Addr::from(ip).into()).is_err());
        }
    }
}
