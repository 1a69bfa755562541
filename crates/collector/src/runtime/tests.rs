use component::{
    Batch, ComponentId, ComponentType, ConsumeError, Consumer, CreateError, Exporter,
    ExporterFactory, Lifecycle, Logs, Outputs, Processor, ProcessorFactory, ReceiverFactory,
    Settings, Signal, Slot, Stability, StartError, Telemetry, Transform, async_trait,
};
use config::{Document, Environment, Section, Validate};

use super::*;
use crate::Registry;

const LOGS: &[(Signal, Stability)] = &[(Signal::Logs, Stability::Stable)];

/// What the components of a test did, in order, and the receivers' outputs.
#[derive(Clone, Default)]
struct Journal {
    events: Arc<Mutex<Vec<String>>>,
    outputs: Arc<Mutex<Vec<Slot>>>,
}

impl Journal {
    fn note(&self, what: &str, id: &ComponentId) {
        self.events.lock().push(format!("{what} {id}"));
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock())
    }

    /// Sends an empty batch from the receiver that was created last.
    async fn send(&self) -> Result<(), ConsumeError> {
        let slot = self.outputs.lock().last().unwrap().clone();
        slot.consume(Batch::new(Telemetry::from(Logs::default()))).await
    }
}

/// How a component misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Config {
    /// Cannot be acquired.
    unavailable: bool,
    /// Refuses every batch.
    refuses: bool,
    /// Panics at every batch.
    panics: bool,
    /// Does not stop.
    hangs: bool,
    /// Ends at once.
    quits: bool,
}

impl Validate for Config {}

struct Part {
    config: Config,
    id: ComponentId,
    journal: Journal,
    next: Option<Slot>,
}

#[async_trait]
impl Lifecycle for Part {
    async fn acquire(&mut self) -> Result<(), StartError> {
        match self.config.unavailable {
            true => Err(StartError::new("endpoint is taken")),
            false => Ok(()),
        }
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        self.journal.note("start", &self.id);
        if self.config.quits {
            return Err(StartError::new("listener died"));
        }
        stop.cancelled().await;
        if self.config.hangs {
            std::future::pending::<()>().await;
        }
        self.journal.note("stop", &self.id);
        Ok(())
    }
}

#[async_trait]
impl Consumer for Part {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        self.journal.note("consume", &self.id);
        assert!(!self.config.panics, "broken");
        match (&self.next, self.config.refuses) {
            (_, true) => Err(ConsumeError::retryable("full")),
            (Some(next), false) => next.consume(batch).await,
            (None, false) => Ok(()),
        }
    }
}

struct Factory(Journal);

impl Factory {
    fn part(&self, config: Config, settings: Settings, next: Option<Slot>) -> Part {
        Part { config, id: settings.id, journal: self.0.clone(), next }
    }
}

impl ReceiverFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("in");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        config: Config,
        settings: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        self.0.outputs.lock().extend(outputs.logs);
        Ok(Box::new(self.part(config, settings, None)))
    }
}

impl ProcessorFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("mid");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        config: Config,
        settings: Settings,
        _: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError> {
        let consumer = self.part(config.clone(), settings.clone(), Some(next));
        Ok(Processor::consumer(Arc::new(consumer), self.part(config, settings, None)))
    }
}

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("out");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        config: Config,
        settings: Settings,
        signals: &[Signal],
    ) -> Result<Exporter, CreateError> {
        let consumer: Arc<dyn Consumer> =
            Arc::new(self.part(config.clone(), settings.clone(), None));
        let inputs = signals.iter().map(|signal| (*signal, Arc::clone(&consumer))).collect();
        Ok(Exporter::new(inputs, self.part(config, settings, None)))
    }
}

/// A processor that leaves nothing.
struct Nothing;

impl Transform for Nothing {
    fn transform(&self, telemetry: &mut Telemetry) -> Result<(), ConsumeError> {
        *telemetry = Logs::default().into();
        Ok(())
    }
}

struct NothingFactory;

impl ProcessorFactory for NothingFactory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("nothing");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(&self, _: Config, _: Settings, _: Signal, _: Slot) -> Result<Processor, CreateError> {
        Ok(Processor::transform(Nothing))
    }
}

fn plan(journal: &Journal, yaml: &str) -> Plan {
    let registry = Registry::new()
        .receiver(Factory(journal.clone()))
        .processor(Factory(journal.clone()))
        .processor(NothingFactory)
        .exporter(Factory(journal.clone()));
    let document = Document::from_text(yaml, "test", &Environment::empty()).unwrap();
    crate::plan(&document, &registry).unwrap()
}

fn collector() -> Collector {
    Collector::new(BuildInfo {
        command: "test".into(),
        description: "test".into(),
        version: "1".into(),
    })
}

async fn running(journal: &Journal, yaml: &str) -> Collector {
    let mut collector = collector();
    let prepared = collector.prepare(&plan(journal, yaml)).await.unwrap();
    collector.switch(prepared);
    tokio::task::yield_now().await;
    collector
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

const CHAIN: &str = "{receivers: {in: }, processors: {mid/1: , mid/2: }, exporters: {out: }, service: {pipelines: {logs: {receivers: [in], processors: [mid/1, mid/2], exporters: [out]}}}}";

#[tokio::test]
async fn it_starts_at_the_exporters_and_stops_at_the_receivers() {
    let journal = Journal::default();
    let mut collector = running(&journal, CHAIN).await;
    assert_eq!(journal.events(), ["start out", "start mid/2", "start mid/1", "start in"]);
    journal.send().await.unwrap();
    assert_eq!(journal.events(), ["consume mid/1", "consume mid/2", "consume out"]);
    assert_eq!(collector.stop(soon()).await, []);
    assert_eq!(journal.events(), ["stop in", "stop mid/1", "stop mid/2", "stop out"]);
    assert_eq!(collector.stop(soon()).await, [], "stopping twice is harmless");
}

#[tokio::test]
async fn a_plan_that_cannot_be_prepared_leaves_what_runs_untouched() {
    let journal = Journal::default();
    let mut collector = running(&journal, CHAIN).await;
    journal.events();
    let bad = CHAIN.replace("{in: }", "{in: {unavailable: true}}");
    let error = collector.prepare(&plan(&journal, &bad)).await.unwrap_err();
    assert_eq!(chain(&error), "cannot start receiver \"in\": endpoint is taken");
    assert_eq!(journal.events(), [""; 0]);
    assert!(collector.is_running());
    collector.stop(soon()).await;
}

#[tokio::test]
async fn a_switch_starts_the_new_graph_before_the_old_one_stops() {
    let journal = Journal::default();
    let mut collector = running(&journal, CHAIN).await;
    journal.events();
    let next = CHAIN.replace("mid/1: , ", "").replace("mid/1, ", "");
    let prepared = collector.prepare(&plan(&journal, &next)).await.unwrap();
    collector.switch(prepared);
    collector.stop(soon()).await;
    let events = journal.events();
    let place = |event: &str| events.iter().position(|other| other == event).unwrap();
    assert!(place("start in") < place("stop in"), "{events:?}");
    assert_eq!(events.iter().filter(|event| *event == "stop out").count(), 2, "{events:?}");
}

#[tokio::test]
async fn a_fan_out_calls_everybody_and_reports_the_one_that_failed() {
    let journal = Journal::default();
    let yaml = "{receivers: {in: }, exporters: {out/1: {refuses: true}, out/2: , out/3: {panics: true}}, service: {pipelines: {logs: {receivers: [in], exporters: [out/1, out/2]}, logs/2: {receivers: [in], exporters: [out/3]}}}}";
    let mut collector = running(&journal, yaml).await;
    journal.events();
    let error = journal.send().await.unwrap_err();
    assert_eq!(journal.events(), ["consume out/1", "consume out/2", "consume out/3"]);
    assert_eq!(error.chain(), "full; exporter \"out/3\" panicked");
    assert!(error.is_permanent());
    collector.stop(soon()).await;
}

#[tokio::test]
async fn a_transform_that_leaves_nothing_ends_the_way() {
    let journal = Journal::default();
    let yaml = CHAIN.replace("mid/1: ,", "nothing: ,").replace("[mid/1,", "[nothing,");
    let mut collector = running(&journal, &yaml).await;
    journal.events();
    journal.send().await.unwrap();
    assert_eq!(journal.events(), [""; 0]);
    collector.stop(soon()).await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_does_not_stop_is_named_and_the_rest_stops() {
    let journal = Journal::default();
    let yaml = CHAIN.replace("mid/1: ", "mid/1: {hangs: true}");
    let mut collector = running(&journal, &yaml).await;
    journal.events();
    let abandoned = collector.stop(soon()).await;
    let name = "processor \"mid/1\" in pipeline \"logs\"";
    assert_eq!(abandoned, [Abandoned { component: name.to_owned() }]);
    assert_eq!(journal.events(), ["stop in", "stop mid/2", "stop out"]);
}

#[tokio::test]
async fn a_component_that_ends_on_its_own_is_a_failure() {
    let journal = Journal::default();
    let yaml = CHAIN.replace("{in: }", "{in: {quits: true}}");
    let mut collector = running(&journal, &yaml).await;
    let failure =
        Failure { component: "receiver \"in\"".to_owned(), error: "listener died".to_owned() };
    assert_eq!(collector.failures(), [failure]);
    collector.stop(soon()).await;
}
