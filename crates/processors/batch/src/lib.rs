//! The `batch` processor: gathers small batches into larger ones, so that fewer and better compressed requests leave.
//!
//! It answers its caller as soon as it has admitted the data, as upstream's does. Callers are held back only while the
//! hand-over to the worker is full, which is the case while the next consumer is slow or has no room: data that was admitted
//! is held and offered again, not dropped. What becomes of the data is told
//! by the receipts alone: they stay with their data through merging and splitting.

mod config;
mod lanes;
mod metrics;
mod pending;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{
    Batch, ClientMetadata, ComponentType, ConsumeError, Consumer, CreateError, Processor,
    ProcessorFactory, Settings, Signal, Slot, Stability,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub use crate::config::Config;
use crate::lanes::Lanes;
use crate::worker::{Work, Worker};

/// Builds `batch` processors.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ProcessorFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("batch");
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        signal: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError> {
        let work = Work::new(&config, &settings, signal, next);
        if !config.metadata_keys.is_empty() {
            let (lanes, life) = Lanes::new(&config, work);
            return Ok(Processor::consumer(Arc::new(lanes), life));
        }
        let (entrance, batches) = hand_over();
        Ok(Processor::consumer(Arc::new(Entrance(entrance)), Worker::new(work, batches)))
    }
}

/// How long a caller waits while the worker does not get on. It hears of it before its own client gives up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a refused caller is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// As many batches as there are processors may wait for the worker, as upstream.
fn hand_over_length() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn hand_over() -> (mpsc::Sender<Batch>, mpsc::Receiver<Batch>) {
    mpsc::channel(hand_over_length())
}

/// The answer to a caller that has waited long enough.
fn full() -> ConsumeError {
    let full = ConsumeError::retryable("the pipeline does not get on with its data");
    full.with_retry_after(RETRY_AFTER)
}

fn stopped() -> ConsumeError {
    ConsumeError::retryable("batch processor is stopped")
}

/// The processor's side of the hand-over to its worker.
struct Entrance(mpsc::Sender<Batch>);

#[async_trait]
impl Consumer for Entrance {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        match timeout(PATIENCE, self.0.reserve()).await {
            Ok(Ok(place)) => {
                // What different clients said cannot be said of a batch of all of them.
                place.send(batch.with_metadata(ClientMetadata::none()));
                Ok(())
            }
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(full()),
        }
    }
}

#[cfg(test)]
mod tests;
