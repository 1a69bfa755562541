//! The door: how much of what comes in the process has room for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use component::{MemoryAccount, NoRoom, Share};
use http_body::{Body, Frame, SizeHint};
use net::status::{Status, code};
use tokio::sync::Mutex;
use tokio::time::{Sleep, sleep, timeout};

/// How long a request may wait for room before it is refused. Its client waits with it, which slows it down.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a refused client is asked to stay away.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long room is kept for a body. One that is slower, or never comes, takes from then on what has come of it.
const RESERVED: Duration = Duration::from_millis(50);
/// What a body is expected to take before one was seen, unless it announces less. Large, for a process that starts may find a
/// crowd at its door.
const FIRST_GUESS: usize = 512 << 10;

/// The memory account, seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    account: Arc<MemoryAccount>,
    line: Arc<Line>,
}

/// Those who wait, and what is known of those who came in.
#[derive(Debug)]
struct Line {
    /// Held by the one who waits for room; the others wait for their turn, in order.
    turn: Mutex<()>,
    /// What a body takes, learned from those that came.
    typical: AtomicUsize,
}

impl Door {
    pub(crate) fn new(account: Arc<MemoryAccount>) -> Self {
        let line = Line { turn: Mutex::new(()), typical: AtomicUsize::new(FIRST_GUESS) };
        Self { account, line: Arc::new(line) }
    }

    /// Lets a request in: waits for a while, behind those who came before, until a quarter of the account is free. The rest of
    /// the account is for the growth of what is inside.
    ///
    /// As much as bodies usually take is kept for this one for a moment, or what it announces where that is less: so no more
    /// are let in at once than there is room for, and a body that is announced and never sent takes nothing from others.
    pub(crate) async fn enter<B: Body>(&self, body: B) -> Result<Metered<B>, Status> {
        let typical = self.line.typical.load(Ordering::Relaxed);
        let room = self.account.limit() / 4;
        let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let reserved = announced.unwrap_or(usize::MAX).min(typical).min(room);
        let admitted = async {
            let _turn = self.line.turn.lock().await;
            let mut share = self.account.admit_when_free(room).await?;
            share.resize(reserved);
            Ok(share)
        };
        match timeout(PATIENCE, admitted).await {
            Ok(Ok(share)) => Ok(Metered {
                body,
                share,
                come: 0,
                reservation: Some(Box::pin(sleep(RESERVED))),
                refusal: None,
                line: Arc::clone(&self.line),
            }),
            Ok(Err(refusal)) => Err(status(refusal)),
            Err(_) => Err(status(NoRoom::Full)),
        }
    }
}

/// What a client is told when there is no room.
pub(crate) fn status(refusal: NoRoom) -> Status {
    match refusal {
        NoRoom::Full => Status {
            retry_delay: Some(RETRY_DELAY),
            ..Status::new(code::UNAVAILABLE, refusal.to_string())
        },
        NoRoom::TooLarge { .. } => Status::new(code::INVALID_ARGUMENT, refusal.to_string()),
    }
}

/// A body whose bytes are charged to a share as they come. It breaks off where there is no more room.
pub(crate) struct Metered<B> {
    body: B,
    share: Share,
    /// How many bytes have come.
    come: usize,
    /// When the share shrinks to what has come.
    reservation: Option<Pin<Box<Sleep>>>,
    refusal: Option<NoRoom>,
    line: Arc<Line>,
}

/// Why a metered body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenOff<E: std::error::Error + 'static> {
    #[error(transparent)]
    NoRoom(NoRoom),
    #[error(transparent)]
    Body(E),
}

impl<B> Metered<B> {
    /// The share with all that has come, or why there was no room.
    pub(crate) fn finish(mut self) -> Result<Share, Status> {
        if let Some(refusal) = self.refusal {
            return Err(status(refusal));
        }
        // An eighth of the way: one that is unlike the others changes little. Of two at a time, one may be forgotten.
        let typical = self.line.typical.load(Ordering::Relaxed);
        self.line.typical.store(typical - typical / 8 + self.come / 8, Ordering::Relaxed);
        self.share.resize(self.come);
        Ok(self.share)
    }

    /// Charges bytes that have come.
    fn charge(&mut self, bytes: usize) -> Result<(), NoRoom> {
        self.come += bytes;
        match self.come.checked_sub(self.share.bytes()) {
            Some(more) => self.share.try_grow(more),
            None => Ok(()),
        }
    }

    /// Gives up the rest of the reservation when its time is over.
    fn expire(&mut self, context: &mut Context<'_>) {
        if let Some(reservation) = &mut self.reservation
            && reservation.as_mut().poll(context).is_ready()
        {
            self.reservation = None;
            self.share.resize(self.come);
        }
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    type Data = Bytes;
    type Error = BrokenOff<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            self.expire(context);
            return Poll::Pending;
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(BrokenOff::Body)?;
            let charged = self.charge(frame.data_ref().map_or(0, Bytes::len));
            charged.map(|()| frame).map_err(|no_room| {
                self.refusal = Some(no_room);
                BrokenOff::NoRoom(no_room)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn door(limit: usize) -> (Door, Arc<MemoryAccount>) {
        let account = Arc::new(MemoryAccount::with_limit(limit));
        (Door::new(Arc::clone(&account)), account)
    }

    fn full(text: &'static str) -> Full<Bytes> {
        Full::from(text)
    }

    /// A body that announces so much and does not come.
    struct Never(u64);

    impl Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_room_and_is_refused_when_none_comes() {
        let (door, account) = door(100);
        let held = account.charge(80);
        let Err(refusal) = door.enter(full("")).await else { panic!("there is no room") };
        assert_eq!((refusal.code, refusal.retry_delay), (code::UNAVAILABLE, Some(RETRY_DELAY)));
        drop(held);
        assert_eq!(door.enter(full("")).await.unwrap().finish().unwrap().bytes(), 0);
    }

    #[tokio::test]
    async fn bytes_are_charged_as_they_come_until_there_is_no_room() {
        let (door, account) = door(100);
        let mut body = door.enter(full("0123456789")).await.unwrap();
        body.frame().await.unwrap().unwrap();
        assert_eq!(account.used(), 10);
        drop(body.finish().unwrap());
        assert_eq!(account.used(), 0);

        let held = account.charge(75);
        let text = "0123456789012345678901234567890123456789";
        let mut body = door.enter(full(text)).await.unwrap();
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(body.finish().unwrap_err().code, code::UNAVAILABLE);
        drop(held);
    }

    #[tokio::test]
    async fn what_never_fits_is_refused_for_good() {
        let (door, _) = door(4);
        let mut body = door.enter(full("0123456789")).await.unwrap();
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(body.finish().unwrap_err().code, code::INVALID_ARGUMENT);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_let_in_than_there_is_room_for() {
        let (door, account) = door(100 << 10);
        let (mut inside, mut refused) = (Vec::new(), 0);
        for _ in 0..8 {
            match timeout(Duration::from_millis(1), door.enter(Never(20 << 10))).await {
                Ok(body) => inside.push(body.unwrap()),
                Err(_) => refused += 1,
            }
        }
        assert_eq!((inside.len(), refused, account.used()), (4, 4, 80 << 10));
        inside.pop();
        assert!(door.enter(Never(20 << 10)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_keeps_no_room() {
        let (door, account) = door(100 << 10);
        let mut body = door.enter(Never(u64::MAX)).await.unwrap();
        assert_eq!(account.used(), (100 << 10) / 4, "at most a quarter, whatever it announces");
        timeout(RESERVED, body.frame()).await.unwrap_err();
        assert_eq!(account.used(), 0);
    }

    #[tokio::test]
    async fn what_is_kept_is_what_bodies_usually_take() {
        let (door, account) = door(1 << 20);
        for _ in 0..100 {
            let mut body = door.enter(full("0123456789")).await.unwrap();
            body.frame().await.unwrap().unwrap();
            body.finish().unwrap();
        }
        let body = door.enter(Never(1 << 20)).await.unwrap();
        assert!(account.used() < 100, "{}", account.used());
        drop(body);
    }
}
