//! Async calls: tokio on one thread of its own, shared by all clients; each client keeps its pool on it.
//!
//! That thread never attaches to the interpreter.

use std::mem;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle};

use super::bridge::{collect_rings, ring_untold};
use crate::error::{Code, Error};
use crate::fork::{Lock, epoch};
use crate::transport::{Settings, Transport};

struct Thread {
    handle: Handle,
    epoch: u64,
}

static THREAD: Lock<Option<Thread>> = Lock::new(None);

/// The runtime of async calls; its thread starts with the first one, and again in the child of a fork.
pub(in super::super) fn handle() -> Result<Handle, Error> {
    let mut thread = THREAD.lock();
    if let Some(running) = thread.as_ref().filter(|thread| thread.epoch == epoch()) {
        return Ok(running.handle.clone());
    }
    let failed = |e: std::io::Error| Error::new(Code::TransportConnect).with("reason", e.kind().to_string());
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().on_thread_park(ring_untold).build().map_err(failed)?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("botsec".to_owned())
        .spawn(move || {
            collect_rings();
            runtime.block_on(std::future::pending::<()>())
        })
        .map_err(failed)?;
    // In the child of a fork the old handle points at a thread that is gone: it is forgotten, not dropped.
    mem::forget(thread.replace(Thread { handle: handle.clone(), epoch: epoch() }));
    Ok(handle)
}

/// One client's pool on the runtime of async calls.
#[derive(Default)]
pub(in super::super) struct Background(Lock<Option<(u64, Arc<Transport>)>>);

impl Background {
    /// The pool, made with the first call.
    pub(in super::super) fn transport(&self, settings: &Settings) -> Result<Arc<Transport>, Error> {
        if let Some((made, transport)) = self.0.lock().as_ref()
            && *made == epoch()
        {
            return Ok(transport.clone());
        }
        let transport = Arc::new(Transport::new(settings, None)?);
        let old = self.0.lock().replace((epoch(), transport.clone()));
        mem::forget(old);
        Ok(transport)
    }

    /// Drops the pool; calls in flight keep theirs until they end.
    pub(in super::super) fn clear(&self) {
        let old = self.0.lock().take();
        match (old, handle()) {
            (Some((made, transport)), Ok(handle)) if made == epoch() => {
                let _guard = handle.enter();
                drop(transport);
            }
            (old, _) => mem::forget(old),
        }
    }
}
