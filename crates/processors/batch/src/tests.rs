use std::time::Duration;

use component::{Batch, ClientMetadata, ConsumeError, Outcome, Signal};
use pdata::Telemetry;
use testkit::{Running, gauge_points, log_records, spans, tracked};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::Factory;

fn sizes(taken: &[Telemetry]) -> Vec<usize> {
    taken.iter().map(Telemetry::item_count).collect()
}

fn batch(yaml: &str) -> Running {
    testkit::processor(Factory, yaml)
}

#[tokio::test(start_paused = true)]
async fn small_batches_are_gathered_until_their_time_is_up() {
    let batch = batch("{ timeout: 3s }");
    let began = Instant::now();
    batch.consume(log_records(2)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    batch.consume(log_records(3)).await.unwrap();
    assert_eq!(sizes(&batch.output().items(5).await), [5]);
    assert_eq!(began.elapsed(), Duration::from_secs(3));

    batch.consume(log_records(1)).await.unwrap();
    batch.output().items(6).await;
    assert_eq!(began.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn without_a_largest_size_everything_goes_when_there_is_enough() {
    let batch = batch("{ timeout: 1h, send_batch_size: 10 }");
    let began = Instant::now();
    batch.consume(spans(9)).await.unwrap();
    batch.consume(spans(6)).await.unwrap();
    assert_eq!(sizes(&batch.output().items(15).await), [15]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn large_batches_are_cut_and_the_rest_waits() {
    let batch = batch("{ timeout: 1s, send_batch_size: 4, send_batch_max_size: 5 }");
    batch.consume(gauge_points(2)).await.unwrap();
    batch.consume(gauge_points(11)).await.unwrap();
    assert_eq!(sizes(&batch.output().items(10).await), [5, 5]);
    assert_eq!(sizes(&batch.output().items(13).await), [5, 5, 3]);
}

#[tokio::test(start_paused = true)]
async fn cutting_keeps_the_order() {
    let batch = batch("{ timeout: 1s, send_batch_size: 3, send_batch_max_size: 3 }");
    batch.consume(log_records(2)).await.unwrap();
    batch.consume(log_records(5)).await.unwrap();
    let bodies: Vec<String> = batch.output().items(7).await.iter().flat_map(bodies).collect();
    let expected = ["0", "1", "0", "1", "2", "3", "4"].map(|at| format!("record {at}"));
    assert_eq!(bodies, expected);
}

/// The bodies of log records, in order.
fn bodies(telemetry: &Telemetry) -> Vec<String> {
    let Telemetry::Logs(logs) = telemetry else { panic!("these are logs") };
    let scopes = logs.resources().flat_map(|resource| resource.scopes());
    let records = scopes.flat_map(|scope| scope.log_records());
    records.map(|record| record.body().as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn without_time_or_size_everything_goes_at_once() {
    for yaml in [
        "{ timeout: 0s, send_batch_max_size: 3, send_batch_size: 2 }",
        "{ send_batch_size: 0, send_batch_max_size: 3 }",
    ] {
        let batch = batch(yaml);
        let began = Instant::now();
        batch.consume(log_records(1)).await.unwrap();
        batch.consume(log_records(4)).await.unwrap();
        assert_eq!(sizes(&batch.output().items(5).await), [1, 3, 1], "{yaml}");
        assert_eq!(began.elapsed(), Duration::ZERO, "{yaml}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_source_hears_of_its_own_data_and_no_other() {
    let batch = batch("{ timeout: 1s, send_batch_size: 4, send_batch_max_size: 4 }");
    batch.output().hold();
    let (first, first_heard) = tracked(log_records(4));
    let (second, second_heard) = tracked(log_records(2));
    batch.offer(first).await.unwrap();
    batch.output().calls(1).await;
    batch.output().release();
    assert_eq!(first_heard.outcome().await, Some(Outcome::Delivered));

    batch.output().refuse(|| ConsumeError::permanent("no"));
    batch.offer(second).await.unwrap();
    assert_eq!(second_heard.now(), None, "it was only admitted");
    assert_eq!(second_heard.outcome().await, Some(Outcome::FailedForGood));

    batch.output().refuse(|| ConsumeError::retryable("later"));
    let (third, third_heard) = tracked(log_records(1));
    batch.offer(third).await.unwrap();
    batch.output().calls(5).await;
    batch.stop().await.unwrap();
    assert_eq!(third_heard.outcome().await, Some(Outcome::FailedForNow), "given up at the end");
}

#[tokio::test(start_paused = true)]
async fn what_the_next_consumer_has_no_room_for_is_held_and_offered_again() {
    let batch = batch("{ timeout: 0s }");
    let (held, heard) = tracked(log_records(2));
    batch
        .output()
        .refuse(|| ConsumeError::retryable("full").with_retry_after(Duration::from_secs(3)));
    let began = Instant::now();
    batch.offer(held).await.unwrap();
    batch.output().calls(2).await;
    assert_eq!(began.elapsed(), Duration::from_secs(3), "no sooner than asked for");
    assert_eq!(heard.now(), None);
    batch.output().accept();
    assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
    assert_eq!(sizes(&batch.output().taken()), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_data_was_cut_hears_the_worst_of_its_parts() {
    let batch = batch("{ timeout: 1s, send_batch_size: 3, send_batch_max_size: 3 }");
    let (cut, cut_heard) = tracked(log_records(4));
    let (later, later_heard) = tracked(log_records(1));
    batch.offer(cut).await.unwrap();
    batch.output().items(3).await;
    assert_eq!(cut_heard.now(), None, "one record of it still waits");
    batch.offer(later).await.unwrap();
    batch.output().refuse(|| ConsumeError::permanent("never"));
    assert_eq!(cut_heard.outcome().await, Some(Outcome::FailedForGood));
    assert_eq!(later_heard.outcome().await, Some(Outcome::FailedForGood));
}

#[tokio::test(start_paused = true)]
async fn stopping_sends_what_is_left() {
    let batch = batch("{ timeout: 1h, send_batch_size: 9, send_batch_max_size: 10 }");
    let output = batch.output().clone();
    batch.consume(log_records(3)).await.unwrap();
    batch.consume(log_records(4)).await.unwrap();
    let input = batch.input(Signal::Logs);
    let began = Instant::now();
    batch.stop().await.unwrap();
    assert_eq!(sizes(&output.taken()), [7]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    let refused = input.offer(Batch::new(log_records(1))).await.unwrap_err();
    assert!(!refused.error.is_permanent());
}

#[tokio::test(start_paused = true)]
async fn callers_are_held_back_while_the_next_consumer_is_slow() {
    let batch = batch("{ timeout: 0s }");
    batch.output().hold();
    let input = batch.input(Signal::Logs);
    let admitted = crate::hand_over_length() + 1;
    let mut callers = JoinSet::new();
    for _ in 0..admitted + 1 {
        let input = input.clone();
        callers.spawn(async move { input.offer(Batch::new(log_records(1))).await.is_ok() });
    }
    for _ in 0..admitted {
        assert!(callers.join_next().await.unwrap().unwrap());
    }
    sleep(Duration::from_secs(4)).await;
    assert!(callers.try_join_next().is_none(), "the last one has to wait");
    batch.output().release();
    assert!(callers.join_next().await.unwrap().unwrap());
    batch.output().items(admitted + 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_others_have_taken_is_not_offered_again() {
    let batch = batch("{ timeout: 0s }");
    let (shared, heard) = tracked(log_records(2));
    batch.output().refuse(|| ConsumeError::retryable("full").in_part());
    batch.offer(shared).await.unwrap();
    assert_eq!(heard.outcome().await, Some(Outcome::FailedForNow));
    batch.output().accept();
    batch.consume(log_records(1)).await.unwrap();
    assert_eq!(sizes(&batch.output().items(1).await), [1]);
}

#[tokio::test(start_paused = true)]
async fn callers_do_not_wait_for_ever() {
    let batch = batch("{ timeout: 0s }");
    batch.output().hold();
    for _ in 0..=crate::hand_over_length() {
        batch.consume(log_records(1)).await.unwrap();
    }
    let began = Instant::now();
    let error = batch.consume(log_records(1)).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert!(!error.is_permanent() && error.retry_after().is_some());
}

/// A batch whose client said this.
fn of(items: usize, said: &[(&str, &str)]) -> Batch {
    let metadata = said.iter().map(|(key, value)| (*key, *value)).collect::<ClientMetadata>();
    Batch::new(log_records(items)).with_metadata(metadata)
}

#[tokio::test(start_paused = true)]
async fn what_different_clients_said_is_kept_apart() {
    let batch = batch("{ timeout: 1s, metadata_keys: [X-Tenant] }");
    for (items, said) in [
        (1, &[("x-tenant", "a"), ("x-other", "1")][..]),
        (2, &[("x-tenant", "b")]),
        (4, &[("X-TENANT", "a"), ("x-other", "2")]),
        (8, &[]),
        (16, &[("x-tenant", "")]),
        (32, &[("x-tenant", "a"), ("x-tenant", "b")]),
    ] {
        batch.offer(of(items, said)).await.unwrap();
    }
    let taken = batch.output().items(63).await;
    let said = batch.output().said();
    let mut seen: Vec<_> = sizes(&taken)
        .into_iter()
        .zip(said.iter().map(|said| said.iter().flat_map(|(_, values)| values).collect::<Vec<_>>()))
        .collect();
    seen.sort_unstable();
    let expected: [(usize, &[&str]); 5] =
        [(2, &["b"]), (5, &["a"]), (8, &[]), (16, &[""]), (32, &["a", "b"])];
    let seen: Vec<(usize, Vec<&str>)> = seen
        .iter()
        .map(|(items, said)| (*items, said.iter().map(|value| value.as_str()).collect()))
        .collect();
    assert_eq!(seen, expected.map(|(items, said)| (items, said.to_vec())));
    assert!(said.iter().all(|said| said.get("x-other").is_empty()), "only the keys go on");
}

#[tokio::test(start_paused = true)]
async fn too_many_combinations_are_refused_until_some_have_been_idle() {
    let batch = batch("{ timeout: 1s, metadata_keys: [k], metadata_cardinality_limit: 2 }");
    batch.offer(of(1, &[("k", "a")])).await.unwrap();
    batch.offer(of(1, &[("k", "b")])).await.unwrap();
    let error = batch.offer(of(1, &[("k", "c")])).await.unwrap_err().error;
    assert!(error.is_permanent());
    assert_eq!(error.to_string(), "too many batcher metadata-value combinations");
    batch.offer(of(1, &[("k", "b")])).await.unwrap();
    batch.output().items(3).await;
    sleep(Duration::from_secs(90)).await;
    batch.offer(of(1, &[("k", "c")])).await.unwrap();
    batch.offer(of(1, &[("k", "a")])).await.unwrap();
    batch.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stopping_sends_what_is_left_of_every_combination() {
    let batch = batch("{ timeout: 1h, metadata_keys: [k] }");
    let output = batch.output().clone();
    for value in ["a", "b", "a"] {
        batch.offer(of(1, &[("k", value)])).await.unwrap();
    }
    let input = batch.input(Signal::Logs);
    batch.stop().await.unwrap();
    let mut sent = sizes(&output.taken());
    sent.sort_unstable();
    assert_eq!(sent, [1, 2]);
    let refused = input.offer(of(1, &[("k", "z")])).await.unwrap_err();
    assert!(!refused.error.is_permanent());
}

#[test]
fn wrong_options_are_named() {
    let wrong =
        testkit::refusal::<crate::Config>("{ send_batch_size: 10, send_batch_max_size: 9 }");
    assert!(wrong.contains("send_batch_max_size: must be greater or equal to"), "{wrong}");
    let twice = testkit::refusal::<crate::Config>("{ metadata_keys: [tenant, Tenant] }");
    assert!(twice.contains("duplicate entry in metadata_keys: \"tenant\""), "{twice}");
}

testkit::conformance!(processor: Factory);

#[tokio::test(start_paused = true)]
async fn what_was_sent_is_counted_with_its_cause_and_its_size() {
    let settings = testkit::settings("batch");
    let yaml = "{ timeout: 1s, send_batch_size: 4, send_batch_max_size: 5 }";
    let batch = testkit::processor_in(Factory, yaml, &settings);
    batch.consume(log_records(7)).await.unwrap();
    let taken = batch.output().items(7).await;
    assert_eq!(sizes(&taken), [5, 2]);
    let bytes: usize = taken.iter().map(Telemetry::encoded_len).sum();
    assert_eq!(
        testkit::counted(&settings),
        [
            format!("otelcol_processor_batch_batch_send_size_bytes{{}} 2 values, {bytes} in all"),
            "otelcol_processor_batch_batch_send_size{} 2 values, 7 in all".to_owned(),
            "otelcol_processor_batch_batch_size_trigger_send{} 1".to_owned(),
            "otelcol_processor_batch_timeout_trigger_send{} 1".to_owned(),
        ]
    );
}
