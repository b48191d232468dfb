//! Google's credential files: who the bot is, read out of their JSON. Pure: nothing is asked.
//!
//! Source: AIP-4110 to AIP-4117 (application default credentials, service accounts, users, external accounts); "Security
//! requirements when using credential configurations from an external source": URLs in them are not believed as they stand.

use serde_json::Value;

use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secrets::{clean, wrap};
use crate::url::{Origin, SafeUrl};
use crate::validate::{Leaf, header};

/// Where refresh tokens become access tokens unless the file says otherwise.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Longest life that impersonation is asked for: an hour, what needs no policy of the organisation.
const HOUR_S: u64 = 3600;

/// Who the bot is.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) base: Base,
    /// The service account that it acts as.
    pub(super) acts_as: Option<ActsAs>,
    /// The project whose quota is used, which user credentials need.
    pub(super) quota_project: Option<String>,
}

/// What the bot has to show.
#[derive(Debug)]
pub(super) enum Base {
    /// The private key of a service account.
    Key { email: String, key: Secret, key_id: Option<String>, token_url: SafeUrl },
    /// A person's consent.
    User { client_id: String, client_secret: Secret, refresh: Secret, token_url: SafeUrl },
    /// A token of somebody else, for workload identity federation.
    Outside { audience: String, kind: String, source: Subject, format: Option<String>, token_url: SafeUrl },
}

/// Where somebody else's token stands.
#[derive(Debug)]
pub(super) enum Subject {
    File(String),
    Url(SafeUrl, Vec<(String, Leaf)>),
}

/// A service account to act as.
#[derive(Debug)]
pub(super) struct ActsAs {
    pub(super) url: SafeUrl,
    pub(super) delegates: Vec<String>,
    pub(super) lifetime_s: u64,
}

/// Reads the JSON; `hosts` may give tokens beside Google's own.
///
/// # Errors
/// `SecretAccessError` that names the field that is wrong, and repeats none.
pub(super) fn parse(text: &str, hosts: &[Origin]) -> Result<Identity, Error> {
    let value: Value = serde_json::from_str(text).map_err(|_| wrong("they are not JSON".to_owned()))?;
    let file = File { value: &value, hosts };
    let quota_project = file.word("quota_project_id", 100)?;
    let (base, acts_as) = match file.text("type")? {
        "impersonated_service_account" => {
            let source = value.get("source_credentials").ok_or_else(|| file.lacking("source_credentials"))?;
            let source = File { value: source, hosts };
            let kind = source.text("type")?;
            (source.base(kind)?, Some(file.acts_as("service_account_impersonation_url")?))
        }
        kind => {
            let acts = kind == "external_account" && value.get("service_account_impersonation_url").is_some();
            let acts_as = acts.then(|| file.acts_as("service_account_impersonation_url")).transpose()?;
            (file.base(kind)?, acts_as)
        }
    };
    Ok(Identity { base, acts_as, quota_project })
}

/// One object of the JSON.
struct File<'a> {
    value: &'a Value,
    hosts: &'a [Origin],
}

impl<'a> File<'a> {
    fn base(&self, kind: &str) -> Result<Base, Error> {
        match kind {
            "service_account" => Ok(Base::Key {
                email: self.text("client_email")?.to_owned(),
                key: self.hidden("private_key")?,
                key_id: self.word("private_key_id", 100)?,
                token_url: self.url("token_uri", None)?,
            }),
            "authorized_user" => Ok(Base::User {
                client_id: self.text("client_id")?.to_owned(),
                client_secret: self.hidden("client_secret")?,
                refresh: self.hidden("refresh_token")?,
                token_url: self.url("token_uri", Some(TOKEN_URL))?,
            }),
            "external_account" => self.outside(),
            _ => Err(wrong(
                "their type is not service_account, authorized_user, external_account or \
                            impersonated_service_account"
                    .to_owned(),
            )),
        }
    }

    fn outside(&self) -> Result<Base, Error> {
        if self.value.get("workforce_pool_user_project").is_some() || self.value.get("client_id").is_some() {
            return Err(wrong("workforce pools and STS clients are not supported".to_owned()));
        }
        let source = self.value.get("credential_source").ok_or_else(|| self.lacking("credential_source"))?;
        let inner = File { value: source, hosts: self.hosts };
        let subject = match (source.get("file"), source.get("url")) {
            (Some(_), None) => Subject::File(inner.text("file")?.to_owned()),
            (None, Some(_)) if source.get("environment_id").is_none() => {
                Subject::Url(inner.https("url")?, inner.headers()?)
            }
            _ => {
                return Err(wrong(
                    "`credential_source` is neither a file nor an https URL; for others pass a callable as \
                                  provider="
                        .to_owned(),
                ));
            }
        };
        let format = match source.get("format") {
            None => None,
            Some(format) => {
                let format = File { value: format, hosts: self.hosts };
                match format.text("type")? {
                    "text" => None,
                    "json" => Some(format.text("subject_token_field_name")?.to_owned()),
                    _ => return Err(wrong("`format` is neither text nor json".to_owned())),
                }
            }
        };
        Ok(Base::Outside {
            audience: self.text("audience")?.to_owned(),
            kind: self.text("subject_token_type")?.to_owned(),
            source: subject,
            format,
            token_url: self.url("token_url", None)?,
        })
    }

    fn acts_as(&self, key: &'static str) -> Result<ActsAs, Error> {
        let url = self.url(key, None)?;
        let delegates = match self.value.get("delegates") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
            Some(_) => None,
        };
        let delegates = delegates.ok_or_else(|| self.lacking("delegates"))?;
        let options = self.value.get("service_account_impersonation");
        let seconds = options.and_then(|options| options.get("token_lifetime_seconds")).and_then(Value::as_u64);
        Ok(ActsAs { url, delegates, lifetime_s: seconds.unwrap_or(HOUR_S).clamp(600, 12 * HOUR_S) })
    }

    /// Header fields for the subject token's URL: each may be a credential, so none can be printed.
    fn headers(&self) -> Result<Vec<(String, Leaf)>, Error> {
        let Some(headers) = self.value.get("headers").filter(|headers| !headers.is_null()) else {
            return Ok(Vec::new());
        };
        let object = headers.as_object().ok_or_else(|| self.lacking("headers"))?;
        let inner = File { value: headers, hosts: self.hosts };
        // Framing and the host are not the file's to say.
        if object.keys().any(|name| header::is_reserved(name)) {
            return Err(self.lacking("headers"));
        }
        object.keys().map(|name| Ok((name.clone(), Leaf::Hidden(inner.hidden(name)?)))).collect()
    }

    fn text(&self, key: &str) -> Result<&'a str, Error> {
        let text = self.value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= 16_384);
        text.ok_or_else(|| self.lacking(key))
    }

    /// A short text without white space, where it is given.
    fn word(&self, key: &'static str, longest: usize) -> Result<Option<String>, Error> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= longest && text.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(self.lacking(key)),
        }
    }

    fn hidden(&self, key: &str) -> Result<Secret, Error> {
        let value = clean(self.text(key)?).ok_or_else(|| self.lacking(key))?;
        Ok(wrap(&format!("gcp-credentials:{}", shown(key)), value, None))
    }

    fn https(&self, key: &str) -> Result<SafeUrl, Error> {
        SafeUrl::parse(self.text(key)?).map_err(|_| wrong(format!("`{}` is not an https URL", shown(key))))
    }

    /// A URL that tokens come from: of Google, or of a host that the provider lists.
    fn url(&self, key: &'static str, usual: Option<&str>) -> Result<SafeUrl, Error> {
        let url = match usual.filter(|_| self.value.get(key).is_none()) {
            Some(usual) => SafeUrl::parse(usual)?,
            None => self.https(key)?,
        };
        let origin = url.origin();
        let host = origin.host_text();
        let google = origin.port() == 443 && (host.ends_with(".googleapis.com") || host == "accounts.google.com");
        if google || self.hosts.contains(origin) {
            return Ok(url);
        }
        Err(wrong(format!("`{key}` is not a host of Google's"))
            .with("host", origin.authority())
            .hint("where it is right, list it: Gcp(…, hosts=[\"sts.example.com\"])"))
    }

    fn lacking(&self, key: &str) -> Error {
        wrong(format!("`{}` is missing or not what it should be", shown(key)))
    }
}

/// A key of the JSON as a message may repeat it.
fn shown(key: &str) -> String {
    key.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(40).collect()
}

fn wrong(why: String) -> Error {
    Error::new(Code::SecretAccess).with("reason", format!("the Google credentials cannot be used: {why}"))
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
