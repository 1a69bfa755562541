//! The sections of components: each entry is read by the factory of its type.

use std::collections::BTreeMap;

use config::{ComponentId, Node, Problems, suggest};

use super::Spec;
use crate::registry::{
    CreateConnector, CreateExporter, CreateExtension, CreateProcessor, CreateReceiver, Entry,
    Registry,
};
use component::Kind;

/// The configured components of one kind. `None` stands for one whose configuration is wrong: it is there, and references
/// to it are not wrong as well.
pub(super) type Components<C> = BTreeMap<ComponentId, Option<Spec<C>>>;

/// Everything that a document configures, used or not.
pub(super) struct Configured {
    pub(super) receivers: Components<CreateReceiver>,
    pub(super) processors: Components<CreateProcessor>,
    pub(super) exporters: Components<CreateExporter>,
    pub(super) connectors: Components<CreateConnector>,
    pub(super) extensions: Components<CreateExtension>,
    pub(super) warnings: Vec<String>,
}

/// Reads every component, whether a pipeline uses it or not.
pub(super) fn read(root: &Node, registry: &Registry, problems: &mut Problems) -> Configured {
    let mut reader = Reader { root, registry, problems, warnings: Vec::new() };
    let receivers = reader.section(Kind::Receiver, &registry.receivers);
    let processors = reader.section(Kind::Processor, &registry.processors);
    let exporters = reader.section(Kind::Exporter, &registry.exporters);
    let connectors = reader.section(Kind::Connector, &registry.connectors);
    let extensions = reader.section(Kind::Extension, &registry.extensions);
    for id in connectors.keys() {
        let ends = [
            (Kind::Receiver, receivers.contains_key(id)),
            (Kind::Exporter, exporters.contains_key(id)),
        ];
        for (other, _) in ends.iter().filter(|(_, taken)| *taken) {
            reader.ambiguous(Kind::Connector, *other, id);
        }
    }
    let warnings = reader.warnings;
    Configured { receivers, processors, exporters, connectors, extensions, warnings }
}

struct Reader<'a> {
    root: &'a Node,
    registry: &'a Registry,
    problems: &'a mut Problems,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// Reads one section.
    fn section<C>(&mut self, kind: Kind, entries: &[Entry<C>]) -> Components<C> {
        let mut components = Components::new();
        let Some(section) = self.root.get(kind.section()) else { return components };
        let Some(map) = section.as_map() else {
            if !section.is_null() {
                let name = kind.section();
                self.problems
                    .within(name, Some(section), |problems| problems.wrong_type(section, "map"));
            }
            return components;
        };
        for (key, node) in map.iter() {
            let span = map.key_span(key).cloned().unwrap_or_else(|| node.span().clone());
            let path = format!("{}::{key}", kind.section());
            let id = match ComponentId::parse(key) {
                Ok(id) => id,
                Err(error) => {
                    self.problem(&span, &path, error.to_string());
                    continue;
                }
            };
            if components.contains_key(&id) {
                let message = format!("duplicate name \"{key}\" after unmarshaling {id}");
                self.problem(&span, &path, message);
                continue;
            }
            let entry = entries.iter().find(|entry| entry.info.answers_to(id.component_type()));
            let create = match entry {
                Some(entry) => {
                    self.warn_of_alias(entry, &id);
                    self.problems.within(path, Some(node), |problems| (entry.read)(node, problems))
                }
                None => {
                    let mut problem = self.missing(kind, &id, &span);
                    problem.path = path;
                    self.problems.push(problem);
                    None
                }
            };
            let spec = create.map(|create| Spec { create, node: node.clone(), span });
            components.insert(id, spec);
        }
        components
    }

    fn problem(&mut self, span: &config::Span, path: &str, message: String) {
        let mut problem = config::Problem::new(span, message);
        problem.path = path.to_owned();
        self.problems.push(problem);
    }

    /// Pipelines name connectors among receivers and exporters, so an id can be only one of them.
    fn ambiguous(&mut self, kind: Kind, other: Kind, id: &ComponentId) {
        let section = self.root.get(kind.section()).and_then(Node::as_map);
        let span = section.and_then(|map| map.key_span(&id.to_string())).cloned();
        let message = format!(
            "ambiguous ID: Found both \"{id}\" {other} and \"{id}\" {kind}. Change one of the components' IDs to eliminate ambiguity (e.g. rename \"{id}\" {kind} to \"{id}/{kind}\")"
        );
        let path = format!("{}::{id}", kind.section());
        self.problem(&span.unwrap_or_else(config::Span::nowhere), &path, message);
    }

    fn warn_of_alias<C>(&mut self, entry: &Entry<C>, id: &ComponentId) {
        let (written, name) = (id.component_type(), entry.info.type_name);
        if written != name.as_str() {
            let kind = entry.info.kind;
            self.warnings.push(format!(
                "{kind} \"{id}\": \"{written}\" alias is deprecated; use \"{name}\" instead"
            ));
        }
    }

    /// What to say of a type that this build does not have.
    fn missing(&self, kind: Kind, id: &ComponentId, span: &config::Span) -> config::Problem {
        let written = id.component_type();
        let problem = |message| config::Problem::new(span, message);
        if kind == Kind::Exporter && written == "logging" {
            let message =
                "the logging exporter has been deprecated, use the debug exporter instead";
            return problem(message.to_owned());
        }
        if self.registry.is_upstream_only(kind, written) {
            return problem(format!("{kind} `{written}` is not supported yet"));
        }
        let valid = self.registry.type_names(kind);
        let hint = suggest::nearest(written, valid.iter().copied());
        let names = valid.join(" ");
        let mut problem = problem(format!(
            "unknown type: \"{written}\" for id: \"{id}\" (valid values: [{names}])"
        ));
        problem.hint = hint.map(|name| format!("did you mean `{name}`?"));
        problem.expected = Some(valid.join(", "));
        problem
    }
}
