//! What is told about a call: exactly one [`Event`], without values, and counters that add up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;

use crate::error::Code;
use crate::throttle::Circuit;
use crate::url::Origin;

/// One call as logs and metrics see it. Holds no value that a stranger typed and no secret.
#[derive(Clone, Debug)]
pub struct Event {
    /// The method; `None` when it was no method.
    pub method: Option<Method>,
    /// Where it went, or was to go; `None` when the call was refused before that was known.
    pub host: Option<Origin>,
    /// The route template, generalised.
    pub route: Arc<str>,
    /// The final status, when an answer came.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub code: Option<&'static str>,
    /// From the call to its end, queueing included.
    pub elapsed: Duration,
    /// The part of it that was spent waiting for our own throttle.
    pub queued: Duration,
    /// Requests sent for it, retries included, redirects not.
    pub attempts: u32,
    /// Redirects followed.
    pub redirects: u32,
    /// Why the process began to get along without the store of its limits, where this call was the first to notice.
    pub store: Option<String>,
    /// The state of the host's circuit when the call ended; `None` when the call did not get that far.
    pub circuit: Option<Circuit>,
    /// The incident id that the exception carries too.
    pub incident: Option<String>,
}

impl Event {
    /// The event as one log line: fields, not prose.
    pub fn line(&self) -> String {
        use std::fmt::Write;
        let mut line = String::with_capacity(96);
        let _ = write!(line, "{} {} {}", self.method_text(), self.host_text().unwrap_or("-"), self.route);
        match self.status {
            Some(status) => drop(write!(line, " status={status}")),
            None => line.push_str(" status=-"),
        }
        let _ = write!(line, " ms={:.1} attempts={}", self.elapsed.as_secs_f64() * 1e3, self.attempts);
        if self.redirects > 0 {
            let _ = write!(line, " redirects={}", self.redirects);
        }
        if self.queued > Duration::from_millis(1) {
            let _ = write!(line, " queued_ms={:.1}", self.queued.as_secs_f64() * 1e3);
        }
        if let Some(circuit) = self.circuit.filter(|circuit| *circuit != Circuit::Closed) {
            let _ = write!(line, " circuit={}", circuit.as_str());
        }
        if let Some(code) = self.code {
            let _ = write!(line, " code={code}");
        }
        if let Some(store) = &self.store {
            let _ = write!(line, " store={store:?}");
        }
        if let Some(incident) = &self.incident {
            let _ = write!(line, " incident={incident}");
        }
        line
    }

    /// The method as text, `-` when there was none.
    pub fn method_text(&self) -> &str {
        self.method.as_ref().map_or("-", Method::as_str)
    }

    /// The host, with its port unless 443.
    pub fn host_text(&self) -> Option<&str> {
        self.host.as_ref().map(Origin::authority)
    }

    /// Tells `tracing` subscribers of programs that use the crate without Python.
    pub fn trace(&self) {
        let Self { route, status, code, attempts, redirects, store, incident, .. } = self;
        let (method, host, circuit) = (self.method_text(), self.host_text(), self.circuit.map(Circuit::as_str));
        let (elapsed_ms, queued_ms) = (self.elapsed.as_secs_f64() * 1e3, self.queued.as_secs_f64() * 1e3);
        macro_rules! tell {
            ($level:ident) => {
                tracing::$level!(
                    target: "botsec",
                    method, host, %route, status, code, elapsed_ms, queued_ms, attempts, redirects, circuit, store, incident
                )
            };
        }
        match self.level() {
            Level::Info => tell!(info),
            Level::Warning => tell!(warn),
            Level::Error => tell!(error),
        }
    }

    /// An event for a call that its caller abandoned.
    pub fn cancel(mut self) -> Self {
        self.code = Some(CANCELLED);
        self
    }
}

/// The code of a call that its caller abandoned; there is no error to carry it.
pub const CANCELLED: &str = "call.cancelled";

/// Counters of one client.
#[derive(Debug, Default)]
pub struct Stats {
    calls: AtomicU64,
    failures: AtomicU64,
    refusals: AtomicU64,
    attempts: AtomicU64,
    redirects: AtomicU64,
    queued_us: AtomicU64,
}

/// A reading of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Calls that ended.
    pub calls: u64,
    /// Calls that ended in an error, refusals included.
    pub failures: u64,
    /// Calls that were refused before a byte was sent.
    pub refusals: u64,
    /// Requests sent, retries included.
    pub attempts: u64,
    /// Redirects followed.
    pub redirects: u64,
    /// Microseconds spent in our own queue.
    pub queued_us: u64,
}

impl Stats {
    /// Counts one event.
    pub fn count(&self, event: &Event) {
        let add = |counter: &AtomicU64, n: u64| {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        };
        add(&self.calls, 1);
        add(&self.failures, u64::from(event.code.is_some()));
        add(&self.refusals, u64::from(event.code.is_some() && event.attempts == 0));
        add(&self.attempts, u64::from(event.attempts));
        add(&self.redirects, u64::from(event.redirects));
        add(&self.queued_us, u64::try_from(event.queued.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts as failed what was counted when its answer came: a `check=` that said no, a stream that broke.
    pub fn fail(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub fn read(&self) -> Reading {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            calls: of(&self.calls),
            failures: of(&self.failures),
            refusals: of(&self.refusals),
            attempts: of(&self.attempts),
            redirects: of(&self.redirects),
            queued_us: of(&self.queued_us),
        }
    }
}

/// How loud an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It went well.
    Info,
    /// It did not.
    Warning,
    /// Our own bug.
    Error,
}

impl Event {
    /// How loud this event is.
    pub fn level(&self) -> Level {
        match self.code {
            None if self.store.is_none() => Level::Info,
            Some(code) if code == Code::Internal.as_str() => Level::Error,
            _ => Level::Warning,
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn event(code: Option<&'static str>, attempts: u32) -> Event {
        Event {
            method: Some(Method::GET),
            host: Some(crate::url::SafeUrl::parse("https://api.example.com").expect("a URL").origin().clone()),
            route: "/users/{id:int}".into(),
            status: Some(200),
            code,
            elapsed: Duration::from_millis(12),
            queued: Duration::ZERO,
            attempts,
            redirects: 0,
            circuit: None,
            store: None,
            incident: None,
        }
    }

    #[test]
    fn a_line_tells_of_a_circuit_that_is_not_closed() {
        let of = |circuit| Event { circuit, ..event(None, 1) }.line();
        assert_eq!(of(Some(Circuit::Closed)), of(None));
        assert!(of(Some(Circuit::HalfOpen)).ends_with(" circuit=half_open"));
    }

    #[test]
    fn a_line_holds_fields_only() {
        assert_eq!(event(None, 1).line(), "GET api.example.com /users/{id:int} status=200 ms=12.0 attempts=1");
        assert_eq!(event(None, 1).level(), Level::Info);
    }

    #[test]
    fn a_store_that_is_gone_is_worth_a_warning() {
        let event = Event { store: Some("localhost:1: it refused".to_owned()), ..event(None, 1) };
        assert!(event.line().ends_with(" store=\"localhost:1: it refused\""), "{}", event.line());
        assert_eq!(event.level(), Level::Warning);
    }

    /// Keeps what one event says.
    #[derive(Clone, Default)]
    struct Ear(Arc<std::sync::Mutex<Vec<String>>>);

    impl tracing::Subscriber for Ear {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.target() == "botsec"
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, event: &tracing::Event<'_>) {
            let mut said = vec![event.metadata().level().to_string()];
            event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                said.push(format!("{field}={value:?}"));
            });
            self.0.lock().expect("one thread").push(said.join(" "));
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn programs_without_python_hear_each_event_through_tracing() {
        let ear = Ear::default();
        tracing::subscriber::with_default(ear.clone(), || {
            event(None, 1).trace();
            event(Some("transport.timeout"), 2).trace();
        });
        let said = ear.0.lock().expect("one thread").clone();
        assert!(
            said[0].starts_with("INFO method=\"GET\" host=\"api.example.com\" route=/users/{id:int} status=200"),
            "{said:?}"
        );
        assert!(said[1].starts_with("WARN ") && said[1].contains("code=\"transport.timeout\""), "{said:?}");
    }

    #[test]
    fn a_refusal_is_a_failure_that_sent_nothing() {
        let stats = Stats::default();
        stats.count(&event(None, 1));
        stats.count(&event(Some("policy.route_not_allowed"), 0));
        let reading = stats.read();
        assert_eq!((reading.calls, reading.failures, reading.refusals), (2, 1, 1));
    }
}
