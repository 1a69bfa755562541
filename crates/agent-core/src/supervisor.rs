//! The one task that owns the collector.

use std::sync::Arc;
use std::time::Duration;

use collector::{Collector, Failure, PrepareError, Prepared, Registry, chain};
use config::{Document, Problems};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::configuration::{Configuration, LoadError};
use crate::status::{CollectorState, Status};

/// How long the components of a new configuration may take to claim what they need.
const PREPARE: Duration = Duration::from_secs(30);
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
            Self::Plan(_) => "plan",
            Self::Prepare(_) | Self::Slow => "start",
            Self::Store { .. } => "store",
        }
    }

    /// Whether the same document would be refused again as long as nothing else changes.
    fn stands(&self) -> bool {
        matches!(self, Self::Load(LoadError::Invalid(_)) | Self::Plan(_))
    }

    /// The problems in the document, when it is the document that is wrong.
    fn problems(&self) -> Option<&Problems> {
        match self {
            Self::Plan(problems) | Self::Load(LoadError::Invalid(problems)) => Some(problems),
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
}

impl Supervisor {
    pub(crate) fn new(
        registry: Arc<Registry>,
        configuration: Configuration,
        collector: Collector,
        status: watch::Sender<Status>,
    ) -> Self {
        Self { registry, configuration, collector, status, refused: None, applied: None }
    }

    /// Boots from the host, obeys commands, and stops within its deadline when `shutdown` is cancelled.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        shutdown: CancellationToken,
    ) {
        shutdown.run_until_cancelled(self.boot()).await;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = self.collector.failed() => self.note_failures(),
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

    async fn boot(&mut self) {
        match self.load_and_prepare().await {
            Ok(prepared) => self.switch(prepared),
            Err(refusal) => {
                refusal.log(None, "the collector does not run");
                self.status.send_replace(Status {
                    collector: CollectorState::Stopped,
                    last_error: Some(report(None, &refusal)),
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
            self.status.send_modify(|status| status.last_error = None);
            self.note_failures();
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
                refusal.log(Some(&digest), "new configuration refused, the previous one stays");
                self.note(report(Some(&digest), &refusal));
                self.refused = refusal.stands().then_some(yaml);
            }
        }
    }

    async fn try_apply(&mut self, yaml: &str) -> Result<Prepared, Refusal> {
        let document = self.configuration.parse(yaml, "pushed configuration")?;
        let prepared = self.prepare(&document).await?;
        self.configuration.store(yaml).map_err(|source| Refusal::Store {
            path: self.configuration.path().display().to_string(),
            source,
        })?;
        Ok(prepared)
    }

    async fn reload(&mut self) {
        match self.load_and_prepare().await {
            Ok(prepared) => {
                info!("configuration read again");
                self.switch(prepared);
                self.applied = None;
                self.refused = None;
            }
            Err(refusal) => {
                refusal.log(None, "reload refused, the previous configuration stays");
                self.note(report(None, &refusal));
            }
        }
    }

    async fn load_and_prepare(&mut self) -> Result<Prepared, Refusal> {
        let document = self.configuration.load()?;
        self.prepare(&document).await
    }

    async fn prepare(&mut self, document: &Document) -> Result<Prepared, Refusal> {
        let plan = collector::plan(document, &self.registry).map_err(Refusal::Plan)?;
        for warning in plan.warnings() {
            warn!("{warning}");
        }
        match time::timeout(PREPARE, self.collector.prepare(&plan)).await {
            Ok(prepared) => Ok(prepared?),
            Err(_) => Err(Refusal::Slow),
        }
    }

    fn switch(&mut self, prepared: Prepared) {
        self.collector.switch(prepared);
        self.status.send_replace(Status { collector: CollectorState::Running, last_error: None });
    }

    /// Remembers that a component ended on its own. The rest runs on.
    fn note_failures(&self) {
        if let Some(Failure { component, error }) = self.collector.failures().pop() {
            self.note(format!("{component} failed: {error}").replace('\n', " "));
        }
    }

    /// Remembers what went wrong; what runs, runs on.
    fn note(&self, error: String) {
        self.status.send_modify(|status| status.last_error = Some(error));
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
