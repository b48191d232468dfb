//! URLs that print redacted, and origins in one canonical form. Only https exists here.
//!
//! A text is parsed once, by the `url` crate, and refused when its authority would change on the way back to text: tabs,
//! backslashes, credentials, percent-encoded or mapped host names and every odd spelling of an IPv4 address.

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

    fn of(parsed: &url::Url, authority: Option<&str>) -> Result<Self, Error> {
        let port = parsed.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| refuse("no usable port"))?;
        let host = match parsed.host() {
            Some(url::Host::Domain(name)) => Host::Name(name_of(name)?),
            Some(url::Host::Ipv4(ip)) => Host::V4(ip),
            Some(url::Host::Ipv6(ip)) => Host::V6(ip),
            None => return Err(refuse("no host")),
        };
        if let Some(authority) = authority {
            judge_authority(authority, &host)?;
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

fn judge_text(text: &str) -> Result<(), Error> {
    if text.len() > MAX_URL {
        return Err(refuse("longer than 16 KiB"));
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if text.chars().any(odd) {
        return Err(refuse("a space, control character or backslash"));
    }
    Ok(())
}

/// The written authority must say what the parsed one says.
fn judge_authority(authority: &str, host: &Host) -> Result<(), Error> {
    let (written, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or_else(|| refuse("brackets that do not match"))?;
            (inside, after.strip_prefix(':').or(after.is_empty().then_some("443")))
        }
        None => match authority.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (authority, Some("443")),
        },
    };
    let port_ok = port.is_some_and(|port| {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        digits && !port.starts_with('0') && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if !port_ok {
        return Err(refuse("a port that is not a number from 1 to 65535"));
    }
    let same = match host {
        Host::V4(ip) => written == ip.to_string(),
        Host::V6(ip) => written.parse::<Ipv6Addr>().is_ok_and(|written| written == *ip) && !written.contains('%'),
        Host::Name(name) if written.is_ascii() => {
            !written.contains('%')
                && written.trim_end_matches('.').eq_ignore_ascii_case(name)
                && !written.ends_with("..")
        }
        // An international name may be written in its own script; characters that only map to ASCII may not.
        Host::Name(name) => name.split('.').any(|label| label.starts_with("xn--")) && !is_mapped(written),
    };
    if same { Ok(()) } else { Err(refuse("a host that is not in canonical form")) }
}

/// Whether a name holds a character that IDNA maps to an ASCII one: full-width forms, ideographic stops, ligatures.
fn is_mapped(name: &str) -> bool {
    let labels = name.trim_end_matches('.').split('.');
    labels.filter(|label| !label.is_ascii()).any(|label| {
        label.chars().any(|c| {
            let alone = c.to_string();
            !c.is_ascii() && idna_ascii(&alone).is_some_and(|ascii| !ascii.starts_with("xn--"))
        })
    }) || name.contains([
        '\u{3002}', '\u{ff0e}', '\u{ff61}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{ad}', '\u{2060}', '\u{feff}',
    ])
}

fn idna_ascii(text: &str) -> Option<String> {
    url::Host::parse(text).ok().map(|host| host.to_string())
}

fn name_of(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let label_ok = |label: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && edge(label.bytes().next())
            && edge(label.bytes().last())
    };
    // A name whose last label is a number would be an IPv4 address to somebody.
    let numeric = name.rsplit('.').next().is_none_or(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() > 253 || numeric || !name.split('.').all(label_ok) {
        return Err(refuse("a host name that is not valid"));
    }
    Ok(name.to_owned())
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
