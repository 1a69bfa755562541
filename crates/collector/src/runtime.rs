//! The running graph: start, switch, stop.

mod life;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::meter::Instruments;
use component::overview::{Overview, Pipeline};
use component::{
    BuildInfo, CancellationToken, ComponentId, Kind, Meter, Process, Settings, Status,
};
use config::Problems;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{self, Instant};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error, info, warn};

use crate::graph::{
    self, Current, Fresh, Member, Occasion, PrepareError, Prepared, Recreate, names,
};
use crate::name::Name;
use crate::plan::Plan;
use crate::runtime::life::{Failures, Start, live, span};
use crate::watch::Watch;

/// A component that ended although nobody told it to, or cannot start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kind and id, as in `receiver "otlp"`.
    pub component: String,
    /// Why, in one line.
    pub error: String,
}

/// A component that was still busy at the deadline and was given up. What it held may be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    /// Kind and id, as in `exporter "otlp_http"`.
    pub component: String,
}

/// How long a component may take to make way for its successor.
const PAUSE: Duration = Duration::from_secs(10);
/// How long components that were replaced may take to drain.
const DRAIN: Duration = Duration::from_secs(30);

/// A component that keeps a thread for longer than this without a pause is blamed for it.
const PATIENCE: Duration = Duration::from_secs(5);
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Runs one graph at a time and changes it for another without a gap: what is the same in both goes on running.
pub struct Collector {
    /// What every component gets, but for its id.
    settings: Settings,
    graph: Option<Graph>,
    failures: Arc<Failures>,
    overview: Arc<Overview>,
    watch: Watch,
    /// Who was blamed for blocking a thread when it was last looked at.
    blamed: Mutex<BTreeMap<Name, Duration>>,
    /// Where components run; without it, wherever the collector is called.
    workers: Option<Handle>,
    /// The lives of components.
    tasks: TaskTracker,
    /// The drains of components that were replaced.
    retiring: TaskTracker,
}

impl Collector {
    /// A collector that runs nothing yet.
    pub fn new(build: BuildInfo) -> Self {
        let id = ComponentId::new("collector");
        let process = Process::default();
        let overview = process.table();
        let meter = Meter::new(process.table::<Instruments>());
        let settings = Settings { meter, ..Settings::new(Kind::Extension, id, process, build) };
        let failures = Arc::default();
        let (tasks, retiring) = (TaskTracker::new(), TaskTracker::new());
        Self {
            settings,
            graph: None,
            failures,
            overview,
            watch: Watch::default(),
            blamed: Mutex::default(),
            workers: None,
            tasks,
            retiring,
        }
    }

    /// Runs the components on another runtime than the one that calls this collector. A component that blocks its thread
    /// then cannot keep the caller from noticing, and from stopping the rest in time.
    #[must_use]
    pub fn on(mut self, workers: Handle) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Whether the agent's API key may go over plain http to other hosts. Without a word it may not.
    #[must_use]
    pub fn allow_insecure_endpoint(mut self, allow: bool) -> Self {
        self.settings.allow_insecure_endpoint = allow;
        self
    }

    /// The tables of the process that the components share: counters, the ledger, what runs.
    pub fn process(&self) -> &Process {
        &self.settings.process
    }

    /// Creates every component of a plan and throws it away: finds what can be wrong with it beyond the document's words,
    /// without touching anything.
    ///
    /// # Errors
    ///
    /// Every component that could not be built.
    pub fn check(&self, plan: &Plan) -> Result<(), Problems> {
        graph::create(plan, &self.settings, &self.watch, &Current::new()).map(drop)
    }

    /// Creates and acquires every component of a plan that does not run already. What runs is not touched: sockets that
    /// both need are shared until the old owner ends. Only a component that cannot share what it holds with its successor
    /// ([`Lifecycle::is_exclusive`](component::Lifecycle::is_exclusive)) is stopped first.
    ///
    /// Whoever does not [`switch`](Self::switch) to what was prepared calls [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// Everything that could not be created, or the first component that could not be acquired. Everything that was claimed
    /// is given back, and what was stopped runs again.
    pub async fn prepare(
        &mut self,
        plan: &Plan,
        occasion: Occasion,
    ) -> Result<Prepared, PrepareError> {
        let current = self.graph.as_ref().map(|graph| graph.healthy(&self.failures));
        let current = current.unwrap_or_default();
        let created = {
            let _workers = self.workers.as_ref().map(Handle::enter);
            graph::create(plan, &self.settings, &self.watch, &current)
        };
        let created = created.map_err(PrepareError::Create)?;
        self.pause(&created.exclusive()).await;
        let acquire = graph::acquire(created, occasion);
        // A task of its own, on the components' runtime: there belong the sockets that it opens. Dropped with this future.
        let mut task = JoinSet::new();
        match &self.workers {
            Some(workers) => task.spawn_on(acquire, workers),
            None => task.spawn(acquire),
        };
        let acquired = match task.join_next().await {
            Some(Ok(acquired)) => acquired,
            _ => unreachable!(
                "panics of components are caught, and the task lives as long as this future"
            ),
        };
        if acquired.is_err() {
            self.resume();
        }
        acquired
    }

    /// Stops components that must not run beside their successors.
    async fn pause(&mut self, names: &[Name]) {
        let running = self.graph.iter_mut().flat_map(|graph| &mut graph.running);
        for running in running.filter(|running| names.contains(&running.member.name)) {
            running.paused = true;
            running.stop.cancel();
            if time::timeout(PAUSE, &mut running.task).await.is_err() {
                warn!(component = %running.member.name, "does not stop for its successor, its data in flight may be lost");
                running.task.abort();
            }
        }
    }

    /// Starts again what was stopped for a change that did not come. Harmless when nothing was.
    pub fn resume(&mut self) {
        let Some(mut graph) = self.graph.take() else { return };
        for running in graph.running.iter_mut().filter(|running| running.paused) {
            let Some(recreate) = running.recreate.clone() else { continue };
            info!(component = %running.member.name, "the change has failed, starting again");
            running.member.status.report(Status::Starting, None);
            let first = Start::Again { pause: Duration::ZERO };
            (running.stop, running.task) = self.live(&running.member, first, Some(recreate));
            running.paused = false;
        }
        self.graph = Some(graph);
    }

    /// Starts what is new in a prepared graph, turns the outputs of what is kept, and lets the rest of the old graph drain in
    /// the background, from its receivers to its exporters, for up to 30 s. It must be the graph that was prepared last.
    pub fn switch(&mut self, prepared: Prepared) {
        let Prepared { fresh, kept, wiring, pipelines } = prepared;
        fresh.iter().for_each(|fresh| self.failures.remove(&fresh.member.name));
        let added = names(fresh.iter().map(|fresh| &fresh.member.name));
        let mut old = self.graph.take().map(|graph| graph.running).unwrap_or_default();
        let is_first = old.is_empty();
        let mut running: Vec<Running> = fresh.into_iter().map(|fresh| self.start(fresh)).collect();
        for (slot, consumer) in wiring {
            slot.point_to(consumer);
        }
        for (name, rank) in kept {
            if let Some(place) = old.iter().position(|running| running.member.name == name) {
                let mut running_on = old.remove(place);
                running_on.member.rank = rank;
                running.push(running_on);
            }
        }
        running.sort_by_key(|running| running.member.rank);
        let graph = Graph { running, pipelines };
        self.show(&graph, Readiness::Ready);
        if is_first {
            info!("everything is ready, begin running and processing data");
        } else {
            Change::between(added, &old, graph.running.len()).log();
        }
        self.failures.keep(|name| graph.running.iter().any(|it| it.member.name == *name));
        self.graph = Some(graph);
        if !old.is_empty() {
            self.retiring.spawn(stop(old, Instant::now() + DRAIN));
        }
    }

    /// Stops what runs and what still drains, from receivers to exporters and extensions. Returns what had to be abandoned
    /// at the deadline. Stopping a collector that does not run is harmless.
    pub async fn stop(&mut self, deadline: Instant) -> Vec<Abandoned> {
        let abandoned = match self.graph.take() {
            Some(graph) => {
                self.show(&graph, Readiness::Stopping);
                stop(graph.running, deadline).await
            }
            None => Vec::new(),
        };
        self.failures.keep(|_| false);
        self.retiring.close();
        if time::timeout_at(deadline, self.retiring.wait()).await.is_err() {
            warn!("the previous configuration was still draining at the shutdown deadline");
        }
        self.retiring.reopen();
        abandoned
    }

    /// Whether a graph runs.
    pub fn is_running(&self) -> bool {
        self.graph.is_some()
    }

    /// Waits until a component has ended on its own, or has got well again. One that did so while nobody waited is not
    /// missed.
    pub async fn failed(&self) {
        self.failures.changed.notified().await;
    }

    /// The components of the running graph that do not run: they ended on their own, or could not start yet.
    pub fn failures(&self) -> Vec<Failure> {
        let failures = self.failures.by_name.lock();
        let failure = |(name, error): (&Name, &String)| Failure {
            component: name.to_string(),
            error: error.clone(),
        };
        failures.iter().map(failure).collect()
    }

    /// Names the components that block their threads, again and again, and says when that is over. It never ends.
    pub async fn watch(&self) {
        loop {
            time::sleep(WATCH_INTERVAL).await;
            let blocking: BTreeMap<_, _> = self.watch.blocking(PATIENCE).into_iter().collect();
            let mut blamed = self.blamed.lock();
            for (name, lasting) in &blocking {
                if !blamed.contains_key(name) {
                    error!(component = %name, ?lasting, "component blocks its thread; what shares the thread with it waits");
                }
            }
            for name in blamed.keys().filter(|name| !blocking.contains_key(name)) {
                info!(component = %name, "component does not block its thread any more");
            }
            *blamed = blocking;
        }
    }

    fn start(&self, fresh: Fresh) -> Running {
        let Fresh { member, lifecycle, recreate } = fresh;
        let first = match lifecycle {
            Some(lifecycle) => Start::Acquired(lifecycle),
            None => Start::Again { pause: life::FIRST_PAUSE },
        };
        let (stop, task) = self.live(&member, first, recreate.clone());
        Running { member, recreate, stop, task, paused: false }
    }

    fn live(
        &self,
        member: &Member,
        first: Start,
        recreate: Option<Recreate>,
    ) -> (CancellationToken, JoinHandle<()>) {
        let stop = CancellationToken::new();
        let name = Arc::new(member.name.clone());
        let life = life::Life {
            name: Arc::clone(&name),
            status: member.status.clone(),
            recreate,
            failures: Arc::clone(&self.failures),
            stop: stop.clone(),
        };
        let life = self.watch.over(&name, Box::pin(live(life, first)));
        let life = life.instrument(span(&name));
        let task = match &self.workers {
            Some(workers) => self.tasks.spawn_on(life, workers),
            None => self.tasks.spawn(life),
        };
        (stop, task)
    }

    fn show(&self, graph: &Graph, readiness: Readiness) {
        let components = graph.running.iter();
        let components =
            components.map(|it| (it.member.name.public(), it.member.status.clone())).collect();
        self.overview.set(component::overview::Running {
            ready: readiness == Readiness::Ready,
            components,
            pipelines: graph.pipelines.clone(),
        });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready,
    Stopping,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("running", &self.is_running()).finish_non_exhaustive()
    }
}

/// What a switch did, for the log.
struct Change {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
    kept: usize,
}

impl Change {
    fn between(new: Vec<String>, old: &[Running], total: usize) -> Self {
        let old = names(old.iter().map(|running| &running.member.name));
        let kept = total - new.len();
        let (changed, added): (Vec<_>, Vec<_>) =
            new.into_iter().partition(|name| old.contains(name));
        let removed = old.into_iter().filter(|name| !changed.contains(name)).collect();
        Self { added, changed, removed, kept }
    }

    fn log(&self) {
        let Self { added, changed, removed, kept } = self;
        let list = |names: &[String]| names.join(", ");
        info!(
            kept,
            changed = list(changed),
            added = list(added),
            removed = list(removed),
            "configuration changed"
        );
    }
}

struct Graph {
    /// By rank.
    running: Vec<Running>,
    pipelines: Vec<Pipeline>,
}

impl Graph {
    /// The components that may be kept.
    fn healthy(&self, failures: &Failures) -> Current<'_> {
        let failures = failures.by_name.lock();
        let members = self.running.iter().map(|running| &running.member);
        let healthy = members.filter(|member| !failures.contains_key(&member.name));
        healthy.map(|member| (&member.name, member)).collect()
    }
}

struct Running {
    member: Member,
    recreate: Option<Recreate>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Whether it was stopped for its successor.
    paused: bool,
}

/// Stops components rank by rank, from receivers to extensions, under one deadline. A rank gets an equal share of the time
/// that is left, so that one component that hangs does not cost the ranks after it their chance to drain.
async fn stop(mut running: Vec<Running>, deadline: Instant) -> Vec<Abandoned> {
    let mut abandoned = Vec::new();
    while let Some(rank) = running.last().map(|last| last.member.rank) {
        let share = deadline.saturating_duration_since(Instant::now()) / ranks(&running);
        let deadline = Instant::now() + share;
        let first = running.partition_point(|running| running.member.rank < rank);
        let peers = running.split_off(first);
        for peer in &peers {
            peer.member.status.report(Status::Stopping, None);
            peer.stop.cancel();
        }
        for Running { member, mut task, .. } in peers.into_iter().filter(|peer| !peer.paused) {
            if time::timeout_at(deadline, &mut task).await.is_err() {
                let name = &member.name;
                warn!(component = %name, "still busy at the shutdown deadline, data in flight may be lost");
                task.abort();
                member.status.report(Status::Stopped, None);
                abandoned.push(Abandoned { component: name.to_string() });
            }
        }
    }
    abandoned
}

/// How many ranks still run; at least one.
fn ranks(running: &[Running]) -> u32 {
    let ranks = running.chunk_by(|a, b| a.member.rank == b.member.rank).count();
    u32::try_from(ranks).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
