//! A quota shared by many processes: Redis or Valkey keeps the time at which the next request is due.
//!
//! Every question has a deadline. While the store does not answer, the line goes on by its failure policy, and a thread of the
//! store tries to reach it again. Sources: ATM Forum TM 4.0 §4.4.2 (GCRA); redis.io's documentation of `EVAL` and `TIME`.

mod agent;
mod dial;
mod script;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use redis::RedisConnectionInfo;
use url::{Host, Url};

use self::agent::{Agent, Question};
use crate::error::{Code, Error};
use crate::pipeline::Store;
use crate::policy::Networks;
use crate::secret::Secret;
use crate::throttle::{Answer, OnFailure, Spare, Want};
use crate::transport::{Peer, Settings, Tls};
use crate::url::Origin;

/// Longest time that one question may take unless the caller says so: 150 ms. A grant that waits for a hung store is then
/// decided without it within 250 ms.
const DEADLINE: Duration = Duration::from_millis(150);
/// The bounds of what callers may say: a store that never answers in time is none, and none may hold up calls for long.
const DEADLINES: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(2);

/// Where the store is, and how to prove who asks.
pub struct RedisOptions {
    /// `rediss://host:port/db`, or `redis://` and `unix://` on this machine.
    pub url: String,
    /// The ACL user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Networks that are not public, such as `private`.
    pub networks: Vec<String>,
    /// TLS.
    pub tls: Tls,
    /// What happens while it does not answer.
    pub on_failure: OnFailure,
    /// Longest time that one question may take, if not the usual.
    pub timeout: Option<Duration>,
}

/// A Redis or Valkey server that processes share.
pub struct Redis {
    agent: Agent,
    on_failure: OnFailure,
    shown: String,
    /// After which even an agent that is gone is not waited for.
    longest: Duration,
}

/// What the agent dials and says first.
#[derive(Clone)]
struct Target {
    peer: Peer,
    settings: Settings,
    login: RedisConnectionInfo,
    password: Option<Secret>,
    deadline: Duration,
    /// Whether calls are refused without it.
    is_needed: bool,
}

impl Redis {
    /// Checks the options. Opens no connection.
    ///
    /// # Errors
    /// `ValueError` for a URL that is none of the forms, holds a password, or is plain and leaves this machine.
    pub fn new(options: RedisOptions) -> Result<Self, Error> {
        let wrong = |text: &str| Error::new(Code::UsageValue).saying(text.to_owned());
        let form =
            "A store's URL is `rediss://host:port/0`, or `redis://localhost:port` and `unix:///path` on this machine.";
        let url = Url::parse(&options.url).map_err(|_| wrong(form))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("The store's password is a Secret: Redis(url, password=botsec.secret(\"env:…\"))."));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(form));
        }
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(user) = &options.username {
            login = login.set_username(user);
        }
        let mut networks = Networks::none();
        let (peer, shown) = if url.scheme() == "unix" {
            (Peer::unix(url.path())?, "unix".to_owned())
        } else {
            let host = url.host().ok_or_else(|| wrong(form))?;
            let port = url.port().unwrap_or(6379);
            let database = url.path().trim_start_matches('/');
            if !database.is_empty() {
                login = login.set_db(database.parse().map_err(|_| wrong(form))?);
            }
            let name = match &host {
                Host::Domain(name) => (*name).to_ascii_lowercase(),
                Host::Ipv4(ip) => ip.to_string(),
                Host::Ipv6(ip) => ip.to_string(),
            };
            let local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            if !options.networks.is_empty() {
                networks = networks.open(&name, &options.networks)?;
            }
            let shown = format!("{name}:{port}");
            let origin = Origin::parse(&format!("{host}:{port}")).ok();
            let may_go = |origin: &Origin| {
                options.tls.shown_to(Some(origin)).is_ok_and(|rules| rules.iter().any(|rule| rule.permits(origin)))
            };
            if options.tls.is_identified() && !origin.as_ref().is_some_and(may_go) {
                return Err(wrong(
                    "The client certificate's key may not go to the store: name it in secret(…, hosts=[…]).",
                ));
            }
            match url.scheme() {
                "rediss" => (Peer::tls(name, port), shown),
                "redis" if local => (Peer::loopback(name, port), shown),
                "redis" => {
                    return Err(wrong("A plain `redis://` connection stays on this machine: use `rediss://`."));
                }
                _ => return Err(wrong(form)),
            }
        };
        let settings = Settings {
            tls: options.tls.base()?,
            networks,
            connect_timeout: dial::DIAL,
            local_address: None,
            proxy: None,
            shown_to: Vec::new(),
        };
        let deadline = options.timeout.unwrap_or(DEADLINE);
        if !DEADLINES.contains(&deadline) {
            return Err(wrong("`timeout` of a store is 0.01 to 2 seconds."));
        }
        let (password, on_failure) = (options.password, options.on_failure);
        let target =
            Target { peer, settings, login, password, deadline, is_needed: on_failure == OnFailure::FailClosed };
        Ok(Self { agent: Agent::new(target), on_failure, shown, longest: deadline.max(dial::DIAL) })
    }

    /// Its address, for a repr.
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.shown)
    }
}

impl Store for Redis {
    fn reserve(&self, bucket: &str, want: Want) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + Send>> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let asked = self.agent.ask(Question::Reserve(bucket.to_owned(), want, reply));
        let longest = self.longest;
        Box::pin(async move {
            asked?;
            // The agent keeps the deadline; this one is for an agent that is gone.
            match tokio::time::timeout(longest + Duration::from_millis(50), answer).await {
                Ok(Ok(answer)) => answer,
                _ => Err(dial::SILENT.to_owned()),
            }
        })
    }

    fn block(&self, bucket: &str, lane: Option<&str>, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (reply, heard) = tokio::sync::oneshot::channel();
        if lane.is_none_or(|lane| lane.len() <= script::MAX_LANE) {
            let _ = self.agent.ask(Question::Block(bucket.to_owned(), lane.map(str::to_owned), wait, reply));
        }
        let longest = self.longest;
        Box::pin(async move {
            let _ = tokio::time::timeout(longest, heard).await;
        })
    }

    fn give_back(&self, bucket: &str, spare: Spare) {
        let _ = self.agent.ask(Question::GiveBack(bucket.to_owned(), spare));
    }

    fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    fn name(&self) -> &str {
        &self.shown
    }
}
