//! `kmagent print-config`: the configuration as it is understood, with secrets hidden.

use collector::{Kind, Registry};
use config::yaml::{TooLong, YamlWriter};
use config::{ComponentId, Document, Node, Schema};

/// The whole document as YAML. With origin every value says where it came from.
pub(crate) fn document(
    document: &Document,
    registry: &Registry,
    with_origin: bool,
) -> Result<String, TooLong> {
    let mut yaml = YamlWriter::new(with_origin);
    let Some(root) = document.root().as_map() else { return Ok(String::new()) };
    for (key, node) in root.iter() {
        let kind = Kind::ALL.into_iter().find(|kind| kind.section() == key);
        match (kind, node.as_map()) {
            (Some(kind), Some(components)) if !components.is_empty() => {
                yaml.heading(0, key);
                for (id, node) in components.iter() {
                    let id_of = ComponentId::parse(id).ok();
                    let shape = id_of.and_then(|id| registry.shape(kind, &id));
                    yaml.entry(1, id, node, shape.as_ref());
                }
            }
            _ if key == "service" => service(&mut yaml, key, node, registry),
            _ => yaml.entry(0, key, node, None),
        }
    }
    yaml.into_text()
}

fn service(yaml: &mut YamlWriter, key: &str, node: &Node, registry: &Registry) {
    let Some(service) = node.as_map().filter(|service| !service.is_empty()) else {
        return yaml.entry(0, key, node, Some(&Schema::Any));
    };
    yaml.heading(0, key);
    for (key, node) in service.iter() {
        let shape = match key {
            "extensions" | "pipelines" => Some(Schema::Any),
            "telemetry" => registry.telemetry_shape(),
            _ => None,
        };
        yaml.entry(1, key, node, shape.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use config::Environment;

    use super::*;
    use crate::{components, documentation};

    /// Whether both hold the same but for what is hidden. What a reference stood for may come back as its text.
    fn alike(original: &Node, again: &Node) -> bool {
        if again.as_str() == Some("[REDACTED]") {
            return true;
        }
        match (original.as_map(), original.as_list()) {
            (Some(map), _) => again.as_map().is_some_and(|again| {
                let same = |(key, node)| again.get(key).is_some_and(|again| alike(node, again));
                map.len() == again.len() && map.iter().all(same)
            }),
            (_, Some(list)) => again.as_list().is_some_and(|again| {
                list.len() == again.len() && list.iter().zip(again).all(|(a, b)| alike(a, b))
            }),
            // What a variable that is not set gives is the type's zero.
            _ => {
                original == again
                    || original.is_expanded()
                        && (original.is_null() || original.text() == again.text())
            }
        }
    }

    /// The texts in a document that may be documents themselves.
    fn add_texts(node: &Node, texts: &mut Vec<String>) {
        let of_map = node.as_map().into_iter().flat_map(|map| map.iter().map(|(_, node)| node));
        let of_list = node.as_list().into_iter().flatten();
        of_map.chain(of_list).for_each(|node| add_texts(node, texts));
        texts.extend(node.as_str().filter(|text| text.contains(':')).map(str::to_owned));
    }

    #[test]
    fn every_example_and_file_is_printed_so_that_it_means_the_same() {
        let registry = components::registry();
        let mut texts: Vec<String> = Vec::new();
        for path in documentation::files(".md") {
            let text = fs::read_to_string(path).unwrap();
            texts.extend(documentation::blocks(&text).map(str::to_owned));
        }
        texts.extend(
            documentation::files(".yaml").iter().map(|path| fs::read_to_string(path).unwrap()),
        );
        // What is wrong with them stays wrong, and nothing else becomes it.
        let wrong = |document: &Document| {
            let problems = collector::plan(document, &registry).err().unwrap_or_default();
            let mut paths: Vec<_> = problems.into_iter().map(|problem| problem.path).collect();
            paths.sort();
            paths
        };
        let mut seen = 0;
        while let Some(text) = texts.pop() {
            let Ok(original) = Document::from_text(&text, "c.yaml", &Environment::empty()) else {
                continue;
            };
            seen += 1;
            add_texts(original.root(), &mut texts);
            for with_origin in [false, true] {
                let printed = document(&original, &registry, with_origin).unwrap();
                let again = Document::from_text(&printed, "c.yaml", &Environment::empty());
                let again = again.unwrap_or_else(|problems| panic!("{problems}\n{printed}"));
                assert!(alike(original.root(), again.root()), "{text}\n{printed}");
                if !printed.contains("[REDACTED]") {
                    assert_eq!(wrong(&again), wrong(&original), "{printed}");
                }
            }
        }
        assert!(seen >= 100, "{seen} documents");
    }

    #[test]
    fn what_this_build_does_not_know_may_be_a_secret() {
        let yaml = "exporters:
  datadog: {api: {key: s3cret}}
  otlp_http: {haeders: {authorization: s3cret}, headers: s3cret}
  nop/s: s3cret
exproters: {x: s3cret}
service: {telemtry: {x: s3cret}, pipelines: {logs: {exporters: [otlp_http]}}}
";
        let original = Document::from_text(yaml, "c.yaml", &Environment::empty()).unwrap();
        let text = document(&original, &components::registry(), false).unwrap();
        assert!(!text.contains("s3cret") && text.contains("- otlp_http"), "{text}");
    }

    #[test]
    fn what_is_printed_means_the_same_and_hides_secrets() {
        let environment = Environment::empty().with("TOKEN", "s3cret").with("PORT", "4318");
        let yaml = "receivers: {otlp: {protocols: {http: {endpoint: 'localhost:${PORT}'}}}}
exporters:
  otlp_http/a: {endpoint: 'https://x', headers: {authorization: 'Bearer ${TOKEN}'}, timeout: 10s}
service: {pipelines: {logs/a: {receivers: [otlp], exporters: [otlp_http/a]}}}
";
        let original = Document::from_text(yaml, "c.yaml", &environment).unwrap();
        let text = document(&original, &components::registry(), false).unwrap();
        assert!(!text.contains("s3cret") && text.contains("[REDACTED]"), "{text}");
        let shown = text.replace("[REDACTED]", "Bearer s3cret");
        let again = Document::from_text(&shown, "", &Environment::empty()).unwrap();
        assert!(again.root().same_as(original.root()), "{text}");
        let text = document(&original, &components::registry(), true).unwrap();
        assert!(text.contains("timeout: 10s # c.yaml:3:"), "{text}");
    }
}
