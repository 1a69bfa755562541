//! What the code that `#[derive(Section)]` writes calls. Not meant to be called by hand.

use crate::node::{Content, Node};
use crate::problems::Problems;
use crate::schema::Schema;
use crate::section::Section;
use crate::value::Value;

/// Reads a section: its fields, and every key that it does not have.
pub fn parse_section<S: Section>(
    mut section: S,
    node: &Node,
    problems: &mut Problems,
) -> Option<S> {
    let map = match &node.content {
        Content::Null => return Some(section),
        Content::Map(map) => map,
        _ => {
            problems.wrong_type(node, "map");
            return None;
        }
    };
    problems.within("", Some(node), |problems| {
        let mut not_supported = Vec::new();
        S::not_supported(&mut not_supported);
        let mut unread: Vec<_> =
            not_supported.iter().copied().filter(|key| node.get(key).is_some()).collect();
        for key in &unread {
            problems.not_supported(key);
        }
        section.read_fields(node, &mut unread, problems);
        let mut known = Vec::new();
        S::keys(&mut known);
        let unknown = map.iter().map(|(key, _)| key);
        let unknown = unknown.filter(|key| !known.contains(key) && !not_supported.contains(key));
        for key in unknown {
            problems.unknown_key(key, known.iter().copied());
            unread.push(UNKNOWN);
        }
        if unread.is_empty() {
            return Some(section);
        }
        // What could be read is checked all the same, so that all problems are found at once.
        section.check_fields(Some(node), &unread, problems);
        None
    })
}

/// Stands for keys that no field has.
const UNKNOWN: &str = "";

/// Reads the field with this key, if the node has the key. A key with a wrong value becomes unread.
pub fn read_field<T: Value>(
    field: &mut T,
    key: &'static str,
    node: &Node,
    unread: &mut Vec<&'static str>,
    problems: &mut Problems,
) {
    let Some(value) = node.as_map().and_then(|map| map.get(key)) else { return };
    let default = field.clone();
    match problems.within(key, Some(value), |problems| default.parse_onto(value, problems)) {
        Some(read) => *field = read,
        None => unread.push(key),
    }
}

/// Checks the field with this key, unless it is unread.
pub fn check_field<T: Value>(
    field: &T,
    key: &str,
    node: Option<&Node>,
    unread: &[&'static str],
    problems: &mut Problems,
) {
    if !unread.contains(&key) {
        let value = node.and_then(|node| node.as_map()?.get(key));
        problems.within(key, value, |problems| field.check(value, problems));
    }
}

/// The schema of a section, with what stands in it as the defaults. A field is required when it has nothing to write as its
/// default, and the section's own check finds fault with that. Where there is something, another option may do as well.
pub fn schema_of<S: Section>(section: &S, doc: &'static str) -> Schema {
    let mut fields = Vec::new();
    section.describe(&mut fields);
    let mut problems = Problems::new();
    section.check_fields(None, &[], &mut problems);
    for field in fields.iter_mut().filter(|field| field.default.is_none()) {
        field.required = problems.iter().any(|problem| problem.path == field.key);
    }
    let mut not_supported = Vec::new();
    S::not_supported(&mut not_supported);
    Schema::Section { doc, fields, not_supported }
}

/// One of an enum's names as it is written in a document.
pub fn name_text(name: &str) -> String {
    if name.is_empty() { "\"\"".to_owned() } else { name.to_owned() }
}

/// The strings that an enum is written as.
#[derive(Debug)]
pub struct Names {
    /// In the order of the variants.
    pub valid: &'static [&'static str],
    /// Strings that upstream has and we don't support.
    pub not_supported: &'static [&'static str],
    /// Whether any case will do.
    pub ignore_case: bool,
}

/// Which of the valid names a node holds.
pub fn parse_name(names: &Names, node: &Node, problems: &mut Problems) -> Option<usize> {
    let Some(text) = node.text() else {
        problems.wrong_type(node, "string");
        return None;
    };
    let same = |name: &&str| match names.ignore_case {
        true => name.eq_ignore_ascii_case(text),
        false => *name == text,
    };
    if let Some(place) = names.valid.iter().position(same) {
        return Some(place);
    }
    if names.not_supported.iter().any(same) {
        problems.reject(node, format!("`{}` is not supported yet", node.shown()));
        return None;
    }
    problems.not_a_name(node, text, names.valid);
    None
}
