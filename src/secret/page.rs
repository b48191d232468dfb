//! A page of memory for one value: kept out of swap and core dumps where the platform allows, wiped before it is given back.

use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::MmapMut;
use zeroize::Zeroize;

/// Pages in use.
static PAGES: AtomicUsize = AtomicUsize::new(0);
/// Most pages: most systems let a user lock 64 KiB to 8 MiB, and a value is far smaller than its page.
const MOST: usize = 1024;

/// One value on pages of its own.
pub(super) struct Page {
    map: MmapMut,
    length: usize,
    locked: bool,
}

impl Page {
    /// A copy of `value`; `None` where there is no page for it.
    pub(super) fn holding(value: &str) -> Option<Self> {
        if value.is_empty() || PAGES.fetch_add(1, Ordering::AcqRel) >= MOST {
            PAGES.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        let Ok(mut map) = MmapMut::map_anon(value.len()) else {
            PAGES.fetch_sub(1, Ordering::AcqRel);
            return None;
        };
        let locked = guard(&map);
        if let Some(place) = map.get_mut(..value.len()) {
            place.copy_from_slice(value.as_bytes());
        }
        Some(Self { map, length: value.len(), locked })
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    pub(super) fn text(&self) -> &str {
        // What was copied was text.
        self.map.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.map.zeroize();
        PAGES.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Keeps the pages out of core dumps, and out of swap as far as the user's limit goes.
#[cfg(target_os = "linux")]
fn guard(map: &MmapMut) -> bool {
    let _ = map.advise(memmap2::Advice::DontDump);
    map.lock().is_ok()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn guard(map: &MmapMut) -> bool {
    map.lock().is_ok()
}

#[cfg(not(unix))]
fn guard(_map: &MmapMut) -> bool {
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_its_value() {
        for value in ["k", "a longer value é", &"x".repeat(10_000)] {
            assert_eq!(Page::holding(value).unwrap().text(), value);
        }
        assert!(Page::holding("").is_none());
    }
}
