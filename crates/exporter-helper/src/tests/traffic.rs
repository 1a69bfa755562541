//! Many callers, many threads, a backend that comes and goes, and reloads all the while: each request arrives once.

use std::sync::atomic::AtomicBool;

use config::Optional;

use super::stored::{files, process, stored};
use super::*;
use crate::BatchConfig;

const CALLERS: usize = 4;
const EACH: usize = 300;

/// Refuses every third attempt, and counts what it takes.
struct Moody {
    attempts: AtomicUsize,
    taken: AtomicUsize,
}

#[async_trait]
impl Push for Moody {
    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        tokio::task::yield_now().await;
        if self.attempts.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            return unavailable(telemetry);
        }
        self.taken.fetch_add(telemetry.item_count(), Ordering::Relaxed);
        Ok(())
    }
}

async fn traffic(settings: &Settings, options: Options) {
    let mut options = options;
    options.retry = Some(RetryConfig {
        initial_interval: Duration::from_millis(1),
        max_interval: Duration::from_millis(2),
        ..RetryConfig::default()
    });
    let backend = Arc::new(Moody { attempts: AtomicUsize::new(0), taken: AtomicUsize::new(0) });
    let begin = async || {
        let push: Arc<dyn Push> = Arc::clone(&backend) as _;
        let created = exporter(settings, &[Signal::Logs], options.clone(), push).unwrap();
        Running::start_exporter(created).await
    };
    let first = begin().await;
    let input = Arc::new(Mutex::new(first.input(Signal::Logs)));
    let finished = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let input = Arc::clone(&input);
        callers.spawn(async move {
            let mut sources = Vec::new();
            for _ in 0..EACH {
                let (batch, source) = tracked(log_records(2));
                let to = input.lock().clone();
                to.offer(batch).await.unwrap();
                sources.push(source);
                tokio::task::yield_now().await;
            }
            sources
        });
    }
    let over = Arc::clone(&finished);
    let reloads = async {
        let mut old = first;
        while !over.load(Ordering::Relaxed) {
            let new = begin().await;
            *input.lock() = new.input(Signal::Logs);
            old.stop().await.unwrap();
            old = new;
            // Something moves between two reloads, or the test takes as long as the machine is busy.
            let enough = backend.taken.load(Ordering::Relaxed) + 20;
            while backend.taken.load(Ordering::Relaxed) < enough && !over.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(1)).await;
            }
        }
        old
    };
    let calls = async {
        let mut sources = Vec::new();
        while let Some(of_caller) = callers.join_next().await {
            sources.extend(of_caller.unwrap());
        }
        for source in sources {
            assert_eq!(source.outcome().await, Some(Outcome::Delivered));
        }
        while backend.taken.load(Ordering::Relaxed) < CALLERS * EACH * 2 {
            sleep(Duration::from_millis(1)).await;
        }
        finished.store(true, Ordering::Relaxed);
    };
    let (last, ()) = tokio::join!(reloads, calls);
    last.stop().await.unwrap();
    assert_eq!(backend.taken.load(Ordering::Relaxed), CALLERS * EACH * 2);
    assert_eq!(settings.process.memory().used(), 0);
    // Nobody has counted what came in: all of it is missing there.
    let numbers = settings.book.entry(Signal::Logs);
    assert_eq!(numbers.in_flight(), -i64::try_from(CALLERS * EACH * 2).unwrap(), "{numbers:?}");
}

fn blocking(batch: Optional<Written<BatchConfig>>) -> QueueConfig {
    QueueConfig { queue_size: count(50), block_on_overflow: true, batch, ..QueueConfig::default() }
}

fn gathering(size: usize) -> Optional<Written<BatchConfig>> {
    let flush_timeout = Duration::from_millis(3);
    let batch =
        BatchConfig { min_size: size, max_size: size, flush_timeout, ..BatchConfig::default() };
    Optional::Some(Written::by_user(batch))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_queue_in_memory_loses_and_repeats_nothing() {
    for batch in [Optional::None, gathering(7)] {
        let queue = Some(blocking(batch));
        let options = Options { queue, ..Options::default() };
        traffic(&testkit::settings("fake"), options).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_stored_queue_loses_and_repeats_nothing() {
    // A stored request that was cut and interrupted is sent again as a whole: here nothing is cut.
    for batch in [Optional::None, gathering(8)] {
        let folder = tempfile::tempdir().unwrap();
        traffic(&process(folder.path()), stored(blocking(batch))).await;
        assert_eq!(files(folder.path()), 0);
    }
}
