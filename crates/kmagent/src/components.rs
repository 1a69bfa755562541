//! The components of this build, and the names of those that upstream has and this build hasn't.

use collector::{Kind, Registry};

/// The types that upstream's distributions have; the file says where they are from.
const UPSTREAM: &str = include_str!("../data/upstream-components.txt");

/// Everything that a collector configuration may use. To remove a component, delete its folder and its line here.
pub(crate) fn registry() -> Registry {
    let registry = Registry::new()
        .receiver(hostmetrics_receiver::Factory)
        .receiver(otlp_json_file_receiver::Factory)
        .receiver(otlp_receiver::Factory)
        .processor(batch_processor::Factory)
        .exporter(debug_exporter::Factory)
        .exporter(file_exporter::Factory)
        .exporter(nop_exporter::Factory)
        .exporter(otlp_grpc_exporter::Factory)
        .exporter(otlp_http_exporter::Factory)
        .processor(memory_limiter_processor::Factory)
        .connector(forward_connector::Factory)
        .extension(memory_limiter_processor::ExtensionFactory)
        .extension(file_storage_extension::Factory)
        .extension(health_check_extension::Factory)
        .extension(zpages_extension::Factory)
        .telemetry(self_telemetry::Factory::new());
    upstream().fold(registry, |registry, (kind, name)| registry.upstream_only(kind, name))
}

/// What upstream's distributions have, by kind and type.
fn upstream() -> impl Iterator<Item = (Kind, &'static str)> {
    let lines = UPSTREAM.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(section, name)| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.section() == section)?;
        Some((kind, name))
    })
}

#[cfg(test)]
mod tests {
    use config::ComponentId;

    use super::*;

    #[test]
    fn every_line_of_upstreams_types_is_read() {
        let lines: Vec<_> = UPSTREAM.lines().filter(|line| !line.starts_with('#')).collect();
        let types: Vec<_> = upstream().collect();
        assert_eq!(types.len(), lines.len());
        assert!(types.is_sorted() && lines.len() > 200, "{}", lines.len());
        for (kind, name) in types {
            assert_eq!(ComponentId::parse(name).unwrap().component_type(), name, "{kind}");
        }
    }
}
