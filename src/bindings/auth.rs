//! `Bearer`, `Basic`, `ApiKey` and `PathToken` in Python, and how `auth=` is read.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::error::{Raise, wrong_type, wrong_value};
use super::secret::PySecret;
use super::{oauth, sign};
use crate::secret::Secret;
use crate::sign::Auth;

/// A plain `str` where a `Secret` belongs is a key in the source code.
pub(super) fn secret_of(value: &Bound<'_, PyAny>) -> PyResult<Secret> {
    if let Ok(secret) = value.cast::<PySecret>() {
        return Ok(secret.get().0.clone());
    }
    Err(wrong_type(format!(
        "A Secret is needed here, not {}; load one with botsec.secret(\"env:MY_KEY\").",
        super::convert::type_name(value)
    )))
}

macro_rules! proof {
    ($name:ident, $($doc:literal)*) => {
        $(#[doc = $doc])*
        #[pyclass(frozen, module = "botsec")]
        pub(super) struct $name {
            auth: Auth,
            shown: String,
        }
    };
}

proof!(Bearer, "Send the secret as `Authorization: Bearer …` (RFC 6750)." "" "Args:" "    secret: The token, as a `Secret`.");
proof!(Basic, "Send user and secret as `Authorization: Basic …` (RFC 7617)." "" "Args:" "    user: The user name, without a colon." "    secret: The password, as a `Secret`.");
proof!(ApiKey, "Send the secret in a header or query parameter of the API's own." "" "Args:" "    secret: The key, as a `Secret`." "    header: The header's name; `X-Api-Key` unless `query` is given." "    query: The query parameter's name, instead of a header." "    prefix: Text before the key in the header, such as `\"Bot \"`.");
proof!(PathToken, "Send the secret as a part of the path, as Telegram wants it." "" "Args:" "    secret: The token, as a `Secret`." "    template: The path prefix with `{token}` in it, such as `/bot{token}`.");

#[pymethods]
impl Bearer {
    #[new]
    fn new(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        let secret = secret_of(secret)?;
        Ok(Self { shown: format!("Bearer({secret:?})"), auth: Auth::Bearer(secret) })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

#[pymethods]
impl Basic {
    #[new]
    fn new(user: &str, secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        if user.contains(':') || user.chars().any(char::is_control) {
            return Err(wrong_value("A user name for Basic holds no colon and no control character (RFC 7617 §2)."));
        }
        let secret = secret_of(secret)?;
        Ok(Self { shown: format!("Basic('{user}', {secret:?})"), auth: Auth::basic(user, secret) })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

#[pymethods]
impl ApiKey {
    #[new]
    #[pyo3(signature = (secret, *, header=None, query=None, prefix=""))]
    fn new(
        py: Python<'_>,
        secret: &Bound<'_, PyAny>,
        header: Option<&str>,
        query: Option<&str>,
        prefix: &str,
    ) -> PyResult<Self> {
        let secret = secret_of(secret)?;
        let (auth, shown) = match (header, query) {
            (Some(_), Some(_)) => return Err(wrong_value("ApiKey takes `header` or `query`, not both.")),
            (None, Some("")) => return Err(wrong_value("The query parameter's name is empty.")),
            (None, Some(_)) if !prefix.is_empty() => return Err(wrong_value("`prefix` belongs to `header`.")),
            (None, Some(key)) => (Auth::Query(key.to_owned(), secret.clone()), format!("query='{key}'")),
            (name, None) => {
                let name = name.unwrap_or("X-Api-Key");
                (Auth::header(name, prefix, secret.clone()).or_raise(py)?, format!("header='{name}'"))
            }
        };
        Ok(Self { shown: format!("ApiKey({secret:?}, {shown})"), auth })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

#[pymethods]
impl PathToken {
    #[new]
    #[pyo3(signature = (secret, *, template="/bot{token}"))]
    fn new(py: Python<'_>, secret: &Bound<'_, PyAny>, template: &str) -> PyResult<Self> {
        let secret = secret_of(secret)?;
        let auth = Auth::path(template, secret.clone()).or_raise(py)?;
        Ok(Self { shown: format!("PathToken({secret:?}, template='{template}')"), auth })
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

/// `auth=` as read: what the core attaches, and the signers that Python runs, by number.
#[derive(Default)]
pub(super) struct Proofs {
    pub(super) auth: Vec<Auth>,
    pub(super) signers: Vec<Arc<Py<PyAny>>>,
}

impl Proofs {
    /// Reads one proof or a list of them; `first` is the number of the first signer.
    pub(super) fn read(value: Option<&Bound<'_, PyAny>>, first: usize) -> PyResult<Self> {
        let mut proofs = Self::default();
        let Some(value) = value.filter(|value| !value.is_none()) else { return Ok(proofs) };
        if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            for item in value.try_iter()? {
                proofs.add(&item?, first)?;
            }
        } else {
            proofs.add(value, first)?;
        }
        Ok(proofs)
    }

    fn add(&mut self, value: &Bound<'_, PyAny>, first: usize) -> PyResult<()> {
        let auth = if let Ok(proof) = value.cast::<Bearer>() {
            proof.get().auth.clone()
        } else if let Ok(proof) = value.cast::<Basic>() {
            proof.get().auth.clone()
        } else if let Ok(proof) = value.cast::<ApiKey>() {
            proof.get().auth.clone()
        } else if let Ok(proof) = value.cast::<PathToken>() {
            proof.get().auth.clone()
        } else if let Some(token) = oauth::token_of(value) {
            Auth::Bearer(token)
        } else if let Some(signer) = sign::signer_of(value) {
            Auth::Signer(signer)
        } else if !value.is_instance_of::<PyString>() && value.hasattr("sign")? {
            self.signers.push(Arc::new(value.clone().unbind()));
            Auth::Outside(first + self.signers.len() - 1)
        } else {
            return Err(wrong_type(format!(
                "auth takes Bearer, Basic, ApiKey, PathToken, HmacSigner, HttpSignature, AwsSigV4, \
                 OAuth2ClientCredentials, OAuth2Refresh, an object with a sign() method, or a list of them, not {}; \
                 for a token write Bearer(botsec.secret(\"env:MY_KEY\")).",
                super::convert::type_name(value)
            )));
        };
        self.auth.push(auth);
        Ok(())
    }
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Bearer>()?;
    module.add_class::<Basic>()?;
    module.add_class::<ApiKey>()?;
    module.add_class::<PathToken>()
}
