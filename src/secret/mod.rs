//! The secret: values that are zeroized when dropped and cannot print themselves, bound to hosts, read again as they rotate.

mod life;
mod text;
mod version;

pub use life::{Fault, Found, Rotation, Terms};
pub use text::{Form, Piece, Text};
pub use version::Version;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use secrecy::SecretString;

use crate::clock::{self, Dice};
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::url::Origin;
use life::{Life, Look};

/// A loaded secret, or one that is read when it is first needed. Clones share its values.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    name: String,
    bounds: Option<Arc<dyn Bounds>>,
    held: Held,
}

enum Held {
    /// One value for as long as the process lives.
    Fixed(Arc<Version>),
    /// Values that change.
    Moving(Moving),
}

struct Moving {
    life: Lock<Life>,
    renew: Arc<dyn Renew>,
}

/// Where secrets come from that are read at once: an environment variable, a file.
pub trait Source: Send + Sync {
    /// Reads the current value.
    ///
    /// # Errors
    /// `SecretNotFoundError` when there is none, `SecretAccessError` when it may not be read.
    fn read(&self) -> Result<SecretString, Error>;
}

/// Reads a secret that changes.
pub trait Renew: Send + Sync {
    /// Starts a reading, and sees to it that [`Secret::finish`] says how it ended. Called by one reader at a time.
    ///
    /// # Errors
    /// Why no reading can begin.
    fn start(&self, secret: &Secret) -> Result<(), Error>;

    /// Whether a reading has ended when `start` returns.
    fn is_immediate(&self) -> bool {
        false
    }

    /// Asks for the value before the current one; `None` where the source keeps none.
    fn previous(&self) -> Option<Previous> {
        None
    }
}

/// Ends with the value before the current one, if there is one.
pub type Previous = Pin<Box<dyn Future<Output = Option<Version>> + Send>>;

/// Where a secret may be used, beyond the client's own origin.
pub trait Bounds: Send + Sync {
    /// Hosts as the caller wrote them; `None` means the client's own origin.
    fn hosts(&self) -> Option<&[String]>;
    /// Whether it may be sent to this origin; `None` when it is up to the client.
    fn permits_host(&self, origin: &Origin) -> Option<bool>;
    /// Whether a request to an origin that is permitted may carry it.
    ///
    /// # Errors
    /// `PolicyError` that says which bound refuses.
    fn judge(&self, method: &str, path: &str, now: SystemTime) -> Result<(), Error>;
    /// Each bound by name, for people: `("methods", "GET")`.
    fn shown(&self) -> Vec<(&'static str, String)>;
}

/// Rotations that nobody has heard of yet, in all secrets: a look at it costs nothing.
static UNTOLD: AtomicUsize = AtomicUsize::new(0);

/// Whether any secret has rotations to tell.
pub fn has_news() -> bool {
    UNTOLD.load(Ordering::Acquire) > 0
}

/// A secret that does not keep it alive.
#[derive(Clone)]
pub struct Faint(Weak<Inner>);

impl Faint {
    /// The secret, while somebody else holds it.
    pub fn get(&self) -> Option<Secret> {
        self.0.upgrade().map(Secret)
    }
}

impl Secret {
    /// Wraps a value that stays. `name` is its source as written (`env:MY_KEY`); `fingerprint` names it in logs and bucket keys.
    pub fn new(name: impl Into<String>, value: SecretString, fingerprint: String) -> Self {
        Self::fixed(name, Version::new(value, None, fingerprint))
    }

    /// Wraps a version that stays.
    pub fn fixed(name: impl Into<String>, version: Version) -> Self {
        Self(Arc::new(Inner { name: name.into(), bounds: None, held: Held::Fixed(Arc::new(version)) }))
    }

    /// A secret that is read when it is first needed, and again as `terms` say.
    pub fn moving(
        name: impl Into<String>,
        terms: Terms,
        renew: Arc<dyn Renew>,
        bounds: Option<Arc<dyn Bounds>>,
    ) -> Self {
        let life = Lock::new(Life::new(terms, epoch()));
        Self(Arc::new(Inner { name: name.into(), bounds, held: Held::Moving(Moving { life, renew }) }))
    }

    /// The same value under bounds.
    #[must_use]
    pub fn bound(&self, bounds: Option<Arc<dyn Bounds>>) -> Self {
        match &self.0.held {
            Held::Fixed(version) => {
                Self(Arc::new(Inner { name: self.0.name.clone(), bounds, held: Held::Fixed(version.clone()) }))
            }
            // Its life is not shared by two names of it.
            Held::Moving(_) => self.clone(),
        }
    }

    /// The secret as it is now, for a request that must not see another value half way.
    #[must_use]
    pub fn frozen(&self, version: Arc<Version>) -> Self {
        Self(Arc::new(Inner { name: self.0.name.clone(), bounds: self.0.bounds.clone(), held: Held::Fixed(version) }))
    }

    /// A hold that does not keep it alive.
    pub fn faint(&self) -> Faint {
        Faint(Arc::downgrade(&self.0))
    }

    /// Where it lives in memory: equal for clones.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// The source as written, such as `env:MY_KEY`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The version's name at its source, where the source has versions.
    pub fn version(&self) -> Option<String> {
        self.peek().and_then(|version| version.label().map(str::to_owned))
    }

    /// The hosts it may be sent to; `None` means the client's own origin.
    pub fn hosts(&self) -> Option<&[String]> {
        self.0.bounds.as_ref()?.hosts()
    }

    /// Where it may be used.
    pub fn bounds(&self) -> Option<&dyn Bounds> {
        self.0.bounds.as_deref()
    }

    /// A keyed hash of the value: equal within a process for equal values, useless outside. Empty before it was read.
    pub fn fingerprint(&self) -> String {
        self.peek().map_or_else(String::new, |version| version.fingerprint().to_owned())
    }

    /// What stays equal while the value rotates, within this process: whoever shares a secret shares a quota.
    pub fn identity(&self) -> String {
        match &self.0.held {
            Held::Fixed(version) => version.fingerprint().to_owned(),
            Held::Moving(_) => self.0.name.clone(),
        }
    }

    /// A name for the holder of this secret that is equal in all processes: 128 bits of an HMAC under the value itself, which
    /// tell nothing of a value that cannot be guessed; for one that rotates under the name of its source.
    pub fn shared_tag(&self) -> String {
        let key = match &self.0.held {
            Held::Fixed(version) => hmac::Key::new(hmac::HMAC_SHA256, version.as_bytes()),
            Held::Moving(_) => hmac::Key::new(hmac::HMAC_SHA256, self.0.name.as_bytes()),
        };
        let tag = hmac::sign(&key, b"botsec: who shares a quota");
        tag.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    fn peek(&self) -> Option<Arc<Version>> {
        match &self.0.held {
            Held::Fixed(version) => Some(version.clone()),
            Held::Moving(moving) => moving.life.lock().serving(clock::now()).cloned(),
        }
    }

    /// The value. Every call of this is a place to review.
    ///
    /// # Errors
    /// `SecretAccessError` when it was not read yet, `SecretStaleError` when its source was out of reach for too long, and what
    /// its source said last.
    pub fn reveal(&self) -> Result<Arc<Version>, Error> {
        match &self.0.held {
            Held::Fixed(version) => Ok(version.clone()),
            Held::Moving(moving) => {
                let life = moving.life.lock();
                match life.serving(clock::now()) {
                    Some(version) => Ok(version.clone()),
                    None => Err(match life.look(clock::now()) {
                        Look::Refuse(error) => error,
                        _ => Error::new(Code::SecretAccess)
                            .saying(format!("The secret `{}` was not read yet.", self.0.name))
                            .hint("call its load(), start the client, or use secret_async()"),
                    }),
                }
            }
        }
    }

    /// Looks whether its source has another value, where that takes no waiting.
    pub fn glance(&self) {
        let Held::Moving(moving) = &self.0.held else { return };
        if !moving.renew.is_immediate() {
            return;
        }
        let begins = {
            let mut life = moving.life.lock();
            matches!(life.look(clock::now()), Look::Load | Look::Renew) && life.begin()
        };
        if begins {
            self.begin(moving);
        }
    }

    /// Whether its value may change.
    pub fn is_moving(&self) -> bool {
        matches!(self.0.held, Held::Moving(_))
    }

    /// Ends once a value can be used: at once where one serves, which may start a reading in the background.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub async fn ready(&self) -> Result<(), Error> {
        match &self.0.held {
            Held::Fixed(_) => Ok(()),
            Held::Moving(moving) => poll_fn(|context| self.poll_ready(moving, context)).await,
        }
    }

    fn poll_ready(&self, moving: &Moving, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // A reading may end while it begins, as those of files do.
        for _ in 0..3 {
            let (look, begins) = {
                let mut life = moving.life.lock();
                life.enter(epoch());
                let look = life.look(clock::now());
                let begins = matches!(look, Look::Load | Look::Renew) && life.begin();
                if matches!(look, Look::Load) && !begins {
                    life.wait(context.waker());
                }
                (look, begins)
            };
            if begins {
                self.begin(moving);
            }
            match look {
                Look::Use | Look::Renew => return Poll::Ready(Ok(())),
                Look::Refuse(error) => return Poll::Ready(Err(error)),
                Look::Load if !begins => return Poll::Pending,
                Look::Load => {}
            }
        }
        Poll::Pending
    }

    fn begin(&self, moving: &Moving) {
        if let Err(error) = moving.renew.start(self) {
            self.finish(Err(Fault { error, passing: true }));
        }
    }

    /// Reads it again, whatever its age, since a server refused the value of this fingerprint; whether there is another one now.
    ///
    /// # Errors
    /// What its source said.
    pub async fn renewed(&self, refused: &str) -> Result<bool, Error> {
        let Held::Moving(moving) = &self.0.held else { return Ok(false) };
        let changed = |life: &Life| life.serving(clock::now()).map(|version| version.fingerprint() != refused);
        let (begins, before) = {
            let mut life = moving.life.lock();
            life.enter(epoch());
            if changed(&life) == Some(true) {
                return Ok(true);
            }
            let Some(begins) = life.force(clock::now()) else { return Ok(false) };
            (begins, life.readings())
        };
        if begins {
            self.begin(moving);
        }
        self.read_after(moving, before).await;
        let other = changed(&moving.life.lock());
        match other {
            Some(other) => Ok(other),
            None => self.reveal().map(|version| version.fingerprint() != refused),
        }
    }

    /// The value before the current one, under the same name and bounds; `None` where the source keeps none.
    pub async fn previous(&self) -> Option<Self> {
        let Held::Moving(moving) = &self.0.held else { return None };
        let version = moving.renew.previous()?.await?;
        Some(self.frozen(Arc::new(version)))
    }

    /// Reads it now, whatever its age.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub async fn refresh(&self) -> Result<(), Error> {
        let Held::Moving(moving) = &self.0.held else { return Ok(()) };
        let (begins, before) = {
            let mut life = moving.life.lock();
            life.enter(epoch());
            (life.begin(), life.readings())
        };
        if begins {
            self.begin(moving);
        }
        self.read_after(moving, before).await;
        self.last_word(moving)
    }

    /// What the last reading said, even where an older value still serves.
    fn last_word(&self, moving: &Moving) -> Result<(), Error> {
        let said = moving.life.lock().last_error();
        said.map_or(Ok(()), Err)
    }

    async fn read_after(&self, moving: &Moving, before: u64) {
        poll_fn(|context| {
            let mut life = moving.life.lock();
            if life.readings() > before {
                return Poll::Ready(());
            }
            life.wait(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Says how a reading ended, and wakes whoever waits for it. How long until the next is due by itself.
    pub fn finish(&self, result: Result<Found, Fault>) -> Option<Duration> {
        let Held::Moving(moving) = &self.0.held else { return None };
        let (wakers, next) = {
            let mut life = moving.life.lock();
            let now = clock::now();
            let before = life.untold();
            let wakers = life.finish(result, now, &mut Dice::roll_new());
            UNTOLD.fetch_add(life.untold().saturating_sub(before), Ordering::AcqRel);
            (wakers, life.next(now))
        };
        wakers.into_iter().for_each(Waker::wake);
        next
    }

    /// Says that a reading found the value it has; false when it has none.
    pub fn confirm(&self) -> bool {
        let Held::Moving(moving) = &self.0.held else { return true };
        let wakers = {
            let mut life = moving.life.lock();
            life.confirm(clock::now())
        };
        let Some(wakers) = wakers else { return false };
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Starts a reading if one is due.
    pub fn renew_if_due(&self) {
        let Held::Moving(moving) = &self.0.held else { return };
        let begins = {
            let mut life = moving.life.lock();
            life.enter(epoch());
            life.next(clock::now()).is_some_and(|wait| wait.is_zero()) && life.begin()
        };
        if begins {
            self.begin(moving);
        }
    }

    /// What changed since somebody last asked.
    pub fn take_rotations(&self) -> Vec<Rotation> {
        let Held::Moving(moving) = &self.0.held else { return Vec::new() };
        let told = moving.life.lock().take_rotations();
        let _ = UNTOLD.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_sub(told.len())));
        told
    }

    /// Compares in constant time for values of equal length; what was not read yet equals itself alone.
    pub fn same_as(&self, other: &Secret) -> bool {
        let (Some(a), Some(b)) = (self.peek(), other.peek()) else { return self.id() == other.id() };
        let (a, b) = (a.as_bytes(), b.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Held::Moving(moving) = &self.held {
            let untold = moving.life.lock().untold();
            let _ = UNTOLD.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(n.saturating_sub(untold)));
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret('{}', **********)", self.0.name)
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
