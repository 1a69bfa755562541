mod ledger;

use std::sync::atomic::{AtomicBool, Ordering};

use component::{
    Batch, ComponentType, ConnectorFactory, ConnectorOutputs, ConsumeError, Consumer, CreateError,
    Exporter, ExporterFactory, Extension, ExtensionFactory, Lifecycle, Logs, Outputs, Owner,
    Processor, ProcessorFactory, ReceiverFactory, Signal, Slot, Stability, StartError, Storage,
    StorageClient, StorageError, Telemetry, Transform, async_trait, chain,
};
use config::{Document, Environment, Section, Validate};

use parking_lot::{Condvar, Mutex};

use super::*;
use crate::Registry;

const LOGS: &[(Signal, Stability)] = &[(Signal::Logs, Stability::Stable)];

/// What the components of a test did, in order, and the receivers' outputs.
#[derive(Clone, Default)]
struct Journal {
    events: Arc<Mutex<Vec<String>>>,
    outputs: Arc<Mutex<Vec<Slot>>>,
    /// What components that wait wait for.
    available: Arc<AtomicBool>,
    /// What an exclusive component claims.
    held: Arc<AtomicBool>,
    /// Whether components that block their threads do so.
    blocked: Arc<(Mutex<bool>, Condvar)>,
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

    async fn send_records(&self, count: usize) -> Result<(), ConsumeError> {
        let slot = self.outputs.lock().last().unwrap().clone();
        let record = "{\"body\":{\"stringValue\":\"x\"}}";
        let records = vec![record; count].join(",");
        let json =
            format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
        slot.consume(Batch::new(Logs::from_json(json.as_bytes()).unwrap())).await
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
    /// Blocks its thread at every batch, and when it is told to stop, as long as the journal says so.
    blocks: bool,
    /// Ends at once.
    quits: bool,
    /// Cannot be acquired as long as the journal says so.
    waits: bool,
    /// Cannot be acquired while another one runs.
    exclusive: bool,
    /// The storage that it uses.
    uses: Option<ComponentId>,
}

impl Validate for Config {}

struct Part {
    config: Config,
    id: ComponentId,
    journal: Journal,
    next: Option<Slot>,
    /// Whether it has the journal's claim.
    holds: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.holds {
            self.journal.held.store(false, Ordering::Relaxed);
        }
    }
}

impl Part {
    fn block(&self) {
        let mut blocked = self.journal.blocked.0.lock();
        while self.config.blocks && *blocked {
            self.journal.blocked.1.wait(&mut blocked);
        }
    }
}

#[async_trait]
impl Lifecycle for Part {
    async fn acquire(&mut self) -> Result<(), StartError> {
        if self.config.exclusive {
            let held = self.journal.held.swap(true, Ordering::Relaxed);
            assert!(!held, "the other one has stopped");
            self.holds = true;
        }
        let waits = self.config.waits && !self.journal.available.load(Ordering::Relaxed);
        match self.config.unavailable || waits {
            true => Err(StartError::new("endpoint is taken")),
            false => Ok(()),
        }
    }

    fn is_exclusive(&self) -> bool {
        self.config.exclusive
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        self.journal.note("start", &self.id);
        if self.config.quits {
            return Err(StartError::new("listener died"));
        }
        stop.cancelled().await;
        self.block();
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
        self.block();
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
        Part { config, id: settings.id, journal: self.0.clone(), next, holds: false }
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
        if let Some(storage) = &config.uses {
            settings.extensions.storage("uses", storage)?;
        }
        let consumer: Arc<dyn Consumer> =
            Arc::new(self.part(config.clone(), settings.clone(), None));
        let inputs = signals.iter().map(|signal| (*signal, Arc::clone(&consumer))).collect();
        Ok(Exporter::new(inputs, self.part(config, settings, None)))
    }
}

impl ConnectorFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("con");
    const PAIRS: &'static [(Signal, Signal, Stability)] =
        &[(Signal::Logs, Signal::Logs, Stability::Stable)];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        _: (Signal, Signal),
        outputs: ConnectorOutputs,
    ) -> Result<Processor, CreateError> {
        let consumer = self.part(config.clone(), settings.clone(), Some(outputs.all));
        Ok(Processor::consumer(Arc::new(consumer), self.part(config, settings, None)))
    }
}

/// A storage that holds nothing.
struct Nowhere;

#[async_trait]
impl Storage for Nowhere {
    async fn open(&self, _: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        Err(StorageError::new("nowhere"))
    }
}

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("ext");
    const STABILITY: Stability = Stability::Stable;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        Ok(Extension::storage(Arc::new(Nowhere), self.part(config, settings, None)))
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
    planned(registry(journal), yaml)
}

fn registry(journal: &Journal) -> Registry {
    Registry::new()
        .receiver(Factory(journal.clone()))
        .processor(Factory(journal.clone()))
        .processor(NothingFactory)
        .exporter(Factory(journal.clone()))
        .connector(Factory(journal.clone()))
        .extension(Factory(journal.clone()))
}

fn planned(registry: Registry, yaml: &str) -> Plan {
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
    let prepared = collector.prepare(&plan(journal, yaml), Occasion::Change).await.unwrap();
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
    let error = collector.prepare(&plan(&journal, &bad), Occasion::Change).await.unwrap_err();
    assert_eq!(chain(&error), "cannot start receiver \"in\": endpoint is taken");
    assert_eq!(journal.events(), [""; 0]);
    assert!(collector.is_running());
    collector.stop(soon()).await;
}

/// Changes to another document and waits until what was replaced has drained.
async fn change(collector: &mut Collector, journal: &Journal, yaml: &str) {
    let prepared = collector.prepare(&plan(journal, yaml), Occasion::Change).await.unwrap();
    collector.switch(prepared);
    collector.retiring.close();
    collector.retiring.wait().await;
    collector.retiring.reopen();
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn a_change_touches_only_what_it_changes() {
    let journal = Journal::default();
    let mut collector = running(&journal, CHAIN).await;
    journal.events();
    change(&mut collector, &journal, CHAIN).await;
    assert_eq!(journal.events(), [""; 0], "the same document changes nothing");
    let without = CHAIN.replace("mid/1: , ", "").replace("mid/1, ", "");
    change(&mut collector, &journal, &without).await;
    assert_eq!(journal.events(), ["stop mid/1"]);
    journal.send().await.unwrap();
    assert_eq!(journal.events(), ["consume mid/2", "consume out"]);
    change(&mut collector, &journal, CHAIN).await;
    assert_eq!(journal.events(), ["start mid/1"]);
    journal.send().await.unwrap();
    assert_eq!(journal.events(), ["consume mid/1", "consume mid/2", "consume out"]);
    collector.stop(soon()).await;
    assert_eq!(journal.events(), ["stop in", "stop mid/1", "stop mid/2", "stop out"]);
}

#[tokio::test]
async fn what_replaces_a_component_starts_before_the_old_one_stops() {
    let journal = Journal::default();
    let mut collector = running(&journal, CHAIN).await;
    journal.events();
    change(&mut collector, &journal, &CHAIN.replace("{out: }", "{out: {refuses: true}}")).await;
    assert_eq!(journal.events(), ["start out", "stop out"]);
    assert_eq!(journal.send().await.unwrap_err().chain(), "full");
    journal.events();
    let other = CHAIN.replace("{in: }", "{in/b: }").replace("[in]", "[in/b]");
    change(&mut collector, &journal, &other).await;
    let events = ["start out", "start in/b", "stop in", "stop out"];
    assert_eq!(journal.events(), events, "receivers drain before exporters");
    collector.stop(soon()).await;
}

#[tokio::test]
async fn a_component_changes_with_an_extension_that_it_uses() {
    let journal = Journal::default();
    let yaml = "{extensions: {ext: , ext/2: }, receivers: {in: }, exporters: {out: {uses: ext}, out/2: }, service: {extensions: [ext, ext/2], pipelines: {logs: {receivers: [in], exporters: [out, out/2]}}}}";
    let mut collector = running(&journal, yaml).await;
    let started = journal.events();
    assert_eq!(started, ["start ext", "start ext/2", "start out", "start out/2", "start in"]);
    change(&mut collector, &journal, &yaml.replace("ext/2: }", "ext/2: {refuses: true} }")).await;
    assert_eq!(journal.events(), ["start ext/2", "stop ext/2"], "nobody uses it");
    change(&mut collector, &journal, &yaml.replace("{ext: ,", "{ext: {refuses: true},")).await;
    let events = journal.events();
    assert!(events.contains(&"start out".to_owned()), "{events:?}");
    assert!(!events.contains(&"start out/2".to_owned()), "{events:?}");
    collector.stop(soon()).await;
    let events = journal.events();
    let last: Vec<_> = events.iter().skip(events.len() - 2).collect();
    assert!(last.iter().all(|event| event.starts_with("stop ext")), "{events:?}");
}

#[tokio::test]
async fn telemetry_runs_without_a_section_and_changes_alone() {
    let journal = Journal::default();
    let with_telemetry =
        |yaml: &str| planned(registry(&journal).telemetry(Factory(journal.clone())), yaml);
    let mut collector = collector();
    let prepared = collector.prepare(&with_telemetry(CHAIN), Occasion::Change).await.unwrap();
    collector.switch(prepared);
    tokio::task::yield_now().await;
    assert_eq!(journal.events()[..2], ["start ext", "start out"], "it starts first");
    let changed = CHAIN.replace("{pipelines", "{telemetry: {refuses: true}, pipelines");
    let prepared = collector.prepare(&with_telemetry(&changed), Occasion::Change).await.unwrap();
    collector.switch(prepared);
    collector.retiring.close();
    collector.retiring.wait().await;
    assert_eq!(journal.events(), ["start ext", "stop ext"]);
    collector.stop(soon()).await;
    assert_eq!(journal.events().last().unwrap(), "stop ext");
}

#[tokio::test]
async fn a_missing_extension_is_a_problem_at_the_component() {
    let journal = Journal::default();
    let yaml = "{receivers: {in: }, exporters: {out: {uses: gone}}, service: {pipelines: {logs: {receivers: [in], exporters: [out]}}}}";
    let problems = collector().check(&plan(&journal, yaml)).unwrap_err().to_string();
    assert!(problems.contains("test:1"), "{problems}");
    assert!(
        problems.contains("exporters::out: uses: no storage client extension found"),
        "{problems}"
    );
}

#[tokio::test(start_paused = true)]
async fn at_boot_a_receiver_that_cannot_start_is_tried_again_and_the_rest_runs() {
    let journal = Journal::default();
    journal.available.store(false, Ordering::Relaxed);
    let yaml = CHAIN.replace("{in: }", "{in: {waits: true}, in/2: }").replace("[in]", "[in, in/2]");
    let mut collector = collector();
    let plan = plan(&journal, &yaml);
    collector.prepare(&plan, Occasion::Change).await.unwrap_err();
    let prepared = collector.prepare(&plan, Occasion::Boot).await.unwrap();
    collector.switch(prepared);
    collector.failed().await;
    assert_eq!(collector.failures()[0].component, "receiver \"in\"");
    journal.send().await.unwrap();
    journal.available.store(true, Ordering::Relaxed);
    collector.failed().await;
    assert_eq!(collector.failures(), []);
    tokio::task::yield_now().await;
    assert!(journal.events().contains(&"start in".to_owned()));
    collector.stop(soon()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_exclusive_stops_before_its_successor_and_runs_again_when_the_change_fails() {
    let journal = Journal::default();
    let yaml = CHAIN.replace("{in: }", "{in: {exclusive: true}}");
    let mut collector = running(&journal, &yaml).await;
    journal.events();
    let changed = yaml.replace("exclusive: true", "exclusive: true, refuses: true");
    change(&mut collector, &journal, &changed).await;
    assert_eq!(journal.events(), ["stop in", "start in"]);

    let bad = yaml.replace("{out: }", "{out: {unavailable: true}}");
    collector.prepare(&plan(&journal, &bad), Occasion::Change).await.unwrap_err();
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(journal.events(), ["stop in", "start in"], "the old one runs again");
    assert_eq!(collector.failures(), []);
    let unused = collector.prepare(&plan(&journal, &yaml), Occasion::Change).await.unwrap();
    drop(unused);
    collector.resume();
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(journal.events(), ["stop in", "start in"]);
    collector.stop(soon()).await;
    assert!(journal.events().contains(&"stop in".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_ends_on_its_own_is_started_again() {
    let journal = Journal::default();
    let mut collector = running(&journal, &CHAIN.replace("{in: }", "{in: {quits: true}}")).await;
    journal.events();
    collector.failed().await;
    time::sleep(Duration::from_secs(2)).await;
    assert_eq!(journal.events(), ["start in"]);
    collector.stop(soon()).await;
}

#[tokio::test]
async fn a_connector_leads_from_one_pipeline_to_the_others() {
    let journal = Journal::default();
    let yaml = "{receivers: {in: }, processors: {mid: }, exporters: {out/1: , out/2: }, connectors: {con: }, service: {pipelines: {logs: {receivers: [in], exporters: [con, out/1]}, logs/b: {receivers: [con], processors: [mid], exporters: [out/2]}}}}";
    let mut collector = running(&journal, yaml).await;
    journal.events();
    journal.send().await.unwrap();
    let events = ["consume con", "consume mid", "consume out/2", "consume out/1"];
    assert_eq!(journal.events(), events);
    change(&mut collector, &journal, &yaml.replace("processors: [mid], ", "")).await;
    assert_eq!(journal.events(), ["stop mid"]);
    journal.send().await.unwrap();
    assert_eq!(journal.events(), ["consume con", "consume out/2", "consume out/1"]);
    collector.stop(soon()).await;
    assert_eq!(journal.events(), ["stop in", "stop con", "stop out/1", "stop out/2"]);
}

#[tokio::test]
async fn the_ledger_says_where_everything_went_and_outlives_changes() {
    let journal = Journal::default();
    let yaml = "{receivers: {in: }, processors: {nothing: }, exporters: {out/1: , out/2: {refuses: true}}, service: {pipelines: {logs: {receivers: [in], processors: [nothing], exporters: [out/1]}, logs/2: {receivers: [in], exporters: [out/2]}}}}";
    let mut collector = running(&journal, yaml).await;
    journal.send_records(3).await.unwrap_err();
    change(&mut collector, &journal, &yaml.replace("out/2: {refuses: true}", "out/2: ")).await;
    journal.send_records(2).await.unwrap();
    let ledger = collector.process().table::<component::ledger::Ledger>();
    let numbers = |name: &str| {
        let entries = ledger.entries();
        let found = entries.iter().find(|(component, ..)| component.id.to_string() == name);
        let entry = &found.unwrap().2;
        assert_eq!(entry.in_flight(), 0, "{name}: {entry:?}");
        entry.numbers()
    };
    assert_eq!(
        (numbers("in").created["received"], numbers("in").refused, numbers("in").out),
        (5, 3, 2)
    );
    assert_eq!((numbers("nothing").taken, numbers("nothing").dropped["filtered"]), (5, 5));
    assert_eq!((numbers("out/2").taken, numbers("out/2").refused, numbers("out/2").out), (5, 3, 2));
    collector.stop(soon()).await;
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
    assert!(error.is_permanent() && error.is_partial(), "one has taken it");
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

/// Three threads for components, two of which get blocked, and the test's own.
#[test]
fn a_component_that_blocks_its_thread_is_named_and_the_rest_goes_on() {
    let workers =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journal = Journal::default();
    *journal.blocked.0.lock() = true;
    let yaml = "{receivers: {in: , in/2: }, exporters: {out/1: {blocks: true}, out/2: }, service: {pipelines: {logs: {receivers: [in], exporters: [out/1]}, logs/2: {receivers: [in/2], exporters: [out/2]}}}}";
    let mut collector = collector().on(workers.handle().clone());
    own.block_on(async {
        let prepared = collector.prepare(&plan(&journal, yaml), Occasion::Boot).await.unwrap();
        collector.switch(prepared);
        let slots = journal.outputs.lock().clone();
        let batch = || Batch::new(Telemetry::from(Logs::default()));
        let (blocked, free) = (slots[0].clone(), slots[1].clone());
        let blocked = workers.spawn(async move { blocked.consume(batch()).await });
        let out =
            Name::whole(Kind::Exporter, &ComponentId::with_name(&ComponentId::new("out"), "1"));
        while !collector.watch.blocking(Duration::ZERO).iter().any(|(name, _)| *name == out) {
            tokio::task::yield_now().await;
        }
        workers.spawn(async move { free.consume(batch()).await }).await.unwrap().unwrap();
        let abandoned = collector.stop(Instant::now() + Duration::from_millis(1_500)).await;
        assert_eq!(abandoned, [Abandoned { component: "exporter \"out/1\"".to_owned() }]);
        *journal.blocked.0.lock() = false;
        journal.blocked.1.notify_all();
        blocked.await.unwrap().unwrap();
    });
    workers.shutdown_background();
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
