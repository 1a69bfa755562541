//! One request on its way: attempts with a time-out, and pauses between them.

use std::sync::Arc;
use std::time::Duration;

use component::ledger::Entry;
use component::trace::Tracer;
use component::{CancellationToken, Code, ComponentId, ConsumeError, Signal, contain};
use pdata::Telemetry;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info};

use crate::config::RetryConfig;
use crate::gate::{Gate, Pass};
use crate::health::LaneHealth;
use crate::metrics::Metrics;
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
    /// Before every attempt, where requests wait in a queue. Without one each caller decides for itself.
    pub(crate) gate: Option<Gate>,
    /// Ends all pauses: the exporter is told to stop.
    pub(crate) interrupt: CancellationToken,
    pub(crate) health: LaneHealth,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Arc<Tracer>,
    /// Quiets the lines about retries.
    pub(crate) retrying: Quiet,
    /// Quiets the lines about refused credentials.
    pub(crate) holding: Quiet,
}

/// What became of a request.
pub(crate) enum Sent {
    /// The destination has it.
    Delivered,
    /// There is no point in going on.
    GivenUp(Unsent),
    /// The exporter was told to stop. What is left has not arrived.
    Interrupted(Unsent),
    /// Parts of what is left may be taken.
    TooLarge,
}

/// A request that did not arrive.
#[derive(Debug)]
pub(crate) struct Unsent {
    /// Why, as the caller sees it.
    pub(crate) error: ConsumeError,
    /// How many items of it did not arrive.
    pub(crate) items: usize,
}

impl Sender {
    /// Sends until the request has arrived, or nothing is to be done for it here. The destination may take a request in
    /// parts; `telemetry` is what is left of it, also for a caller that gives up waiting. What arrives is counted in `book`.
    pub(crate) async fn send(&self, telemetry: &mut Telemetry, book: Option<&Entry>) -> Sent {
        let name = || format!("exporter/{}/{}", self.id, self.signal);
        let Some(span) = self.tracer.begin(name) else {
            return self.send_untraced(telemetry, book).await;
        };
        let items = telemetry.item_count();
        let sent = span.around(self.send_untraced(telemetry, book)).await;
        let (failed, error) = match &sent {
            Sent::Delivered => (0, None),
            Sent::TooLarge => (telemetry.item_count(), Some("too large".to_owned())),
            Sent::GivenUp(unsent) | Sent::Interrupted(unsent) => {
                (unsent.items, Some(unsent.error.chain()))
            }
        };
        let arrived = items.saturating_sub(failed);
        span.end(&[("items.sent", arrived), ("items.failed", failed)], error);
        sent
    }

    async fn send_untraced(&self, telemetry: &mut Telemetry, book: Option<&Entry>) -> Sent {
        let arrived = |items| {
            self.metrics.sent.add(items);
            if let Some(book) = book {
                book.out(items);
            }
        };
        let mut backoff = None;
        loop {
            let pass = match &self.gate {
                Some(gate) => Some(gate.pass(&self.interrupt).await),
                None => None,
            };
            if let (None, Some(retry)) = (&backoff, &self.retry) {
                backoff = Some(Backoff::begin(retry, self.clock()));
            }
            let Err(error) = self.attempt(telemetry).await else {
                answered(pass);
                self.health.well();
                arrived(telemetry.item_count());
                return Sent::Delivered;
            };
            let (error, remaining) = error.into_parts();
            self.health.fails(error.chain());
            if let Some(remaining) = remaining {
                arrived(telemetry.item_count().saturating_sub(remaining.item_count()));
                *telemetry = remaining;
            }
            let left = telemetry.item_count();
            let unsent = |error| Unsent { error, items: left };

            if error.is_too_large() {
                answered(pass);
                if left > 1 {
                    return Sent::TooLarge;
                }
                // There is nothing smaller to be offered.
                return Sent::GivenUp(unsent(because("not retryable error", lasting(error))));
            }
            if refuses_credentials(&error) {
                let Some(pass) = pass else { return Sent::GivenUp(unsent(passing(error))) };
                let pause = pass.refused();
                if self.interrupt.is_cancelled() {
                    let error = because("interrupted due to shutdown", passing(error));
                    return Sent::Interrupted(unsent(error));
                }
                self.log_hold(&error, pause);
                continue;
            }
            if error.is_permanent() {
                answered(pass);
                let error = match backoff {
                    Some(_) => because("not retryable error", error),
                    None => error,
                };
                return Sent::GivenUp(unsent(error));
            }
            if let Some(pass) = pass {
                pass.failed();
            }
            if self.interrupt.is_cancelled() {
                let error = because("interrupted due to shutdown", error);
                return Sent::Interrupted(unsent(error));
            }
            let Some(backoff) = &mut backoff else { return Sent::GivenUp(unsent(error)) };
            let Some(pause) = backoff.next(error.retry_after(), self.clock()) else {
                return Sent::GivenUp(unsent(because("no more retries left", error)));
            };
            self.log_retry(&error, pause);
            if self.interrupt.run_until_cancelled(sleep(pause)).await.is_none() {
                let error = because("interrupted due to shutdown", error);
                return Sent::Interrupted(unsent(error));
            }
        }
    }

    /// One attempt. A transport that panics has failed for good: the same request would make it panic again.
    async fn attempt(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let _in_flight = InFlight::of(&self.metrics);
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

    /// The clock for giving up. It stands still while the destination refuses the credentials.
    fn clock(&self) -> Instant {
        self.gate.as_ref().map_or_else(Instant::now, Gate::clock)
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

    fn log_hold(&self, error: &ConsumeError, pause: Duration) {
        if let Some(suppressed) = self.holding.pass() {
            error!(
                exporter = %self.id,
                signal = %self.signal,
                error = %error.chain(),
                next_probe = ?pause,
                suppressed,
                "the destination refuses the credentials: nothing is dropped, the queue is held until it takes them; check the API key and `headers`"
            );
        }
    }
}

fn answered(pass: Option<Pass<'_>>) {
    if let Some(pass) = pass {
        pass.answered();
    }
}

/// An attempt under way, counted until it ends or is cancelled.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn of(metrics: &'a Metrics) -> Self {
        metrics.in_flight.add(1);
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.subtract(1);
    }
}

/// Whether nothing is wrong with the data: who sends it is not let in. A person has to do something, and until then all
/// data would be refused alike.
fn refuses_credentials(error: &ConsumeError) -> bool {
    matches!(error.code(), Some(Code::Unauthenticated | Code::PermissionDenied))
}

/// The same error as one that passes.
fn passing(error: ConsumeError) -> ConsumeError {
    if !error.is_permanent() {
        return error;
    }
    with_facts_of(&error, ConsumeError::retryable(error.chain()))
}

/// The same error as one that would repeat itself.
fn lasting(error: ConsumeError) -> ConsumeError {
    if error.is_permanent() {
        return error;
    }
    with_facts_of(&error, ConsumeError::permanent(error.chain()))
}

/// Puts the reason for giving up before the error. Whether it is permanent, the status and the wait stay as they are.
fn because(reason: &'static str, error: ConsumeError) -> ConsumeError {
    let wrapped = match error.is_permanent() {
        true => ConsumeError::permanent(reason),
        false => ConsumeError::retryable(reason),
    };
    with_facts_of(&error, wrapped).with_cause(error)
}

/// Copies the status, the wait, and whether it is about the size.
fn with_facts_of(error: &ConsumeError, mut other: ConsumeError) -> ConsumeError {
    if error.is_too_large() {
        other = other.because_too_large();
    }
    if let Some(code) = error.code() {
        other = other.with_code(code);
    }
    if let Some(delay) = error.retry_after() {
        other = other.with_retry_after(delay);
    }
    other
}
