//! Signs a permitted request, where every secret of its signer may go.

use super::{Hop, PermittedRequest, Policy};
use crate::error::{Code, Error};
use crate::sign::{Auth, Message, Signer, Stamp, body_unknown};
use crate::validate::Body;

impl Policy {
    /// Signs `request` as it is about to be sent; where a secret may not go, it stays unsigned. The redirects that lead to it,
    /// if any, must have stayed on the first origin.
    ///
    /// # Errors
    /// As [`Signer::sign`]; on a redirect `RedirectRefusedError`, because something was sent already.
    pub fn sign(
        &self,
        request: &mut PermittedRequest,
        signer: &Signer,
        hop: Option<&Hop>,
        stamp: &Stamp,
    ) -> Result<(), Error> {
        let bound = signer.secrets().all(|secret| self.may_go(secret, request.origin()));
        if !bound || hop.is_some_and(|hop| !hop.same_origin) {
            return Ok(());
        }
        let message = Message {
            method: request.method().as_str(),
            authority: request.origin().authority(),
            target: request.uri().path_and_query().map_or("/", |target| target.as_str()),
            headers: request.headers(),
            body: request.bytes(),
        };
        let fields = signer.sign(&message, stamp).map_err(|error| match hop {
            Some(_) => Error::new(Code::PolicyRedirectRefused).with("reason", error.code().as_str()),
            None => error,
        })?;
        for (name, value) in fields {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }
}

/// Whether the signers can read the body; asked before the request waits for its turn.
pub(super) fn judge_body(body: &Body, auth: &[&Auth]) -> Result<(), Error> {
    let reads = auth.iter().any(|auth| matches!(auth, Auth::Signer(signer) if signer.reads_body()));
    if reads && matches!(body, Body::Feed(_)) { Err(body_unknown()) } else { Ok(()) }
}
