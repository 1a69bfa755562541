//! The memory account: one account of bytes for all telemetry that the process holds.
//!
//! Only doors refuse or wait: receivers, before they take data in. Whoever holds a [`Share`] never waits for more, so that
//! nothing that is inside can keep itself from getting out. Growth inside (decompression, decoding, scrapes) is charged
//! without waiting; the account may go into the red by it, and the doors stay shut until it is out again.

mod host;
mod share;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::error::{Code, ConsumeError};
pub use crate::memory::host::{available_memory, resident_memory};
pub use crate::memory::share::Share;

/// The account's limit when nobody sets one and no cgroup limits the process: 44 MiB.
///
/// A queue may hold half of it, so that a host agent in front of a dead backend stays below 40 MiB of resident memory.
pub const DEFAULT_LIMIT: usize = 44 << 20;

/// How long a refused sender is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The process's account of bytes. Get it from [`Process::memory`](crate::Process::memory).
pub struct MemoryAccount {
    /// Set by the host, used when no [`Limit`] is held.
    fallback: usize,
    limits: Mutex<Vec<(u64, usize)>>,
    /// The smallest of the limits, or the fallback.
    limit: AtomicI64,
    used: AtomicI64,
    lanes: AtomicUsize,
    /// How many hold the doors shut, whatever the account says.
    shut: AtomicUsize,
    freed: Notify,
}

/// Why a door does not let data in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// There is no room now. The sender may try again.
    #[error("data refused due to high memory usage")]
    Full,
    /// It is larger than the whole account.
    #[error(
        "{bytes} bytes are more than the {limit} bytes that all telemetry in memory may take; send less at once, or raise the limit of `memory_limiter`"
    )]
    TooLarge {
        /// What was asked for.
        bytes: usize,
        /// The account's limit.
        limit: usize,
    },
}

impl From<NoRoom> for ConsumeError {
    fn from(refusal: NoRoom) -> Self {
        match refusal {
            NoRoom::Full => Self::retryable(refusal.to_string()).with_retry_after(RETRY_AFTER),
            NoRoom::TooLarge { .. } => {
                Self::permanent(refusal.to_string()).with_code(Code::InvalidArgument)
            }
        }
    }
}

impl Default for MemoryAccount {
    /// Half of what the process's cgroup allows, or [`DEFAULT_LIMIT`] where there is no such limit.
    fn default() -> Self {
        let half = host::cgroup_limit().map(|limit| limit / 2);
        Self::with_limit(half.map_or(DEFAULT_LIMIT, |half| half.min(DEFAULT_LIMIT)))
    }
}

impl MemoryAccount {
    /// An account of this many bytes, unless somebody holds a [`Limit`].
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            fallback: bytes,
            limits: Mutex::default(),
            limit: AtomicI64::new(signed(bytes)),
            used: AtomicI64::new(0),
            lanes: AtomicUsize::new(0),
            shut: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// How many bytes telemetry may take in all.
    pub fn limit(&self) -> usize {
        unsigned(self.limit.load(Ordering::Relaxed))
    }

    /// How many bytes it takes.
    pub fn used(&self) -> usize {
        unsigned(self.used.load(Ordering::Relaxed))
    }

    /// Sets a limit for as long as the returned value lives. Of several, the smallest holds.
    pub fn limit_to(self: &Arc<Self>, bytes: usize) -> Limit {
        let mut limits = self.limits.lock();
        let key = limits.last().map_or(0, |(key, _)| key + 1);
        limits.push((key, bytes));
        self.apply(&limits);
        Limit { account: Arc::clone(self), key }
    }

    /// Shuts all doors for as long as the returned value lives: somebody has measured that the process takes more memory
    /// than it may, wherever that comes from. Of several, each keeps them shut.
    pub fn shut(self: &Arc<Self>) -> Shut {
        self.shut.fetch_add(1, Ordering::Relaxed);
        Shut { account: Arc::clone(self) }
    }

    /// Whether the doors let nothing in now, however small: they are held shut, or the account is used up.
    pub fn is_closed(&self) -> bool {
        self.is_shut() || self.used.load(Ordering::Relaxed) >= self.limit.load(Ordering::Relaxed)
    }

    /// For doors: a share of this size, if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`NoRoom::Full`] for now, [`NoRoom::TooLarge`] for good.
    pub fn admit(self: &Arc<Self>, bytes: usize) -> Result<Share, NoRoom> {
        let mut share = self.charge(0);
        share.try_grow(bytes)?;
        Ok(share)
    }

    /// For doors that can wait, such as readers of files: a share of this size as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// [`NoRoom::TooLarge`]: there never will be.
    pub async fn admit_when_free(self: &Arc<Self>, bytes: usize) -> Result<Share, NoRoom> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            match self.admit(bytes) {
                Err(NoRoom::Full) => freed.await,
                answer => return answer,
            }
        }
    }

    /// For growth inside: a share of this size, without asking.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Share {
        self.used.fetch_add(signed(bytes), Ordering::Relaxed);
        Share::of(Arc::clone(self), bytes)
    }

    /// Takes part in the sharing out of queue space; see [`Lane::part`].
    pub fn lane(self: &Arc<Self>) -> Lane {
        self.lanes.fetch_add(1, Ordering::Relaxed);
        Lane { account: Arc::clone(self) }
    }

    /// Takes bytes if they fit.
    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        let (bytes, limit) = (signed(bytes), self.limit.load(Ordering::Relaxed));
        if bytes > limit {
            return Err(NoRoom::TooLarge { bytes: unsigned(bytes), limit: unsigned(limit) });
        }
        if self.is_shut() {
            return Err(NoRoom::Full);
        }
        let fits = |used: i64| Some(used + bytes).filter(|used| *used <= limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(drop)
            .map_err(|_| NoRoom::Full)
    }

    fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Relaxed) > 0
    }

    fn put_back(&self, bytes: usize) {
        if bytes > 0 {
            self.used.fetch_sub(signed(bytes), Ordering::Relaxed);
            self.freed.notify_waiters();
        }
    }

    fn apply(&self, limits: &[(u64, usize)]) {
        let smallest = limits.iter().map(|(_, bytes)| *bytes).min();
        self.limit.store(signed(smallest.unwrap_or(self.fallback)), Ordering::Relaxed);
        self.freed.notify_waiters();
    }
}

impl fmt::Debug for MemoryAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAccount")
            .field("limit", &self.limit())
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

/// A limit that somebody has set. It ends when this is dropped.
#[derive(Debug)]
pub struct Limit {
    account: Arc<MemoryAccount>,
    key: u64,
}

impl Drop for Limit {
    fn drop(&mut self) {
        let mut limits = self.account.limits.lock();
        limits.retain(|(key, _)| *key != self.key);
        self.account.apply(&limits);
    }
}

/// Keeps all doors shut until it is dropped.
#[derive(Debug)]
pub struct Shut {
    account: Arc<MemoryAccount>,
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.account.shut.fetch_sub(1, Ordering::Relaxed);
        self.account.freed.notify_waiters();
    }
}

/// A queue's seat at the table where queue space is shared out.
#[derive(Debug)]
pub struct Lane {
    account: Arc<MemoryAccount>,
}

impl Lane {
    /// How many bytes the queue may hold now: half of the account, shared out over all lanes. A queue that is empty takes
    /// one request of any size, so that draining never starves.
    pub fn part(&self) -> usize {
        let lanes = self.account.lanes.load(Ordering::Relaxed).max(1);
        self.account.limit() / 2 / lanes
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.account.lanes.fetch_sub(1, Ordering::Relaxed);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn unsigned(bytes: i64) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

#[cfg(test)]
mod tests;
