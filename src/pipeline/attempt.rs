//! The attempts of one call: exchange, redirects, learning, the verdict on another try, the answer's body.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::LOCATION;

use super::gate::Gate;
use super::queue::{self, Permit};
use super::redirect;
use super::renew::{InUse, Retry};
use super::response::{Content, Response};
use super::setup::{Options, Outside, Setup, SignRequest};
use super::verdict::{judge_type, outcome_of, status_error, stopped};
use super::{Failure, Trace};
use crate::clock::{self, Dice};
use crate::error::{Class, Code, Error};
use crate::headers::Told;
use crate::policy::{Hop, PermittedRequest};
use crate::retry::{Attempt, Budgets, Outcome, Reason, Verdict};
use crate::sign::{Auth, Stamp};
use crate::throttle::Ask;
use crate::transport::{Limits, Reached, Reply, Transport, Trouble};
use crate::validate::ValidRequest;

/// Most redirects of one call.
const MAX_REDIRECTS: u32 = 5;
/// Most of an error's body that is kept: 64 KiB.
const ERROR_BODY: usize = 64 * 1024;
/// Most decoded bytes of a stream: 2 GiB.
const STREAM_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// What all attempts of a call share.
pub(super) struct Road<'a> {
    pub(super) setup: &'a Setup,
    pub(super) transport: &'a Transport,
    pub(super) request: &'a ValidRequest,
    pub(super) auth: &'a [Auth],
    pub(super) options: &'a Options,
    pub(super) outside: Option<&'a dyn Outside>,
    /// How many of its secrets may change.
    pub(super) moving: usize,
    /// What stands before the first hop's origin.
    pub(super) gate: &'a Arc<Gate>,
    /// How the call asks for its turn there.
    pub(super) ask: &'a Ask<'a>,
    /// When the first grant came.
    pub(super) begun: Instant,
    /// When the call ends, come what may: every wait below ends there at the latest.
    pub(super) deadline: Instant,
}

/// A final answer with its body, or what went wrong on the way.
pub(super) struct Answer {
    reply: Reply,
    uri: http::Uri,
    told: Told,
    /// What stands before the origin that answered; the lane is the first hop's.
    gate: Arc<Gate>,
    lane: bool,
}

impl Road<'_> {
    pub(super) fn permit(&self) -> Result<PermittedRequest, Error> {
        self.setup.policy.permit(self.request, self.auth, &self.setup.defaults, clock::now())
    }

    /// The longest wait for another turn: what is left of the call, too.
    fn longest_wait(&self) -> Duration {
        self.setup.throttle.max_wait.min(self.deadline.saturating_duration_since(clock::now()))
    }

    fn limits(&self) -> Limits {
        let default = if self.options.stream { STREAM_BYTES } else { self.setup.max_bytes };
        Limits {
            max_bytes: self.options.max_bytes.unwrap_or(default),
            read_timeout: self.options.read_timeout.unwrap_or(self.setup.times.read),
            deadline: self.deadline,
        }
    }

    /// Tries until there is an answer, or no reason to try again.
    pub(super) async fn attempts(
        &self,
        first: Box<PermittedRequest>,
        mut attached: Option<InUse<'_>>,
        permit: Permit,
        trace: &mut Trace,
    ) -> Result<Box<Response>, Failure> {
        let (mut permitted, mut permit) = (first, permit);
        loop {
            trace.attempts += 1;
            let used = match attached.take() {
                used if self.is_current(used.as_ref(), permit.at(), trace) => used,
                used => Box::pin(self.keep_up(&mut permitted, used)).await?,
            };
            let host = permitted.origin().clone();
            let result = match self.exchange(permitted, &mut permit, trace).await {
                Ok(answer) => self.read(answer, trace.attempts, used.is_some() && !trace.renewed).await,
                Err(trouble) => Err(trouble),
            };
            drop(permit);
            let (outcome, failure) = match result {
                Ok(Ok(response)) => {
                    Budgets::succeed(host.authority());
                    return Ok(response);
                }
                Ok(Err((outcome, failure))) => (outcome, failure),
                Err(trouble) => match outcome_of(&trouble) {
                    Some(outcome) => (outcome, Failure::from(trouble.error)),
                    None => return Err(trouble.error.into()),
                },
            };
            if let Some(used) = used.filter(|_| outcome.is_unauthorized() && self.request.is_replayable())
                && !std::mem::replace(&mut trace.renewed, true)
            {
                match Box::pin(self.renew(&used, trace)).await {
                    Retry::Turn(turn, place) => {
                        (permitted, permit) = (turn, place);
                        continue;
                    }
                    Retry::Answer(response) => return Ok(response),
                    Retry::None => {}
                }
            }
            match self.verdict(&outcome, host.authority(), trace) {
                Verdict::Again(wait) => match Box::pin(self.another_turn(wait, trace)).await {
                    Ok(turn) => (permitted, permit) = turn,
                    Err(error) if matches!(error.code().class(), Class::ThrottledError | Class::RateLimitedError) => {
                        return self.last(stopped(failure, &Reason::NoTurn, error.retry_after()));
                    }
                    Err(error) => return Err(error.into()),
                },
                Verdict::Done => return self.last(failure),
                Verdict::Stop { reason, retry_after } => return self.last(stopped(failure, &reason, retry_after)),
            }
        }
    }

    /// Waits, and then in line.
    pub(super) async fn another_turn(
        &self,
        wait: Duration,
        trace: &mut Trace,
    ) -> Result<(Box<PermittedRequest>, Permit), Error> {
        queue::nap(wait).await;
        self.ready().await?;
        let permitted = Box::new(self.permit()?);
        self.gate.judge()?;
        let permit = queue::acquire(&self.gate.front, self.ask, self.longest_wait(), &mut trace.queued).await?;
        Ok((permitted, permit))
    }

    /// With `check=False` the last answer is the caller's, whatever it says.
    fn last(&self, failure: Failure) -> Result<Box<Response>, Failure> {
        match failure.response {
            Some(response) if !self.options.check => Ok(response),
            response => Err(Failure { error: failure.error, response }),
        }
    }

    fn verdict(&self, outcome: &Outcome, host: &str, trace: &Trace) -> Verdict {
        let attempt = Attempt {
            method: self.request.method(),
            number: trace.attempts,
            replayable: self.request.is_replayable(),
            idempotency_key: self.request.has_idempotency_key(),
            owned_above: self.request.is_retried_above(),
            time_left: self.deadline.saturating_duration_since(clock::now()),
        };
        let mut dice = Dice::roll_new();
        Budgets::of(host, |budget| self.setup.rules.decide(&attempt, outcome, budget, &mut dice))
    }

    /// One request and the redirects that its answers ask for, each hop judged.
    pub(super) async fn exchange(
        &self,
        first: Box<PermittedRequest>,
        permit: &mut Permit,
        trace: &mut Trace,
    ) -> Result<Box<Answer>, Trouble> {
        let mut permitted = first;
        let mut hop: Option<Hop> = None;
        let mut extra: Option<Permit> = None;
        let mut other: Option<Arc<Gate>> = None;
        loop {
            let uri = permitted.uri().clone();
            if self.auth.iter().any(Auth::signs) {
                Box::pin(self.sign(&mut permitted, hop.as_ref())).await.map_err(refused)?;
            }
            let permit = extra.as_mut().unwrap_or(&mut *permit);
            permit.spend();
            let answer = match self.hop(*permitted).await {
                Err(trouble) if trouble.reached == Reached::StaleConnection && self.may_repeat(hop.as_ref()) => {
                    permit.arrive();
                    Box::pin(self.repeat(hop.as_ref())).await
                }
                answer => answer,
            };
            let gate = other.as_ref().unwrap_or(self.gate);
            let reply = answer.inspect_err(|trouble| {
                gate.report_trouble(trouble);
                permit.fail(trouble);
            })?;
            let now = clock::now();
            let told = gate.dialect.read(reply.status.as_u16(), &reply.headers, clock::wall());
            if let Some(delay) = reply.delay {
                permit.delayed(delay);
            }
            if !permit.is_settled() {
                let named = gate.named(self.ask.lane.filter(|_| other.is_none()), &told);
                permit.settle(&gate.lessons(&told), named, now);
            }
            gate.report(reply.status.as_u16(), &told, now);
            trace.status = Some(reply.status.as_u16());
            let follow = self.setup.follow_redirects && redirect::is_redirect(reply.status);
            let Some(location) = reply.headers.get(LOCATION).filter(|_| follow) else {
                let (lane, gate) = (other.is_none(), gate.clone());
                return Ok(Box::new(Answer { reply, uri, told, gate, lane }));
            };
            if trace.redirects >= MAX_REDIRECTS {
                let error = Error::new(Code::PolicyRedirectRefused).with("reason", "more than 5 redirects");
                return Err(refused(error));
            }
            let target = self.target(&uri, reply.status, location.as_bytes(), hop.as_ref()).map_err(refused)?;
            Box::pin(reply.body.drain(&self.limits())).await;
            self.ready().await.map_err(refused)?;
            let next = self.setup.policy.follow(self.request, &target, self.auth, &self.setup.defaults, clock::now());
            *permitted = next.map_err(refused)?;
            trace.redirects += 1;
            trace.host = Some(permitted.origin().clone());
            let gate = self.setup.gate(permitted.origin());
            let ask = Ask { lane: None, ..*self.ask };
            gate.judge().map_err(refused)?;
            let acquire = queue::acquire(&gate.front, &ask, self.longest_wait(), &mut trace.queued);
            extra = Some(Box::pin(acquire).await.map_err(refused)?);
            other = Some(gate);
            hop = Some(target);
        }
    }

    /// Sends one hop and waits for the head of its answer, at most as long as a silence may last.
    fn hop(&self, permitted: PermittedRequest) -> impl Future<Output = Result<Reply, Trouble>> + Send {
        /// A body above this size may take longer to send than a silence may last; the total limit bounds it.
        const LONG_UPLOAD: usize = 1024 * 1024;
        let short = permitted.bytes().is_some_and(|bytes| bytes.len() <= LONG_UPLOAD);
        let (limits, asked, host) = (self.limits(), clock::now(), permitted.origin().clone());
        let (end, late) = if short { limits.silence(asked) } else { (self.deadline, Code::TransportTimeout) };
        let answer = tokio::time::timeout_at(clock::on_timers(end).into(), self.transport.send(permitted));
        async move {
            if let Ok(answer) = answer.await {
                return answer;
            }
            self.transport.doubt(&host, asked);
            if late == Code::TransportTimeout {
                return Err(refused(self.overdue()));
            }
            let reason = format!("no answer within {} s", limits.read_timeout.as_secs_f64());
            Err(Trouble { error: Error::new(late).with("reason", reason), reached: Reached::Sent })
        }
    }

    fn overdue(&self) -> Error {
        let total = self.deadline.duration_since(self.begun).as_secs_f64();
        Error::new(Code::TransportTimeout).with("reason", format!("no complete answer within {total} s"))
    }

    /// A connection that went stale while it was kept costs one silent repeat, for methods that may be repeated.
    fn may_repeat(&self, hop: Option<&Hop>) -> bool {
        let method = hop.map_or(self.request.method(), |hop| &hop.method);
        method.is_idempotent() && self.request.is_replayable()
    }

    async fn repeat(&self, hop: Option<&Hop>) -> Result<Reply, Trouble> {
        let again = match hop {
            None => self.permit(),
            Some(hop) => self.setup.policy.follow(self.request, hop, self.auth, &self.setup.defaults, clock::now()),
        };
        let mut again = again.map_err(refused)?;
        self.sign(&mut again, hop).await.map_err(refused)?;
        self.hop(again).await
    }

    /// Signs the finished request with a stamp of its own, in the order of `auth`.
    async fn sign(&self, permitted: &mut PermittedRequest, hop: Option<&Hop>) -> Result<(), Error> {
        self.ready().await?;
        for auth in self.auth {
            match auth {
                Auth::Signer(signer) => self.setup.policy.sign(permitted, signer, hop, &stamp()?)?,
                Auth::Outside(index) => self.ask_signer(*index, permitted, hop).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Asks a signer outside this crate; never for another origin.
    async fn ask_signer(&self, index: usize, permitted: &mut PermittedRequest, hop: Option<&Hop>) -> Result<(), Error> {
        let own = self.setup.policy.origin() == Some(permitted.origin()) && hop.is_none_or(|hop| hop.same_origin);
        let Some(outside) = self.outside.filter(|_| own) else { return Ok(()) };
        let plain = permitted.headers().iter().filter(|(_, value)| !value.is_sensitive());
        let request = SignRequest {
            method: permitted.method().as_str().to_owned(),
            url: permitted.uri().to_string(),
            headers: plain.filter_map(|(k, v)| Some((k.as_str().to_owned(), v.to_str().ok()?.to_owned()))).collect(),
            content: permitted.bytes().map(<[u8]>::to_vec),
        };
        let end = clock::on_timers(self.deadline).into();
        let signed = tokio::time::timeout_at(end, outside.sign(index, request)).await;
        permitted.add_signature(signed.map_err(|_| self.overdue())??)
    }

    /// Reads the body and decides whether the answer is an answer; with `keyed` a 401 may end in another try.
    pub(super) async fn read(
        &self,
        mut answer: Box<Answer>,
        attempts: u32,
        keyed: bool,
    ) -> Result<Result<Box<Response>, (Outcome, Failure)>, Trouble> {
        let reply = &mut answer.reply;
        let status = reply.status.as_u16();
        let limits = self.limits();
        let good = (200..300).contains(&status);
        let again =
            !good && (answer.told.refused || keyed && status == 401 || self.setup.rules.is_retryable_status(status));
        if good {
            judge_type(self.setup.content_types.as_deref(), reply).map_err(refused)?;
        }
        let whole = good || !self.options.check;
        let content = match (whole, self.options.stream) {
            (true, false) => Some(read_all(reply, &limits).await?),
            (true, true) if !again => None,
            _ => Some(Box::pin(reply.body.excerpt(ERROR_BODY, &limits)).await),
        };
        let Answer { reply, uri, mut told, gate, lane } = *answer;
        let lane = self.ask.lane.filter(|_| lane);
        let known = told.quotas.len();
        gate.dialect.conclude(&mut told, status, content.as_deref());
        gate.learn(lane, &mut told, known);
        let longest = self.setup.rules.max_retry_after;
        if let Some(telling) = gate.block(lane, &told, status, longest) {
            telling.await;
        }
        let retry_after = told.retry_after.filter(|_| !good || told.refused);
        let limited = told.refused || again && retry_after > Some(longest);
        let outcome = Outcome::Answered { status, retry_after, refused: told.refused, verdict: told.retry };
        let (good, again) = (good && !told.refused, again || told.refused);
        let reason = reply.reason.or_else(|| reply.status.canonical_reason().map(str::to_owned)).unwrap_or_default();
        let response = Box::new(Response {
            status,
            reason,
            headers: reply.headers,
            version: reply.version,
            content: content.map_or_else(|| Content::Stream(Box::new(reply.body), limits), Content::Read),
            uri,
            open: self.setup.policy.is_open_web(),
            elapsed: clock::now().duration_since(self.begun),
            attempts,
            quota: told.quotas.into_iter().next(),
            limited,
        });
        if good || !(self.options.check || again) {
            return Ok(Ok(response));
        }
        let mut error = status_error(&response, retry_after);
        if let Some(chat) = told.moved_to {
            error = error.with("migrate_to_chat_id", chat.to_string());
            error = error.hint("the group became a supergroup; send to `migrate_to_chat_id` from now on");
        }
        Ok(Err((outcome, Failure { error, response: Some(response) })))
    }
}

async fn read_all(reply: &mut Reply, limits: &Limits) -> Result<bytes::Bytes, Trouble> {
    reply.body.collect(limits).await.map_err(|error| {
        let broken = matches!(error.code(), Code::TransportTruncated | Code::TransportReadTimeout);
        Trouble { error, reached: if broken { Reached::Sent } else { Reached::Refused } }
    })
}

/// Now, and a nonce that nobody had before.
fn stamp() -> Result<Stamp, Error> {
    let mut nonce = [0; 16];
    let filled = clock::random_bytes(&mut nonce);
    filled.map_err(|_| Error::new(Code::Internal).with("reason", "the system has no random source"))?;
    Ok(Stamp::new(clock::wall(), nonce))
}

fn refused(error: Error) -> Trouble {
    Trouble { error, reached: Reached::Refused }
}
