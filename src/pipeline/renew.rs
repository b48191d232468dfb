//! What secrets that rotate ask of a call: to be read before it, and once more when the API refuses them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Trace;
use super::attempt::Road;
use super::queue::Permit;
use super::response::Response;
use super::setup::Outside;
use crate::clock;
use crate::error::{Class, Code, Error};
use crate::policy::PermittedRequest;
use crate::secret::{Renewed, Secret, Use};
use crate::sign::Auth;
use crate::validate::ValidRequest;

/// The secrets of a call that may change.
fn moving<'a>(request: &'a ValidRequest, auth: &'a [Auth]) -> impl Iterator<Item = &'a Secret> {
    auth.iter().flat_map(Auth::secrets).chain(request.secrets()).filter(|secret| secret.is_moving())
}

/// A secret that may change, and the value of it that is in use.
pub(super) struct InUse<'a> {
    secret: &'a Secret,
    used: Use,
}

/// The secrets of a call that may change.
#[derive(Default)]
pub(super) struct Moving<'a> {
    /// How many they are.
    pub(super) count: usize,
    /// The first of the proofs', and the value that goes out.
    pub(super) used: Option<InUse<'a>>,
}

/// The secrets of a call that may change; `None` when one of them has no value that serves. Readings that are due begin in the
/// background.
pub(super) fn serve<'a>(request: &ValidRequest, auth: &'a [Auth], now: Instant) -> Option<Moving<'a>> {
    let mut found = Moving::default();
    let mut all = true;
    // Each of them is asked, so that their readings begin together.
    for secret in auth.iter().flat_map(Auth::secrets).filter(|secret| secret.is_moving()) {
        found.count += 1;
        match secret.serves(now) {
            Some(used) => drop(found.used.get_or_insert(InUse { secret, used })),
            None => all = false,
        }
    }
    for secret in request.secrets().filter(|secret| secret.is_moving()) {
        found.count += 1;
        all &= secret.serves(now).is_some();
    }
    all.then_some(found)
}

/// Whether an error says that a secret has no value.
pub(super) fn lacks_value(error: &Error) -> bool {
    matches!(error.code().class(), Class::SecretAccessError | Class::SecretStaleError | Class::SecretNotFoundError)
}

/// Waits until every secret of the call has a value.
///
/// # Errors
/// As [`Secret::ready`], and `SecretAccessError` when that takes longer than the call may.
pub(super) async fn ready(
    request: &ValidRequest,
    auth: &[Auth],
    outside: Option<&dyn Outside>,
    longest: Duration,
) -> Result<(), Error> {
    for secret in moving(request, auth) {
        let reading = async {
            if let Some(outside) = outside.filter(|_| secret.is_outside())
                && let Some(_reading) = secret.claim_reading()
            {
                outside.read(secret).await;
            }
            secret.ready().await
        };
        let read = tokio::time::timeout(longest, reading).await;
        let late = || Error::new(Code::SecretAccess).with("reason", "its source did not answer in time");
        read.unwrap_or_else(|_| Err(late())).map_err(|error| error.with("secret", secret.name()))?;
    }
    Ok(())
}

/// The first secret of these proofs that may change, and the value that goes out now.
pub(super) fn in_use(auth: &[Auth], now: Instant) -> Option<InUse<'_>> {
    let secret = auth.iter().flat_map(Auth::secrets).find(|secret| secret.is_moving())?;
    Some(InUse { secret, used: secret.in_use(now)? })
}

/// Another try with another key.
pub(super) enum Retry {
    /// The key changed: this is the request's turn with the new one.
    Turn(Box<PermittedRequest>, Permit),
    /// The key did not, but the one before it, which its source keeps, brought an answer.
    Answer(Box<Response>),
    /// There is no other key.
    None,
}

impl Road<'_> {
    /// Has the secrets read that a wait has made too old to be used.
    ///
    /// # Errors
    /// As [`ready`].
    pub(super) async fn ready(&self) -> Result<(), Error> {
        if self.moving == 0 || serve(self.request, self.auth, clock::now()).is_some() {
            return Ok(());
        }
        let left = self.deadline.saturating_duration_since(clock::now());
        Box::pin(ready(self.request, self.auth, self.outside, left)).await
    }

    /// Whether what was attached before a turn came certainly is what is to be sent.
    pub(super) fn is_current(&self, attached: Option<&InUse<'_>>, granted: Instant, trace: &Trace) -> bool {
        let same = |InUse { secret, used }: &InUse<'_>| secret.still_uses(used, granted);
        match attached {
            _ if self.moving == 0 => true,
            // With more than one secret every wait counts.
            Some(used) if same(used) => self.moving == 1 || trace.queued.is_zero(),
            Some(_) => false,
            None => trace.attempts == 1 && trace.queued.is_zero(),
        }
    }

    /// Attaches the values of now where those that were attached before a wait in line may be old; the first of them.
    ///
    /// What goes out is never older than what this returns, so that a 401 is not taken for one to a newer value.
    ///
    /// # Errors
    /// As [`Secret::reveal`]: a time may have ended meanwhile, and its source may be out of reach.
    pub(super) async fn keep_up<'a>(
        &'a self,
        permitted: &mut PermittedRequest,
        attached: Option<InUse<'a>>,
    ) -> Result<Option<InUse<'a>>, Error> {
        self.ready().await?;
        let at = clock::now();
        let now = in_use(self.auth, at);
        let same = match (&attached, &now) {
            (Some(before), Some(now)) => Arc::ptr_eq(before.used.version(), now.used.version()),
            _ => false,
        };
        if !same || self.moving > 1 {
            self.setup.policy.permit_again(permitted, self.request, self.auth, &self.setup.defaults, at)?;
        }
        Ok(now)
    }

    /// After a 401: reads the secret again, and says whether another try makes sense.
    pub(super) async fn renew(&self, InUse { secret, used }: &InUse<'_>, trace: &mut Trace) -> Retry {
        let end = clock::on_timers(self.deadline).into();
        let ask = async || {
            if let Some(outside) = self.outside {
                outside.read(secret).await;
            }
        };
        match tokio::time::timeout_at(end, secret.renewed_by(used.version().fingerprint(), ask)).await {
            Ok(Ok(Renewed::Changed)) => match self.another_turn(Duration::ZERO, trace).await {
                Ok((permitted, permit)) => Retry::Turn(permitted, permit),
                Err(_) => Retry::None,
            },
            // The API may not know the new value yet, for this call and for those that come before the next reading.
            Ok(Ok(Renewed::Same | Renewed::TooSoon)) => match tokio::time::timeout_at(end, secret.previous()).await {
                Ok(Some(old)) => {
                    let swap = |auth: &Auth| match auth.secret() {
                        Some(own) if own.id() == secret.id() => auth.with_secret(old.clone()),
                        _ => auth.clone(),
                    };
                    let auth: Vec<Auth> = self.auth.iter().map(swap).collect();
                    let road = Road { auth: &auth, ..*self };
                    road.once(trace).await.map_or(Retry::None, Retry::Answer)
                }
                _ => Retry::None,
            },
            _ => Retry::None,
        }
    }

    /// One more attempt; `None` unless it brings an answer.
    async fn once(&self, trace: &mut Trace) -> Option<Box<Response>> {
        let (permitted, mut permit) = self.another_turn(Duration::ZERO, trace).await.ok()?;
        trace.attempts += 1;
        let answer = self.exchange(permitted, &mut permit, trace).await.ok()?;
        self.read(answer, trace.attempts, true).await.ok()?.ok()
    }
}
