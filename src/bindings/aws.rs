//! `Aws` in Python.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::auth::secret_of;
use super::convert::{text, type_name};
use super::error::{Raise, wrong_type};
use super::provider::{PyProvider, reach};
use super::secret::PySecret;
use crate::secrets::{self, AwsOptions, Credentials, Reach};
use crate::validate::Leaf;

/// AWS Secrets Manager.
///
/// Sources are `aws-sm:NAME` and `aws-sm:ARN`, with `field=key` for one field of a secret that is JSON, `stage=AWSPENDING` for
/// another version than the current one, `version=ID` for one version. All secrets of one `Aws` share one login and its
/// connections; nothing is sent before the first of them is read. Requests are signed with the hash of their body.
///
/// Args:
///     region: The region of secrets that are named without an ARN, such as `"eu-central-1"`.
///     access_key_id: Names the key that signs: a `str`, or a `Secret` where it rotates with the key.
///     secret_access_key: The key, as a `Secret`.
///     session_token: The token of a temporary key, as a `Secret`.
///     profile: A profile of `~/.aws/config` and `~/.aws/credentials` instead of a key: its own key, a role with
///         `source_profile`, `credential_source` or `web_identity_token_file`, or a login of IAM Identity Center. Its `region`
///         counts where none is given.
///     endpoint: Another endpoint of Secrets Manager, such as `"https://vpce-….vpce.amazonaws.com"`.
///     sts_endpoint: Another endpoint of STS, which gives the keys of roles.
///     allow_process: Run the program that a profile names as its `credential_process`: without a shell, for at most 20 seconds,
///         without AWS's own keys and those variables of the environment that hold a secret loaded before.
///     networks: Networks that are not public, such as `"private"` where endpoints have private addresses.
///     tls: TLS options.
///
/// Raises:
///     InsecureUrlError: An endpoint is not https.
///     SecretNotFoundError: There is no such profile file or half a key in the environment.
///     SecretAccessError: A file or variable cannot be used.
///     ValueError: A region, endpoint or network is not understood.
///     TypeError: There is neither a key nor a profile, or both.
#[pyclass(frozen, extends = PyProvider, module = "botsec")]
pub(super) struct Aws;

#[pymethods]
impl Aws {
    #[new]
    #[pyo3(signature = (region=None, *, access_key_id=None, secret_access_key=None, session_token=None, profile=None,
        endpoint=None, sts_endpoint=None, allow_process=false, networks=None, tls=None))]
    #[expect(clippy::too_many_arguments, reason = "the keywords of Python")]
    fn new(
        py: Python<'_>,
        region: Option<String>,
        access_key_id: Option<&Bound<'_, PyAny>>,
        secret_access_key: Option<&Bound<'_, PyAny>>,
        session_token: Option<&Bound<'_, PyAny>>,
        profile: Option<String>,
        endpoint: Option<String>,
        sts_endpoint: Option<String>,
        allow_process: bool,
        networks: Option<&Bound<'_, PyAny>>,
        tls: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let credentials = match (access_key_id, secret_access_key, profile) {
            (Some(id), Some(secret), None) => Credentials::Keys {
                access_key_id: id_of(id)?,
                secret_access_key: secret_of(secret)?,
                session_token: session_token.map(secret_of).transpose()?,
            },
            (None, None, Some(name)) if session_token.is_none() => Credentials::Profile(name),
            _ => {
                return Err(wrong_type(
                    "Aws() takes `access_key_id` and `secret_access_key`, or `profile`; Aws.from_env() takes what the \
                     environment or the machine says.",
                ));
            }
        };
        let given = Given { region, endpoint, sts_endpoint, allow_process };
        made(py, credentials, given, networks, tls)
    }

    /// Take region and credentials from the environment, as AWS's own tools do.
    ///
    /// Credentials are the first of: `AWS_ACCESS_KEY_ID` and its companions; the profile `AWS_PROFILE`, or the default one; the
    /// role of `AWS_WEB_IDENTITY_TOKEN_FILE`; the task or pod (ECS, EKS); the instance (EC2, IMDSv2). `AWS_ENDPOINT_URL` and its
    /// kin are read too, and have to be https. The variables are read now, the files each time that keys are needed.
    ///
    /// Args:
    ///     region: Instead of `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile's.
    ///     endpoint: As for the class.
    ///     sts_endpoint: As for the class.
    ///     allow_process: As for the class.
    ///     networks: As for the class.
    ///     tls: As for the class.
    #[classmethod]
    #[pyo3(signature = (*, region=None, endpoint=None, sts_endpoint=None, allow_process=false, networks=None, tls=None))]
    fn from_env<'py>(
        class: &Bound<'py, PyType>,
        region: Option<String>,
        endpoint: Option<String>,
        sts_endpoint: Option<String>,
        allow_process: bool,
        networks: Option<&Bound<'py, PyAny>>,
        tls: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = class.py();
        let given = Given { region, endpoint, sts_endpoint, allow_process };
        Bound::new(py, made(py, Credentials::Environment, given, networks, tls)?)
    }
}

/// What every way of making one takes.
struct Given {
    region: Option<String>,
    endpoint: Option<String>,
    sts_endpoint: Option<String>,
    allow_process: bool,
}

fn made(
    py: Python<'_>,
    credentials: Credentials,
    given: Given,
    networks: Option<&Bound<'_, PyAny>>,
    tls: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyClassInitializer<Aws>> {
    let who = match &credentials {
        Credentials::Keys { secret_access_key, .. } => format!("secret_access_key={secret_access_key:?}"),
        Credentials::Profile(name) => format!("profile={name:?}"),
        Credentials::Environment => "from_env".to_owned(),
    };
    let Given { region, endpoint, sts_endpoint, allow_process } = given;
    let Reach { networks, tls, .. } = reach("", networks, tls)?;
    let options = AwsOptions { region, credentials, endpoint, sts_endpoint, allow_process, networks, tls };
    let aws = py.detach(|| secrets::Aws::new(options)).or_raise(py)?;
    let shown = format!("Aws({:?}, {who})", aws.region().unwrap_or("-")).replace('"', "'");
    Ok(PyClassInitializer::from(PyProvider::new(Arc::new(aws), shown)).add_subclass(Aws))
}

fn id_of(given: &Bound<'_, PyAny>) -> PyResult<Leaf> {
    if let Ok(id) = given.cast::<PyString>() {
        return Ok(Leaf::Plain(text(id)));
    }
    if let Ok(id) = given.cast::<PySecret>() {
        return Ok(Leaf::Hidden(id.get().0.clone()));
    }
    Err(wrong_type(format!("`access_key_id` takes a str or a Secret, not {}.", type_name(given))))
}
