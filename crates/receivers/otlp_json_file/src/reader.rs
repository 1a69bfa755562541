//! The receiver at work: looks for files, reads lines, hands them on.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use component::{
    Batch, CancellationToken, ConsumeError, Lifecycle, MemoryAccount, Outcome, Outputs, Receipt,
    Refused, Settings, Share, Signal, StartError, Storage, Telemetry, chain,
};
use serde::de::IgnoredAny;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::warn;

use crate::config::{Config, StartAt};
use crate::followed::{Files, Followed, Line, Rules};
use crate::paths::{Paths, Pattern};
use crate::positions::Positions;
use crate::progress::Progress;

/// How many lines of a file may be with the pipelines at a time.
const OPEN: usize = 1_000;
/// The pauses before a refused line is handed on again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// How long a receiver that stops waits to hear of the lines that are open.
const LAST_NEWS: Duration = Duration::from_secs(2);
/// The least time between two warnings about the same thing.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) struct Reader {
    config: Config,
    settings: Settings,
    storage: Option<Arc<dyn Storage>>,
    hand: Hand,
    positions: Option<Positions>,
}

impl Reader {
    pub(crate) fn new(
        config: Config,
        settings: Settings,
        storage: Option<Arc<dyn Storage>>,
        outputs: Arc<Outputs>,
    ) -> Self {
        let hand = Hand { outputs, memory: settings.process.memory() };
        Self { config, settings, storage, hand, positions: None }
    }

    fn paths(&self) -> Paths {
        // The check of the configuration has seen that they are patterns.
        let patterns =
            |texts: &[String]| texts.iter().filter_map(|text| Pattern::new(text).ok()).collect();
        Paths {
            include: patterns(&self.config.include),
            exclude: patterns(&self.config.exclude),
            exclude_older_than: self.config.exclude_older_than,
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            fingerprint_size: self.config.fingerprint_size,
            kept_open: self.config.max_concurrent_files,
            longest_line: self.config.max_log_size,
            on_truncate: self.config.on_truncate,
            replay: self.config.replay_file,
        }
    }
}

#[async_trait]
impl Lifecycle for Reader {
    async fn acquire(&mut self) -> Result<(), StartError> {
        self.positions = Some(Positions::open(&self.settings, self.storage.as_ref()).await?);
        Ok(())
    }

    /// Two that read the same files would send everything twice.
    fn is_exclusive(&self) -> bool {
        true
    }

    async fn run(mut self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Some(mut positions) = self.positions.take() else {
            return Err(StartError::new("it was not acquired"));
        };
        let known = positions.load().await?;
        let changed = Arc::new(Notify::new());
        let mut at_end = known.is_none() && self.config.start_at == StartAt::End;
        let files = Files::new(self.rules(), known.unwrap_or_default(), Arc::clone(&changed));
        let mut work = Work {
            files: Some(files),
            paths: self.paths(),
            flush_after: self.config.force_flush_period,
            hand: self.hand,
            changed,
            stop,
            warned: HashMap::new(),
            found_none: false,
        };
        let mut ticks = interval(self.config.poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while work.stop.run_until_cancelled(ticks.tick()).await.is_some() {
            work.poll(at_end && !self.config.replay_file).await?;
            at_end = false;
            work.save(&mut positions).await;
        }
        drop(timeout(LAST_NEWS, work.settled()).await);
        work.save(&mut positions).await;
        let known = work.files.map(|files| files.positions()).unwrap_or_default();
        if !self.config.replay_file {
            positions.leave(known);
        }
        Ok(())
    }
}

struct Work {
    /// `None` only while a blocking task has them.
    files: Option<Files>,
    paths: Paths,
    flush_after: Duration,
    hand: Hand,
    changed: Arc<Notify>,
    stop: CancellationToken,
    /// When something was last warned of, and how often it was not.
    warned: HashMap<&'static str, (Instant, u64)>,
    found_none: bool,
}

impl Work {
    /// Looks for files and reads what is new in them.
    async fn poll(&mut self, at_end: bool) -> Result<(), StartError> {
        let paths = self.paths.clone();
        let found = self
            .blocking(move |files| {
                let found: Vec<PathBuf> = paths.find();
                let none = found.is_empty();
                files.look(found, at_end);
                none
            })
            .await?;
        if found && !self.found_none {
            warn!("no files match `include`; they are looked for again with every poll");
        }
        self.found_none |= found;
        let count = self.files.as_ref().map_or(0, Files::len);
        for at in 0..count {
            self.hand_on_again(at).await?;
            while !self.stop.is_cancelled() && self.read_some(at).await? {}
        }
        Ok(())
    }

    /// Hands the next lines of a file on, and says whether there were any.
    async fn read_some(&mut self, at: usize) -> Result<bool, StartError> {
        let flush_after = self.flush_after;
        let takes_rest = self
            .file(at)
            .and_then(|file| file.rest)
            .is_some_and(|rest| !flush_after.is_zero() && rest.since.elapsed() >= flush_after);
        let read = self.blocking(move |files| files.next_lines(at, takes_rest)).await?;
        let lines = match read {
            Ok(lines) => lines,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                let path = self.path(at);
                self.warn("read", |n| {
                    warn!(path = %path.display(), %error, suppressed = n, "cannot read the file, trying again");
                });
                return Ok(false);
            }
        };
        let any = !lines.is_empty();
        for line in lines {
            if self.hand_on(at, line).await.is_none() {
                // Stopped: what is left was not handed on.
                return Ok(false);
            }
        }
        Ok(any)
    }

    async fn hand_on_again(&mut self, at: usize) -> Result<(), StartError> {
        let again = self.file(at).map(|file| file.progress.take_again()).unwrap_or_default();
        for range in again {
            let wanted = range.clone();
            match self.blocking(move |files| files.read_again(at, wanted)).await? {
                Ok(line) => drop(self.hand_on(at, line).await),
                Err(error) => {
                    let path = self.path(at);
                    self.warn("gone", |n| {
                        warn!(path = %path.display(), %error, suppressed = n, "a line that was not delivered cannot be read again, it is lost");
                    });
                    if let Some(file) = self.file(at) {
                        file.progress.settle(&range, Outcome::FailedForGood);
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands one line on. `None` when it was not, because the receiver is told to stop.
    async fn hand_on(&mut self, at: usize, line: Line) -> Option<()> {
        let Line { range, text } = line;
        let (path, progress) = {
            let file = self.file(at)?;
            (file.path.clone(), Arc::clone(&file.progress))
        };
        let is_open = Told { progress: Arc::clone(&progress), range: range.clone() };
        let Some(text) = text else {
            self.warn("long", |n| {
                warn!(path = %path.display(), offset = range.start, suppressed = n, "a line is longer than max_log_size, it is passed over");
            });
            is_open.settle(Outcome::FailedForGood);
            return Some(());
        };
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.room(&progress)).await?;
        progress.hand();
        match stop.run_until_cancelled(self.hand.parse(&text)).await? {
            Ok(batches) => {
                for refused in self.hand.give(batches, is_open, &stop).await {
                    self.warn("refused", |n| {
                        warn!(path = %path.display(), offset = range.start, error = %refused.chain(), suppressed = n, "a line is refused for good, it is passed over");
                    });
                }
            }
            Err(problem) => {
                self.warn("unreadable", |n| {
                    warn!(path = %path.display(), offset = range.start, problem, suppressed = n, "a line cannot be read, it is passed over");
                });
                is_open.settle(Outcome::FailedForGood);
            }
        }
        Some(())
    }

    /// Waits until there are not too many lines with the pipelines.
    async fn room(&self, progress: &Progress) {
        loop {
            let changed = self.changed.notified();
            if progress.handed() < OPEN {
                return;
            }
            changed.await;
        }
    }

    /// Waits until no line is open.
    async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            if self.files.as_ref().is_none_or(|files| files.open_lines() == 0) {
                return;
            }
            changed.await;
        }
    }

    async fn save(&mut self, positions: &mut Positions) {
        let Some(files) = &self.files else { return };
        if let Err(error) = positions.save(files.positions()).await {
            self.warn("storage", |n| {
                warn!(error = %chain(&error), suppressed = n, "cannot store how far files were read; after a restart more is read again");
            });
        }
    }

    fn file(&mut self, at: usize) -> Option<&mut Followed> {
        self.files.as_mut().and_then(|files| files.get(at))
    }

    fn path(&mut self, at: usize) -> PathBuf {
        self.file(at).map(|file| file.path.clone()).unwrap_or_default()
    }

    /// Works on the files where blocking is allowed.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Files) -> T + Send + 'static,
    ) -> Result<T, StartError> {
        let Some(mut files) = self.files.take() else {
            return Err(StartError::new("the files are lost"));
        };
        let done = spawn_blocking(move || {
            let done = work(&mut files);
            (files, done)
        });
        let (files, done) =
            done.await.map_err(|error| StartError::caused_by("reading files died", error))?;
        self.files = Some(files);
        Ok(done)
    }

    /// Warns, but not all the time.
    fn warn(&mut self, what: &'static str, say: impl FnOnce(u64)) {
        let now = Instant::now();
        let (last, suppressed) = self.warned.entry(what).or_insert((now, 0));
        if *last != now && now.duration_since(*last) < QUIET {
            *suppressed += 1;
            return;
        }
        *last = now;
        say(std::mem::take(suppressed));
    }
}

/// From a line to the pipelines.
struct Hand {
    outputs: Arc<Outputs>,
    memory: Arc<MemoryAccount>,
}

impl Hand {
    /// The telemetry of a line that some pipeline takes, with its share of the memory account.
    async fn parse(&self, text: &[u8]) -> Result<Vec<(Telemetry, Share)>, String> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let keys: HashMap<String, IgnoredAny> =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        for (signal, names) in SIGNALS {
            if self.outputs.get(signal).is_none() || !names.iter().any(|it| keys.contains_key(*it))
            {
                continue;
            }
            let share = self.memory.admit_when_free(text.len()).await;
            let mut share = share.map_err(|refusal| refusal.to_string())?;
            let telemetry = Telemetry::from_json(signal, text).map_err(|error| chain(&error))?;
            if !telemetry.is_empty() {
                share.resize(telemetry.pinned_len());
                found.push((telemetry, share));
            }
        }
        Ok(found)
    }

    /// Gives a line's telemetry to its pipelines, again and again while they have no room. Says what was refused for good.
    async fn give(
        &self,
        batches: Vec<(Telemetry, Share)>,
        line: Told,
        stop: &CancellationToken,
    ) -> Vec<ConsumeError> {
        let Some(more) = batches.len().checked_sub(1) else {
            line.settle(Outcome::Delivered);
            return Vec::new();
        };
        let parts = Arc::new(Parts {
            line,
            open: AtomicUsize::new(more + 1),
            worst: AtomicU8::new(Outcome::Delivered as u8),
        });
        let mut refusals = Vec::new();
        for (telemetry, share) in batches {
            let parts = Arc::clone(&parts);
            let receipt = Receipt::new(move |outcome| parts.settle(outcome));
            let batch = Batch::with_receipt(telemetry, receipt).charged(share);
            refusals.extend(self.offer(batch, stop).await);
        }
        refusals
    }

    async fn offer(&self, mut batch: Batch, stop: &CancellationToken) -> Option<ConsumeError> {
        let slot = self.outputs.get(batch.signal())?;
        let mut pause = FIRST_PAUSE;
        loop {
            let telemetry = batch.telemetry().clone();
            let Err(Refused { error, attached }) = slot.offer(batch).await else { return None };
            if error.is_permanent() {
                attached.resolve(Outcome::FailedForGood);
                return Some(error);
            }
            let wait = error.retry_after().unwrap_or_default().max(pause);
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                // It was not handed on, and is read again.
                attached.resolve(Outcome::FailedForNow);
                return None;
            }
            pause = (pause * 2).min(LAST_PAUSE);
            batch = Batch::from_parts(telemetry, attached);
        }
    }
}

/// The keys of each signal's messages, in both spellings.
const SIGNALS: [(Signal, [&str; 2]); 3] = [
    (Signal::Traces, ["resourceSpans", "resource_spans"]),
    (Signal::Metrics, ["resourceMetrics", "resource_metrics"]),
    (Signal::Logs, ["resourceLogs", "resource_logs"]),
];

/// A line whose fate is open.
struct Told {
    progress: Arc<Progress>,
    range: Range<u64>,
}

impl Told {
    fn settle(&self, outcome: Outcome) {
        self.progress.settle(&self.range, outcome);
    }
}

/// The signals of one line: it has the worst of their outcomes, when the last of them is known.
struct Parts {
    line: Told,
    open: AtomicUsize,
    worst: AtomicU8,
}

impl Parts {
    fn settle(&self, outcome: Outcome) {
        self.worst.fetch_max(outcome as u8, Ordering::Relaxed);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            let worst = self.worst.load(Ordering::Relaxed);
            let outcomes = [
                Outcome::Delivered,
                Outcome::Dropped,
                Outcome::FailedForGood,
                Outcome::FailedForNow,
            ];
            let worst = outcomes.into_iter().find(|outcome| *outcome as u8 == worst);
            self.line.settle(worst.unwrap_or(Outcome::FailedForNow));
        }
    }
}
