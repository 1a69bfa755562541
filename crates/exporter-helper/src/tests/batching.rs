//! `sending_queue::batch`.

use component::{Batch, ClientMetadata};
use config::Optional;

use super::*;
use crate::{BatchConfig, PartitionConfig};

fn batching(batch: BatchConfig) -> Options {
    queued(QueueConfig { batch: Optional::Some(Written::by_user(batch)), ..QueueConfig::default() })
}

fn items(min_size: usize, max_size: usize) -> BatchConfig {
    BatchConfig { min_size, max_size, flush_timeout: seconds(3), ..BatchConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn small_requests_are_gathered_until_there_is_enough_or_their_time_is_up() {
    let backend = Backend::new([refused, |_| Ok(())]);
    let exporter = start(&backend, batching(items(5, 0))).await;
    let began = Instant::now();
    let sources = offer_all(&exporter, [2, 4]).await;
    assert_eq!(backend.attempts(1).await, [6]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    for source in sources {
        assert_eq!(source.outcome().await, Some(Outcome::FailedForGood));
    }
    let [source] = offer_all(&exporter, [1]).await;
    assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    assert_eq!(began.elapsed(), seconds(3));
}

#[tokio::test(start_paused = true)]
async fn large_requests_are_cut_and_receipts_follow_their_data() {
    let backend = Backend::new([|_| Ok(()), refused, |_| Ok(())]);
    let settings = testkit::settings("fake");
    let exporter = start_in(&settings, &backend, batching(items(4, 4))).await;
    let [good, cut, bad] = offer_all(&exporter, [3, 4, 1]).await;
    assert_eq!(backend.attempts(2).await, [4, 4]);
    assert_eq!(good.outcome().await, Some(Outcome::Delivered));
    assert_eq!(cut.outcome().await, Some(Outcome::FailedForGood), "the worst of its parts");
    assert_eq!(bad.outcome().await, Some(Outcome::FailedForGood));
    let [alone] = offer_all(&exporter, [9]).await;
    assert_eq!(alone.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(5).await, [4, 4, 4, 4, 1]);
    let sizes =
        "otelcol_exporter_queue_batch_send_size{server.address=backend} 5 values, 17 in all";
    assert!(testkit::counted(&settings).iter().any(|line| line == sizes));
}

#[tokio::test(start_paused = true)]
async fn batches_in_bytes_are_never_larger_than_they_may_be_unless_one_item_is() {
    let one = log_records(1).encoded_len();
    let max_size = log_records(3).encoded_len() + 16;
    let backend = Backend::new([]);
    let batch = BatchConfig {
        sizer: Written::by_user(Sizer::Bytes),
        min_size: one,
        max_size,
        flush_timeout: seconds(3),
        partition: PartitionConfig::default(),
    };
    let exporter = start(&backend, batching(batch.clone())).await;
    let [source] = offer_all(&exporter, [8]).await;
    assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(3).await, [3, 3, 2]);

    let backend = Backend::new([]);
    let batch = BatchConfig { min_size: 1, max_size: 1, ..batch };
    let exporter = start(&backend, batching(batch)).await;
    let [source] = offer_all(&exporter, [2]).await;
    assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(2).await, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn only_requests_that_agree_in_the_keys_share_a_batch() {
    let backend = Backend::new([]);
    let partition = PartitionConfig { metadata_keys: vec!["Tenant".to_owned()] };
    let exporter = start(&backend, batching(BatchConfig { partition, ..items(10, 0) })).await;
    for (tenant, size) in [("a", 1), ("b", 2), ("a", 4), ("b", 3)] {
        let said: ClientMetadata = [("tenant", tenant), ("other", "x")].into_iter().collect();
        exporter.offer(Batch::new(log_records(size)).with_metadata(said)).await.unwrap();
    }
    exporter.consume(log_records(6)).await.unwrap();
    assert_eq!(backend.attempts(3).await, [5, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_batch_all_get_its_answer() {
    let backend = Backend::new([refused, |_| Ok(())]);
    let mut options = batching(items(2, 2));
    options.queue.as_mut().unwrap().wait_for_result = true;
    let exporter = start(&backend, options).await;
    let mut callers = JoinSet::new();
    for size in [1, 2, 1] {
        let input = exporter.input(Signal::Logs);
        callers.spawn(async move { input.offer(tracked(log_records(size)).0).await });
        sleep(Duration::from_millis(1)).await;
    }
    let mut answers: Vec<bool> = callers.join_all().await.iter().map(Result::is_ok).collect();
    answers.sort_unstable();
    assert_eq!(answers, [false, false, true], "the cut one hears the worse of its parts");
}

#[tokio::test(start_paused = true)]
async fn what_is_gathered_is_sent_at_the_end_or_left_to_the_successor() {
    let backend = Backend::new([]);
    let exporter = start(&backend, batching(items(100, 0))).await;
    let sources = offer_all(&exporter, [1, 2]).await;
    let began = Instant::now();
    exporter.stop().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(heard(&sources), [Some(Outcome::Delivered); 2]);
    assert_eq!(backend.attempts(1).await, [3]);

    let settings = testkit::settings("fake");
    let (first, second) = (Backend::new([]), Backend::new([]));
    let old = start_in(&settings, &first, batching(items(100, 0))).await;
    let [one, two] = offer_all(&old, [1, 2]).await;
    sleep(seconds(1)).await;
    let _new = start_in(&settings, &second, queued(QueueConfig::default())).await;
    old.stop().await.unwrap();
    assert_eq!(one.outcome().await, Some(Outcome::Delivered));
    assert_eq!(two.outcome().await, Some(Outcome::Delivered));
    assert_eq!((first.taken(), second.attempts(2).await), (0, vec![1, 2]));
}
