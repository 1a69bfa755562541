//! What `validate` says: problems as text or JSON, and what an upstream file uses that this build lacks.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_core::LoadError;
use collector::{Kind, Registry};
use config::{Problem, Problems, Span, chain};
use serde_json::{Value, json};

/// What kind of problem it is, for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Upstream has the component, and this build hasn't.
    LackingComponent,
    /// Upstream has the option or value, and this build hasn't.
    LackingOption,
    /// A component that nobody knows.
    UnknownComponent,
    /// An option that nobody knows.
    UnknownOption,
    /// Anything else.
    Other,
}

impl Class {
    /// The messages tell: a refusal of what upstream has says "not supported yet", and the words for what is unknown are fixed.
    fn of(problem: &Problem) -> Self {
        let message = &problem.message;
        let is_component = || {
            Kind::ALL.into_iter().any(|kind| message.starts_with(&format!("{kind} `")))
                && problem.path.split("::").count() == 2
        };
        match message {
            _ if message.contains("not supported yet") && is_component() => Self::LackingComponent,
            _ if message.contains("not supported yet") => Self::LackingOption,
            _ if message.starts_with("unknown type: ") => Self::UnknownComponent,
            _ if message == "unknown key" => Self::UnknownOption,
            _ => Self::Other,
        }
    }
}

/// Everything that is wrong with a configuration that could not be loaded.
pub(crate) fn of_load(error: LoadError) -> Problems {
    let place = match &error {
        LoadError::Missing { path } | LoadError::Unreadable { path, .. } => {
            path.display().to_string()
        }
        LoadError::Invalid(_) | LoadError::Elsewhere(_) => String::new(),
    };
    match error {
        LoadError::Invalid(problems) | LoadError::Elsewhere(problems) => problems,
        other => {
            Problem::new(&Span { source: place.into(), line: 0, column: 0 }, chain(&other)).into()
        }
    }
}

/// The problems of loading, and those of the plan that are not theirs in other words: what could not be expanded fits no option
/// either.
pub(crate) fn with_consequences(mut problems: Problems, of_plan: Problems) -> Problems {
    let places: Vec<_> = problems.iter().map(place).collect();
    of_plan
        .into_iter()
        .filter(|problem| !places.contains(&place(problem)))
        .for_each(|problem| problems.push(problem));
    problems
}

fn place(problem: &Problem) -> Span {
    Span { source: Arc::clone(&problem.source), line: problem.line, column: problem.column }
}

/// Problems and warnings for machines. `docs/commands.md` has the form.
pub(crate) fn json(problems: &Problems, warnings: &[String]) -> Value {
    let one = |problem: &Problem| {
        json!({
            "file": &*problem.source,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "message": problem.message,
            "expected": problem.expected,
            "hint": problem.hint,
            "lacking": matches!(Class::of(problem), Class::LackingComponent | Class::LackingOption),
        })
    };
    let listed: Vec<_> = problems.iter().map(one).collect();
    json!({"valid": problems.is_empty(), "problems": listed, "warnings": warnings})
}

/// How often something is used, and what it may have been meant to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    count: usize,
    hint: Option<String>,
}

/// What a configuration uses that this build lacks, by path without the names of components and places in lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// Components that upstream has, as `receivers::type`.
    components: BTreeMap<String, Uses>,
    /// Options that upstream has.
    options: BTreeMap<String, Uses>,
    /// Components that nobody knows: misspelled, or of another distribution.
    unknown_components: BTreeMap<String, Uses>,
    /// Options that nobody knows.
    unknown_options: BTreeMap<String, Uses>,
    /// Problems of other kinds.
    others: usize,
}

impl Lacking {
    pub(crate) fn of(problems: &Problems, registry: &Registry) -> Self {
        let mut lacking = Self::default();
        for problem in problems.iter() {
            let uses = match Class::of(problem) {
                Class::LackingComponent => &mut lacking.components,
                Class::LackingOption => &mut lacking.options,
                Class::UnknownComponent => &mut lacking.unknown_components,
                Class::UnknownOption => &mut lacking.unknown_options,
                Class::Other => {
                    lacking.others += 1;
                    continue;
                }
            };
            let uses = uses.entry(folded(&problem.path, registry)).or_default();
            uses.count += 1;
            uses.hint = uses.hint.take().or_else(|| problem.hint.clone());
        }
        lacking
    }

    fn parts(&self) -> [(&'static str, &'static str, &BTreeMap<String, Uses>); 4] {
        [
            ("components", "components that this build does not support yet", &self.components),
            ("options", "options that this build does not support yet", &self.options),
            (
                "unknown_components",
                "components that neither upstream nor this build has",
                &self.unknown_components,
            ),
            ("unknown_options", "options that this build does not know", &self.unknown_options),
        ]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts().iter().all(|(_, _, uses)| uses.is_empty())
    }

    pub(crate) fn json(&self) -> Value {
        let mut json = json!({"other_problems": self.others});
        for (name, _, uses) in self.parts() {
            json[name] =
                uses.iter().map(|(what, uses)| (what.clone(), json!(uses.count))).collect();
        }
        json
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (_, title, uses) in self.parts() {
            if uses.is_empty() {
                continue;
            }
            text.push_str(&format!("{title}:\n"));
            for (what, Uses { count, hint }) in uses {
                let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                text.push_str(&format!("  {count:>4}  {what}{hint}\n"));
            }
        }
        if self.is_empty() {
            text.push_str("everything that this configuration uses is supported\n");
        }
        match self.others {
            0 => {}
            1 => text.push_str("1 problem of another kind: see `kmagent validate`\n"),
            others => {
                text.push_str(&format!(
                    "{others} problems of other kinds: see `kmagent validate`\n"
                ));
            }
        }
        text
    }
}

/// A path without the names of components and pipelines and without places in lists; a component's type under its present
/// name.
fn folded(path: &str, registry: &Registry) -> String {
    let mut segments: Vec<&str> = path.split("::").collect();
    let place = if segments.starts_with(&["service", "pipelines"]) { 2 } else { 1 };
    let kind = Kind::ALL.into_iter().find(|kind| kind.section() == segments[0]);
    if let Some(id) = segments.get_mut(place).filter(|_| kind.is_some() || place == 2) {
        *id = id.split('/').next().unwrap_or(id).trim();
        let of_kind = registry.components().into_iter().filter(|info| Some(info.kind) == kind);
        let mut renamed = of_kind.filter(|info| info.aliases.iter().any(|it| it.as_str() == *id));
        *id = renamed.next().map_or(*id, |info| info.type_name.as_str());
    }
    let segments = segments.into_iter().filter(|segment| segment.parse::<usize>().is_err());
    segments.collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use config::{Document, Environment};

    use super::*;
    use crate::components;

    fn problems(yaml: &str) -> Problems {
        let document = Document::from_text(yaml, "c.yaml", &Environment::empty()).unwrap();
        collector::plan(&document, &components::registry()).unwrap_err()
    }

    #[test]
    fn what_is_lacking_is_counted_by_component_and_option() {
        let problems = problems(
            "receivers:
  kafka:
  kafka/b:
  otlp: {protocols: {grpc: {auth: {authenticator: x}}}}
  otlp/b: {protocols: {grpc: {auth: {authenticator: x}}, http: {middlewares: []}}}
processors: {batch/x: {timout: 1s, send_batch_size: many}}
exporters:
  debugg:
  otlp_http/1: {endpoint: 'http://h', auth: {authenticator: x}}
  otlphttp/2: {endpoint: 'http://h', auth: {authenticator: x}}
service:
  pipelines:
    traces: {receivers: [otlp, kafka], exporters: [debugg]}
    profiles/x: {receivers: [otlp], exporters: [debugg]}
",
        );
        let lacking = Lacking::of(&problems, &components::registry());
        assert_eq!(
            lacking.json(),
            json!({
                "components": {"receivers::kafka": 2},
                "options": {
                    "exporters::otlp_http::auth": 2,
                    "receivers::otlp::protocols::grpc::auth": 2,
                    "receivers::otlp::protocols::http::middlewares": 1,
                    "service::pipelines::profiles": 1,
                },
                "unknown_components": {"exporters::debugg": 1},
                "unknown_options": {"processors::batch::timout": 1},
                "other_problems": 1,
            }),
            "{problems}"
        );
        let text = lacking.text();
        assert!(text.contains("   2  receivers::kafka\n"), "{text}");
        assert!(text.contains("   1  exporters::debugg (did you mean `debug`?)\n"), "{text}");
        assert!(text.ends_with("\n1 problem of another kind: see `kmagent validate`\n"), "{text}");
    }

    #[test]
    fn machines_get_every_part_of_a_problem() {
        let problems = problems(
            "receivers: {otpl: }\nexporters: {nop: }\nservice: {pipelines: {traces: {receivers: [otpl], exporters: [nop]}}}\n",
        );
        let json = json(&problems, &["old name".to_owned()]);
        assert_eq!(json["valid"], false);
        let first = &json["problems"][0];
        assert_eq!(
            (&first["file"], &first["line"], &first["column"]),
            (&json!("c.yaml"), &json!(1), &json!(13))
        );
        assert_eq!(first["path"], "receivers::otpl");
        assert_eq!(first["hint"], "did you mean `otlp`?");
        assert!(
            first["expected"].as_str().unwrap().split(", ").any(|name| name == "otlp"),
            "{first}"
        );
        assert_eq!(json["warnings"][0], "old name");
    }
}
