//! Networks that are not public and that a caller opened for named hosts.

use std::net::IpAddr;
use std::sync::Arc;

use super::address::{self, Blocked, within_v4, within_v6};
use super::iana;
use crate::error::{Code, Error};
use crate::url::{Host, Origin};

/// Opened networks by host. Cheap to clone; empty for clients that talk to the public internet.
#[derive(Clone, Debug, Default)]
pub struct Networks(Arc<Vec<(String, Vec<Net>)>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    base: IpAddr,
    bits: u8,
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];
const PRIVATE: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

impl Net {
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok().filter(|bits| *bits <= most)?,
            Some(_) => return None,
        };
        Some(Self { base, bits })
    }

    fn holds(&self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => within_v4(ip, net, self.bits),
            (IpAddr::V6(net), IpAddr::V6(ip)) => within_v6(ip, net, self.bits),
            (IpAddr::V4(net), IpAddr::V6(ip)) => ip.to_ipv4_mapped().is_some_and(|ip| within_v4(ip, net, self.bits)),
            (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn is_one(&self) -> bool {
        self.bits == if self.base.is_ipv4() { 32 } else { 128 }
    }
}

impl Networks {
    /// None opened.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens networks for a host: CIDR texts, `loopback` or `private`.
    ///
    /// # Errors
    /// `ValueError` for a text that is none of these.
    pub fn open(&self, host: &str, texts: &[String]) -> Result<Self, Error> {
        let wrong = || {
            Error::new(Code::UsageValue)
                .saying("`networks` takes CIDR texts such as \"10.0.0.0/8\", \"loopback\" or \"private\".")
        };
        let host = match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_string(),
            Err(_) => match Origin::parse(host).map_err(|_| wrong())?.host() {
                Host::Name(name) => name.clone(),
                Host::V4(ip) => ip.to_string(),
                Host::V6(ip) => ip.to_string(),
            },
        };
        let mut nets = Vec::new();
        for text in texts {
            let names: &[&str] = match text.as_str() {
                "loopback" => LOOPBACK,
                "private" => PRIVATE,
                other => &[other],
            };
            for name in names {
                nets.push(Net::parse(name).ok_or_else(wrong)?);
            }
        }
        let mut all = Vec::clone(&self.0);
        all.push((host, nets));
        Ok(Self(Arc::new(all)))
    }

    fn of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a Net> {
        self.0.iter().filter(move |(known, _)| known == host).flat_map(|(_, nets)| nets)
    }

    /// Judges everything that `host` resolved to. One address that is not allowed refuses the whole answer: mixed answers
    /// are how rebinding looks.
    ///
    /// # Errors
    /// [`Blocked`] with the row of the first address that is not allowed.
    pub fn judge_all(&self, host: &str, ips: &[IpAddr]) -> Result<(), Blocked> {
        for ip in ips {
            let Err(blocked) = address::judge(*ip) else { continue };
            // A range does not open a metadata address; naming that very address does.
            let metadata = address::is_metadata(*ip);
            let opened = self.of(host).any(|net| net.holds(*ip) && (!metadata || net.is_one()));
            if !opened {
                return Err(blocked);
            }
        }
        Ok(())
    }

    /// Judges a name before it is looked up: names of metadata services are refused unless a network was opened for them.
    ///
    /// # Errors
    /// [`Blocked`] for such a name.
    pub fn judge_name(&self, host: &str) -> Result<(), Blocked> {
        let known = iana::METADATA_NAMES.contains(&host);
        if known && self.of(host).next().is_none() { Err(Blocked::METADATA) } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn judge(networks: &Networks, host: &str, ip: &str) -> bool {
        networks.judge_all(host, &[ip.parse().unwrap()]).is_ok()
    }

    #[test]
    fn a_network_is_open_for_its_host_alone() {
        let networks = Networks::none().open("localhost", &["loopback".into()]).unwrap();
        assert!(judge(&networks, "localhost", "127.0.0.1"));
        assert!(!judge(&networks, "other", "127.0.0.1"));
        assert!(!judge(&networks, "localhost", "10.0.0.1"));
        assert!(!judge(&Networks::none(), "localhost", "127.0.0.1"));
    }

    #[test]
    fn a_range_does_not_open_metadata_and_its_own_address_does() {
        let range = Networks::none().open("api", &["169.254.0.0/16".into(), "100.64.0.0/10".into()]).unwrap();
        assert!(judge(&range, "api", "169.254.1.1"));
        assert!(!judge(&range, "api", "169.254.169.254"));
        assert!(!judge(&range, "api", "100.100.100.200"));
        let one = Networks::none().open("api", &["169.254.169.254/32".into()]).unwrap();
        assert!(judge(&one, "api", "169.254.169.254"));
    }

    #[test]
    fn unique_local_metadata_needs_its_own_address_too() {
        let range = Networks::none().open("api", &["private".into()]).unwrap();
        assert!(judge(&range, "api", "fd00:c1::1"));
        for ip in ["fd00:c1::a9fe:a9fe", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fd00:ec2::254"] {
            assert!(!judge(&range, "api", ip), "{ip}");
            let one = Networks::none().open("api", &[format!("{ip}/128")]).unwrap();
            assert!(judge(&one, "api", ip), "{ip}");
        }
    }

    #[test]
    fn a_mixed_answer_is_refused_whole() {
        let ips = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert!(Networks::none().judge_all("x", &ips).is_err());
        assert!(Networks::none().judge_all("x", &ips[..1]).is_ok());
    }

    #[test]
    fn metadata_names_are_refused_before_they_are_looked_up() {
        assert!(Networks::none().judge_name("metadata.google.internal").is_err());
        assert!(Networks::none().judge_name("api.example.com").is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["10.0.0.0/33", "x", "10/8", "", "::/129", "10.0.0.0/+8"] {
            assert!(Networks::none().open("h", &[bad.into()]).is_err(), "{bad}");
        }
    }
}
