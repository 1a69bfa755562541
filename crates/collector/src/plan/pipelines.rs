//! The `service` section: which components run, and how they are connected.

use std::fmt;

use component::Signal;
use config::{ComponentId, Node, Problems, Value};

use super::components::Configured;
use super::{PipelinePlan, Spec};
use crate::registry::{CreateExtension, Registry};
use component::Kind;

/// The id of a pipeline: `traces`, or `traces/frontend`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PipelineId(ComponentId);

impl fmt::Display for PipelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the document configures, for checking references.
pub(super) struct Declared<'a> {
    pub(super) configured: &'a Configured,
    pub(super) registry: &'a Registry,
}

impl Declared<'_> {
    /// The kind of the component that a pipeline may name in its list of this kind. Connectors stand on both sides.
    fn find(&self, kind: Kind, id: &ComponentId) -> Option<Kind> {
        let Configured { receivers, processors, exporters, connectors, extensions, .. } =
            self.configured;
        let connector = connectors.contains_key(id).then_some(Kind::Connector);
        let found = match kind {
            Kind::Receiver => receivers.contains_key(id),
            Kind::Processor => return processors.contains_key(id).then_some(kind),
            Kind::Exporter => exporters.contains_key(id),
            Kind::Connector => return connector,
            Kind::Extension => return extensions.contains_key(id).then_some(kind),
        };
        found.then_some(kind).or(connector)
    }
}

/// What `service` says.
pub(super) struct Service {
    pub(super) extensions: Vec<(ComponentId, Spec<CreateExtension>)>,
    pub(super) pipelines: Vec<PipelinePlan>,
}

/// Reads `service`. Of a pipeline that has problems, whatever is right comes back, so that its components count as used.
pub(super) fn read(root: &Node, declared: &Declared<'_>, problems: &mut Problems) -> Service {
    const KEYS: [&str; 3] = ["extensions", "pipelines", "telemetry"];
    let service = root.get("service");
    problems.within("service", service, |problems| {
        let map = service.and_then(Node::as_map);
        for (key, _) in map.into_iter().flat_map(config::Map::iter) {
            if !KEYS.contains(&key) {
                problems.unknown_key(key, KEYS);
            }
        }
        let telemetry = telemetry(map.and_then(|map| map.get("telemetry")), declared, problems);
        let mut extensions =
            extensions(map.and_then(|map| map.get("extensions")), declared, problems);
        // It starts before all others and ends after them.
        extensions.splice(0..0, telemetry);
        let node = map.and_then(|map| map.get("pipelines"));
        let pipelines =
            problems.within("pipelines", node, |problems| pipelines(node, declared, problems));
        Service { extensions, pipelines }
    })
}

/// The program's own telemetry, as it is without the section too.
fn telemetry(
    node: Option<&Node>,
    declared: &Declared<'_>,
    problems: &mut Problems,
) -> Option<(ComponentId, Spec<CreateExtension>)> {
    let node = node.cloned().unwrap_or_default();
    let Some(entry) = &declared.registry.telemetry else {
        if !node.is_null() {
            problems.not_supported("telemetry");
        }
        return None;
    };
    let create =
        problems.within("telemetry", Some(&node), |problems| (entry.read)(&node, problems))?;
    let span = node.span().clone();
    Some((ComponentId::new(entry.info.type_name.as_str()), Spec { create, node, span }))
}

/// The extensions that run, each once.
fn extensions(
    node: Option<&Node>,
    declared: &Declared<'_>,
    problems: &mut Problems,
) -> Vec<(ComponentId, Spec<CreateExtension>)> {
    let mut running: Vec<(ComponentId, Spec<CreateExtension>)> = Vec::new();
    problems.within("extensions", node, |problems| {
        for (element, id) in ids(node, problems) {
            match declared.configured.extensions.get(&id) {
                None => problems.reject(&element, not_configured(Kind::Extension, &id)),
                Some(Some(spec)) if running.iter().all(|(other, _)| *other != id) => {
                    running.push((id, spec.clone()));
                }
                Some(_) => {}
            }
        }
    });
    running
}

fn pipelines(
    node: Option<&Node>,
    declared: &Declared<'_>,
    problems: &mut Problems,
) -> Vec<PipelinePlan> {
    let map = match node.map(|node| (node, node.as_map())) {
        Some((_, Some(map))) if !map.is_empty() => map,
        Some((node, None)) if !node.is_null() => {
            problems.wrong_type(node, "map");
            return Vec::new();
        }
        _ => {
            problems.add("", "service must have at least one pipeline");
            return Vec::new();
        }
    };
    let read = map.iter().filter_map(|(key, node)| {
        let id = ComponentId::parse(key).map_err(|error| error.to_string());
        let signal = id.as_ref().ok().and_then(|id| signal(id.component_type()));
        problems.within(key, Some(node), |problems| {
            let id = match id {
                Ok(id) => id,
                Err(error) => {
                    problems.reject(node, error);
                    return None;
                }
            };
            let Some(signal) = signal else {
                problems.reject(node, unknown_signal(key, &id));
                return None;
            };
            Some(pipeline(PipelineId(id), signal, node, declared, problems))
        })
    });
    read.collect()
}

fn signal(name: &str) -> Option<Signal> {
    [Signal::Traces, Signal::Metrics, Signal::Logs]
        .into_iter()
        .find(|signal| signal.to_string() == name)
}

fn unknown_signal(key: &str, id: &ComponentId) -> String {
    let name = id.component_type();
    if name == "profiles" {
        return "pipelines of profiles are not supported yet".to_owned();
    }
    format!("in \"{key}\" id: unknown pipeline signal: \"{name}\"")
}

fn pipeline(
    id: PipelineId,
    signal: Signal,
    node: &Node,
    declared: &Declared<'_>,
    problems: &mut Problems,
) -> PipelinePlan {
    const KEYS: [&str; 3] = ["receivers", "processors", "exporters"];
    for (key, _) in node.as_map().into_iter().flat_map(config::Map::iter) {
        if !KEYS.contains(&key) {
            problems.unknown_key(key, KEYS);
        }
    }
    if !node.is_null() && node.as_map().is_none() {
        problems.wrong_type(node, "map");
    }
    let mut references = |kind| references(kind, signal, node, declared, problems);
    let receivers = references(Kind::Receiver);
    let processors = references(Kind::Processor);
    let exporters = references(Kind::Exporter);
    let processors = processors.into_iter().filter_map(|id| {
        let create = declared.configured.processors.get(&id)?.clone()?;
        Some((id, create))
    });
    let processors = processors.collect();
    PipelinePlan { id, signal, receivers, processors, exporters }
}

/// One of a pipeline's three lists: every name once, and only names of components that are there and support the signal.
fn references(
    kind: Kind,
    signal: Signal,
    pipeline: &Node,
    declared: &Declared<'_>,
    problems: &mut Problems,
) -> Vec<ComponentId> {
    let list = pipeline.get(kind.section());
    let elements = problems.within(kind.section(), list, |problems| ids(list, problems));
    let is_empty = list.is_none_or(|list| list.as_list().is_none_or(<[Node]>::is_empty));
    if is_empty && kind != Kind::Processor {
        problems.add("", format!("must have at least one {kind}"));
    }
    let mut known: Vec<ComponentId> = Vec::new();
    for (element, id) in elements {
        let Some(found) = declared.find(kind, &id) else {
            problems.reject(&element, not_configured(kind, &id));
            continue;
        };
        let info = declared.registry.info(found, &id);
        if known.contains(&id) {
            // Upstream takes a receiver or exporter that is named twice for one.
            if kind == Kind::Processor {
                problems.reject(&element, format!("references processor \"{id}\" multiple times"));
            }
        } else if found == kind && info.is_some_and(|info| !info.supports(signal)) {
            let message = format!(
                "failed to create \"{id}\" {kind} for data type \"{signal}\": telemetry type is not supported"
            );
            problems.reject(&element, message);
        } else {
            known.push(id);
        }
    }
    known
}

/// The ids in a list, with the nodes that hold them.
fn ids(list: Option<&Node>, problems: &mut Problems) -> Vec<(Node, ComponentId)> {
    let Some(list) = list else { return Vec::new() };
    let Some(elements) = list.as_list() else {
        if !list.is_null() {
            problems.wrong_type(list, "list");
        }
        return Vec::new();
    };
    let read = elements.iter().filter_map(|element| {
        let id = ComponentId::read(element, problems)?;
        Some((element.clone(), id))
    });
    read.collect()
}

fn not_configured(kind: Kind, id: &ComponentId) -> String {
    format!("references {kind} \"{id}\" which is not configured")
}
