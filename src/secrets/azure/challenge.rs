//! The challenge that a vault answers before it knows who asks: for which resource a token is wanted, and of which authority.
//! Pure. A vault that asks for a token of somebody else's resource gets none.
//!
//! Source: "Authentication, requests and responses" of Key Vault; "Verify the challenge resource" of the Azure SDK; RFC 9110 §11.

use std::borrow::Cow;

use crate::url::{Host, Origin, SafeUrl};

/// Longest challenge that is read: 4 KiB. Real ones have some two hundred bytes.
const MAX_BYTES: usize = 4096;

/// Authorities that Microsoft runs: the public cloud, its older names, China, the US government.
const AUTHORITIES: [&str; 6] = [
    "login.microsoftonline.com",
    "login.windows.net",
    "sts.windows.net",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.us",
];

/// Whether Microsoft runs this authority.
pub(super) fn is_known(authority: &Origin) -> bool {
    authority.port() == 443 && AUTHORITIES.contains(&&*authority.host_text())
}

/// What a challenge asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    authorization: String,
    resource: String,
}

impl Challenge {
    /// Reads the first `Bearer` challenge of `WWW-Authenticate` fields.
    pub(super) fn parse<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut fields = fields.filter(|field| field.len() <= MAX_BYTES);
        fields.find_map(|field| {
            let (scheme, rest) = field.trim().split_once(' ')?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return None;
            }
            let pairs = pairs(rest)?;
            let of = |name: &str| {
                let mut named = pairs.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
                // Of two that say different things neither is believed.
                named.next().filter(|_| named.next().is_none()).map(|(_, value)| &**value)
            };
            let authorization = of("authorization").or_else(|| of("authorization_uri"))?.to_owned();
            let resource = match of("resource") {
                Some(resource) => resource,
                None => of("scope")?.strip_suffix("/.default")?,
            };
            Some(Self { authorization, resource: resource.to_owned() })
        })
    }

    /// The resource to ask a token for, as `https://host`.
    ///
    /// `vault` is where the challenge came from, `authority` where tokens come from and for which tenant, where one is used.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) fn judge(&self, vault: &Origin, authority: Option<(&Origin, &str)>) -> Result<String, &'static str> {
        let resource = SafeUrl::parse(&self.resource).map_err(|_| "the challenge's resource is not an https URL")?;
        if resource.path_and_query() != ("/", None) {
            return Err("the challenge's resource is not a host");
        }
        if !is_part_of(vault, resource.origin()) {
            return Err("the challenge asks for a token of another resource than this vault's");
        }
        let told = SafeUrl::parse(&self.authorization).map_err(|_| "the challenge's authority is not an https URL")?;
        let own = authority.is_some_and(|(own, _)| own == told.origin());
        if !own && !is_known(told.origin()) {
            return Err("the challenge names an authority that is not known");
        }
        let (path, _) = told.path_and_query();
        let tenant = path.trim_start_matches('/').split('/').next().unwrap_or("");
        let other =
            authority.is_some_and(|(_, own)| is_guid(own) && is_guid(tenant) && !own.eq_ignore_ascii_case(tenant));
        if other {
            return Err("the vault belongs to another tenant than the credentials");
        }
        Ok(format!("https://{}", resource.origin().authority()))
    }
}

/// Whether tokens for `resource` are for the vault: it is the vault's host or a domain above it, and no top-level one.
fn is_part_of(vault: &Origin, resource: &Origin) -> bool {
    let (Host::Name(vault), Host::Name(domain)) = (vault.host(), resource.host()) else {
        return vault.host() == resource.host();
    };
    vault == domain
        || domain.contains('.') && vault.strip_suffix(domain.as_str()).is_some_and(|head| head.ends_with('.'))
}

fn is_guid(text: &str) -> bool {
    let digit = |(at, b): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(digit)
}

/// Parameters of a challenge: `name=token` or `name="text"`, with commas between them.
fn pairs(text: &str) -> Option<Vec<(&str, Cow<'_, str>)>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_text(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (Cow::Borrowed(value.trim()), after)
            }
        };
        out.push((name.trim(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start_matches([' ', ',']),
            None if after.is_empty() => "",
            // Azure leaves commas out here and there.
            None => after,
        };
    }
    Some(out)
}

/// The text up to the closing quote, and what follows it.
fn quoted_text(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    let (head, tail) = text.split_at_checked(end)?;
    if let Some(after) = tail.strip_prefix('"') {
        return Some((Cow::Borrowed(head), after));
    }
    let mut out = head.to_owned();
    let mut chars = tail.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((Cow::Owned(out), tail.get(at + 1..)?)),
            '\\' => out.push(chars.next()?.1),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn origin(host: &str) -> Origin {
        Origin::parse(host).unwrap()
    }

    fn challenge(resource: &str) -> Challenge {
        let authorization = format!("https://login.microsoftonline.com/{TENANT}");
        Challenge { authorization, resource: resource.to_owned() }
    }

    fn judge(vault: &str, resource: &str) -> Result<String, &'static str> {
        challenge(resource).judge(&origin(vault), None)
    }

    #[test]
    fn the_documented_challenge_is_read() {
        let field = format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{TENANT}\", resource=\"https://vault.azure.net\""
        );
        let known = challenge("https://vault.azure.net");
        assert_eq!(Challenge::parse([field.as_str()].into_iter()), Some(known.clone()));
        let two = ["Basic realm=\"x\"", field.as_str()];
        assert_eq!(Challenge::parse(two.into_iter()), Some(known.clone()));
        let spelled = format!(
            "bearer  authorization_uri=https://login.microsoftonline.com/{TENANT} ,scope=\"https://vault.azure.net/.default\""
        );
        assert_eq!(Challenge::parse([spelled.as_str()].into_iter()), Some(known.clone()));
        let no_comma = field.replace("\", ", "\" ");
        assert_eq!(Challenge::parse([no_comma.as_str()].into_iter()), Some(known));
    }

    #[test]
    fn a_challenge_that_lacks_or_doubles_a_part_is_none() {
        for field in [
            "",
            "Bearer",
            "Bearer authorization=\"https://login.microsoftonline.com/x\"",
            "Bearer resource=\"https://vault.azure.net\"",
            "Bearer authorization=\"https://a\", resource=\"https://b\", resource=\"https://c\"",
            "Bearer authorization=\"https://a, resource=",
            "PoP authorization=\"https://a\", resource=\"https://b\"",
        ] {
            assert_eq!(Challenge::parse([field].into_iter()), None, "{field}");
        }
    }

    #[test]
    fn the_resource_is_the_vaults_own() {
        assert_eq!(judge("mine.vault.azure.net", "https://vault.azure.net").unwrap(), "https://vault.azure.net");
        assert_eq!(judge("MINE.vault.azure.net", "https://VAULT.azure.net/").unwrap(), "https://vault.azure.net");
        assert_eq!(judge("localhost:8443", "https://localhost:8443").unwrap(), "https://localhost:8443");
        assert!(judge("mine.managedhsm.azure.net", "https://managedhsm.azure.net").is_ok());
        for (vault, foreign) in [
            ("localhost:8443", "https://vault.azure.net"),
            ("mine.vault.azure.net.evil.example", "https://vault.azure.net"),
            ("minevault.azure.net", "https://vault.azure.net"),
            ("mine.vault.azure.net", "https://management.azure.com"),
            ("mine.vault.azure.net", "https://graph.microsoft.com"),
            ("mine.vault.azure.net", "https://net"),
            ("mine.vault.azure.net", "http://vault.azure.net"),
            ("mine.vault.azure.net", "https://vault.azure.net/path"),
            ("mine.vault.azure.net", "vault.azure.net"),
            ("127.0.0.1:8443", "https://127.0.0.2"),
        ] {
            assert!(judge(vault, foreign).is_err(), "{vault} {foreign}");
        }
    }

    #[test]
    fn the_authority_is_known_or_the_one_in_use_and_the_tenant_the_same() {
        let vault = origin("mine.vault.azure.net");
        let asks = |authorization: &str, own: &str, tenant: &str| {
            let challenge = Challenge { authorization: authorization.into(), ..challenge("https://vault.azure.net") };
            challenge.judge(&vault, Some((&origin(own), tenant)))
        };
        let public = "login.microsoftonline.com";
        assert!(asks(&format!("https://login.windows.net/{TENANT}"), public, TENANT).is_ok());
        assert!(asks(&format!("https://localhost:1/{TENANT}"), "localhost:1", TENANT).is_ok());
        assert!(asks(&format!("https://{public}/{TENANT}"), public, "contoso.onmicrosoft.com").is_ok());
        assert!(asks("https://login.evil.example/x", public, TENANT).is_err());
        assert!(asks(&format!("http://{public}/{TENANT}"), public, TENANT).is_err());
        assert!(asks(&format!("https://{public}:444/{TENANT}"), public, TENANT).is_err());
        assert!(asks(&format!("https://{public}/{}", TENANT.replace('7', "8")), public, TENANT).is_err());
    }

    proptest! {
        #[test]
        fn no_challenge_panics(field in "(Bearer )?[a-z=\", \\\\:/.]{0,80}|\\PC{0,80}") {
            if let Some(challenge) = Challenge::parse([field.as_str()].into_iter()) {
                let _ = challenge.judge(&origin("mine.vault.azure.net"), None);
            }
        }
    }
}
