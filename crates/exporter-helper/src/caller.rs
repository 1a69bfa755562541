//! Callers that wait for the result of their request (`wait_for_result`).

use std::sync::Arc;

use component::{CancellationToken, ConsumeError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// What a caller gets.
pub(crate) type Answer = Result<(), ConsumeError>;

/// One part of a caller's request. The caller is answered when the last part is gone, with the worst result; a part that
/// is dropped without a word was not sent.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    told: bool,
}

struct Shared {
    worst: Mutex<Option<ConsumeError>>,
    reply: Mutex<Option<oneshot::Sender<Answer>>>,
    gone: CancellationToken,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let answer = self.worst.get_mut().take().map_or(Ok(()), Err);
        if let Some(reply) = self.reply.get_mut().take() {
            // The caller may have gone away: then nobody wants the answer.
            drop(reply.send(answer));
        }
    }
}

impl Caller {
    /// A caller, and the future that it waits on. Dropping the future means that the caller has gone away.
    pub(crate) fn waiting() -> (Self, impl Future<Output = Answer>) {
        let (reply, answer) = oneshot::channel();
        let gone = CancellationToken::new();
        let present = gone.clone().drop_guard();
        let shared = Shared { worst: Mutex::default(), reply: Mutex::new(Some(reply)), gone };
        let answer = async move {
            let _present = present;
            answer.await.unwrap_or_else(|_| Err(stopped()))
        };
        (Self { shared: Arc::new(shared), told: false }, answer)
    }

    /// Another part of the same request.
    pub(crate) fn part(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), told: false }
    }

    /// Says what became of this part. `None` is success.
    pub(crate) fn tell(mut self, error: Option<ConsumeError>) {
        self.settle(error);
    }

    fn settle(&mut self, error: Option<ConsumeError>) {
        self.told = true;
        let Some(error) = error else { return };
        let mut worst = self.shared.worst.lock();
        // Of several, one that may pass wins: what failed so can be offered again.
        if worst.as_ref().is_none_or(|worst| worst.is_permanent() && !error.is_permanent()) {
            *worst = Some(error);
        }
    }

    /// Ends when nobody of these waits any more; never, if nobody ever did.
    pub(crate) async fn all_gone(callers: &[Self]) {
        if callers.is_empty() {
            std::future::pending::<()>().await;
        }
        for caller in callers {
            caller.shared.gone.cancelled().await;
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if !self.told {
            self.settle(Some(stopped()));
        }
    }
}

/// The answer of a queue that takes nothing in any more.
pub(crate) fn stopped() -> ConsumeError {
    ConsumeError::retryable("sending queue is stopped")
}

/// The same error for one more caller, as far as it can be repeated: its causes become text.
pub(crate) fn repeat(error: &ConsumeError) -> ConsumeError {
    let mut copy = match error.is_permanent() {
        true => ConsumeError::permanent(error.chain()),
        false => ConsumeError::retryable(error.chain()),
    };
    if let Some(code) = error.code() {
        copy = copy.with_code(code);
    }
    if let Some(delay) = error.retry_after() {
        copy = copy.with_retry_after(delay);
    }
    copy
}
