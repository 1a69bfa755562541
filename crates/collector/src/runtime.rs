//! The running graph: start, switch, stop.

use std::sync::Arc;
use std::time::Duration;

use component::{BuildInfo, CancellationToken, ComponentId, Process, Settings, chain, contain};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::graph::{self, Member, PrepareError, Prepared};
use crate::kind::{Kind, Name};
use crate::plan::Plan;

/// A component that ended although nobody told it to.
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

/// How long the graph that was replaced may take to drain.
const DRAIN: Duration = Duration::from_secs(30);

/// Runs one graph at a time and changes it for another without a gap.
pub struct Collector {
    /// What every component gets, but for its id.
    settings: Settings,
    graph: Option<Graph>,
    /// Wakes whoever waits for a failure.
    failed: Arc<Notify>,
    /// The drains of graphs that were replaced.
    retiring: TaskTracker,
}

impl Collector {
    /// A collector that runs nothing yet.
    pub fn new(build: BuildInfo) -> Self {
        let id = ComponentId::new("collector");
        let settings = Settings::new(Kind::Extension, id, Process::default(), build);
        let failed = Arc::default();
        Self { settings, graph: None, failed, retiring: TaskTracker::new() }
    }

    /// Whether the agent's API key may go over plain http to other hosts. Without a word it may not.
    #[must_use]
    pub fn allow_insecure_endpoint(mut self, allow: bool) -> Self {
        self.settings.allow_insecure_endpoint = allow;
        self
    }

    /// Creates and acquires every component of a plan. What runs is not touched: sockets that both need are shared
    /// until the old owner ends.
    ///
    /// # Errors
    ///
    /// The first component that could not be created or acquired. Everything that was claimed is given back.
    pub async fn prepare(&self, plan: &Plan) -> Result<Prepared, PrepareError> {
        let mut prepared = graph::create(plan, &self.settings)?;
        graph::acquire(&mut prepared).await?;
        Ok(prepared)
    }

    /// Starts a prepared graph and lets the one that ran before drain in the background, from its receivers to its
    /// exporters, for up to 30 s.
    pub fn switch(&mut self, prepared: Prepared) {
        let old = self.graph.replace(Graph::start(prepared, &self.failed));
        if let Some(old) = old {
            self.retiring.spawn(old.stop(Instant::now() + DRAIN));
        }
    }

    /// Stops what runs and what still drains, from receivers to exporters. Returns what had to be abandoned at the
    /// deadline. Stopping a collector that does not run is harmless.
    pub async fn stop(&mut self, deadline: Instant) -> Vec<Abandoned> {
        let abandoned = match self.graph.take() {
            Some(graph) => graph.stop(deadline).await,
            None => Vec::new(),
        };
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

    /// Waits until a component has ended on its own. One that did so while nobody waited is not missed.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    /// The components of the running graph that ended on their own.
    pub fn failures(&self) -> Vec<Failure> {
        self.graph.as_ref().map(|graph| graph.failures.lock().clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("running", &self.is_running()).finish_non_exhaustive()
    }
}

struct Graph {
    /// By rank, as they were started.
    running: Vec<Running>,
    failures: Arc<Mutex<Vec<Failure>>>,
    tasks: TaskTracker,
}

struct Running {
    name: Name,
    rank: usize,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Graph {
    /// Starts every member, from exporters to receivers.
    fn start(prepared: Prepared, failed: &Arc<Notify>) -> Self {
        let tasks = TaskTracker::new();
        let failures = Arc::new(Mutex::new(Vec::new()));
        let start = |member: Member| {
            let stop = CancellationToken::new();
            let (name, rank) = (member.name.clone(), member.rank);
            let span = span(&name);
            let (failures, failed) = (Arc::clone(&failures), Arc::clone(failed));
            let stopped = stop.clone();
            let life = async move {
                if let Err(failure) = live(member, stopped).await {
                    failures.lock().push(failure);
                    failed.notify_one();
                }
            };
            let life = life.instrument(span);
            Running { name, rank, stop, task: tasks.spawn(life) }
        };
        let running = prepared.members.into_iter().map(start).collect();
        info!("everything is ready, begin running and processing data");
        Self { running, failures, tasks }
    }

    /// Stops rank by rank, from receivers to exporters, under one deadline. A rank gets an equal share of the time that is
    /// left, so that one component that hangs does not cost the ranks after it their chance to drain.
    async fn stop(mut self, deadline: Instant) -> Vec<Abandoned> {
        let mut abandoned = Vec::new();
        while let Some(rank) = self.running.last().map(|last| last.rank) {
            let share = deadline.saturating_duration_since(Instant::now()) / self.ranks();
            let deadline = Instant::now() + share;
            let first = self.running.partition_point(|running| running.rank < rank);
            let peers = self.running.split_off(first);
            peers.iter().for_each(|peer| peer.stop.cancel());
            for Running { name, mut task, .. } in peers {
                if time::timeout_at(deadline, &mut task).await.is_err() {
                    warn!(component = %name, "still busy at the shutdown deadline, data in flight may be lost");
                    task.abort();
                    abandoned.push(Abandoned { component: name.to_string() });
                }
            }
        }
        self.tasks.close();
        abandoned
    }

    /// How many ranks still run; at least one.
    fn ranks(&self) -> u32 {
        let ranks = self.running.chunk_by(|a, b| a.rank == b.rank).count();
        u32::try_from(ranks).unwrap_or(u32::MAX).max(1)
    }
}

/// One component's life, from its start to its end; an end that nobody asked for is a failure.
async fn live(member: Member, stop: CancellationToken) -> Result<(), Failure> {
    debug!("started");
    let error = match contain(member.lifecycle.run(stop.clone())).await {
        Ok(Ok(())) if stop.is_cancelled() => {
            debug!("stopped");
            return Ok(());
        }
        Ok(Ok(())) => "ended before it was told to".to_owned(),
        Ok(Err(error)) => chain(&error),
        Err(panic) => format!("panicked: {panic}"),
    };
    error!(error, "component failed");
    Err(Failure { component: member.name.to_string(), error })
}

fn span(name: &Name) -> tracing::Span {
    let Name { kind, id, pipeline } = name;
    match (kind, pipeline) {
        (Kind::Processor, Some(pipeline)) => info_span!("processor", %id, %pipeline),
        (Kind::Processor, None) => info_span!("processor", %id),
        (Kind::Receiver, _) => info_span!("receiver", %id),
        (Kind::Exporter, _) => info_span!("exporter", %id),
        (Kind::Connector, _) => info_span!("connector", %id),
        (Kind::Extension, _) => info_span!("extension", %id),
    }
}

#[cfg(test)]
mod tests;
