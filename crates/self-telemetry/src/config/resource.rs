//! `service::telemetry::resource`.

use config::{Map, Node, Problems, Schema, Value};

/// Who the agent is. Users write either a map of attributes, or a list of them under `attributes`:
///
/// ```yaml
/// resource: { deployment.environment.name: production, service.instance.id: null }
/// resource: { attributes: [{ name: deployment.environment.name, value: production }] }
/// ```
///
/// The agent's own attributes (`service.name`, `service.version`, `service.instance.id`) are there unless the map sets them
/// to `null`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceConfig {
    /// Attributes to set; `None` removes one.
    pub attributes: Vec<(String, Option<Attribute>)>,
    /// The schema that the attributes follow.
    pub schema_url: Option<String>,
    /// Whether attributes of the host are found out: `host.name`.
    pub detect_host: bool,
    /// Whether attributes of the process are found out: `process.pid`, `process.executable.name`.
    pub detect_process: bool,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "OpenTelemetry's own words")]
pub enum Attribute {
    Text(String),
    Bool(bool),
    Int(i64),
    Double(f64),
}

/// The keys of the form with a list.
const DECLARATIVE: [&str; 4] =
    ["attributes", "attributes_list", "detection/development", "schema_url"];

impl Value for ResourceConfig {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Some(map) = node.as_map() else {
            if node.is_null() {
                return Some(Self::default());
            }
            problems.wrong_type(node, "map");
            return None;
        };
        let is_declarative = |key: &str| DECLARATIVE.contains(&key);
        let others = map.iter().any(|(key, _)| !is_declarative(key));
        match map.iter().any(|(key, _)| is_declarative(key)) {
            true if others && map.get("attributes").is_some() => {
                problems.reject(
                    node,
                    "resource::attributes cannot be used together with legacy inline resource attributes",
                );
                None
            }
            true => declarative(map, problems),
            false => inline(map, problems),
        }
    }

    fn schema() -> Schema {
        Schema::Map(Box::new(Schema::Any))
    }
}

/// `{k: v, …}`.
fn inline(map: &Map, problems: &mut Problems) -> Option<ResourceConfig> {
    let mut config = ResourceConfig::default();
    let mut complete = true;
    for (key, node) in map.iter() {
        let value = match (node.text(), node.is_null()) {
            (Some(text), _) => Some(Attribute::Text(text.to_owned())),
            (None, true) => None,
            (None, false) => {
                let message = format!("legacy resource attribute \"{key}\" must be string or null");
                problems.within(key, Some(node), |problems| problems.reject(node, message));
                complete = false;
                continue;
            }
        };
        config.attributes.push((key.to_owned(), value));
    }
    complete.then_some(config)
}

/// `{attributes: […], schema_url: …, detection/development: …}`.
fn declarative(map: &Map, problems: &mut Problems) -> Option<ResourceConfig> {
    let before = problems.len();
    let mut config = ResourceConfig::default();
    for (key, node) in map.iter() {
        problems.within(key, Some(node), |problems| match key {
            _ if node.is_null() => {}
            "attributes" => config.attributes = list(node, problems),
            "schema_url" => config.schema_url = String::read(node, problems),
            "detection/development" => detection(node, &mut config, problems),
            "attributes_list" => problems.reject(node, "`attributes_list` is not supported yet"),
            _ => problems.reject(node, "unknown key"),
        });
    }
    (problems.len() == before).then_some(config)
}

fn list(node: &Node, problems: &mut Problems) -> Vec<(String, Option<Attribute>)> {
    let Some(elements) = node.as_list() else {
        problems.wrong_type(node, "list");
        return Vec::new();
    };
    let read = elements.iter().enumerate().filter_map(|(place, element)| {
        problems
            .within(place.to_string(), Some(element), |problems| attribute(element, problems))
            .map(|(name, value)| (name, Some(value)))
    });
    read.collect()
}

/// `{name: …, value: …, type: …}`. The type is that of the value as it is written.
fn attribute(node: &Node, problems: &mut Problems) -> Option<(String, Attribute)> {
    let Some(map) = node.as_map() else {
        problems.wrong_type(node, "map");
        return None;
    };
    for (key, _) in map.iter().filter(|(key, _)| !["name", "value", "type"].contains(key)) {
        problems.unknown_key(key, ["name", "value", "type"]);
    }
    let Some(name) = map.get("name").and_then(Node::text) else {
        problems.add("name", "an attribute must have a name");
        return None;
    };
    let value = map.get("value");
    let read = value.and_then(|value| {
        let float = || value.as_f64().map(Attribute::Double);
        let text = || value.text().map(|text| Attribute::Text(text.to_owned()));
        let kind = map.get("type").and_then(Node::text);
        match kind {
            None => value
                .as_bool()
                .map(Attribute::Bool)
                .or_else(|| value.as_i64().map(Attribute::Int))
                .or_else(float)
                .or_else(text),
            Some("string") => text(),
            Some("bool") => value.as_bool().map(Attribute::Bool),
            Some("int") => value.as_i64().map(Attribute::Int),
            Some("double") => float(),
            Some(_) => None,
        }
    });
    if read.is_none() {
        problems.add(
            "value",
            "attributes of the resource have a string, bool, int or double; lists are not supported yet",
        );
    }
    Some((name.to_owned(), read?))
}

/// `{detectors: [{host: {}}, …]}`.
fn detection(node: &Node, config: &mut ResourceConfig, problems: &mut Problems) {
    let Some(map) = node.as_map() else {
        problems.wrong_type(node, "map");
        return;
    };
    for (key, _) in map.iter().filter(|(key, _)| *key != "detectors") {
        match key {
            "attributes" => problems.not_supported(key),
            _ => problems.unknown_key(key, ["detectors"]),
        }
    }
    let detectors = map.get("detectors").and_then(Node::as_list).unwrap_or_default();
    for detector in detectors {
        let Some(map) = detector.as_map() else {
            problems.wrong_type(detector, "map");
            continue;
        };
        for (name, _) in map.iter() {
            match name {
                "host" => config.detect_host = true,
                "process" => config.detect_process = true,
                // Its attributes are there anyway.
                "service" => {}
                "container" => {
                    problems.reject(detector, "the detector `container` is not supported yet");
                }
                other => problems.reject(detector, format!("unknown detector `{other}`")),
            }
        }
    }
}
