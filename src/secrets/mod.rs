//! Where secrets come from: environment variables and files. An error names the source, never a value or a neighbour.

mod env;
mod file;

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Code, Error};
use crate::redact;
use crate::secret::{Secret, Source};

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
    for host in hosts.iter().flatten() {
        crate::policy::hosts::HostRule::parse(host)?;
    }
    Ok(wrap(source, found.read()?, hosts))
}

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
    let remote = ["aws-sm:", "gcp-sm:", "azure-kv:", "vault:"].into_iter().find(|scheme| source.starts_with(scheme));
    match remote {
        Some(scheme) => Error::new(Code::SecretAccess)
            .saying(format!("Secrets from `{scheme}` are not available in this version."))
            .hint("load the value into an environment variable or a file"),
        None => Error::new(Code::UsageValue)
            .saying("A secret's source starts with `env:` or `file:`.")
            .hint("put the key into an environment variable and write env:ITS_NAME; a key in source code stays in its history"),
    }
}

#[cfg(test)]
mod tests;
