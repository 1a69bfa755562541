//! What both protocols have in common: from telemetry to the pipeline's answer.

use std::sync::Arc;

use component::{
    Batch, ClientMetadata, ConsumeError, Consumer, Outputs, Settings, Share, Signal, Telemetry,
};
use http_body::Body;
use net::status::{Status, code};

use crate::door::{Door, Metered};
use crate::metadata;
use crate::metrics::Metrics;

/// The entrance to the pipelines.
#[derive(Clone)]
pub(crate) struct Intake {
    outputs: Arc<Outputs>,
    door: Door,
    metrics: Arc<Metrics>,
}

impl Intake {
    /// An entrance for what comes over `transport`, as telemetry names it.
    pub(crate) fn new(settings: &Settings, outputs: Arc<Outputs>, transport: &'static str) -> Self {
        let door = Door::new(settings.process.memory());
        let metrics = Arc::new(Metrics::new(&settings.meter, &outputs, transport));
        Self { outputs, door, metrics }
    }

    /// Lets a request in, before its body is read.
    pub(crate) async fn enter<B: Body>(&self, body: B) -> Result<Metered<B>, Status> {
        self.door.enter(body).await
    }

    /// Whether some pipeline wants the signal.
    pub(crate) fn takes(&self, signal: Signal) -> bool {
        self.outputs.get(signal).is_some()
    }

    /// Hands telemetry to the pipelines, with what its client said and its share of the memory account. Empty telemetry is welcome and goes nowhere, as
    /// upstream.
    pub(crate) async fn take(
        &self,
        telemetry: Telemetry,
        said: ClientMetadata,
        mut share: Share,
    ) -> Result<(), Status> {
        if telemetry.is_empty() {
            return Ok(());
        }
        share.resize(telemetry.pinned_len() + metadata::bytes(&said));
        let (signal, items) = (telemetry.signal(), telemetry.item_count());
        let batch = Batch::new(telemetry).with_metadata(said).charged(share);
        let Some(slot) = self.outputs.get(signal) else {
            return Err(Status::new(code::UNIMPLEMENTED, "no pipeline takes this signal"));
        };
        let offer = self.metrics.offer(signal, items);
        slot.consume(batch).await.map_err(|error| status(&error))?;
        offer.accepted();
        Ok(())
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
