//! The way to a permitted request: origin, address and route are judged, then secrets are attached to their own hosts.

use std::borrow::Cow;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::query::{query_pairs, write_query};
use super::{Policy, Scope, bounds, fields, signing};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::sign::Auth;
use crate::url::{Origin, SafeUrl};
use crate::validate::{Feed, Payload, Place, ValidRequest, header};

/// A request that may be sent: to this origin, on this route, with these secrets.
#[derive(Debug)]
pub struct PermittedRequest {
    method: Method,
    origin: Origin,
    uri: Uri,
    headers: HeaderMap,
    payload: Payload,
}

/// One hop of a redirect chain.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Where the hop goes.
    pub url: SafeUrl,
    /// Its method, after 301, 302 and 303 had their say.
    pub method: Method,
    /// Whether the body is sent again.
    pub with_body: bool,
    /// Whether every hop so far stayed on the first origin.
    pub same_origin: bool,
}

impl PermittedRequest {
    /// Where it goes.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The whole target. It may hold secrets: never print it.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Header fields, secrets included.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The bytes of the body, when they are known.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.payload {
            Payload::Empty => Some(&[]),
            Payload::Bytes(bytes) => Some(bytes),
            Payload::Feed(_) => None,
        }
    }

    /// Adds what a signer outside this crate made of the request.
    ///
    /// # Errors
    /// `InputError` for a header that cannot be sent, or that frames the message or belongs to the connection.
    pub fn add_signature(&mut self, signed: Vec<(String, String)>) -> Result<(), Error> {
        for (name, value) in signed {
            header::name(&name)?;
            header::value(&value)?;
            if header::is_reserved(&name) {
                return Err(Error::new(Code::InputHeader)
                    .with("header", name)
                    .with("reason", "the signer returned a header that is written by botsec alone"));
            }
            let refuse = |_| Error::new(Code::InputHeader).with("reason", "the signer returned an unusable header");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| refuse(e.to_string()))?;
            let mut value = HeaderValue::from_str(&value).map_err(|e| refuse(e.to_string()))?;
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        Ok(())
    }

    /// Header fields to add to, for the signers of this crate.
    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Method, target, header fields and body, for the transport.
    pub(crate) fn into_parts(self) -> (Method, Uri, HeaderMap, Payload) {
        (self.method, self.uri, self.headers, self.payload)
    }
}

impl Policy {
    /// Judges a request's first hop and attaches `auth` and its secret leaves, as they are `now`.
    ///
    /// # Errors
    /// `PolicyError` of the part that is not allowed. Nothing was sent.
    pub fn permit(
        &self,
        request: &ValidRequest,
        auth: &[Auth],
        defaults: &HeaderMap,
        now: Instant,
    ) -> Result<PermittedRequest, Error> {
        self.permit_with(request, auth, defaults, now, None)
    }

    /// Judges a request's first hop once more, after a wait, and attaches its secrets as they are `now`. A body that can be sent
    /// once goes over from what was permitted before the wait.
    ///
    /// # Errors
    /// As [`Policy::permit`].
    pub fn permit_again(
        &self,
        before: &mut PermittedRequest,
        request: &ValidRequest,
        auth: &[Auth],
        defaults: &HeaderMap,
        now: Instant,
    ) -> Result<(), Error> {
        let feed = match std::mem::replace(&mut before.payload, Payload::Empty) {
            Payload::Feed(feed) => Some(feed),
            _ => None,
        };
        *before = self.permit_with(request, auth, defaults, now, feed)?;
        Ok(())
    }

    fn permit_with(
        &self,
        request: &ValidRequest,
        auth: &[Auth],
        defaults: &HeaderMap,
        now: Instant,
        feed: Option<Feed>,
    ) -> Result<PermittedRequest, Error> {
        let (origin, base, path) = self.locate(request)?;
        self.judge_origin(origin)?;
        let own_query = self.own_query(request);
        let mut pairs = own_query.map(query_pairs).unwrap_or_default();
        let value = |value: &'_ Option<String>| value.clone().map(Cow::Owned);
        pairs.extend(request.query_pairs().iter().map(|(key, v)| (Cow::Borrowed(key.as_str()), value(v))));
        self.judge_route(request.method().as_str(), origin, Some(path), &pairs)?;
        self.judge_leaves(request, origin)?;
        let bound: Vec<&Auth> = auth.iter().filter(|auth| self.is_bound(auth, origin)).collect();
        bounds::judge(request, &bound, request.method(), Some(path))?;
        signing::judge_body(request.body(), &bound)?;

        let mut target = Vec::with_capacity(64);
        target.extend_from_slice(base.trim_end_matches('/').as_bytes());
        for auth in &bound {
            if let Some(prefix) = auth.prefix(now)? {
                target.extend_from_slice(&prefix.reveal_at(now)?);
            }
        }
        target.extend_from_slice(path.as_bytes());
        if target.is_empty() {
            target.push(b'/');
        }
        let added = bound.iter().filter_map(|auth| auth.query());
        write_query(&mut target, own_query, request.query(), added, now)?;

        let mut headers = copy(defaults, request.headers().len() + request.hidden_headers().len() + bound.len());
        replace(&mut headers, request.headers());
        attach(&mut headers, request, &bound, now)?;
        let payload = fields::payload(request.body(), feed, request.method(), &mut headers, now)?;
        let uri = uri(origin, target)?;
        Ok(PermittedRequest { method: request.method().clone(), origin: origin.clone(), uri, headers, payload })
    }

    /// Judges a redirect's target. On another origin no credential, no secret leaf, no body and no header goes along but
    /// the harmless few that say what the caller reads.
    ///
    /// # Errors
    /// `RedirectRefusedError` with the reason when the target is not allowed.
    pub fn follow(
        &self,
        request: &ValidRequest,
        hop: &Hop,
        auth: &[Auth],
        defaults: &HeaderMap,
        now: Instant,
    ) -> Result<PermittedRequest, Error> {
        let origin = hop.url.origin();
        let refused = |error: Error| {
            // A blocked address keeps its class: whoever watches for SSRF looks for it by name.
            if error.code() == Code::PolicyAddressBlocked {
                return error;
            }
            let mut out = Error::new(Code::PolicyRedirectRefused).with("reason", error.code().as_str());
            error.details().iter().for_each(|(key, value)| out.add(key, value.clone()));
            out
        };
        self.judge_origin(origin).map_err(refused)?;
        let (path, query) = hop.url.path_and_query();
        let below = self.below(origin, path, auth, now)?;
        let pairs = query.map(query_pairs).unwrap_or_default();
        self.judge_route(hop.method.as_str(), origin, below.as_deref(), &pairs).map_err(refused)?;

        let mut target = path.as_bytes().to_vec();
        let mut headers = defaults.clone();
        let payload = if hop.same_origin {
            replace(&mut headers, request.headers());
            let bound: Vec<&Auth> = auth.iter().filter(|auth| self.is_bound(auth, origin)).collect();
            bounds::judge(request, &bound, &hop.method, below.as_deref())?;
            attach(&mut headers, request, &bound, now)?;
            // What the server put into Location stands; a query secret is added unless it is there already.
            let missing =
                bound.iter().filter_map(|a| a.query()).filter(|(key, _)| !pairs.iter().any(|(known, _)| known == key));
            write_query(&mut target, query, None, missing, now)?;
            if hop.with_body {
                fields::payload(request.body(), None, &hop.method, &mut headers, now)?
            } else {
                fields::drop_content(&mut headers);
                Payload::Empty
            }
        } else {
            write_query(&mut target, query, None, std::iter::empty(), now)?;
            fields::keep_harmless(&mut headers);
            Payload::Empty
        };
        let uri = uri(origin, target)?;
        Ok(PermittedRequest { method: hop.method.clone(), origin: origin.clone(), uri, headers, payload })
    }

    /// Origin, base path and path below it.
    fn locate<'a>(&'a self, request: &'a ValidRequest) -> Result<(&'a Origin, &'a str, &'a str), Error> {
        let wrong = |said: &str| Error::new(Code::InputUrl).saying(said);
        match (request.place(), &self.scope) {
            (Place::Below(path), Scope::Base(base) | Scope::Whole(base)) => {
                Ok((base.origin(), base.path_and_query().0, path))
            }
            (Place::Base, Scope::Whole(base)) => Ok((base.origin(), base.path_and_query().0, "")),
            (Place::Base, Scope::Base(base)) => Ok((base.origin(), base.path_and_query().0, "/")),
            (Place::Open(url), Scope::OpenWeb) => Ok((url.origin(), "", url.path_and_query().0)),
            (Place::On(origin, path), Scope::Base(base)) if base.origin() == origin => {
                // Absolute on the own origin: below the base path it is the same as relative.
                let base_path = base.path_and_query().0.trim_end_matches('/');
                match path.strip_prefix(base_path).filter(|rest| rest.starts_with('/')) {
                    Some(rest) => Ok((origin, base_path, rest)),
                    None => Err(Error::new(Code::PolicyRouteNotAllowed)
                        .with("reason", "the path is outside the base URL's")
                        .hint("widen base_url, or make a second client")),
                }
            }
            (Place::On(origin, path), Scope::Base(_) | Scope::Listed) => Ok((origin, "", path)),
            (Place::Open(_), _) => Err(wrong("A whole URL as data is for open_web clients.")),
            (_, Scope::OpenWeb) => Err(wrong("An open_web client takes whole https URLs.")),
            (_, Scope::Listed) => Err(wrong("A client without base_url takes URLs such as https://host/path.")),
            (Place::On(..), Scope::Whole(_)) => Err(wrong("This client is bound to one secret URL.")),
        }
    }

    fn own_query<'a>(&'a self, request: &'a ValidRequest) -> Option<&'a str> {
        match (request.place(), &self.scope) {
            (Place::Open(url), _) => url.path_and_query().1,
            (_, Scope::Whole(base)) => base.path_and_query().1,
            _ => None,
        }
    }

    /// A redirect target's path as the allow list sees it: without base path and path token.
    fn below<'a>(
        &self,
        origin: &Origin,
        path: &'a str,
        auth: &[Auth],
        now: Instant,
    ) -> Result<Option<Cow<'a, str>>, Error> {
        let Scope::Base(base) = &self.scope else { return Ok(Some(path.into())) };
        if base.origin() != origin {
            return Ok(Some(path.into()));
        }
        // `/apiusers` is not below `/api`.
        let after = |rest: &'a str, head: &str| rest.strip_prefix(head).filter(|rest| rest.starts_with('/'));
        let mut rest = after(path, base.path_and_query().0.trim_end_matches('/'));
        for auth in auth {
            let Some(prefix) = auth.prefix(now)? else { continue };
            let prefix = prefix.reveal_at(now)?;
            let prefix = std::str::from_utf8(&prefix).ok();
            rest = rest.zip(prefix).and_then(|(rest, prefix)| after(rest, prefix));
        }
        Ok(rest.map(Cow::Borrowed))
    }

    /// Whether the secret may go to `origin`: the client's own, or one that the secret names.
    pub(super) fn may_go(&self, secret: &Secret, origin: &Origin) -> bool {
        let named = secret.bounds().and_then(|bounds| bounds.permits_host(origin));
        named.unwrap_or_else(|| self.origin() == Some(origin))
    }

    fn is_bound(&self, auth: &Auth, origin: &Origin) -> bool {
        match auth {
            Auth::Outside(_) => self.origin() == Some(origin),
            auth => auth.secrets().all(|secret| self.may_go(secret, origin)),
        }
    }

    /// A secret that the caller put into this very request must be allowed there; leaving it out would change the request.
    fn judge_leaves(&self, request: &ValidRequest, origin: &Origin) -> Result<(), Error> {
        match request.secrets().find(|secret| !self.may_go(secret, origin)) {
            None => Ok(()),
            Some(secret) => Err(Error::new(Code::SecretHostNotAllowed)
                .with("secret", secret.name())
                .with("host", origin.authority().to_string())
                .hint("name the host in secret(…, hosts=[…]) if it may see this secret")),
        }
    }

    /// The same for `auth=` given with one call.
    ///
    /// # Errors
    /// `HostNotAllowedError` naming the secret's source and the host.
    pub fn judge_call_auth(&self, auth: &[Auth], request: &ValidRequest) -> Result<(), Error> {
        let (origin, ..) = self.locate(request)?;
        match auth.iter().flat_map(Auth::secrets).find(|secret| !self.may_go(secret, origin)) {
            None => Ok(()),
            Some(secret) => Err(Error::new(Code::SecretHostNotAllowed)
                .with("secret", secret.name())
                .with("host", origin.authority().to_string())
                .hint("name the host in secret(…, hosts=[…]) if it may see this secret")),
        }
    }
}

/// The client's header fields, with room for `more` and for what the transport adds: a clone has none, and the first field
/// that is added to it moves the whole map.
fn copy(defaults: &HeaderMap, more: usize) -> HeaderMap {
    /// Host, and a Content-Length of 0.
    const ADDED: usize = 2;
    let mut headers = HeaderMap::with_capacity(defaults.len() + more + ADDED);
    for (name, value) in defaults {
        headers.append(name.clone(), value.clone());
    }
    headers
}

/// What the call says replaces what the client says, field by field; a field the call repeats stays repeated.
fn replace(headers: &mut HeaderMap, own: &HeaderMap) {
    for name in own.keys() {
        headers.remove(name);
        for value in own.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

fn attach(headers: &mut HeaderMap, request: &ValidRequest, auth: &[&Auth], now: Instant) -> Result<(), Error> {
    let hidden = request.hidden_headers();
    for auth in auth {
        if let Some((name, value)) = auth.header_value(now)? {
            headers.insert(name, value);
        }
    }
    for (index, (name, text)) in hidden.iter().enumerate() {
        let value = HeaderValue::from_maybe_shared(text.reveal_at(now)?).ok().filter(|value| value.to_str().is_ok());
        let Some(mut value) = value else {
            let name = text.secrets().next().map_or("", Secret::name);
            return Err(Error::new(Code::SecretAccess)
                .with("secret", name)
                .hint("the secret holds a line break or a character that no header may hold"));
        };
        value.set_sensitive(true);
        let again = hidden.iter().take(index).any(|(earlier, _)| earlier == name);
        if again || request.headers().contains_key(name) {
            headers.append(name.clone(), value);
        } else {
            headers.insert(name.clone(), value);
        }
    }
    Ok(())
}

fn uri(origin: &Origin, target: Vec<u8>) -> Result<Uri, Error> {
    let bad = || Error::new(Code::InputUrl).with("reason", "the path or query cannot be sent");
    let target = http::uri::PathAndQuery::from_maybe_shared(bytes::Bytes::from(target)).map_err(|_| bad())?;
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = Some(origin.parsed_authority().clone());
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).map_err(|_| bad())
}
