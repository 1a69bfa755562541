//! Puts an exporter together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use component::{
    CancellationToken, Consumer, CreateError, Exporter, Lifecycle, Meter, Owner, Settings, Signal,
    StartError, Storage,
};
use futures_util::future::join_all;

use crate::config::{QueueConfig, RetryConfig, Written};
use crate::consumers::Consumers;
use crate::durable::DiskLimits;
use crate::entrance::{Entrance, Way};
use crate::gate::Gate;
use crate::health::Health;
use crate::metrics::{Metrics, QueueMetrics};
use crate::push::Push;
use crate::queue::{Disk, Intake, Key, Queue, Queues, Seat};
use crate::quiet::Quiet;
use crate::report::Report;
use crate::sender::Sender;

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
/// When it is told to stop, pauses between attempts end. What is still queued is left to its successor or kept in storage;
/// without either each request gets one attempt, and the log names what was lost.
///
/// # Errors
///
/// `sending_queue::storage` names no storage extension.
pub fn exporter(
    settings: &Settings,
    signals: &[Signal],
    options: Options,
    push: Arc<dyn Push>,
) -> Result<Exporter, CreateError> {
    let direct = CancellationToken::new();
    let health = Health::new(settings.status.clone());
    let storage = match options.queue.as_ref().and_then(|queue| queue.storage.as_ref()) {
        Some(id) => Some(settings.extensions.storage("sending_queue::storage", id)?),
        None => None,
    };
    let mut retry = options.retry.filter(|retry| retry.enabled);
    if let Some(retry) = &mut retry
        && storage.is_some()
    {
        // What is stored isn't thrown away after five minutes, unless somebody wants that.
        retry.max_elapsed_time = Written::by_user(retry.max_elapsed_time.or(Duration::ZERO));
    }
    let mut inputs: Vec<(Signal, Arc<dyn Consumer>)> = Vec::with_capacity(signals.len());
    let mut lanes = Vec::new();
    for &signal in signals {
        let consumers = options.queue.as_ref().map(|queue| queue.num_consumers.get());
        let sender = Arc::new(Sender {
            id: settings.id.clone(),
            signal,
            push: Arc::clone(&push),
            timeout: Some(options.timeout).filter(|timeout| !timeout.is_zero()),
            retry: retry.clone(),
            gate: consumers.map(Gate::new),
            interrupt: consumers.map_or_else(|| direct.clone(), |_| CancellationToken::new()),
            health: health.lane(),
            metrics: Metrics::new(settings, signal, &*push),
            tracer: settings.process.table(),
            retrying: Quiet::default(),
            holding: Quiet::default(),
        });
        let report = Arc::new(Report::new(&sender));
        let way = match &options.queue {
            None => Way::Direct,
            Some(config) => {
                let intake = Intake::new(config);
                let queue = Arc::new(OnceLock::new());
                lanes.push(Lane {
                    config: config.clone(),
                    intake: intake.clone(),
                    queue: Arc::clone(&queue),
                    seat: None,
                    sender: Arc::clone(&sender),
                    report: Arc::clone(&report),
                });
                Way::Queued(intake, queue)
            }
        };
        inputs.push((signal, Arc::new(Entrance { way, sender, report })));
    }
    let life = Life { settings: settings.clone(), storage, push, lanes, direct };
    Ok(Exporter::reporting(inputs, life))
}

/// The life of an exporter: that of its transport and of its seats at its queues.
struct Life {
    settings: Settings,
    storage: Option<Arc<dyn Storage>>,
    push: Arc<dyn Push>,
    lanes: Vec<Lane>,
    /// Interrupts the requests that no queue holds.
    direct: CancellationToken,
}

/// One signal's queue.
struct Lane {
    config: QueueConfig,
    intake: Intake,
    /// For the entrance, once there is a queue.
    queue: Arc<OnceLock<Arc<Queue>>>,
    seat: Option<Seat>,
    sender: Arc<Sender>,
    report: Arc<Report>,
}

impl Life {
    /// A seat at the queue of a signal. The queue is that of the exporter's predecessor where there is one.
    async fn seat(&self, signal: Signal) -> Result<Seat, StartError> {
        let Settings { kind, id, process, book, .. } = &self.settings;
        let account = process.memory();
        let key = Key { kind: *kind, id: id.clone(), signal, folder: None };
        let queues = process.table::<Queues>();
        let Some(storage) = &self.storage else {
            return queues
                .seat(key, async || {
                    Ok(Queue::new(account, id.clone(), book.entry(signal), signal, None))
                })
                .await;
        };
        let unusable =
            |error| StartError::caused_by("sending_queue::storage: cannot open the queue", error);
        let owner = Owner { kind: *kind, id: id.clone(), name: signal.to_string() };
        let client = storage.open(&owner).await.map_err(unusable)?;
        let folder = client.folder().await.map_err(unusable)?;
        let key = Key { folder: Some(folder.clone()), ..key };
        let open = async || {
            let disk = Disk::open(client, folder, DiskLimits::default()).await?;
            Ok(Queue::new(account, id.clone(), book.entry(signal), signal, Some(disk)))
        };
        queues.seat(key, open).await
    }
}

#[async_trait]
impl Lifecycle for Life {
    async fn acquire(&mut self) -> Result<(), StartError> {
        self.push.acquire().await?;
        for at in 0..self.lanes.len() {
            let seat = self.seat(self.lanes[at].sender.signal).await?;
            self.lanes[at].queue.get_or_init(|| Arc::clone(seat.queue()));
            self.lanes[at].seat = Some(seat);
        }
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { settings, lanes, direct, .. } = *self;
        let queues =
            join_all(lanes.into_iter().map(|lane| lane.run(&settings.meter, stop.clone())));
        let stopped = async {
            stop.cancelled().await;
            direct.cancel();
        };
        tokio::join!(stopped, queues);
        Ok(())
    }
}

impl Lane {
    async fn run(self, meter: &Meter, stop: CancellationToken) {
        let Some(seat) = self.seat else { return };
        let metrics = QueueMetrics::new(meter, self.sender.signal, &*self.sender.push);
        seat.queue().show(&self.intake, metrics);
        Consumers::new(&self.config, seat, self.sender, self.report).run(stop).await;
    }
}
