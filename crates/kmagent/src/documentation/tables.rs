//! The tables of options in the READMEs, between `<!-- options -->` and `<!-- /options -->`.
//!
//! They are checked here, and written anew where the variable `KMAGENT_WRITE_OPTIONS` is set: `cargo xtask options` does it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use collector::{ComponentInfo, Registry};
use config::{Field, Schema};

use super::root;

/// Sections that several components have, and where they are described.
const SHARED: [(&str, &str, &str, &str); 5] = [
    ("crates/net", "tls_server", "receivers/otlp::protocols::grpc::tls", "tls-of-a-server"),
    ("crates/net", "tls_client", "exporters/otlp_http::tls", "tls-of-a-client"),
    (
        "crates/exporter-helper",
        "retry_on_failure",
        "exporters/otlp_http::retry_on_failure",
        "retry_on_failure",
    ),
    (
        "crates/exporter-helper",
        "sending_queue",
        "exporters/otlp_http::sending_queue",
        "sending_queue",
    ),
    ("crates/exporter-helper", "batch", "exporters/otlp_http::sending_queue::batch", "batch"),
];

/// Options that are flattened into components' own, and where they are described.
const FLATTENED: [(&str, &str, &str, &[&str]); 2] = [
    ("crates/exporter-helper", "timeout", "exporters/otlp_grpc", &["timeout"]),
    (
        "crates/scraper",
        "",
        "receivers/host_metrics",
        &["collection_interval", "initial_delay", "timeout"],
    ),
];

/// The shapes of everything, by `receivers/otlp` and the like.
struct Shapes {
    components: Vec<(ComponentInfo, Schema)>,
    telemetry: Schema,
}

impl Shapes {
    fn new(registry: &Registry) -> Self {
        let components = registry.components().into_iter();
        let components = components.map(|info| (info.clone(), (info.shape)())).collect();
        Self { components, telemetry: registry.telemetry_shape().unwrap() }
    }

    /// The shape of a component, or of what a path in it leads to.
    fn get(&self, path: &str) -> &Schema {
        let mut steps = path.split("::");
        let component = steps.next().unwrap();
        let of = |info: &ComponentInfo| format!("{}/{}", info.kind.section(), info.type_name);
        let found = self.components.iter().find(|(info, _)| of(info) == component);
        let found = found.unwrap_or_else(|| panic!("there is no component {component}"));
        steps.fold(&found.1, |schema, key| {
            let field = fields(schema).iter().find(|field| field.key == key);
            &field.unwrap_or_else(|| panic!("{path}: there is no {key}")).schema
        })
    }

    /// Where a section is described, when it is one of those that components share, defaults and all.
    fn shared(&self, schema: &Schema) -> Option<(&'static str, &'static str)> {
        let is_it = |path| self.get(path).bare() == schema.bare();
        let shared = SHARED.iter().find(|(_, _, path, _)| is_it(path))?;
        Some((shared.0, shared.3))
    }
}

/// Every block of every page: the page's folder, the block's name, and what has to stand in it.
fn blocks(shapes: &Shapes) -> BTreeMap<(String, String), String> {
    let mut blocks = BTreeMap::new();
    for (info, schema) in &shapes.components {
        let names = std::iter::once(info.type_name).chain(info.aliases.iter().copied());
        let mut folders = names.map(|name| format!("crates/{}/{name}", info.kind.section()));
        match folders.find(|folder| root().join(folder).is_dir()) {
            Some(folder) => {
                let table = Table::new(shapes, &folder).with(fields(schema));
                blocks.insert((folder, String::new()), table);
            }
            // It lives in the folder of a component of another kind, and has the same options.
            None => assert!(
                shapes.components.iter().any(|(other, same)| {
                    other.kind != info.kind && other.type_name == info.type_name && same == schema
                }),
                "{} has no folder",
                info.type_name
            ),
        }
    }
    for (folder, name, path, _) in SHARED {
        let table = Table::new(shapes, folder).with(fields(shapes.get(path)));
        blocks.insert((folder.to_owned(), name.to_owned()), table);
    }
    for (folder, name, path, keys) in FLATTENED {
        let all = fields(shapes.get(path)).iter();
        let chosen: Vec<_> = all.filter(|field| keys.contains(&field.key)).cloned().collect();
        assert_eq!(chosen.len(), keys.len(), "{path}");
        let table = Table::new(shapes, folder).with(&chosen);
        blocks.insert((folder.to_owned(), name.to_owned()), table);
    }
    let folder = "crates/self-telemetry";
    let telemetry = Table::new(shapes, folder).with(fields(&shapes.telemetry));
    blocks.insert((folder.to_owned(), String::new()), telemetry);
    blocks
}

fn fields(schema: &Schema) -> &[Field] {
    match schema.bare() {
        Schema::Section { fields, .. } => fields,
        _ => &[],
    }
}

/// A table of options.
struct Table<'a> {
    shapes: &'a Shapes,
    /// The folder of the page that it stands in.
    folder: &'a str,
    /// The sections that stand in it already, and where.
    seen: Vec<(&'a Schema, String)>,
    rows: String,
}

impl<'a> Table<'a> {
    fn new(shapes: &'a Shapes, folder: &'a str) -> Self {
        Self { shapes, folder, seen: Vec::new(), rows: String::new() }
    }

    /// The table with these options; empty when there are none.
    fn with(mut self, fields: &'a [Field]) -> String {
        fields.iter().for_each(|field| self.add("", field));
        match self.rows.is_empty() {
            true => self.rows,
            false => format!(
                "| option | type | default | meaning |\n| --- | --- | --- | --- |\n{}",
                self.rows
            ),
        }
    }

    fn add(&mut self, prefix: &str, field: &'a Field) {
        let path = format!("{prefix}{}", field.key);
        let (inner, place) = match field.schema.bare() {
            Schema::List(items) => (items.bare(), format!("{path}[]")),
            Schema::Map(values) => (values.bare(), format!("{path}::<name>")),
            bare => (bare, path.clone()),
        };
        let default = default(field);
        let mut meaning = meaning(field, &default);
        let elsewhere = self.elsewhere(inner);
        if let Some(elsewhere) = &elsewhere {
            write!(meaning, " {elsewhere}").unwrap();
        }
        let kind = kind(&field.schema);
        let row = format!("| `{path}` | {kind} | {default} | {} |\n", meaning.trim());
        self.rows.push_str(&row.replace("|  |", "| |"));
        if elsewhere.is_none() {
            self.seen.push((inner, place.clone()));
            fields(inner).iter().for_each(|field| self.add(&format!("{place}::"), field));
        }
    }

    /// Where the options of a section are described, if that is not here.
    fn elsewhere(&self, section: &Schema) -> Option<String> {
        if let Some((folder, anchor)) = self.shapes.shared(section) {
            let name = folder.trim_start_matches("crates/");
            let up = "../".repeat(self.folder.matches('/').count());
            return Some(match folder == self.folder {
                true => format!("See [below](#{anchor})."),
                false => format!("See [{name}]({up}{name}/README.md#{anchor})."),
            });
        }
        let (_, place) =
            self.seen.iter().find(|(other, _)| !fields(section).is_empty() && *other == section)?;
        Some(format!("Has the same options as `{place}`."))
    }
}

/// The comment as one line. What it says of the default is left out where the column says the same.
fn meaning(field: &Field, default: &str) -> String {
    let text = field.meaning().replace('\n', " ").replace('|', "\\|");
    let text = text.replace(" Required.", "");
    let bare = default.replace('"', "");
    for said in [format!("Default: {default}."), format!("Default: {bare}.")] {
        if default.starts_with('`') && text.contains(&said) {
            return text.replace(&said, "").replace("  ", " ");
        }
    }
    text
}

fn default(field: &Field) -> String {
    match (&field.default, field.on) {
        _ if field.required => "required".to_owned(),
        (Some(default), _) => format!("`{default}`"),
        (None, Some(true)) => "on".to_owned(),
        (None, Some(false)) => "off".to_owned(),
        (None, None) => String::new(),
    }
}

fn kind(schema: &Schema) -> String {
    match schema {
        Schema::Any => "anything".to_owned(),
        Schema::Bool => "bool".to_owned(),
        Schema::Integer { min, max } => integer(*min, *max),
        Schema::Number => "number".to_owned(),
        Schema::String => "string".to_owned(),
        Schema::Duration => "duration".to_owned(),
        Schema::Secret(inner) => format!("{}, secret", kind(inner)),
        Schema::Enum { values, .. } => {
            let written = |name: &&str| match *name {
                "" => "`\"\"`".to_owned(),
                name => format!("`{name}`"),
            };
            values.iter().map(written).collect::<Vec<_>>().join(", ")
        }
        Schema::List(items) => format!("list: {}", kind(items)),
        Schema::Map(values) => format!("map: {}", kind(values)),
        Schema::Headers => "map: string, secret".to_owned(),
        Schema::Section { .. } => "section".to_owned(),
        Schema::Optional(inner) | Schema::Nullable(inner) => kind(inner),
    }
}

/// Bounds that only the size of a number sets are of no interest to anybody.
fn integer(min: i128, max: i128) -> String {
    match (min, max) {
        (0 | 1, max) if max < i128::from(u32::MAX) => format!("integer, {min} to {max}"),
        (0 | 1, _) => format!("integer, at least {min}"),
        _ => "integer".to_owned(),
    }
}

/// A page with its blocks filled, and the names of the blocks that it has.
fn fill(page: &str, table: impl Fn(&str) -> String) -> (String, Vec<String>) {
    // At the beginning of a line: a text may speak of them.
    const BEGIN: &str = "\n<!-- options";
    const END: &str = "<!-- /options -->";
    let mut filled = String::new();
    let mut names = Vec::new();
    let mut rest = page;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let (name, block) = block.split_once("-->").unwrap();
        let (_, after) = block.split_once(END).unwrap();
        let opening = &rest[before.len()..rest.len() - block.len()];
        let name = name.trim();
        write!(filled, "{before}{opening}\n{}{END}", table(name)).unwrap();
        names.push(name.to_owned());
        rest = after;
    }
    (filled + rest, names)
}

#[test]
fn the_tables_of_options_are_what_the_types_say() {
    // Some defaults are others there.
    if cfg!(windows) {
        return;
    }
    let shapes = Shapes::new(&crate::components::registry());
    let blocks = blocks(&shapes);
    let mut missing: Vec<_> = blocks.keys().cloned().collect();
    let mut stale = Vec::new();
    let rewrites = std::env::var_os("KMAGENT_WRITE_OPTIONS").is_some();
    for path in super::files(".md") {
        let page = fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap().strip_prefix(root()).unwrap();
        let folder = folder.to_str().unwrap().to_owned();
        let (filled, names) = fill(&page, |name| {
            let block = blocks.get(&(folder.clone(), name.to_owned()));
            block.unwrap_or_else(|| panic!("{folder}: nobody fills `options {name}`")).clone()
        });
        missing.retain(|(of, name)| *of != folder || !names.contains(name));
        if filled != page {
            match rewrites {
                true => fs::write(&path, filled).unwrap(),
                false => stale.push(folder),
            }
        }
    }
    assert!(
        missing.is_empty(),
        "no README has a place for {missing:?}: add <!-- options --><!-- /options -->"
    );
    assert!(stale.is_empty(), "`cargo xtask options` writes the tables anew of {stale:?}");
}

/// A comment that names another default than the code has is wrong.
#[test]
fn defaults_in_comments_are_those_of_the_code() {
    // Some defaults are others there.
    if cfg!(windows) {
        return;
    }
    fn check(path: &str, schema: &Schema, wrong: &mut Vec<String>) {
        if let Schema::List(inner) | Schema::Map(inner) = schema.bare() {
            check(path, inner, wrong);
        }
        for field in fields(schema) {
            let path = format!("{path}::{}", field.key);
            let meaning = field.meaning();
            let said = meaning.split_once("Default: `").and_then(|(_, said)| said.split_once('`'));
            if let (Some((said, _)), Some(default)) = (said, &field.default) {
                let plain = |text: &str| match config::duration::parse(text) {
                    Ok(duration) => config::duration::format(duration),
                    Err(_) => text.replace('"', ""),
                };
                if plain(said) != plain(default) {
                    wrong.push(format!("{path} says {said} and has {default}"));
                }
            }
            check(&path, &field.schema, wrong);
        }
    }
    let shapes = Shapes::new(&crate::components::registry());
    let mut wrong = Vec::new();
    check("telemetry", &shapes.telemetry, &mut wrong);
    for (info, schema) in &shapes.components {
        check(&format!("{}/{}", info.kind.section(), info.type_name), schema, &mut wrong);
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_block_is_filled_and_what_is_around_it_stays() {
    let page =
        "a\n<!-- options -->\nold\n<!-- /options -->\nb\n<!-- options x -->\n<!-- /options -->\nc";
    let (filled, names) = fill(page, |name| format!("new {name}\n"));
    assert_eq!(
        filled,
        "a\n<!-- options -->\nnew \n<!-- /options -->\nb\n<!-- options x -->\nnew x\n<!-- /options -->\nc"
    );
    assert_eq!(names, ["", "x"]);
    assert_eq!(fill(&filled, |name| format!("new {name}\n")).0, filled);
}
