//! Turns a judged request into what the engines send.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use http_body::{Frame, SizeHint};

use crate::error::{Code, Error};
use crate::policy::PermittedRequest;
use crate::url::Origin;
use crate::validate::{Feed, Payload};

/// A request body: nothing, bytes, or what a feed brings.
pub(super) struct Outgoing(Payload);

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = FeedBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FeedBroken>>> {
        match &mut self.0 {
            Payload::Empty => Poll::Ready(None),
            Payload::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Payload::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Payload::Feed(feed) => poll_feed(feed, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Payload::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Payload::Empty => SizeHint::with_exact(0),
            Payload::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Payload::Feed(feed) => feed.length().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

fn poll_feed(feed: &mut Feed, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FeedBroken>>> {
    match feed.poll_chunk(context) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(None) => Poll::Ready(None),
        Poll::Ready(Some(Ok(chunk))) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
        Poll::Ready(Some(Err(()))) => Poll::Ready(Some(Err(FeedBroken))),
    }
}

/// The caller's body iterator raised; its exception is the caller's own.
#[derive(Debug)]
pub(super) struct FeedBroken;

impl std::fmt::Display for FeedBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request body's iterator raised")
    }
}

impl std::error::Error for FeedBroken {}

/// An origin, as requests name it in either protocol.
pub(super) struct Target {
    authority: Authority,
    host: HeaderValue,
}

impl Target {
    pub(super) fn of(origin: &Origin) -> Result<Self, Error> {
        let authority = origin.parsed_authority().clone();
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|_| Error::new(Code::InputUrl).with("reason", "a host that cannot be sent"))?;
        Ok(Self { authority, host })
    }

    /// Where its connections are dialled.
    pub(super) fn uri(&self) -> Uri {
        self.whole(PathAndQuery::from_static("/"))
    }

    fn whole(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        (parts.scheme, parts.authority) = (Some(Scheme::HTTPS), Some(self.authority.clone()));
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// The form of HTTP/1.1: a path, and a Host field (RFC 9112 §3.2.1).
    pub(super) fn shorten<B>(&self, request: &mut http::Request<B>) {
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = std::mem::take(request.uri_mut()).into_parts().path_and_query;
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        request.headers_mut().insert(http::header::HOST, self.host.clone());
    }

    /// The form of HTTP/2: a whole URI (RFC 9113 §8.3.1).
    pub(super) fn lengthen<B>(&self, request: &mut http::Request<B>) {
        if request.uri().scheme().is_none() {
            let path = std::mem::take(request.uri_mut()).into_parts().path_and_query;
            *request.uri_mut() = self.whole(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
            request.headers_mut().remove(http::header::HOST);
        }
    }
}

pub(super) fn direct(request: PermittedRequest) -> http::Request<Outgoing> {
    let (method, uri, headers, payload) = request.into_parts();
    let mut out = http::Request::new(Outgoing(payload));
    *out.method_mut() = method;
    *out.uri_mut() = uri;
    *out.headers_mut() = headers;
    out
}

pub(super) fn proxied(request: PermittedRequest) -> http::Request<reqwest::Body> {
    let (method, uri, headers, payload) = request.into_parts();
    let mut out = http::Request::new(match payload {
        Payload::Empty => reqwest::Body::default(),
        Payload::Bytes(bytes) => reqwest::Body::from(bytes),
        Payload::Feed(_) => reqwest::Body::wrap(Outgoing(payload)),
    });
    *out.method_mut() = method;
    *out.uri_mut() = uri;
    *out.headers_mut() = headers;
    out
}
