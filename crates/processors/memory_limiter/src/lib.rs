//! `memory_limiter`, the processor and the extension: how much memory the process may take.
//!
//! Both set the limit of the process's memory account and watch what the process really takes. Refusing is the doors' work:
//! receivers ask the account before they take data in. So one limiter anywhere protects the whole process, and the processor
//! has little to do: it refuses what comes from a source that has not asked.

mod config;
mod gate;
mod limiter;
mod limits;
mod member;

use std::sync::Arc;

use component::{
    ComponentType, CreateError, Extension, Processor, ProcessorFactory, Settings, Signal, Slot,
    Stability,
};

pub use crate::config::Config;
use crate::gate::Gate;
use crate::member::Member;

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
        signal: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError> {
        let gate = Gate::new(settings.process.memory(), &settings.meter, signal, next);
        Ok(Processor::consumer(Arc::new(gate), Member::new(config, settings)?))
    }
}

/// Builds `memory_limiter` extensions.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionFactory;

impl component::ExtensionFactory for ExtensionFactory {
    type Config = Config;
    const TYPE: ComponentType = TYPE;
    const STABILITY: Stability = Stability::Alpha;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        Ok(Extension::new(Member::new(config, settings)?))
    }
}

#[cfg(test)]
mod tests;
