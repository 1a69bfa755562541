//! A limit to how many requests a host has at once.

use std::collections::HashMap;
use std::sync::Arc;

use http::Uri;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many hosts are remembered that nobody is sending to.
const HOSTS: usize = 16;

/// Who may send to which host.
#[derive(Debug)]
pub(super) struct Turns {
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    pub(super) fn new(per_host: usize) -> Self {
        Self { per_host: per_host.min(Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Waits for a turn, which lasts as long as what is returned.
    pub(super) async fn take(&self, uri: &Uri) -> OwnedSemaphorePermit {
        let turn = self.of(uri).acquire_owned().await;
        turn.expect("nobody closes the semaphore")
    }

    fn of(&self, uri: &Uri) -> Arc<Semaphore> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut hosts = self.hosts.lock();
        if hosts.len() >= HOSTS {
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let turns = hosts.entry(format!("{scheme}://{host}"));
        Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_ready(future: impl Future) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(pin!(future).poll(&mut context), Poll::Ready(_))
    }

    #[tokio::test]
    async fn each_host_has_its_own_turns() {
        let turns = Turns::new(1);
        let (one, other) = (Uri::from_static("http://one/a"), Uri::from_static("http://other/a"));
        let turn = turns.take(&one).await;
        assert!(!is_ready(turns.take(&Uri::from_static("http://one/b"))));
        assert!(is_ready(turns.take(&other)));
        drop(turn);
        assert!(is_ready(turns.take(&one)));
    }

    #[tokio::test]
    async fn hosts_of_the_past_are_forgotten() {
        let turns = Turns::new(1);
        let kept = Uri::from_static("http://kept/");
        let _turn = turns.take(&kept).await;
        for number in 0..100 {
            drop(turns.take(&format!("http://h{number}/").parse().unwrap()).await);
        }
        assert!(turns.hosts.lock().len() <= HOSTS);
        assert!(!is_ready(turns.take(&kept)));
    }
}
