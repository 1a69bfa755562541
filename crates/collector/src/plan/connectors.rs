//! Connectors: which pairs of signals are wanted of them, and in which order pipelines follow from it.

use std::collections::{BTreeMap, BTreeSet};

use component::{ComponentId, Signal};
use config::{Node, Problem, Problems, Span};

use super::components::Configured;
use super::{Connection, PipelineId, PipelinePlan};
use crate::registry::Registry;
use component::Kind;

/// The pipelines at both ends of a connector, with their signals.
#[derive(Default)]
struct Ends<'a> {
    /// It is their exporter.
    before: Vec<&'a PipelinePlan>,
    /// It is their receiver.
    after: Vec<&'a PipelinePlan>,
}

impl Ends<'_> {
    fn signals(pipelines: &[&PipelinePlan]) -> BTreeSet<Signal> {
        pipelines.iter().map(|pipeline| pipeline.signal).collect()
    }
}

/// Every connector that pipelines use, once for each pair of signals. One that leads nowhere, or from nowhere, is a
/// problem.
pub(super) fn connect(
    pipelines: &[PipelinePlan],
    configured: &Configured,
    registry: &Registry,
    problems: &mut Problems,
) -> Vec<Connection> {
    let mut connections = Vec::new();
    for (id, spec) in &configured.connectors {
        let Some(spec) = spec else { continue };
        let Some(info) = registry.info(Kind::Connector, id) else { continue };
        let ends = Ends {
            before: pipelines.iter().filter(|pipeline| pipeline.exporters.contains(id)).collect(),
            after: pipelines.iter().filter(|pipeline| pipeline.receivers.contains(id)).collect(),
        };
        let (from, to) = (Ends::signals(&ends.before), Ends::signals(&ends.after));
        for pipeline in &ends.before {
            if !to.iter().any(|to| info.connects(pipeline.signal, *to)) {
                problems.push(loose_end(&spec.span, id, "exporter", pipeline, "receiver"));
            }
        }
        for pipeline in &ends.after {
            if !from.iter().any(|from| info.connects(*from, pipeline.signal)) {
                problems.push(loose_end(&spec.span, id, "receiver", pipeline, "exporter"));
            }
        }
        for from in &from {
            for to in to.iter().filter(|to| info.connects(*from, **to)) {
                let (id, spec) = (id.clone(), spec.clone());
                connections.push(Connection { id, spec, from: *from, to: *to });
            }
        }
    }
    connections
}

/// Upstream's words.
fn loose_end(
    span: &Span,
    id: &ComponentId,
    role: &str,
    pipeline: &PipelinePlan,
    wanted: &str,
) -> Problem {
    let in_pipeline = &pipeline.id;
    let mut problem = Problem::new(
        span,
        format!(
            "connector \"{id}\" used as {role} in [{in_pipeline}] pipeline but not used in any supported {wanted} pipeline"
        ),
    );
    problem.path = format!("connectors::{id}");
    problem
}

/// Sorts pipelines from the ends to the beginnings. Data that goes round in circles is a problem.
pub(super) fn sort(
    pipelines: Vec<PipelinePlan>,
    connections: &[Connection],
    root: &Node,
    problems: &mut Problems,
) -> Vec<PipelinePlan> {
    let mut waiting: BTreeMap<PipelineId, PipelinePlan> =
        pipelines.into_iter().map(|pipeline| (pipeline.id.clone(), pipeline)).collect();
    let mut sorted: Vec<PipelinePlan> = Vec::with_capacity(waiting.len());
    loop {
        let ready: Vec<PipelineId> = waiting
            .values()
            .filter(|pipeline| fed_by(pipeline, waiting.values(), connections).next().is_none())
            .map(|pipeline| pipeline.id.clone())
            .collect();
        if ready.is_empty() {
            break;
        }
        sorted.extend(ready.iter().filter_map(|id| waiting.remove(id)));
    }
    if !waiting.is_empty() {
        let circle = circle(&waiting, connections);
        let service = root.get("service").unwrap_or(root);
        let mut problem = Problem::new(service.span(), format!("cycle detected: {circle}"));
        problem.path = "service::pipelines".to_owned();
        problems.push(problem);
        sorted.extend(waiting.into_values());
    }
    sorted
}

/// The pipelines among `all` that get data from a pipeline, with the connectors between.
fn fed_by<'a>(
    pipeline: &'a PipelinePlan,
    all: impl Iterator<Item = &'a PipelinePlan> + Clone,
    connections: &'a [Connection],
) -> impl Iterator<Item = (&'a Connection, &'a PipelinePlan)> {
    let leading = connections.iter().filter(|connection| {
        connection.from == pipeline.signal && pipeline.exporters.contains(&connection.id)
    });
    leading.flat_map(move |connection| {
        let all = all.clone();
        all.filter(|other| {
            other.signal == connection.to && other.receivers.contains(&connection.id)
        })
        .map(move |other| (connection, other))
    })
}

/// One way round, in upstream's words: from a connector over the processors of its pipeline to the next.
fn circle(pipelines: &BTreeMap<PipelineId, PipelinePlan>, connections: &[Connection]) -> String {
    let mut way: Vec<(PipelineId, String)> = Vec::new();
    let mut at = pipelines.values().next();
    while let Some(pipeline) = at {
        if let Some(begin) = way.iter().position(|(id, _)| *id == pipeline.id) {
            let mut steps: Vec<&str> = way[begin..].iter().map(|(_, step)| step.as_str()).collect();
            let first = steps[0].split(" -> ").next().unwrap_or_default();
            steps.push(first);
            return steps.join(" -> ");
        }
        // Every pipeline that is left feeds another that is left.
        let next = fed_by(pipeline, pipelines.values(), connections).next();
        let Some((connection, next)) = next else { break };
        let Connection { id, from, to, .. } = connection;
        let mut step = format!("connector \"{id}\" ({from} to {to})");
        for (id, _) in &next.processors {
            step += &format!(" -> processor \"{id}\" in pipeline \"{}\"", next.id);
        }
        way.push((pipeline.id.clone(), step));
        at = Some(next);
    }
    way.into_iter().map(|(_, step)| step).collect::<Vec<_>>().join(" -> ")
}
