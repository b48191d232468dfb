//! The secret: values that are zeroized when dropped and cannot print themselves, bound to hosts, read again as they rotate.

mod life;
pub mod news;
mod page;
mod reading;
mod text;
mod version;

pub use life::{Fault, Found, Terms, Use};
pub use news::{Happened, News};
pub use reading::Reading;
pub use text::{Form, Piece, Text};
pub use version::{FaintValue, SEARCHED_FROM, Value, Version};

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::{Instant, SystemTime};

use aws_lc_rs::hmac;
use secrecy::SecretString;

use crate::clock;
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::url::Origin;
use life::Life;

/// A loaded secret, or one that is read when it is first needed. Clones share its values.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    name: String,
    bounds: Option<Arc<dyn Bounds>>,
    held: Held,
}

#[expect(clippy::large_enum_variant, reason = "secrets are few, and a box would be a step more for each request")]
enum Held {
    /// One value for as long as the process lives.
    Fixed(Arc<Version>),
    /// Values that change.
    Moving(Moving),
}

struct Moving {
    life: Lock<Life>,
    /// Where the value of `life` is in memory, 0 when there is none: for whoever holds one and asks whether it still is the value.
    current: AtomicUsize,
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

    /// Whether it is read outside this crate, by whoever makes a call: then `start` is not asked where that can be had.
    fn is_outside(&self) -> bool {
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

/// What a reading brought that a refused request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// There is another value.
    Changed,
    /// The value is what it was.
    Same,
    /// It was read a moment ago, and is not read again so soon.
    TooSoon,
}

/// A secret that does not keep it alive.
#[derive(Clone)]
pub struct Faint(Weak<Inner>);

impl Faint {
    /// The secret, while somebody else holds it.
    pub fn get(&self) -> Option<Secret> {
        self.0.upgrade().map(Secret)
    }

    /// Whether nobody holds it any more.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Whether it is this one.
    pub fn is(&self, secret: &Secret) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&secret.0))
    }
}

impl Secret {
    /// Wraps a value that stays. `name` is its source as written (`env:MY_KEY`); `fingerprint` names it in logs and bucket keys.
    pub fn new(name: impl Into<String>, value: SecretString, fingerprint: String) -> Self {
        Self::fixed(name, Version::new(value, None, fingerprint))
    }

    /// Wraps a version that stays; whoever hears of news is told of one that is short.
    pub fn loaded(name: impl Into<String>, version: Version) -> Self {
        let short = version.is_short();
        let secret = Self::fixed(name, version);
        if short {
            news::leave(News { id: secret.id(), name: secret.name().to_owned(), happened: Happened::Short });
        }
        secret
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
        Self(Arc::new(Inner {
            name: name.into(),
            bounds,
            held: Held::Moving(Moving { life, current: AtomicUsize::new(0), renew }),
        }))
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

    /// How the value's memory is protected; see [`Version::protection`].
    pub fn protection(&self) -> Option<&'static str> {
        self.peek().map(|version| version.protection())
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
            Held::Moving(_) => self.reveal_at(clock::now()),
        }
    }

    /// The value at a moment that the caller has read from the clock already, which costs more than all the rest of this.
    ///
    /// # Errors
    /// As [`Secret::reveal`].
    pub fn reveal_at(&self, now: Instant) -> Result<Arc<Version>, Error> {
        match &self.0.held {
            Held::Fixed(version) => Ok(version.clone()),
            Held::Moving(moving) => {
                let life = moving.life.lock();
                match life.serving(now) {
                    Some(version) => Ok(version.clone()),
                    None => Err(life.refusal().unwrap_or_else(|| {
                        Error::new(Code::SecretAccess)
                            .saying(format!("The secret `{}` was not read yet.", self.0.name))
                            .hint("call its load(), start the client, or use secret_async()")
                    })),
                }
            }
        }
    }

    /// Whether its value comes from outside this crate.
    pub fn is_outside(&self) -> bool {
        matches!(&self.0.held, Held::Moving(moving) if moving.renew.is_outside())
    }

    /// Whether its value may change.
    pub fn is_moving(&self) -> bool {
        matches!(self.0.held, Held::Moving(_))
    }

    /// Compares in constant time for values of equal length; what was not read yet equals itself alone.
    pub fn same_as(&self, other: &Secret) -> bool {
        let (Some(a), Some(b)) = (self.peek(), other.peek()) else { return self.id() == other.id() };
        let (a, b) = (a.as_bytes(), b.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
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
