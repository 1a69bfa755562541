//! `kmagent print-config`: the configuration as it is understood, with secrets hidden.

use collector::{Kind, Registry};
use config::yaml::YamlWriter;
use config::{ComponentId, Document, Node};

/// The whole document as YAML. With origin every value says where it came from.
pub(crate) fn document(document: &Document, registry: &Registry, with_origin: bool) -> String {
    let mut yaml = YamlWriter::new(with_origin);
    let Some(root) = document.root().as_map() else { return String::new() };
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
        return yaml.entry(0, key, node, None);
    };
    yaml.heading(0, key);
    for (key, node) in service.iter() {
        let shape = registry.telemetry_shape().filter(|_| key == "telemetry");
        yaml.entry(1, key, node, shape.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use config::Environment;

    use super::*;
    use crate::components;

    #[test]
    fn what_is_printed_means_the_same_and_hides_secrets() {
        let environment = Environment::empty().with("TOKEN", "s3cret").with("PORT", "4318");
        let yaml = "receivers: {otlp: {protocols: {http: {endpoint: 'localhost:${PORT}'}}}}
exporters:
  otlp_http/a: {endpoint: 'https://x', headers: {authorization: 'Bearer ${TOKEN}'}, timeout: 10s}
service: {pipelines: {logs/a: {receivers: [otlp], exporters: [otlp_http/a]}}}
";
        let original = Document::from_text(yaml, "c.yaml", &environment).unwrap();
        let text = document(&original, &components::registry(), false);
        assert!(!text.contains("s3cret") && text.contains("[REDACTED]"), "{text}");
        let shown = text.replace("[REDACTED]", "Bearer s3cret");
        let again = Document::from_text(&shown, "", &Environment::empty()).unwrap();
        assert!(again.root().same_as(original.root()), "{text}");
        let text = document(&original, &components::registry(), true);
        assert!(text.contains("timeout: 10s # c.yaml:3:"), "{text}");
    }
}
