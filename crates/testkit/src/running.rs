//! Components as the engine would run them, alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::{
    Batch, CancellationToken, ComponentId, ConnectorFactory, ConnectorOutputs, ConsumeError,
    Consumer, Exporter, ExporterFactory, ExtensionFactory, Extensions, Lifecycle, Offer, Outputs,
    Processor, ProcessorFactory, ReceiverFactory, Refused, Settings, Signal, Slot, StartError,
    Storage,
};
use pdata::Telemetry;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::configuration::{config, settings};
use crate::recorder::Recorder;
use crate::telemetry::OfSignal;
use crate::transformer::Transformer;

/// How long a component may take to stop.
const GRACE: Duration = Duration::from_secs(30);

/// A component at work, between the test's hands and a [`Recorder`]. Dropping it abandons the component.
#[derive(Debug)]
pub struct Running {
    inputs: Vec<(Signal, Slot)>,
    output: Recorder,
    stop: CancellationToken,
    lives: JoinSet<Result<(), StartError>>,
}

/// A processor at work, one instance for each of its signals. Its output is recorded.
pub fn processor<F: ProcessorFactory>(factory: F, yaml: &str) -> Running {
    processor_in(factory, yaml, &settings(F::TYPE.as_str()))
}

/// A processor at work with these settings, so that they show what it does.
pub fn processor_in<F: ProcessorFactory>(factory: F, yaml: &str, settings: &Settings) -> Running {
    let config = config::<F::Config>(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let mut running = Running::new();
    for &(signal, _) in F::SIGNALS {
        let next = Slot::to(Arc::new(running.output.clone()));
        let created = factory.create(config.clone(), settings.clone(), signal, next.clone());
        running.add(signal, created.unwrap_or_else(|error| panic!("{error}")), next);
    }
    running
}

/// A connector at work between a pipeline of the first signal and one of the second, called `testkit`. What it sends there
/// is recorded.
pub fn connector<F: ConnectorFactory>(factory: F, yaml: &str, pair: (Signal, Signal)) -> Running {
    let config = config::<F::Config>(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let mut running = Running::new();
    let outputs = connector_outputs(pair.1, &running.output);
    let next = outputs.all.clone();
    let created = factory.create(config, settings(F::TYPE.as_str()), pair, outputs);
    running.add(pair.0, created.unwrap_or_else(|error| panic!("{error}")), next);
    running
}

/// One pipeline behind a connector, where everything is recorded.
pub(crate) fn connector_outputs(signal: Signal, recorder: &Recorder) -> ConnectorOutputs {
    let slot = || Slot::to(Arc::new(recorder.clone()));
    let pipelines = [(format!("{signal}/testkit"), slot())].into_iter().collect();
    ConnectorOutputs { all: slot(), pipelines }
}

/// An exporter at work, with an input for each of these signals.
pub async fn exporter<F: ExporterFactory>(factory: F, yaml: &str, signals: &[Signal]) -> Running {
    let config = config::<F::Config>(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let created = factory.create(config, settings(F::TYPE.as_str()), signals);
    Running::start_exporter(created.unwrap_or_else(|error| panic!("{error}"))).await
}

/// A receiver at work that sends these signals to a recorder.
pub async fn receiver<F: ReceiverFactory>(factory: F, yaml: &str, signals: &[Signal]) -> Running {
    receiver_in(factory, yaml, signals, settings(F::TYPE.as_str())).await
}

/// A receiver at work with these settings, so that it can share a process with others.
pub async fn receiver_in<F: ReceiverFactory>(
    factory: F,
    yaml: &str,
    signals: &[Signal],
    settings: Settings,
) -> Running {
    let mut running = Running::new();
    let mut outputs = Outputs::default();
    for &signal in signals {
        outputs.set(signal, Slot::to(Arc::new(running.output.clone())));
    }
    let config = config::<F::Config>(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let life = factory.create(config, settings, outputs);
    running.start(life.unwrap_or_else(|error| panic!("{error}"))).await;
    running
}

/// An extension at work, and what it offers to components. Dropping it abandons the extension.
#[derive(Debug)]
pub struct RunningExtension {
    id: ComponentId,
    extensions: Extensions,
    running: Running,
}

/// An extension at work, in a process of its own.
pub async fn extension<F: ExtensionFactory>(factory: F, yaml: &str) -> RunningExtension {
    let started = extension_in(factory, yaml, settings(F::TYPE.as_str())).await;
    started.unwrap_or_else(|error| panic!("{}", component::chain(&error)))
}

/// An extension at work with these settings, so that it can share a process with others.
///
/// # Errors
///
/// It cannot acquire what it needs.
pub async fn extension_in<F: ExtensionFactory>(
    factory: F,
    yaml: &str,
    settings: Settings,
) -> Result<RunningExtension, StartError> {
    let config = config::<F::Config>(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let id = settings.id.clone();
    let created = factory.create(config, settings);
    let (offer, mut life) = created.unwrap_or_else(|error| panic!("{error}")).into_parts();
    life.acquire().await?;
    let mut running = Running::new();
    running.lives.spawn(life.run(running.stop.clone()));
    let offers: BTreeMap<ComponentId, Offer> = BTreeMap::from([(id.clone(), offer)]);
    Ok(RunningExtension { id, extensions: Extensions::new(Arc::new(offers)), running })
}

impl RunningExtension {
    /// What components see of it.
    pub fn extensions(&self) -> Extensions {
        self.extensions.clone()
    }

    /// The storage that it offers.
    pub fn storage(&self) -> Arc<dyn Storage> {
        let storage = self.extensions.storage("storage", &self.id);
        storage.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Tells the extension to stop and waits until it has; it has half a minute.
    ///
    /// # Errors
    ///
    /// What the extension says went wrong while it ran.
    pub async fn stop(self) -> Result<(), StartError> {
        self.running.stop().await
    }
}

impl Running {
    fn new() -> Self {
        Self {
            inputs: Vec::new(),
            output: Recorder::default(),
            stop: CancellationToken::new(),
            lives: JoinSet::new(),
        }
    }

    /// Puts a processor or connector to work.
    fn add(&mut self, signal: Signal, processor: Processor, next: Slot) {
        let input: Arc<dyn Consumer> = match processor {
            Processor::Transform(transform) => Arc::new(Transformer { transform, next }),
            Processor::Consumer(consumer, mut life) => {
                let stop = self.stop.clone();
                self.lives.spawn(async move {
                    life.acquire().await?;
                    life.run(stop).await
                });
                consumer
            }
        };
        self.inputs.push((signal, Slot::to(input)));
    }

    /// An exporter at work that was built by hand.
    pub async fn start_exporter(exporter: Exporter) -> Self {
        let (inputs, life) = exporter.into_parts();
        let mut running = Self::new();
        running.inputs =
            inputs.into_iter().map(|(signal, input)| (signal, Slot::to(input))).collect();
        running.start(life).await;
        running
    }

    async fn start(&mut self, mut life: Box<dyn Lifecycle>) {
        life.acquire().await.unwrap_or_else(|error| panic!("{}", component::chain(&error)));
        self.lives.spawn(life.run(self.stop.clone()));
    }

    /// What the component sends on.
    pub fn output(&self) -> &Recorder {
        &self.output
    }

    /// The component's input for a signal.
    pub fn input(&self, signal: Signal) -> Slot {
        let input = self.inputs.iter().find(|(other, _)| *other == signal);
        input.unwrap_or_else(|| panic!("the component takes no {signal}")).1.clone()
    }

    /// Gives the component telemetry whose fate nobody waits for.
    ///
    /// # Errors
    ///
    /// The component's.
    pub async fn consume(&self, telemetry: impl Into<Telemetry>) -> Result<(), ConsumeError> {
        let batch = Batch::new(telemetry);
        self.input(batch.signal()).consume(batch).await
    }

    /// Gives the component a batch with receipts.
    ///
    /// # Errors
    ///
    /// The component's, with the receipts.
    pub async fn offer(&self, batch: Batch) -> Result<(), Refused> {
        self.input(batch.signal()).offer(batch).await
    }

    /// Gives a processor telemetry and waits for the next batch that comes out of it.
    pub async fn run<T>(&self, telemetry: T) -> T
    where
        T: OfSignal,
    {
        let seen = self.output.taken().len();
        let answer = self.consume(telemetry).await;
        answer.unwrap_or_else(|error| panic!("refused: {}", error.chain()));
        let mut taken = self.output.batches(seen + 1).await;
        let out = taken.swap_remove(seen);
        T::out_of(out).expect("a processor sends the signal on that it takes in")
    }

    /// Tells the component to stop and waits until it has; it has half a minute.
    ///
    /// # Errors
    ///
    /// What the component says went wrong, at start or while it ran.
    pub async fn stop(mut self) -> Result<(), StartError> {
        self.stop.cancel();
        while let Some(ended) = timeout(GRACE, self.lives.join_next()).await.expect("stops in time")
        {
            ended.expect("a component doesn't panic")?;
        }
        Ok(())
    }
}
