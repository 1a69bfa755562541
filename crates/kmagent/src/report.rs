//! What `validate` says: problems as text or JSON, and what an upstream file uses that this build lacks.

use std::collections::BTreeMap;

use agent_core::LoadError;
use config::{Problem, Problems};
use serde_json::{Value, json};

/// The words that every refusal of something that upstream has ends in.
const LACKING: &str = "is not supported yet";

/// Everything that is wrong with a configuration that could not be loaded.
pub(crate) fn of_load(error: LoadError) -> Problems {
    let place = match &error {
        LoadError::Missing { path } | LoadError::Unreadable { path, .. } => {
            path.display().to_string()
        }
        LoadError::Invalid(_) => String::new(),
    };
    match error {
        LoadError::Invalid(problems) => problems,
        other => Problem {
            source: place.into(),
            line: 0,
            column: 0,
            path: String::new(),
            message: chain(&other),
            hint: None,
        }
        .into(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Problems and warnings for machines. `docs/validate.md` has the form.
pub(crate) fn json(problems: &Problems, warnings: &[String]) -> Value {
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| {
            json!({
                "file": &*problem.source,
                "line": problem.line,
                "column": problem.column,
                "path": problem.path,
                "message": problem.message,
                "hint": problem.hint,
                "lacking": is_lacking(problem),
            })
        })
        .collect();
    json!({"valid": problems.is_empty(), "problems": problems, "warnings": warnings})
}

fn is_lacking(problem: &Problem) -> bool {
    problem.message.contains(LACKING)
}

/// What a configuration uses that this build lacks, and how often.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    /// Components, as `receivers::type`.
    components: BTreeMap<String, usize>,
    /// Options, by path without names and places in lists.
    options: BTreeMap<String, usize>,
    /// Problems of other kinds.
    others: usize,
}

impl Lacking {
    pub(crate) fn of(problems: &Problems) -> Self {
        let mut lacking = Self::default();
        for problem in problems.iter() {
            let path = folded(&problem.path);
            let counts = match (is_lacking(problem), path.split("::").count()) {
                (false, _) => {
                    lacking.others += 1;
                    continue;
                }
                (true, ..=2) if !path.starts_with("service") => &mut lacking.components,
                (true, _) => &mut lacking.options,
            };
            *counts.entry(path).or_default() += 1;
        }
        lacking
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.components.is_empty() && self.options.is_empty()
    }

    pub(crate) fn json(&self) -> Value {
        json!({"components": self.components, "options": self.options, "other_problems": self.others})
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (title, counts) in [("components", &self.components), ("options", &self.options)] {
            if counts.is_empty() {
                continue;
            }
            text.push_str(&format!("{title} that this build does not support yet:\n"));
            for (what, count) in counts {
                text.push_str(&format!("  {count:>4}  {what}\n"));
            }
        }
        if self.is_empty() {
            text.push_str("everything that this configuration uses is supported\n");
        }
        if self.others > 0 {
            let others = self.others;
            text.push_str(&format!(
                "{others} problems of other kinds: see `kmagent validate`
"
            ));
        }
        text
    }
}

/// A path without the names of components and without places in lists.
fn folded(path: &str) -> String {
    let segments = path.split("::").filter(|segment| segment.parse::<usize>().is_err());
    let segments = segments.map(|segment| match segment.split_once('/') {
        Some((component, _)) => component,
        None => segment.split('[').next().unwrap_or(segment),
    });
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
exporters: {debugg: }
service: {pipelines: {traces: {receivers: [otlp, kafka], exporters: [debugg]}}}
",
        );
        let lacking = Lacking::of(&problems);
        let counts = |counts: &[(&str, usize)]| {
            counts.iter().map(|(path, count)| ((*path).to_owned(), *count)).collect()
        };
        assert_eq!(lacking.components, counts(&[("receivers::kafka", 2)]));
        assert_eq!(
            lacking.options,
            counts(&[
                ("receivers::otlp::protocols::grpc::auth", 2),
                ("receivers::otlp::protocols::http::middlewares", 1)
            ])
        );
        assert_eq!(lacking.others, 1, "{problems}");
        assert!(lacking.text().contains("   2  receivers::kafka\n"), "{}", lacking.text());
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
        assert_eq!(json["warnings"][0], "old name");
    }
}
