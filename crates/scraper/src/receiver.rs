//! The loop of a scraping receiver.

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    Batch, CancellationToken, Consumer, Lifecycle, MemoryAccount, Settings, Slot, StartError,
};
use pdata::{Metrics, MetricsBuilder};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{self, Instant, MissedTickBehavior};
use tracing::{error, warn};

use crate::config::ScrapeConfig;
use crate::failures::{Failure, FailureLog};
use crate::job::Job;

/// A receiver that scrapes in rhythm until it is told to stop. A round that has begun is finished.
///
/// All jobs of a round run one after the other, on a thread of their own, and their metrics go out as one batch, charged
/// to the process's memory account. A batch that is refused is logged and gone, as upstream: the next round measures again.
pub fn receiver(
    config: ScrapeConfig,
    jobs: Vec<Job>,
    settings: &Settings,
    output: Slot,
) -> Box<dyn Lifecycle> {
    let round = Round { jobs, version: settings.build.version.to_string() };
    Box::new(Receiver {
        config,
        memory: settings.process.memory(),
        output,
        work: Work::Idle(Box::new(round)),
        failures: FailureLog::default(),
    })
}

struct Receiver {
    config: ScrapeConfig,
    memory: Arc<MemoryAccount>,
    output: Slot,
    work: Work,
    failures: FailureLog,
}

/// The jobs are either here or on the thread that scrapes.
enum Work {
    Idle(Box<Round>),
    Scraping(JoinHandle<(Box<Round>, Yield)>),
    /// The thread died and took them along.
    Lost,
}

/// What a round gives.
struct Yield {
    metrics: Metrics,
    failures: Vec<Failure>,
}

#[async_trait]
impl Lifecycle for Receiver {
    async fn acquire(&mut self) -> Result<(), StartError> {
        match &mut self.work {
            Work::Idle(round) => round.jobs.iter_mut().try_for_each(Job::start),
            Work::Scraping(_) | Work::Lost => Ok(()),
        }
    }

    async fn run(mut self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let first = Instant::now() + self.config.initial_delay;
        let mut ticks = time::interval_at(first, self.config.collection_interval);
        // After a hang, no burst of scrapes.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Some(Yield { metrics, failures }) = self.scrape().await? {
                self.failures.report(failures);
                self.hand_on(metrics).await;
            }
        }
        Ok(())
    }
}

impl Receiver {
    /// One round, or the rest of the one before. `None` when it takes longer than it may; a thread can't be stopped, so
    /// that the next call waits for it.
    async fn scrape(&mut self) -> Result<Option<Yield>, StartError> {
        let mut scraping = match std::mem::replace(&mut self.work, Work::Lost) {
            Work::Idle(mut round) => spawn_blocking(move || {
                let yielded = round.scrape();
                (round, yielded)
            }),
            Work::Scraping(scraping) => scraping,
            Work::Lost => return Err(StartError::new("the scraping thread is gone")),
        };
        let limit = self.config.timeout;
        let done = if limit.is_zero() {
            (&mut scraping).await
        } else {
            match time::timeout(limit, &mut scraping).await {
                Ok(done) => done,
                Err(_) => {
                    error!(
                        error = "the round is not done within its timeout",
                        timeout = ?limit,
                        "Error scraping metrics"
                    );
                    self.work = Work::Scraping(scraping);
                    return Ok(None);
                }
            }
        };
        let (round, yielded) =
            done.map_err(|error| StartError::caused_by("the scraping thread died", error))?;
        self.work = Work::Idle(round);
        Ok(Some(yielded))
    }

    async fn hand_on(&mut self, metrics: Metrics) {
        let data_points = metrics.item_count();
        let share = self.memory.charge(metrics.encoded_len());
        if let Err(error) = self.output.consume(Batch::new(metrics).charged(share)).await {
            let error = error.chain();
            warn!(error, data_points, "scraped metrics were refused and are dropped");
        }
    }
}

/// Everything that a round of scrapes needs.
struct Round {
    jobs: Vec<Job>,
    version: String,
}

impl Round {
    fn scrape(&mut self) -> Yield {
        let mut builder = MetricsBuilder::new();
        let runs = self.jobs.iter_mut().map(|job| job.run(&mut builder, &self.version));
        let failures = runs.filter_map(Result::err).collect();
        Yield { metrics: builder.build(), failures }
    }
}
