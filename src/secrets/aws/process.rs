//! A profile's `credential_process`: a program that prints keys, run where the bot's author allows it.
//!
//! Source: AWS SDKs and Tools reference guide, "Process credential provider". Without a shell, as botocore runs it.

use std::fmt;
use std::io;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::chain::firm;
use super::keys::Keys;
use crate::clock;
use crate::error::{Code, Error};
use crate::headers::rfc3339;
use crate::secret::Fault;
use crate::secrets::{clean, env, wrap};
use crate::validate::Leaf;

/// Largest output: 64 KiB; keys with their session token have some two.
const MAX_BYTES: usize = 64 * 1024;
/// How long it may run: inside the keeper's limit for one reading.
const LIMIT: Duration = Duration::from_secs(20);
/// Stands for a number sign while words are split: a character that nobody has.
const SIGN: &str = "\u{f8ff}";
/// How often its end is looked for once it has closed its output.
const LOOK: Duration = Duration::from_millis(10);

/// A program and its arguments. They may hold a secret, so they are never shown.
pub(super) struct Program {
    profile: String,
    words: Vec<Zeroizing<String>>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Program {
    /// Splits a command line into words as a shell does, with quotes and backslashes and nothing else.
    pub(super) fn parse(profile: &str, line: &str) -> Option<Self> {
        if line.contains(SIGN) {
            return None;
        }
        // A number sign begins no comment here, and Windows' paths are written with single backslashes.
        let line = Zeroizing::new(line.replace('#', SIGN));
        let line = Zeroizing::new(if cfg!(windows) { line.replace('\\', r"\\") } else { line.to_string() });
        let word = |word: String| Zeroizing::new(Zeroizing::new(word).replace(SIGN, "#"));
        let words: Vec<_> = shlex::split(&line)?.into_iter().map(word).collect();
        words.first().filter(|word| !word.is_empty())?;
        Some(Self { profile: profile.to_owned(), words })
    }

    /// Runs it and reads the keys that it prints. It has no input, a process group of its own, and of the environment what holds
    /// no secret that is known here and none of AWS's own keys; its standard error is not read.
    ///
    /// # Errors
    /// [`Fault`], passing only when it did not end in time: a program does not say why it failed.
    pub(super) async fn keys(&self) -> Result<Keys, Fault> {
        self.keys_within(LIMIT).await
    }

    async fn keys_within(&self, limit: Duration) -> Result<Keys, Fault> {
        let start = |error: io::Error| {
            firm(self.error("could not be started").with("reason", error.kind().to_string()).hint("is its path right?"))
        };
        let mut command = self.command();
        let run = async {
            // A file system that hangs holds up a thread of its own, and what it starts later ends at once.
            let starting = spawn_blocking(move || command.spawn().map(|child| Running(Some(child)))).await;
            let mut running = starting.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())).map_err(start)?;
            self.output(&mut running).await
        };
        let output = timeout(limit, run).await;
        let output = output.map_err(|_| Fault { error: self.error("did not end in time"), passing: true })??;
        parse(&output).map_err(|why| firm(self.error(why)))
    }

    /// What it prints until it ends.
    async fn output(&self, running: &mut Running) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let output = running.0.as_mut().and_then(|child| child.stdout.take());
        let Some(output) = output else { return Err(firm(self.error("has no output"))) };
        let broken = |error: io::Error| firm(self.error("broke off").with("reason", error.kind().to_string()));
        let output = read(output).await.map_err(broken)?;
        if output.len() > MAX_BYTES {
            return Err(firm(self.error("printed more than 64 KiB")));
        }
        loop {
            match running.ended() {
                Ok(None) => sleep(LOOK).await,
                Ok(Some(status)) if !status.success() => {
                    let status = status.code().map_or("a signal".to_owned(), |code| code.to_string());
                    let hint = "run it in a terminal to see what it says";
                    return Err(firm(self.error("failed").with("status", status).hint(hint)));
                }
                // Where something else of this process waits for all children, its status is gone.
                Ok(Some(_)) | Err(_) => return Ok(output),
            }
        }
    }

    fn command(&self) -> Command {
        let mut words = self.words.iter().map(|word| word.as_str());
        let mut command = Command::new(words.next().unwrap_or(""));
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.env_clear().envs(env::for_programs());
        // Half a key is worse than none.
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn error(&self, why: &str) -> Error {
        let shown = crate::encode::log(&self.profile).into_owned();
        let said = format!("The AWS profile `{shown}` cannot be used: its `credential_process` {why}.");
        Error::new(Code::SecretAccess).saying(said)
    }
}

/// A program that is ended with the question for its keys.
struct Running(Option<Child>);

impl Running {
    /// How it ended, if it did.
    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.0.as_mut().map_or(Ok(None), Child::try_wait);
        if !matches!(ended, Ok(None)) {
            self.0 = None;
        }
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        // Before it is waited for: its number is its own until then.
        #[cfg(unix)]
        end_group(&child);
        let _ = child.kill();
        // The system may take its time to let it go.
        let waits = move || child.wait();
        let _ = std::thread::Builder::new().name("botsec-ends".to_owned()).spawn(waits);
    }
}

/// What it started itself ends with it.
#[cfg(unix)]
fn end_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
}

/// Its output to the end, or one byte more than it may have.
#[cfg(unix)]
async fn read(output: ChildStdout) -> io::Result<Zeroizing<Vec<u8>>> {
    use tokio::io::AsyncReadExt;
    let output = tokio::net::unix::pipe::Receiver::from_owned_fd(output.into())?;
    // Whole from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    output.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(not(unix))]
async fn read(output: ChildStdout) -> io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read;
    let whole = spawn_blocking(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        output.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    whole.await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// # Errors
/// Why the output is none; nothing of it is repeated.
fn parse(output: &[u8]) -> Result<Keys, &'static str> {
    let value: Value = serde_json::from_slice(output).map_err(|_| "printed no JSON")?;
    if value.get("Version").and_then(Value::as_u64) != Some(1) {
        return Err("printed another version of its format than 1");
    }
    let of = |name: &str| value.get(name).and_then(Value::as_str).and_then(clean);
    let hidden = |name: &str, what: &str| of(name).map(|text| wrap(&format!("aws-process:{what}"), text, None));
    let id = of("AccessKeyId").ok_or("printed no AccessKeyId")?;
    let secret = hidden("SecretAccessKey", "secret-access-key").ok_or("printed no SecretAccessKey")?;
    let session = hidden("SessionToken", "session-token");
    let lifetime = match value.get("Expiration") {
        None | Some(Value::Null) => None,
        Some(text) => {
            let ends = text.as_str().and_then(rfc3339).ok_or("printed an Expiration that is no time")?;
            Some(ends.duration_since(clock::wall()).unwrap_or_default())
        }
    };
    Ok(Keys { id: Leaf::Plain(id.expose_secret().to_owned()), secret, session, lifetime })
}

#[cfg(all(test, unix))]
#[path = "process_tests.rs"]
mod tests;
