//! What becomes of receipts on their way through the engine's plumbing.

use std::sync::mpsc;

use component::meter::{Instruments, Meter, PROCESSOR_DURATION};
use component::{Kind, Outcome, Receipt, Telemetry};
use parking_lot::Mutex;
use pdata::Logs;

use super::*;

/// Keeps the records whose number is below this.
struct Below(i64);

impl Transform for Below {
    fn transform(&self, telemetry: &mut Telemetry) -> Result<(), ConsumeError> {
        let Telemetry::Logs(logs) = telemetry else { panic!("{telemetry:?}") };
        logs.retain_log_records(|_, _, record| {
            record.attributes().get("n").and_then(|value| value.as_int()) < Some(self.0)
        });
        Ok(())
    }
}

/// What the component behind the processor does.
#[derive(Clone, Copy)]
enum Behaviour {
    Tell(Outcome),
    Refuse,
    Panic,
    Hang,
}

/// A component that takes batches, and remembers how many items they had.
struct End {
    behaviour: Behaviour,
    taken: Mutex<Vec<usize>>,
}

impl End {
    fn new(behaviour: Behaviour) -> Arc<Self> {
        Arc::new(Self { behaviour, taken: Mutex::default() })
    }
}

#[async_trait]
impl Consumer for End {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        self.taken.lock().push(batch.item_count());
        match self.behaviour {
            Behaviour::Tell(outcome) => {
                batch.into_parts().1.resolve(outcome);
                Ok(())
            }
            Behaviour::Refuse => Err(ConsumeError::retryable("full")),
            Behaviour::Panic => panic!("broken"),
            Behaviour::Hang => std::future::pending().await,
        }
    }
}

fn guard(kind: Kind, id: &'static str) -> Guard {
    let name = Name::whole(kind, &ComponentId::new(id));
    Guard { name: Arc::new(name), watch: Watch::default() }
}

/// A filter before everything that is to happen behind it.
fn filter(keep_below: i64, behind: &[Behaviour]) -> (Slot, Vec<Arc<End>>, Arc<Entry>) {
    let ends: Vec<_> = behind.iter().map(|behaviour| End::new(*behaviour)).collect();
    let edges = ends.iter().map(|end| {
        let end: Arc<dyn Consumer> = Arc::clone(end) as _;
        Edge::into(guard(Kind::Exporter, "out"), end, Arc::default(), Accepted::Inside)
    });
    let entry = Arc::new(Entry::default());
    let next = Exit::of(Arc::clone(&entry), FanOut::over(edges.collect()), Origin::Pipeline);
    let (guard, transform) = (guard(Kind::Processor, "filter"), Arc::new(Below(keep_below)));
    let duration = Meter::default().histogram(&PROCESSOR_DURATION);
    let edge =
        TransformEdge::around(guard, transform, Slot::to(next), Arc::clone(&entry), duration);
    (Slot::to(edge), ends, entry)
}

/// Four records with the numbers 0 to 3.
fn records() -> Telemetry {
    let record = |n| format!(r#"{{"attributes":[{{"key":"n","value":{{"intValue":"{n}"}}}}]}}"#);
    let records: Vec<_> = (0..4).map(record).collect();
    let json = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#,
        records.join(",")
    );
    Logs::from_json(json.as_bytes()).unwrap().into()
}

/// A batch, and everything that its source is told.
fn tracked() -> (Batch, mpsc::Receiver<Outcome>) {
    let (told, heard) = mpsc::sync_channel(8);
    let receipt = Receipt::new(move |outcome| told.send(outcome).unwrap());
    (Batch::with_receipt(records(), receipt), heard)
}

/// What a source hears of a batch that goes through a filter, what its caller is answered, and how many items came to each
/// of those behind.
async fn outcome(keep_below: i64, behind: &[Behaviour]) -> (Vec<Outcome>, bool, Vec<Vec<usize>>) {
    let (slot, ends, entry) = filter(keep_below, behind);
    let (batch, heard) = tracked();
    let answer = slot.consume(batch).await;
    assert_eq!(entry.in_flight(), 0);
    drop(slot);
    let taken = ends.iter().map(|end| end.taken.lock().clone()).collect();
    (heard.try_iter().collect(), answer.is_ok(), taken)
}

#[tokio::test]
async fn what_is_filtered_out_is_dropped_and_what_stays_speaks_for_the_rest() {
    use Behaviour::Tell;
    use Outcome::{Delivered, Dropped, FailedForGood, FailedForNow};
    for (keep, behind, told, taken) in [
        (4, Delivered, Delivered, vec![vec![4]]),
        (2, Delivered, Delivered, vec![vec![2]]),
        (2, FailedForGood, FailedForGood, vec![vec![2]]),
        (2, FailedForNow, FailedForNow, vec![vec![2]]),
        (0, Delivered, Dropped, vec![vec![]]),
    ] {
        let seen = outcome(keep, &[Tell(behind)]).await;
        assert_eq!(seen, (vec![told], true, taken), "{keep} {behind:?}");
    }
}

#[tokio::test]
async fn who_is_answered_with_an_error_hears_nothing_more() {
    for behaviour in [Behaviour::Refuse, Behaviour::Panic] {
        let (told, is_taken, taken) = outcome(2, &[behaviour]).await;
        assert_eq!((told, is_taken, taken), (vec![], false, vec![vec![2]]));
    }
}

#[tokio::test]
async fn of_two_behind_a_filter_each_is_asked_and_a_failure_is_the_answer() {
    let told = |outcome| Behaviour::Tell(outcome);
    let (heard, is_taken, taken) = outcome(3, &[Behaviour::Refuse, told(Outcome::Delivered)]).await;
    assert_eq!((heard, is_taken, taken), (vec![], false, vec![vec![3], vec![3]]));
    let later = [told(Outcome::FailedForGood), told(Outcome::Delivered)];
    let (heard, is_taken, _) = outcome(3, &later).await;
    assert_eq!((heard, is_taken), (vec![Outcome::FailedForGood], true), "the worst, and once");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_behind_a_filter_is_told_that_it_failed_for_now() {
    let (slot, _, entry) = filter(2, &[Behaviour::Hang]);
    let (batch, heard) = tracked();
    let limit = std::time::Duration::from_secs(1);
    tokio::time::timeout(limit, slot.consume(batch)).await.unwrap_err();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Outcome::FailedForNow]);
    let numbers = entry.numbers();
    assert_eq!((entry.in_flight(), numbers.refused, numbers.out), (0, 4, 0));
}

#[tokio::test]
async fn how_long_a_processor_computes_is_measured_without_those_behind_it() {
    let instruments = Arc::new(Instruments::default());
    let duration = Meter::new(Arc::clone(&instruments)).histogram(&PROCESSOR_DURATION);
    let end = End::new(Behaviour::Tell(Outcome::Delivered));
    let edge = TransformEdge::around(
        guard(Kind::Processor, "filter"),
        Arc::new(Below(2)),
        Slot::to(end),
        Arc::default(),
        duration.clone(),
    );
    edge.consume(tracked().0).await.unwrap();
    edge.consume(tracked().0).await.unwrap();
    assert_eq!(duration.get().count(), 2);
}
