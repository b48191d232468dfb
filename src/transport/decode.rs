//! gzip, brotli and zstd, one coding a body, decoded step by step so that the caps of `body` hold at every step.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, ReadBuf};

use super::wire::Wire;
use crate::error::{Code, Error};

/// What `Accept-Encoding` offers.
pub const ACCEPT: &str = "gzip, br, zstd";
/// Largest zstd window: 8 MiB, as RFC 8878 §3.1.1.1.2 recommends and browsers demand.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Decoded bytes per step: small enough that a bomb is seen early, large enough to cost little.
const STEP: usize = 32 * 1024;

/// A content coding that we offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Coding {
    /// One known coding, in any case; a list of several is none.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        [
            (&b"identity"[..], Self::Identity),
            (b"gzip", Self::Gzip),
            (b"x-gzip", Self::Gzip),
            (b"br", Self::Brotli),
            (b"zstd", Self::Zstd),
        ]
        .into_iter()
        .find_map(|(name, coding)| value.eq_ignore_ascii_case(name).then_some(coding))
    }
}

/// A body being decoded.
pub(super) struct Decoder {
    machine: Machine,
    buffer: BytesMut,
    started: bool,
}

enum Machine {
    Gzip(GzipDecoder<Source>),
    Brotli(BrotliDecoder<Source>),
    Zstd(ZstdDecoder<Source>),
}

impl Decoder {
    pub(super) fn new(coding: Coding, wire: Wire) -> Self {
        let source = Source { wire, chunk: Bytes::new(), received: 0, fault: None };
        let machine = match coding {
            Coding::Gzip | Coding::Identity => {
                let mut gzip = GzipDecoder::new(source);
                gzip.multiple_members(true);
                Machine::Gzip(gzip)
            }
            Coding::Brotli => Machine::Brotli(BrotliDecoder::new(source)),
            Coding::Zstd => {
                let mut zstd = ZstdDecoder::with_params(source, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
                // Frames follow each other, skippable ones among them (RFC 8878 §3).
                zstd.multiple_members(true);
                Machine::Zstd(zstd)
            }
        };
        Self { machine, buffer: BytesMut::new(), started: false }
    }

    /// Bytes received before decoding.
    pub(super) fn received(&self) -> u64 {
        match &self.machine {
            Machine::Gzip(m) => m.get_ref().received,
            Machine::Brotli(m) => m.get_ref().received,
            Machine::Zstd(m) => m.get_ref().received,
        }
    }

    pub(super) fn into_wire(self) -> Wire {
        match self.machine {
            Machine::Gzip(m) => m.into_inner().wire,
            Machine::Brotli(m) => m.into_inner().wire,
            Machine::Zstd(m) => m.into_inner().wire,
        }
    }

    pub(super) fn wire(&self) -> &Wire {
        match &self.machine {
            Machine::Gzip(m) => &m.get_ref().wire,
            Machine::Brotli(m) => &m.get_ref().wire,
            Machine::Zstd(m) => &m.get_ref().wire,
        }
    }

    fn source(&mut self) -> &mut Source {
        match &mut self.machine {
            Machine::Gzip(m) => m.get_mut(),
            Machine::Brotli(m) => m.get_mut(),
            Machine::Zstd(m) => m.get_mut(),
        }
    }

    /// The next decoded bytes, or `None` at a clean end: the coding's own and the body's at the same byte.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.started {
            self.started = true;
            // A body without a byte (HEAD, 204, 304) is empty, whatever its head says.
            if self.source().fill_buf().await.is_ok_and(<[u8]>::is_empty) {
                return Ok(None);
            }
        }
        self.buffer.reserve(STEP);
        let mut room = (&mut self.buffer).limit(STEP);
        let read = match &mut self.machine {
            Machine::Gzip(m) => m.read_buf(&mut room).await,
            Machine::Brotli(m) => m.read_buf(&mut room).await,
            Machine::Zstd(m) => m.read_buf(&mut room).await,
        };
        match read {
            Ok(0) => self.end().await,
            Ok(_) => Ok(Some(self.buffer.split().freeze())),
            Err(error) => Err(self.explain(&error)),
        }
    }

    async fn end(&mut self) -> Result<Option<Bytes>, Error> {
        let rest = match self.source().fill_buf().await {
            Ok(rest) => rest.len(),
            Err(error) => return Err(self.explain(&error)),
        };
        if rest > 0 {
            return Err(Error::new(Code::TransportDecoding).with("reason", "bytes follow the end of the coded body"));
        }
        Ok(None)
    }

    fn explain(&mut self, error: &io::Error) -> Error {
        if let Some(fault) = self.source().fault.take() {
            return fault;
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the coded body is cut short",
            _ => "the body is not what its content coding says",
        };
        Error::new(Code::TransportDecoding).with("reason", reason)
    }
}

/// The wire as the decoders read it; keeps the transport's own error aside.
struct Source {
    wire: Wire,
    chunk: Bytes,
    received: u64,
    fault: Option<Error>,
}

impl AsyncBufRead for Source {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty() {
            match ready!(this.wire.poll_data(context)) {
                Some(Ok(chunk)) => {
                    this.received = this.received.saturating_add(chunk.len() as u64);
                    this.chunk = chunk;
                }
                Some(Err(fault)) => {
                    this.fault = Some(fault);
                    return Poll::Ready(Err(io::ErrorKind::Other.into()));
                }
                None => {}
            }
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.chunk.advance(amount.min(this.chunk.len()));
    }
}

impl AsyncRead for Source {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(context))?;
        let take = available.len().min(out.remaining());
        out.put_slice(available.get(..take).unwrap_or_default());
        self.consume(take);
        Poll::Ready(Ok(()))
    }
}
