//! Per event loop: one completion queue and one descriptor that the loop watches.
//!
//! The runtime's thread pushes ids, and rings once for all of them before it goes to sleep (one byte, or one eventfd count
//! on Linux); the loop's own thread drains the queue and completes asyncio futures. The runtime's thread never takes the
//! interpreter lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use super::background::{Inbox, Task};
use super::promise::{self, Promise};
use crate::fork::Lock;

/// What the runtime's thread sees of a bridge.
pub(in super::super) struct Queue {
    done: Lock<Vec<u64>>,
    ringing: AtomicBool,
    bell: Bell,
}

/// What wakes the loop.
enum Bell {
    #[cfg(target_os = "linux")]
    Event(std::os::fd::OwnedFd),
    Stream(TcpStream),
}

impl Bell {
    fn ring(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Event(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
            Self::Stream(stream) => drop((&*stream).write(&[1])),
        }
    }
}

/// Most results that wait for one ring: a busy runtime must not keep a loop waiting.
const BATCH: usize = 32;
/// Operations under way up to which each is started at once: so few gain nothing from waiting for each other.
const FEW: usize = 3;
/// Most calls that wait to be started together where each has a connection of its own: the runtime shall work beside the loop.
const APART: usize = 8;
/// The same where they share a connection, so that their frames leave together.
const TOGETHER: usize = 32;

thread_local! {
    /// On the runtime's thread: the queues with results that nobody was told of yet. Elsewhere `None`.
    static UNTOLD: RefCell<Option<Vec<Arc<Queue>>>> = const { RefCell::new(None) };
}

/// Says that this thread rings before it sleeps, with [`ring_untold`].
pub(in super::super) fn collect_rings() {
    UNTOLD.set(Some(Vec::new()));
}

/// Rings for every queue with new results.
pub(in super::super) fn ring_untold() {
    UNTOLD.with_borrow_mut(|untold| untold.iter_mut().flat_map(|untold| untold.drain(..)).for_each(|q| q.bell.ring()));
}

impl Queue {
    fn push(self: Arc<Self>, id: u64) {
        let waiting = {
            let mut done = self.done.lock();
            done.push(id);
            done.len()
        };
        if !self.ringing.swap(true, Ordering::AcqRel) {
            // A thread that is ending has no memory of its own any more, and rings at once like every other.
            let kept = UNTOLD
                .try_with(|untold| untold.borrow_mut().as_mut().map(|untold| untold.push(self.clone())).is_some());
            if kept != Ok(true) {
                self.bell.ring();
            }
        }
        if waiting == BATCH {
            let _ = UNTOLD.try_with(|_| ring_untold());
        }
    }
}

/// When a task is started. To wake the runtime's thread costs a system call, and where both threads have one processor two
/// switches between them.
#[derive(Clone, Copy)]
pub(in super::super) enum Start {
    /// Now.
    AtOnce,
    /// With at most [`APART`] of this turn of the loop.
    Apart,
    /// With at most [`TOGETHER`].
    Together,
}

/// Completes one future when it is dropped, however its task ended.
pub(in super::super) struct Ring {
    queue: Weak<Queue>,
    id: u64,
}

impl Drop for Ring {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.push(self.id);
        }
    }
}

/// Hashes numbers that we count up ourselves: each is its own hash, spread over the high bits too.
#[derive(Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(self.0 ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio: neighbours fall far apart (Knuth, The Art of Computer Programming 3, §6.4).
        self.0 = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// The loop's end of a completion queue. Made by `botsec._loop`, one per loop.
#[pyclass(frozen, weakref, module = "botsec._core")]
pub(in super::super) struct Bridge {
    queue: Arc<Queue>,
    ear: Option<TcpStream>,
    next: AtomicU64,
    futures: Lock<HashMap<u64, Py<Promise>, BuildHasherDefault<ByNumber>>>,
    /// Where the tasks are that the runtime's thread was not yet told of.
    untold: Lock<Option<Arc<Inbox>>>,
    /// A weak reference to the loop, which keeps the bridge alive through its reader.
    home: Py<PyAny>,
}

#[pymethods]
impl Bridge {
    /// Make a bridge; `home` is a weak reference to its loop. `readers` says whether the loop can watch descriptors.
    #[new]
    fn new(home: Py<PyAny>, readers: bool) -> PyResult<Self> {
        let (bell, ear) = bell(readers).map_err(|e| PyOSError::new_err(e.kind().to_string()))?;
        Ok(Self {
            queue: Arc::new(Queue { done: Lock::new(Vec::new()), ringing: AtomicBool::new(false), bell }),
            ear,
            next: AtomicU64::new(0),
            futures: Lock::default(),
            untold: Lock::default(),
            home,
        })
    }

    /// The descriptor to watch.
    fn fileno(&self) -> i64 {
        descriptor(&self.queue.bell, self.ear.as_ref())
    }

    /// Start what waits to be started. Called by the loop once per turn in which calls began.
    fn flush(&self) {
        let untold = self.untold.lock().take();
        if let Some(inbox) = untold {
            inbox.ring();
        }
    }

    /// Complete what is done. Called by the loop when the descriptor is readable.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let in_task = promise::in_task(self.home.bind(py))?;
        self.hush();
        // Rings that come from here on find the bell silent and ring it again.
        self.queue.ringing.store(false, Ordering::Release);
        let done = std::mem::take(&mut *self.queue.done.lock());
        let mut done = done.into_iter();
        while let Some(id) = done.next() {
            let future = self.futures.lock().remove(&id);
            let Some(future) = future else { continue };
            if let Err(stop) = Promise::complete(future.bind(py), in_task) {
                // Ctrl-C in a task, for one: it ends this turn of the loop, and the others are completed in the next.
                done.for_each(|id| self.queue.clone().push(id));
                return Err(stop);
            }
        }
        Ok(())
    }
}

impl Bridge {
    /// A future of this loop, and what completes it.
    pub(in super::super) fn promise(&self, py: Python<'_>) -> PyResult<(Py<Promise>, u64, Ring)> {
        let future = Py::new(py, Promise::new(self.home.clone_ref(py)))?;
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.futures.lock().insert(id, future.clone_ref(py));
        Ok((future, id, Ring { queue: Arc::downgrade(&self.queue), id }))
    }

    /// Has the runtime's thread run a task: with the others of this turn of the loop, or at once where few are under way.
    pub(in super::super) fn start(slf: &Bound<'_, Self>, inbox: Arc<Inbox>, task: Task, start: Start) -> PyResult<()> {
        let (this, py) = (slf.get(), slf.py());
        let waiting = inbox.push(task);
        let most = match start {
            Start::AtOnce => 0,
            Start::Apart => APART,
            Start::Together => TOGETHER,
        };
        if waiting >= most || this.futures.lock().len() <= FEW {
            inbox.ring();
            return Ok(());
        }
        let scheduled = this.untold.lock().replace(inbox).is_some();
        if !scheduled {
            let flush = slf.getattr(pyo3::intern!(py, "flush"))?;
            this.home.bind(py).call0()?.call_method1(pyo3::intern!(py, "call_soon"), (flush,))?;
        }
        Ok(())
    }

    /// Forgets a future whose waiter went away.
    pub(in super::super) fn forget(&self, id: u64) {
        let future = self.futures.lock().remove(&id);
        drop(future);
    }

    fn hush(&self) {
        match (&self.queue.bell, &self.ear) {
            #[cfg(target_os = "linux")]
            (Bell::Event(fd), _) => drop(rustix::io::read(fd, &mut [0u8; 8])),
            (_, Some(ear)) => drop((&*ear).read(&mut [0u8; 64])),
            (_, None) => {}
        }
    }
}

#[cfg(target_os = "linux")]
fn bell(readers: bool) -> std::io::Result<(Bell, Option<TcpStream>)> {
    use rustix::event::{EventfdFlags, eventfd};
    if readers {
        return Ok((Bell::Event(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?), None));
    }
    pair().map(|(mouth, ear)| (Bell::Stream(mouth), Some(ear)))
}

#[cfg(not(target_os = "linux"))]
fn bell(_readers: bool) -> std::io::Result<(Bell, Option<TcpStream>)> {
    pair().map(|(mouth, ear)| (Bell::Stream(mouth), Some(ear)))
}

/// Two connected loopback sockets; a stranger who connects first is turned away.
fn pair() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mouth = TcpStream::connect(listener.local_addr()?)?;
    for _ in 0..16 {
        let (ear, from) = listener.accept()?;
        if from == mouth.local_addr()? {
            ear.set_nonblocking(true)?;
            mouth.set_nonblocking(true)?;
            mouth.set_nodelay(true)?;
            return Ok((mouth, ear));
        }
    }
    Err(std::io::ErrorKind::ConnectionRefused.into())
}

#[cfg(unix)]
fn descriptor(bell: &Bell, ear: Option<&TcpStream>) -> i64 {
    use std::os::fd::AsRawFd;
    match (bell, ear) {
        #[cfg(target_os = "linux")]
        (Bell::Event(fd), _) => i64::from(fd.as_raw_fd()),
        (_, Some(ear)) => i64::from(ear.as_raw_fd()),
        (_, None) => -1,
    }
}

#[cfg(windows)]
fn descriptor(_bell: &Bell, ear: Option<&TcpStream>) -> i64 {
    use std::os::windows::io::AsRawSocket;
    ear.map_or(-1, |ear| i64::try_from(ear.as_raw_socket()).unwrap_or(-1))
}
