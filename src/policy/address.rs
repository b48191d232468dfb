//! Judges one address: global unicast only, after every IPv4 address that an IPv6 one may stand for was decoded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::iana;

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked(&'static str);

impl Blocked {
    /// The row of the registry, such as `loopback (RFC 1122)`.
    pub fn row(&self) -> &'static str {
        self.0
    }

    pub(super) const METADATA: Self = Self("cloud metadata");
}

/// Judges an address by the registries alone.
///
/// # Errors
/// [`Blocked`] with the row that forbids it.
pub fn judge(ip: IpAddr) -> Result<(), Blocked> {
    match ip {
        IpAddr::V4(ip) => judge_v4(ip),
        IpAddr::V6(ip) => judge_v6(ip),
    }
}

/// Whether an address is one where a cloud hands out credentials, in any spelling.
pub fn is_metadata(ip: IpAddr) -> bool {
    let v4 = |ip: Ipv4Addr| iana::METADATA_V4.iter().any(|known| Ipv4Addr::from(*known) == ip);
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => {
            iana::METADATA_V6.iter().any(|known| Ipv6Addr::from(*known) == ip)
                || embedded(ip).into_iter().flatten().any(v4)
        }
    }
}

fn judge_v4(ip: Ipv4Addr) -> Result<(), Blocked> {
    if is_metadata(ip.into()) {
        return Err(Blocked::METADATA);
    }
    let row = iana::V4.iter().map(iana::v4).find(|(net, bits, _)| within_v4(ip, *net, *bits));
    row.map_or(Ok(()), |(.., row)| Err(Blocked(row)))
}

fn judge_v6(ip: Ipv6Addr) -> Result<(), Blocked> {
    if is_metadata(ip.into()) {
        return Err(Blocked::METADATA);
    }
    let of = |blocks: &'static [iana::Block6]| {
        blocks.iter().map(iana::v6).find(|(net, bits, _)| within_v6(ip, *net, *bits)).map(|(.., row)| Blocked(row))
    };
    if let Some(blocked) = of(iana::V6) {
        return Err(blocked);
    }
    for inner in embedded(ip).into_iter().flatten() {
        judge_v4(inner)?;
    }
    // Compatible and translated forms of public addresses are IPv4 in disguise: no public server listens there.
    let [a, b, c, d, e, f, ..] = ip.segments();
    if (a, b, c, d) == (0, 0, 0, 0) && (e, f) != (0, 0xffff) {
        return Err(Blocked("IPv4-compatible or translated (RFC 4291)"));
    }
    let public = a & 0xe000 == 0x2000 || of(iana::V6_EMBEDDING).is_some();
    if public { Ok(()) } else { Err(Blocked("not global unicast (RFC 4291)")) }
}

/// Every IPv4 address that `ip` may be taken for by some translator on the way.
fn embedded(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let of = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(w, x, y, z))
    };
    let low = of(g, h);
    // ISATAP puts the address behind any prefix, its universal and its group bit either way (RFC 5214 §6.1).
    let isatap = if e & 0xfcff == 0 && f == 0x5efe { low } else { None };
    match (a, b, c, d, e, f) {
        // mapped, compatible, translated, and NAT64's well-known prefix
        (0, 0, 0, 0, 0, 0xffff | 0) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => [low, None, None, None],
        // NAT64's local-use prefix (RFC 8215): /96 and the shorter forms of RFC 6052
        (0x64, 0xff9b, 1, ..) => {
            let ([d0, d1], [_, e1], [f0, f1], [g0, _]) =
                (d.to_be_bytes(), e.to_be_bytes(), f.to_be_bytes(), g.to_be_bytes());
            let [at_48, at_56, at_64] = [[d0, d1, e1, f0], [d1, e1, f0, f1], [e1, f0, f1, g0]].map(Ipv4Addr::from);
            [low, Some(at_48), Some(at_56), Some(at_64)]
        }
        (0x2002, ..) => [of(b, c), isatap, None, None],
        // Teredo: server as it is, client inverted (RFC 4380 §4)
        (0x2001, 0, ..) => [of(c, d), of(!g, !h), isatap, None],
        _ => [isatap, None, None, None],
    }
}

pub(super) fn within_v4(ip: Ipv4Addr, net: Ipv4Addr, bits: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
    u32::from(ip) & mask == u32::from(net) & mask
}

pub(super) fn within_v6(ip: Ipv6Addr, net: Ipv6Addr, bits: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
    u128::from(ip) & mask == u128::from(net) & mask
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
