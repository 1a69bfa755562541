//! What the tests of components share: telemetry to send, consumers that remember, runners, the conformance suite.
//!
//! A dev-dependency only. Its functions panic where a test would: on a configuration that does not read, on a component
//! that does not start.
//!
//! ```ignore
//! let batch = testkit::processor(Factory, "{ timeout: 1s }");
//! batch.consume(log_records(3)).await?;
//! assert_eq!(batch.output().items(3).await.len(), 1);
//!
//! testkit::conformance!(processor: Factory, "{ timeout: 1s }");
//! ```

mod configuration;
/// For crates that build components only in their tests.
pub use component;

pub mod conformance;
mod counted;
mod receipts;
mod recorder;
mod running;
mod telemetry;
mod transformer;

pub use crate::configuration::{config, refusal, settings};
pub use crate::counted::counted;
pub use crate::receipts::{Heard, tracked};
pub use crate::recorder::Recorder;
pub use crate::running::{
    Running, RunningExtension, connector, exporter, extension, extension_in, processor,
    processor_in, receiver, receiver_in,
};
pub use crate::telemetry::{
    OfSignal, any, gauge_points, log_records, logs, metrics, spans, traces,
};
