#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use super::*;

/// A directory of this test's own, which goes with it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("botsec-watch-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn watched(folder: &Folder) -> (OwnedFd, i32) {
    let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    let events = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
    let directory = inotify::add_watch(&descriptor, &folder.0, events).unwrap();
    (descriptor, directory)
}

fn all(descriptor: &OwnedFd) -> (Vec<Change>, io::Result<()>) {
    let mut changes = Vec::new();
    let more = read(descriptor, &mut changes);
    (changes, more)
}

#[test]
fn a_file_that_is_written_or_renamed_is_told_once_by_its_name() {
    let folder = Folder::new("names");
    let (descriptor, directory) = watched(&folder);
    for _ in 0..3 {
        fs::write(folder.0.join("key"), "x").unwrap();
    }
    fs::rename(folder.0.join("key"), folder.0.join("..data")).unwrap();
    let (changes, more) = all(&descriptor);
    let file = |name: &str| Change::File(directory, name.into());
    assert_eq!(changes, [file("key"), file("..data")]);
    assert_eq!(more.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn the_end_of_a_directory_is_told() {
    let folder = Folder::new("end");
    let (descriptor, directory) = watched(&folder);
    fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(all(&descriptor).0, [Change::Gone(directory)]);
}

#[test]
fn a_flood_is_taken_in_parts_and_remembered_as_anything() {
    let folder = Folder::new("flood");
    let (descriptor, _) = watched(&folder);
    for number in 0..AT_ONCE + 500 {
        fs::write(folder.0.join(format!("file-{number}")), "").unwrap();
    }
    let (changes, more) = all(&descriptor);
    assert!(more.is_ok() && changes.len() <= MOST + 1 && changes.contains(&Change::Any), "{}", changes.len());
    assert_eq!(all(&descriptor).1.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
