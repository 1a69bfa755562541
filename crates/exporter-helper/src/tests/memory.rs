//! The memory account.

use component::Batch;
use pdata::Logs;

use super::*;

/// A batch that pays for what it pins, as a receiver makes it.
fn charged(settings: &Settings, logs: Logs) -> Batch {
    let telemetry = Telemetry::from(logs);
    let share = settings.process.memory().charge(telemetry.pinned_len());
    Batch::new(telemetry).charged(share)
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_full_when_it_holds_its_part_of_the_memory() {
    let settings = testkit::settings("fake");
    let size = log_records(10).pinned_len();
    let _limit = settings.process.memory().limit_to(size * 5);
    let backend = Backend::new([]).hold();
    let exporter = start_in(&settings, &backend, queued(QueueConfig::default())).await;
    for _ in 0..2 {
        let batch = charged(&settings, log_records(10));
        exporter.offer(batch).await.unwrap();
    }
    let full = exporter.offer(charged(&settings, log_records(10))).await.unwrap_err();
    assert_eq!(full.error.to_string(), "sending queue is full");
    assert!(!full.error.is_permanent());
    drop(full);
    assert_eq!(settings.process.memory().used(), 2 * size);
    backend.release();
    backend.attempts(2).await;
    exporter.stop().await.unwrap();
    assert_eq!(settings.process.memory().used(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_takes_one_request_of_any_size() {
    let settings = testkit::settings("fake");
    let _limit = settings.process.memory().limit_to(100);
    let backend = Backend::new([]).hold();
    let queue = QueueConfig { block_on_overflow: true, ..QueueConfig::default() };
    let exporter = start_in(&settings, &backend, queued(queue)).await;
    exporter.consume(log_records(100)).await.unwrap();
    let input = exporter.input(Signal::Logs);
    let mut callers = JoinSet::new();
    callers.spawn(async move { input.offer(tracked(log_records(1)).0).await });
    sleep(seconds(1_000)).await;
    assert!(callers.try_join_next().is_none(), "it has to wait");
    backend.release();
    callers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(backend.attempts(2).await, [100, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_small_rest_of_a_large_buffer_is_copied_and_pays_for_itself_only() {
    let settings = testkit::settings("fake");
    let memory = settings.process.memory();
    let backend = Backend::new([]).hold();
    let exporter = start_in(&settings, &backend, queued(QueueConfig::default())).await;
    let mut whole = charged(&settings, log_records(100));
    let pinned = memory.used();
    let front = whole.telemetry_mut().split_off_front(2);
    let expected = front.encoded_len();
    let front = whole.split(vec![front]).remove(0);
    assert_eq!(memory.used(), pinned);
    exporter.offer(front).await.unwrap();
    assert_eq!(memory.used(), expected);

    let all = charged(&settings, log_records(100));
    let before = memory.used();
    exporter.offer(all).await.unwrap();
    assert_eq!(memory.used(), before, "what is needed is not copied");
}
