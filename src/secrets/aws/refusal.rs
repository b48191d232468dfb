//! What AWS means when it refuses: the name of its error, which is not always told by the status.
//!
//! Sources: Secrets Manager API reference, "Common Errors" and `GetSecretValue`; STS API reference, the same.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Dice;
use crate::error::{Code, Error};
use crate::secret::Fault;
use crate::secrets::{Answer, Ask, Caller};

/// Statuses whose answers name an error. Throttling comes as 400 as well as 429.
pub(super) const READS: &[u16] = &[400, 401, 403, 404];

/// How often AWS is asked, and the longest pause before the second time; it doubles.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What an error means to the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// There is no such secret or version.
    Gone,
    /// The identity may not read it, or asks wrongly.
    Refused,
    /// The keys are over or unknown: others may do.
    Keys,
    /// Later it may be answered.
    Later,
}

const NAMES: [(&str, Means); 38] = [
    ("ResourceNotFoundException", Means::Gone),
    ("AccessDenied", Means::Refused),
    ("AccessDeniedException", Means::Refused),
    ("DecryptionFailure", Means::Refused),
    ("EncryptionFailure", Means::Refused),
    ("ForbiddenException", Means::Refused),
    ("IDPRejectedClaim", Means::Refused),
    ("IncompleteSignature", Means::Refused),
    ("InvalidIdentityToken", Means::Refused),
    ("InvalidParameterException", Means::Refused),
    ("InvalidParameterValue", Means::Refused),
    ("InvalidRequestException", Means::Refused),
    ("MalformedPolicyDocument", Means::Refused),
    ("NotAuthorized", Means::Refused),
    ("PackedPolicyTooLarge", Means::Refused),
    ("RegionDisabledException", Means::Refused),
    ("ValidationError", Means::Refused),
    ("ValidationException", Means::Refused),
    ("ExpiredToken", Means::Keys),
    ("ExpiredTokenException", Means::Keys),
    ("InvalidAccessKeyId", Means::Keys),
    ("InvalidClientTokenId", Means::Keys),
    ("InvalidSignatureException", Means::Keys),
    ("MissingAuthenticationToken", Means::Keys),
    ("RequestExpired", Means::Keys),
    ("SignatureDoesNotMatch", Means::Keys),
    ("UnauthorizedException", Means::Keys),
    ("UnrecognizedClientException", Means::Keys),
    ("IDPCommunicationError", Means::Later),
    ("InternalFailure", Means::Later),
    ("InternalServiceError", Means::Later),
    ("LimitExceededException", Means::Later),
    ("RequestLimitExceeded", Means::Later),
    ("ServiceUnavailable", Means::Later),
    ("Throttling", Means::Later),
    ("ThrottlingException", Means::Later),
    ("TooManyRequestsException", Means::Later),
    ("RequestThrottledException", Means::Later),
];

/// The error that an answer names, if it is one of those above: no other text of an answer is ever repeated.
pub(super) fn of(answer: &Answer) -> Option<(&'static str, Means)> {
    let text = std::str::from_utf8(&answer.body).unwrap_or("");
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let named = json.as_ref().and_then(|value| value.get("__type").or_else(|| value.get("code"))?.as_str());
    // `com.amazonaws.secretsmanager#NAME` or `NAME:http://…`.
    let said = named.or(header).or_else(|| element(text, "Code"))?;
    let said = said.rsplit('#').next().unwrap_or(said);
    let said = said.split(':').next().unwrap_or(said).trim();
    NAMES.iter().find(|(name, _)| *name == said).copied()
}

/// Asks, and again after a pause while AWS says "later" or a connection breaks: all that is asked here is harmless to repeat.
///
/// # Errors
/// As [`Caller::send`].
pub(super) async fn ask(caller: &Caller, question: impl Fn() -> Ask) -> Result<Answer, Fault> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        let answer = caller.send(question()).await;
        let later = match &answer {
            Ok(answer) => matches!(of(answer), Some((_, Means::Later))),
            Err(fault) => fault.passing && !was_slow(fault),
        };
        if !later {
            return answer;
        }
        sleep(pause.mul_f64(0.5 + 0.5 * Dice::roll_new().fraction())).await;
        pause *= 2;
    }
    caller.send(question()).await
}

/// Whether all the time that there was is spent.
fn was_slow(fault: &Fault) -> bool {
    fault.error.details().iter().any(|(key, value)| *key == "cause" && value.contains("timeout"))
}

/// The fault that a refusal is; `hint` tells what to look at where access was denied.
pub(super) fn fault(answer: &Answer, caller: &Caller, hint: &'static str) -> Fault {
    let known = of(answer);
    let code = match known {
        Some((_, Means::Gone)) => Code::SecretNotFound,
        _ => Code::SecretAccess,
    };
    let mut error = Error::new(code).with("manager", caller.host());
    match known {
        Some((name, _)) => error.add("reason", format!("AWS answered {name}")),
        None => error.add("status", answer.status.to_string()),
    }
    let request = answer.headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok());
    if let Some(id) = request.filter(|id| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        error.add("request_id", id);
    }
    let hint = match known {
        Some((_, Means::Gone)) => "there is no such secret, version or stage in this region",
        Some((_, Means::Keys)) => "the keys are wrong or over, or this machine's clock is",
        Some((_, Means::Later)) => "AWS asks to be asked later",
        Some(("InvalidRequestException", _)) => "the secret is marked for deletion, or asked for in another way",
        _ => hint,
    };
    Fault { error: error.hint(hint), passing: matches!(known, Some((_, Means::Later))) }
}

/// The text between the first `<name>` and the `</name>` after it.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    fn answer(body: &str, header: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert("x-amzn-errortype", http::HeaderValue::from_static(value));
        }
        Answer { status: 400, headers, body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn an_error_is_named_in_a_body_of_either_kind_or_in_a_header() {
        for (body, header) in [
            (r#"{"__type":"ResourceNotFoundException","Message":"x"}"#, None),
            (r#"{"__type":"com.amazonaws.secretsmanager#ResourceNotFoundException"}"#, None),
            ("<ErrorResponse><Error><Code>ResourceNotFoundException</Code></Error></ErrorResponse>", None),
            ("", Some("ResourceNotFoundException:http://internal.amazon.com/x/")),
        ] {
            assert_eq!(of(&answer(body, header)), Some(("ResourceNotFoundException", Means::Gone)), "{body}");
        }
        for body in ["", "[]", r#"{"__type":"sk-made-up-secret"}"#, "<Code>sk-made-up-secret</Code>", r#"{"__type":7}"#]
        {
            assert_eq!(of(&answer(body, None)), None);
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(body in "(\\{\"__type\":\")?\\PC{0,60}(\"\\})?", name in "[A-Za-z]{0,5}") {
            let _ = (of(&answer(&body, None)), element(&body, &name));
        }
    }
}
