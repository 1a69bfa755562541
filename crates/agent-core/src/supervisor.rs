//! The one task that owns the collector.

use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use collector::{Collector, Failure, Occasion, PrepareError, Prepared, Registry, chain};
use config::{Document, Problems};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::configuration::{Configuration, LoadError};
use crate::status::{CollectorState, Status};

/// How long the components of a new configuration may take to claim what they need.
const PREPARE: Duration = Duration::from_secs(30);
/// The pauses between tries to boot when a component could not start.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long everything may take to stop.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// What the supervisor is asked to do. The answer comes when it is done, or never when the agent stops first.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take this document, if it is good, in place of what runs, and keep it.
    Apply { yaml: String, done: oneshot::Sender<()> },
    /// Remember that what was pushed is no document at all.
    Refuse { error: String, done: oneshot::Sender<()> },
    /// Read the local file again.
    Reload { done: oneshot::Sender<()> },
}

/// Why a configuration does not run. The phases are those of the transaction.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{0}")]
    Plan(Problems),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error("its components did not come up within {} s", PREPARE.as_secs())]
    Slow,
    #[error("cannot store it at {path}")]
    Store { path: String, source: std::io::Error },
}

impl Refusal {
    /// The step at which it was refused.
    fn phase(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Plan(_) | Self::Prepare(PrepareError::Create(_)) => "plan",
            Self::Prepare(_) | Self::Slow => "start",
            Self::Store { .. } => "store",
        }
    }

    /// Whether the host may let it run later, without anybody changing the document.
    fn may_pass(&self) -> bool {
        let is_of_the_host =
            matches!(self, Self::Prepare(_) | Self::Slow | Self::Load(LoadError::Elsewhere(_)));
        is_of_the_host && !self.stands()
    }

    /// Whether the same document would be refused again as long as nothing else changes.
    fn stands(&self) -> bool {
        self.problems().is_some() && !matches!(self, Self::Load(LoadError::Elsewhere(_)))
    }

    /// The problems in the document, when it is the document that is wrong.
    fn problems(&self) -> Option<&Problems> {
        match self {
            Self::Plan(problems)
            | Self::Load(LoadError::Invalid(problems) | LoadError::Elsewhere(problems))
            | Self::Prepare(PrepareError::Create(problems)) => Some(problems),
            _ => None,
        }
    }

    /// Says what was refused, and why: each problem in a line of its own.
    fn log(&self, digest: Option<&str>, consequence: &str) {
        let phase = self.phase();
        match self.problems() {
            None => error!(digest, phase, error = chain(self), "{consequence}"),
            Some(problems) => {
                error!(digest, phase, problems = problems.len(), "{consequence}");
                for problem in problems.iter() {
                    error!("{problem}");
                }
            }
        }
    }

    /// The first problem and how many there are besides, in one line, for the update API.
    fn summary(&self) -> String {
        match self.problems() {
            Some(problems) => {
                let mut lines = problems.iter();
                let first = lines.next().map(ToString::to_string).unwrap_or_default();
                match lines.count() {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
            None => chain(self).replace('\n', " "),
        }
    }
}

/// Owns the collector and everything that is known about its configuration.
#[derive(Debug)]
pub(crate) struct Supervisor {
    registry: Arc<Registry>,
    configuration: Configuration,
    collector: Collector,
    status: watch::Sender<Status>,
    /// The pushed document that was refused for reasons of its own. Being offered it again triggers nothing.
    refused: Option<String>,
    /// The pushed document that runs.
    applied: Option<String>,
    /// What was wrong with the last configuration. Failures of components are not kept here: they come and go.
    refusal: Option<String>,
    /// When to try to boot again, and the pause after that try.
    next_boot: Option<(Instant, Duration)>,
}

impl Supervisor {
    pub(crate) fn new(
        registry: Arc<Registry>,
        configuration: Configuration,
        collector: Collector,
        status: watch::Sender<Status>,
    ) -> Self {
        Self {
            registry,
            configuration,
            collector,
            status,
            refused: None,
            applied: None,
            refusal: None,
            next_boot: None,
        }
    }

    /// Boots from the host, obeys commands, and stops within its deadline when `shutdown` is cancelled.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        shutdown: CancellationToken,
    ) {
        shutdown.run_until_cancelled(self.boot(FIRST_PAUSE)).await;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.collector.failed() => self.show_errors(),
                () = self.collector.watch() => {}
                pause = due(self.next_boot) => {
                    shutdown.run_until_cancelled(self.boot(pause)).await;
                }
                // A command that the shutdown interrupts has changed nothing, or everything.
                Some(command) = commands.recv() => {
                    shutdown.run_until_cancelled(self.obey(command)).await;
                }
            }
        }
        let abandoned = self.collector.stop(Instant::now() + SHUTDOWN).await;
        for component in abandoned {
            warn!(component = component.component, "abandoned at the shutdown deadline");
        }
        info!("stopped");
        self.status.send_modify(|status| status.collector = CollectorState::Stopped);
    }

    /// Runs the local file. When a component cannot start, that is tried again after `pause`.
    async fn boot(&mut self, pause: Duration) {
        self.next_boot = None;
        match self.load_and_prepare(Occasion::Boot).await {
            Ok(prepared) => self.switch(prepared),
            Err(refusal) => {
                refusal.log(None, "the collector does not run");
                if refusal.may_pass() {
                    info!(?pause, "will try to start it again");
                    let next = (pause * 2).min(LONGEST_PAUSE);
                    self.next_boot = Some((Instant::now() + pause, next));
                }
                self.refusal = Some(report(None, &refusal));
                self.status.send_replace(Status {
                    collector: CollectorState::Stopped,
                    last_error: self.refusal.clone(),
                });
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        let done = match command {
            Command::Apply { yaml, done } => {
                self.apply(yaml).await;
                done
            }
            Command::Refuse { error, done } => {
                error!(error, "new configuration refused, the previous one stays");
                self.note(error.replace('\n', " "));
                done
            }
            Command::Reload { done } => {
                self.reload().await;
                done
            }
        };
        if done.send(()).is_err() {
            debug!("whoever asked has gone; what was done stands");
        }
    }

    /// The transaction: plan, create and acquire, store, switch. The steps before the last touch nothing that runs, and
    /// the last cannot fail.
    async fn apply(&mut self, yaml: String) {
        if self.refused.as_deref() == Some(&yaml) {
            warn!("the configuration that was refused is offered again; nothing has changed");
            return;
        }
        if self.applied.as_deref() == Some(&yaml) && self.collector.is_running() {
            info!("the configuration that runs is offered again; nothing to do");
            // What was refused since is not wanted any more.
            self.refused = None;
            self.refusal = None;
            self.show_errors();
            return;
        }
        match self.try_apply(&yaml).await {
            Ok(prepared) => {
                info!(digest = digest(&yaml), "new configuration");
                self.switch(prepared);
                self.refused = None;
                self.applied = Some(yaml);
            }
            Err(refusal) => {
                let digest = digest(&yaml);
                self.collector.resume();
                refusal.log(Some(&digest), "new configuration refused, the previous one stays");
                self.note(report(Some(&digest), &refusal));
                self.refused = refusal.stands().then_some(yaml);
            }
        }
    }

    async fn try_apply(&mut self, yaml: &str) -> Result<Prepared, Refusal> {
        let (configuration, text) = (self.configuration.clone(), yaml.to_owned());
        let document = read(move || configuration.parse(&text, "pushed configuration")).await?;
        let prepared = self.prepare(&document, Occasion::Change).await?;
        self.configuration.store(yaml).map_err(|source| Refusal::Store {
            path: self.configuration.path().unwrap_or(Path::new("")).display().to_string(),
            source,
        })?;
        Ok(prepared)
    }

    async fn reload(&mut self) {
        match self.load_and_prepare(self.occasion()).await {
            Ok(prepared) => {
                info!("configuration read again");
                self.switch(prepared);
                self.applied = None;
                self.refused = None;
            }
            Err(refusal) => {
                self.collector.resume();
                refusal.log(None, "reload refused, the previous configuration stays");
                self.note(report(None, &refusal));
            }
        }
    }

    async fn load_and_prepare(&mut self, occasion: Occasion) -> Result<Prepared, Refusal> {
        let configuration = self.configuration.clone();
        let document = read(move || configuration.load()).await?;
        self.prepare(&document, occasion).await
    }

    /// As long as nothing runs, reading the local file is booting.
    fn occasion(&self) -> Occasion {
        if self.collector.is_running() { Occasion::Change } else { Occasion::Boot }
    }

    async fn prepare(
        &mut self,
        document: &Document,
        occasion: Occasion,
    ) -> Result<Prepared, Refusal> {
        let plan = collector::plan(document, &self.registry).map_err(Refusal::Plan)?;
        for warning in plan.warnings() {
            warn!("{warning}");
        }
        match time::timeout(PREPARE, self.collector.prepare(&plan, occasion)).await {
            Ok(prepared) => Ok(prepared?),
            Err(_) => Err(Refusal::Slow),
        }
    }

    fn switch(&mut self, prepared: Prepared) {
        self.collector.switch(prepared);
        self.next_boot = None;
        self.refusal = None;
        self.status.send_modify(|status| status.collector = CollectorState::Running);
        self.show_errors();
    }

    /// Remembers what was wrong with a configuration; what runs, runs on.
    fn note(&mut self, error: String) {
        self.refusal = Some(error);
        self.show_errors();
    }

    /// Shows the last refusal or else a component that does not run. The rest runs on.
    fn show_errors(&self) {
        let failure = self.collector.failures().into_iter().next();
        let failure = failure.map(|Failure { component, error }| {
            format!("{component} failed: {error}").replace('\n', " ")
        });
        let error = self.refusal.clone().or(failure);
        self.status.send_modify(|status| status.last_error = error);
    }
}

/// Reads a document where that may block: its sources may be on other hosts, and the supervisor has to stay alive.
async fn read(
    load: impl FnOnce() -> Result<Document, LoadError> + Send + 'static,
) -> Result<Document, LoadError> {
    match spawn_blocking(load).await {
        Ok(document) => document,
        Err(died) => panic::resume_unwind(died.into_panic()),
    }
}

/// Waits for a moment and gives what goes with it; for ever without one.
async fn due(next: Option<(Instant, Duration)>) -> Duration {
    match next {
        Some((at, pause)) => {
            time::sleep_until(at).await;
            pause
        }
        None => std::future::pending().await,
    }
}

/// One line that says what was refused: digest, phase, first problem.
fn report(digest: Option<&str>, refusal: &Refusal) -> String {
    let subject = digest.map(|digest| format!(" {digest}")).unwrap_or_default();
    format!("configuration{subject} refused ({}): {}", refusal.phase(), refusal.summary())
}

/// The first twelve hex digits of the document's SHA-256, enough to tell documents apart.
fn digest(yaml: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, yaml.as_bytes());
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
