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

/// The first secret of these proofs that may change, and the value that goes out; `None` when a secret of the call has no
/// value that serves. Readings that are due begin in the background.
pub(super) fn serve<'a>(request: &ValidRequest, auth: &'a [Auth], now: Instant) -> Option<Option<InUse<'a>>> {
    let mut first = None;
    let mut all = true;
    // Each of them is asked, so that their readings begin together.
    for secret in auth.iter().flat_map(Auth::secrets).filter(|secret| secret.is_moving()) {
        match secret.serves(now) {
            Some(used) => drop(first.get_or_insert(InUse { secret, used })),
            None => all = false,
        }
    }
    for secret in request.secrets().filter(|secret| secret.is_moving()) {
        all &= secret.serves(now).is_some();
    }
    all.then_some(first)
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
    /// Attaches the value of now where the one that was attached before a wait in line is no longer in use; which one that is.
    ///
    /// What goes out is never older than what this returns, so that a 401 is not taken for one to a newer value.
    ///
    /// # Errors
    /// As [`Secret::reveal`]: its time may have ended meanwhile.
    pub(super) fn keep_up<'a>(
        &'a self,
        permitted: &mut PermittedRequest,
        attached: Option<InUse<'a>>,
        granted: Instant,
    ) -> Result<Option<InUse<'a>>, Error> {
        if attached.as_ref().is_some_and(|InUse { secret, used }| secret.still_uses(used, granted)) {
            return Ok(attached);
        }
        let now = in_use(self.auth, granted);
        let same = match (&attached, &now) {
            (Some(before), Some(now)) => Arc::ptr_eq(before.used.version(), now.used.version()),
            (None, None) => true,
            _ => false,
        };
        if !same {
            *permitted = self.permit()?;
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
