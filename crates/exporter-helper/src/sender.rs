//! One request on its way: attempts with a time-out, and pauses between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use component::{
    CancellationToken, Code, ComponentId, ConsumeError, Signal, StatusReporter, contain,
};
use pdata::Telemetry;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use crate::config::RetryConfig;
use crate::push::{Push, PushError};
use crate::quiet::Quiet;
use crate::retry::Backoff;

/// The pauses between probes of a destination that refuses who we are.
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LAST_PROBE: Duration = Duration::from_secs(300);

/// Sends the requests of one signal. What it does not do is to keep them.
pub(crate) struct Sender {
    pub(crate) id: ComponentId,
    pub(crate) signal: Signal,
    pub(crate) push: Arc<dyn Push>,
    /// `None` sets no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None` makes one attempt.
    pub(crate) retry: Option<RetryConfig>,
    /// Whether a queue stands before it, where requests may wait for the destination to let us in again.
    pub(crate) is_queued: bool,
    /// Ends all pauses: the exporter is told to stop.
    pub(crate) interrupt: CancellationToken,
    pub(crate) status: StatusReporter,
    pub(crate) health: Health,
    /// Quiets the lines about retries.
    pub(crate) retrying: Quiet,
    /// Whose turn it is to probe a destination that refuses who we are.
    pub(crate) probing: Mutex<()>,
}

/// How the destination is doing: how many requests it gets at a time, and what the exporter says of itself.
#[derive(Debug, Default)]
pub(crate) struct Health {
    fails: AtomicBool,
    /// How many requests it may get at a time while it recovers; 0 when there is no limit.
    allowed: AtomicUsize,
}

impl Health {
    /// How many requests the destination may get at a time, at most `limit`. A destination that comes back gets one, and then
    /// twice as many with each that it takes.
    pub(crate) fn allowed(&self, limit: usize) -> usize {
        match self.allowed.load(Ordering::Relaxed) {
            0 => limit,
            allowed => allowed.min(limit),
        }
    }

    fn succeeded(&self, status: &StatusReporter) {
        if self.fails.swap(false, Ordering::Relaxed) {
            status.ok();
        }
        let allowed = self.allowed.load(Ordering::Relaxed);
        if allowed > 0 {
            self.allowed.store(if allowed >= 64 { 0 } else { allowed * 2 }, Ordering::Relaxed);
        }
    }

    fn failed(&self, status: &StatusReporter, error: &ConsumeError) {
        if !error.is_permanent() {
            self.allowed.store(1, Ordering::Relaxed);
        }
        self.fails.store(true, Ordering::Relaxed);
        status.recoverable_error(error.chain());
    }
}

/// A request that was given up, or part of it.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// Why, as the caller sees it.
    pub(crate) error: ConsumeError,
    /// How many items of it did not arrive.
    pub(crate) items: usize,
    /// What did not arrive, when it was only interrupted.
    pub(crate) interrupted: Option<Telemetry>,
}

impl Unsent {
    pub(crate) fn refused(error: ConsumeError, items: usize) -> Self {
        Self { error, items, interrupted: None }
    }
}

impl Sender {
    /// Sends until the request has arrived or there is no point in going on. What the destination finds too large goes in
    /// halves.
    pub(crate) async fn send(&self, telemetry: Telemetry) -> Result<(), Unsent> {
        let mut parts = vec![telemetry];
        let mut failed: Option<Unsent> = None;
        while let Some(part) = parts.pop() {
            match self.send_part(part).await {
                Ok(()) => {}
                Err(Failure::TooLarge(mut rest)) => {
                    let head = rest.split_off_front(rest.item_count() / 2);
                    parts.extend([rest, head]);
                }
                Err(Failure::Interrupted(error, mut left)) => {
                    for part in parts {
                        left.merge(part).expect("parts of one request have its signal");
                    }
                    return Err(Unsent {
                        error,
                        items: left.item_count(),
                        interrupted: Some(left),
                    });
                }
                Err(Failure::Final(error, items)) => {
                    let items = items + failed.as_ref().map_or(0, |failed| failed.items);
                    failed = Some(Unsent::refused(error, items));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send_part(&self, mut telemetry: Telemetry) -> Result<(), Failure> {
        let mut backoff = self.retry.as_ref().map(Backoff::begin);
        let mut probe = FIRST_PROBE;
        loop {
            let Err(error) = self.attempt(&telemetry).await else {
                self.health.succeeded(&self.status);
                return Ok(());
            };
            let (error, remaining) = error.into_parts();
            telemetry = remaining.unwrap_or(telemetry);
            let items = telemetry.item_count();
            if error.is_too_large() && items > 1 {
                return Err(Failure::TooLarge(telemetry));
            }
            self.health.failed(&self.status, &error);
            if is_about_us(&error) {
                if !self.is_queued {
                    return Err(Failure::Final(retryable(error), items));
                }
                telemetry = self.hold(telemetry, error, probe).await?;
                probe = (probe * 2).min(LAST_PROBE);
                backoff = self.retry.as_ref().map(Backoff::begin);
                continue;
            }
            let Some(backoff) = &mut backoff else { return Err(Failure::Final(error, items)) };
            if error.is_permanent() {
                return Err(Failure::Final(because("not retryable error", error), items));
            }
            let interrupted = |error, telemetry| {
                Err(Failure::Interrupted(because("interrupted due to shutdown", error), telemetry))
            };
            if self.interrupt.is_cancelled() {
                return interrupted(error, telemetry);
            }
            let Some(pause) = backoff.next(error.retry_after()) else {
                return Err(Failure::Final(because("no more retries left", error), items));
            };
            self.log_retry(&error, pause);
            if self.interrupt.run_until_cancelled(sleep(pause)).await.is_none() {
                return interrupted(error, telemetry);
            }
        }
    }

    /// Keeps a request while the destination refuses who we are, and probes with it, one request at a time. Gives the request
    /// back when it is time for another attempt. The clock for giving up begins anew then.
    async fn hold(
        &self,
        telemetry: Telemetry,
        error: ConsumeError,
        probe: Duration,
    ) -> Result<Telemetry, Failure> {
        if let Some(suppressed) = self.retrying.pass() {
            error!(
                exporter = %self.id,
                signal = %self.signal,
                error = %error.chain(),
                suppressed,
                "the destination refuses our credentials; data is held back until they are changed"
            );
        }
        let waited = self.interrupt.run_until_cancelled(async {
            let _turn = self.probing.lock().await;
            sleep(probe).await;
        });
        match waited.await {
            Some(()) => Ok(telemetry),
            None => {
                let error = because("interrupted due to shutdown", retryable(error));
                Err(Failure::Interrupted(error, telemetry))
            }
        }
    }

    /// One attempt. A transport that panics has failed for good: the same request would make it panic again.
    async fn attempt(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let push = contain(self.push.push(telemetry));
        let answer = match self.timeout {
            None => push.await,
            Some(limit) => match timeout(limit, push).await {
                Ok(answer) => answer,
                Err(_) => {
                    let late = ConsumeError::retryable(format!("no answer within {limit:?}"));
                    return Err(late.with_code(Code::DeadlineExceeded).into());
                }
            },
        };
        answer.unwrap_or_else(|panic| {
            let error = ConsumeError::permanent(format!("exporter panicked: {panic}"));
            Err(error.with_code(Code::Internal).into())
        })
    }

    fn log_retry(&self, error: &ConsumeError, pause: Duration) {
        if let Some(suppressed) = self.retrying.pass() {
            info!(
                exporter = %self.id,
                signal = %self.signal,
                error = %error.chain(),
                interval = ?pause,
                suppressed,
                "Exporting failed. Will retry the request after interval."
            );
        }
    }
}

/// Why one part of a request was not sent.
enum Failure {
    /// The destination wants less at a time.
    TooLarge(Telemetry),
    /// The exporter is told to stop; another may go on with it.
    Interrupted(ConsumeError, Telemetry),
    /// There is no point in going on, with so many items.
    Final(ConsumeError, usize),
}

/// Whether the destination refuses who we are, and would not refuse the same data from others.
fn is_about_us(error: &ConsumeError) -> bool {
    matches!(error.code(), Some(Code::Unauthenticated | Code::PermissionDenied))
}

/// The same as a passing failure, for the caller to try again.
fn retryable(error: ConsumeError) -> ConsumeError {
    if !error.is_permanent() {
        return error;
    }
    let mut passing = ConsumeError::retryable("the destination refuses our credentials");
    if let Some(code) = error.code() {
        passing = passing.with_code(code);
    }
    if let Some(delay) = error.retry_after() {
        passing = passing.with_retry_after(delay);
    }
    passing.with_cause(error)
}

/// Puts the reason for giving up before the error. Whether it is permanent, the status and the wait stay as they are.
fn because(reason: &'static str, error: ConsumeError) -> ConsumeError {
    let mut wrapped = if error.is_permanent() {
        ConsumeError::permanent(reason)
    } else {
        ConsumeError::retryable(reason)
    };
    if let Some(code) = error.code() {
        wrapped = wrapped.with_code(code);
    }
    if let Some(delay) = error.retry_after() {
        wrapped = wrapped.with_retry_after(delay);
    }
    wrapped.with_cause(error)
}
