//! Who the agent is.

use std::path::Path;

use component::BuildInfo;
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;

use crate::config::{Attribute, ResourceConfig};

/// The resource that the agent's own telemetry comes from. `instance` is this process's `service.instance.id`.
pub(crate) fn resource(config: &ResourceConfig, build: &BuildInfo, instance: &str) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", build.command.to_string()),
        KeyValue::new("service.version", build.version.to_string()),
        KeyValue::new("service.instance.id", instance.to_owned()),
    ];
    if config.detect_host {
        let name = gethostname::gethostname().to_string_lossy().into_owned();
        attributes.push(KeyValue::new("host.name", name));
    }
    if config.detect_process {
        attributes.push(KeyValue::new("process.pid", i64::from(std::process::id())));
        let path = std::env::current_exe().ok();
        if let Some(name) = path.as_deref().and_then(Path::file_name) {
            let name = name.to_string_lossy().into_owned();
            attributes.push(KeyValue::new("process.executable.name", name));
        }
    }
    for (key, value) in &config.attributes {
        attributes.retain(|attribute| attribute.key.as_str() != key);
        if let Some(value) = value {
            attributes.push(KeyValue::new(Key::new(key.clone()), of(value)));
        }
    }
    let builder = Resource::builder_empty();
    match &config.schema_url {
        Some(schema_url) => builder.with_schema_url(attributes, schema_url.clone()).build(),
        None => builder.with_attributes(attributes).build(),
    }
}

fn of(value: &Attribute) -> Value {
    match value {
        Attribute::Text(text) => text.clone().into(),
        Attribute::Bool(value) => (*value).into(),
        Attribute::Int(value) => (*value).into(),
        Attribute::Double(value) => (*value).into(),
    }
}

/// A random UUID, version 4.
pub(crate) fn random_uuid() -> String {
    let bits = fastrand::u128(..);
    // The version's and the variant's bits, RFC 9562.
    let bits = bits & !(0xf << 76) | (0x4 << 76);
    let bits = bits & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_uuid_is_of_version_4() {
        let uuid = random_uuid();
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
        assert_ne!(uuid, random_uuid());
    }

    #[test]
    fn attributes_are_set_replaced_and_removed() {
        let build =
            BuildInfo { command: "kmagent".into(), description: "d".into(), version: "1".into() };
        let config = ResourceConfig {
            attributes: vec![
                ("service.instance.id".to_owned(), None),
                ("service.name".to_owned(), Some(Attribute::Text("x".to_owned()))),
                ("n".to_owned(), Some(Attribute::Int(7))),
            ],
            detect_process: true,
            ..ResourceConfig::default()
        };
        let resource = resource(&config, &build, "id");
        let get = |key: &'static str| resource.get(&Key::new(key)).map(|value| value.to_string());
        assert_eq!(get("service.instance.id"), None);
        assert_eq!(get("service.name").as_deref(), Some("x"));
        assert_eq!(get("n").as_deref(), Some("7"));
        assert_eq!(get("service.version").as_deref(), Some("1"));
        assert_eq!(get("process.pid"), Some(std::process::id().to_string()));
    }
}
