//! From a document to a plan: everything that can be checked without side effects.

mod components;
mod connectors;
mod pipelines;

use component::{ComponentId, Signal};
use config::{Document, Node, Problem, Problems, Span};

use crate::registry::{
    CreateConnector, CreateExporter, CreateExtension, CreateProcessor, CreateReceiver, Registry,
};
use component::Kind;

pub(crate) use pipelines::PipelineId;

/// What is going to run. A document that gives a plan is valid.
pub struct Plan {
    /// The extensions that run, in the order in which `service::extensions` lists them.
    pub(crate) extensions: Vec<(ComponentId, Spec<CreateExtension>)>,
    /// The receivers that some pipeline uses, with the signals that are wanted of them.
    pub(crate) receivers: Vec<(ComponentId, Used<CreateReceiver>)>,
    /// The exporters that some pipeline uses, with the signals that are sent to them.
    pub(crate) exporters: Vec<(ComponentId, Used<CreateExporter>)>,
    /// The connectors that some pipeline uses, with the pairs of signals that are wanted of them.
    pub(crate) connectors: Vec<Connection>,
    /// From the ends to the beginnings: a pipeline comes after those that its connectors feed.
    pub(crate) pipelines: Vec<PipelinePlan>,
    warnings: Vec<String>,
}

/// How to build a component, and what it is built from.
pub(crate) struct Spec<C> {
    pub(crate) create: C,
    /// Its configuration: what is the same builds the same.
    pub(crate) node: Node,
    /// Where its id stands.
    pub(crate) span: Span,
}

impl<C: Clone> Clone for Spec<C> {
    fn clone(&self) -> Self {
        let Self { create, node, span } = self;
        Self { create: create.clone(), node: node.clone(), span: span.clone() }
    }
}

/// A component that exists once, whatever uses it.
pub(crate) struct Used<C> {
    pub(crate) spec: Spec<C>,
    /// At least one.
    pub(crate) signals: Vec<Signal>,
}

/// A connector between pipelines of one signal and pipelines of another.
pub(crate) struct Connection {
    pub(crate) id: ComponentId,
    pub(crate) spec: Spec<CreateConnector>,
    pub(crate) from: Signal,
    pub(crate) to: Signal,
}

/// One pipeline. Receivers and exporters, connectors among them, are named once each.
pub(crate) struct PipelinePlan {
    pub(crate) id: PipelineId,
    pub(crate) signal: Signal,
    pub(crate) receivers: Vec<ComponentId>,
    pub(crate) processors: Vec<(ComponentId, Spec<CreateProcessor>)>,
    pub(crate) exporters: Vec<ComponentId>,
}

impl Plan {
    /// What works but should be written otherwise, such as deprecated names.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.pipelines.iter().map(|pipeline| &pipeline.id)).finish()
    }
}

/// Checks a document against the components of a build. Nothing is created, opened or claimed.
///
/// # Errors
///
/// Every problem in the document, each with its place.
pub fn plan(document: &Document, registry: &Registry) -> Result<Plan, Problems> {
    let mut problems = Problems::new();
    let root = document.root();
    let configured = problems.within("", Some(root), |problems| {
        sections(root, problems);
        components::read(root, registry, problems)
    });
    let declared = pipelines::Declared { configured: &configured, registry };
    let service =
        problems.within("", Some(root), |problems| pipelines::read(root, &declared, problems));
    let pipelines::Service { extensions, pipelines } = service;
    let connections = connectors::connect(&pipelines, &configured, registry, &mut problems);
    let pipelines = connectors::sort(pipelines, &connections, root, &mut problems);
    let used_by = |ids: fn(&PipelinePlan) -> &[ComponentId], id: &ComponentId| {
        let users = pipelines.iter().filter(|pipeline| ids(pipeline).contains(id));
        let mut signals: Vec<_> = users.map(|pipeline| pipeline.signal).collect();
        signals.sort_unstable();
        signals.dedup();
        signals
    };
    let components::Configured { receivers, exporters, warnings, .. } = configured;
    let receivers = used(receivers, |id| used_by(|pipeline| &pipeline.receivers, id));
    let exporters = used(exporters, |id| used_by(|pipeline| &pipeline.exporters, id));
    let connectors = connections;
    let plan = Plan { extensions, receivers, exporters, connectors, pipelines, warnings };
    problems.into_result(plan)
}

/// The components that have a constructor and a user.
fn used<C>(
    configured: components::Components<C>,
    signals: impl Fn(&ComponentId) -> Vec<Signal>,
) -> Vec<(ComponentId, Used<C>)> {
    configured
        .into_iter()
        .filter_map(|(id, spec)| {
            let signals = signals(&id);
            let spec = spec.filter(|_| !signals.is_empty())?;
            Some((id, Used { spec, signals }))
        })
        .collect()
}

/// Checks the document's outermost keys.
fn sections(root: &Node, problems: &mut Problems) {
    let Some(map) = root.as_map() else {
        problems.reject(root, "must be a map");
        return;
    };
    let known = || Kind::ALL.into_iter().map(Kind::section);
    if !known().any(|section| map.get(section).is_some_and(|node| !node.is_null())) {
        problems.push(Problem::new(root.span(), "empty configuration file"));
        return;
    }
    for (key, _) in
        map.iter().filter(|(key, _)| *key != "service" && known().all(|name| name != *key))
    {
        problems.unknown_key(key, known().chain(["service"]));
    }
    for kind in [Kind::Receiver, Kind::Exporter] {
        let section = map.get(kind.section()).and_then(Node::as_map);
        if section.is_none_or(config::Map::is_empty) {
            let message = format!("no {kind} configuration specified in config");
            problems.push(Problem::new(root.span(), message));
        }
    }
}

#[cfg(test)]
mod tests;
