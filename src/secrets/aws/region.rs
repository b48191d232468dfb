//! Regions, and the names of the services in them.
//!
//! Source: botocore's `partitions.json`.

use crate::error::{Code, Error};

/// Prefixes of regions whose hosts do not end in `amazonaws.com`.
const SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// A region such as `eu-central-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region(String);

impl Region {
    /// # Errors
    /// `ValueError` for what is no region; it would become part of a host.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = (5..=32).contains(&text.len()) && text.bytes().all(plain);
        if fits && text.split('-').count() >= 3 && text.split('-').all(|part| !part.is_empty()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(Code::UsageValue).saying("`region` is written like `eu-central-1`."))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The base URL of a service.
    pub(super) fn base(&self, service: &str) -> String {
        let own = SUFFIXES.iter().find(|(prefix, _)| self.0.starts_with(prefix));
        let suffix = own.map_or("amazonaws.com", |(_, suffix)| suffix);
        format!("https://{service}.{}.{suffix}", self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_part_of_a_host() {
        let base = |text| Region::parse(text).unwrap().base("secretsmanager");
        assert_eq!(base("eu-central-1"), "https://secretsmanager.eu-central-1.amazonaws.com");
        assert_eq!(base("us-gov-west-1"), "https://secretsmanager.us-gov-west-1.amazonaws.com");
        assert_eq!(base("cn-north-1"), "https://secretsmanager.cn-north-1.amazonaws.com.cn");
        assert_eq!(base("us-isob-east-1"), "https://secretsmanager.us-isob-east-1.sc2s.sgov.gov");
        for bad in ["", "eu", "eu-central-1.evil.example", "EU-central-1", "eu-central-1/", "eu--1", "-eu-1", "eu-1@x"]
        {
            assert!(Region::parse(bad).is_err(), "{bad}");
        }
    }
}
