//! How many HTTP/1.1 requests one origin answers at once before the next one looks whether an answer comes.
//!
//! A server that answers within milliseconds serves many callers over few connections, and sooner: what each connection
//! keeps stays in the processor's cache, and nobody shakes hands. A slow one gets a connection for each call, as late as
//! [`PATIENCE`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::crew::Hands;

/// Requests at once that need not wait.
const SEATS: usize = 64;
/// How long a call waits before it goes without a seat. Short against any answer from afar.
const PATIENCE: Duration = Duration::from_millis(10);

/// One origin's seats; calls get them in the order in which they ask.
pub(super) struct Seats(Option<Arc<Semaphore>>);

/// A request's seat until its answer is read. One that goes without holds none.
#[derive(Default)]
pub(super) struct Seat {
    _held: Option<OwnedSemaphorePermit>,
}

impl Seats {
    /// A driver that works for one caller at a time has no use for them.
    pub(super) fn new(hands: &Hands) -> Self {
        Self(matches!(hands, Hands::Runtime(_)).then(|| Arc::new(Semaphore::new(SEATS))))
    }

    /// A seat that is free now.
    pub(super) fn free(&self) -> Option<Seat> {
        match &self.0 {
            Some(seats) => seats.clone().try_acquire_owned().ok().map(|held| Seat { _held: Some(held) }),
            None => Some(Seat::default()),
        }
    }

    /// The next seat, or none after a moment.
    pub(super) async fn wait(&self) -> Seat {
        if let Some(seat) = self.free() {
            return seat;
        }
        let Some(seats) = &self.0 else { return Seat::default() };
        let held = tokio::time::timeout(PATIENCE, seats.clone().acquire_owned()).await;
        Seat { _held: held.ok().and_then(Result::ok) }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use hyper_util::rt::TokioExecutor;

    use super::*;
    use crate::transport::crew::Crew;

    fn on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime").block_on(work)
    }

    fn full() -> (Seats, Vec<Seat>) {
        let seats = Seats::new(&Hands::Runtime(TokioExecutor::new()));
        let taken = (0..SEATS).map(|_| seats.free().expect("free")).collect();
        (seats, taken)
    }

    #[test]
    fn a_seat_given_up_goes_to_whom_waits() {
        on(async {
            let (seats, mut taken) = full();
            assert!(seats.free().is_none());
            let next = seats.wait();
            let leaves = async { drop(taken.pop()) };
            let (seat, ()) = join(next, leaves).await;
            assert!(seat._held.is_some() && seats.free().is_none());
        });
    }

    #[test]
    fn nobody_waits_for_a_slow_server() {
        on(async {
            let (seats, taken) = full();
            let seat = tokio::time::timeout(Duration::from_secs(5), seats.wait()).await.expect("in time");
            assert!(seat._held.is_none());
            drop(taken);
            assert!(seats.wait().await._held.is_some());
        });
    }

    #[test]
    fn a_driver_that_serves_one_caller_counts_nothing() {
        let seats = Seats::new(&Crew::default().hands());
        let taken: Vec<_> = (0..=SEATS).map(|_| seats.free()).collect();
        assert!(taken.iter().all(|seat| seat.as_ref().is_some_and(|seat| seat._held.is_none())));
    }
}
