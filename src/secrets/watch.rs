//! Directories of secret files, watched by the system: a file that is replaced is read at once instead of with its next look.
//!
//! One inotify descriptor and one task on the keeper's thread serve all of them. Both begin with the first look at a file that
//! is in use, so that importing a module starts no thread, and end with the last of these secrets. What is not watched, be it
//! for another system, a mount that tells nothing or a full table, is looked at as before.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::net::unix::pipe;

use super::keeper;
use crate::fork::{Lock, epoch};
use crate::secret::{Faint, Secret};

/// Most files that are watched.
const MOST: usize = 256;
/// After a change, until its files are read: whoever writes several needs a moment, and a flood costs twenty looks a second.
const SETTLE: Duration = Duration::from_millis(50);
/// Most events that are taken at once: whoever writes as fast as they are read must not keep the thread.
const AT_ONCE: usize = 4096;
/// Room for the events that are read at once; one takes at most 272 bytes.
const ROOM: usize = 8192;

/// What is watched, by which task.
struct Desk {
    descriptor: Arc<OwnedFd>,
    epoch: u64,
    files: Vec<Watched>,
}

struct Watched {
    directory: i32,
    name: OsString,
    secret: Faint,
}

static DESK: Lock<Option<Desk>> = Lock::new(None);

/// The task's hold on the desk: with the one the other ends.
struct Task(Arc<OwnedFd>);

impl Drop for Task {
    fn drop(&mut self) {
        let desk = DESK.lock().take_if(|desk| Arc::ptr_eq(&desk.descriptor, &self.0));
        drop(desk);
    }
}

/// Has the directory of the file at `path` watched for `secret`, unless it is; once more where the file is another one, for the
/// directory may be as well.
pub(super) fn watch(path: &Path, secret: &Secret, again: bool) {
    let Some(name) = path.file_name() else { return };
    let directory = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let known = {
        let held = DESK.lock();
        match held.as_ref().filter(|desk| desk.epoch == epoch()) {
            Some(desk) if !again && desk.files.iter().any(|file| file.secret.is(secret)) => return,
            Some(desk) => Some(desk.descriptor.clone()),
            None => None,
        }
    };
    let Some(descriptor) = known.or_else(begin) else { return };
    let events = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
    let Ok(directory) = inotify::add_watch(&*descriptor, directory, events) else { return };
    let mut held = DESK.lock();
    // Not when it ended meanwhile: the next look tries again.
    let Some(desk) = held.as_mut().filter(|desk| Arc::ptr_eq(&desk.descriptor, &descriptor)) else { return };
    desk.files.retain(|file| !file.secret.is_gone() && !file.secret.is(secret));
    if desk.files.len() < MOST {
        desk.files.push(Watched { directory, name: name.to_owned(), secret: secret.faint() });
    }
}

/// Starts the task, unless somebody else does; nothing where the system gives no descriptor or thread.
fn begin() -> Option<Arc<OwnedFd>> {
    let descriptor = Arc::new(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?);
    let old = {
        let mut held = DESK.lock();
        if let Some(desk) = held.as_ref().filter(|desk| desk.epoch == epoch()) {
            return Some(desk.descriptor.clone());
        }
        held.replace(Desk { descriptor: descriptor.clone(), epoch: epoch(), files: Vec::new() })
    };
    // It belongs to the parent of a fork, which still reads it.
    std::mem::forget(old);
    keeper::run(follow(Task(descriptor.clone()))).ok()?;
    Some(descriptor)
}

async fn follow(task: Task) {
    let Task(descriptor) = &task;
    // Tokio waits for any descriptor that can be read as it waits for a pipe.
    let Ok(events) = descriptor.try_clone().and_then(pipe::Receiver::from_owned_fd_unchecked) else { return };
    while events.readable().await.is_ok() {
        tokio::time::sleep(SETTLE).await;
        let mut changes = Vec::new();
        let more = events.try_io(|| read(descriptor, &mut changes));
        let found = touched(descriptor, &changes);
        // Reading a file may wait, and a reading that is under way may have begun too early.
        let reads = move || found.iter().filter(|secret| !secret.read_again()).cloned().collect::<Vec<_>>();
        let Ok(busy) = tokio::task::spawn_blocking(reads).await else { break };
        if !busy.is_empty() {
            tokio::time::sleep(SETTLE).await;
            let once_more = move || busy.iter().filter(|secret| !secret.read_again()).count();
            let _ = tokio::task::spawn_blocking(once_more).await;
        }
        if more.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
            break;
        }
    }
}

/// What happened to which directory.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// A file of this name is there anew.
    File(i32, OsString),
    /// The directory is no longer watched.
    Gone(i32),
    /// There was more than the system remembers.
    Any,
}

/// Takes the events that wait; more than [`AT_ONCE`] are left for the next time.
///
/// # Errors
/// Why it ends: `WouldBlock` where no more are there.
fn read(descriptor: &OwnedFd, changes: &mut Vec<Change>) -> io::Result<()> {
    let mut room = [MaybeUninit::uninit(); ROOM];
    let mut reader = Reader::new(descriptor, &mut room);
    for _ in 0..AT_ONCE {
        let change = match reader.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => Change::Any,
            Ok(event) if event.events().contains(ReadFlags::IGNORED) => Change::Gone(event.wd()),
            Ok(event) => {
                let name = event.file_name().map_or(&[][..], |name| name.to_bytes());
                Change::File(event.wd(), OsStr::from_bytes(name).to_owned())
            }
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        // One of each is enough, and bounds what a flood takes.
        if changes.len() < MOST {
            if !changes.contains(&change) {
                changes.push(change);
            }
        } else if let Some(last) = changes.last_mut() {
            *last = Change::Any;
        }
    }
    // What the reader holds already is lost with it.
    changes.push(Change::Any);
    Ok(())
}

/// The secrets whose files may have changed. Those that are gone leave the table.
fn touched(descriptor: &Arc<OwnedFd>, changes: &[Change]) -> Vec<Secret> {
    let is_touched = |file: &Watched| {
        changes.iter().any(|change| match change {
            // Kubernetes swaps `..data`, a link that all of a mount's files lead through.
            Change::File(directory, name) => {
                *directory == file.directory && (*name == file.name || name.as_bytes().starts_with(b".."))
            }
            Change::Gone(directory) => *directory == file.directory,
            Change::Any => true,
        })
    };
    let (found, unused): (Vec<Faint>, Vec<i32>) = {
        let mut held = DESK.lock();
        let Some(desk) = held.as_mut().filter(|desk| Arc::ptr_eq(&desk.descriptor, descriptor)) else {
            return Vec::new();
        };
        let found = desk.files.iter().filter(|file| is_touched(file)).map(|file| file.secret.clone()).collect();
        // When something was lost, that may have been a directory's end: each is watched anew with its next look.
        let lost = |file: &Watched| changes.contains(&Change::Any) || changes.contains(&Change::Gone(file.directory));
        let told = changes.iter().filter_map(|change| match change {
            Change::File(directory, _) => Some(*directory),
            Change::Gone(_) | Change::Any => None,
        });
        let left = desk.files.iter().filter(|file| lost(file) || file.secret.is_gone()).map(|file| file.directory);
        let mut left: Vec<i32> = left.chain(told).collect();
        desk.files.retain(|file| !lost(file) && !file.secret.is_gone());
        left.retain(|directory| !desk.files.iter().any(|file| file.directory == *directory));
        left.sort_unstable();
        left.dedup();
        (found, left)
    };
    // One that is watched again at this moment is told to be gone, and watched with its next look.
    for directory in unused {
        let _ = inotify::remove_watch(&**descriptor, directory);
    }
    // Outside the lock, for the last hold on a secret may be this one.
    found.iter().filter_map(Faint::get).collect()
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
