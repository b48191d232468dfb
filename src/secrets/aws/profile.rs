//! The shared files of AWS's tools, `~/.aws/config` and `~/.aws/credentials`: which profile proves what, and how.
//!
//! Source: AWS SDKs and Tools reference guide, "Shared config and credentials files"; botocore reads them the same way.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::chain::WebIdentity;
use super::keys::Keys;
use super::process::Program;
use super::sso::Sso;
use super::sts::Role;
use crate::error::{Code, Error};
use crate::secrets::{clean, env, wrap};
use crate::validate::Leaf;

/// The profile that is meant when none is named.
pub(super) const DEFAULT: &str = "default";
/// Largest file: 1 MiB; one with a thousand profiles has a third of that.
const MAX_BYTES: u64 = 1024 * 1024;
/// Most profiles in a row that take on roles with the next one's keys.
const MAX_CHAIN: usize = 8;

/// How a profile proves who it is.
#[derive(Debug)]
pub(super) enum Plan {
    Keys(Keys),
    Role(Role, Origin),
    Web(WebIdentity),
    Sso(Sso),
    Program(Program),
}

/// Whose keys take on a role.
#[derive(Debug)]
pub(super) enum Origin {
    Profile(Box<Plan>),
    Environment,
    Container,
    Instance,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    config: PathBuf,
    credentials: PathBuf,
    home: PathBuf,
    /// Whether programs that a profile names may run.
    runs_programs: bool,
}

impl Files {
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, or the usual places below the home directory.
    pub(super) fn locate(runs_programs: bool) -> Result<Self, Error> {
        let home = match env::variable("HOME")? {
            Some(home) => Some(home),
            None => env::variable("USERPROFILE")?,
        };
        let home = PathBuf::from(home.unwrap_or_default());
        let place = |given: Option<String>, usual: &str| match given {
            Some(path) => match path.strip_prefix("~/") {
                Some(rest) => home.join(rest),
                None => PathBuf::from(path),
            },
            None => home.join(".aws").join(usual),
        };
        Ok(Self {
            config: place(env::variable("AWS_CONFIG_FILE")?, "config"),
            credentials: place(env::variable("AWS_SHARED_CREDENTIALS_FILE")?, "credentials"),
            home: home.clone(),
            runs_programs,
        })
    }

    /// Where `aws sso login` leaves its tokens.
    pub(super) fn sso_cache(&self) -> PathBuf {
        self.home.join(".aws").join("sso").join("cache")
    }

    /// Both files; one that does not exist is empty.
    ///
    /// # Errors
    /// `SecretAccessError` for a file that cannot be read.
    pub(super) fn read(&self) -> Result<Book, Error> {
        let mut book = Book { runs_programs: self.runs_programs, ..Book::default() };
        book.add(&text(&self.config)?, true);
        book.add(&text(&self.credentials)?, false);
        Ok(book)
    }
}

fn text(path: &Path) -> Result<Zeroizing<String>, Error> {
    let refuse = |why: &str| {
        let shown = crate::encode::log(&path.to_string_lossy()).into_owned();
        Error::new(Code::SecretAccess).saying(format!("The file `{shown}` of AWS's profiles cannot be used: {why}."))
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Zeroizing::default());
        }
        Err(error) => return Err(refuse(&error.kind().to_string())),
    };
    let bytes = file.metadata().map(|meta| meta.len()).unwrap_or(0);
    // Whole from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(bytes.min(MAX_BYTES)).unwrap_or(0) + 1));
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| refuse(&error.kind().to_string()))?;
    if text.len() as u64 > MAX_BYTES { Err(refuse("it is larger than 1 MiB")) } else { Ok(text) }
}

/// Sections by name, each with its settings.
#[derive(Default)]
pub(super) struct Book {
    sections: Vec<(String, Vec<(String, Zeroizing<String>)>)>,
    runs_programs: bool,
}

/// A section of the config file that holds a login, not a profile.
const SSO_SESSION: &str = "sso-session ";

impl Book {
    /// Takes in a file's text: later settings win. What is no setting is passed over, as AWS's tools do.
    fn add(&mut self, text: &str, is_config: bool) {
        let mut section: Option<usize> = None;
        for line in text.lines() {
            // An indented line belongs to the nested setting above it, and none of those is read here.
            if line.starts_with([' ', '\t']) || line.trim().is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest.split_once(']').and_then(|(name, _)| section_name(name.trim(), is_config));
                section = name.map(|name| self.section(name));
            } else if let (Some((key, value)), Some(at)) = (line.split_once('='), section) {
                let (key, value) = (key.trim().to_ascii_lowercase(), Zeroizing::new(value.trim().to_owned()));
                let Some((_, settings)) = self.sections.get_mut(at) else { continue };
                settings.retain(|(known, _)| *known != key);
                settings.push((key, value));
            }
        }
    }

    fn section(&mut self, name: String) -> usize {
        let known = self.sections.iter().position(|(known, _)| *known == name);
        known.unwrap_or_else(|| {
            self.sections.push((name, Vec::new()));
            self.sections.len() - 1
        })
    }

    fn of(&self, section: &str) -> Option<Settings<'_>> {
        self.sections.iter().find(|(name, _)| name == section).map(|(name, settings)| Settings { name, settings })
    }

    pub(super) fn region(&self, profile: &str) -> Option<String> {
        self.of(profile)?.get("region").map(str::to_owned)
    }

    /// Whether a profile says anything of credentials.
    pub(super) fn has_keys(&self, profile: &str) -> bool {
        const KEYS: [&str; 6] =
            ["aws_access_key_id", "role_arn", "sso_session", "sso_start_url", "sso_account_id", "credential_process"];
        self.of(profile).is_some_and(|settings| KEYS.iter().any(|key| settings.get(key).is_some()))
    }

    /// How a profile proves who it is.
    ///
    /// # Errors
    /// `SecretNotFoundError` when there is no such profile, `SecretAccessError` that names the setting that cannot be used.
    pub(super) fn plan(&self, profile: &str) -> Result<Plan, Error> {
        self.plan_after(profile, &mut Vec::new())
    }

    fn plan_after<'a>(&'a self, profile: &str, seen: &mut Vec<&'a str>) -> Result<Plan, Error> {
        let Some(settings) = self.of(profile) else {
            let error = Error::new(Code::SecretNotFound).saying("There is no such profile in AWS's shared files.");
            return Err(error.hint("its section is [profile NAME] in ~/.aws/config, [NAME] in ~/.aws/credentials"));
        };
        // A profile that stands behind a role serves with its own keys, even where it has a role as well.
        if !seen.is_empty() && settings.get("aws_access_key_id").is_some() {
            return settings.keys();
        }
        if seen.contains(&settings.name) || seen.len() >= MAX_CHAIN {
            return Err(settings.refuse("source_profile", "leads back to a profile that it came from"));
        }
        seen.push(settings.name);
        match settings.get("role_arn") {
            Some(arn) => self.role(&settings, arn, seen),
            None if settings.has_sso() => self.sso(&settings).map(Plan::Sso),
            None if settings.get("aws_access_key_id").is_some() => settings.keys(),
            None => match settings.get("credential_process") {
                Some(line) => self.program(&settings, line).map(Plan::Program),
                None => {
                    Err(settings.refuse("aws_access_key_id", "is missing, and no other setting says how to log in"))
                }
            },
        }
    }

    fn role<'a>(&'a self, settings: &Settings<'a>, arn: &str, seen: &mut Vec<&'a str>) -> Result<Plan, Error> {
        if settings.get("mfa_serial").is_some() {
            return Err(settings.refuse("mfa_serial", "asks a person for a code, and a bot has none"));
        }
        let of = |key| settings.get(key);
        let role = Role::new(arn, of("role_session_name"), of("external_id"), of("duration_seconds"));
        let role = role.map_err(|error| {
            settings.refuse("role_arn", "or a setting beside it cannot be used").hint(error.user_message())
        })?;
        let origin = match (of("source_profile"), of("credential_source"), of("web_identity_token_file")) {
            (Some(source), None, None) => Origin::Profile(Box::new(self.plan_after(source, seen)?)),
            (None, Some("Environment"), None) => Origin::Environment,
            (None, Some("EcsContainer"), None) => Origin::Container,
            (None, Some("Ec2InstanceMetadata"), None) => Origin::Instance,
            (None, None, Some(file)) => return Ok(Plan::Web(WebIdentity { role, file: file.into() })),
            _ => {
                let why = "needs one of source_profile, credential_source and web_identity_token_file";
                return Err(settings.refuse("role_arn", why));
            }
        };
        Ok(Plan::Role(role, origin))
    }

    fn program(&self, settings: &Settings<'_>, line: &str) -> Result<Program, Error> {
        if !self.runs_programs {
            let hint = "where that program may run: Aws(profile=…, allow_process=True)";
            return Err(settings.refuse("credential_process", "names a program, which is not allowed").hint(hint));
        }
        let why = "is not a command line: a quote is not closed, or nothing is there";
        Program::parse(settings.name, line).ok_or_else(|| settings.refuse("credential_process", why))
    }

    fn sso(&self, settings: &Settings<'_>) -> Result<Sso, Error> {
        let session = settings.get("sso_session");
        let login =
            match session {
                Some(name) => Some(self.of(&format!("{SSO_SESSION}{name}")).ok_or_else(|| {
                    settings.refuse("sso_session", "names a section [sso-session …] that is not there")
                })?),
                None => None,
            };
        let of = |key: &str| settings.get(key).or_else(|| login.as_ref()?.get(key));
        let need = |key: &str| of(key).map(str::to_owned).ok_or_else(|| settings.refuse(key, "is missing"));
        let start_url = need("sso_start_url")?;
        Ok(Sso {
            cached_as: session.unwrap_or(&start_url).to_owned(),
            region: need("sso_region")?,
            account: need("sso_account_id")?,
            role: need("sso_role_name")?,
        })
    }
}

struct Settings<'a> {
    name: &'a str,
    settings: &'a [(String, Zeroizing<String>)],
}

impl<'a> Settings<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.settings
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
            .filter(|text| !text.is_empty())
    }

    fn has_sso(&self) -> bool {
        ["sso_session", "sso_start_url", "sso_account_id"].iter().any(|key| self.get(key).is_some())
    }

    fn keys(&self) -> Result<Plan, Error> {
        let part =
            |key: &str| self.get(key).and_then(clean).map(|value| wrap(&format!("aws-profile:{key}"), value, None));
        let id = self.get("aws_access_key_id").unwrap_or("").to_owned();
        let Some(secret) = part("aws_secret_access_key") else {
            return Err(self.refuse("aws_secret_access_key", "is missing"));
        };
        Ok(Plan::Keys(Keys { id: Leaf::Plain(id), secret, session: part("aws_session_token"), lifetime: None }))
    }

    fn refuse(&self, key: &str, why: &str) -> Error {
        let shown = crate::encode::log(self.name).into_owned();
        Error::new(Code::SecretAccess).saying(format!("The AWS profile `{shown}` cannot be used: `{key}` {why}."))
    }
}

/// What a section's header names: `profile NAME` in the config file, with quotes around names that hold spaces.
fn section_name(header: &str, is_config: bool) -> Option<String> {
    let unquote = |text: &str| {
        let text = text.trim();
        let inner = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
        inner.unwrap_or(text).to_owned()
    };
    if !is_config || header == DEFAULT {
        return Some(unquote(header)).filter(|name| !name.is_empty());
    }
    let (kind, name) = header.split_once([' ', '\t'])?;
    match kind {
        "profile" => Some(unquote(name)),
        "sso-session" => Some(format!("{SSO_SESSION}{}", unquote(name))),
        _ => None,
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
