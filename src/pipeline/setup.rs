//! What a client decided once, and what one call adds to it.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;

use crate::error::Error;
use crate::fork::Lock;
use crate::observe::Stats;
use crate::policy::Policy;
use crate::retry::Rules;
use crate::sign::Auth;
use crate::throttle::{Limit, Registry, Shared};
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
    own: OnceLock<Arc<Shared>>,
    buckets: Lock<HashMap<Origin, Arc<Shared>>>,
    closed: AtomicBool,
}

/// Origins whose buckets a client remembers; beyond it the process-wide registry is asked each time.
const MAX_BUCKETS: usize = 256;

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
        let (stats, own, buckets, closed) =
            (Stats::default(), OnceLock::new(), Lock::default(), AtomicBool::new(false));
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
            buckets,
            closed,
        }
    }

    /// The bucket of an origin: process-wide, by origin, secret fingerprint and key.
    pub fn bucket(&self, origin: &Origin) -> Arc<Shared> {
        let own = self.policy.origin() == Some(origin);
        if let Some(bucket) = self.own.get().filter(|_| own) {
            return bucket.clone();
        }
        if let Some(bucket) = self.buckets.lock().get(origin) {
            return bucket.clone();
        }
        let secret = self.auth.iter().find_map(Auth::secret).filter(|_| own).map_or("", |secret| secret.fingerprint());
        let name = format!("{}|{secret}|{}", origin.authority(), self.throttle.key.as_deref().unwrap_or(""));
        let limits: &[Limit] = if own || self.policy.origin().is_none() { &self.throttle.limits } else { &[] };
        let bucket = Registry::get_or_create(&name, limits, self.throttle.max_queue);
        if own {
            return self.own.get_or_init(|| bucket).clone();
        }
        let mut buckets = self.buckets.lock();
        if buckets.len() < MAX_BUCKETS {
            buckets.insert(origin.clone(), bucket.clone());
        }
        bucket
    }

    /// Refuses calls from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
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
    pub signers: Option<Arc<dyn Signers>>,
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

/// Runs signers that live outside this crate.
pub trait Signers: Send + Sync {
    /// Header fields that prove the request.
    fn sign(
        &self,
        index: usize,
        request: SignRequest,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<(String, String)>, Error>> + Send>>;
}
