//! A reload: the successor takes a seat at the queue of the exporter that goes.

use component::Lifecycle;

use super::*;

const DELIVERED: Option<Outcome> = Some(Outcome::Delivered);

#[tokio::test(start_paused = true)]
async fn the_successor_of_an_exporter_with_a_dead_backend_sends_everything() {
    let settings = testkit::settings("fake");
    let (dead, good) = (Backend::new([]), Backend::new([]));
    dead.set_away(true);
    let old = start_in(&settings, &dead, queued(QueueConfig::default())).await;
    let sources = offer_all(&old, [1, 2, 3]).await;
    dead.attempts(2).await;
    let old_input = old.input(Signal::Logs);

    let good = good.hold();
    let new = start_in(&settings, &good, queued(QueueConfig::default())).await;
    let began = Instant::now();
    old.stop().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "pauses end");
    good.release();
    for source in sources {
        assert_eq!(source.outcome().await, DELIVERED);
    }
    // The second one was taken over while the first was in its pause, and that one goes to the head again.
    let mut sent = good.attempts(3).await;
    sent.sort_unstable();
    assert_eq!(sent, [1, 2, 3]);

    let (late, source) = tracked(log_records(4));
    old_input.offer(late).await.unwrap();
    assert_eq!(
        source.outcome().await,
        DELIVERED,
        "the old entrance works while the old graph drains"
    );
    new.stop().await.unwrap();
    let refused = old_input.offer(tracked(log_records(1)).0).await.unwrap_err();
    assert_eq!(refused.error.chain(), "sending queue is stopped");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_finished_by_the_one_that_began_it() {
    let settings = testkit::settings("fake");
    let (slow, good) = (Backend::new([]).hold(), Backend::new([]));
    let old = start_in(&settings, &slow, queued(QueueConfig::default())).await;
    let [first, second] = offer_all(&old, [1, 2]).await;
    slow.attempts(1).await;
    let _new = start_in(&settings, &good, queued(QueueConfig::default())).await;
    let mut stopping = JoinSet::new();
    stopping.spawn(old.stop());
    assert_eq!(second.outcome().await, DELIVERED);
    assert_eq!(first.now(), None);
    slow.release();
    assert_eq!(first.outcome().await, DELIVERED);
    stopping.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((slow.taken(), good.taken()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_comes_while_the_old_one_drains_takes_the_rest() {
    let settings = testkit::settings("fake");
    let (slow, good) = (Backend::new([]).hold(), Backend::new([]));
    let old = start_in(&settings, &slow, queued(QueueConfig::default())).await;
    let [first, second] = offer_all(&old, [1, 2]).await;
    slow.attempts(1).await;
    let mut stopping = JoinSet::new();
    stopping.spawn(old.stop());
    tokio::task::yield_now().await;
    let _new = start_in(&settings, &good, queued(QueueConfig::default())).await;
    assert_eq!(second.outcome().await, DELIVERED);
    slow.release();
    assert_eq!(first.outcome().await, DELIVERED);
    assert_eq!((slow.taken(), good.taken()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn one_that_only_has_a_claim_is_no_successor_and_gives_it_back() {
    let settings = testkit::settings("fake");
    let backend = Backend::new([unavailable, unavailable]);
    let old = start_in(&settings, &backend, queued(QueueConfig::default())).await;
    let push = Arc::new(backend.clone());
    let claimed = exporter(&settings, &[Signal::Logs], queued(QueueConfig::default()), push);
    let (inputs, mut life): (_, Box<dyn Lifecycle>) = claimed.unwrap().into_parts();
    let unclaimed = inputs[0].1.consume(component::Batch::new(log_records(1))).await.unwrap_err();
    assert_eq!(unclaimed.to_string(), "sending queue is stopped", "creation does nothing");
    life.acquire().await.unwrap();
    let sources = offer_all(&old, [1, 2, 3]).await;
    backend.attempts(1).await;
    let input = old.input(Signal::Logs);
    old.stop().await.unwrap();
    let failed = Some(Outcome::FailedForNow);
    assert_eq!(heard(&sources), [failed, DELIVERED, DELIVERED], "one attempt each");

    let (batch, source) = tracked(log_records(4));
    input.offer(batch).await.unwrap();
    drop(life);
    assert_eq!(source.now(), failed, "the last one takes what waits with it");
    let refused = input.offer(tracked(log_records(1)).0).await.unwrap_err();
    assert_eq!(refused.error.chain(), "sending queue is stopped");
}

#[tokio::test(start_paused = true)]
async fn size_and_consumers_are_those_of_whoever_is_asked() {
    let settings = testkit::settings("fake");
    let (dead, good) = (Backend::new([]), Backend::new([]).hold());
    dead.set_away(true);
    let old = start_in(&settings, &dead, queued(QueueConfig::default())).await;
    offer_all(&old, [1, 1, 1, 1]).await;
    let queue =
        QueueConfig { queue_size: count(2), num_consumers: count(3), ..QueueConfig::default() };
    let options = Options { queue: Some(queue), ..Options::default() };
    let new = start_in(&settings, &good, options).await;
    old.stop().await.unwrap();
    assert_eq!(good.attempts(3).await.len(), 3);
    let full = new.consume(log_records(1)).await.unwrap_err();
    assert_eq!(full.to_string(), "sending queue is full");
    good.release();
    good.attempts(4).await;
    new.consume(log_records(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn other_exporters_and_signals_have_queues_of_their_own() {
    let process = testkit::settings("fake");
    let other = Settings { process: process.process.clone(), ..testkit::settings("fake/2") };
    let (dead, good) = (Backend::new([]), Backend::new([]));
    dead.set_away(true);
    let first = start_in(&process, &dead, queued(QueueConfig::default())).await;
    let second = start_in(&other, &good, queued(QueueConfig::default())).await;
    let sources = offer_all(&first, [1]).await;
    let [sent] = offer_all(&second, [2]).await;
    assert_eq!(sent.outcome().await, DELIVERED);
    first.stop().await.unwrap();
    assert_eq!(heard(&sources), [Some(Outcome::FailedForNow)]);
}
