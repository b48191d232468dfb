//! The readings of a secret that changes: who waits for one, who begins one, and how it ends.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::life::{Earlier, Fault, Found, Life, Look, Use};
use super::{Happened, Held, Moving, News, Renewed, Secret, Version, news};
use crate::clock::{self, Dice};
use crate::error::{Code, Error};
use crate::fork::epoch;

/// A reading by somebody outside this crate. When it is dropped before [`Secret::finish`] was called, it broke off.
pub struct Reading<'a> {
    secret: &'a Secret,
    before: u64,
}

/// Somebody who asks for the value before the current one. Others wait until it is dropped.
struct Asking<'a> {
    moving: &'a Moving,
    found: Option<Option<Arc<Version>>>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let wakers = self.moving.life.lock().set_earlier(self.found.take(), clock::now());
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Held::Moving(moving) = &self.secret.0.held else { return };
        let open = {
            let life = moving.life.lock();
            life.is_reading() && life.readings() == self.before
        };
        if open {
            let error = Error::new(Code::SecretAccess).with("reason", "its reading broke off");
            self.secret.finish(Err(Fault { error, passing: true }));
        }
    }
}

impl Secret {
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

    /// The value that serves at this moment, if one does; a reading that is due begins in the background.
    pub fn serves(&self, now: Instant) -> Option<Use> {
        let Held::Moving(moving) = &self.0.held else { return self.in_use(now) };
        let (used, begins) = {
            let mut life = moving.life.lock();
            let begins = match life.look(now) {
                Look::Use => false,
                Look::Renew => {
                    life.enter(epoch());
                    !moving.renew.is_outside() && life.begin()
                }
                Look::Load | Look::Refuse(_) => return None,
            };
            (life.in_use(now), begins)
        };
        if begins {
            self.begin(moving);
        }
        used
    }

    /// The value that may be used at this moment, if there is one.
    pub fn in_use(&self, now: Instant) -> Option<Use> {
        match &self.0.held {
            Held::Fixed(version) => Some(Use::new(version.clone(), None)),
            Held::Moving(moving) => moving.life.lock().in_use(now),
        }
    }

    /// Whether what a call uses certainly is the value at this moment, too. Takes no lock.
    pub fn still_uses(&self, used: &Use, now: Instant) -> bool {
        match &self.0.held {
            Held::Fixed(_) => true,
            Held::Moving(moving) => {
                let same = moving.current.load(Ordering::Acquire) == used.place();
                same && used.lasts(now)
            }
        }
    }

    /// Reads it again, whatever its age, since a server refused the value of this fingerprint; whether there is another one now.
    ///
    /// # Errors
    /// What its source said.
    pub async fn renewed(&self, refused: &str) -> Result<Renewed, Error> {
        let begin = async || {
            if let Held::Moving(moving) = &self.0.held {
                self.begin(moving);
            }
        };
        self.renewed_by(refused, begin).await
    }

    /// As [`Secret::renewed`]; `outside` has it read where it [is read outside](Secret::is_outside).
    ///
    /// # Errors
    /// What its source said.
    pub async fn renewed_by(&self, refused: &str, outside: impl AsyncFnOnce()) -> Result<Renewed, Error> {
        let Held::Moving(moving) = &self.0.held else { return Ok(Renewed::TooSoon) };
        let changed = |life: &Life| life.serving(clock::now()).map(|version| version.fingerprint() != refused);
        let (begins, before) = {
            let mut life = moving.life.lock();
            life.enter(epoch());
            if changed(&life) == Some(true) {
                return Ok(Renewed::Changed);
            }
            let Some(begins) = life.force(clock::now()) else { return Ok(Renewed::TooSoon) };
            (begins, life.readings())
        };
        if begins && moving.renew.is_outside() {
            let _reading = Reading { secret: self, before };
            outside().await;
        } else if begins {
            self.begin(moving);
        }
        self.read_after(moving, before).await;
        let other = changed(&moving.life.lock());
        let other = match other {
            Some(other) => other,
            None => self.reveal()?.fingerprint() != refused,
        };
        Ok(if other { Renewed::Changed } else { Renewed::Same })
    }

    /// The value before the current one, under the same name and bounds; `None` where the source keeps none. It is asked for by
    /// one for all, at most every five seconds.
    pub async fn previous(&self) -> Option<Self> {
        let Held::Moving(moving) = &self.0.held else { return None };
        let earlier = poll_fn(|context| {
            let mut life = moving.life.lock();
            life.enter(epoch());
            let earlier = life.earlier(clock::now());
            if matches!(earlier, Earlier::Wait) {
                life.wait(context.waker());
                return Poll::Pending;
            }
            Poll::Ready(earlier)
        })
        .await;
        let version = match earlier {
            Earlier::Take(version) => version,
            _ => {
                let mut asking = Asking { moving, found: None };
                let version = match moving.renew.previous() {
                    Some(previous) => previous.await.map(Arc::new),
                    None => None,
                };
                asking.found = Some(version.clone());
                version
            }
        };
        version.map(|version| self.frozen(version))
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

    /// Reads it now, whatever its age; false when a reading is under way, which may have begun too early. Waits for nothing.
    pub fn read_again(&self) -> bool {
        let Held::Moving(moving) = &self.0.held else { return true };
        let begins = {
            let mut life = moving.life.lock();
            life.enter(epoch());
            life.begin()
        };
        if begins {
            self.begin(moving);
        }
        begins
    }

    /// Ends once no reading is under way.
    ///
    /// # Errors
    /// What the last reading said.
    pub async fn settled(&self) -> Result<(), Error> {
        let Held::Moving(moving) = &self.0.held else { return Ok(()) };
        poll_fn(|context| {
            let mut life = moving.life.lock();
            if !life.is_reading() {
                return Poll::Ready(());
            }
            life.wait(context.waker());
            Poll::Pending
        })
        .await;
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

    /// Whether a value is to be read before it is used, or soon.
    pub fn is_due(&self) -> bool {
        let Held::Moving(moving) = &self.0.held else { return false };
        matches!(moving.life.lock().look(clock::now()), Look::Load | Look::Renew)
    }

    /// Becomes the reader, where the value is due or `again`; whoever does must say how it ended.
    pub fn claim(&self, again: bool) -> bool {
        let Held::Moving(moving) = &self.0.held else { return false };
        let mut life = moving.life.lock();
        life.enter(epoch());
        let due = again || matches!(life.look(clock::now()), Look::Load | Look::Renew);
        due && life.begin()
    }

    /// Becomes the reader as [`Secret::claim`] does; nobody waits for ever if the reader goes away.
    pub fn claim_reading(&self) -> Option<Reading<'_>> {
        let Held::Moving(moving) = &self.0.held else { return None };
        let mut life = moving.life.lock();
        life.enter(epoch());
        let due = matches!(life.look(clock::now()), Look::Load | Look::Renew);
        (due && life.begin()).then(|| Reading { secret: self, before: life.readings() })
    }

    /// Says how a reading ended, and wakes whoever waits for it. How long until the next is due by itself.
    pub fn finish(&self, result: Result<Found, Fault>) -> Option<Duration> {
        let Held::Moving(moving) = &self.0.held else { return None };
        let ((wakers, happened), next, short) = {
            let mut life = moving.life.lock();
            let now = clock::now();
            let short = result.as_ref().is_ok_and(|found| found.version.is_short() && life.is_new(&found.version));
            let happened = life.finish(result, now, &mut Dice::roll_new());
            moving.current.store(life.place(), Ordering::Release);
            (happened, life.next(now), short)
        };
        for happened in happened.into_iter().chain(short.then_some(Happened::Short)) {
            news::leave(News { id: self.id(), name: self.name().to_owned(), happened });
        }
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
}
