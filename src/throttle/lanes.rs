//! The narrower buckets: one a lane, or one that several lanes turn out to share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::Lane;
use super::{Bucket, Limit};

/// Lanes with buckets of their own. Beyond it those that hold nothing back are forgotten; where all do, new ones share one.
const MAX_LANES: usize = 4096;
/// The bucket of the lanes for which there was no room.
const OVERFLOW: &str = "\u{0}";
/// Between two looks for lanes to forget, which look at all of them.
const TIDY: Duration = Duration::from_secs(1);

/// What a bucket is known by, whatever its name becomes.
pub(super) type Id = u64;

/// The buckets of one line's lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    buckets: HashMap<Id, Bucket>,
    last: Id,
    /// Buckets by name.
    ids: HashMap<Arc<str>, Id>,
    /// Lanes that count against a bucket of another name than was assumed.
    names: HashMap<Arc<str>, Arc<str>>,
    /// Buckets that turned out to be another one.
    merged: HashMap<Id, Id>,
    /// Limits of lanes whose names begin so, and how many claim them.
    narrow: Vec<(&'static str, Limit, u32)>,
    /// When there was last looked for lanes to forget.
    tidied: Option<Instant>,
}

impl Lanes {
    /// Limits of each lane by itself, if its name begins so, until [`Lanes::release`].
    pub(super) fn claim(&mut self, beginning: &'static str, limits: &[Limit]) {
        for limit in limits {
            match self.narrow.iter_mut().find(|known| (known.0, known.1) == (beginning, *limit)) {
                Some(known) => known.2 += 1,
                None => self.narrow.push((beginning, *limit, 1)),
            }
        }
        self.each(beginning, |bucket| bucket.claim(limits));
    }

    pub(super) fn release(&mut self, beginning: &'static str, limits: &[Limit], now: Instant) {
        for known in self.narrow.iter_mut().filter(|known| known.0 == beginning && limits.contains(&known.1)) {
            known.2 = known.2.saturating_sub(1);
        }
        self.narrow.retain(|known| known.2 > 0);
        self.each(beginning, |bucket| bucket.release(limits, now));
    }

    fn each(&mut self, beginning: &str, mut work: impl FnMut(&mut Bucket)) {
        for (_, id) in self.ids.iter().filter(|(name, _)| name.starts_with(beginning)) {
            if let Some(bucket) = self.buckets.get_mut(id) {
                work(bucket);
            }
        }
    }

    /// The bucket that a lane counts against; it exists from then on. Where there is no room, those make some that hold
    /// nothing back and that nobody `awaits`.
    pub(super) fn bucket_of(&mut self, lane: Lane<'_>, now: Instant, awaits: impl Fn(Id) -> bool) -> Id {
        let name = self.names.get(lane.name).map_or(lane.bucket.unwrap_or(lane.name), |name| name);
        match self.ids.get(name) {
            Some(id) => *id,
            None => {
                let name: Arc<str> = name.into();
                self.open(name, now, awaits)
            }
        }
    }

    /// The bucket of this name.
    pub(super) fn named(&mut self, name: &str, now: Instant, awaits: impl Fn(Id) -> bool) -> Id {
        match self.ids.get(name) {
            Some(id) => *id,
            None => self.open(name.into(), now, awaits),
        }
    }

    fn open(&mut self, name: Arc<str>, now: Instant, awaits: impl Fn(Id) -> bool) -> Id {
        if self.buckets.len() >= MAX_LANES {
            self.make_room(now, awaits);
        }
        let name = if self.buckets.len() < MAX_LANES { name } else { OVERFLOW.into() };
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        let mut bucket = Bucket::new(&[]);
        for (_, limit, claims) in self.narrow.iter().filter(|known| name.starts_with(known.0)) {
            (0..*claims).for_each(|_| bucket.claim(std::slice::from_ref(limit)));
        }
        self.last += 1;
        self.buckets.insert(self.last, bucket);
        self.ids.insert(name, self.last);
        self.last
    }

    fn make_room(&mut self, now: Instant, awaits: impl Fn(Id) -> bool) {
        if self.tidied.is_some_and(|last| now.saturating_duration_since(last) < TIDY) {
            return;
        }
        self.tidied = Some(now);
        self.buckets.retain(|id, bucket| !bucket.is_idle(now) || awaits(*id));
        let Self { buckets, ids, names, merged, .. } = self;
        ids.retain(|_, id| buckets.contains_key(id));
        names.retain(|_, name| ids.contains_key(name));
        merged.retain(|_, id| buckets.contains_key(id));
    }

    /// The bucket that a ticket or a grant speaks of.
    pub(super) fn resolve(&self, id: Id) -> Id {
        self.merged.get(&id).copied().unwrap_or(id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Bucket> {
        let id = self.resolve(id);
        self.buckets.get_mut(&id)
    }

    /// The API says that a lane counts against the bucket of this name, maybe with other lanes.
    ///
    /// A lane that had a bucket to itself takes it along: who waits there, who is under way, and what was learned. Where that
    /// becomes part of another one, both are given back. A lane whose bucket was only assumed leaves it to the others.
    pub(super) fn name(
        &mut self,
        lane: Lane<'_>,
        bucket: &str,
        now: Instant,
        awaits: impl Fn(Id) -> bool,
    ) -> Option<(Id, Id)> {
        let known = self.names.get(lane.name).cloned();
        let old = known.clone().unwrap_or_else(|| lane.bucket.unwrap_or(lane.name).into());
        if *old == *bucket {
            return None;
        }
        let full =
            |lanes: &Self| lanes.merged.len() >= MAX_LANES || (known.is_none() && lanes.names.len() >= MAX_LANES);
        if full(self) {
            self.make_room(now, awaits);
            if full(self) {
                return None;
            }
        }
        let new: Arc<str> = bucket.into();
        let is_assumed = lane.bucket.is_some();
        let is_shared = self.names.iter().any(|(other, name)| *name == old && **other != *lane.name);
        self.names.insert(lane.name.into(), new.clone());
        if is_assumed || is_shared {
            return None;
        }
        let moved = self.ids.remove(&old)?;
        let Some(known) = self.ids.get(&new).copied() else {
            self.ids.insert(new, moved);
            return None;
        };
        let bucket = self.buckets.remove(&moved)?;
        self.buckets.entry(known).or_default().absorb(bucket);
        self.merged.values_mut().filter(|id| **id == moved).for_each(|id| *id = known);
        self.merged.insert(moved, known);
        Some((moved, known))
    }

    /// Forgets what belonged to threads of a parent process.
    pub(super) fn abandon(&mut self) {
        self.buckets.values_mut().for_each(Bucket::abandon);
    }
}
