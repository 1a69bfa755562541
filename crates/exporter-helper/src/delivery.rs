//! The way of one request from the queue to its end.

use std::sync::Arc;

use component::{CancellationToken, Outcome};
use pdata::Telemetry;

use crate::caller::{Caller, repeat};
use crate::queue::Queue;
use crate::report::Report;
use crate::request::Request;
use crate::sender::{Sender, Sent, Unsent};

/// What the consumers of a queue share.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) sender: Arc<Sender>,
    pub(crate) report: Arc<Report>,
    pub(crate) queue: Arc<Queue>,
    /// Cancelled when nobody but a successor that already runs is expected any more.
    pub(crate) draining: CancellationToken,
}

impl Delivery {
    /// Sends a request, in parts if it has to be, and tells everybody who waits for it. A request whose callers have all
    /// gone away goes with them.
    ///
    /// Dropping the future puts what was not sent back into the queue if somebody else will send it from there.
    pub(crate) async fn deliver(self, request: Request) {
        let mut under_way = UnderWay { delivery: self, parts: vec![request] };
        while let Some(request) = under_way.parts.last_mut() {
            let book = under_way.delivery.queue.book_of(request);
            let Request { batch, callers, .. } = request;
            let sent = tokio::select! {
                biased;
                () = Caller::all_gone(callers) => None,
                sent = under_way.delivery.sender.send(batch.telemetry_mut(), book) => Some(sent),
            };
            let Some(request) = under_way.parts.pop() else { return };
            match sent {
                // Nobody wants it any more.
                None => drop(request),
                Some(Sent::Delivered) => succeed(request),
                Some(Sent::GivenUp(unsent)) => {
                    let failed = &under_way.delivery.sender.metrics.send_failed;
                    failed.add(unsent.items, &unsent.error);
                    under_way.delivery.fail(request, &unsent);
                }
                Some(Sent::Interrupted(unsent)) => under_way.delivery.leave(request, &unsent),
                Some(Sent::TooLarge) => {
                    let (front, back) = request.split(front_half);
                    under_way.parts.extend([back, front]);
                }
            }
        }
    }

    /// Whether what is not sent when the exporter stops is kept for later: on disk, or by a successor.
    pub(crate) fn leaves_rest(&self) -> bool {
        // In this order: who runs is asked last, because it is decided when draining begins.
        self.queue.is_stored()
            || (!self.draining.is_cancelled() && self.queue.expects_successor())
            || self.queue.has_successor()
    }

    fn leave(&self, request: Request, unsent: &Unsent) {
        match self.leaves_rest() {
            true => self.queue.put_back(request),
            false => {
                self.sender.metrics.send_failed.add_at_shutdown(unsent.items);
                self.fail(request, unsent);
            }
        }
    }

    fn fail(&self, request: Request, unsent: &Unsent) {
        if let Some(book) = self.queue.book_of(&request) {
            book.dropped("send failed", unsent.items);
        }
        let Request { batch, space, callers } = request;
        drop(space);
        self.report.dropped(unsent);
        batch.into_parts().1.resolve(self.outcome_of(unsent));
        callers.into_iter().for_each(|caller| caller.tell(Some(repeat(&unsent.error))));
    }

    /// What the sources of a request are told that is given up. The source of a stored request is the storage, which has
    /// nobody to pass it on to.
    fn outcome_of(&self, unsent: &Unsent) -> Outcome {
        match unsent.error.is_permanent() || self.queue.is_stored() {
            true => Outcome::FailedForGood,
            false => Outcome::FailedForNow,
        }
    }
}

fn succeed(request: Request) {
    let Request { batch, space, callers } = request;
    drop(space);
    batch.into_parts().1.resolve(Outcome::Delivered);
    callers.into_iter().for_each(|caller| caller.tell(None));
}

/// The first half of telemetry that has at least two items. The second stays.
pub(crate) fn front_half(telemetry: &mut Telemetry) -> Telemetry {
    telemetry.split_off_front(telemetry.item_count() / 2)
}

/// What is left of a request, last part first.
struct UnderWay {
    delivery: Delivery,
    parts: Vec<Request>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let queue = &self.delivery.queue;
        match self.delivery.leaves_rest() {
            true => self.parts.drain(..).for_each(|request| queue.put_back(request)),
            false => self.parts.drain(..).for_each(|request| queue.abandon(request)),
        }
    }
}
