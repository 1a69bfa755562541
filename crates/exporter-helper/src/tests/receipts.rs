//! Every source hears once, and the right thing, whatever way its data goes.

use std::collections::BTreeMap;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refused_batch_stays_the_callers() {
    let backend = Backend::new([]).hold();
    let queue = QueueConfig { queue_size: count(1), ..QueueConfig::default() };
    let exporter = start(&backend, queued(queue)).await;
    let [_first] = offer_all(&exporter, [1]).await;
    let (batch, source) = tracked(log_records(1));
    let refused = exporter.offer(batch).await.unwrap_err();
    assert_eq!(source.now(), None);
    refused.attached.resolve(Outcome::FailedForGood);
    assert_eq!(source.now(), Some(Outcome::FailedForGood));
    let (batch, source) = tracked(log_records(1));
    exporter.input(Signal::Logs);
    component::Consumer::consume(&exporter.input(Signal::Logs), batch).await.unwrap_err();
    assert_eq!(source.outcome().await, None, "the error was the answer");
}

#[tokio::test(start_paused = true)]
async fn retries_are_heard_of_once_when_they_are_over() {
    let backend = Backend::new([unavailable, unavailable, refused, unavailable]);
    let exporter = start(&backend, queued(QueueConfig::default())).await;
    let [bad, good] = offer_all(&exporter, [1, 2]).await;
    backend.attempts(2).await;
    assert_eq!((bad.now(), good.now()), (None, None));
    assert_eq!(bad.outcome().await, Some(Outcome::FailedForGood));
    assert_eq!(good.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(5).await, [1, 1, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_fan_out_is_heard_of_once_with_the_worst_of_its_ways() {
    let (good, bad) = (Backend::new([]), Backend::new([refused]));
    let first = start(&good, queued(QueueConfig::default())).await;
    let second = start(&bad, queued(QueueConfig::default())).await;
    let (batch, source) = tracked(log_records(2));
    let mut ways = batch.fan_out(2);
    first.offer(ways.pop().unwrap()).await.unwrap();
    good.attempts(1).await;
    assert_eq!(source.now(), None, "one way is open");
    second.offer(ways.pop().unwrap()).await.unwrap();
    assert_eq!(source.outcome().await, Some(Outcome::FailedForGood));
    assert_eq!(good.taken(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_while_it_waits_for_space_leaves_nothing_behind() {
    let backend = Backend::new([]).hold();
    let queue =
        QueueConfig { queue_size: count(1), block_on_overflow: true, ..QueueConfig::default() };
    let exporter = start(&backend, queued(queue)).await;
    let [first] = offer_all(&exporter, [1]).await;
    let (batch, source) = tracked(log_records(2));
    let input = exporter.input(Signal::Logs);
    let mut callers = JoinSet::new();
    callers.spawn(async move { input.offer(batch).await });
    sleep(seconds(1)).await;
    callers.shutdown().await;
    assert_eq!(source.now(), Some(Outcome::FailedForNow));
    backend.release();
    assert_eq!(first.outcome().await, Some(Outcome::Delivered));
    let [third] = offer_all(&exporter, [3]).await;
    assert_eq!(third.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(2).await, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn numbers_tell_what_was_sent_what_failed_and_what_did_not_fit() {
    let settings = testkit::settings("fake/1");
    let entry = settings.book.entry(Signal::Logs);
    let backend = Backend::new([]).hold();
    let queue = QueueConfig {
        queue_size: count(9),
        sizer: Written::by_user(Sizer::Items),
        ..QueueConfig::default()
    };
    let exporter = start_in(&settings, &backend, queued(queue)).await;
    let [sent] = offer_all(&exporter, [6]).await;
    backend.attempts(1).await;
    exporter.consume(log_records(4)).await.unwrap_err();
    let counted = || testkit::counted(&settings);
    let named = |lines: &[&str]| {
        let lines = lines.iter().map(|line| format!("otelcol_exporter_{line}"));
        lines.collect::<Vec<_>>()
    };
    let bytes = |sizes: &[usize]| -> usize {
        sizes.iter().map(|size| log_records(*size).encoded_len()).sum()
    };
    assert_eq!(
        counted(),
        named(&[
            "enqueue_failed_log_records{} 4",
            &format!("enqueue_size_bytes{{}} 2 values, {} in all", bytes(&[6, 4])),
            "enqueue_size{} 2 values, 10 in all",
            "in_flight_requests{data_type=logs} 1",
            "queue_capacity{data_type=logs} 9",
            "queue_size{data_type=logs} 6",
        ])
    );
    *backend.0.script.lock() = vec![refused, |_| Ok(())];
    backend.release();
    sent.outcome().await;
    let [failed] = offer_all(&exporter, [2]).await;
    failed.outcome().await;
    assert_eq!(
        counted(),
        named(&[
            "enqueue_failed_log_records{} 4",
            &format!("enqueue_size_bytes{{}} 3 values, {} in all", bytes(&[6, 4, 2])),
            "enqueue_size{} 3 values, 12 in all",
            "queue_capacity{data_type=logs} 9",
            "send_failed_log_records{error.permanent=true,error.type=InvalidArgument,server.address=backend} 2",
            "sent_log_records{server.address=backend} 6",
        ])
    );
    let entry = entry.numbers();
    assert_eq!((entry.out, entry.dropped), (6, BTreeMap::from([("send failed", 2)])));
}
