//! A circuit breaker: stops calls to a host that fails, and tries it again with a few. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Seconds over which failures are counted.
const WINDOW: usize = 30;
/// Calls without which nothing is judged.
const LEAST: u32 = 20;
/// Shortest and longest time for which a circuit stays open; each failed probe doubles it.
const OPEN: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Probes of the first and of the second turn of a half-open circuit.
const PROBES: [u32; 2] = [1, 3];

/// Whether calls go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Circuit {
    /// They do.
    #[default]
    Closed,
    /// They are refused.
    Open,
    /// A few may try.
    HalfOpen,
}

impl Circuit {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Counts calls and failures in slots of one second.
#[derive(Debug, Default)]
pub struct Breaker {
    slots: [Slot; WINDOW],
    begun: Option<Instant>,
    /// Until when it is open, and for how long that was.
    open: Option<(Instant, Duration)>,
    /// Which turn of probes it is in, and how many of them still have to succeed.
    turn: usize,
    missing: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    second: u64,
    calls: u32,
    failures: u32,
}

impl Breaker {
    /// When an open circuit lets its first probe through.
    pub fn open_until(&self) -> Option<Instant> {
        self.open.map(|(until, _)| until)
    }

    /// Probes that may leave in this turn.
    pub fn probes(&self) -> u32 {
        PROBES.get(self.turn).copied().unwrap_or(1)
    }

    /// Whether a turn of probes begins now.
    pub fn begins_turn(&self) -> bool {
        self.missing == self.probes()
    }

    /// Counts one call that ended; where that leaves the circuit.
    pub fn record(&mut self, failed: bool, now: Instant) -> Circuit {
        if let Some((until, length)) = self.open {
            if now < until {
                // It left before the circuit opened.
                return Circuit::Open;
            }
            return self.probed(failed, length, now);
        }
        let begun = *self.begun.get_or_insert(now);
        let second = now.saturating_duration_since(begun).as_secs();
        if let Some(slot) = self.slots.get_mut((second % WINDOW as u64) as usize) {
            if slot.second != second {
                *slot = Slot { second, ..Slot::default() };
            }
            slot.calls = slot.calls.saturating_add(1);
            slot.failures = slot.failures.saturating_add(u32::from(failed));
        }
        let recent = self.slots.iter().filter(|slot| second.saturating_sub(slot.second) < WINDOW as u64);
        let (calls, failures) = recent.fold((0u32, 0u32), |(calls, failures), slot| {
            (calls.saturating_add(slot.calls), failures.saturating_add(slot.failures))
        });
        if failed && calls >= LEAST && failures.saturating_mul(2) >= calls {
            return self.shut(OPEN, now);
        }
        Circuit::Closed
    }

    fn probed(&mut self, failed: bool, length: Duration, now: Instant) -> Circuit {
        if failed {
            return self.shut((length * 2).min(LONGEST), now);
        }
        self.missing = self.missing.saturating_sub(1);
        if self.missing > 0 {
            return Circuit::HalfOpen;
        }
        self.turn += 1;
        if self.turn < PROBES.len() {
            self.missing = self.probes();
            return Circuit::HalfOpen;
        }
        *self = Self::default();
        Circuit::Closed
    }

    fn shut(&mut self, length: Duration, now: Instant) -> Circuit {
        self.open = now.checked_add(length).map(|until| (until, length));
        (self.slots, self.turn) = ([Slot::default(); WINDOW], 0);
        self.missing = self.probes();
        Circuit::Open
    }
}
