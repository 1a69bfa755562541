//! The queue: what waits between the pipeline and the network.
//!
//! A queue belongs to the process, not to its exporter: it is found by the exporter's id, the signal and the storage. When an
//! exporter changes, its successor attaches to the same queue before the old one detaches, and inherits what waits.

mod stored;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use component::memory::Lane;
use component::{
    Batch, ComponentId, ConsumeError, MemoryAccount, Outcome, Receipt, Signal, Telemetry,
};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::config::{QueueConfig, Sizer};
use crate::metrics::LaneMetrics;
pub(crate) use crate::queue::stored::Store;
use crate::queue::stored::Stored;

pub(crate) type Answer = Result<(), ConsumeError>;

/// All queues of the process.
#[derive(Default)]
pub(crate) struct Queues {
    queues: tokio::sync::Mutex<HashMap<Key, Weak<Queue>>>,
}

/// What a queue is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) exporter: ComponentId,
    pub(crate) signal: Signal,
    pub(crate) storage: Option<ComponentId>,
}

impl Queues {
    /// The queue of this key, which `open` makes if there is none, with one more exporter attached to it.
    pub(crate) async fn attach<E>(
        &self,
        key: Key,
        config: &QueueConfig,
        open: impl AsyncFnOnce() -> Result<Queue, E>,
    ) -> Result<Attachment, E> {
        let mut queues = self.queues.lock().await;
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = match queues.get(&key).and_then(Weak::upgrade) {
            Some(queue) => queue,
            None => {
                let queue = Arc::new(open().await?);
                queues.insert(key, Arc::downgrade(&queue));
                queue
            }
        };
        Ok(Attachment::to(queue, config))
    }
}

/// One exporter's hold on a queue.
pub(crate) struct Attachment {
    queue: Arc<Queue>,
}

impl Attachment {
    fn to(queue: Arc<Queue>, config: &QueueConfig) -> Self {
        {
            let mut state = queue.state.lock();
            state.attached += 1;
            state.limits = Limits::of(config);
            state.closed = false;
        }
        queue.changed.notify_waiters();
        Self { queue }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.queue.state.lock().attached -= 1;
        self.queue.changed.notify_waiters();
    }
}

/// Requests of one signal on their way to one destination.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Something came, went, or attached.
    changed: Notify,
    memory: Arc<MemoryAccount>,
    lane: Lane,
    store: Option<Store>,
    metrics: LaneMetrics,
}

struct State {
    waiting: VecDeque<Waiting>,
    limits: Limits,
    /// What waits and what is being sent.
    used: Size,
    /// Exporters that send from it.
    attached: usize,
    /// The last exporter is leaving: nothing new is taken.
    closed: bool,
}

#[derive(Clone, Copy)]
struct Limits {
    capacity: usize,
    sizer: Sizer,
    block_on_overflow: bool,
    wait_for_result: bool,
}

impl Limits {
    fn of(config: &QueueConfig) -> Self {
        Self {
            capacity: config.queue_size.get(),
            sizer: *config.sizer,
            block_on_overflow: config.block_on_overflow,
            wait_for_result: config.wait_for_result,
        }
    }
}

/// The size of requests, by every measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    requests: usize,
    items: usize,
    bytes: usize,
    /// Bytes of memory; none for what is stored.
    memory: usize,
}

impl Size {
    fn by(self, sizer: Sizer) -> usize {
        match sizer {
            Sizer::Requests => self.requests,
            Sizer::Items => self.items,
            Sizer::Bytes => self.bytes,
        }
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.items += other.items;
        self.bytes += other.bytes;
        self.memory += other.memory;
    }

    fn subtract(&mut self, other: Self) {
        self.requests -= other.requests;
        self.items -= other.items;
        self.bytes -= other.bytes;
        self.memory -= other.memory;
    }
}

enum Waiting {
    Memory(Batch, Size, Option<oneshot::Sender<Answer>>),
    /// It was being sent by an exporter that has made way for its successor; its receipts hold its size.
    Again(Batch),
    Stored(Stored),
}

/// A request that was taken out to be sent. Its size counts until its last receipt is resolved.
pub(crate) struct Request {
    pub(crate) batch: Batch,
    /// Set when the caller waits for the result.
    pub(crate) reply: Option<oneshot::Sender<Answer>>,
}

/// What is left in a queue when the last exporter has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) requests: usize,
    pub(crate) items: usize,
}

impl Queue {
    /// An empty queue in memory, or one whose waiting requests are in a store.
    pub(crate) fn new(
        memory: Arc<MemoryAccount>,
        metrics: LaneMetrics,
        store: Option<(Store, Vec<Stored>)>,
    ) -> Self {
        let (store, waiting) = store.unzip();
        let waiting: VecDeque<_> = waiting.unwrap_or_default().into();
        let mut used = Size::default();
        waiting.iter().for_each(|stored| used.add(size_of_stored(stored)));
        let state = State {
            waiting: waiting.into_iter().map(Waiting::Stored).collect(),
            limits: Limits {
                capacity: 0,
                sizer: Sizer::Requests,
                block_on_overflow: false,
                wait_for_result: false,
            },
            used,
            attached: 0,
            closed: false,
        };
        let changed = Notify::new();
        let lane = memory.lane();
        Self { state: Mutex::new(state), changed, memory, lane, store, metrics }
    }

    /// Puts a batch into the queue, and waits for its result if the configuration says so. A batch that is stored is
    /// delivered as far as its sources are concerned.
    pub(crate) async fn offer(self: &Arc<Self>, mut batch: Batch) -> Answer {
        if batch.item_count() == 0 {
            batch.into_parts().1.resolve(Outcome::Delivered);
            return Ok(());
        }
        compact(batch.telemetry_mut());
        let size = Size {
            requests: 1,
            items: batch.item_count(),
            bytes: batch.telemetry().encoded_len(),
            memory: if self.store.is_some() { 0 } else { batch.telemetry().pinned_len() },
        };
        self.reserve(size).await?;
        let reserved = Reserved { queue: self, size };
        let answer = match &self.store {
            Some(store) => {
                let (telemetry, attached) = batch.into_parts();
                let metadata = attached.metadata().clone();
                let stored = store.keep(&telemetry, &metadata).await?;
                attached.resolve(Outcome::Delivered);
                self.push(Waiting::Stored(stored));
                None
            }
            None => {
                let waits = self.state.lock().limits.wait_for_result;
                let (reply, answer) = waits.then(oneshot::channel).unzip();
                self.push(Waiting::Memory(batch, size, reply));
                answer
            }
        };
        reserved.keep();
        match answer {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(stopped())),
            None => Ok(()),
        }
    }

    fn push(&self, waiting: Waiting) {
        self.state.lock().waiting.push_back(waiting);
        self.changed.notify_waiters();
    }

    /// Takes space for a request, waiting for it if the configuration says so.
    async fn reserve(&self, size: Size) -> Result<(), ConsumeError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.state.lock();
                if state.closed {
                    return Err(stopped());
                }
                let Limits { capacity, sizer, block_on_overflow, .. } = state.limits;
                if size.by(sizer) > capacity {
                    return Err(ConsumeError::retryable("element size too large"));
                }
                let fits = state.used.by(sizer) + size.by(sizer) <= capacity;
                let is_alone = state.used.memory == 0;
                let has_memory = is_alone || state.used.memory + size.memory <= self.lane.part();
                if fits && has_memory {
                    state.used.add(size);
                    self.metrics.size.set(state.used.by(sizer));
                    self.metrics.capacity.set(capacity);
                    return Ok(());
                }
                if !block_on_overflow {
                    return Err(ConsumeError::retryable("sending queue is full"));
                }
            }
            changed.await;
        }
    }

    fn release(&self, size: Size) {
        {
            let mut state = self.state.lock();
            state.used.subtract(size);
            self.metrics.size.set(state.used.by(state.limits.sizer));
        }
        self.changed.notify_waiters();
    }

    /// The next request, as soon as there is one. `None` when the queue is closed and empty.
    pub(crate) async fn take(self: &Arc<Self>) -> Option<Request> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let next = {
                let mut state = self.state.lock();
                if state.waiting.is_empty() && state.closed {
                    return None;
                }
                state.waiting.pop_front()
            };
            match next {
                Some(waiting) => {
                    if let Some(request) = self.load(waiting).await {
                        return Some(request);
                    }
                }
                None => changed.await,
            }
        }
    }

    /// Gets a request ready to be sent: what is stored is read. `None` when it cannot be read any more.
    async fn load(self: &Arc<Self>, waiting: Waiting) -> Option<Request> {
        let (mut batch, size, reply) = match waiting {
            Waiting::Again(batch) => return Some(Request { batch, reply: None }),
            Waiting::Memory(batch, size, reply) => (batch, size, reply),
            Waiting::Stored(stored) => {
                // Whoever cancels this finds the request where it was.
                let back = GiveBack { queue: self, stored: Some(stored) };
                let store = self.store.as_ref().expect("what is stored is in the store");
                let read = store.read(&stored).await;
                back.disarm();
                let Some((telemetry, metadata)) = read else {
                    self.metrics.lost(stored.items());
                    self.release(size_of_stored(&stored));
                    return None;
                };
                let queue = Arc::clone(self);
                let receipt = Receipt::new(move |outcome| queue.settle(stored, outcome));
                let share = self.memory.charge(stored.bytes());
                let batch = Batch::with_receipt(telemetry, receipt).charged(share);
                let batch = batch.with_metadata(metadata);
                return Some(Request { batch, reply: None });
            }
        };
        let queue = Arc::clone(self);
        let held = Receipt::new(move |_| queue.release(size));
        let nothing = Telemetry::empty(batch.signal());
        let metadata = batch.metadata().clone();
        let nothing = Batch::with_receipt(nothing, held).with_metadata(metadata);
        batch.merge(nothing).expect("both are of the queue's signal");
        Some(Request { batch, reply })
    }

    /// What becomes of a stored request whose sending has ended: it is done, or stays where it is.
    fn settle(&self, stored: Stored, outcome: Outcome) {
        if outcome == Outcome::FailedForNow {
            let mut state = self.state.lock();
            state.waiting.push_front(Waiting::Stored(stored));
            drop(state);
            self.changed.notify_waiters();
            return;
        }
        if let Some(store) = &self.store {
            store.done(stored);
        }
        self.release(size_of_stored(&stored));
    }

    /// Puts a request that was being sent back to the front, for the exporter's successor.
    pub(crate) fn give_back(&self, batch: Batch) {
        self.state.lock().waiting.push_front(Waiting::Again(batch));
        self.changed.notify_waiters();
    }

    /// Whether another exporter is attached as well.
    pub(crate) fn has_successor(&self) -> bool {
        self.state.lock().attached > 1
    }

    /// Whether what waits outlives the process.
    pub(crate) fn is_stored(&self) -> bool {
        self.store.is_some()
    }

    /// Takes nothing new. What waits can still be taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// Brings what is stored to the disk itself.
    pub(crate) async fn sync(&self) {
        if let Some(store) = &self.store {
            store.sync().await;
        }
    }

    /// What is in it and being sent.
    pub(crate) fn left(&self) -> Left {
        let state = self.state.lock();
        Left { requests: state.used.requests, items: state.used.items }
    }
}

/// A small survivor must not keep a big buffer.
fn compact(telemetry: &mut Telemetry) {
    if telemetry.pinned_len() > 2 * telemetry.encoded_len() {
        telemetry.compact();
    }
}

fn size_of_stored(stored: &Stored) -> Size {
    Size { requests: 1, items: stored.items(), bytes: stored.bytes(), memory: 0 }
}

fn stopped() -> ConsumeError {
    ConsumeError::retryable("sending queue is stopped")
}

/// Space that was taken for a request which is not in the queue yet.
struct Reserved<'a> {
    queue: &'a Queue,
    size: Size,
}

impl Reserved<'_> {
    fn keep(mut self) {
        self.size = Size::default();
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.size != Size::default() {
            self.queue.release(self.size);
        }
    }
}

/// A stored request that is being read.
struct GiveBack<'a> {
    queue: &'a Queue,
    stored: Option<Stored>,
}

impl GiveBack<'_> {
    fn disarm(mut self) {
        self.stored = None;
    }
}

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if let Some(stored) = self.stored {
            self.queue.state.lock().waiting.push_front(Waiting::Stored(stored));
        }
    }
}
