//! `OAuth2ClientCredentials` and `OAuth2Refresh` in Python.

use std::sync::Arc;

use pyo3::prelude::*;

use super::auth::secret_of;
use super::convert::{self, strings};
use super::error::{Raise, wrong_value};
use super::provider::reach;
use super::secret::PySecret;
use crate::secret::Secret;
use crate::secrets::{Grant, OAuth2, Style, Tokens};
use crate::validate::Leaf;

/// Send an access token that the bot gets for itself (RFC 6749 §4.4), as `Authorization: Bearer …`.
///
/// The token is got with the first call, renewed before it expires, and got anew when the API refuses it.
///
/// Args:
///     token_url: The token endpoint, such as `"https://id.twitch.tv/oauth2/token"`.
///     client_id: The client's public name.
///     client_secret: Its password, as a `Secret`.
///     scope: What the token may be used for: a `str`, or a list of them.
///     audience: Whom the token is for, where the endpoint asks.
///     auth_style: How the client proves itself: `"basic"` in a header, or `"body"` (Twitch, Microsoft).
///     extra: Further fields of the request; values are `str` or `Secret`.
///     networks: Networks that are not public, for the endpoint.
///     tls: TLS options, for the endpoint.
///
/// Raises:
///     InsecureUrlError: `token_url` is not https.
///     ValueError: `token_url` is no URL, or `extra` holds a field of the flow's own.
#[pyclass(frozen, module = "botsec")]
pub(super) struct OAuth2ClientCredentials(Flow);

/// Send access tokens that a refresh token brings (RFC 6749 §6), as `Authorization: Bearer …`.
///
/// Where the endpoint answers with a new refresh token, it takes the place of the old one, in memory: store it in
/// a callback of `refresh_token.on_rotate()`, or the next process begins with one that is spent.
///
/// Args:
///     token_url: The token endpoint, such as `"https://oauth2.googleapis.com/token"`.
///     client_id: The client's public name.
///     refresh_token: As a `Secret`.
///     client_secret: Its password, as a `Secret`; public clients have none.
///     scope: Less than what the refresh token allows: a `str`, or a list of them.
///     auth_style: How the client proves itself: `"basic"` in a header, or `"body"` (Google, Microsoft). Unless given, a client
///         without a secret names itself in the body; Reddit wants `"basic"` from it too.
///     extra: Further fields of the request; values are `str` or `Secret`.
///     networks: Networks that are not public, for the endpoint.
///     tls: TLS options, for the endpoint.
///
/// Raises:
///     InsecureUrlError: `token_url` is not https.
///     ValueError: `token_url` is no URL, or `extra` holds a field of the flow's own.
#[pyclass(frozen, module = "botsec")]
pub(super) struct OAuth2Refresh(Flow);

struct Flow {
    tokens: Arc<Tokens>,
    access: Secret,
    shown: String,
}

#[pymethods]
impl OAuth2ClientCredentials {
    #[new]
    #[pyo3(signature = (token_url, *, client_id, client_secret, scope=None, audience=None, auth_style="basic", extra=None,
        networks=None, tls=None))]
    #[expect(clippy::too_many_arguments, reason = "the RFC's own parameters; Python passes them by name")]
    fn new(
        py: Python<'_>,
        token_url: &str,
        client_id: &str,
        client_secret: &Bound<'_, PyAny>,
        scope: Option<&Bound<'_, PyAny>>,
        audience: Option<&str>,
        auth_style: &str,
        extra: Option<&Bound<'_, PyAny>>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let flow = OAuth2 {
            token_url: token_url.to_owned(),
            grant: Grant::ClientCredentials,
            client_id: client_id.to_owned(),
            client_secret: Some(secret_of(client_secret)?),
            style: style(auth_style)?,
            fields: fields(scope, audience, extra)?,
        };
        Flow::new(py, "OAuth2ClientCredentials", flow, networks, tls).map(Self)
    }

    /// The access token, as a `Secret`; `token.load()` gets it now.
    #[getter]
    fn token(&self) -> PySecret {
        PySecret(self.0.access.clone())
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

#[pymethods]
impl OAuth2Refresh {
    #[new]
    #[pyo3(signature = (token_url, *, client_id, refresh_token, client_secret=None, scope=None, auth_style=None,
        extra=None, networks=None, tls=None))]
    #[expect(clippy::too_many_arguments, reason = "the RFC's own parameters; Python passes them by name")]
    fn new(
        py: Python<'_>,
        token_url: &str,
        client_id: &str,
        refresh_token: &Bound<'_, PyAny>,
        client_secret: Option<&Bound<'_, PyAny>>,
        scope: Option<&Bound<'_, PyAny>>,
        auth_style: Option<&str>,
        extra: Option<&Bound<'_, PyAny>>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let client_secret = client_secret.map(secret_of).transpose()?;
        let usual = if client_secret.is_some() { "basic" } else { "body" };
        let flow = OAuth2 {
            token_url: token_url.to_owned(),
            grant: Grant::Refresh(secret_of(refresh_token)?),
            client_id: client_id.to_owned(),
            client_secret,
            style: style(auth_style.unwrap_or(usual))?,
            fields: fields(scope, None, extra)?,
        };
        Flow::new(py, "OAuth2Refresh", flow, networks, tls).map(Self)
    }

    /// The access token, as a `Secret`; `token.load()` gets it now.
    #[getter]
    fn token(&self) -> PySecret {
        PySecret(self.0.access.clone())
    }

    /// The refresh token as it is now, as a `Secret` that rotates: have `on_rotate()` store it where the endpoint replaces it.
    #[getter]
    fn refresh_token(&self) -> Option<PySecret> {
        self.0.tokens.refresh().map(PySecret)
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

impl Flow {
    fn new(
        py: Python<'_>,
        class: &str,
        flow: OAuth2,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let client = flow.client_id.escape_default().take(64).collect::<String>();
        let reach = reach(&flow.token_url, networks, tls)?;
        let tokens = py.detach(|| Tokens::new(flow, reach)).or_raise(py)?;
        let shown = format!("{class}('{}', client_id='{client}')", tokens.host());
        Ok(Self { access: tokens.access(), tokens, shown })
    }
}

fn style(text: &str) -> PyResult<Style> {
    match text {
        "basic" => Ok(Style::Basic),
        "body" => Ok(Style::Body),
        _ => Err(wrong_value("`auth_style` is \"basic\" or \"body\".")),
    }
}

fn fields(
    scope: Option<&Bound<'_, PyAny>>,
    audience: Option<&str>,
    extra: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<(String, Leaf)>> {
    let scope = scope.map(|scope| strings(scope, "scope")).transpose()?.map(|scopes| scopes.join(" "));
    let audience = audience.map(str::to_owned);
    let named = [("scope", scope), ("audience", audience)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Leaf::Plain(value?))));
    let mut fields: Vec<_> = named.collect();
    for (name, leaf) in convert::fields(extra, "extra")? {
        if Tokens::owns(&name) {
            return Err(wrong_value(format!("`extra` holds `{name}`, which has an argument of its own.")));
        }
        fields.push((name, leaf));
    }
    Ok(fields)
}

/// The access token of an object of these classes.
pub(super) fn token_of(value: &Bound<'_, PyAny>) -> Option<Secret> {
    if let Ok(flow) = value.cast::<OAuth2ClientCredentials>() {
        return Some(flow.get().0.access.clone());
    }
    value.cast::<OAuth2Refresh>().ok().map(|flow| flow.get().0.access.clone())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OAuth2ClientCredentials>()?;
    module.add_class::<OAuth2Refresh>()
}
