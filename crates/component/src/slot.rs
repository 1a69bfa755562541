//! The engine's pointers between components.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use parking_lot::Mutex;
use pdata::Telemetry;

use crate::attached::Attached;
use crate::batch::Batch;
use crate::consumer::Consumer;
use crate::error::ConsumeError;
use crate::receipt::{Outcome, Receipt, Receipts};

/// Where a component sends its data: a pointer that the engine sets and may turn to another consumer at any time.
///
/// Clones point to the same place. A call that has begun ends at the consumer where it began.
#[derive(Clone, Default)]
pub struct Slot {
    target: Arc<ArcSwapOption<Target>>,
}

/// A sized box, because an atomic pointer holds one word.
struct Target(Arc<dyn Consumer>);

/// The answer to [`Slot::offer`] when the batch was not taken: why, and what travelled with it, for which the caller
/// answers again.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: ConsumeError,
    /// The receipts of the batch, unresolved, and its shares of the memory account.
    pub attached: Attached,
}

impl Slot {
    /// A slot that points to `consumer`.
    pub fn to(consumer: Arc<dyn Consumer>) -> Self {
        let slot = Self::default();
        slot.point_to(consumer);
        slot
    }

    /// Turns the slot to another consumer. Calls under way end where they began.
    pub fn point_to(&self, consumer: Arc<dyn Consumer>) {
        self.target.store(Some(Arc::new(Target(consumer))));
    }

    /// Hands a batch on, for callers that hold receipts of others: a batcher, a queue. On refusal they get them back.
    ///
    /// # Errors
    ///
    /// The next consumer's error, with what travelled with the batch.
    pub async fn offer(&self, batch: Batch) -> Result<(), Refused> {
        let (telemetry, attached) = batch.into_parts();
        let copy = attached.without_receipts();
        match self.hand_over(telemetry, attached).await {
            Ok(()) => Ok(()),
            Err((error, receipts)) => {
                Err(Refused { error, attached: copy.with_receipts(receipts) })
            }
        }
    }

    async fn hand_over(
        &self,
        telemetry: Telemetry,
        mut attached: Attached,
    ) -> Result<(), (ConsumeError, Receipts)> {
        if !attached.is_tracked() {
            let call = self.call(Batch::from_parts(telemetry, attached));
            return call.await.map_err(|error| (error, Receipts::none()));
        }
        let (handover, receipt) = Handover::begin(std::mem::take(&mut attached.receipts));
        attached.receipts = receipt.into();
        match self.call(Batch::from_parts(telemetry, attached)).await {
            Ok(()) => {
                handover.taken();
                Ok(())
            }
            Err(error) => Err((error, handover.take_back())),
        }
    }

    async fn call(&self, batch: Batch) -> Result<(), ConsumeError> {
        match self.target.load_full() {
            Some(target) => target.0.consume(batch).await,
            None => Err(ConsumeError::retryable("pipeline is not running")),
        }
    }
}

#[async_trait]
impl Consumer for Slot {
    /// Hands a batch on. On `Err` its receipts are disarmed: the caller has the answer and decides.
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let (telemetry, attached) = batch.into_parts();
        self.hand_over(telemetry, attached).await.map_err(|(error, receipts)| {
            receipts.disarm();
            error
        })
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.target.load().is_some() { "Slot(set)" } else { "Slot(empty)" };
        f.write_str(state)
    }
}

/// Keeps the caller's receipts until it is known who answers for the batch.
///
/// The callee gets a receipt of its own. What it reports counts only after its `Ok`: whichever comes second, the answer
/// or the outcome, settles the matter. A caller that is cancelled while it waits drops the receipts, which tells their
/// sources [`Outcome::FailedForNow`].
struct Handover {
    state: Arc<Mutex<State>>,
}

enum State {
    /// The callee has neither answered nor resolved its receipt.
    Open(Receipts),
    /// The callee has resolved its receipt before it answered.
    Early(Receipts, Outcome),
    /// The callee has answered `Ok`.
    Taken(Receipts),
    /// Nothing more is to be said.
    Settled,
}

impl Handover {
    fn begin(receipts: Receipts) -> (Self, Receipt) {
        let state = Arc::new(Mutex::new(State::Open(receipts)));
        let resolved = Arc::clone(&state);
        let receipt = Receipt::new(move |outcome| {
            let mut state = resolved.lock();
            let settle = match std::mem::replace(&mut *state, State::Settled) {
                State::Open(receipts) => {
                    *state = State::Early(receipts, outcome);
                    None
                }
                State::Taken(receipts) => Some(receipts),
                State::Early(..) | State::Settled => None,
            };
            drop(state);
            if let Some(receipts) = settle {
                receipts.resolve(outcome);
            }
        });
        (Self { state }, receipt)
    }

    fn taken(self) {
        let mut state = self.state.lock();
        let settle = match std::mem::replace(&mut *state, State::Settled) {
            State::Open(receipts) => {
                *state = State::Taken(receipts);
                None
            }
            State::Early(receipts, outcome) => Some((receipts, outcome)),
            State::Taken(_) | State::Settled => None,
        };
        drop(state);
        if let Some((receipts, outcome)) = settle {
            receipts.resolve(outcome);
        }
    }

    fn take_back(self) -> Receipts {
        match std::mem::replace(&mut *self.state.lock(), State::Settled) {
            State::Open(receipts) | State::Early(receipts, _) | State::Taken(receipts) => receipts,
            State::Settled => Receipts::none(),
        }
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        // Neither taken nor given back: the caller was cancelled while it waited.
        if matches!(*state, State::Open(_) | State::Early(..)) {
            let abandoned = std::mem::replace(&mut *state, State::Settled);
            drop(state);
            drop(abandoned);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use pdata::Logs;

    use super::*;

    /// What a callee does with its batch.
    enum Behaviour {
        /// Takes it and says nothing of it.
        Keep,
        /// Resolves its receipts and then answers.
        Resolve(Outcome, Result<(), ConsumeError>),
        /// Drops it unresolved and answers with an error.
        Refuse,
        /// Never answers.
        Hang,
        Panic,
    }

    struct Callee {
        behaviour: Mutex<Option<Behaviour>>,
        kept: Mutex<Vec<Batch>>,
    }

    impl Callee {
        fn slot(behaviour: Behaviour) -> (Slot, Arc<Self>) {
            let callee = Self { behaviour: Mutex::new(Some(behaviour)), kept: Mutex::default() };
            let callee = Arc::new(callee);
            (Slot::to(Arc::clone(&callee) as Arc<dyn Consumer>), callee)
        }
    }

    #[async_trait]
    impl Consumer for Callee {
        async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
            let behaviour = self.behaviour.lock().take().expect("called once");
            match behaviour {
                Behaviour::Keep => {
                    self.kept.lock().push(batch);
                    Ok(())
                }
                Behaviour::Resolve(outcome, answer) => {
                    batch.into_parts().1.resolve(outcome);
                    answer
                }
                Behaviour::Refuse => Err(ConsumeError::retryable("full")),
                Behaviour::Hang => std::future::pending().await,
                Behaviour::Panic => panic!("broken"),
            }
        }
    }

    fn tracked() -> (Batch, mpsc::Receiver<Outcome>) {
        let (told, heard) = mpsc::sync_channel(8);
        let receipt = Receipt::new(move |outcome| told.send(outcome).unwrap());
        (Batch::with_receipt(Telemetry::from(Logs::default()), receipt), heard)
    }

    fn heard(heard: &mpsc::Receiver<Outcome>) -> Vec<Outcome> {
        heard.try_iter().collect()
    }

    #[tokio::test]
    async fn after_ok_only_the_receipt_speaks() {
        let (slot, callee) = Callee::slot(Behaviour::Keep);
        let (batch, source) = tracked();
        slot.consume(batch).await.unwrap();
        assert_eq!(heard(&source), []);
        let kept = callee.kept.lock().pop().unwrap();
        kept.into_parts().1.resolve(Outcome::Delivered);
        assert_eq!(heard(&source), [Outcome::Delivered]);
    }

    #[tokio::test]
    async fn an_outcome_before_the_answer_counts_after_it() {
        let (slot, _callee) = Callee::slot(Behaviour::Resolve(Outcome::Dropped, Ok(())));
        let (batch, source) = tracked();
        slot.consume(batch).await.unwrap();
        assert_eq!(heard(&source), [Outcome::Dropped]);
    }

    #[tokio::test]
    async fn a_refusal_gives_the_receipts_back_whatever_the_callee_did_with_its_own() {
        let refusal = || Err(ConsumeError::permanent("bad"));
        for behaviour in [Behaviour::Refuse, Behaviour::Resolve(Outcome::Delivered, refusal())] {
            let (slot, _callee) = Callee::slot(behaviour);
            let (batch, source) = tracked();
            let refused = slot.offer(batch).await.unwrap_err();
            assert_eq!(heard(&source), [], "the caller decides");
            refused.attached.resolve(Outcome::FailedForGood);
            assert_eq!(heard(&source), [Outcome::FailedForGood]);
        }
    }

    #[tokio::test]
    async fn a_source_that_gets_an_error_hears_nothing_more() {
        let (slot, _callee) = Callee::slot(Behaviour::Refuse);
        let (batch, source) = tracked();
        slot.consume(batch).await.unwrap_err();
        assert_eq!(heard(&source), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_call_is_failed_for_now() {
        let (slot, _callee) = Callee::slot(Behaviour::Hang);
        let (batch, source) = tracked();
        let call = tokio::time::timeout(std::time::Duration::from_secs(1), slot.consume(batch));
        call.await.unwrap_err();
        assert_eq!(heard(&source), [Outcome::FailedForNow]);
    }

    #[tokio::test]
    async fn a_panic_is_failed_for_now() {
        let (slot, _callee) = Callee::slot(Behaviour::Panic);
        let (batch, source) = tracked();
        crate::contain(slot.consume(batch)).await.unwrap_err();
        assert_eq!(heard(&source), [Outcome::FailedForNow]);
    }

    #[tokio::test]
    async fn a_fan_out_is_heard_of_when_both_ways_are_resolved() {
        let (batch, source) = tracked();
        let mut ways = batch.fan_out(2);
        let (first, second) = (ways.remove(0), ways.remove(0));
        first.into_parts().1.resolve(Outcome::Delivered);
        assert_eq!(heard(&source), []);
        second.into_parts().1.resolve(Outcome::FailedForNow);
        assert_eq!(heard(&source), [Outcome::FailedForNow]);
    }

    #[tokio::test]
    async fn an_empty_slot_refuses_for_now() {
        let error = Slot::default().consume(tracked().0).await.unwrap_err();
        assert!(!error.is_permanent());
    }
}
