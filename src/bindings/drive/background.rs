//! Async calls: tokio on one thread of its own, shared by all clients; each client keeps its pool on it. The thread ends with the
//! last pool.
//!
//! That thread never attaches to the interpreter.

use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use super::bridge::{collect_rings, ring_untold};
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::transport::{Settings, Transport};

/// Work for that thread.
pub(in super::super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Thread {
    handle: Handle,
    inbox: Arc<Inbox>,
    epoch: u64,
    /// Pools that need it. With the last one it ends.
    pools: usize,
    end: oneshot::Sender<()>,
}

/// Tasks that the thread has not seen yet. It is woken once for all of them: to wake it costs a system call, and often a switch
/// of threads.
#[derive(Default)]
pub(in super::super) struct Inbox {
    new: Lock<Vec<Task>>,
    bell: Notify,
}

impl Inbox {
    /// Leaves a task; how many wait now. Whoever leaves it sees to it that [`Inbox::ring`] follows.
    pub(in super::super) fn push(&self, task: Task) -> usize {
        let mut new = self.new.lock();
        new.push(task);
        new.len()
    }

    /// Wakes the thread.
    pub(in super::super) fn ring(&self) {
        self.bell.notify_one();
    }

    async fn serve(self: Arc<Self>) {
        loop {
            self.bell.notified().await;
            let new = mem::take(&mut *self.new.lock());
            for task in new {
                drop(tokio::spawn(task));
            }
        }
    }
}

static THREAD: Lock<Option<Thread>> = Lock::new(None);

/// The runtime of async calls; its thread starts with the first pool, and again in the child of a fork.
pub(in super::super) fn handle() -> Result<Handle, Error> {
    with_thread(|thread| thread.handle.clone())
}

/// Where tasks for that thread are left.
pub(in super::super) fn inbox() -> Result<Arc<Inbox>, Error> {
    with_thread(|thread| thread.inbox.clone())
}

fn with_thread<T>(used: impl FnOnce(&mut Thread) -> T) -> Result<T, Error> {
    let mut held = THREAD.lock();
    if let Some(running) = held.as_mut().filter(|thread| thread.epoch == epoch()) {
        return Ok(used(running));
    }
    let mut thread = start()?;
    let result = used(&mut thread);
    // In the child of a fork the old handle points at a thread that is gone: it is forgotten, not dropped.
    mem::forget(held.replace(thread));
    Ok(result)
}

fn start() -> Result<Thread, Error> {
    let failed = |e: std::io::Error| Error::new(Code::TransportConnect).with("reason", e.kind().to_string());
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().on_thread_park(ring_untold).build().map_err(failed)?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    let inbox = Arc::new(Inbox::default());
    drop(handle.spawn(inbox.clone().serve()));
    std::thread::Builder::new()
        .name("botsec".to_owned())
        .spawn(move || {
            collect_rings();
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
            ring_untold();
        })
        .map_err(failed)?;
    Ok(Thread { handle, inbox, epoch: epoch(), pools: 0, end })
}

/// A pool on the runtime of async calls, which lives as long as one of them does.
pub(in super::super) struct Pool {
    transport: Transport,
    stay: Stay,
    multiplexes: AtomicBool,
}

impl Pool {
    /// Remembers whether calls share a connection: then it pays to start several at once, whose frames leave together.
    pub(in super::super) fn learn(&self, version: http::Version) {
        self.multiplexes.store(version == http::Version::HTTP_2, Ordering::Relaxed);
    }

    pub(in super::super) fn multiplexes(&self) -> bool {
        self.multiplexes.load(Ordering::Relaxed)
    }
}

impl Deref for Pool {
    type Target = Transport;

    fn deref(&self) -> &Transport {
        &self.transport
    }
}

/// A pool's claim on the thread.
struct Stay {
    epoch: u64,
}

impl Stay {
    fn claim() -> Result<Self, Error> {
        with_thread(|thread| {
            thread.pools += 1;
            Self { epoch: thread.epoch }
        })
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.epoch != epoch() {
            return;
        }
        let last = {
            let mut held = THREAD.lock();
            let pools = held.as_mut().map_or(0, |thread| {
                thread.pools = thread.pools.saturating_sub(1);
                thread.pools
            });
            if pools == 0 { held.take() } else { None }
        };
        if let Some(thread) = last {
            let _ = thread.end.send(());
        }
    }
}

/// One client's pool on the runtime of async calls.
#[derive(Default)]
pub(in super::super) struct Background(Lock<Option<Arc<Pool>>>);

impl Background {
    /// The pool, made with the first call.
    pub(in super::super) fn pool(&self, settings: &Settings) -> Result<Arc<Pool>, Error> {
        if let Some(pool) = self.0.lock().as_ref().filter(|pool| pool.stay.epoch == epoch()) {
            return Ok(pool.clone());
        }
        let stay = Stay::claim()?;
        let pool =
            Arc::new(Pool { transport: Transport::new(settings, None)?, stay, multiplexes: AtomicBool::new(false) });
        let old = self.0.lock().replace(pool.clone());
        mem::forget(old);
        Ok(pool)
    }

    /// Drops the pool; calls in flight keep theirs until they end.
    pub(in super::super) fn clear(&self) {
        let Some(pool) = self.0.lock().take() else { return };
        match handle() {
            Ok(handle) if pool.stay.epoch == epoch() => {
                let _guard = handle.enter();
                drop(pool);
            }
            _ => mem::forget(pool),
        }
    }
}
