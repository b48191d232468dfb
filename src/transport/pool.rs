//! Connections by origin, kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::crew::Hands;
use super::dial::Connectors;
use super::lane::Lane;
use crate::clock;
use crate::error::Error;
use crate::fork::Lock;
use crate::url::Origin;

/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(25);
/// Origins with idle connections; beyond it those of others are closed early.
const MAX_LANES: usize = 256;

/// One transport's connections.
pub(super) struct Pool {
    lanes: Arc<Lock<Lanes>>,
    connectors: Connectors,
    hands: Hands,
}

#[derive(Default)]
struct Lanes {
    by_origin: HashMap<Origin, Arc<Lane>>,
    /// Dropped with the pool, which ends the sweeper at once.
    sweeper: Option<oneshot::Sender<()>>,
}

impl Lanes {
    /// The connections to an origin. Most transports have one, which is found without a hash.
    fn get(&self, origin: &Origin) -> Option<Arc<Lane>> {
        match self.by_origin.iter().next() {
            Some((only, lane)) if only == origin => Some(lane.clone()),
            Some(_) if self.by_origin.len() > 1 => self.by_origin.get(origin).cloned(),
            _ => None,
        }
    }
}

impl Pool {
    pub(super) fn new(connectors: Connectors, hands: Hands) -> Self {
        Self { lanes: Arc::default(), connectors, hands }
    }

    /// The connections to an origin.
    ///
    /// # Errors
    /// As [`Lane::new`].
    pub(super) fn lane(&self, origin: &Origin) -> Result<Arc<Lane>, Error> {
        let known = self.lanes.lock().get(origin);
        match known {
            Some(lane) => Ok(lane),
            None => self.open(origin),
        }
    }

    /// As [`super::Transport::doubt`].
    pub(super) fn doubt(&self, origin: &Origin, asked: Instant) {
        let known = self.lanes.lock().get(origin);
        if let Some(lane) = known {
            lane.doubt(asked);
        }
    }

    fn open(&self, origin: &Origin) -> Result<Arc<Lane>, Error> {
        let lane = Arc::new(Lane::new(origin, self.connectors.to(origin), self.hands.clone())?);
        let mut dropped = Vec::new();
        let (lane, gone) = {
            let mut lanes = self.lanes.lock();
            if lanes.by_origin.len() >= MAX_LANES {
                // Whatever no call holds at the moment; a call that holds its lane keeps it to the end.
                let idle = |lane: &Arc<Lane>| Arc::strong_count(lane) == 1;
                dropped.extend(lanes.by_origin.extract_if(|_, lane| idle(lane)).take(MAX_LANES / 4));
            }
            let lane = lanes.by_origin.entry(origin.clone()).or_insert(lane).clone();
            let gone = match lanes.sweeper {
                Some(_) => None,
                None => {
                    let (sweeper, gone) = oneshot::channel();
                    lanes.sweeper = Some(sweeper);
                    Some(gone)
                }
            };
            (lane, gone)
        };
        drop(dropped);
        if let Some(gone) = gone {
            self.hands.run(sweep(Arc::downgrade(&self.lanes), gone));
        }
        Ok(lane)
    }
}

/// Closes idle connections until the pool is gone.
async fn sweep(lanes: Weak<Lock<Lanes>>, mut gone: oneshot::Receiver<()>) {
    while tokio::time::timeout(SWEEP, &mut gone).await.is_err() {
        let Some(lanes) = lanes.upgrade() else { return };
        let all: Vec<_> = lanes.lock().by_origin.iter().map(|(origin, lane)| (origin.clone(), lane.clone())).collect();
        for (origin, lane) in all {
            if lane.sweep(clock::now()) {
                drop(lane);
                let mut lanes = lanes.lock();
                if lanes.by_origin.get(&origin).is_some_and(|lane| Arc::strong_count(lane) == 1) {
                    lanes.by_origin.remove(&origin);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "tests")]
mod tests {
    use super::super::{Crew, Settings, Tls};
    use super::*;
    use crate::policy::Networks;

    fn pool() -> Pool {
        let settings = Settings {
            tls: Tls::default().base().expect("a TLS configuration"),
            networks: Networks::none(),
            connect_timeout: Duration::from_secs(1),
            local_address: None,
            proxy: None,
            shown_to: Vec::new(),
        };
        Pool::new(Connectors::new(&settings), Crew::default().hands())
    }

    fn origin(number: usize) -> Origin {
        Origin::parse(&format!("host-{number}.example.com")).expect("an origin")
    }

    #[test]
    fn an_origin_has_one_lane() {
        let pool = pool();
        let first = pool.lane(&origin(1)).expect("a lane");
        assert!(Arc::ptr_eq(&first, &pool.lane(&origin(1)).expect("a lane")));
        assert!(!Arc::ptr_eq(&first, &pool.lane(&origin(2)).expect("a lane")));
    }

    #[test]
    fn strangers_hosts_do_not_pile_up() {
        let pool = pool();
        let used = pool.lane(&origin(0)).expect("a lane");
        for number in 1..5 * MAX_LANES {
            pool.lane(&origin(number)).expect("a lane");
            assert!(pool.lanes.lock().by_origin.len() <= MAX_LANES);
        }
        assert!(Arc::ptr_eq(&used, &pool.lane(&origin(0)).expect("a lane")), "a lane in use stays");
    }

    #[test]
    fn the_sweeper_ends_with_its_pool() {
        let pool = pool();
        pool.lane(&origin(1)).expect("a lane");
        let (_sweeper, gone) = oneshot::channel();
        let lanes = Arc::downgrade(&pool.lanes);
        drop(pool);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let ended = runtime.block_on(async {
            drop(_sweeper);
            tokio::time::timeout(Duration::from_secs(5), sweep(lanes, gone)).await
        });
        assert_eq!(ended, Ok(()));
    }

    #[test]
    fn a_lane_without_connections_is_swept() {
        assert!(pool().lane(&origin(1)).expect("a lane").sweep(clock::now()));
    }
}
