//! Connectors: they end one pipeline and begin another.

use std::collections::BTreeMap;
use std::fmt;

use config::Section;
use pdata::Signal;

use crate::error::CreateError;
use crate::factory::{ComponentType, Processor, Stability};
use crate::settings::Settings;
use crate::slot::Slot;

/// Builds connectors of one type. A connector exists once per id and pair of signals that pipelines ask of it.
pub trait ConnectorFactory: Send + Sync + 'static {
    /// What users write.
    type Config: Section + Send + Sync + 'static;
    /// The type's name.
    const TYPE: ComponentType;
    /// Older names that still work; using one is logged as deprecated.
    const ALIASES: &'static [ComponentType] = &[];
    /// What it can make of what: pairs of the signals that it takes in and gives out.
    const PAIRS: &'static [(Signal, Signal, Stability)];

    /// Builds one that takes `from` in and gives `to` out, without any side effect. It is a processor in all but its
    /// outputs: one that only computes is called and sends what it leaves to every output.
    ///
    /// # Errors
    ///
    /// What the configuration asks for cannot be built.
    fn create(
        &self,
        config: Self::Config,
        settings: Settings,
        pair: (Signal, Signal),
        outputs: ConnectorOutputs,
    ) -> Result<Processor, CreateError>;
}

/// Where a connector sends: the pipelines that name it as a receiver.
#[derive(Clone, Default)]
pub struct ConnectorOutputs {
    /// All of them.
    pub all: Slot,
    /// Each by its id, for connectors that choose.
    pub pipelines: BTreeMap<String, Slot>,
}

impl fmt::Debug for ConnectorOutputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.pipelines.keys()).finish()
    }
}
