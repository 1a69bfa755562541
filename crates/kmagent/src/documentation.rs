//! Keeps the READMEs true: their tables of options are made from the types, and the schema accepts every example.
//!
//! `cargo xtask options` writes the tables; the test fails where one is out of date.

use std::fs;
use std::path::{Path, PathBuf};

use collector::Kind;
use config::{ComponentId, Field, Schema};
use serde_json::Value;

use crate::{components, schema};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every Markdown file that people read.
fn documents() -> Vec<PathBuf> {
    files(".md")
}

/// Every file of the repository whose name ends so.
pub(crate) fn files(ending: &str) -> Vec<PathBuf> {
    fn add(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                add(&path, ending, found);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    add(&root(), ending, &mut found);
    found.sort();
    found
}

/// The YAML blocks of a document.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next())
}

/// The shapes that a README describes: the name behind `options` in its markers, and the shape.
fn shapes() -> Vec<(String, &'static str, Schema)> {
    let registry = components::registry();
    let mut shapes = Vec::new();
    for info in registry.components() {
        let folder = match info.type_name.as_str() {
            "host_metrics" => "hostmetrics",
            "memory_limiter" if info.kind == Kind::Extension => continue,
            other => other,
        };
        let path = format!("crates/{}/{folder}/README.md", info.kind.section());
        shapes.push((path, "", (info.shape)()));
    }
    // What many components share is described where it is made, and taken from one that has it.
    let exporter = shape_of(Kind::Exporter, "otlp_http");
    let receiver = shape_of(Kind::Receiver, "otlp");
    let rhythm = shape_of(Kind::Receiver, "host_metrics");
    let helper = || "crates/exporter-helper/README.md".to_owned();
    let net = || "crates/net/README.md".to_owned();
    let rhythm = ["collection_interval", "initial_delay", "timeout"].map(|key| field(&rhythm, key));
    shapes.extend([
        (helper(), "timeout", section(vec![field(&exporter, "timeout")])),
        (helper(), "retry_on_failure", field(&exporter, "retry_on_failure").schema),
        (helper(), "sending_queue", field(&exporter, "sending_queue").schema),
        (helper(), "batch", field(&field(&exporter, "sending_queue").schema, "batch").schema),
        (net(), "tls_server", {
            let protocols = field(&receiver, "protocols").schema;
            field(&field(&protocols, "grpc").schema, "tls").schema
        }),
        (net(), "tls_client", field(&exporter, "tls").schema),
        ("crates/scraper/README.md".to_owned(), "", section(rhythm.to_vec())),
        ("crates/self-telemetry/README.md".to_owned(), "", registry.telemetry_shape().unwrap()),
    ]);
    shapes
}

fn shape_of(kind: Kind, name: &str) -> Schema {
    components::registry().shape(kind, &ComponentId::parse(name).unwrap()).unwrap()
}

fn field(shape: &Schema, key: &str) -> Field {
    let Schema::Section { fields, .. } = inner(shape) else { panic!("no section: {shape:?}") };
    fields.iter().find(|field| field.key == key).unwrap_or_else(|| panic!("no {key}")).clone()
}

fn section(fields: Vec<Field>) -> Schema {
    Schema::Section { doc: "", fields, not_supported: Vec::new() }
}

/// Sections that many components share: their options stand elsewhere.
const SHARED: [(&str, &str); 3] = [
    ("tls", "see [net](NET#tls-of-a-server)"),
    ("retry_on_failure", "see [exporter-helper](HELPER#retry_on_failure)"),
    ("sending_queue", "see [exporter-helper](HELPER#sending_queue)"),
];

fn table(path: &str, name: &str, shape: &Schema) -> String {
    let mut rows = Vec::new();
    // In its own README a shared section is written out.
    let is_home = !name.is_empty();
    add_rows("", shape, path, is_home, &mut rows);
    if rows.is_empty() {
        return String::new();
    }
    let mut table = String::from("| option | type | meaning |\n| --- | --- | --- |\n");
    for [option, kind, meaning] in rows {
        table.push_str(&format!("| `{option}` | {kind} | {meaning} |\n"));
    }
    table
}

fn add_rows(prefix: &str, shape: &Schema, path: &str, is_home: bool, rows: &mut Vec<[String; 3]>) {
    let Schema::Section { fields, .. } = inner(shape) else { return };
    for Field { key, doc, schema, default } in fields {
        let option = match prefix {
            "" => (*key).to_owned(),
            prefix => format!("{prefix}::{key}"),
        };
        let shared = SHARED.iter().find(|(shared, _)| !is_home && shared == key);
        let mut meaning = sentence(doc);
        if let Some(default) = default.as_ref().filter(|_| !meaning.contains("efault")) {
            meaning.push_str(&format!(" Default: `{default}`."));
        }
        if let Some((_, link)) = shared {
            let up = "../".repeat(path.matches('/').count() - 1);
            let mut link = link.replace("NET", &format!("{up}net/README.md"));
            link = link.replace("HELPER", &format!("{up}exporter-helper/README.md"));
            if path.contains("exporters") {
                link = link.replace("tls-of-a-server", "tls-of-a-client");
            }
            meaning = format!("{} {link}", meaning.trim_end_matches('.').to_owned() + ";");
        }
        rows.push([option.clone(), kind(schema), meaning]);
        if shared.is_none() {
            let below = match inner(schema) {
                Schema::List(element) => (inner(element), "[]"),
                other => (other, ""),
            };
            add_rows(&format!("{option}{}", below.1), below.0, path, is_home, rows);
        }
    }
}

fn inner(schema: &Schema) -> &Schema {
    match schema {
        Schema::Optional(inner) | Schema::Nullable(inner) | Schema::Secret(inner) => {
            self::inner(inner)
        }
        other => other,
    }
}

fn kind(schema: &Schema) -> String {
    match schema {
        Schema::Any => "any".to_owned(),
        Schema::Bool => "bool".to_owned(),
        Schema::Integer { .. } => "int".to_owned(),
        Schema::Number => "float".to_owned(),
        Schema::String => "string".to_owned(),
        Schema::Duration => "duration".to_owned(),
        Schema::Secret(inner) => format!("secret {}", kind(inner)),
        Schema::Enum { values, .. } => {
            let values = values
                .iter()
                .map(|value| format!("`{}`", if value.is_empty() { "\"\"" } else { value }));
            values.collect::<Vec<_>>().join(", ")
        }
        Schema::List(element) => format!("list of {}", kind(element)),
        Schema::Map(element) => format!("map of {}", kind(element)),
        Schema::Headers => "headers (secret)".to_owned(),
        Schema::Section { .. } => "section".to_owned(),
        Schema::Optional(inner) | Schema::Nullable(inner) => kind(inner),
    }
}

/// A doc comment as one line of a table, without links that only rustdoc knows.
fn sentence(doc: &str) -> String {
    let line = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, behind)) = after.split_once(')') else { break };
        let Some((lead, label)) = before.rsplit_once('[') else { break };
        text.push_str(lead);
        match target.starts_with("http") {
            true => text.push_str(&format!("[{label}]({target})")),
            false => text.push_str(label),
        }
        rest = behind;
    }
    text.push_str(rest);
    text.replace('|', "\\|")
}

#[test]
fn the_tables_of_options_are_what_the_types_say() {
    let writes = std::env::var_os("KMAGENT_WRITE_OPTIONS").is_some();
    let mut stale = Vec::new();
    for (path, name, shape) in shapes() {
        let file = root().join(&path);
        let text = fs::read_to_string(&file).unwrap();
        let begin = match name {
            "" => "<!-- options -->\n".to_owned(),
            name => format!("<!-- options {name} -->\n"),
        };
        let (before, after) =
            text.split_once(&begin).unwrap_or_else(|| panic!("{path}: no {begin}"));
        let (old, behind) = after.split_once("<!-- /options -->").unwrap();
        let new = table(&path, name, &shape);
        if old == new {
            continue;
        }
        match writes {
            true => {
                let text = format!("{before}{begin}{new}<!-- /options -->{behind}");
                fs::write(&file, text).unwrap();
            }
            false => stale.push(path),
        }
    }
    assert!(stale.is_empty(), "out of date, `cargo xtask options` writes them: {stale:?}");
}

#[test]
fn every_option_says_what_it_is() {
    for (path, _, shape) in shapes() {
        let mut rows = Vec::new();
        add_rows("", &shape, &path, true, &mut rows);
        for [option, _, meaning] in rows {
            assert!(meaning.len() > 3, "{path}: {option} has no description");
        }
    }
}

/// The collector configurations among the YAML blocks of a document.
fn examples(text: &str) -> Vec<Value> {
    let documents = blocks(text).filter_map(|block| serde_yaml::from_str::<Value>(block).ok());
    let is_configuration = |document: &Value| {
        let sections =
            ["receivers", "processors", "exporters", "connectors", "extensions", "service"];
        document.as_object().is_some_and(|keys| {
            !keys.is_empty() && keys.keys().all(|key| sections.contains(&key.as_str()))
        })
    };
    documents.filter(is_configuration).collect()
}

#[test]
fn the_schema_accepts_every_example_and_refuses_mistakes() {
    let schema = schema::document(&components::registry());
    let mut seen = 0;
    for path in documents() {
        for example in examples(&fs::read_to_string(&path).unwrap()) {
            seen += 1;
            if let Err(why) = check(&schema, &example, &schema) {
                panic!("{}: {why}\n{example:#}", path.display());
            }
        }
    }
    assert!(seen >= 15, "{seen} examples");
    for mistake in [
        r#"{"receivers": {"otpl": null}}"#,
        r#"{"receivers": {"otlp": {"protocol": {}}}}"#,
        r#"{"exporters": {"otlp_http": {"timeout": "soon"}}}"#,
        r#"{"exporters": {"otlp_http": {"sending_queue": {"queue_size": "many"}}}}"#,
        r#"{"exporters": {"file": {"path": "x", "format": "xml"}}}"#,
        r#"{"processors": {"batch": {"send_batch_size": -1}}}"#,
        r#"{"service": {"pipelines": {"trace": {}}}}"#,
        r#"{"pipelines": {}}"#,
    ] {
        let document: Value = serde_json::from_str(mistake).unwrap();
        check(&schema, &document, &schema).expect_err(mistake);
    }
    for good in [
        r#"{"exporters": {"otlp_http/a": {"timeout": "${T}", "sending_queue": null}}}"#,
        r#"{"processors": {"batch/x": {"send_batch_size": 1e3, "timeout": 5}}}"#,
        r#"{"receivers": {"otlp": {"protocols::grpc::endpoint": "x:1"}}}"#,
    ] {
        let document: Value = serde_json::from_str(good).unwrap();
        check(&schema, &document, &schema).unwrap();
    }
}

/// The part of JSON Schema that ours uses. Other words than these are a mistake of the schema's.
fn check(schema: &Value, value: &Value, root: &Value) -> Result<(), String> {
    let Some(rules) = schema.as_object() else {
        return if schema == &Value::Bool(true) { Ok(()) } else { Err("never".to_owned()) };
    };
    for (word, rule) in rules {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => {}
            "patternProperties" | "additionalProperties" => {}
            "$ref" => {
                let target = rule.as_str().unwrap().trim_start_matches('#');
                check(root.pointer(target).unwrap(), value, root)?;
            }
            "anyOf" => {
                let answers = rule.as_array().unwrap().iter().map(|any| check(any, value, root));
                let errors: Vec<_> = answers.filter_map(Result::err).collect();
                if errors.len() == rule.as_array().unwrap().len() {
                    return Err(errors.join(" | "));
                }
            }
            "type" => {
                let names: Vec<_> =
                    rule.as_array().map_or_else(|| vec![rule], |all| all.iter().collect());
                if !names.iter().any(|name| is(value, name.as_str().unwrap())) {
                    return Err(format!("{value} is no {rule}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return Err(format!("{value} is none of {rule}"));
            }
            "pattern" => {
                let text = value.as_str().unwrap_or_default();
                if !regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(text) {
                    return Err(format!("{value} does not look like {rule}"));
                }
            }
            "minimum" if value.as_f64() < rule.as_f64() => return Err(format!("{value} < {rule}")),
            "maximum" if value.as_f64() > rule.as_f64() => return Err(format!("{value} > {rule}")),
            "items" => {
                for element in value.as_array().into_iter().flatten() {
                    check(rule, element, root)?;
                }
            }
            "properties" => object(rules, value, root)?,
            "enum" | "minimum" | "maximum" => {}
            other => panic!("{other}"),
        }
    }
    if !rules.contains_key("properties") {
        object(rules, value, root)?;
    }
    Ok(())
}

fn object(
    rules: &serde_json::Map<String, Value>,
    value: &Value,
    root: &Value,
) -> Result<(), String> {
    for (key, value) in value.as_object().into_iter().flatten() {
        let property = rules.get("properties").and_then(|known| known.get(key));
        let patterns = rules.get("patternProperties").and_then(Value::as_object);
        let pattern = patterns
            .into_iter()
            .flatten()
            .find(|(pattern, _)| regex::Regex::new(pattern).unwrap().is_match(key));
        let rule = property.or(pattern.map(|(_, rule)| rule));
        match rule.or_else(|| rules.get("additionalProperties")) {
            Some(Value::Bool(false)) => return Err(format!("unknown key {key}")),
            Some(rule) => check(rule, value, root).map_err(|why| format!("{key}: {why}"))?,
            None => {}
        }
    }
    Ok(())
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other}"),
    }
}
