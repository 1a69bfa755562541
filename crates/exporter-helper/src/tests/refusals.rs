//! Answers of a backend that say more than yes or no.

use component::Status;

use super::*;

fn unauthenticated(_: &Telemetry) -> Result<(), PushError> {
    Err(ConsumeError::permanent("wrong key").with_code(Code::Unauthenticated).into())
}

fn forbidden(_: &Telemetry) -> Result<(), PushError> {
    Err(ConsumeError::permanent("not for you").with_code(Code::PermissionDenied).into())
}

/// Takes three items at most.
fn small_only(telemetry: &Telemetry) -> Result<(), PushError> {
    if telemetry.item_count() <= 3 {
        return Ok(());
    }
    Err(ConsumeError::permanent("body too large").because_too_large().into())
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_hold_the_queue_and_drop_nothing() {
    let settings = testkit::settings("fake");
    let backend = Backend::new([unauthenticated; 20]);
    backend.0.script.lock().insert(0, unavailable);
    let exporter = start_in(&settings, &backend, queued(QueueConfig::default())).await;
    let [first, second] = offer_all(&exporter, [1, 2]).await;
    backend.attempts(10).await;
    let event = settings.status.event();
    assert_eq!(event.status, Status::RecoverableError);
    assert_eq!(event.error.as_deref(), Some("wrong key"));
    assert_eq!(
        first.outcome().await,
        Some(Outcome::Delivered),
        "the clock for giving up stood still"
    );
    assert_eq!(second.outcome().await, Some(Outcome::Delivered));
    assert_eq!(settings.status.event().status, Status::Ok);
    let pauses: Vec<u64> = backend.pauses().iter().map(Duration::as_secs).collect();
    assert_eq!(pauses[..8], [5, 10, 20, 40, 80, 160, 300, 300]);
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_probes_and_more_follow_when_one_is_taken() {
    let backend = Backend::new([unauthenticated, unauthenticated, unauthenticated, forbidden]);
    let queue = QueueConfig { num_consumers: count(3), ..QueueConfig::default() };
    let exporter = start(&backend, Options { queue: Some(queue), ..Options::default() }).await;
    let sources = offer_all(&exporter, [1, 1, 1, 1, 1]).await;
    backend.attempts(3).await;
    sleep(seconds(6)).await;
    assert_eq!(backend.attempts(4).await.len(), 4, "one probe");
    for source in sources {
        assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    }
    assert_eq!(backend.taken(), 5);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_refused_credentials_are_the_answer_at_once() {
    let backend = Backend::new([unauthenticated]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    let began = Instant::now();
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent(), "nothing is wrong with the data");
    assert_eq!(error.code(), Some(Code::Unauthenticated));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_held_queue_has_one_attempt_each_at_the_end() {
    let backend = Backend::new([unauthenticated; 3]);
    let exporter = start(&backend, queued(QueueConfig::default())).await;
    let sources = offer_all(&exporter, [1, 2]).await;
    backend.attempts(1).await;
    let began = Instant::now();
    exporter.stop().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(heard(&sources), [Some(Outcome::FailedForNow); 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_halved_until_it_is_taken() {
    let backend = Backend::new([small_only; 20]);
    let exporter = start(&backend, queued(QueueConfig::default())).await;
    let [source] = offer_all(&exporter, [11]).await;
    assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(7).await, [11, 5, 2, 3, 6, 3, 3]);
    assert_eq!(backend.taken(), 11);

    let direct = start(&backend, Options::default()).await;
    direct.consume(log_records(4)).await.unwrap();
    assert_eq!(backend.taken(), 15);
}

#[tokio::test(start_paused = true)]
async fn one_item_that_is_too_large_fails_for_good_and_no_other() {
    fn never(_: &Telemetry) -> Result<(), PushError> {
        Err(ConsumeError::retryable("too large").because_too_large().into())
    }
    let backend = Backend::new([never, never]);
    let exporter = start(&backend, queued(QueueConfig::default())).await;
    let [source] = offer_all(&exporter, [2]).await;
    assert_eq!(source.outcome().await, Some(Outcome::FailedForGood));
    assert_eq!(backend.attempts(3).await, [2, 1, 1]);
    assert_eq!(backend.taken(), 1);

    let backend = Backend::new([never, never]);
    let direct = start(&backend, Options::default()).await;
    let error = direct.consume(log_records(2)).await.unwrap_err();
    assert!(error.is_permanent());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_returns_is_not_met_by_everything_at_once() {
    let backend = Backend::new([]);
    backend.set_away(true);
    let queue = QueueConfig { num_consumers: count(8), ..QueueConfig::default() };
    let options = Options { retry: retry(), queue: Some(queue), ..Options::default() };
    let exporter = start(&backend, options).await;
    let sources = offer_all(&exporter, [1; 20]).await;
    backend.attempts(8).await;
    backend.set_away(false);
    let backend = backend.hold();
    sleep(seconds(10)).await;
    assert_eq!(backend.attempts(9).await.len(), 9, "one of the eight tries");
    backend.release();
    for source in sources {
        assert_eq!(source.outcome().await, Some(Outcome::Delivered));
    }
}
