//! What waits in a queue, and travels from there to the destination.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use component::Batch;
use pdata::Telemetry;

use crate::caller::Caller;
use crate::config::Sizer;
use crate::queue::Queue;

/// How much something is, in every unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) items: usize,
    /// Encoded.
    pub(crate) bytes: usize,
    /// Bytes of memory that are kept alive.
    pub(crate) pinned: usize,
}

impl Load {
    /// The load of one request.
    pub(crate) fn of(telemetry: &Telemetry) -> Self {
        Self { requests: 1, ..Self::of_part(telemetry) }
    }

    /// The load of a part of a request, which is none itself.
    fn of_part(telemetry: &Telemetry) -> Self {
        Self {
            requests: 0,
            items: telemetry.item_count(),
            bytes: telemetry.encoded_len(),
            pinned: telemetry.pinned_len(),
        }
    }

    pub(crate) fn in_unit(&self, sizer: Sizer) -> usize {
        match sizer {
            Sizer::Requests => self.requests,
            Sizer::Items => self.items,
            Sizer::Bytes => self.bytes,
        }
    }

    /// Takes off as much of the other as there is, and gives that.
    fn take(&mut self, wanted: Self) -> Self {
        let taken = Self {
            requests: self.requests.min(wanted.requests),
            items: self.items.min(wanted.items),
            bytes: self.bytes.min(wanted.bytes),
            pinned: self.pinned.min(wanted.pinned),
        };
        *self -= taken;
        taken
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.items += other.items;
        self.bytes += other.bytes;
        self.pinned += other.pinned;
    }
}

impl SubAssign for Load {
    fn sub_assign(&mut self, other: Self) {
        self.requests -= other.requests;
        self.items -= other.items;
        self.bytes -= other.bytes;
        self.pinned -= other.pinned;
    }
}

/// The space in a queue that something takes, until this is dropped.
pub(crate) struct Space {
    queue: Arc<Queue>,
    load: Load,
}

impl Space {
    /// For the queue: space that it has counted.
    pub(crate) fn of(queue: Arc<Queue>, load: Load) -> Self {
        Self { queue, load }
    }

    /// The memory that is kept alive for it.
    pub(crate) fn pinned(&self) -> usize {
        self.load.pinned
    }

    fn merge(&mut self, mut other: Self) {
        self.load += std::mem::take(&mut other.load);
    }

    fn split(&mut self, part: Load) -> Self {
        Self { queue: Arc::clone(&self.queue), load: self.load.take(part) }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.queue.release(self.load);
    }
}

/// A request: telemetry with all that depends on it.
pub(crate) struct Request {
    pub(crate) batch: Batch,
    /// Given back before the receipts speak, so that whoever hears of them finds the space free.
    pub(crate) space: Space,
    /// Those who wait for the result as their answer.
    pub(crate) callers: Vec<Caller>,
}

impl Request {
    /// Appends another request of the same signal.
    pub(crate) fn merge(&mut self, other: Self) {
        let Self { batch, space, mut callers } = other;
        self.batch.merge(batch).expect("a queue carries one signal");
        self.space.merge(space);
        self.callers.append(&mut callers);
    }

    /// Cuts the request in two: `cut` takes the front off the telemetry.
    pub(crate) fn split(self, cut: impl FnOnce(&mut Telemetry) -> Telemetry) -> (Self, Self) {
        let Self { batch, mut space, callers } = self;
        let (mut telemetry, attached) = batch.into_parts();
        let front = cut(&mut telemetry);
        let front_space = space.split(Load::of_part(&front));
        let front_callers = callers.iter().map(Caller::part).collect();
        let whole = Batch::from_parts(Telemetry::empty(telemetry.signal()), attached);
        let mut parts = whole.split(vec![front, telemetry]).into_iter();
        let mut part = || parts.next().expect("a split gives as many batches as parts");
        (
            Self { batch: part(), space: front_space, callers: front_callers },
            Self { batch: part(), space, callers },
        )
    }
}
