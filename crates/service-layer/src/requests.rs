//! What the host asks of the program.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify as Wake;

/// Something that the host asks of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Finish what is in flight and return.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// What the host asks for, as it comes.
///
/// Equal requests that were not taken yet become one: a program that is busy reloading reloads once more afterwards, however
/// often it was asked to. Stopping comes first.
#[derive(Debug)]
pub struct Requests(Arc<Mailbox>);

impl Requests {
    /// The next request. Waits for ever when the host has nothing to ask; nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Request {
        loop {
            if let Some(request) = self.0.take() {
                return request;
            }
            self.0.wake.notified().await;
        }
    }
}

/// The other end: where signals and the service manager put what they want.
#[derive(Clone, Debug)]
pub(crate) struct Requester(Arc<Mailbox>);

impl Requester {
    pub(crate) fn request(&self, request: Request) {
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            Request::Stop => pending.stop = true,
            Request::Reload => pending.reload = true,
        }
        drop(pending);
        self.0.wake.notify_one();
    }
}

#[derive(Debug, Default)]
struct Mailbox {
    pending: Mutex<Pending>,
    wake: Wake,
}

#[derive(Debug, Default)]
struct Pending {
    stop: bool,
    reload: bool,
}

impl Mailbox {
    fn take(&self) -> Option<Request> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut pending.stop) {
            Some(Request::Stop)
        } else {
            std::mem::take(&mut pending.reload).then_some(Request::Reload)
        }
    }
}

/// Both ends.
pub(crate) fn channel() -> (Requester, Requests) {
    let mailbox = Arc::new(Mailbox::default());
    (Requester(Arc::clone(&mailbox)), Requests(mailbox))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_wait_until_they_are_taken_and_equal_ones_become_one() {
        let (requester, mut requests) = channel();
        requester.request(Request::Reload);
        requester.request(Request::Reload);
        assert_eq!(requests.next().await, Request::Reload);
        assert!(timeout(Duration::from_secs(60), requests.next()).await.is_err());
    }

    #[tokio::test]
    async fn stopping_comes_before_reloading() {
        let (requester, mut requests) = channel();
        requester.request(Request::Reload);
        requester.request(Request::Stop);
        assert_eq!(requests.next().await, Request::Stop);
        assert_eq!(requests.next().await, Request::Reload);
    }

    #[tokio::test]
    async fn a_waiting_program_is_woken() {
        let (requester, mut requests) = channel();
        let asking = async { requester.request(Request::Stop) };
        // `join!` polls the waiting side first.
        let (request, ()) = tokio::join!(requests.next(), asking);
        assert_eq!(request, Request::Stop);
    }
}
