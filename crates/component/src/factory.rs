//! Factories: how the engine learns what components there are, and builds them.

use std::fmt;
use std::sync::Arc;

use config::Section;
use pdata::Signal;

use crate::consumer::{Consumer, Transform};
use crate::error::CreateError;
use crate::lifecycle::{Lifecycle, Passive};
use crate::settings::Settings;
use crate::slot::Slot;

/// The type part of a component's id: `otlp` in `otlp/2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentType(&'static str);

impl ComponentType {
    /// A type name. Upstream's rule: a letter, then up to 62 letters, digits or underscores.
    ///
    /// # Panics
    ///
    /// When the name breaks the rule; in a constant this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= 63 && bytes[0].is_ascii_alphabetic());
        let mut at = 1;
        while at < bytes.len() {
            assert!(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_');
            at += 1;
        }
        Self(name)
    }

    /// The name.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ComponentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ComponentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How far a component may be relied on, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "upstream's own words, see its docs/component-stability.md")]
pub enum Stability {
    Development,
    Alpha,
    Beta,
    Stable,
    Deprecated,
}

impl fmt::Display for Stability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "Development",
            Self::Alpha => "Alpha",
            Self::Beta => "Beta",
            Self::Stable => "Stable",
            Self::Deprecated => "Deprecated",
        })
    }
}

/// Where a receiver sends each signal: a slot for every signal that some pipeline wants from it, and no other.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// Set when a traces pipeline lists the receiver.
    pub traces: Option<Slot>,
    /// Set when a metrics pipeline lists the receiver.
    pub metrics: Option<Slot>,
    /// Set when a logs pipeline lists the receiver.
    pub logs: Option<Slot>,
}

impl Outputs {
    /// The slot for one signal.
    pub fn get(&self, signal: Signal) -> Option<&Slot> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Logs => self.logs.as_ref(),
        }
    }

    /// Sets the slot for one signal.
    pub fn set(&mut self, signal: Signal, slot: Slot) {
        match signal {
            Signal::Traces => self.traces = Some(slot),
            Signal::Metrics => self.metrics = Some(slot),
            Signal::Logs => self.logs = Some(slot),
        }
    }
}

/// Builds receivers of one type. A receiver exists once per id, however many pipelines and signals use it.
pub trait ReceiverFactory: Send + Sync + 'static {
    /// What users write.
    type Config: Section + Send + Sync + 'static;
    /// The type's name.
    const TYPE: ComponentType;
    /// Older names that still work; using one is logged as deprecated.
    const ALIASES: &'static [ComponentType] = &[];
    /// The signals that it can produce.
    const SIGNALS: &'static [(Signal, Stability)];

    /// Builds one, without any side effect.
    ///
    /// # Errors
    ///
    /// What the configuration asks for cannot be built.
    fn create(
        &self,
        config: Self::Config,
        settings: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError>;
}

/// Builds processors of one type. A processor exists once per pipeline that lists it.
pub trait ProcessorFactory: Send + Sync + 'static {
    /// What users write.
    type Config: Section + Send + Sync + 'static;
    /// The type's name.
    const TYPE: ComponentType;
    /// Older names that still work; using one is logged as deprecated.
    const ALIASES: &'static [ComponentType] = &[];
    /// The signals that it can process.
    const SIGNALS: &'static [(Signal, Stability)];

    /// Builds one for a pipeline of `signal`, without any side effect. A processor that only computes ignores `next`.
    ///
    /// # Errors
    ///
    /// What the configuration asks for cannot be built.
    fn create(
        &self,
        config: Self::Config,
        settings: Settings,
        signal: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError>;
}

/// Builds exporters of one type. An exporter exists once per id, with an input for each signal that some pipeline sends.
pub trait ExporterFactory: Send + Sync + 'static {
    /// What users write.
    type Config: Section + Send + Sync + 'static;
    /// The type's name.
    const TYPE: ComponentType;
    /// Older names that still work; using one is logged as deprecated.
    const ALIASES: &'static [ComponentType] = &[];
    /// The signals that it can export.
    const SIGNALS: &'static [(Signal, Stability)];

    /// Builds one for the given signals (at least one, each once), without any side effect.
    ///
    /// # Errors
    ///
    /// What the configuration asks for cannot be built.
    fn create(
        &self,
        config: Self::Config,
        settings: Settings,
        signals: &[Signal],
    ) -> Result<Exporter, CreateError>;
}

/// A processor as its factory hands it over.
pub enum Processor {
    /// It only computes; the engine hands on what it leaves.
    Transform(Arc<dyn Transform>),
    /// It may wait, hold data, and send when it likes, to the `next` it was created with.
    Consumer(Arc<dyn Consumer>, Box<dyn Lifecycle>),
}

impl Processor {
    /// A processor that only computes.
    pub fn transform(transform: impl Transform + 'static) -> Self {
        Self::Transform(Arc::new(transform))
    }

    /// A processor that holds the next consumer.
    pub fn consumer(consumer: Arc<dyn Consumer>, lifecycle: impl Lifecycle + 'static) -> Self {
        Self::Consumer(consumer, Box::new(lifecycle))
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transform(_) => "Processor::Transform",
            Self::Consumer(..) => "Processor::Consumer",
        })
    }
}

/// An exporter's inputs: who takes each signal.
pub type Inputs = Vec<(Signal, Arc<dyn Consumer>)>;

/// An exporter as its factory hands it over: an input per signal, and one life.
pub struct Exporter {
    inputs: Inputs,
    lifecycle: Box<dyn Lifecycle>,
    delivery: Delivery,
}

/// Who counts what an exporter has delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The engine: an `Ok` means that the data has arrived.
    Answered,
    /// The exporter, in its [`Book`](crate::ledger::Book): an `Ok` means that it is queued.
    Reported,
}

impl Exporter {
    /// An exporter that has delivered what it answered with `Ok`.
    pub fn new(inputs: Inputs, lifecycle: impl Lifecycle + 'static) -> Self {
        Self { inputs, lifecycle: Box::new(lifecycle), delivery: Delivery::Answered }
    }

    /// An exporter that works on its own, through queues, and keeps its [`Book`](crate::ledger::Book) itself.
    pub fn reporting(inputs: Inputs, lifecycle: impl Lifecycle + 'static) -> Self {
        Self { delivery: Delivery::Reported, ..Self::new(inputs, lifecycle) }
    }

    /// An exporter that only answers calls, with the same consumer for every signal.
    pub fn passive(signals: &[Signal], consumer: Arc<dyn Consumer>) -> Self {
        let inputs = signals.iter().map(|signal| (*signal, Arc::clone(&consumer))).collect();
        Self::new(inputs, Passive)
    }

    /// Who counts what it has delivered.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Inputs and life, for the engine.
    pub fn into_parts(self) -> (Inputs, Box<dyn Lifecycle>) {
        (self.inputs, self.lifecycle)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals = self.inputs.iter().map(|(signal, _)| signal);
        f.debug_list().entries(signals).finish()
    }
}
