//! What a client decided once, and what one call adds to it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;

use super::claim::{Front, Limits};
use super::gate::{self, Gate};
use super::store::{Remote, Store};
use crate::clock;
use crate::error::Error;
use crate::fork::Lock;
use crate::headers::Dialect;
use crate::observe::Stats;
use crate::policy::Policy;
use crate::retry::Rules;
use crate::secret::Secret;
use crate::sign::Auth;
use crate::throttle::{Host, Limit, Priority, Registry};
use crate::url::Origin;
use crate::validate::Request;

/// Time limits.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the whole call, from the first dial.
    pub total: Duration,
    /// For DNS, TCP and TLS of one connection.
    pub connect: Duration,
    /// Longest silence while an answer is awaited or read.
    pub read: Duration,
}

/// The client's own limits.
#[derive(Clone, Debug)]
pub struct ThrottleSetup {
    /// Limits of ours, beside what the API's headers say.
    pub limits: Vec<Limit>,
    /// Longest wait for a grant.
    pub max_wait: Duration,
    /// Most waiters.
    pub max_queue: usize,
    /// Names a bucket of its own.
    pub key: Option<String>,
    /// Whether the limits hold for each route by itself.
    pub per_route: bool,
    /// How the API tells its quota; known from the host unless given.
    pub dialect: Option<Dialect>,
    /// Keeps the limits for many processes.
    pub store: Option<Arc<dyn Store>>,
    /// How many processes share them, until the store knows.
    pub processes: u32,
}

impl Default for ThrottleSetup {
    /// Five minutes and ten thousand waiters.
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            max_wait: Duration::from_secs(300),
            max_queue: 10_000,
            key: None,
            per_route: false,
            dialect: None,
            store: None,
            processes: 2,
        }
    }
}

impl ThrottleSetup {
    /// The line of this name under these limits, in the store where there is one, and under others that hold in this process.
    pub(super) fn front(
        &self,
        name: &str,
        bucket: String,
        limits: &[Limit],
        mut others: Limits,
        host: Option<Arc<Host>>,
    ) -> Front {
        let Some(store) = self.store.clone().filter(|_| !limits.is_empty()) else {
            others.all.extend(limits);
            return Front::new(Registry::get_or_create(name, self.max_queue, host), None, others);
        };
        // Limits that a store keeps are not those of this process: the two never share a line.
        let line = Registry::get_or_create(&format!("{name}|{}", store.name()), self.max_queue, host);
        others.leased = Some((limits.to_vec(), self.processes));
        Front::new(line, Some(Arc::new(Remote::new(store, bucket))), others)
    }
}

/// What a client decided once.
pub struct Setup {
    /// What may be sent where.
    pub policy: Policy,
    /// How the bot proves who it is.
    pub auth: Vec<Auth>,
    /// Header fields of every request.
    pub defaults: HeaderMap,
    /// Time limits.
    pub times: Times,
    /// Most decoded bytes of a buffered body.
    pub max_bytes: u64,
    /// When to try again.
    pub rules: Rules,
    /// How fast.
    pub throttle: ThrottleSetup,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// Media types that an open_web client takes; `None` takes all.
    pub content_types: Option<Vec<String>>,
    /// Counters.
    pub stats: Stats,
    own: OnceLock<Arc<Gate>>,
    gates: Lock<HashMap<Origin, Arc<Gate>>>,
    closed: AtomicBool,
}

/// Origins whose gates a client remembers; beyond it the process-wide registry is asked each time.
const MAX_GATES: usize = 256;

impl Setup {
    /// A client's decisions.
    #[expect(clippy::too_many_arguments, reason = "one per field; the client's builder is the only caller")]
    pub fn new(
        policy: Policy,
        auth: Vec<Auth>,
        defaults: HeaderMap,
        times: Times,
        max_bytes: u64,
        rules: Rules,
        throttle: ThrottleSetup,
        follow_redirects: bool,
        content_types: Option<Vec<String>>,
    ) -> Self {
        let (stats, own, gates, closed) = (Stats::default(), OnceLock::new(), Lock::default(), AtomicBool::new(false));
        Self {
            policy,
            auth,
            defaults,
            times,
            max_bytes,
            rules,
            throttle,
            follow_redirects,
            content_types,
            stats,
            own,
            gates,
            closed,
        }
    }

    /// The gate of an origin; its line is process-wide, by origin, secret fingerprint and key.
    pub fn gate(&self, origin: &Origin) -> Arc<Gate> {
        let own = self.policy.origin() == Some(origin);
        if let Some(gate) = self.own.get().filter(|_| own) {
            return gate.clone();
        }
        if let Some(gate) = self.gates.lock().get(origin) {
            return gate.clone();
        }
        let gate = Arc::new(self.open(origin, own));
        if own {
            return self.own.get_or_init(|| gate).clone();
        }
        let mut gates = self.gates.lock();
        if gates.len() < MAX_GATES {
            gates.insert(origin.clone(), gate.clone());
        }
        gate
    }

    fn open(&self, origin: &Origin, own: bool) -> Gate {
        let throttle = &self.throttle;
        let secret = self.auth.iter().find_map(Auth::secret).filter(|_| own);
        let key = throttle.key.as_deref().unwrap_or("");
        let name = format!("{}|{}|{key}", origin.authority(), secret.map(Secret::identity).unwrap_or_default());
        let limits: &[Limit] = if own || self.policy.origin().is_none() { &throttle.limits } else { &[] };
        let dialect = throttle.dialect.filter(|_| own).unwrap_or_else(|| Dialect::of(&origin.host_text()));
        let (common, others) = if throttle.per_route {
            (&[][..], Limits { lanes: limits.iter().map(|limit| ("", *limit)).collect(), ..Limits::default() })
        } else {
            (limits, gate::documented(dialect))
        };
        let host = Host::of(origin.authority(), clock::now());
        // Equal in all processes, unlike the fingerprint.
        let tag = secret.map(Secret::shared_tag).unwrap_or_default();
        let bucket = format!("{}/{tag}/{key}", origin.authority());
        let front = throttle.front(&name, bucket, common, others, Some(host.clone()));
        let per_route = throttle.per_route;
        // Limits of the caller's own hold for every request.
        let exempt = (dialect.has_exempt() && limits.is_empty()).then(|| {
            let name = format!("{name}|exempt");
            let front = throttle.front(&name, String::new(), &[], Limits::default(), Some(host.clone()));
            Arc::new(Gate { front, dialect, host: host.clone(), per_route, exempt: None, is_exempt: true })
        });
        let gate = Gate { front, dialect, host, per_route, exempt, is_exempt: false };
        gate.prepare();
        gate
    }

    /// The gates that this client has used, by origin.
    pub fn gates(&self) -> Vec<(Origin, Arc<Gate>)> {
        let own = self.policy.origin().cloned().zip(self.own.get().cloned());
        own.into_iter().chain(self.gates.lock().iter().map(|(origin, gate)| (origin.clone(), gate.clone()))).collect()
    }

    /// Refuses calls from now on, and keeps nobody else to this client's limits.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.gates().iter().for_each(|(_, gate)| gate.front.close());
    }

    /// Whether calls are refused.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// One call.
pub struct Call {
    /// What to send.
    pub request: Request,
    /// How.
    pub options: Options,
    /// Who runs the signers that live outside this crate.
    pub outside: Option<Arc<dyn Outside>>,
}

/// What one call decides for itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// For the whole call instead of the client's.
    pub timeout: Option<Duration>,
    /// Longest silence instead of the client's.
    pub read_timeout: Option<Duration>,
    /// Most decoded bytes instead of the client's.
    pub max_bytes: Option<u64>,
    /// Proof instead of the client's.
    pub auth: Option<Vec<Auth>>,
    /// Whether a status outside 200–299 is an error.
    pub check: bool,
    /// Whether the body stays a stream.
    pub stream: bool,
    /// Whose turn comes first.
    pub priority: Priority,
    /// How many requests it counts as.
    pub weight: u32,
}

/// What a signer outside this crate sees of a request.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Header fields without secrets.
    pub headers: Vec<(String, String)>,
    /// The body; `None` for an iterator's.
    pub content: Option<Vec<u8>>,
}

/// Runs what lives outside this crate: signers, and the callables that bring secrets.
pub trait Outside: Send + Sync {
    /// Has a secret read that only its owner outside can read, and ends when [`Secret::finish`] has said how that ended.
    fn read(&self, secret: &Secret) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Header fields that prove the request.
    fn sign(
        &self,
        index: usize,
        request: SignRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<(String, String)>, Error>> + Send>>;
}
