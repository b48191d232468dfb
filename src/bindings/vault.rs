//! `Vault` and its logins in Python.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::auth::secret_of;
use super::convert::{text, type_name};
use super::error::{Raise, wrong_type, wrong_value};
use super::provider::{PyProvider, reach};
use super::secret::PySecret;
use super::tls::Tls;
use crate::error::{Code, Error};
use crate::secrets::{self, Field, Login, Wish};

/// HashiCorp Vault or OpenBao: secrets of KV version 2 and 1.
///
/// Sources are `vault:mount/path?field=key`, with `version=3` for one version, `engine=1` for KV version 1, and
/// `mount=team/kv` where the mount has several parts. `field` may be left out where the secret has one field. All secrets of
/// one `Vault` share one login; nothing is sent before the first of them is read.
///
/// Args:
///     url: Where it is, such as `"https://vault.example.com:8200"`.
///     login: `VaultToken`, `AppRoleLogin`, `KubernetesLogin` or `JwtLogin`.
///     namespace: The namespace of login and secrets, such as `"team/bots"`.
///     networks: Networks that are not public, such as `"private"`.
///     tls: TLS options.
///
/// Raises:
///     InsecureUrlError: `url` is not https.
///     ValueError: `url`, `namespace` or `networks` is not understood.
///     TypeError: `login` is none of the logins.
#[pyclass(frozen, extends = PyProvider, module = "botsec")]
pub(super) struct Vault;

#[pymethods]
impl Vault {
    #[new]
    #[pyo3(signature = (url, *, login, namespace=None, networks=None, tls=None))]
    fn new(
        py: Python<'_>,
        url: &str,
        login: &Bound<'_, PyAny>,
        namespace: Option<&str>,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let (login, how) = login_of(login)?;
        let reach = reach(url, networks, tls)?;
        let vault = py.detach(|| secrets::Vault::new(&reach, login, namespace)).or_raise(py)?;
        let shown = format!("Vault('https://{}', login={how})", vault.host());
        Ok(PyClassInitializer::from(PyProvider::new(Arc::new(vault), shown)).add_subclass(Self))
    }

    /// Take the address from `VAULT_ADDR`, the token from `VAULT_TOKEN`, and `VAULT_NAMESPACE` and `VAULT_CACERT` where set.
    ///
    /// Args:
    ///     login: A login instead of `VAULT_TOKEN`.
    ///     networks: As for the class.
    ///     tls: TLS options instead of `VAULT_CACERT`.
    ///
    /// Raises:
    ///     SecretNotFoundError: `VAULT_ADDR` is not set, or there is neither `login` nor `VAULT_TOKEN`.
    #[classmethod]
    #[pyo3(signature = (*, login=None, networks=None, tls=None))]
    fn from_env<'py>(
        class: &Bound<'py, PyType>,
        login: Option<Bound<'py, PyAny>>,
        networks: Option<Bound<'py, PyAny>>,
        tls: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        let variable = |name| secrets::variable(name).or_raise(py);
        let url = variable("VAULT_ADDR")?.ok_or_else(|| {
            Error::new(Code::SecretNotFound)
                .saying("Environment variable `VAULT_ADDR` is not set.")
                .hint("export VAULT_ADDR=https://…, or write Vault(\"https://…\")")
        });
        let url = url.or_raise(py)?;
        let login = match login.filter(|login| !login.is_none()) {
            Some(login) => login,
            None => {
                let token = secrets::load("env:VAULT_TOKEN", Wish::default()).or_raise(py)?;
                Bound::new(py, VaultToken(login_by(Login::Token(token))))?.into_any()
            }
        };
        let tls = match (tls.filter(|tls| !tls.is_none()), variable("VAULT_CACERT")?) {
            (Some(tls), _) => Some(tls),
            (None, Some(file)) => Some(Bound::new(py, Tls::of_file(py, PathBuf::from(file))?)?.into_any()),
            (None, None) => None,
        };
        let given = PyDict::new(py);
        given.set_item("login", login)?;
        given.set_item("namespace", variable("VAULT_NAMESPACE")?)?;
        given.set_item("networks", networks)?;
        given.set_item("tls", tls)?;
        class.call((url,), Some(&given))
    }
}

/// A login, and its repr without secrets.
struct Shown {
    login: Login,
    shown: String,
}

fn login_by(login: Login) -> Shown {
    let shown = match &login {
        Login::Token(secret) => format!("VaultToken({secret:?})"),
        Login::Method { mount, .. } => format!("login(mount={mount:?})"),
    };
    Shown { login, shown }
}

macro_rules! login {
    ($name:ident, $($doc:literal)*) => {
        $(#[doc = $doc])*
        #[pyclass(frozen, module = "botsec")]
        pub(super) struct $name(Shown);
    };
}

login!(VaultToken, "Use a token of Vault that somebody made for this bot; it is renewed while that is allowed." ""
    "Args:" "    secret: The token, as a `Secret`.");
login!(AppRoleLogin, "Log in to Vault by AppRole." ""
    "Args:" "    role_id: The role's id: a `str`, or a `Secret`." "    secret_id: As a `Secret`; one that may be used once lasts for one login."
    "    mount: Where the method is mounted.");
login!(KubernetesLogin, "Log in to Vault with the token of the pod's service account, which is read anew for each login." ""
    "Args:" "    role: The role's name." "    mount: Where the method is mounted."
    "    token_file: The projected token.");
login!(JwtLogin, "Log in to Vault with a JSON Web Token." ""
    "Args:" "    role: The role's name." "    jwt: The token, as a `Secret`; from a file it is read again when it changes."
    "    mount: Where the method is mounted.");

fn by_method(class: &str, named: &str, mount: &str, fields: Vec<(&'static str, Field)>) -> PyResult<Shown> {
    let mount = mount.trim_matches('/');
    if mount.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(wrong_value("`mount` is a path such as \"approle\"."));
    }
    let shown = format!("{class}({named}mount='{}')", mount.escape_default());
    Ok(Shown { login: Login::Method { mount: mount.to_owned(), fields }, shown })
}

fn role_field(role: &str) -> PyResult<(&'static str, Field)> {
    if role.is_empty() {
        return Err(wrong_value("`role` is empty."));
    }
    Ok(("role", Field::Plain(role.to_owned())))
}

#[pymethods]
impl VaultToken {
    #[new]
    fn new(secret: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(login_by(Login::Token(secret_of(secret)?))))
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

#[pymethods]
impl AppRoleLogin {
    #[new]
    #[pyo3(signature = (role_id, *, secret_id, mount="approle"))]
    fn new(role_id: &Bound<'_, PyAny>, secret_id: &Bound<'_, PyAny>, mount: &str) -> PyResult<Self> {
        let role = if let Ok(role) = role_id.cast::<PyString>() {
            Field::Plain(text(role))
        } else if let Ok(role) = role_id.cast::<PySecret>() {
            Field::Hidden(role.get().0.clone())
        } else {
            return Err(wrong_type(format!("`role_id` takes a str or a Secret, not {}.", type_name(role_id))));
        };
        let secret = secret_of(secret_id)?;
        let named = format!("secret_id={secret:?}, ");
        let fields = vec![("role_id", role), ("secret_id", Field::Hidden(secret))];
        by_method("AppRoleLogin", &named, mount, fields).map(Self)
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

#[pymethods]
impl KubernetesLogin {
    #[new]
    #[pyo3(signature = (*, role, mount="kubernetes", token_file=None),
        text_signature = "(*, role, mount='kubernetes', token_file='/var/run/secrets/kubernetes.io/serviceaccount/token')")]
    fn new(role: &str, mount: &str, token_file: Option<PathBuf>) -> PyResult<Self> {
        let file = token_file.unwrap_or_else(|| PathBuf::from(TOKEN_FILE)).to_string_lossy().into_owned();
        let named = format!("role='{}', ", role.escape_default());
        let fields = vec![role_field(role)?, ("jwt", Field::File(file))];
        by_method("KubernetesLogin", &named, mount, fields).map(Self)
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

/// Where Kubernetes puts the token of a pod's service account.
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

#[pymethods]
impl JwtLogin {
    #[new]
    #[pyo3(signature = (*, role, jwt, mount="jwt"))]
    fn new(role: &str, jwt: &Bound<'_, PyAny>, mount: &str) -> PyResult<Self> {
        let jwt = secret_of(jwt)?;
        let named = format!("role='{}', jwt={jwt:?}, ", role.escape_default());
        by_method("JwtLogin", &named, mount, vec![role_field(role)?, ("jwt", Field::Hidden(jwt))]).map(Self)
    }

    fn __repr__(&self) -> &str {
        &self.0.shown
    }
}

/// The login in an object of these classes.
fn login_of(value: &Bound<'_, PyAny>) -> PyResult<(Login, String)> {
    let of = |shown: &Shown| Ok((shown.login.clone(), shown.shown.clone()));
    if let Ok(login) = value.cast::<VaultToken>() {
        return of(&login.get().0);
    }
    if let Ok(login) = value.cast::<AppRoleLogin>() {
        return of(&login.get().0);
    }
    if let Ok(login) = value.cast::<KubernetesLogin>() {
        return of(&login.get().0);
    }
    if let Ok(login) = value.cast::<JwtLogin>() {
        return of(&login.get().0);
    }
    Err(wrong_type(format!(
        "`login` takes VaultToken, AppRoleLogin, KubernetesLogin or JwtLogin, not {}; \
         for a token write VaultToken(botsec.secret(\"env:VAULT_TOKEN\")).",
        type_name(value)
    )))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Vault>()?;
    module.add_class::<VaultToken>()?;
    module.add_class::<AppRoleLogin>()?;
    module.add_class::<KubernetesLogin>()?;
    module.add_class::<JwtLogin>()
}
