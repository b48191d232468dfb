//! The tasks of one sync driver's connections, run by whoever waits for an answer, on the same thread.
//!
//! A current-thread runtime looks at its sockets once more between a connection's task and the call that the task woke: one
//! system call in four. A [`Crew`] polls both by itself, each only when it was woken.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::stream::{FuturesUnordered, Stream};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;

use crate::fork::Lock;

/// Turns between work and tasks before the runtime looks at its sockets and timers again: neither may starve it.
const MAX_TURNS: u32 = 64;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a transport's connections run.
#[derive(Clone)]
pub(super) enum Hands {
    /// On the runtime.
    Runtime(TokioExecutor),
    /// With whoever waits.
    Crew(Arc<Inbox>),
}

impl Hands {
    /// Starts a task. In a box either way: a runtime moves a task several times.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task: Task = Box::pin(task);
        match self {
            Self::Runtime(runtime) => runtime.execute(task),
            Self::Crew(inbox) => inbox.push(task),
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Hands {
    fn execute(&self, task: F) {
        self.run(task);
    }
}

/// New tasks, and the bell that says so.
pub(super) struct Inbox {
    new: Lock<Vec<Task>>,
    /// Whether `new` has any.
    is_new: AtomicBool,
    bell: Arc<Bell>,
}

impl Inbox {
    fn push(&self, task: Task) {
        self.new.lock().push(task);
        self.is_new.store(true, Ordering::Release);
        self.bell.wake_by_ref();
    }
}

/// The tasks of one driver.
pub struct Crew {
    tasks: FuturesUnordered<Task>,
    inbox: Arc<Inbox>,
    bell: Arc<Bell>,
    waker: Waker,
    work_bell: Arc<Bell>,
    work_waker: Waker,
    /// Whom both bells wake: known here too, so that only another runtime costs a lock.
    runtime: Option<Waker>,
}

impl Default for Crew {
    fn default() -> Self {
        let bell = Arc::new(Bell::default());
        let inbox = Arc::new(Inbox { new: Lock::default(), is_new: AtomicBool::new(false), bell: bell.clone() });
        let work_bell = Arc::new(Bell::default());
        let (waker, work_waker) = (bell.clone().into(), work_bell.clone().into());
        Self { tasks: FuturesUnordered::new(), inbox, bell, waker, work_bell, work_waker, runtime: None }
    }
}

impl Crew {
    pub(super) fn hands(&self) -> Hands {
        Hands::Crew(self.inbox.clone())
    }

    /// Runs `work`, and the tasks beside it. Tasks rest while nobody waits.
    pub async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        self.work_bell.rung.store(true, Ordering::SeqCst);
        poll_fn(|context| {
            self.hear(context.waker());
            let Self { tasks, inbox, bell, waker, work_bell, work_waker, .. } = self;
            let (work_watch, watch) = (Watch::over(work_bell), Watch::over(bell));
            for _ in 0..MAX_TURNS {
                if work_bell.take() {
                    if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(work_waker)) {
                        // Whoever rang meanwhile is heard by the next who drives.
                        work_watch.leave();
                        watch.leave();
                        return Poll::Ready(output);
                    }
                } else if bell.take() {
                    run(tasks, inbox, waker);
                } else {
                    return Poll::Pending;
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// Has both bells wake the runtime that polls now.
    fn hear(&mut self, waker: &Waker) {
        if !self.runtime.as_ref().is_some_and(|known| known.will_wake(waker)) {
            for bell in [&self.bell, &self.work_bell] {
                let gone = bell.runtime.lock().replace(waker.clone());
                drop(gone);
            }
            self.runtime = Some(waker.clone());
        }
    }
}

/// Polls the tasks that were woken.
fn run(tasks: &mut FuturesUnordered<Task>, inbox: &Inbox, waker: &Waker) {
    if inbox.is_new.swap(false, Ordering::AcqRel) {
        let new = std::mem::take(&mut *inbox.new.lock());
        tasks.extend(new);
    }
    let mut context = Context::from_waker(waker);
    loop {
        // A task that panics is dropped, as a runtime does it; who waited for its connection gets an error.
        let tasks = Pin::new(&mut *tasks);
        match catch_unwind(AssertUnwindSafe(|| tasks.poll_next(&mut context))) {
            Ok(Poll::Ready(Some(()))) | Err(_) => {}
            Ok(Poll::Ready(None) | Poll::Pending) => return,
        }
    }
}

/// Remembers that it was rung; wakes the runtime unless somebody is looking already.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    watched: AtomicBool,
    runtime: Lock<Option<Waker>>,
}

impl Bell {
    fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if !self.watched.load(Ordering::SeqCst) {
            let waker = self.runtime.lock().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// While it lives, its bell is looked at; what rings as it ends wakes the runtime.
struct Watch<'a>(&'a Bell);

impl<'a> Watch<'a> {
    fn over(bell: &'a Bell) -> Self {
        bell.watched.store(true, Ordering::SeqCst);
        Self(bell)
    }

    /// Ends it without a look at what rang meanwhile.
    fn leave(self) {
        self.0.watched.store(false, Ordering::SeqCst);
        std::mem::forget(self);
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.watched.store(false, Ordering::SeqCst);
        // Rung between the last look and here, from another thread: the runtime has to come back.
        if self.0.rung.load(Ordering::SeqCst) {
            let waker = self.0.runtime.lock().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn block_on<F: Future>(work: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
    }

    #[test]
    fn tasks_run_beside_the_work_and_wake_it() {
        let mut crew = Crew::default();
        let hands = crew.hands();
        let (ask, asked) = oneshot::channel::<u32>();
        let (reply, answer) = oneshot::channel();
        hands.execute(async move { reply.send(asked.await.expect("asked") + 1).expect("wanted") });
        let got = block_on(crew.drive(async move {
            ask.send(41).expect("heard");
            answer.await
        }));
        assert_eq!(got, Ok(42));
        assert!(crew.tasks.is_empty());
    }

    #[test]
    fn a_wake_from_another_thread_is_not_lost() {
        let mut crew = Crew::default();
        for _ in 0..500 {
            let (ask, asked) = oneshot::channel::<()>();
            let (reply, answer) = oneshot::channel();
            crew.hands().execute(async move {
                let _ = asked.await;
                let _ = reply.send(());
            });
            let thread = std::thread::spawn(move || ask.send(()));
            assert_eq!(block_on(crew.drive(answer)), Ok(()));
            thread.join().expect("ended").expect("heard");
        }
    }

    #[test]
    fn a_task_that_panics_takes_nobody_with_it() {
        let mut crew = Crew::default();
        crew.hands().execute(async { panic!("a bug") });
        let (reply, answer) = oneshot::channel();
        crew.hands().execute(async move {
            let _ = reply.send(7);
        });
        assert_eq!(block_on(crew.drive(answer)), Ok(7));
    }
}
