//! The contract between the collector's engine and the authors of components.
//!
//! A component is built by a factory ([`ReceiverFactory`], [`ProcessorFactory`], [`ExporterFactory`]) from its
//! configuration, lives by [`Lifecycle`], and moves data by one call: [`Consumer::consume`]. It reaches its neighbours
//! only through a [`Slot`], which the engine owns and may point elsewhere. What moves is a [`Batch`]: telemetry with the
//! [`Receipt`]s of the sources that want to know what became of it.
//!
//! This crate knows neither the engine nor any concrete component.

mod batch;
mod consumer;
mod error;
mod factory;
mod lifecycle;
mod process;
mod receipt;
mod slot;

pub use async_trait::async_trait;
pub use batch::Batch;
pub use config::ComponentId;
pub use consumer::{Consumer, Transform};
pub use error::{Code, ConsumeError, CreateError, StartError, chain};
pub use factory::{
    BuildInfo, ComponentType, Exporter, ExporterFactory, Inputs, Outputs, Processor,
    ProcessorFactory, ReceiverFactory, Settings, Stability,
};
pub use lifecycle::{Lifecycle, Passive, contain, panic_message};
pub use pdata::{Logs, Metrics, Signal, Telemetry, Traces};
pub use process::Process;
pub use receipt::{DropReason, Outcome, Receipt, Receipts};
pub use slot::{Refused, Slot};
pub use tokio_util::sync::CancellationToken;
