//! Asking for a newer configuration, again and again.

use std::fmt;
use std::sync::Arc;

use collector::chain;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use updater::Status::{Running, Stopped};
use updater::{Answer, CheckError, ConfigSource, Outcome, Report, Schedule};

use crate::agent::Controller;
use crate::status::Status;

/// What the agent tells the update API about itself that does not change while it runs.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Whether it runs in a container and watches its host from there.
    pub is_docker: bool,
    /// The host's name.
    pub hostname: String,
    /// The agent's version.
    pub agent_version: String,
    /// The upstream release whose configuration the collector speaks, with its `v`.
    pub collector_version: String,
}

/// The loop that asks.
pub(crate) struct Checks {
    source: Arc<dyn ConfigSource>,
    schedule: Schedule,
    identity: Identity,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl Checks {
    pub(crate) fn new(
        source: Arc<dyn ConfigSource>,
        schedule: Schedule,
        identity: Identity,
    ) -> Self {
        Self { source, schedule, identity }
    }

    /// Asks once the agent has booted, and then on schedule. No failure ends it, and none disturbs the collector.
    pub(crate) async fn run(mut self, agent: Controller, stop: CancellationToken) {
        let mut status = agent.status();
        let booted = status.wait_for(|status| !status.is_starting());
        if stop.run_until_cancelled(booted).await.is_none() {
            return;
        }
        while let Some(outcome) = stop.run_until_cancelled(self.check(&agent)).await {
            let next = self.schedule.next(outcome);
            if stop.run_until_cancelled(time::sleep_until(next)).await.is_none() {
                return;
            }
        }
    }

    /// One check, with all that follows from its answer.
    async fn check(&self, agent: &Controller) -> Outcome {
        let report = self.report(&agent.status().borrow());
        match self.source.check(&report).await {
            Ok(Answer::Unchanged) => Outcome::Success,
            Ok(Answer::Update(document)) => {
                info!("a new configuration was pushed");
                agent.apply(document.yaml().to_owned()).await;
                Outcome::Success
            }
            // The API works; what it sent does not.
            Err(error @ CheckError::InvalidDocument { .. }) => {
                agent.refuse(chain(&error)).await;
                Outcome::Success
            }
            Err(error) => {
                warn!(error = chain(&error), "update check failed");
                Outcome::Failure
            }
        }
    }

    fn report(&self, status: &Status) -> Report {
        let Identity { is_docker, hostname, agent_version, collector_version } =
            self.identity.clone();
        let collector = if status.is_running() { Running } else { Stopped };
        Report {
            is_docker,
            hostname,
            platform: updater::platform(is_docker).to_owned(),
            architecture: updater::architecture().to_owned(),
            agent_version,
            collector_version,
            agent_status: Running,
            collector_status: collector,
            last_error_message: status.last_error.clone().unwrap_or_default(),
        }
    }
}
