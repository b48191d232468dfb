//! Access tokens of clouds: a form goes to a token endpoint, a token with a lifetime comes back, or the code of a refusal.
//!
//! A token is a secret that is read when it is first needed, by one reader for all secrets of a provider, and again before it
//! expires. Source: RFC 6749 §5; RFC 8693 §2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::caller::{json, strange};
use super::metadata::Lease;
use super::{Answer, Ask, Caller, Fetch, Fetching, Reach, found, kept, wrap};
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::{Faint, Fault, Form, Found, Piece, Secret, Terms, Text};
use crate::url::SafeUrl;
use crate::validate::{Leaf, Route};
use crate::{clock, encode, redact};

/// Tokens serve for the time that their answer names.
const TERMS: Terms = Terms { ttl: Duration::from_secs(86_400), max_stale: Duration::ZERO };
/// A token is not used in the last tenth of its life, at most a minute: the request needs time to arrive.
const MARGIN: Duration = Duration::from_secs(60);
/// Shortest life that is believed: below it every request would log in.
const SHORTEST: Duration = Duration::from_secs(10);
/// Longest: a day, the longest that any cloud gives.
const LONGEST_S: u64 = 86_400;

/// The token of a provider, shared by its secrets. It is renewed while one of them lives; the provider remembers the last one for
/// secrets that come later.
#[derive(Default)]
pub(super) struct Shared {
    token: Lock<Option<Faint>>,
    last: Arc<Last>,
}

/// A token, and when it is over.
type Last = Lock<Option<(Secret, Instant)>>;

impl Shared {
    /// The token that is there, or a new one that `login` brings.
    pub(super) fn get(&self, name: &str, login: Arc<dyn Fetch>) -> Secret {
        let mut held = self.token.lock();
        if let Some(token) = held.as_ref().and_then(Faint::get) {
            return token;
        }
        let fetch = Remembered { login, last: self.last.clone(), asked: AtomicBool::new(false) };
        let token = kept(name, Arc::new(fetch), Some(TERMS), None);
        *held = Some(token.faint());
        token
    }
}

/// Logs in, unless the provider remembers a token; asked again it does not believe what it remembers.
struct Remembered {
    login: Arc<dyn Fetch>,
    last: Arc<Last>,
    asked: AtomicBool,
}

impl Fetch for Remembered {
    fn fetch(&self) -> Fetching {
        let last = self.last.clone();
        let first = !self.asked.swap(true, Ordering::AcqRel);
        let known = last.lock().take().filter(|_| first);
        let left = known.map(|(token, end)| (token, end.saturating_duration_since(clock::now())));
        let login = self.login.fetch();
        Box::pin(async move {
            let found = match left.filter(|(_, left)| *left > SHORTEST) {
                Some((token, left)) => found(&token.reveal().map_err(firm)?, None, Some(left))?,
                None => login.await?,
            };
            let end = found.lifetime.and_then(|left| clock::now().checked_add(left));
            let token = wrap("token", found.version.to_string().into(), None);
            *last.lock() = end.map(|end| (token, end));
            Ok(found)
        })
    }
}

/// Waits until the token can be used, which may take a login.
///
/// # Errors
/// [`Fault`]: passing while the token endpoint is out of reach; else what it refused.
pub(super) async fn ready(token: &Secret) -> Result<(), Fault> {
    token.ready().await.map_err(|error| match error.code() {
        Code::SecretStale => Fault {
            error: Error::new(Code::SecretAccess).with("reason", "the login was out of reach for too long"),
            passing: true,
        },
        _ => firm(error),
    })
}

/// A token as what its secret serves.
///
/// # Errors
/// [`Fault`] for one that no header can carry, or that has no time left.
pub(super) fn served(lease: Lease) -> Result<Found, Fault> {
    let Lease { token, lifetime } = sound(lease)?;
    found(&token.reveal().map_err(firm)?, None, Some(in_use(lifetime)))
}

/// How much of a token's life it is used for.
pub(super) fn in_use(lifetime: Duration) -> Duration {
    lifetime - MARGIN.min(lifetime / 10)
}

/// Whether a header can carry it (RFC 6749 appendix A.12).
pub(super) fn fits_a_header(token: &str) -> bool {
    token.bytes().all(|b| (0x21..0x7f).contains(&b))
}

/// A token that can be used.
pub(super) fn sound(lease: Lease) -> Result<Lease, Fault> {
    let value = lease.token.reveal().map_err(firm)?;
    if !fits_a_header(&value) {
        return Err(strange("the access token holds characters that no header may hold"));
    }
    if lease.lifetime < SHORTEST {
        return Err(strange("the access token has no time left"));
    }
    Ok(lease)
}

/// A place that takes forms or JSON and gives tokens.
pub(super) struct Endpoint {
    caller: Caller,
    template: String,
    params: Vec<(String, String)>,
}

impl Endpoint {
    /// Checks where it is; `reach` says how, not where. Opens no connection.
    ///
    /// # Errors
    /// `SecretAccessError` for a path that needs encoding; as [`Caller::new`].
    pub(super) fn new(url: &SafeUrl, reach: &Reach) -> Result<Self, Error> {
        let (path, query) = url.path_and_query();
        Route::parse(path).map_err(|_| {
            Error::new(Code::SecretAccess)
                .with("reason", "the path of a token URL holds a character that needs encoding")
        })?;
        let base = format!("https://{}", url.origin().authority());
        let caller = Caller::new(&Reach { base, ..reach.clone() })?;
        Ok(Self { caller, template: path.to_owned(), params: pairs(query) })
    }

    /// Sends a form, and reads the token that it brings.
    ///
    /// # Errors
    /// [`Fault`] that names the host and the code of a refusal, such as `invalid_grant`.
    pub(super) async fn token(&self, fields: &[(&str, Leaf)], name: &str) -> Result<Lease, Fault> {
        let answer = self.ask(Ask::post("/", "application/x-www-form-urlencoded", form(fields))).await?;
        lease(&answer, name).and_then(sound).map_err(|fault| self.at_login(fault))
    }

    /// Asks for what stands at the URL.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub(super) async fn get(&self, headers: Vec<(String, Leaf)>) -> Result<Answer, Fault> {
        self.ask(Ask { headers, ..Ask::get("/") }).await
    }

    /// Asks something else of it.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, Fault> {
        let ask = Ask { template: self.template.clone(), params: self.params.clone(), reads: &[400, 401, 403], ..ask };
        let answer = self.caller.send(ask).await.map_err(|fault| self.at_login(fault))?;
        if answer.status < 300 { Ok(answer) } else { Err(self.at_login(refused(&answer))) }
    }

    /// A fault that is the token endpoint's, not the manager's.
    pub(super) fn at_login(&self, fault: Fault) -> Fault {
        let mut error = Error::new(Code::SecretAccess).with("token_endpoint", self.caller.host());
        let of =
            |key: &str| fault.error.details().iter().find(|(known, _)| *known == key).map(|(_, value)| value.clone());
        let why = match (of("status"), of("refusal"), of("cause")) {
            (Some(status), Some(code), _) => format!("the login was refused: {code} ({status})"),
            (Some(status), None, _) => format!("the token endpoint answered {status}"),
            (None, _, cause) => of("reason").or(cause).unwrap_or_default(),
        };
        error.add("reason", why);
        for key in ["cause", "aadsts", "retry", "request_id"] {
            if let Some(value) = of(key) {
                error.add(key, value);
            }
        }
        let error = match fault.error.hint_text() {
            Some(hint) if of("refusal").is_some() => error.hint(hint),
            _ => error,
        };
        Fault { error, passing: fault.passing }
    }
}

/// A token in an answer as OAuth 2 writes it; some endpoints write the seconds as text.
///
/// # Errors
/// [`Fault`] for an answer that is none.
fn lease(answer: &Answer, name: &str) -> Result<Lease, Fault> {
    let body = json(answer)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    match text("token_type") {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        _ => return Err(strange("the token is of another type than Bearer")),
    }
    let token = text("access_token").filter(|token| !token.is_empty());
    let seconds = match body.get("expires_in") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    match (token, seconds) {
        (Some(token), Some(seconds)) => Ok(self::token(token, name, Duration::from_secs(seconds.min(LONGEST_S)))),
        _ => Err(strange("the answer lacks the token or its lifetime")),
    }
}

/// A token by its text.
pub(super) fn token(text: &str, name: &str, lifetime: Duration) -> Lease {
    Lease { token: wrap(name, text.to_owned().into(), None), lifetime }
}

fn refused(answer: &Answer) -> Fault {
    let body = json(answer).ok();
    let code = body.as_ref().and_then(refusal).unwrap_or_else(|| "unnamed".to_owned());
    let passing = passes(&code);
    let hint = match code.as_str() {
        "invalid_client" => "the client's secret or assertion is wrong or has expired",
        "invalid_grant" => {
            "the key, refresh token or assertion is refused: revoked, expired, or this machine's clock is wrong"
        }
        "unauthorized_client" => "this client may not log in this way",
        "PERMISSION_DENIED" => "this identity may not act as that service account",
        _ => "the token endpoint refused the credentials",
    };
    let mut error = Error::new(Code::SecretAccess).with("status", answer.status.to_string()).with("refusal", code);
    // Microsoft's numbers say more than the code: 7000222 is an expired client secret.
    let number = body.as_ref().and_then(|body| body.get("error_codes")?.get(0)?.as_u64());
    if let Some(number) = number {
        error.add("aadsts", number.to_string());
    }
    Fault { error: error.hint(hint), passing }
}

/// The code of a refusal, as OAuth, Google and Azure write it, if it looks like one. Descriptions are not read: they may repeat
/// what was sent.
pub(super) fn refusal(body: &Value) -> Option<String> {
    let error = body.get("error")?;
    let inner = || error.get("innererror")?.get("code")?.as_str();
    let named = |key: &str| error.get(key).and_then(Value::as_str);
    let code = error.as_str().or_else(inner).or_else(|| named("status")).or_else(|| named("code"))?;
    let fits = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    (fits && redact::scrub(code) == code).then(|| code.to_owned())
}

/// Whether a refusal may be another answer a moment later.
pub(super) fn passes(code: &str) -> bool {
    ["temporarily_unavailable", "server_error", "slow_down"].contains(&code)
}

/// A token URL's query as pairs.
pub(super) fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    };
    query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Fields as `application/x-www-form-urlencoded`, secrets not yet resolved.
pub(super) fn form(fields: &[(&str, Leaf)]) -> Text {
    let mut text = Text::default();
    for (index, (name, leaf)) in fields.iter().enumerate() {
        let mark = if index > 0 { "&" } else { "" };
        let mut plain = format!("{mark}{}=", encode::url_query(name));
        if let Leaf::Plain(value) = leaf {
            plain.push_str(&encode::url_query(value));
        }
        text.push(Piece::Plain(Bytes::from(plain)));
        if let Leaf::Hidden(secret) = leaf {
            text.push(Piece::Hidden(secret.clone(), Form::Percent));
        }
    }
    text
}

/// A fault that does not pass.
pub(super) fn firm(error: Error) -> Fault {
    Fault { error, passing: false }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        Answer { status, headers, body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn a_token_has_a_type_and_a_lifetime() {
        let good =
            lease(&answer(200, r#"{"access_token":"tok-1","expires_in":"3599","token_type":"bearer"}"#), "t").unwrap();
        assert_eq!((&**good.token.reveal().unwrap(), good.lifetime), ("tok-1", Duration::from_secs(3599)));
        assert_eq!(served(good).unwrap().lifetime, Some(Duration::from_secs(3539)));
        for bad in [
            r#"{"access_token":"tok-1","expires_in":3599}"#,
            r#"{"access_token":"tok-1","expires_in":3599,"token_type":"mac"}"#,
            r#"{"access_token":"tok-1","token_type":"Bearer"}"#,
            r#"{"access_token":"","expires_in":1,"token_type":"Bearer"}"#,
            r#"{"access_token":7,"expires_in":1,"token_type":"Bearer"}"#,
            "[]",
            "",
        ] {
            assert!(lease(&answer(200, bad), "t").is_err(), "{bad}");
        }
        assert!(served(token("tok-1", "t", Duration::ZERO)).is_err());
        assert!(served(token("tok\u{e9}", "t", Duration::from_secs(100))).is_err());
    }

    #[test]
    fn a_refusal_is_named_by_its_code_and_nothing_else() {
        let code = |body: &str| refusal(&serde_json::from_str(body).unwrap());
        assert_eq!(code(r#"{"error":"invalid_grant","error_description":"x"}"#).as_deref(), Some("invalid_grant"));
        assert_eq!(
            code(r#"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#).as_deref(),
            Some("PERMISSION_DENIED")
        );
        let inner = r#"{"error":{"code":"Forbidden","innererror":{"code":"SecretDisabled"}}}"#;
        assert_eq!(code(inner).as_deref(), Some("SecretDisabled"));
        for none in [
            r#"{"error":"what was sent: 1234"}"#,
            r#"{"error":"AbC123"}"#,
            r#"{"error":""}"#,
            r#"{"error":{}}"#,
            "[]",
            "{}",
        ] {
            assert_eq!(code(none), None, "{none}");
        }
        wrap("t", "OnlyLettersOfASecret".to_owned().into(), None);
        assert_eq!(code(r#"{"error":"OnlyLettersOfASecret"}"#), None);
        let fault = refused(&answer(401, r#"{"error":"invalid_client","error_codes":[7000222]}"#));
        assert!(!fault.passing && fault.error.details().contains(&("aadsts", "7000222".to_owned())));
        assert!(refused(&answer(400, r#"{"error":"temporarily_unavailable"}"#)).passing);
    }

    #[test]
    fn a_form_encodes_what_it_holds() {
        let secret = wrap("env:S", "a&b=c d".to_owned().into(), None);
        let fields = [("scope", Leaf::Plain("a b+c".to_owned())), ("client_secret", Leaf::Hidden(secret))];
        assert_eq!(form(&fields).reveal().unwrap(), "scope=a%20b%2Bc&client_secret=a%26b%3Dc%20d");
    }

    proptest! {
        #[test]
        fn no_answer_panics(status in 200u16..600, body in "\\PC{0,80}") {
            let _ = lease(&answer(status, &body), "t");
            let _ = refused(&answer(status, &body));
        }

        #[test]
        fn every_form_is_read_back(value in "\\PC{1,40}") {
            let secret = Secret::new("env:S", value.clone().into(), "f".into());
            let fields = [("plain", Leaf::Plain(value.clone())), ("hidden", Leaf::Hidden(secret))];
            let sent = form(&fields).reveal().unwrap();
            let read: Vec<(String, String)> = url::form_urlencoded::parse(&sent).into_owned().collect();
            prop_assert_eq!(read, [("plain".to_owned(), value.clone()), ("hidden".to_owned(), value)]);
        }
    }
}
