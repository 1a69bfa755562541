//! The door: how much of what comes in the process has room for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use component::{MemoryAccount, NoRoom, Share};
use http_body::{Body, Frame, SizeHint};
use net::status::{Status, code};
use tokio::time::timeout;

/// How long a request may wait for room before it is refused. Its client waits with it, which slows it down.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a refused client is asked to stay away.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The memory account, seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    account: Arc<MemoryAccount>,
}

impl Door {
    pub(crate) fn new(account: Arc<MemoryAccount>) -> Self {
        Self { account }
    }

    /// Lets a request in: waits for a while until a quarter of the account is free. The share that it gets is empty; bytes
    /// are charged as they come, so that a body that is announced and never sent takes nothing from others.
    pub(crate) async fn enter(&self) -> Result<Share, Status> {
        let room = self.account.limit() / 4;
        match timeout(PATIENCE, self.account.admit_when_free(room)).await {
            Ok(Ok(mut share)) => {
                share.resize(0);
                Ok(share)
            }
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
    refusal: Option<NoRoom>,
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
    pub(crate) fn new(body: B, share: Share) -> Self {
        Self { body, share, refusal: None }
    }

    /// The share with all that has come, or why there was no room.
    pub(crate) fn finish(self) -> Result<Share, Status> {
        match self.refusal {
            Some(refusal) => Err(status(refusal)),
            None => Ok(self.share),
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
        let Self { body, share, refusal } = &mut *self;
        Pin::new(body).poll_frame(context).map(|frame| {
            let frame = match frame? {
                Ok(frame) => frame,
                Err(error) => return Some(Err(BrokenOff::Body(error))),
            };
            let charged = share.try_grow(frame.data_ref().map_or(0, Bytes::len));
            Some(charged.map(|()| frame).map_err(|no_room| {
                *refusal = Some(no_room);
                BrokenOff::NoRoom(no_room)
            }))
        })
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

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_room_and_is_refused_when_none_comes() {
        let (door, account) = door(100);
        let held = account.charge(80);
        let refusal = door.enter().await.unwrap_err();
        assert_eq!((refusal.code, refusal.retry_delay), (code::UNAVAILABLE, Some(RETRY_DELAY)));
        drop(held);
        assert_eq!(door.enter().await.unwrap().bytes(), 0);
    }

    #[tokio::test]
    async fn bytes_are_charged_as_they_come_until_there_is_no_room() {
        let (door, account) = door(100);
        let mut body = Metered::new(Full::from("0123456789"), door.enter().await.unwrap());
        body.frame().await.unwrap().unwrap();
        assert_eq!(account.used(), 10);
        drop(body.finish().unwrap());
        assert_eq!(account.used(), 0);

        let mut body = Metered::new(Full::from("0123456789"), door.enter().await.unwrap());
        let _held = account.charge(95);
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(body.finish().unwrap_err().code, code::UNAVAILABLE);
    }

    #[tokio::test]
    async fn what_never_fits_is_refused_for_good() {
        let (door, _) = door(4);
        let mut body = Metered::new(Full::from("0123456789"), door.enter().await.unwrap());
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(body.finish().unwrap_err().code, code::INVALID_ARGUMENT);
    }
}
