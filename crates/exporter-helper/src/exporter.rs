//! Puts an exporter together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use component::{
    CancellationToken, Consumer, CreateError, Exporter, Kind, Lifecycle, Owner, Settings, Signal,
    StartError, Storage,
};
use futures_util::future::join_all;
use tokio::task::spawn_blocking;

use crate::assembler::Assembler;
use crate::config::{QueueConfig, RetryConfig, Written};
use crate::consumers::Consumers;
use crate::journal::{DiskLimits, Journal};
use crate::lane::{Lane, Report, Way};
use crate::metrics::LaneMetrics;
use crate::push::Push;
use crate::queue::{Attachment, Key, Queue, Queues, Store};
use crate::quiet::Quiet;
use crate::sender::{Health, Sender};

/// What stands between an exporter's input and its transport.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long one attempt may take; zero sets no limit.
    pub timeout: Duration,
    /// How to repeat failed attempts. None, or one that is not enabled: not at all.
    pub retry: Option<RetryConfig>,
    /// The queue. Without it the caller waits for the result.
    pub queue: Option<QueueConfig>,
}

/// An exporter with one lane per signal around a transport.
///
/// When it is told to stop, pauses between attempts end. What is still queued is left to the exporter that takes its place,
/// or in the storage; without either it gets one attempt each, and the log names what was lost.
///
/// # Errors
///
/// The storage that the queue names is not there.
pub fn exporter(
    settings: &Settings,
    signals: &[Signal],
    options: Options,
    push: Arc<dyn Push>,
) -> Result<Exporter, CreateError> {
    let interrupt = CancellationToken::new();
    let storage = match options.queue.as_ref().and_then(|queue| queue.storage.as_ref()) {
        Some(id) => Some(settings.extensions.storage("sending_queue::storage", id)?),
        None => None,
    };
    let mut inputs: Vec<(Signal, Arc<dyn Consumer>)> = Vec::with_capacity(signals.len());
    let mut lanes = Vec::new();
    for &signal in signals {
        let retry = options.retry.clone().filter(|retry| retry.enabled);
        let sender = Arc::new(Sender {
            id: settings.id.clone(),
            signal,
            push: Arc::clone(&push),
            timeout: Some(options.timeout).filter(|timeout| !timeout.is_zero()),
            retry: retry.map(|retry| for_ever_if(storage.is_some(), retry)),
            is_queued: options.queue.is_some(),
            interrupt: interrupt.clone(),
            status: settings.status.clone(),
            health: Health::default(),
            retrying: Quiet::default(),
            probing: tokio::sync::Mutex::default(),
        });
        let report = Arc::new(Report::new(&sender, LaneMetrics::new(settings, signal)));
        let way = match options.queue.clone() {
            None => Way::Direct(sender),
            Some(config) => {
                let queue = Arc::new(OnceLock::new());
                lanes.push(QueuedLane {
                    config,
                    sender,
                    report: Arc::clone(&report),
                    entrance: Arc::clone(&queue),
                    attachment: None,
                });
                Way::Queued(queue)
            }
        };
        inputs.push((signal, Arc::new(Lane { way, report })));
    }
    let settings = settings.clone();
    Ok(Exporter::reporting(inputs, Life { push, lanes, interrupt, settings, storage }))
}

/// What is stored is not thrown away after some minutes, unless the user says so.
fn for_ever_if(stored: bool, retry: RetryConfig) -> RetryConfig {
    if !stored {
        return retry;
    }
    let limit = retry.max_elapsed_time.or(Duration::ZERO);
    RetryConfig { max_elapsed_time: Written::by_user(limit), ..retry }
}

/// The life of an exporter: that of its transport and of its queues.
struct Life {
    push: Arc<dyn Push>,
    lanes: Vec<QueuedLane>,
    interrupt: CancellationToken,
    settings: Settings,
    storage: Option<Arc<dyn Storage>>,
}

/// One signal's way through a queue.
struct QueuedLane {
    config: QueueConfig,
    sender: Arc<Sender>,
    report: Arc<Report>,
    entrance: Arc<OnceLock<Arc<Queue>>>,
    attachment: Option<Attachment>,
}

#[async_trait]
impl Lifecycle for Life {
    async fn acquire(&mut self) -> Result<(), StartError> {
        self.push.acquire().await?;
        let queues = self.settings.process.table::<Queues>();
        for lane in &mut self.lanes {
            let signal = lane.sender.signal;
            let key = Key {
                exporter: self.settings.id.clone(),
                signal,
                storage: lane.config.storage.clone(),
            };
            let (settings, storage) = (&self.settings, self.storage.as_deref());
            let metrics = &lane.report.metrics;
            let open = async || open(settings, storage, signal, metrics.clone()).await;
            let attachment = queues.attach(key, &lane.config, open).await?;
            lane.entrance.get_or_init(|| Arc::clone(attachment.queue()));
            lane.attachment = Some(attachment);
        }
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { lanes, interrupt, .. } = *self;
        let consumers = lanes.into_iter().filter_map(QueuedLane::consumers);
        let consumers = join_all(consumers.map(|consumers| consumers.run(interrupt.clone())));
        let stopped = async {
            stop.cancelled().await;
            interrupt.cancel();
        };
        tokio::join!(stopped, consumers);
        Ok(())
    }
}

impl QueuedLane {
    fn consumers(self) -> Option<Consumers> {
        let Self { config, sender, report, attachment, .. } = self;
        let assembler = config
            .batch
            .get()
            .map(|batch| Assembler::new((**batch).clone(), config.batch_sizer(batch)));
        let limit = config.num_consumers.get();
        Some(Consumers { attachment: attachment?, sender, report, limit, assembler })
    }
}

/// A queue with what an earlier process has left in its storage.
async fn open(
    settings: &Settings,
    storage: Option<&dyn Storage>,
    signal: Signal,
    metrics: LaneMetrics,
) -> Result<Queue, StartError> {
    let memory = settings.process.memory();
    let Some(storage) = storage else { return Ok(Queue::new(memory, metrics, None)) };
    let failed = |error| StartError::caused_by("sending_queue::storage", error);
    let name = signal.to_string();
    let owner = Owner { kind: Kind::Exporter, id: settings.id.clone(), name };
    let client = storage.open(&owner).await.map_err(failed)?;
    let folder = client.folder().await.map_err(failed)?;
    let opened = spawn_blocking(move || Journal::open(&folder, DiskLimits::default())).await;
    let (journal, records) = match opened {
        Ok(opened) => {
            opened.map_err(|error| StartError::caused_by("sending_queue::storage", error))?
        }
        Err(panic) => return Err(StartError::caused_by("sending_queue::storage", panic)),
    };
    let (store, waiting) = Store::new(journal, records, signal, client);
    if !waiting.is_empty() {
        let items = waiting.iter().map(|stored| stored.items()).sum();
        metrics.restored(items);
        tracing::info!(%signal, requests = waiting.len(), items, "found what an earlier process has left in the sending queue");
    }
    Ok(Queue::new(memory, metrics, Some((store, waiting))))
}
