//! The part that an exporter brings: its transport.

use async_trait::async_trait;
use component::{ConsumeError, StartError};
use pdata::{Signal, Telemetry};

/// A transport: sends one request, once.
///
/// It neither repeats nor limits itself in time; both are done around it. It may be called by several tasks at once, and
/// a call may be cancelled at any point of waiting.
#[async_trait]
pub trait Push: Send + Sync + 'static {
    /// Claims what the transport needs before the first request: certificates, files.
    ///
    /// # Errors
    ///
    /// Names the setting whose wish could not be met, with the cause.
    async fn acquire(&self) -> Result<(), StartError> {
        Ok(())
    }

    /// Where the requests of a signal go, as attributes of what is counted: `server.address`, `server.port`, `url.path`. None
    /// when it goes nowhere in particular.
    fn destination(&self, _signal: Signal) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Sends the telemetry to the destination. `Ok` means that the destination has accepted it.
    ///
    /// # Errors
    ///
    /// Says whether another attempt may help, how long the destination wants to be left alone, and what is left to send.
    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError>;
}

/// Why a request did not arrive.
///
/// The error says what follows: permanent, retryable, or retryable after the delay that the destination asked for
/// ([`ConsumeError::with_retry_after`]). Its code is the destination's status, which a caller without a queue passes on.
#[derive(Debug)]
pub struct PushError {
    error: ConsumeError,
    remaining: Option<Telemetry>,
}

impl PushError {
    /// A passing failure: another attempt may succeed.
    pub fn retryable(message: impl Into<String>) -> Self {
        ConsumeError::retryable(message).into()
    }

    /// A failure that would repeat itself.
    pub fn permanent(message: impl Into<String>) -> Self {
        ConsumeError::permanent(message).into()
    }

    /// Only this part of the request failed, the rest has arrived: only this part is sent again.
    #[must_use]
    pub fn with_remaining(mut self, remaining: Telemetry) -> Self {
        self.remaining = Some(remaining);
        self
    }

    /// Why, and what is left to send when it isn't everything.
    pub fn into_parts(self) -> (ConsumeError, Option<Telemetry>) {
        (self.error, self.remaining)
    }
}

impl From<ConsumeError> for PushError {
    fn from(error: ConsumeError) -> Self {
        Self { error, remaining: None }
    }
}
