//! How the collector is: two questions that have little to do with each other.
//!
//! *Sound* is about the host: everything has started, and nothing has broken. *Delivering* is about destinations: a backend
//! that is away does not make the agent unsound, and restarting the agent would not bring it back.

use std::time::Duration;

use chrono::{Local, SecondsFormat};
use component::ledger::ComponentName;
use component::overview::Running;
use component::{Kind, Status, StatusEvent};
use serde::Serialize;

/// How the collector is.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    pub(crate) sound: bool,
    pub(crate) delivering: bool,
    /// What speaks against either.
    pub(crate) problems: Vec<Problem>,
}

/// One component that is not well.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) affects: Affects,
    pub(crate) component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pipeline: Option<String>,
    pub(crate) status: String,
    pub(crate) since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Which of the two questions a problem answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Affects {
    Sound,
    Delivering,
}

impl Health {
    /// The health of what runs. An exporter may fail for as long as `limit`.
    pub(crate) fn of(running: &Running, limit: Duration) -> Self {
        let mut problems = Vec::new();
        for (component, status) in &running.components {
            let event = status.event();
            let affected = affected(component.kind, &event, limit);
            problems.extend(affected.map(|affects| Problem::new(affects, component, &event)));
        }
        let none = |affects| problems.iter().all(|problem: &Problem| problem.affects != affects);
        Self {
            sound: running.ready && none(Affects::Sound),
            delivering: running.ready && none(Affects::Delivering),
            problems,
        }
    }
}

/// What a component's status speaks against.
fn affected(kind: Kind, event: &StatusEvent, limit: Duration) -> Option<Affects> {
    match (event.status, kind) {
        (Status::Ok, _) => None,
        // It runs and tries; whoever cannot start says the same, but no exporter does.
        (Status::RecoverableError, Kind::Exporter) => {
            Some(Affects::Delivering).filter(|_| event.since.elapsed() > limit)
        }
        _ => Some(Affects::Sound),
    }
}

impl Problem {
    fn new(affects: Affects, component: &ComponentName, event: &StatusEvent) -> Self {
        let since = Local::now() - event.since.elapsed();
        Self {
            affects,
            component: format!("{}:{}", component.kind, component.id),
            pipeline: component.pipeline.clone(),
            status: event.status.to_string(),
            since: since.to_rfc3339_opts(SecondsFormat::Millis, true),
            error: event.error.as_deref().map(str::to_owned),
        }
    }
}
