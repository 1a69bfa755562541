//! One component's life, from its start to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::{
    CancellationToken, Kind, Lifecycle, Status, StatusReporter, chain, contain, panic_message,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, info_span, warn};

use crate::graph::Recreate;
use crate::name::{Name, Part};

/// The pauses between tries to start a component again.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A component that has run this long has got well: its next failure begins with a short pause.
const WELL: Duration = Duration::from_secs(300);

/// The components that do not run although they should.
#[derive(Default)]
pub(super) struct Failures {
    pub(super) by_name: Mutex<BTreeMap<Name, String>>,
    /// Wakes whoever waits for a change.
    pub(super) changed: Notify,
}

impl Failures {
    fn add(&self, name: &Name, error: String) {
        self.by_name.lock().insert(name.clone(), error);
        self.changed.notify_one();
    }

    /// The component runs, or another has taken its place.
    pub(super) fn remove(&self, name: &Name) {
        if self.by_name.lock().remove(name).is_some() {
            self.changed.notify_one();
        }
    }

    /// Forgets the failures of components that are gone.
    pub(super) fn keep(&self, keep: impl Fn(&Name) -> bool) {
        self.by_name.lock().retain(|name, _| keep(name));
    }
}

/// What a component needs to live.
pub(super) struct Life {
    pub(super) name: Arc<Name>,
    pub(super) status: StatusReporter,
    /// Set for components that are started again when they end.
    pub(super) recreate: Option<Recreate>,
    pub(super) failures: Arc<Failures>,
    pub(super) stop: CancellationToken,
}

/// How a life begins.
pub(super) enum Start {
    /// With a component that has all it needs.
    Acquired(Box<dyn Lifecycle>),
    /// By building it once more after a pause: its first try to start has failed, or it was stopped for nothing.
    Again {
        /// How long to wait first.
        pause: Duration,
    },
}

/// Runs a component until it is told to stop. An end that nobody asked for is a failure; a component that can be started
/// again is, after pauses that grow.
pub(super) async fn live(life: Life, start: Start) {
    let (mut lifecycle, mut pause) = match start {
        Start::Acquired(lifecycle) => (Some(lifecycle), FIRST_PAUSE),
        Start::Again { pause } => (None, pause),
    };
    if let Some(error) = life.status.event().error.filter(|_| lifecycle.is_none()) {
        life.failures.add(&life.name, error.to_string());
    }
    loop {
        if let Some(lifecycle) = lifecycle.take() {
            let started = Instant::now();
            let Err(error) = life.run(lifecycle).await else { return };
            if started.elapsed() > WELL {
                pause = FIRST_PAUSE;
            }
            error!(error, "component failed");
            life.failed(error);
        }
        let Some(recreate) = life.recreate.clone() else { return };
        if life.stop.run_until_cancelled(sleep(pause)).await.is_none() {
            life.status.report(Status::Stopped, None);
            return;
        }
        pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        match start_again(&recreate).await {
            Ok(again) => {
                info!("started after failures");
                life.failures.remove(&life.name);
                lifecycle = Some(again);
            }
            Err(error) => {
                warn!(error, next_try = ?pause, "still cannot start");
                life.failed(error);
            }
        }
    }
}

impl Life {
    async fn run(&self, lifecycle: Box<dyn Lifecycle>) -> Result<(), String> {
        debug!("started");
        self.status.ok();
        match contain(lifecycle.run(self.stop.clone())).await {
            Ok(Ok(())) if self.stop.is_cancelled() => {
                debug!("stopped");
                self.status.report(Status::Stopped, None);
                Ok(())
            }
            Ok(Ok(())) => Err("ended before it was told to".to_owned()),
            Ok(Err(error)) => Err(chain(&error)),
            Err(panic) => Err(format!("panicked: {panic}")),
        }
    }

    fn failed(&self, error: String) {
        if self.stop.is_cancelled() {
            self.status.report(Status::Stopped, Some(error.into()));
            return;
        }
        let shown: Arc<str> = error.as_str().into();
        match self.recreate {
            Some(_) => self.status.recoverable_error(shown),
            None => self.status.permanent_error(shown),
        }
        self.failures.add(&self.name, error);
    }
}

async fn start_again(recreate: &Recreate) -> Result<Box<dyn Lifecycle>, String> {
    let create = std::panic::AssertUnwindSafe(|| recreate());
    let created = std::panic::catch_unwind(create).map_err(|panic| panic_message(&*panic))?;
    let mut lifecycle = created.map_err(|error| chain(&error))?;
    contain(lifecycle.acquire()).await?.map_err(|error| chain(&error))?;
    Ok(lifecycle)
}

pub(super) fn span(name: &Name) -> tracing::Span {
    let Name { kind, id, part } = name;
    match (kind, part) {
        (Kind::Processor, Part::In(pipeline)) => info_span!("processor", %id, %pipeline),
        (Kind::Processor, _) => info_span!("processor", %id),
        (Kind::Receiver, _) => info_span!("receiver", %id),
        (Kind::Exporter, _) => info_span!("exporter", %id),
        (Kind::Connector, _) => info_span!("connector", %id),
        (Kind::Extension, _) => info_span!("extension", %id),
    }
}
