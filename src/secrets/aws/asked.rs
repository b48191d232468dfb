//! Which secret is asked for: its name or ARN, and which of its versions.

use super::region::Region;
use crate::error::{Code, Error};
use crate::secrets::{Place, endpoint};

/// The version that is in use, and the one before it.
pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

/// The parameters that a source takes.
pub(super) const PARAMS: &[&str] = &["field", "stage", "version", endpoint::PARAM];

/// What is read: taken from the source's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) id: String,
    /// The region that an ARN names.
    pub(super) region: Option<Region>,
    pub(super) field: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) version: Option<String>,
    /// Whether the source names the endpoint as well.
    pub(super) has_endpoint: bool,
}

impl Asked {
    /// # Errors
    /// `ValueError` that repeats nothing but the names of parameters.
    pub(super) fn parse(place: &Place) -> Result<Self, Error> {
        let wrong = |said: &str| Err(Error::new(Code::UsageValue).saying(said));
        let region = match place.path.strip_prefix("arn:") {
            Some(rest) => match arn(rest) {
                Some(region) => Some(region),
                None => return wrong("The ARN after `aws-sm:` is not one of a secret in Secrets Manager."),
            },
            None if is_name(&place.path) => None,
            None => return wrong("The text after `aws-sm:` is neither a secret's name nor its ARN."),
        };
        let version = place.param("version");
        if version.is_some_and(|text| !(32..=64).contains(&text.len()) || !text.bytes().all(is_version_byte)) {
            return wrong("The parameter `version` is a version's id, such as a UUID; a label goes into `stage`.");
        }
        let stage = place.param("stage");
        if stage.is_some_and(|text| text.len() > 256) {
            return wrong("The parameter `stage` has at most 256 characters.");
        }
        let own = |text: Option<&str>| text.map(str::to_owned);
        let (field, stage, version) = (own(place.param("field")), own(stage), own(version));
        let has_endpoint = place.param(endpoint::PARAM).is_some();
        Ok(Self { id: place.path.clone(), region, field, stage, version, has_endpoint })
    }

    /// Whether a certain version is asked for; else the current one, which may have one before it.
    pub(super) fn is_pinned(&self) -> bool {
        self.stage.is_some() || self.version.is_some()
    }

    /// The one before the current one.
    pub(super) fn previous(&self) -> Self {
        Self { stage: Some(PREVIOUS.to_owned()), ..self.clone() }
    }

    /// The label that is asked for; a version's id alone is enough.
    pub(super) fn label(&self) -> Option<&str> {
        match (&self.stage, &self.version) {
            (Some(stage), _) => Some(stage),
            (None, Some(_)) => None,
            (None, None) => Some(CURRENT),
        }
    }
}

/// The region of `PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME`.
fn arn(rest: &str) -> Option<Region> {
    let mut parts = rest.splitn(6, ':');
    let (partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    let (account, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = partition.starts_with("aws")
        && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        && (service, kind) == ("secretsmanager", "secret")
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit());
    if fits && is_name(name) { Region::parse(region).ok() } else { None }
}

/// Source: Secrets Manager API reference, `CreateSecret`, `Name`; an ARN adds a hyphen and six characters.
fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&b);
    (1..=519).contains(&text.len()) && text.bytes().all(plain)
}

fn is_version_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-".contains(&b)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Asked, Error> {
        Asked::parse(&Place::parse(&format!("aws-sm:{text}"), PARAMS)?)
    }

    #[test]
    fn a_name_or_an_arn_names_a_secret() {
        let asked = parse("prod/bot.key@v1?field=api%20key&stage=AWSPENDING").unwrap();
        assert_eq!(
            (asked.id.as_str(), asked.label(), asked.region.as_ref()),
            ("prod/bot.key@v1", Some("AWSPENDING"), None)
        );
        assert_eq!(asked.field.as_deref(), Some("api key"));
        let asked = parse("arn:aws:secretsmanager:eu-west-3:123456789012:secret:prod/bot-AbCdEf").unwrap();
        assert_eq!(asked.region, Some(Region::parse("eu-west-3").unwrap()));
        assert_eq!((asked.label(), asked.is_pinned()), (Some(CURRENT), false));
        assert_eq!(asked.previous().label(), Some(PREVIOUS));
        let asked = parse("/prod/bot?version=01234567-89ab-cdef-0123-456789abcdef").unwrap();
        assert_eq!((asked.id.as_str(), asked.label(), asked.is_pinned()), ("/prod/bot", None, true));
    }

    #[test]
    fn what_names_no_secret_is_refused_without_being_repeated() {
        for bad in [
            "two words-of-it",
            "naïve-name-of-it",
            "arn:aws:s3:eu-west-3:123456789012:secret:x-12",
            "arn:aws:secretsmanager:evil.example.com:123456789012:secret:x",
            "arn:aws:secretsmanager:eu-west-3:123:secret:x-123456",
            "arn:aws:secretsmanager:eu-west-3:123456789012:other:x",
            "name?version=3",
            "name?version=AWSPREVIOUS",
            "name?url=https://evil.example.com",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.code(), Code::UsageValue, "{bad}");
            assert!(!error.user_message().contains(bad));
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "(arn:aws:)?\\PC{0,80}") {
            let _ = parse(&text).map(|asked| asked.previous());
        }
    }
}
