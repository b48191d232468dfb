//! Files: Docker and Kubernetes mounts, systemd credentials.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::clean;
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::{Bounds, Fault, Renew, Secret, Source, Terms};
use crate::{encode, redact};

/// Largest file: 64 KiB; keys are shorter.
const MAX_BYTES: usize = 64 * 1024;

/// A file by path; a relative one counts from the working directory.
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn parse(path: &str) -> Result<Self, Error> {
        // An error would repeat the path, and a token is no path.
        if path.is_empty() || path.contains('\0') || redact::looks_like_token(path) {
            return Err(Error::new(Code::UsageValue)
                .saying("The text after `file:` is not the path of a file.")
                .hint("write file:/run/secrets/NAME; if this was the key itself, change the key"));
        }
        Ok(Self(PathBuf::from(path)))
    }

    fn path(&self) -> String {
        encode::log(&self.0.to_string_lossy()).into_owned()
    }

    fn missing(&self, state: &str) -> Error {
        Error::new(Code::SecretNotFound)
            .saying(format!("The secret file `{}` {state}.", self.path()))
            .with("source", format!("file:{}", self.path()))
            .hint("mount it there, or use env:NAME")
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(Code::SecretAccess)
            .saying(format!("The secret file `{}` cannot be used: {why}.", self.path()))
            .with("source", format!("file:{}", self.path()))
    }

    fn failed(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::NotFound => self.missing("does not exist"),
            io::ErrorKind::PermissionDenied => self
                .refused("permission denied")
                .hint("let the user that the bot runs as read it: chmod, chown, or the mount's mode"),
            kind => self.refused(&kind.to_string()),
        }
    }

    fn mark(&self) -> Option<Mark> {
        let meta = fs::metadata(&self.0).ok()?;
        Some(Mark { written: meta.modified().ok()?, bytes: meta.len(), id: id(&meta) })
    }

    fn judge(&self, meta: &Metadata) -> Result<(), Error> {
        if !meta.is_file() {
            return Err(self.refused("it is not a regular file"));
        }
        // Readable by all is how Docker and Kubernetes mount secrets; writable by all means that anybody chose the key.
        if is_world_writable(meta) {
            return Err(self.refused("everybody may write to it").hint("chmod o-w the file"));
        }
        Ok(())
    }
}

impl Source for File {
    fn read(&self) -> Result<SecretString, Error> {
        // Before opening, for opening a pipe waits; after it, for what was judged must be what is read.
        self.judge(&fs::metadata(&self.0).map_err(|error| self.failed(&error))?)?;
        let file = fs::File::open(&self.0).map_err(|error| self.failed(&error))?;
        self.judge(&file.metadata().map_err(|error| self.failed(&error))?)?;
        // Whole from the start: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| self.failed(&error))?;
        if bytes.len() > MAX_BYTES {
            return Err(self.refused("it is larger than 64 KiB"));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Err(self.refused("it does not hold UTF-8 text"));
        };
        // Some editors begin a file with a byte order mark; no key does.
        clean(text.trim_start_matches('\u{feff}')).ok_or_else(|| self.missing("is empty"))
    }
}

/// How often a file that is in use is looked at. Kubernetes takes up to a minute to swap a mounted secret.
const LOOK: Duration = Duration::from_secs(1);
/// How long the last value serves while the file is missing or empty: whoever writes it anew needs a moment.
const GRACE: Duration = Duration::from_secs(10);

/// The secret in the file at `path`, read now and again when the file changes: its directory may be a mount whose files are
/// links that are swapped (Kubernetes' `..data`), so it is the file behind the links that is looked at.
pub(super) fn open(source: &str, path: &str, bounds: Option<Arc<dyn Bounds>>) -> Result<Secret, Error> {
    let file = File::parse(path)?;
    // The mark first: a file that is replaced in between is then read again, not taken for the one that was read.
    let seen = file.mark();
    let value = file.read()?;
    let watch = Watch {
        file,
        seen: Lock::new(seen),
        #[cfg(target_os = "linux")]
        stay: std::sync::OnceLock::new(),
    };
    let secret = Secret::moving(source, Terms { ttl: LOOK, max_stale: GRACE }, Arc::new(watch), bounds);
    secret.finish(Ok(super::found_in(value)));
    Ok(secret)
}

/// Reads a file again once it is another one.
struct Watch {
    file: File,
    seen: Lock<Option<Mark>>,
    /// Keeps the thread on which its directory is watched.
    #[cfg(target_os = "linux")]
    stay: std::sync::OnceLock<super::keeper::Stay>,
}

impl Watch {
    /// From its first use on, so that a secret alone starts no thread.
    #[cfg(target_os = "linux")]
    fn follow(&self, secret: &Secret, is_another: bool) {
        self.stay.get_or_init(super::keeper::Stay::claim);
        super::watch::watch(&self.file.0, secret, is_another);
    }

    #[cfg(not(target_os = "linux"))]
    fn follow(&self, _secret: &Secret, _is_another: bool) {}
}

/// What tells a file from its replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    written: SystemTime,
    bytes: u64,
    id: (u64, u64),
}

impl Renew for Watch {
    fn is_immediate(&self) -> bool {
        true
    }

    fn start(&self, secret: &Secret) -> Result<(), Error> {
        let now = self.file.mark();
        let same = now.is_some() && *self.seen.lock() == now;
        self.follow(secret, !same);
        if same && secret.confirm() {
            return Ok(());
        }
        let result = self.file.read();
        let passing = result.as_ref().is_err_and(|error| error.code() == Code::SecretNotFound);
        if result.is_ok() {
            *self.seen.lock() = now;
        }
        secret.finish(result.map(super::found_in).map_err(|error| Fault { error, passing }));
        Ok(())
    }
}

#[cfg(unix)]
fn id(meta: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn id(_meta: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
fn is_world_writable(meta: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_meta: &Metadata) -> bool {
    false
}
