//! Opens a connection to the store that is fit for questions, and says why there is none.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError};
use tokio::time::timeout;

use super::Target;
use super::script::Scripts;
use crate::error::{Code, Error};

/// Longest time for TCP, TLS, the login and the scripts together. Nobody waits for it: calls are decided without the store
/// meanwhile.
pub(super) const DIAL: Duration = Duration::from_millis(1500);

/// What is said of a store that neither answers nor says why.
pub(super) const SILENT: &str = "the store does not answer";

/// A connection that knows our scripts.
///
/// # Errors
/// Why there is none, without a word of the server's beyond its error code.
pub(super) async fn dial(target: &Target, scripts: &Scripts) -> Result<MultiplexedConnection, String> {
    timeout(DIAL, connect(target, scripts)).await.unwrap_or_else(|_| Err(SILENT.to_owned()))
}

async fn connect(target: &Target, scripts: &Scripts) -> Result<MultiplexedConnection, String> {
    let stream = target.peer.dial(&target.settings).await.map_err(|error| unreached(&error))?;
    let mut login = target.login.clone();
    if let Some(password) = &target.password {
        let unread = |error: crate::error::Error| format!("its password cannot be read ({})", error.code().as_str());
        password.ready().await.map_err(unread)?;
        login = login.set_password(&**password.reveal().map_err(unread)?);
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(DIAL));
    let opened = MultiplexedConnection::new_with_config(&login, stream, config).await;
    let (link, driver) = opened.map_err(|error| refused(&error))?;
    drop(tokio::spawn(driver));
    scripts.load(&link).await.map_err(|error| refused(&error))?;
    Ok(link)
}

fn unreached(error: &Error) -> String {
    match error.code() {
        Code::PolicyAddressBlocked => "its address is not allowed; networks= opens private ones",
        Code::TransportTls => "there is no verified TLS connection to it",
        _ => "there is no connection to it",
    }
    .to_owned()
}

/// What the server's refusal means. Only its code is told: the text behind it may repeat what it was asked.
pub(super) fn refused(error: &RedisError) -> String {
    let code = error.code().filter(|code| code.len() <= 24 && code.bytes().all(|b| b.is_ascii_uppercase()));
    match code {
        Some(code @ ("WRONGPASS" | "NOAUTH")) => format!("it refused the login ({code}): see username= and password="),
        Some("NOPERM") => "its user may not do what is needed (NOPERM): see docs/throttling.md".to_owned(),
        _ if error.kind() == ErrorKind::AuthenticationFailed => {
            "it refused the login: see username= and password=".to_owned()
        }
        Some(code) => format!("it refused ({code})"),
        None if error.is_io_error() || error.is_timeout() => SILENT.to_owned(),
        None => format!("it refused: {}", error.category()),
    }
}
