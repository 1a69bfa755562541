//! What every exporter shares: time-out, retries, and a queue between the pipeline and the network.
//!
//! An exporter brings its transport as a [`Push`] and lets [`exporter`] build the rest around it. A request passes
//! queue, retries, time-out and push, in this order: the time-out bounds one attempt, retries happen behind the queue.
//! Without a queue the caller waits for the whole of it and gets the result as its answer.
//!
//! There is one lane per signal, so a slow traces endpoint does not hold back the metrics. Option names, defaults and
//! rules are those of
//! [upstream's exporterhelper](https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper).
//!
//! ```ignore
//! fn create(&self, config: Config, settings: Settings, signals: &[Signal]) -> Result<Exporter, CreateError> {
//!     let options = Options {
//!         timeout: config.timeout.timeout,
//!         retry: config.retry_on_failure.clone(),
//!         queue: config.sending_queue.get().cloned(),
//!     };
//!     exporter_helper::exporter(&settings, signals, options, Arc::new(Transport::new(config)?))
//! }
//! ```

mod batcher;
mod caller;
mod config;
mod consumers;
mod delivery;
mod durable;
mod entrance;
mod exporter;
mod gate;
mod health;
mod metrics;
mod push;
mod queue;
mod quiet;
mod report;
mod request;
mod retry;
mod sender;

pub use crate::config::{
    BatchConfig, PartitionConfig, QueueConfig, RetryConfig, Sizer, TimeoutConfig, Written,
};
pub use crate::exporter::{Options, exporter};
pub use crate::push::{Push, PushError};

#[cfg(test)]
mod tests;
