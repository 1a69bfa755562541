use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use component::{Code, ConsumeError, Outcome, Settings, Signal};
use parking_lot::Mutex;
use pdata::Telemetry;
use testkit::{Heard, Running, log_records, tracked};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

mod batching;
mod handover;
mod memory;
mod receipts;
mod refusals;
mod stored;
mod traffic;

use crate::{Options, Push, PushError, QueueConfig, RetryConfig, Sizer, Written, exporter};

/// Answers with its script, one entry per attempt, and succeeds after its end.
#[derive(Clone)]
struct Backend(Arc<Shared>);

struct Shared {
    script: Mutex<Vec<Answer>>,
    /// When each attempt began, and with how many items.
    attempts: watch::Sender<Vec<(Instant, usize)>>,
    held: watch::Sender<bool>,
    away: AtomicBool,
    taken: AtomicUsize,
}

type Answer = fn(&Telemetry) -> Result<(), PushError>;

impl Backend {
    fn new<const N: usize>(script: [Answer; N]) -> Self {
        Self(Arc::new(Shared {
            script: Mutex::new(script.into_iter().rev().collect()),
            attempts: watch::Sender::default(),
            held: watch::Sender::new(false),
            away: AtomicBool::new(false),
            taken: AtomicUsize::new(0),
        }))
    }

    /// Refuses everything for now, until it is told otherwise.
    fn set_away(&self, away: bool) {
        self.0.away.store(away, Ordering::Relaxed);
    }

    /// The items that were taken.
    fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    fn hold(self) -> Self {
        self.0.held.send_replace(true);
        self
    }

    fn release(&self) {
        self.0.held.send_replace(false);
    }

    /// The items of each attempt so far, once there were as many attempts.
    async fn attempts(&self, count: usize) -> Vec<usize> {
        let mut attempts = self.0.attempts.subscribe();
        let seen = attempts.wait_for(|seen| seen.len() >= count).await.unwrap();
        seen.iter().map(|(_, items)| *items).collect()
    }

    /// The pauses between attempts so far.
    fn pauses(&self) -> Vec<Duration> {
        let attempts = self.0.attempts.borrow();
        attempts.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).collect()
    }
}

#[async_trait]
impl Push for Backend {
    fn destination(&self, _signal: Signal) -> Vec<(&'static str, String)> {
        vec![("server.address", "backend".to_owned())]
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        let attempt = (Instant::now(), telemetry.item_count());
        self.0.attempts.send_modify(|attempts| attempts.push(attempt));
        self.0.held.subscribe().wait_for(|held| !held).await.unwrap();
        if self.0.away.load(Ordering::Relaxed) {
            return unavailable(telemetry);
        }
        let answer = self.0.script.lock().pop();
        answer.map_or(Ok(()), |answer| answer(telemetry))?;
        self.0.taken.fetch_add(telemetry.item_count(), Ordering::Relaxed);
        Ok(())
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Retries after exactly 5 s, 10 s, 20 s, for a minute.
fn retry() -> Option<RetryConfig> {
    Some(RetryConfig {
        randomization_factor: 0.0,
        multiplier: 2.0,
        max_elapsed_time: Written::by_user(seconds(60)),
        ..RetryConfig::default()
    })
}

async fn start(backend: &Backend, options: Options) -> Running {
    start_in(&testkit::settings("fake"), backend, options).await
}

/// Starts an exporter beside others of the same process.
async fn start_in(settings: &Settings, backend: &Backend, options: Options) -> Running {
    let push = Arc::new(backend.clone());
    let exporter = exporter(settings, &[Signal::Logs], options, push).unwrap();
    Running::start_exporter(exporter).await
}

/// A queue with one consumer, and retries for a minute.
fn queued(queue: QueueConfig) -> Options {
    let queue = QueueConfig { num_consumers: count(1), ..queue };
    Options { retry: retry(), queue: Some(queue), ..Options::default() }
}

/// Puts batches of so many log records in.
async fn offer_all<const N: usize>(exporter: &Running, sizes: [usize; N]) -> [Heard; N] {
    let mut heard = Vec::new();
    for size in sizes {
        let (batch, source) = tracked(log_records(size));
        exporter.offer(batch).await.unwrap();
        heard.push(source);
    }
    heard.try_into().unwrap()
}

/// What was heard so far.
fn heard<const N: usize>(sources: &[Heard; N]) -> [Option<Outcome>; N] {
    sources.each_ref().map(Heard::now)
}

fn unavailable(_: &Telemetry) -> Result<(), PushError> {
    Err(ConsumeError::retryable("backend is away").with_code(Code::Unavailable).into())
}

fn refused(_: &Telemetry) -> Result<(), PushError> {
    Err(ConsumeError::permanent("bad data").with_code(Code::InvalidArgument).into())
}

#[tokio::test(start_paused = true)]
async fn without_queue_and_retries_the_caller_gets_the_answer_of_one_attempt() {
    let backend = Backend::new([refused]);
    let exporter = start(&backend, Options::default()).await;
    let error = exporter.consume(log_records(2)).await.unwrap_err();
    assert!(error.is_permanent());
    assert_eq!(error.code(), Some(Code::InvalidArgument));
    assert_eq!(error.chain(), "bad data");

    let (batch, heard) = tracked(log_records(3));
    exporter.offer(batch).await.unwrap();
    assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.attempts(2).await, [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn passing_failures_are_repeated_with_growing_pauses_or_as_the_server_asks() {
    fn busy(_: &Telemetry) -> Result<(), PushError> {
        Err(ConsumeError::retryable("busy").with_retry_after(seconds(17)).into())
    }
    let backend = Backend::new([unavailable, busy, unavailable]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    exporter.consume(log_records(1)).await.unwrap();
    assert_eq!(backend.pauses(), [5, 17, 20].map(seconds));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_left_is_repeated() {
    fn half(_: &Telemetry) -> Result<(), PushError> {
        Err(PushError::retryable("half of it").with_remaining(log_records(4).into()))
    }
    let backend = Backend::new([half]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    exporter.consume(log_records(9)).await.unwrap();
    assert_eq!(backend.attempts(2).await, [9, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_repeated() {
    let backend = Backend::new([refused]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!(error.chain(), "not retryable error: bad data");
    assert!(error.is_permanent());
    assert_eq!(error.code(), Some(Code::InvalidArgument));
}

#[tokio::test(start_paused = true)]
async fn after_the_longest_time_it_gives_up_and_the_caller_may_try_again() {
    let backend = Backend::new([unavailable; 9]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!(error.chain(), "no more retries left: backend is away");
    assert!(!error.is_permanent());
    assert_eq!(error.code(), Some(Code::Unavailable));
    assert_eq!(backend.pauses(), [5, 10, 20].map(seconds));
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_a_time_out_of_its_own() {
    let backend = Backend::new([]).hold();
    let options = Options { timeout: seconds(2), retry: retry(), queue: None };
    let exporter = start(&backend, options).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!(error.chain(), "no more retries left: no answer within 2s");
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    assert_eq!(backend.pauses(), [7, 12, 22].map(seconds));
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_request_for_good_and_no_other() {
    fn panics(_: &Telemetry) -> Result<(), PushError> {
        panic!("a bug");
    }
    let backend = Backend::new([panics]);
    let queue = Some(QueueConfig::default());
    let exporter = start(&backend, Options { retry: retry(), queue, ..Options::default() }).await;
    let (batch, heard) = tracked(log_records(1));
    exporter.offer(batch).await.unwrap();
    assert_eq!(heard.outcome().await, Some(Outcome::FailedForGood));
    let (batch, heard) = tracked(log_records(1));
    exporter.offer(batch).await.unwrap();
    assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
    exporter.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_queue_answers_at_once_and_receipts_tell_the_rest() {
    let backend = Backend::new([unavailable, refused]);
    let queue = Some(QueueConfig { num_consumers: count(1), ..QueueConfig::default() });
    let exporter = start(&backend, Options { queue, ..Options::default() }).await;
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let (batch, heard) = tracked(log_records(1));
        exporter.offer(batch).await.unwrap();
        assert_eq!(heard.now(), None, "it was not sent yet");
        outcomes.push(heard);
    }
    let [now, good, delivered] = <[_; 3]>::try_from(outcomes).unwrap();
    assert_eq!(now.outcome().await, Some(Outcome::FailedForNow));
    assert_eq!(good.outcome().await, Some(Outcome::FailedForGood));
    assert_eq!(delivered.outcome().await, Some(Outcome::Delivered));
}

#[tokio::test(start_paused = true)]
async fn what_is_being_sent_counts_until_it_is_done() {
    let backend = Backend::new([]).hold();
    let queue = QueueConfig {
        queue_size: count(10),
        sizer: Written::by_user(Sizer::Items),
        ..QueueConfig::default()
    };
    let exporter = start(&backend, Options { queue: Some(queue), ..Options::default() }).await;
    let (first, heard) = tracked(log_records(8));
    exporter.offer(first).await.unwrap();
    backend.attempts(1).await;

    let full = exporter.consume(log_records(3)).await.unwrap_err();
    assert_eq!((full.chain().as_str(), full.is_permanent()), ("sending queue is full", false));
    let large = exporter.consume(log_records(11)).await.unwrap_err();
    assert_eq!((large.chain().as_str(), large.is_permanent()), ("element size too large", false));
    exporter.consume(log_records(2)).await.unwrap();
    exporter.consume(log_records(0)).await.unwrap();

    backend.release();
    heard.outcome().await;
    exporter.consume(log_records(3)).await.unwrap();
    assert_eq!(backend.attempts(3).await, [8, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_space_when_they_are_to() {
    let backend = Backend::new([]).hold();
    let queue =
        QueueConfig { queue_size: count(1), block_on_overflow: true, ..QueueConfig::default() };
    let exporter = start(&backend, Options { queue: Some(queue), ..Options::default() }).await;
    exporter.consume(log_records(1)).await.unwrap();
    let input = exporter.input(Signal::Logs);
    let mut callers = JoinSet::new();
    callers.spawn(async move { input.offer(tracked(log_records(2)).0).await });
    backend.attempts(1).await;
    sleep(seconds(1_000)).await;
    assert!(callers.try_join_next().is_none(), "it has to wait");
    backend.release();
    callers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(backend.attempts(2).await, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_at_a_time_than_consumers() {
    let backend = Backend::new([]).hold();
    let queue = QueueConfig { num_consumers: count(3), ..QueueConfig::default() };
    let exporter = start(&backend, Options { queue: Some(queue), ..Options::default() }).await;
    for _ in 0..5 {
        exporter.consume(log_records(1)).await.unwrap();
    }
    sleep(seconds(1)).await;
    assert_eq!(backend.attempts(3).await.len(), 3);
    backend.release();
    backend.attempts(5).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_the_result_gets_it_or_takes_its_request_away() {
    let backend = Backend::new([unavailable, refused]);
    let queue =
        QueueConfig { wait_for_result: true, num_consumers: count(1), ..QueueConfig::default() };
    let options = Options { retry: retry(), queue: Some(queue), ..Options::default() };
    let exporter = start(&backend, options).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!(error.chain(), "not retryable error: bad data");

    let backend = backend.hold();
    let (batch, heard) = tracked(log_records(2));
    let input = exporter.input(Signal::Logs);
    let mut callers = JoinSet::new();
    callers.spawn(async move { input.offer(batch).await });
    backend.attempts(3).await;
    callers.shutdown().await;
    assert_eq!(heard.outcome().await, Some(Outcome::FailedForNow));

    let (batch, heard) = tracked(log_records(3));
    backend.release();
    exporter.offer(batch).await.unwrap();
    assert_eq!(heard.now(), Some(Outcome::Delivered));
    assert_eq!(backend.attempts(4).await, [1, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn at_shutdown_pauses_end_and_what_is_queued_has_one_attempt() {
    let backend = Backend::new([unavailable, unavailable]);
    let queue = QueueConfig { num_consumers: count(1), ..QueueConfig::default() };
    let options = Options { retry: retry(), queue: Some(queue), ..Options::default() };
    let exporter = start(&backend, options).await;
    let began = Instant::now();
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        let (batch, heard) = tracked(log_records(1));
        exporter.offer(batch).await.unwrap();
        outcomes.push(heard);
    }
    backend.attempts(1).await;
    let input = exporter.input(Signal::Logs);
    exporter.stop().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    let outcomes: Vec<_> = outcomes.iter().map(|heard| heard.now().unwrap()).collect();
    assert_eq!(outcomes, [Outcome::FailedForNow, Outcome::FailedForNow, Outcome::Delivered]);

    let refused = input.offer(tracked(log_records(1)).0).await.unwrap_err();
    assert_eq!(refused.error.chain(), "sending queue is stopped");
}

#[tokio::test(start_paused = true)]
async fn a_request_in_its_pause_says_that_it_was_interrupted() {
    let backend = Backend::new([unavailable]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    let input = exporter.input(Signal::Logs);
    let mut callers = JoinSet::new();
    callers.spawn(async move { input.offer(tracked(log_records(1)).0).await });
    backend.attempts(1).await;
    exporter.stop().await.unwrap();
    let refused = callers.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.error.chain(), "interrupted due to shutdown: backend is away");
}

#[tokio::test(start_paused = true)]
async fn what_is_abandoned_at_the_deadline_failed_for_now() {
    let backend = Backend::new([]).hold();
    let queue = QueueConfig { num_consumers: count(1), ..QueueConfig::default() };
    let exporter = start(&backend, Options { queue: Some(queue), ..Options::default() }).await;
    let (sending, first) = tracked(log_records(1));
    let (queued, second) = tracked(log_records(1));
    exporter.offer(sending).await.unwrap();
    exporter.offer(queued).await.unwrap();
    backend.attempts(1).await;
    drop(exporter);
    assert_eq!(first.outcome().await, Some(Outcome::FailedForNow));
    assert_eq!(second.outcome().await, Some(Outcome::FailedForNow));
}
