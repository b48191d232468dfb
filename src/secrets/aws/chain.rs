//! Where keys come from when the bot was given none: the environment, a profile, a role, the machine.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::keys::Keys;
use super::profile::{self, Origin, Plan};
use super::region::Region;
use super::services::Services;
use super::sso;
use super::sts::{self, Role};
use crate::error::{Code, Error};
use crate::fork::Lock;
use crate::secret::Fault;
use crate::secrets::env;
use crate::secrets::metadata::AwsMachine;
use crate::validate::Leaf;

/// What the process's surroundings say of AWS, read when the provider is made and never again. What cannot be used there
/// matters to those alone who would use it.
pub(super) struct Surroundings {
    keys: Result<Option<Keys>, Error>,
    identity: Result<Option<WebIdentity>, Error>,
    machine: Result<AwsMachine, Error>,
    files: profile::Files,
}

/// A role that the token in a file may take on.
#[derive(Clone, Debug)]
pub(super) struct WebIdentity {
    pub(super) role: Role,
    pub(super) file: PathBuf,
}

impl Surroundings {
    /// Reads the variables that every AWS client reads; `runs_programs` allows a profile's `credential_process`.
    ///
    /// # Errors
    /// `SecretAccessError` for the name of a file that cannot be one.
    pub(super) fn read(runs_programs: bool) -> Result<Self, Error> {
        let files = profile::Files::locate(runs_programs)?;
        Ok(Self { keys: Self::keys(), identity: Self::identity(), machine: AwsMachine::from_env(), files })
    }

    fn keys() -> Result<Option<Keys>, Error> {
        match (env::variable("AWS_ACCESS_KEY_ID")?, env::hidden("AWS_SECRET_ACCESS_KEY")?) {
            (Some(id), Some(secret)) => {
                let session = env::hidden("AWS_SESSION_TOKEN")?;
                Ok(Some(Keys { id: Leaf::Plain(id), secret, session, lifetime: None }))
            }
            (None, None) => Ok(None),
            (None, _) => Err(half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")),
            (_, None) => Err(half("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")),
        }
    }

    fn identity() -> Result<Option<WebIdentity>, Error> {
        match (env::variable("AWS_WEB_IDENTITY_TOKEN_FILE")?, env::variable("AWS_ROLE_ARN")?) {
            (Some(file), Some(arn)) => {
                let session = env::variable("AWS_ROLE_SESSION_NAME")?;
                Ok(Some(WebIdentity { role: Role::new(&arn, session.as_deref(), None, None)?, file: file.into() }))
            }
            (Some(_), None) => Err(half("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE")),
            (None, _) => Ok(None),
        }
    }

    /// Finds out at start-up what the first source that is there will say, as far as no network is needed.
    ///
    /// # Errors
    /// As those of the variables and files.
    pub(super) fn check(&self, profile: Option<&str>) -> Result<(), Error> {
        let has = |found: Result<bool, &Error>| found.map_err(Error::copy);
        if has(self.keys.as_ref().map(Option::is_some))?
            || profile.is_some()
            || self.files.read()?.has_keys(profile::DEFAULT)
            || has(self.identity.as_ref().map(Option::is_some))?
        {
            return Ok(());
        }
        self.machine.as_ref().map(drop).map_err(Error::copy)
    }

    /// What a profile says of its region.
    ///
    /// # Errors
    /// As those of [`profile::Files::read`].
    pub(super) fn region_of(&self, profile: Option<&str>) -> Result<Option<String>, Error> {
        Ok(self.files.read()?.region(profile.unwrap_or(profile::DEFAULT)))
    }
}

fn half(missing: &str, present: &str) -> Error {
    Error::new(Code::SecretNotFound)
        .saying(format!("Environment variable `{missing}` is not set, but `{present}` is."))
        .with("source", format!("env:{missing}"))
}

/// Brings keys, each time from where they come from at that moment.
pub(super) struct Chain {
    pub(super) around: Surroundings,
    /// The profile that was named; the others are tried only when none was.
    pub(super) profile: Option<String>,
    /// Whether the environment itself comes first, and the machine last.
    pub(super) whole: bool,
    pub(super) services: Arc<Services>,
    /// Where logins go: the provider's region, or that of the first secret.
    pub(super) home: Arc<Lock<Option<Region>>>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Keys, Fault>> + Send + 'a>>;

impl Chain {
    /// The first keys that can be had, in the order of AWS's own clients: environment, profile, web identity, machine.
    ///
    /// # Errors
    /// [`Fault`] of the first source that is there but cannot be used.
    pub(super) async fn keys(&self) -> Result<Keys, Fault> {
        if self.whole
            && let Some(keys) = said(&self.around.keys)?
        {
            return Ok(keys.clone());
        }
        if let Some(plan) = self.plan().map_err(firm)? {
            return self.run(plan).await;
        }
        match said(&self.around.identity)? {
            Some(identity) => self.web(identity).await,
            None => said(&self.around.machine)?.credentials().await,
        }
    }

    /// What the profile says; `None` where none was named and the default one says nothing of credentials.
    fn plan(&self) -> Result<Option<Plan>, Error> {
        let book = self.around.files.read()?;
        match &self.profile {
            Some(name) => book.plan(name).map(Some),
            None if book.has_keys(profile::DEFAULT) => book.plan(profile::DEFAULT).map(Some),
            None => Ok(None),
        }
    }

    fn run(&self, plan: Plan) -> Running<'_> {
        Box::pin(async move {
            match plan {
                Plan::Keys(keys) => Ok(keys),
                Plan::Role(role, origin) => {
                    let keys = match origin {
                        Origin::Profile(plan) => self.run(*plan).await?,
                        Origin::Environment => {
                            let missing = || firm(half("AWS_ACCESS_KEY_ID", "credential_source"));
                            said(&self.around.keys)?.clone().ok_or_else(missing)?
                        }
                        Origin::Container | Origin::Instance => self.machine(&origin).await?,
                    };
                    let region = self.region()?;
                    sts::assume_role(&*self.services.sts(&region).map_err(firm)?, &region, &role, &keys).await
                }
                Plan::Web(identity) => self.web(&identity).await,
                Plan::Program(program) => program.keys().await,
                Plan::Sso(sso) => {
                    let region = Region::parse(&sso.region).map_err(firm)?;
                    let folder = self.around.files.sso_cache();
                    sso::keys(&*self.services.sso(&region).map_err(firm)?, &folder, &sso).await
                }
            }
        })
    }

    async fn web(&self, identity: &WebIdentity) -> Result<Keys, Fault> {
        let region = self.region()?;
        sts::assume_role_with_web_identity(&*self.services.sts(&region).map_err(firm)?, identity).await
    }

    /// What `credential_source` names, which must be what this machine is.
    async fn machine(&self, wanted: &Origin) -> Result<Keys, Fault> {
        let machine = said(&self.around.machine)?;
        let fits = matches!(
            (wanted, machine),
            (Origin::Container, AwsMachine::Container { .. }) | (Origin::Instance, AwsMachine::Instance { .. })
        );
        if fits {
            return machine.credentials().await;
        }
        let said = "The profile's `credential_source` is not where this process runs.";
        Err(firm(Error::new(Code::SecretAccess).saying(said)))
    }

    fn region(&self) -> Result<Region, Fault> {
        let region = self.home.lock().clone();
        region.ok_or_else(|| {
            firm(
                Error::new(Code::SecretAccess)
                    .saying("A role is taken on in a region, and none is given.")
                    .hint("Aws(\"eu-central-1\", …), AWS_REGION, or `region` in the profile"),
            )
        })
    }
}

/// What the surroundings said, when it is needed.
fn said<T>(found: &Result<T, Error>) -> Result<&T, Fault> {
    found.as_ref().map_err(|error| firm(error.copy()))
}

pub(super) fn firm(error: Error) -> Fault {
    Fault { error, passing: false }
}
