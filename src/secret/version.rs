//! One value of a secret, and what tells it from the values before and after.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use secrecy::{ExposeSecret, SecretString};

use super::page::Page;

/// One value of a secret. Reads as its text; prints nothing of it.
pub struct Version {
    label: Option<String>,
    fingerprint: String,
    value: Value,
}

/// The text of a version, for whoever must not keep the version itself alive. Prints nothing of it.
#[derive(Clone)]
pub struct Value(Arc<Kept>);

/// A value that lives as long as somebody else has it.
#[derive(Clone)]
pub struct FaintValue(Weak<Kept>);

impl FaintValue {
    /// The value, while somebody else holds it.
    pub fn get(&self) -> Option<Value> {
        self.0.upgrade().map(Value)
    }

    /// Whether nobody holds it any more.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// Values from this many bytes on are searched for in texts; masking shorter ones would destroy the texts.
pub const SEARCHED_FROM: usize = 8;

/// Where the value is.
enum Kept {
    /// On a page of its own that is neither swapped nor dumped.
    Page(Page),
    /// On the heap, where the platform gives no such page.
    Heap(SecretString),
}

impl Version {
    /// A value, its source's name for it, and a keyed hash that names it in logs.
    pub fn new(value: SecretString, label: Option<String>, fingerprint: String) -> Self {
        let value = Page::holding(value.expose_secret()).map_or(Kept::Heap(value), Kept::Page);
        Self { label, fingerprint, value: Value(Arc::new(value)) }
    }

    /// How its memory is protected: `"locked"` out of swap and dumps, `"kept"` out of dumps alone, `"heap"` wiped when freed.
    pub fn protection(&self) -> &'static str {
        match &*self.value.0 {
            Kept::Page(page) if page.is_locked() => "locked",
            Kept::Page(_) => "kept",
            Kept::Heap(_) => "heap",
        }
    }

    /// A hold on the value that does not keep it alive.
    pub fn faint(&self) -> FaintValue {
        FaintValue(Arc::downgrade(&self.value.0))
    }

    /// Whether the value is too short to be searched for in texts.
    pub fn is_short(&self) -> bool {
        self.trim().len() < SEARCHED_FROM
    }

    /// The version's name at its source, where it has one.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Equal within a process for equal values, useless outside.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What logs and events call it: its label, else its fingerprint.
    pub fn shown(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.fingerprint)
    }
}

impl Deref for Version {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        match &*self.0 {
            Kept::Page(page) => page.text(),
            Kept::Heap(value) => value.expose_secret(),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(**********)")
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.shown())
    }
}
