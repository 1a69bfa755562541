//! A queue: a node of its own between an exporter's input and its consumers.
//!
//! It belongs to the process and outlives the exporter that made it: in a reload the exporter's successor takes a [`Seat`]
//! at the same queue, and what waits there is sent by the new one. A queue in memory holds the requests themselves; one
//! with storage holds only the few that are to be sent next, everything else is on disk.

mod seats;
mod stored;
mod table;

use std::collections::VecDeque;
use std::sync::Arc;

use component::ledger::Entry;
use component::memory::{Lane, MemoryAccount};
use component::{Batch, ComponentId, ConsumeError, Outcome, Signal};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::caller::{Answer, Caller, stopped};
use crate::config::{QueueConfig, Sizer};
use crate::metrics::QueueMetrics;
use crate::queue::seats::Seats;
use crate::request::{Load, Request, Space};

pub(crate) use crate::queue::seats::Seat;
pub(crate) use crate::queue::stored::Disk;
pub(crate) use crate::queue::table::{Key, Queues};

/// How an exporter puts requests in.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    capacity: usize,
    sizer: Sizer,
    block_on_overflow: bool,
    wait_for_result: bool,
    /// The client metadata that a stored request keeps.
    metadata_keys: Vec<String>,
}

impl Intake {
    pub(crate) fn new(config: &QueueConfig) -> Self {
        let batch = config.batch.get();
        Self {
            capacity: config.queue_size.get(),
            sizer: *config.sizer,
            block_on_overflow: config.block_on_overflow,
            wait_for_result: config.wait_for_result,
            metadata_keys: batch
                .map_or_else(Vec::new, |batch| batch.partition.metadata_keys.clone()),
        }
    }
}

/// See the [module](self).
pub(crate) struct Queue {
    id: ComponentId,
    signal: Signal,
    /// The exporter in the ledger.
    entry: Arc<Entry>,
    account: Arc<MemoryAccount>,
    /// Its part of the memory for telemetry.
    lane: Lane,
    state: Mutex<State>,
    /// There may be something to take.
    ready: Notify,
    /// There may be space.
    freed: Notify,
    /// Held by the one caller that waits for space; the others wait for their turn, in order.
    turn: tokio::sync::Mutex<()>,
    seats: watch::Sender<Seats>,
    /// Set when the queue is kept in storage.
    disk: Option<Disk>,
}

#[derive(Default)]
struct State {
    on_disk: bool,
    waiting: VecDeque<Request>,
    /// What is in memory: waiting, or on its way from here.
    memory: Load,
    /// What is on disk and not done.
    stored: Load,
    /// Whether the ledger has what is on disk: it is in flight as long as somebody uses the queue.
    booked: bool,
    /// The numbers and the unit of the exporter that runs.
    metrics: Option<(QueueMetrics, Sizer)>,
}

/// Why there is no space.
enum NoSpace {
    Full,
    TooLarge,
    Stopped,
}

impl From<NoSpace> for ConsumeError {
    fn from(reason: NoSpace) -> Self {
        match reason {
            NoSpace::Full => Self::retryable("sending queue is full"),
            NoSpace::TooLarge => Self::retryable("element size too large"),
            NoSpace::Stopped => stopped(),
        }
    }
}

impl Queue {
    /// An empty queue in memory, or one over what is on disk.
    pub(crate) fn new(
        account: Arc<MemoryAccount>,
        id: ComponentId,
        entry: Arc<Entry>,
        signal: Signal,
        disk: Option<Disk>,
    ) -> Self {
        let stored = disk.as_ref().map_or_else(Load::default, Disk::found);
        Self {
            id,
            signal,
            entry,
            lane: account.lane(),
            account,
            state: Mutex::new(State { on_disk: disk.is_some(), stored, ..State::default() }),
            ready: Notify::new(),
            freed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            seats: watch::Sender::default(),
            disk,
        }
    }

    /// Whether the queue is kept in storage.
    pub(crate) fn is_stored(&self) -> bool {
        self.disk.is_some()
    }

    /// Puts a batch into the queue, and waits for its result if the exporter says so.
    pub(crate) async fn put(self: &Arc<Self>, intake: &Intake, mut batch: Batch) -> Answer {
        batch.compact(&self.account);
        let load = Load::of(batch.telemetry());
        if load.in_unit(intake.sizer) == 0 {
            batch.into_parts().1.resolve(Outcome::Delivered);
            return Ok(());
        }
        if self.disk.is_some() {
            return self.store(intake, batch, load).await;
        }
        if !intake.wait_for_result {
            return self.keep(intake, batch, load, Vec::new()).await;
        }
        let (caller, answer) = Caller::waiting();
        self.keep(intake, batch, load, vec![caller]).await?;
        answer.await?;
        self.entry.out(load.items);
        Ok(())
    }

    /// Puts a batch into memory.
    async fn keep(
        self: &Arc<Self>,
        intake: &Intake,
        batch: Batch,
        load: Load,
        callers: Vec<Caller>,
    ) -> Answer {
        let mut parts = Some((batch, callers));
        self.when_free(intake, || {
            let mut state = self.state.lock();
            self.check_space(&state, intake, load)?;
            let Some((batch, callers)) = parts.take() else { return Ok(()) };
            state.memory += load;
            state.show();
            let space = Space::of(Arc::clone(self), load);
            state.waiting.push_back(Request { batch, space, callers });
            Ok(())
        })
        .await?;
        self.ready.notify_one();
        Ok(())
    }

    /// Tries to take space, now or, if the exporter lets callers wait, as soon as there is some.
    async fn when_free(
        &self,
        intake: &Intake,
        mut take: impl FnMut() -> Result<(), NoSpace>,
    ) -> Answer {
        if !intake.block_on_overflow {
            return Ok(take()?);
        }
        let _turn = self.turn.lock().await;
        loop {
            match take() {
                Err(NoSpace::Full) => self.freed.notified().await,
                answer => return Ok(answer?),
            }
        }
    }

    fn check_space(&self, state: &State, intake: &Intake, load: Load) -> Result<(), NoSpace> {
        if self.seats.borrow().open == 0 {
            return Err(NoSpace::Stopped);
        }
        let size = load.in_unit(intake.sizer);
        if size > intake.capacity {
            return Err(NoSpace::TooLarge);
        }
        let held = state.held();
        let fits = held.in_unit(intake.sizer).saturating_add(size) <= intake.capacity;
        // An empty queue takes a request of any size, so that draining never starves.
        let has_room = self.is_stored()
            || state.memory.requests == 0
            || state.memory.pinned + load.pinned <= self.lane.part();
        if fits && has_room { Ok(()) } else { Err(NoSpace::Full) }
    }

    /// The ledger's entry for what becomes of a request, unless that is counted elsewhere: what is stored when it leaves the
    /// disk, and what somebody waits for by the answer.
    pub(crate) fn book_of(&self, request: &Request) -> Option<&Entry> {
        let elsewhere = self.is_stored() || !request.callers.is_empty();
        (!elsewhere).then_some(&*self.entry)
    }

    /// Drops a request that nobody will send.
    pub(crate) fn abandon(&self, request: Request) {
        if let Some(book) = self.book_of(&request) {
            book.dropped("shutdown", request.batch.item_count());
        }
    }

    /// The request that waits longest, as soon as there is one. A caller that is cancelled takes nothing with it.
    pub(crate) async fn next(self: &Arc<Self>) -> Request {
        loop {
            if let Some(request) = self.try_next() {
                return request;
            }
            if !self.refill().await {
                self.ready.notified().await;
            }
        }
    }

    /// The request that waits longest, if there is one in memory.
    pub(crate) fn try_next(&self) -> Option<Request> {
        let mut state = self.state.lock();
        let request = state.waiting.pop_front()?;
        if !state.waiting.is_empty() {
            // Somebody else may take it.
            self.ready.notify_one();
        }
        Some(request)
    }

    /// Takes a request back that was not sent, before all others.
    pub(crate) fn put_back(&self, request: Request) {
        if self.is_stored() {
            // It is on disk; its receipt tells the queue that it is to be read again.
            drop(request);
            return;
        }
        self.state.lock().waiting.push_front(request);
        self.ready.notify_one();
    }

    /// Shows the fill level and the capacity of the exporter that runs.
    pub(crate) fn show(&self, intake: &Intake, metrics: QueueMetrics) {
        metrics.capacity.set(intake.capacity);
        let mut state = self.state.lock();
        state.metrics = Some((metrics, intake.sizer));
        state.show();
    }

    /// Gives space back, for [`Space`].
    pub(crate) fn release(&self, load: Load) {
        if load == Load::default() {
            return;
        }
        let mut state = self.state.lock();
        state.memory -= load;
        state.show();
        drop(state);
        match self.is_stored() {
            true => self.ready.notify_one(),
            false => self.freed.notify_one(),
        }
    }
}

impl State {
    /// What counts for the size of the queue.
    fn held(&self) -> Load {
        if self.on_disk { self.stored } else { self.memory }
    }

    fn show(&self) {
        if let Some((metrics, sizer)) = &self.metrics {
            metrics.size.set(self.held().in_unit(*sizer));
        }
    }
}
