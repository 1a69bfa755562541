//! Building an agent and running it.

use std::fmt;
use std::sync::Arc;

use collector::{BuildInfo, Collector, Process, Registry};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use updater::{ConfigSource, Schedule};

use crate::checks::{Checks, Identity};
use crate::configuration::Configuration;
use crate::status::Status;
use crate::supervisor::{Command, Supervisor};

/// Commands that may wait for the supervisor. One asker each is the rule; more wait for a place.
const COMMANDS: usize = 4;

/// An agent inside this program. See the crate's documentation for an example.
#[derive(Debug)]
pub struct Agent {
    /// Taken by the first [`run`](Self::run).
    parts: Mutex<Option<Parts>>,
    controller: Controller,
    process: Process,
}

#[derive(Debug)]
struct Parts {
    supervisor: Supervisor,
    commands: mpsc::Receiver<Command>,
    checks: Option<Checks>,
}

/// Why an agent could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The list of components is missing.
    #[error("an agent needs a registry of components")]
    NoRegistry,
    /// It was not said where the configuration is.
    #[error("an agent needs to know where its configuration is")]
    NoConfiguration,
}

/// Why an agent does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It was started before.
    #[error("agent already running")]
    AlreadyRunning,
}

/// Asks a running agent for things, from any task. Clones control the same agent.
#[derive(Clone, Debug)]
pub struct Controller {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
}

impl Controller {
    /// Lets the agent read its local configuration again, and waits until that is done. What came of it is in
    /// [`status`](Self::status). Returns at once when the agent does not run any more.
    pub async fn reload(&self) {
        self.ask(|done| Command::Reload { done }).await;
    }

    /// The agent's state, and a way to wait for its changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    pub(crate) async fn apply(&self, yaml: String) {
        self.ask(|done| Command::Apply { yaml, done }).await;
    }

    pub(crate) async fn refuse(&self, error: String) {
        self.ask(|done| Command::Refuse { error, done }).await;
    }

    async fn ask(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, answered) = oneshot::channel();
        if self.commands.send(command(done)).await.is_ok() {
            // An error means that the agent stopped before it came to it.
            drop(answered.await);
        }
    }
}

impl Agent {
    /// Begins to describe an agent.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// For asking the agent things while it runs.
    pub fn controller(&self) -> Controller {
        self.controller.clone()
    }

    /// The tables that the agent's components share: the ledger, counters, the memory account.
    pub fn process(&self) -> Process {
        self.process.clone()
    }

    /// Runs until `shutdown` is cancelled, then drains and stops, within 30 s.
    ///
    /// A configuration that is missing or refused does not end the agent: it goes on asking for a better one.
    ///
    /// # Errors
    ///
    /// [`RunError::AlreadyRunning`] when it was run before.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), RunError> {
        let Parts { supervisor, commands, checks } =
            self.parts.lock().take().ok_or(RunError::AlreadyRunning)?;
        let tasks = TaskTracker::new();
        if let Some(checks) = checks {
            tasks.spawn(checks.run(self.controller(), shutdown.clone()));
        }
        tasks.close();
        supervisor.run(commands, shutdown).await;
        tasks.wait().await;
        Ok(())
    }
}

/// Describes an agent.
#[derive(Default)]
pub struct Builder {
    registry: Option<Registry>,
    configuration: Option<Configuration>,
    build: Option<BuildInfo>,
    checks: Option<(Arc<dyn ConfigSource>, Schedule)>,
    identity: Identity,
    allow_insecure_endpoint: bool,
    workers: Option<Handle>,
}

impl Builder {
    /// The components that a configuration may use. Required.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Where the collector's configuration is. Required.
    #[must_use]
    pub fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = Some(configuration);
        self
    }

    /// How the agent presents itself. Default: `kmagent` and this crate's version.
    #[must_use]
    pub fn build_info(mut self, build: BuildInfo) -> Self {
        self.build = Some(build);
        self
    }

    /// Where newer configurations come from, and when to ask. Default: nowhere, never.
    #[must_use]
    pub fn updates(mut self, source: Arc<dyn ConfigSource>, schedule: Schedule) -> Self {
        self.checks = Some((source, schedule));
        self
    }

    /// What the agent tells the update API about itself.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Whether configurations may send the API key over plain http to other hosts. Default: they may not.
    #[must_use]
    pub fn allow_insecure_endpoint(mut self, allow: bool) -> Self {
        self.allow_insecure_endpoint = allow;
        self
    }

    /// The runtime that components run on. Default: the one that runs the agent.
    ///
    /// With one of their own, a component that blocks its thread cannot keep the agent from noticing, naming it, and
    /// stopping in time.
    #[must_use]
    pub fn workers(mut self, workers: Handle) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The agent, ready to run.
    ///
    /// # Errors
    ///
    /// Something required is missing.
    pub fn build(self) -> Result<Agent, BuildError> {
        let registry = self.registry.ok_or(BuildError::NoRegistry)?;
        let configuration = self.configuration.ok_or(BuildError::NoConfiguration)?;
        let build = self.build.unwrap_or_else(|| BuildInfo {
            command: "kmagent".into(),
            description: "kmagent".into(),
            version: env!("CARGO_PKG_VERSION").into(),
        });
        let (asks, commands) = mpsc::channel(COMMANDS);
        let (told, status) = watch::channel(Status::STARTING);
        let collector = Collector::new(build).allow_insecure_endpoint(self.allow_insecure_endpoint);
        let collector = match self.workers {
            Some(workers) => collector.on(workers),
            None => collector,
        };
        let process = collector.process().clone();
        let supervisor = Supervisor::new(Arc::new(registry), configuration, collector, told);
        let identity = self.identity;
        let checks = self.checks.map(|(source, schedule)| Checks::new(source, schedule, identity));
        let parts = Parts { supervisor, commands, checks };
        let controller = Controller { commands: asks, status };
        Ok(Agent { parts: Mutex::new(Some(parts)), controller, process })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("configuration", &self.configuration)
            .field("build", &self.build)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
