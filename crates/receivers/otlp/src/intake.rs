//! What both protocols have in common: from telemetry to the pipeline's answer.

use std::sync::Arc;

use component::{Batch, ConsumeError, Consumer, Outputs, Signal, Telemetry};
use net::status::{Status, code};

/// The entrance to the pipelines.
#[derive(Clone)]
pub(crate) struct Intake {
    outputs: Arc<Outputs>,
}

impl Intake {
    pub(crate) fn new(outputs: Outputs) -> Self {
        Self { outputs: Arc::new(outputs) }
    }

    /// Whether some pipeline wants the signal.
    pub(crate) fn takes(&self, signal: Signal) -> bool {
        self.outputs.get(signal).is_some()
    }

    /// Hands telemetry to the pipelines. Empty telemetry is welcome and goes nowhere, as upstream.
    pub(crate) async fn take(&self, telemetry: Telemetry) -> Result<(), Status> {
        if telemetry.is_empty() {
            return Ok(());
        }
        match self.outputs.get(telemetry.signal()) {
            Some(slot) => slot.consume(Batch::new(telemetry)).await.map_err(|error| status(&error)),
            None => Err(Status::new(code::UNIMPLEMENTED, "no pipeline takes this signal")),
        }
    }
}

/// How a client is told that a batch was refused: in the backend's words where there are some, otherwise by whether it
/// makes sense to send again.
fn status(error: &ConsumeError) -> Status {
    let message = error.chain();
    let (code, message) = match (error.code(), error.is_permanent()) {
        (Some(code), _) => (code as u32, message),
        (None, true) => (code::INTERNAL, format!("Permanent error: {message}")),
        (None, false) => (code::UNAVAILABLE, message),
    };
    Status { code, message, retry_delay: error.retry_after() }
}
