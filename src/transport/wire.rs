//! Bytes as they arrive from either engine, and the connection that a direct hop holds until they end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use super::fault;
use super::lane::Held;
use crate::error::Error;

/// Bytes as they arrive, from either engine.
pub enum Wire {
    /// From a direct hop.
    Direct(Direct),
    /// From a hop through a proxy.
    Proxied(reqwest::Body),
}

/// A body from a direct hop, and the connection that it comes over.
pub struct Direct {
    body: Incoming,
    held: Option<Held>,
}

impl Direct {
    pub(super) fn new(body: Incoming, held: Held) -> Self {
        let mut new = Self { body, held: Some(held) };
        new.release_at_end();
        new
    }

    fn release_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(Held::Own(lease)) = self.held.take() {
            lease.release();
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context).map_err(|e| fault::in_body(&e));
        match &frame {
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Ok(_))) => self.release_at_end(),
            _ => {}
        }
        frame
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        self.release_at_end();
    }
}

impl Wire {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Direct(body) => body.poll(context),
            Self::Proxied(body) => Pin::new(body).poll_frame(context).map_err(|e| fault::in_body(&e.without_url())),
        }
    }

    /// Whether all of it came already.
    pub(super) fn is_at_end(&self) -> bool {
        match self {
            Self::Direct(direct) => direct.held.is_none(),
            Self::Proxied(_) => false,
        }
    }

    /// Nothing came for a time that began at `since`: no further call takes the connection, unless others heard of it.
    pub(super) fn doubt(&self, since: Instant) {
        if let Self::Direct(Direct { held: Some(Held::Shared(lane)), .. }) = self {
            lane.doubt(since);
        }
    }

    /// The next run of bytes; trailers are skipped.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            match self.poll(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    _ => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
