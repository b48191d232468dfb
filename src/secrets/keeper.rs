//! The thread on which secrets are fetched, by one reader for all clients. It starts with the first secret of a manager and ends
//! with the last.
//!
//! It never attaches to the interpreter.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, mem, thread};

use futures_util::future::{Either, select};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::secret::{Faint, Fault, Found, Renew, Secret};

/// Longest time that one reading may take, logins and repeats included.
const LIMIT: Duration = Duration::from_secs(30);
/// Readings that may wait for the thread; it hands each on at once.
const MOST: usize = 4096;

/// What a fetch ends in.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Found, Fault>> + Send>>;

/// Fetches the current value of one secret. Runs on the keeper's thread.
pub trait Fetch: Send + Sync + 'static {
    /// Asks the source.
    fn fetch(&self) -> Fetching;

    /// Asks for the value before the current one, where the source keeps it; `None` where it does not.
    fn fetch_previous(&self) -> Option<Fetching> {
        None
    }
}

struct Running {
    jobs: mpsc::Sender<Job>,
    epoch: u64,
    end: oneshot::Sender<()>,
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

static RUNNING: Lock<Option<Running>> = Lock::new(None);
/// How many such threads were started: connections belong to one of them.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Secrets that need the thread. With the last one it ends.
static USERS: AtomicUsize = AtomicUsize::new(0);

/// Has a secret fetched on the keeper's thread.
pub(super) struct Keeper {
    fetch: Arc<dyn Fetch>,
    _stay: Stay,
}

impl Keeper {
    pub(super) fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch, _stay: Stay::claim() }
    }
}

impl Renew for Keeper {
    fn start(&self, secret: &Secret) -> Result<(), Error> {
        run(read(self.fetch.clone(), secret.faint(), LIMIT))
    }

    fn previous(&self) -> Option<crate::secret::Previous> {
        // Asked on the keeper's thread, where its connections live; the answer comes over a channel.
        let fetch = self.fetch.clone();
        let (reply, answer) = oneshot::channel();
        let asking = fetch.fetch_previous()?;
        let job = async move {
            let found = timeout(LIMIT, asking).await.ok().and_then(Result::ok);
            let _ = reply.send(found.map(|found| found.version));
        };
        run(job).ok()?;
        Some(Box::pin(async move { answer.await.ok().flatten() }))
    }
}

fn read(fetch: Arc<dyn Fetch>, faint: Faint, limit: Duration) -> impl Future<Output = ()> + Send {
    let slow = || Fault { error: Error::new(Code::SecretAccess).with("reason", "no answer in time"), passing: true };
    // Before the task is polled for the first time: it may be dropped before that.
    let unfinished = Unfinished(Some(faint));
    async move {
        let result = timeout(limit, fetch.fetch()).await.unwrap_or_else(|_| Err(slow()));
        // What it holds, such as a login that secrets share, goes with them and not with this sleep.
        drop(fetch);
        let Some((faint, next)) = unfinished.finish(result) else { return };
        // Under a test's clock time moves in leaps; whoever uses the secret then finds it due.
        let Some(next) = next.filter(|_| !clock::is_faked()) else { return };
        sleep(next).await;
        if let Some(secret) = faint.get() {
            secret.renew_if_due();
        }
    }
}

/// A reading whose end nobody was told of: whoever waits for it would wait for ever if its task panicked or went away.
struct Unfinished(Option<Faint>);

impl Unfinished {
    fn finish(mut self, result: Result<Found, Fault>) -> Option<(Faint, Option<Duration>)> {
        let faint = self.0.take()?;
        let next = faint.get().and_then(|secret| secret.finish(result));
        Some((faint, next))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(secret) = self.0.take().and_then(|faint| faint.get()) {
            let error = Error::new(Code::SecretAccess).with("reason", "its reading broke off");
            secret.finish(Err(Fault { error, passing: true }));
        }
    }
}

/// Hands `job` to the thread, which starts where none runs.
pub(super) fn run(job: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
    let failed = |reason: &str| Error::new(Code::SecretAccess).with("reason", reason.to_owned());
    let job: Job = Box::pin(job);
    // Under one lock with its start and its end, so that no job reaches a thread that ends.
    let (sent, old) = {
        let mut held = RUNNING.lock();
        let alive = held.as_ref().is_some_and(|running| running.epoch == epoch() && !running.jobs.is_closed());
        let old = match alive {
            true => None,
            false => held.replace(start().map_err(|error| failed(&error.kind().to_string()))?),
        };
        (held.as_ref().map(|running| running.jobs.try_send(job)), old)
    };
    // What belonged to the parent of a fork is forgotten, not dropped.
    match old {
        Some(old) if old.epoch != epoch() => mem::forget(old),
        old => drop(old),
    }
    match sent {
        Some(Ok(())) => Ok(()),
        _ => Err(failed("too many secrets are read at once")),
    }
}

/// Which thread runs now.
pub(super) fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

fn start() -> io::Result<Running> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (jobs, mut inbox) = mpsc::channel::<Job>(MOST);
    let (end, ended) = oneshot::channel::<()>();
    thread::Builder::new().name("botsec-secrets".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let mut ended = pin!(ended);
            while let Either::Right((Some(job), _)) = select(ended.as_mut(), pin!(inbox.recv())).await {
                drop(tokio::spawn(job));
            }
        });
        runtime.shutdown_background();
    })?;
    GENERATION.fetch_add(1, Ordering::AcqRel);
    Ok(Running { jobs, epoch: epoch(), end })
}

/// A secret's claim on the thread.
pub(super) struct Stay;

impl Stay {
    pub(super) fn claim() -> Self {
        USERS.fetch_add(1, Ordering::AcqRel);
        Self
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if USERS.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let last = {
            let mut held = RUNNING.lock();
            // Whoever came meanwhile has sent its job, or will find no thread.
            if USERS.load(Ordering::Acquire) > 0 { None } else { held.take() }
        };
        match last {
            Some(running) if running.epoch == epoch() => drop(running.end.send(())),
            // The child of a fork: its parent's thread is not here.
            other => mem::forget(other),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use std::sync::Barrier;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::secret::{Terms, Version};

    /// Ends as it is told to.
    struct Answers(fn() -> Result<Found, Fault>);

    impl Fetch for Answers {
        fn fetch(&self) -> Fetching {
            let answer = self.0;
            Box::pin(async move { answer() })
        }
    }

    fn secret(answer: fn() -> Result<Found, Fault>) -> Secret {
        let terms = Terms { ttl: Duration::from_secs(100), max_stale: Duration::ZERO };
        Secret::moving("test:x", terms, Arc::new(Keeper::new(Arc::new(Answers(answer)))), None)
    }

    fn ready(secret: &Secret) -> Result<(), Error> {
        Builder::new_current_thread().build().unwrap().block_on(secret.ready())
    }

    fn value() -> Result<Found, Fault> {
        Ok(Found { version: Version::new("v".to_owned().into(), None, "f".into()), lifetime: None })
    }

    #[test]
    fn no_reading_is_lost_when_the_thread_starts_or_ends() {
        let barrier = Arc::new(Barrier::new(8));
        let many = (0..8).map(|_| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                for _ in 0..200 {
                    let secret = secret(value);
                    barrier.wait();
                    ready(&secret).unwrap();
                    // The last of them ends the thread while the next round may begin.
                }
            })
        });
        many.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// Never ends.
    struct Silent;

    impl Fetch for Silent {
        fn fetch(&self) -> Fetching {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_source_that_never_answers_is_given_up_and_leaves_the_last_value() {
        let run = |work| Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
        let terms = Terms { ttl: Duration::from_secs(100), max_stale: Duration::from_secs(100) };
        let secret = Secret::moving("test:x", terms, Arc::new(Keeper::new(Arc::new(Silent))), None);
        assert!(secret.claim(true));
        run(read(Arc::new(Silent), secret.faint(), Duration::ZERO));
        let error = ready(&secret).unwrap_err();
        assert_eq!(error.details().iter().find(|(key, _)| *key == "reason").unwrap().1, "no answer in time");
        // Where a value serves it is as if the source could not be reached.
        secret.finish(value());
        assert!(secret.claim(true));
        run(read(Arc::new(Silent), secret.faint(), Duration::ZERO));
        assert!(secret.reveal().is_ok() && ready(&secret).is_ok());
    }

    #[test]
    fn a_reading_that_breaks_off_is_told_and_does_not_wait_for_ever() {
        let secret = secret(|| panic!("a test's own"));
        assert_eq!(ready(&secret).unwrap_err().code(), Code::SecretAccess);
    }

    #[test]
    fn a_reading_that_is_dropped_before_it_begins_is_told() {
        let secret = secret(value);
        assert!(secret.claim(true));
        drop(read(Arc::new(Answers(value)), secret.faint(), LIMIT));
        let mut asked = pin!(secret.settled());
        let done = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(done, Poll::Ready(Err(error)) if error.code() == Code::SecretAccess));
    }
}
