//! Files: Docker and Kubernetes mounts, systemd credentials.

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secret::Source;

/// Largest file: 64 KiB; keys are shorter.
const MAX_BYTES: u64 = 64 * 1024;

/// A file by path.
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn parse(path: &str) -> Result<Self, Error> {
        if path.is_empty() || path.contains('\0') {
            return Err(Error::new(Code::UsageValue).saying("The path after `file:` is empty or not a path."));
        }
        Ok(Self(PathBuf::from(path)))
    }

    fn unreadable(&self, why: &str) -> Error {
        Error::new(Code::SecretAccess).saying(format!("The secret file `{}` cannot be used: {why}.", self.0.display()))
    }
}

impl Source for File {
    fn read(&self) -> Result<SecretString, Error> {
        let missing = |state: &str| {
            Error::new(Code::SecretNotFound)
                .saying(format!("The secret file `{}` {state}.", self.0.display()))
                .with("source", format!("file:{}", self.0.display()))
                .hint("mount it there, or use env:NAME")
        };
        let meta = match fs::metadata(&self.0) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing("does not exist")),
            Err(error) => return Err(self.unreadable(&error.kind().to_string())),
        };
        if !meta.is_file() {
            return Err(self.unreadable("it is not a regular file"));
        }
        if is_world_writable(&meta) {
            return Err(self.unreadable("everybody may write to it").hint("chmod o-w the file"));
        }
        let file = fs::File::open(&self.0).map_err(|error| self.unreadable(&error.kind().to_string()))?;
        let mut text = Zeroizing::new(String::new());
        let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
        if read.is_err() {
            return Err(self.unreadable("it does not hold UTF-8 text"));
        }
        if text.len() as u64 > MAX_BYTES {
            return Err(self.unreadable("it is larger than 64 KiB"));
        }
        let trimmed = text.trim_end_matches(['\r', '\n']);
        if trimmed.trim().is_empty() { Err(missing("is empty")) } else { Ok(trimmed.to_owned().into()) }
    }
}

#[cfg(unix)]
fn is_world_writable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_world_writable(_meta: &fs::Metadata) -> bool {
    false
}
