//! One request on its way: attempts with a time-out, and pauses between them.

use std::sync::Arc;
use std::time::Duration;

use component::{CancellationToken, Code, ComponentId, ConsumeError, Signal, contain};
use pdata::Telemetry;
use tokio::time::{sleep, timeout};
use tracing::info;

use crate::config::RetryConfig;
use crate::push::{Push, PushError};
use crate::quiet::Quiet;
use crate::retry::Backoff;

/// Sends the requests of one signal. What it does not do is to keep them.
pub(crate) struct Sender {
    pub(crate) id: ComponentId,
    pub(crate) signal: Signal,
    pub(crate) push: Arc<dyn Push>,
    /// `None` sets no limit.
    pub(crate) timeout: Option<Duration>,
    /// `None` makes one attempt.
    pub(crate) retry: Option<RetryConfig>,
    /// Ends all pauses: the exporter is told to stop.
    pub(crate) interrupt: CancellationToken,
    /// Quiets the lines about retries.
    pub(crate) retrying: Quiet,
}

/// A request that was given up.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// Why, as the caller sees it.
    pub(crate) error: ConsumeError,
    /// How many items of it did not arrive.
    pub(crate) items: usize,
}

impl Sender {
    /// Sends until the request has arrived or there is no point in going on.
    pub(crate) async fn send(&self, mut telemetry: Telemetry) -> Result<(), Unsent> {
        let mut backoff = self.retry.as_ref().map(Backoff::begin);
        loop {
            let Err(error) = self.attempt(&telemetry).await else { return Ok(()) };
            let (error, remaining) = error.into_parts();
            telemetry = remaining.unwrap_or(telemetry);
            let unsent = |error| Err(Unsent { error, items: telemetry.item_count() });
            let Some(backoff) = &mut backoff else { return unsent(error) };
            if error.is_permanent() {
                return unsent(because("not retryable error", error));
            }
            if self.interrupt.is_cancelled() {
                return unsent(because("interrupted due to shutdown", error));
            }
            let Some(pause) = backoff.next(error.retry_after()) else {
                return unsent(because("no more retries left", error));
            };
            self.log_retry(&error, pause);
            if self.interrupt.run_until_cancelled(sleep(pause)).await.is_none() {
                return unsent(because("interrupted due to shutdown", error));
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
