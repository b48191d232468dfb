//! Where secrets come from: environment variables and files. An error names the source, never a value or a neighbour.

mod env;
mod file;

pub use env::{ProxyVariable, proxy, proxy_is_set};

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::policy::hosts::HostRule;
use crate::redact;
use crate::secret::{Secret, Source};

/// Sources that only a later version reads.
const REMOTE: [&str; 4] = ["aws-sm:", "gcp-sm:", "azure-kv:", "vault:"];

/// Loads `env:NAME` or `file:/path` at once; `hosts` are the hosts that the secret may be sent to.
///
/// # Errors
/// `SecretNotFoundError` when the source is unset or empty, `SecretAccessError` when it cannot be read, `ValueError` for a
/// source that is not understood; its text is not repeated, for it may be a pasted key.
pub fn load(source: &str, hosts: Option<Vec<String>>) -> Result<Secret, Error> {
    let found: Box<dyn Source> = if let Some(name) = source.strip_prefix("env:") {
        Box::new(env::Variable::parse(name)?)
    } else if let Some(path) = source.strip_prefix("file:") {
        Box::new(file::File::parse(path)?)
    } else {
        return Err(unknown(source));
    };
    check(hosts.as_deref())?;
    Ok(wrap(source, found.read()?, hosts))
}

/// Wraps a value that is already at hand; `name` stands for it wherever it is printed.
///
/// # Errors
/// `SecretNotFoundError` for an empty value; those of the hosts as in [`load`].
pub fn from_value(name: &str, value: String, hosts: Option<Vec<String>>) -> Result<Secret, Error> {
    let value = Zeroizing::new(value);
    check(hosts.as_deref())?;
    match clean(&value) {
        Some(value) => Ok(wrap(name, value, hosts)),
        None => Err(Error::new(Code::SecretNotFound).saying("The value of a secret is empty.")),
    }
}

/// The value without the line end that editors and shells leave; `None` when nothing but white space remains. Other white
/// space stays, for it may belong to the value; where it cannot be sent, attaching refuses it.
fn clean(text: &str) -> Option<SecretString> {
    let value = text.trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() { None } else { Some(value.to_owned().into()) }
}

fn check(hosts: Option<&[String]>) -> Result<(), Error> {
    hosts.unwrap_or_default().iter().try_for_each(|host| HostRule::parse(host).map(drop))
}

/// The one place where a value becomes a secret: known to the redactor before anybody can print it.
fn wrap(name: &str, value: SecretString, hosts: Option<Vec<String>>) -> Secret {
    redact::register(value.expose_secret());
    let print = fingerprint(value.expose_secret());
    Secret::new(name, value, print, hosts)
}

/// A keyed hash: equal for equal values within this process, useless outside it.
fn fingerprint(value: &str) -> String {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    format!("{:016x}", KEY.get_or_init(RandomState::new).hash_one(value))
}

fn unknown(source: &str) -> Error {
    match REMOTE.into_iter().find(|scheme| source.starts_with(scheme)) {
        Some(scheme) => Error::new(Code::SecretAccess)
            .saying(format!("Secrets from `{scheme}` are not available in this version."))
            .hint("load the value into an environment variable or a file"),
        None => Error::new(Code::UsageValue)
            .saying("A secret source must start with `env:` or `file:`.")
            .hint("put the key into an environment variable and write env:ITS_NAME; a key in source code stays in its history"),
    }
}

#[cfg(test)]
mod tests;
