//! What a whole document may look like, as JSON Schema.

use component::{Kind, Signal};
use config::Schema;
use config::schema::EXPANSION;
use serde_json::{Map, Value, json};

use crate::registry::{ComponentInfo, Registry};

/// The JSON Schema (draft 7) of the documents that a build reads, for editors to complete and check by.
///
/// It asks for nothing, because a document may be written in several files. It knows neither which ids are configured nor
/// the rules that span options; [`plan`](crate::plan) does.
pub fn schema(registry: &Registry) -> Value {
    let components = registry.components();
    let definitions: Map<_, _> =
        components.iter().map(|info| (definition(info), (info.shape)().json())).collect();
    let mut sections = Map::new();
    for kind in Kind::ALL {
        let of_kind = components.iter().filter(|info| info.kind == kind);
        sections.insert(kind.section().to_owned(), section(kind, &of_kind.collect::<Vec<_>>()));
    }
    sections.insert("service".to_owned(), service(registry));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of an OpenTelemetry Collector",
        "type": "object",
        "properties": sections,
        "patternProperties": {"::": {}},
        "additionalProperties": false,
        "definitions": definitions,
    })
}

fn definition(info: &ComponentInfo) -> String {
    format!("{}.{}", info.kind, info.type_name)
}

/// The components of a kind, by id. The plain types stand among the properties too, because that is what editors offer.
fn section(kind: Kind, types: &[&ComponentInfo]) -> Value {
    let mut plain = Map::new();
    let mut named = Map::new();
    for info in types {
        let schema = json!({"$ref": format!("#/definitions/{}", definition(info))});
        let mut pattern = format!("^{}/.+$", info.type_name);
        for alias in info.aliases {
            pattern.push_str(&format!("|^{alias}(/.+)?$"));
        }
        plain.insert(info.type_name.to_string(), schema.clone());
        named.insert(pattern, schema);
    }
    let description =
        format!("The {} that pipelines may use, by id: `type` or `type/name`.", kind.section());
    let description = match kind {
        Kind::Extension => {
            "The extensions that `service::extensions` may list, by id: `type` or `type/name`."
                .to_owned()
        }
        _ => description,
    };
    let mut section = map(&description, plain);
    section["patternProperties"] = Value::Object(named);
    section
}

fn service(registry: &Registry) -> Value {
    let mut properties = Map::new();
    let types = |kinds: &[Kind]| types(registry, kinds);
    let list = |description: &str, kinds: &[Kind]| ids(description, &types(kinds));
    properties.insert(
        "extensions".to_owned(),
        list("The extensions that run, in the order of their start.", &[Kind::Extension]),
    );
    let pipeline = map(
        "A pipeline: everything that its receivers take goes through its processors, in their order, to all of its exporters.",
        Map::from_iter([
            (
                "receivers".to_owned(),
                list("Where data comes from. Required.", &[Kind::Receiver, Kind::Connector]),
            ),
            (
                "processors".to_owned(),
                list("What is done with it, in this order.", &[Kind::Processor]),
            ),
            (
                "exporters".to_owned(),
                list("Where it goes. Required.", &[Kind::Exporter, Kind::Connector]),
            ),
        ]),
    );
    properties.insert("pipelines".to_owned(), pipelines(&pipeline));
    if let Some(telemetry) = registry.telemetry_shape() {
        properties.insert("telemetry".to_owned(), telemetry.json());
    }
    map("What runs, and how it is connected.", properties)
}

fn pipelines(pipeline: &Value) -> Value {
    let signals = [Signal::Traces, Signal::Metrics, Signal::Logs].map(|signal| signal.to_string());
    let plain = signals.iter().map(|signal| (signal.clone(), pipeline.clone())).collect();
    let mut pipelines =
        map("The pipelines by id: `traces`, `metrics` or `logs`, alone or with `/name`.", plain);
    pipelines["patternProperties"] = json!({format!("^({})/.+$", signals.join("|")): pipeline});
    pipelines
}

/// Every name that components of these kinds go by.
fn types(registry: &Registry, kinds: &[Kind]) -> Vec<&'static str> {
    let infos = registry.components().into_iter().filter(|info| kinds.contains(&info.kind));
    let names = infos.flat_map(|info| [&[info.type_name], info.aliases].concat());
    names.map(|name| name.as_str()).collect()
}

/// A list of ids of such types.
fn ids(description: &str, types: &[&str]) -> Value {
    let pattern = format!(r"^({})(/.+)?$|{EXPANSION}", types.join("|"));
    let id = json!({"type": "string", "pattern": pattern});
    let mut list = Schema::List(Box::new(Schema::Any)).json();
    list["items"] = id;
    list["description"] = json!(description);
    list
}

fn map(description: &str, properties: Map<String, Value>) -> Value {
    let mut map = config::schema::map(properties);
    map["description"] = json!(description);
    map
}
