//! The contract between the collector's engine and the authors of components.
//!
//! A component is built by a factory ([`ReceiverFactory`], [`ProcessorFactory`], [`ExporterFactory`], [`ConnectorFactory`],
//! [`ExtensionFactory`]) from its configuration, lives by [`Lifecycle`], and moves data by one call: [`Consumer::consume`]. It reaches its neighbours
//! only through a [`Slot`], which the engine owns and may point elsewhere. What moves is a [`Batch`]: telemetry with the
//! [`Receipt`]s of the sources that want to know what became of it, and a [`Share`] of the [`MemoryAccount`].
//!
//! This crate knows neither the engine nor any concrete component.

mod attached;
mod batch;
mod connector;
mod consumer;
mod error;
mod extension;
mod factory;
mod kind;
pub mod ledger;
mod lifecycle;
pub mod memory;
mod metadata;
pub mod meter;
pub mod overview;
mod process;
mod receipt;
mod settings;
mod slot;
mod status;
mod storage;
pub mod trace;

pub use async_trait::async_trait;
pub use attached::Attached;
pub use batch::Batch;
pub use config::ComponentId;
pub use config::chain;
pub use connector::{ConnectorFactory, ConnectorOutputs};
pub use consumer::{Consumer, Transform};
pub use error::{Code, ConsumeError, CreateError, StartError};
pub use extension::{Extension, ExtensionFactory, Extensions, Offer};
pub use factory::{
    ComponentType, Delivery, Exporter, ExporterFactory, Inputs, Outputs, Processor,
    ProcessorFactory, ReceiverFactory, Stability,
};
pub use kind::Kind;
pub use lifecycle::{Lifecycle, Passive, contain, panic_message};
pub use memory::{MemoryAccount, NoRoom, Share};
pub use metadata::ClientMetadata;
pub use meter::Meter;
pub use pdata::{Logs, Metrics, Signal, Telemetry, Traces};
pub use process::Process;
pub use receipt::{DropReason, Outcome, Receipt, Receipts};
pub use settings::{BuildInfo, Settings};
pub use slot::{Refused, Slot};
pub use status::{Status, StatusEvent, StatusReporter};
pub use storage::{Change, Owner, Storage, StorageClient, StorageError};
pub use tokio_util::sync::CancellationToken;
