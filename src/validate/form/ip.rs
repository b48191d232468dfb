//! IP addresses in the spelling that every parser reads alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IP addresses. No zone ids, no shorthand, no leading zeros, no brackets, no prefix lengths.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ip {
    /// 4, 6, or either.
    pub version: Option<u8>,
    /// Whether the address must be one that is routed everywhere, or must not be, and who judges that.
    pub public: Option<(bool, fn(IpAddr) -> bool)>,
}

/// Longest spelling: `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
const MAX: usize = 45;

impl PartialEq for Ip {
    fn eq(&self, other: &Self) -> bool {
        // One judge exists.
        self.version == other.version && self.public.map(|(is, _)| is) == other.public.map(|(is, _)| is)
    }
}

impl Eq for Ip {}

impl Ip {
    pub(super) fn fits(&self, text: &str) -> bool {
        if text.len() > MAX {
            return false;
        }
        let ip = match self.version {
            Some(4) => text.parse::<Ipv4Addr>().map(IpAddr::V4),
            Some(_) => text.parse::<Ipv6Addr>().map(IpAddr::V6),
            None => text.parse::<IpAddr>(),
        };
        ip.is_ok_and(|ip| self.public.is_none_or(|(wanted, judge)| judge(ip) == wanted))
    }

    pub(super) fn expected(&self) -> String {
        let version = match self.version {
            Some(4) => "IPv4",
            Some(_) => "IPv6",
            None => "IP",
        };
        match self.public {
            Some((true, _)) => format!("a public {version} address"),
            Some((false, _)) => format!("an {version} address that is not public"),
            None => format!("an {version} address"),
        }
    }
}
