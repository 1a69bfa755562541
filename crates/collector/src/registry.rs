//! The components of a build.

use std::fmt;
use std::sync::Arc;

use component::{
    ComponentId, ComponentType, ConnectorFactory, ConnectorOutputs, CreateError, Exporter,
    ExporterFactory, Extension, ExtensionFactory, Lifecycle, Outputs, Processor, ProcessorFactory,
    ReceiverFactory, Settings, Signal, Slot, Stability,
};
use config::{Node, Problems, Schema, Value};

use component::Kind;

/// Builds a receiver from the configuration that it was made from.
pub(crate) type CreateReceiver =
    Arc<dyn Fn(Settings, Outputs) -> Result<Box<dyn Lifecycle>, CreateError> + Send + Sync>;
/// Builds one processor per call, for one pipeline.
pub(crate) type CreateProcessor =
    Arc<dyn Fn(Settings, Signal, Slot) -> Result<Processor, CreateError> + Send + Sync>;
/// Builds an exporter for the given signals.
pub(crate) type CreateExporter =
    Arc<dyn Fn(Settings, &[Signal]) -> Result<Exporter, CreateError> + Send + Sync>;
/// Builds one connector per call, for one pair of signals.
pub(crate) type CreateConnector = Arc<
    dyn Fn(Settings, (Signal, Signal), ConnectorOutputs) -> Result<Processor, CreateError>
        + Send
        + Sync,
>;
/// Builds an extension.
pub(crate) type CreateExtension =
    Arc<dyn Fn(Settings) -> Result<Extension, CreateError> + Send + Sync>;

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
    /// What it supports, and how far each may be relied on.
    pub supports: Support,
    /// What its configuration looks like.
    pub shape: fn() -> Schema,
}

/// What a component type supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Receivers, processors, exporters: signals.
    Signals(&'static [(Signal, Stability)]),
    /// Connectors: the signals that they take in, and what they make of each.
    Pairs(&'static [(Signal, Signal, Stability)]),
    /// Extensions have nothing to do with signals.
    Extension(Stability),
}

impl ComponentInfo {
    /// Whether a user may write this name for it.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.type_name.as_str() == name || self.aliases.iter().any(|alias| alias.as_str() == name)
    }

    /// Whether it supports the signal.
    pub(crate) fn supports(&self, signal: Signal) -> bool {
        match self.supports {
            Support::Signals(signals) => signals.iter().any(|(supported, _)| *supported == signal),
            Support::Pairs(_) | Support::Extension(_) => false,
        }
    }

    /// Whether it is a connector that makes the one signal of the other.
    pub(crate) fn connects(&self, from: Signal, to: Signal) -> bool {
        match self.supports {
            Support::Pairs(pairs) => pairs.iter().any(|(a, b, _)| (*a, *b) == (from, to)),
            Support::Signals(_) | Support::Extension(_) => false,
        }
    }
}

/// The list of components that a program was built with. An embedding program adds its own.
#[derive(Default)]
pub struct Registry {
    pub(crate) receivers: Vec<Entry<CreateReceiver>>,
    pub(crate) processors: Vec<Entry<CreateProcessor>>,
    pub(crate) exporters: Vec<Entry<CreateExporter>>,
    pub(crate) connectors: Vec<Entry<CreateConnector>>,
    pub(crate) extensions: Vec<Entry<CreateExtension>>,
    pub(crate) telemetry: Option<Entry<CreateExtension>>,
    upstream: Vec<(Kind, &'static str)>,
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
        let supports = Support::Signals(F::SIGNALS);
        let info = info(Kind::Receiver, F::TYPE, F::ALIASES, supports, F::Config::schema);
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
        let supports = Support::Signals(F::SIGNALS);
        let info = info(Kind::Processor, F::TYPE, F::ALIASES, supports, F::Config::schema);
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
        let supports = Support::Signals(F::SIGNALS);
        let info = info(Kind::Exporter, F::TYPE, F::ALIASES, supports, F::Config::schema);
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

    /// Adds a connector type.
    #[must_use]
    pub fn connector<F: ConnectorFactory>(mut self, factory: F) -> Self {
        let factory = Arc::new(factory);
        let supports = Support::Pairs(F::PAIRS);
        let info = info(Kind::Connector, F::TYPE, F::ALIASES, supports, F::Config::schema);
        let read: Read<CreateConnector> = Box::new(move |node, problems| {
            let config = F::Config::read(node, problems)?;
            let factory = Arc::clone(&factory);
            Some(Arc::new(move |settings, pair, outputs| {
                factory.create(config.clone(), settings, pair, outputs)
            }))
        });
        self.connectors.push(Entry { info, read });
        self
    }

    /// Adds an extension type.
    #[must_use]
    pub fn extension<F: ExtensionFactory>(mut self, factory: F) -> Self {
        self.extensions.push(extension(factory));
        self
    }

    /// Sets what reads `service::telemetry`: the program's own telemetry. It runs beside the pipelines as extensions do,
    /// whether the document has the section or not. Without it, a document that has the section is refused.
    #[must_use]
    pub fn telemetry<F: ExtensionFactory>(mut self, factory: F) -> Self {
        self.telemetry = Some(extension(factory));
        self
    }

    /// Names a type that upstream's distributions have and this build hasn't, so that a document which uses it is told
    /// "not supported yet" instead of "unknown". One that the build has is unaffected.
    #[must_use]
    pub fn upstream_only(mut self, kind: Kind, type_name: &'static str) -> Self {
        self.upstream.push((kind, type_name));
        self
    }

    /// Every component type of this build, by kind and name.
    pub fn components(&self) -> Vec<ComponentInfo> {
        let mut all: Vec<_> = infos(&self.receivers)
            .chain(infos(&self.processors))
            .chain(infos(&self.exporters))
            .chain(infos(&self.connectors))
            .chain(infos(&self.extensions))
            .cloned()
            .collect();
        all.sort_by_key(|info| (info.kind, info.type_name));
        all
    }

    /// What `service::telemetry` looks like, if the build has it.
    pub fn telemetry_shape(&self) -> Option<Schema> {
        self.telemetry.as_ref().map(|entry| (entry.info.shape)())
    }

    /// What the configuration of a component looks like, under whichever of its type's names the user wrote.
    pub fn shape(&self, kind: Kind, id: &ComponentId) -> Option<Schema> {
        self.info(kind, id).map(|info| (info.shape)())
    }

    /// The type of a component, under whichever of its names the user wrote.
    pub(crate) fn info(&self, kind: Kind, id: &ComponentId) -> Option<ComponentInfo> {
        let of_kind = self.components().into_iter().filter(|info| info.kind == kind);
        of_kind.into_iter().find(|info| info.answers_to(id.component_type()))
    }

    /// Whether upstream has a type of this name that this build lacks.
    pub(crate) fn is_upstream_only(&self, kind: Kind, name: &str) -> bool {
        self.upstream.contains(&(kind, name))
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
    supports: Support,
    shape: fn() -> Schema,
) -> ComponentInfo {
    ComponentInfo { kind, type_name, aliases, supports, shape }
}

fn extension<F: ExtensionFactory>(factory: F) -> Entry<CreateExtension> {
    let factory = Arc::new(factory);
    let supports = Support::Extension(F::STABILITY);
    let info = info(Kind::Extension, F::TYPE, F::ALIASES, supports, F::Config::schema);
    let read: Read<CreateExtension> = Box::new(move |node, problems| {
        let config = F::Config::read(node, problems)?;
        let factory = Arc::clone(&factory);
        Some(Arc::new(move |settings| factory.create(config.clone(), settings)))
    });
    Entry { info, read }
}

fn infos<C>(entries: &[Entry<C>]) -> impl Iterator<Item = &ComponentInfo> {
    entries.iter().map(|entry| &entry.info)
}
