//! Reads an HTTP/2 connection in sips, so that whoever waits for an answer takes what came before more is read.
//!
//! h2 queues each frame until its stream is polled, and a connection that always has bytes is read without a pause: a peer that
//! floods a stream with interim answers of ten bytes each would fill a hundred MiB before the stream's turn comes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

/// Reads in a row: 128 KiB at most, for TLS hands out a record of 16 KiB at a time.
const SIPS: u32 = 8;

/// A connection that pauses after every [`SIPS`] reads.
pub(super) struct Sipped<T> {
    inner: T,
    taken: u32,
}

impl<T> Sipped<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, taken: 0 }
    }
}

impl<T: Read + Unpin> Read for Sipped<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.taken >= SIPS {
            self.taken = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.inner).poll_read(context, into);
        self.taken = if read.is_ready() { self.taken + 1 } else { 0 };
        read
    }
}

impl<T: Write + Unpin> Write for Sipped<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, from)
    }
}
