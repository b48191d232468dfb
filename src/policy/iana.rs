//! The IANA special-purpose address registries as data, and the addresses where clouds keep credentials.
//!
//! The rows are those of 2026-11-25, written down from the RFCs that they name; every one is in `iana_tests.rs` a second time.
//! The first row that holds an address names its refusal, so a narrower row stands before the wider one around it. Rows that
//! the registries call globally reachable (AS112, AMT, the anycast addresses) are refused all the same: no API is served there.
//!
//! Sources: iana-ipv4-special-registry, iana-ipv6-special-registry, RFC 6890, RFC 8190, and the providers' own documentation.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A block of IPv4 addresses that are not global unicast.
pub(super) struct Block4(pub [u8; 4], pub u8, pub &'static str);
/// A block of IPv6 addresses that are not global unicast.
pub(super) struct Block6(pub [u16; 8], pub u8, pub &'static str);

pub(super) const V4: &[Block4] = &[
    Block4([0, 0, 0, 0], 32, "this host (RFC 1122)"),
    Block4([0, 0, 0, 0], 8, "this network (RFC 791)"),
    Block4([10, 0, 0, 0], 8, "private use (RFC 1918)"),
    Block4([100, 64, 0, 0], 10, "shared address space (RFC 6598)"),
    Block4([127, 0, 0, 0], 8, "loopback (RFC 1122)"),
    Block4([169, 254, 0, 0], 16, "link local (RFC 3927)"),
    Block4([172, 16, 0, 0], 12, "private use (RFC 1918)"),
    Block4([192, 0, 0, 0], 29, "IPv4 service continuity (RFC 7335)"),
    Block4([192, 0, 0, 8], 32, "IPv4 dummy address (RFC 7600)"),
    Block4([192, 0, 0, 9], 32, "PCP anycast (RFC 7723)"),
    Block4([192, 0, 0, 10], 32, "TURN anycast (RFC 8155)"),
    Block4([192, 0, 0, 170], 32, "NAT64/DNS64 discovery (RFC 8880)"),
    Block4([192, 0, 0, 171], 32, "NAT64/DNS64 discovery (RFC 8880)"),
    Block4([192, 0, 0, 0], 24, "IETF protocol assignments (RFC 6890)"),
    Block4([192, 0, 2, 0], 24, "documentation (RFC 5737)"),
    Block4([192, 31, 196, 0], 24, "AS112 (RFC 7535)"),
    Block4([192, 52, 193, 0], 24, "AMT (RFC 7450)"),
    Block4([192, 88, 99, 2], 32, "6a44 relay anycast (RFC 6751)"),
    Block4([192, 88, 99, 0], 24, "6to4 relay anycast, deprecated (RFC 7526)"),
    Block4([192, 168, 0, 0], 16, "private use (RFC 1918)"),
    Block4([192, 175, 48, 0], 24, "AS112 (RFC 7534)"),
    Block4([198, 18, 0, 0], 15, "benchmarking (RFC 2544)"),
    Block4([198, 51, 100, 0], 24, "documentation (RFC 5737)"),
    Block4([203, 0, 113, 0], 24, "documentation (RFC 5737)"),
    Block4([255, 255, 255, 255], 32, "limited broadcast (RFC 919)"),
    Block4([240, 0, 0, 0], 4, "reserved (RFC 1112)"),
    // From the registry of multicast addresses.
    Block4([224, 0, 0, 0], 4, "multicast (RFC 5771)"),
];

pub(super) const V6: &[Block6] = &[
    Block6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified (RFC 4291)"),
    Block6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback (RFC 4291)"),
    Block6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "local-use translation (RFC 8215)"),
    Block6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard only (RFC 6666)"),
    Block6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy prefix (RFC 9780)"),
    Block6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo (RFC 4380)"),
    Block6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, "PCP anycast (RFC 7723)"),
    Block6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, "TURN anycast (RFC 8155)"),
    Block6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, "DNS-SD SRP anycast (RFC 9665)"),
    Block6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking (RFC 5180)"),
    Block6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT (RFC 7450)"),
    Block6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112 (RFC 7535)"),
    Block6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID, deprecated (RFC 4843)"),
    Block6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2 (RFC 7343)"),
    Block6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "DRIP entity tags (RFC 9374)"),
    Block6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments (RFC 2928)"),
    Block6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation (RFC 3849)"),
    Block6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112 (RFC 7534)"),
    Block6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation (RFC 9637)"),
    Block6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing (RFC 9602)"),
    Block6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local (RFC 4193)"),
    Block6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link local (RFC 4291)"),
    // Not in that registry: multicast, and blocks that were returned or deprecated.
    Block6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "6bone, returned (RFC 3701)"),
    Block6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site local (RFC 3879)"),
    Block6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast (RFC 4291)"),
];

/// The registry's rows that stand for an IPv4 address: they are as public as the address that they embed.
pub(super) const V6_EMBEDDING: &[Block6] = &[
    Block6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped (RFC 4291)"),
    Block6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64 (RFC 6052)"),
    Block6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4 (RFC 3056)"),
];

/// Where clouds hand out credentials to whoever asks: AWS, GCP and Azure, ECS, EKS, Alibaba, Azure's wire server,
/// Oracle, Scaleway, Tencent, Volcengine (its own github.com/volcengine/cello asks there for a role's keys), UCloud
/// (docs.ucloud.cn, uhost, metadata server); and their IPv6 twins, with Akamai's.
pub(super) const METADATA_V4: &[[u8; 4]] = &[
    [169, 254, 169, 254],
    [169, 254, 169, 253],
    [169, 254, 169, 123],
    [169, 254, 170, 2],
    [169, 254, 170, 23],
    [100, 100, 100, 200],
    [168, 63, 129, 16],
    [192, 0, 0, 192],
    [169, 254, 42, 42],
    [169, 254, 0, 23],
    [100, 96, 0, 96],
    [100, 80, 80, 80],
];
pub(super) const METADATA_V6: &[[u16; 8]] = &[
    [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
    [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253],
    [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23],
    [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42],
    [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
    [0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe],
    [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe],
    [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1],
    [0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200],
];
/// Names of the same.
pub(super) const METADATA_NAMES: &[&str] = &[
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.com",
    "metadata.azure.internal",
    "instance-data.ec2.internal",
    "instance-data",
    "metadata.tencentyun.com",
    "api.metadata.cloud.ibm.com",
    "metadata",
];

pub(super) fn v4(block: &Block4) -> (Ipv4Addr, u8, &'static str) {
    (Ipv4Addr::from(block.0), block.1, block.2)
}

pub(super) fn v6(block: &Block6) -> (Ipv6Addr, u8, &'static str) {
    (Ipv6Addr::from(block.0), block.1, block.2)
}

#[cfg(test)]
#[path = "iana_tests.rs"]
mod tests;
