//! What a connection is doing, and for how long.

use std::future::pending;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

use crate::stream::Duplex;

/// The state of one connection, for those who wait for it to change. Clones are of the same connection.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Requests that have begun and are not answered.
    open: usize,
    /// How many have begun at all.
    begun: u64,
    /// Whether bytes have come that belong to no request yet.
    has_bytes: bool,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Open(Pace);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.open -= 1);
    }
}

impl Pace {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    /// A request begins: its headers are there.
    pub(super) fn begin(&self) -> Open {
        self.0.send_modify(|state| {
            *state = State { open: state.open + 1, begun: state.begun + 1, has_bytes: false };
        });
        Open(self.clone())
    }

    fn bytes_came(&self) {
        self.0.send_if_modified(|state| {
            let is_first = state.open == 0 && !state.has_bytes;
            state.has_bytes |= is_first;
            is_first
        });
    }

    /// Waits until a request is under way, at most this long.
    pub(super) async fn begun(&self, limit: Duration) {
        let mut states = self.0.subscribe();
        let begun = states.borrow().begun;
        let another = states.wait_for(|state| state.open > 0 || state.begun > begun);
        // In time or not: there is nothing more to wait for.
        timeout(limit, another).await.ok();
    }

    /// Waits until there has been no request for this long.
    pub(super) async fn quiet(&self, limit: Duration) {
        self.lasts(limit, |state| state.open == 0).await;
    }

    /// Waits until there has been no sign of a request for this long; for ever without a limit.
    pub(super) async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return pending().await };
        self.lasts(limit, |state| state.open == 0 && !state.has_bytes).await;
    }

    /// Waits until a request has been on its way for this long and not begun; for ever without a limit.
    pub(super) async fn unfinished(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return pending().await };
        self.lasts(limit, |state| state.open == 0 && state.has_bytes).await;
    }

    /// Waits until something has been so for a time.
    async fn lasts(&self, limit: Duration, is: impl Fn(&State) -> bool) {
        let mut states = self.0.subscribe();
        loop {
            // The sender lives as long as self.
            let Ok(begun) = states.wait_for(|state| is(state)).await.map(|state| state.begun)
            else {
                return;
            };
            let ended = states.wait_for(|state| !is(state) || state.begun != begun);
            if timeout(limit, ended).await.is_err() {
                return;
            }
        }
    }
}

/// A connection that tells when bytes come, and breaks when none can be written for too long.
pub(super) struct Paced {
    stream: Box<dyn Duplex>,
    /// Who is told that bytes come.
    pace: Option<Pace>,
    write_timeout: Option<Duration>,
    /// There while something is to be written and cannot be.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        pace: Option<Pace>,
        write_timeout: Option<Duration>,
    ) -> Self {
        Self { stream, pace, write_timeout, stalled: None }
    }

    /// Looks after the time that a write takes.
    fn timed<T>(
        &mut self,
        context: &mut Context<'_>,
        write: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(limit) = self.write_timeout else { return write };
        if write.is_ready() {
            self.stalled = None;
            return write;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads no answer")))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Some(pace) = &this.pace
            && buffer.filled().len() > before
        {
            pace.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.timed(context, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.timed(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flush = Pin::new(&mut this.stream).poll_flush(context);
        this.timed(context, flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shutdown = Pin::new(&mut this.stream).poll_shutdown(context);
        this.timed(context, shutdown)
    }
}
