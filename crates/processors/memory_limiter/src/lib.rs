//! The `memory_limiter` processor and extension: they set how much memory the process may take.
//!
//! All telemetry in memory is on one account. A limiter sets the account's limit, and shuts its doors while the process as a
//! whole takes more than it may. Refused is at the doors, in the receivers: what is inside goes on, because it frees memory by
//! getting out. So a limiter works wherever it stands in a pipeline, and for all pipelines.

mod config;
mod limiter;

use std::sync::Arc;

use async_trait::async_trait;
use component::memory::available_memory;
use component::{
    Batch, ComponentType, ConsumeError, Consumer, CreateError, Extension, ExtensionFactory,
    Processor, ProcessorFactory, Settings, Signal, Slot, Stability,
};

pub use crate::config::Config;
use crate::limiter::Limiter;

const TYPE: ComponentType = ComponentType::new("memory_limiter");

/// Builds `memory_limiter` processors.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ProcessorFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = TYPE;
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        _: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError> {
        Ok(Processor::consumer(Arc::new(Through(next)), limiter(config, settings)?))
    }
}

/// Builds `memory_limiter` extensions.
#[derive(Clone, Copy, Debug)]
pub struct AsExtension;

impl ExtensionFactory for AsExtension {
    type Config = Config;
    const TYPE: ComponentType = TYPE;
    const STABILITY: Stability = Stability::Alpha;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        Ok(Extension::new(limiter(config, settings)?))
    }
}

fn limiter(config: Config, settings: Settings) -> Result<Limiter, CreateError> {
    let limits = config.limits(available_memory()).ok_or_else(|| {
        CreateError::new(
            "limit_percentage: is not supported on this system, where the memory cannot be learned; use `limit_mib`",
        )
    })?;
    Ok(Limiter::new(config.check_interval, limits, settings))
}

/// What is inside goes on.
struct Through(Slot);

#[async_trait]
impl Consumer for Through {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        self.0.consume(batch).await
    }
}
