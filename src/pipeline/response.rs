//! An answer as the caller gets it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Uri, Version};

use crate::headers::Quota;
use crate::redact;
use crate::transport::{Limits, Stream};

/// An answer: head, and a body that was read or is still to read.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header fields.
    pub headers: HeaderMap,
    /// Protocol version.
    pub version: Version,
    /// The body.
    pub content: Content,
    /// Where the last hop went. It may hold secrets; [`Response::url`] does not.
    pub(crate) uri: Uri,
    /// Whether the URL was a stranger's, of which only the host is told.
    pub(crate) open: bool,
    /// From the first grant to the end of what was read.
    pub elapsed: Duration,
    /// Requests sent, retries included.
    pub attempts: u32,
    /// What the API said about its quota.
    pub quota: Option<Quota>,
    /// Whether it is a refusal for the pace, whatever its status, or asks for a longer wait than the client accepts.
    pub limited: bool,
}

/// A body that was read, or one still to read.
pub enum Content {
    /// All of it.
    Read(Bytes),
    /// In pieces, each read within these limits.
    Stream(Box<Stream>, Limits),
}

impl Response {
    /// The URL of the last hop, safe to print: ids and tokens generalised, query values dropped.
    pub fn url(&self) -> String {
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        if self.open {
            return format!("https://{host}/…");
        }
        let path = redact::route_label(self.uri.path());
        match self.uri.query() {
            None => format!("https://{host}{path}"),
            Some(query) => format!("https://{host}{path}?{}", redact::query_keys(query)),
        }
    }

    /// The whole URL of the last hop, which only a client that carries no secret tells.
    pub fn open_url(&self) -> Option<String> {
        self.open.then(|| self.uri.to_string())
    }

    /// The protocol as `HTTP/1.1` or `HTTP/2`.
    pub fn http_version(&self) -> &'static str {
        match self.version {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_3 => "HTTP/3",
            _ => "HTTP/1.1",
        }
    }

    /// The id that the API gave this request, for its support.
    pub fn request_id(&self) -> Option<&str> {
        ["x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "x-github-request-id", "cf-ray"]
            .iter()
            .find_map(|name| self.headers.get(*name))
            .and_then(|value| value.to_str().ok())
    }

    /// The body as far as it was read.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Read(bytes) => Some(bytes),
            Content::Stream(..) => None,
        }
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({} {})", self.status, self.url())
    }
}
