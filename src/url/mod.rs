//! URLs that print redacted, and origins in one canonical form. Only https exists here.
//!
//! A text is parsed once, by the `url` crate, and refused when its authority would change on the way back to text: tabs,
//! backslashes, credentials, percent-encoded or mapped host names and every odd spelling of an IPv4 address. Controls and
//! backslashes are refused everywhere, spaces and invisible characters in what developers write and validators judge; in
//! strangers' URLs and in redirects they are percent-encoded behind the authority, as browsers do.

mod authority;

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::uri::Authority;

use crate::error::{Code, Error};

/// A host in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Lower-case A-labels, no trailing dot.
    Name(String),
    /// A literal IPv4 address.
    V4(Ipv4Addr),
    /// A literal IPv6 address.
    V6(Ipv6Addr),
}

/// An https origin: host and port. Cheap to clone.
#[derive(Clone)]
pub struct Origin(Arc<Place>);

struct Place {
    host: Host,
    port: u16,
    authority: Authority,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        // An authority is the canonical text of host and port.
        Arc::ptr_eq(&self.0, &other.0) || self.authority() == other.authority()
    }
}

impl Eq for Origin {}

impl std::hash::Hash for Origin {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.authority().hash(state);
    }
}

impl Origin {
    fn new(host: Host, port: u16) -> Result<Self, Error> {
        let name = match &host {
            Host::Name(name) => name.clone(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => format!("[{ip}]"),
        };
        let text = if port == 443 { name } else { format!("{name}:{port}") };
        let authority = Authority::from_maybe_shared(text).map_err(|_| refuse("a host that cannot be sent"))?;
        Ok(Self(Arc::new(Place { host, port, authority })))
    }

    /// An origin as people write one: `cdn.example.com`, `localhost:8443`, `[::1]:8443`, `https://host`.
    ///
    /// # Errors
    /// As [`SafeUrl::parse`], and for a path after the host.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let whole = if text.contains("://") { Cow::Borrowed(text) } else { Cow::Owned(format!("https://{text}")) };
        let url = SafeUrl::parse(&whole)?;
        if url.path != "/" || url.query.is_some() || whole.get(8..).is_some_and(|rest| rest.contains(['/', '?', '#'])) {
            return Err(Error::new(Code::InputUrl).saying("A host is written without a path."));
        }
        Ok(url.origin)
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The host as text, without a port; IPv6 without brackets.
    pub fn host_text(&self) -> Cow<'_, str> {
        match &self.0.host {
            Host::Name(name) => Cow::Borrowed(name),
            Host::V4(ip) => Cow::Owned(ip.to_string()),
            Host::V6(ip) => Cow::Owned(ip.to_string()),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// `host` or `host:port`; port 443 is left out.
    pub fn authority(&self) -> &str {
        self.0.authority.as_str()
    }

    /// The same, ready for a request.
    pub fn parsed_authority(&self) -> &Authority {
        &self.0.authority
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

/// An https URL whose text cannot be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl {
    origin: Origin,
    path: String,
    query: Option<String>,
}

impl SafeUrl {
    /// Parses an absolute https URL. A fragment is dropped: it is never sent.
    ///
    /// # Errors
    /// `InsecureUrlError` for another scheme, `InputError` for anything that is not canonical as described above.
    pub fn parse(text: &str) -> Result<Self, Error> {
        judge_literal(text)?;
        Self::parse_pasted(text)
    }

    /// The same for a stranger's URL: spaces and invisible characters behind the authority are percent-encoded.
    ///
    /// # Errors
    /// As [`SafeUrl::parse`].
    pub fn parse_pasted(text: &str) -> Result<Self, Error> {
        judge_text(text)?;
        let parsed = url::Url::parse(text).map_err(|_| refuse("not a URL"))?;
        if parsed.scheme() != "https" {
            return Err(insecure());
        }
        let rest =
            text.get("https://".len()..).filter(|_| text.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("https://")));
        let Some(rest) = rest else { return Err(refuse("not written as https://host")) };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or("");
        if authority.contains('@') || !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(refuse("credentials in a URL").hint("pass auth=Basic(user, secret)"));
        }
        Self::of(&parsed, Some(authority))
    }

    /// Parses a client's base URL: a path is welcome, a query or fragment is not.
    ///
    /// # Errors
    /// As [`SafeUrl::parse`].
    pub fn parse_base(text: &str) -> Result<Self, Error> {
        let url = Self::parse(text).map_err(|error| startup(error, "base_url"))?;
        if url.query.is_some() || text.contains('#') {
            return Err(Error::new(Code::InputUrl).saying("`base_url` holds no query and no fragment."));
        }
        Ok(url)
    }

    /// Where a `Location` field leads from here.
    ///
    /// # Errors
    /// `RedirectRefusedError` for another scheme or a text that is not canonical.
    pub fn join(&self, location: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::new(Code::PolicyRedirectRefused).with("reason", reason.to_owned());
        judge_text(location).map_err(|_| refused("the Location field is not a clean URL"))?;
        // `https:evil.example` is a path to some parsers and a host to others.
        let (scheme, rest) = location.split_at_checked("https:".len()).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("https:") && !rest.starts_with("//") {
            return Err(refused("the Location field is not written as https://host"));
        }
        let base = url::Url::parse(&self.as_sent()).map_err(|_| refused("the current URL cannot be a base"))?;
        let target = base.join(location).map_err(|_| refused("the Location field is not a URL"))?;
        if target.scheme() != "https" {
            return Err(refused("the redirect leads away from https"));
        }
        if !target.username().is_empty() || target.password().is_some() {
            return Err(refused("the redirect's URL holds credentials"));
        }
        let authority = location.split_once("//").and_then(|(head, rest)| {
            (head.is_empty() || head.eq_ignore_ascii_case("https:"))
                .then(|| rest.split(['/', '?', '#']).next().unwrap_or(""))
        });
        Self::of(&target, authority).map_err(|_| refused("the redirect's host is not canonical"))
    }

    fn of(parsed: &url::Url, written: Option<&str>) -> Result<Self, Error> {
        let port = parsed.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| refuse("no usable port"))?;
        let host = match parsed.host() {
            Some(url::Host::Domain(name)) => Host::Name(authority::name_of(name)?),
            Some(url::Host::Ipv4(ip)) => Host::V4(ip),
            Some(url::Host::Ipv6(ip)) => Host::V6(ip),
            None => return Err(refuse("no host")),
        };
        if let Some(written) = written {
            authority::judge(written, &host)?;
        }
        let path = if parsed.path().is_empty() { "/" } else { parsed.path() };
        Ok(Self { origin: Origin::new(host, port)?, path: path.to_owned(), query: parsed.query().map(str::to_owned) })
    }

    /// Where it leads.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query as they are sent.
    pub fn path_and_query(&self) -> (&str, Option<&str>) {
        (&self.path, self.query.as_deref())
    }

    /// The whole URL as it is sent. It may hold secrets: never print it.
    pub fn as_sent(&self) -> String {
        let query = self.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("https://{}{}{query}", self.origin.authority(), self.path)
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/…", self.origin.authority())
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Longest URL that is read: 16 KiB; servers take 8.
const MAX_URL: usize = 16 * 1024;

/// Judges an absolute or a relative URL as strangers and servers write one.
fn judge_text(text: &str) -> Result<(), Error> {
    if text.len() > MAX_URL {
        return Err(refuse("longer than 16 KiB"));
    }
    let (authority, rest) = text.split_at_checked(authority_end(text)).unwrap_or((text, ""));
    judge_literal(authority)?;
    // Blanks at the end are cut off by some parsers and sent by others.
    if rest.contains(|c: char| c.is_control() || c == '\\') || rest.trim() != rest {
        return Err(refuse("a control character, a backslash, or a space at an end"));
    }
    Ok(())
}

/// Where scheme and authority end; 0 in a relative text, which has none.
fn authority_end(text: &str) -> usize {
    let Some((scheme, rest)) = text.split_once("//").filter(|(scheme, _)| !scheme.contains(['/', '?', '#'])) else {
        return 0;
    };
    scheme.len() + "//".len() + rest.find(['/', '?', '#']).unwrap_or(rest.len())
}

/// Judges what stands for itself: an authority, or a URL that a developer wrote.
fn judge_literal(text: &str) -> Result<(), Error> {
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\' || is_deceptive(c)) {
        return Err(refuse("a space, a backslash, or a character that nobody sees"));
    }
    Ok(())
}

/// Characters that nobody sees, or that show text in another order than it is sent.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn refuse(reason: &str) -> Error {
    Error::new(Code::InputUrl).with("reason", reason)
}

fn insecure() -> Error {
    Error::new(Code::PolicyInsecureUrl)
        .with("reason", "the scheme is not https")
        .hint("botsec speaks https only; there is no switch for it")
}

/// A start-up error names its argument in the message itself.
fn startup(error: Error, name: &str) -> Error {
    let reason = error.details().iter().find(|(key, _)| *key == "reason").map(|(_, reason)| reason.clone());
    let said = match error.code() {
        Code::PolicyInsecureUrl => format!("`{name}` must start with https://."),
        _ => format!("`{name}` is not accepted: {}.", reason.unwrap_or_default()),
    };
    error.saying(said)
}

#[cfg(test)]
mod tests;
