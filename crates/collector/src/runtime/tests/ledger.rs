//! The ledger under random faults and changes: exact whenever it is quiet, and nothing in flight is ever negative.

use std::collections::VecDeque;

use component::ledger::{Book, Entry, Ledger};
use proptest::prelude::*;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::*;

/// How a component treats what it gets.
#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Faults {
    /// Refuses every nth batch.
    refuse_every: u32,
    /// Panics at every nth batch.
    panic_every: u32,
    /// Drops all but this many items of a batch.
    keep: Option<u32>,
}

impl Validate for Faults {}

/// Where the receivers' outputs are found.
#[derive(Clone, Default)]
struct Site(Arc<Mutex<Option<Slot>>>);

impl ReceiverFactory for Site {
    type Config = Faults;
    const TYPE: ComponentType = ComponentType::new("in");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        _: Faults,
        _: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        *self.0.lock() = outputs.logs;
        Ok(Box::new(component::Passive))
    }
}

/// Counts calls and misbehaves at some.
struct Faulty {
    faults: Faults,
    calls: Mutex<u32>,
}

impl Faulty {
    fn new(faults: Faults) -> Self {
        Self { faults, calls: Mutex::default() }
    }

    fn call(&self) -> Result<(), ConsumeError> {
        let call = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls
        };
        let is_due = |every: u32| every > 0 && call.is_multiple_of(every);
        assert!(!is_due(self.faults.panic_every), "broken on purpose");
        match is_due(self.faults.refuse_every) {
            true => Err(ConsumeError::retryable("refused on purpose")),
            false => Ok(()),
        }
    }
}

impl Transform for Faulty {
    fn transform(&self, telemetry: &mut Telemetry) -> Result<(), ConsumeError> {
        self.call()?;
        if let Some(keep) = self.faults.keep {
            *telemetry = telemetry.split_off_front(keep as usize);
        }
        Ok(())
    }
}

#[async_trait]
impl Consumer for Faulty {
    async fn consume(&self, _: Batch) -> Result<(), ConsumeError> {
        tokio::task::yield_now().await;
        self.call()
    }
}

struct Filter;

impl ProcessorFactory for Filter {
    type Config = Faults;
    const TYPE: ComponentType = ComponentType::new("filter");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        faults: Faults,
        _: Settings,
        _: Signal,
        _: Slot,
    ) -> Result<Processor, CreateError> {
        Ok(Processor::transform(Faulty::new(faults)))
    }
}

struct Out;

impl ExporterFactory for Out {
    type Config = Faults;
    const TYPE: ComponentType = ComponentType::new("out");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        faults: Faults,
        _: Settings,
        signals: &[Signal],
    ) -> Result<Exporter, CreateError> {
        Ok(Exporter::passive(signals, Arc::new(Faulty::new(faults))))
    }
}

/// A processor that answers first and sends later, and drops what is refused then.
struct Holder;

struct Held {
    waiting: Mutex<VecDeque<Batch>>,
    more: Notify,
    next: Slot,
    entry: Arc<Entry>,
}

impl ProcessorFactory for Holder {
    type Config = Faults;
    const TYPE: ComponentType = ComponentType::new("hold");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        _: Faults,
        settings: Settings,
        signal: Signal,
        next: Slot,
    ) -> Result<Processor, CreateError> {
        let book: Book = settings.book;
        let held = Arc::new(Held {
            waiting: Mutex::default(),
            more: Notify::new(),
            next,
            entry: book.entry(signal),
        });
        Ok(Processor::consumer(Arc::clone(&held) as Arc<dyn Consumer>, Sender(held)))
    }
}

#[async_trait]
impl Consumer for Held {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        self.waiting.lock().push_back(batch);
        self.more.notify_one();
        Ok(())
    }
}

struct Sender(Arc<Held>);

#[async_trait]
impl Lifecycle for Sender {
    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let held = self.0;
        loop {
            let Some(batch) = held.waiting.lock().pop_front() else {
                if stop.is_cancelled() {
                    return Ok(());
                }
                stop.run_until_cancelled(held.more.notified()).await;
                continue;
            };
            let items = batch.item_count();
            if held.next.consume(batch).await.is_err() {
                held.entry.dropped("refused later", items);
            }
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A batch of so many records comes in.
    Send(usize),
    /// The sender goes away while it waits.
    Cancel(usize),
    /// Another document takes the place of the one that runs.
    Change(Vec<u32>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..5usize).prop_map(Event::Send),
        1 => (1..5usize).prop_map(Event::Cancel),
        1 => prop::collection::vec(0..4u32, 6).prop_map(Event::Change),
    ]
}

/// A document whose components misbehave as the numbers say, which also decide which processors there are.
fn document(numbers: &[u32]) -> String {
    let n = |place: usize| numbers[place];
    let processors = ["[]", "[filter]", "[hold]", "[filter, hold]"][n(0) as usize];
    format!(
        "{{receivers: {{in: }}, processors: {{hold: , filter: {{refuse_every: {}, keep: {}}}}},
           exporters: {{out/1: {{refuse_every: {}, panic_every: {}}}, out/2: {{refuse_every: {}}}}},
           service: {{pipelines: {{
             logs: {{receivers: [in], processors: {processors}, exporters: [out/1]}},
             logs/2: {{receivers: [in], processors: [hold], exporters: [out/1, out/2]}}}}}}}}",
        n(1),
        n(2),
        n(3),
        n(4),
        n(5),
    )
}

fn records(count: usize) -> Batch {
    let records = vec!["{}"; count].join(",");
    let json = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
    Batch::new(Logs::from_json(json.as_bytes()).unwrap())
}

async fn play(events: Vec<Event>) {
    let site = Site::default();
    let registry =
        Registry::new().receiver(site.clone()).processor(Filter).processor(Holder).exporter(Out);
    let plan = |yaml: &str| {
        let document = Document::from_text(yaml, "test", &Environment::empty()).unwrap();
        crate::plan(&document, &registry).unwrap()
    };
    let mut collector = collector();
    let ledger = collector.process().table::<Ledger>();
    let first = plan(&document(&[0; 6]));
    let prepared = collector.prepare(&first, Occasion::Boot).await.unwrap();
    collector.switch(prepared);
    let mut sends = JoinSet::new();
    let mut sent = 0;
    for event in events {
        match event {
            Event::Send(count) | Event::Cancel(count) => {
                let slot = site.0.lock().clone().unwrap();
                sent += count;
                let cancelled = matches!(event, Event::Cancel(_));
                let sending = async move { slot.consume(records(count)).await.is_ok() };
                let task = sends.spawn(sending);
                tokio::task::yield_now().await;
                if cancelled {
                    task.abort();
                }
            }
            Event::Change(numbers) => {
                let plan = plan(&document(&numbers));
                let prepared = collector.prepare(&plan, Occasion::Change).await.unwrap();
                collector.switch(prepared);
            }
        }
        for (component, _, entry) in ledger.entries() {
            assert!(entry.in_flight() >= 0, "{component:?}: {entry:?}");
        }
    }
    while sends.join_next().await.is_some() {}
    assert_eq!(collector.stop(soon()).await, []);
    let mut out_of = 0;
    for (component, _, entry) in ledger.entries() {
        assert_eq!(entry.in_flight(), 0, "{component:?}: {entry:?}");
        if component.kind == Kind::Receiver {
            let numbers = entry.numbers();
            let received = numbers.created.get("received").copied().unwrap_or_default();
            assert_eq!(received, u64::try_from(sent).unwrap(), "a send that began is counted");
            out_of = numbers.out;
        }
    }
    let holder_of_second = ledger
        .entries()
        .into_iter()
        .find(|(component, ..)| component.pipeline.as_deref() == Some("logs/2"));
    if let Some((_, _, entry)) = holder_of_second {
        // The receiver feeds both pipelines; what both have taken is no less than what it has handed on.
        assert!(entry.numbers().taken >= out_of);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_exact_when_it_is_quiet(events in prop::collection::vec(event(), 1..30)) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(play(events));
    }
}
