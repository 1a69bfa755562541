//! Who uses a queue: the exporter that has it, and in a reload its successor, too.

use std::sync::Arc;

use tracing::{info, warn};

use crate::queue::Queue;

/// How many exporters use a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seats {
    /// All.
    attached: usize,
    /// Those that were not told to stop. Without any, nothing is taken in.
    pub(super) open: usize,
    /// Those of them that send.
    running: usize,
}

/// An exporter's claim to a queue. Dropping it gives the claim up; with the last one go the requests in memory.
pub(crate) struct Seat {
    queue: Arc<Queue>,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Claimed,
    Running,
    Leaving,
}

impl Seat {
    /// A claim to the queue by an exporter that doesn't run yet.
    pub(crate) fn at(queue: Arc<Queue>) -> Self {
        queue.book_stored();
        queue.seats.send_modify(|seats| {
            seats.attached += 1;
            seats.open += 1;
        });
        Self { queue, phase: Phase::Claimed }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The exporter sends from here on.
    pub(crate) fn run(&mut self) {
        if self.phase == Phase::Claimed {
            self.phase = Phase::Running;
            self.queue.seats.send_modify(|seats| seats.running += 1);
        }
    }

    /// The exporter was told to stop.
    pub(crate) fn leave(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Leaving);
        self.queue.seats.send_modify(|seats| {
            seats.open -= usize::from(phase != Phase::Leaving);
            seats.running -= usize::from(phase == Phase::Running);
        });
        // Callers that wait for space learn that there will be none, or go on at the successor's.
        self.queue.freed.notify_one();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
        self.queue.seats.send_modify(|seats| seats.attached -= 1);
        self.queue.clear_if_deserted();
    }
}

impl Queue {
    /// Whether another exporter sends what is left here.
    pub(crate) fn has_successor(&self) -> bool {
        self.seats.borrow().running > 0
    }

    /// Whether another exporter sends what is left here, or has claimed that it will.
    pub(crate) fn expects_successor(&self) -> bool {
        self.seats.borrow().open > 0
    }

    /// Waits until another exporter sends what is left here.
    pub(crate) async fn successor(&self) {
        self.seats_are(|seats| seats.running > 0).await;
    }

    /// Waits until whoever has claimed the queue sends or is gone.
    pub(crate) async fn successor_decided(&self) {
        self.seats_are(|seats| seats.running > 0 || seats.open == 0).await;
    }

    async fn seats_are(&self, wanted: impl FnMut(&Seats) -> bool) {
        let mut seats = self.seats.subscribe();
        // The sender lives as long as self.
        drop(seats.wait_for(wanted).await);
    }

    /// Whether nobody uses the queue any more.
    pub(super) fn is_deserted(&self) -> bool {
        self.seats.borrow().attached == 0
    }

    /// Counts what is on disk as in flight.
    fn book_stored(&self) {
        let mut state = self.state.lock();
        if self.is_stored() && !std::mem::replace(&mut state.booked, true) {
            self.entry.created("restored", state.stored.items);
        }
    }

    /// Drops what is in memory when nobody uses the queue any more. Its sources are told that it failed for now.
    fn clear_if_deserted(&self) {
        let mut state = self.state.lock();
        if !self.is_deserted() {
            return;
        }
        let waiting = std::mem::take(&mut state.waiting);
        let left = state.held();
        if std::mem::take(&mut state.booked) {
            self.entry.dropped("left in storage", left.items);
        }
        drop(state);
        let (exporter, signal) = (&self.id, self.signal);
        let (requests, items) = (left.requests, left.items);
        if requests > 0 && self.is_stored() {
            info!(%exporter, %signal, requests, items, "requests of the sending queue stay in storage");
        } else if requests > 0 {
            warn!(%exporter, %signal, requests, items, "stopped before the sending queue was empty, its data is lost");
        }
        waiting.into_iter().for_each(|request| self.abandon(request));
    }
}
