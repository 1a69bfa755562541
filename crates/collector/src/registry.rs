//! The components of a build.

use std::fmt;
use std::sync::Arc;

use component::{
    ComponentType, CreateError, Exporter, ExporterFactory, Lifecycle, Outputs, Processor,
    ProcessorFactory, ReceiverFactory, Settings, Signal, Slot, Stability,
};
use config::{Node, Problems, Value};

use crate::kind::Kind;

/// Builds a receiver from the configuration that it was made from.
pub(crate) type CreateReceiver =
    Arc<dyn Fn(Settings, Outputs) -> Result<Box<dyn Lifecycle>, CreateError> + Send + Sync>;
/// Builds one processor per call, for one pipeline.
pub(crate) type CreateProcessor =
    Arc<dyn Fn(Settings, Signal, Slot) -> Result<Processor, CreateError> + Send + Sync>;
/// Builds an exporter for the given signals.
pub(crate) type CreateExporter =
    Arc<dyn Fn(Settings, &[Signal]) -> Result<Exporter, CreateError> + Send + Sync>;

type Read<C> = Box<dyn Fn(&Node, &mut Problems) -> Option<C> + Send + Sync>;

/// A component type with its configuration's type forgotten: what is left is how to get from a node to a constructor.
pub(crate) struct Entry<C> {
    pub(crate) info: ComponentInfo,
    pub(crate) read: Read<C>,
}

/// One component type of a build.
#[derive(Clone, Debug)]
pub struct ComponentInfo {
    /// What it is for.
    pub kind: Kind,
    /// Its name.
    pub type_name: ComponentType,
    /// Older names that still work.
    pub aliases: &'static [ComponentType],
    /// The signals that it supports, and how far each may be relied on.
    pub signals: &'static [(Signal, Stability)],
}

impl ComponentInfo {
    /// Whether a user may write this name for it.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.type_name.as_str() == name || self.aliases.iter().any(|alias| alias.as_str() == name)
    }

    /// Whether it supports the signal.
    pub(crate) fn supports(&self, signal: Signal) -> bool {
        self.signals.iter().any(|(supported, _)| *supported == signal)
    }
}

/// The list of components that a program was built with. An embedding program adds its own.
#[derive(Default)]
pub struct Registry {
    pub(crate) receivers: Vec<Entry<CreateReceiver>>,
    pub(crate) processors: Vec<Entry<CreateProcessor>>,
    pub(crate) exporters: Vec<Entry<CreateExporter>>,
    upstream: Vec<(Kind, &'static [&'static str])>,
}

impl Registry {
    /// A registry without components.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a receiver type.
    #[must_use]
    pub fn receiver<F: ReceiverFactory>(mut self, factory: F) -> Self {
        let factory = Arc::new(factory);
        let info = info(Kind::Receiver, F::TYPE, F::ALIASES, F::SIGNALS);
        let read: Read<CreateReceiver> = Box::new(move |node, problems| {
            let config = F::Config::read(node, problems)?;
            let factory = Arc::clone(&factory);
            Some(Arc::new(move |settings, outputs| {
                factory.create(config.clone(), settings, outputs)
            }))
        });
        self.receivers.push(Entry { info, read });
        self
    }

    /// Adds a processor type.
    #[must_use]
    pub fn processor<F: ProcessorFactory>(mut self, factory: F) -> Self {
        let factory = Arc::new(factory);
        let info = info(Kind::Processor, F::TYPE, F::ALIASES, F::SIGNALS);
        let read: Read<CreateProcessor> = Box::new(move |node, problems| {
            let config = F::Config::read(node, problems)?;
            let factory = Arc::clone(&factory);
            Some(Arc::new(move |settings, signal, next| {
                factory.create(config.clone(), settings, signal, next)
            }))
        });
        self.processors.push(Entry { info, read });
        self
    }

    /// Adds an exporter type.
    #[must_use]
    pub fn exporter<F: ExporterFactory>(mut self, factory: F) -> Self {
        let factory = Arc::new(factory);
        let info = info(Kind::Exporter, F::TYPE, F::ALIASES, F::SIGNALS);
        let read: Read<CreateExporter> = Box::new(move |node, problems| {
            let config = F::Config::read(node, problems)?;
            let factory = Arc::clone(&factory);
            Some(Arc::new(move |settings: Settings, signals: &[Signal]| {
                factory.create(config.clone(), settings, signals)
            }))
        });
        self.exporters.push(Entry { info, read });
        self
    }

    /// Names types that upstream's distributions have and this build hasn't, so that a document which uses one is told
    /// "not supported yet" instead of "unknown".
    #[must_use]
    pub fn upstream_only(mut self, kind: Kind, types: &'static [&'static str]) -> Self {
        self.upstream.push((kind, types));
        self
    }

    /// Every component type of this build, by kind and name.
    pub fn components(&self) -> Vec<ComponentInfo> {
        let receivers = self.receivers.iter().map(|entry| &entry.info);
        let processors = self.processors.iter().map(|entry| &entry.info);
        let exporters = self.exporters.iter().map(|entry| &entry.info);
        let mut all: Vec<_> = receivers.chain(processors).chain(exporters).cloned().collect();
        all.sort_by_key(|info| (info.kind, info.type_name));
        all
    }

    /// Whether upstream has a type of this name that this build lacks.
    pub(crate) fn is_upstream_only(&self, kind: Kind, name: &str) -> bool {
        self.upstream.iter().any(|(of, types)| *of == kind && types.contains(&name))
    }

    /// The canonical names of a kind, sorted.
    pub(crate) fn type_names(&self, kind: Kind) -> Vec<&'static str> {
        let of_kind = self.components().into_iter().filter(|info| info.kind == kind);
        of_kind.map(|info| info.type_name.as_str()).collect()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.components().iter().map(|info| info.type_name)).finish()
    }
}

fn info(
    kind: Kind,
    type_name: ComponentType,
    aliases: &'static [ComponentType],
    signals: &'static [(Signal, Stability)],
) -> ComponentInfo {
    ComponentInfo { kind, type_name, aliases, signals }
}
