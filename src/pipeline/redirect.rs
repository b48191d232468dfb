//! Where a redirect leads, and what goes along.

use http::{Method, StatusCode};

use super::attempt::Road;
use crate::error::{Code, Error};
use crate::policy::Hop;
use crate::url::SafeUrl;
use crate::validate::Body;

/// Whether a status asks to go elsewhere.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

impl Road<'_> {
    /// Where a redirect leads, by the rules of RFC 9110 §15.4 and ours.
    pub(super) fn target(
        &self,
        uri: &http::Uri,
        status: StatusCode,
        location: &[u8],
        hop: Option<&Hop>,
    ) -> Result<Hop, Error> {
        let refuse = |reason: &str| Error::new(Code::PolicyRedirectRefused).with("reason", reason);
        let location = std::str::from_utf8(location).map_err(|_| refuse("the Location field is not text"))?;
        let current = SafeUrl::parse(&uri.to_string())?;
        let url = current.join(location)?;
        let before = hop.map_or(self.request.method(), |hop| &hop.method);
        let becomes_get = match status {
            StatusCode::SEE_OTHER => *before != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *before == Method::POST,
            _ => false,
        };
        let carried = hop.is_none_or(|hop| hop.with_body) && !matches!(self.request.body(), Body::Empty);
        let with_body = carried && !becomes_get;
        let same_origin = hop.is_none_or(|hop| hop.same_origin) && url.origin() == current.origin();
        if with_body && !same_origin {
            return Err(refuse("a body is never sent again to another origin"));
        }
        if with_body && !self.request.is_replayable() {
            return Err(refuse("the body is an iterator and cannot be sent again"));
        }
        let method = if becomes_get { Method::GET } else { before.clone() };
        Ok(Hop { url, method, with_body, same_origin })
    }
}
