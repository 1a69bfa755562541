//! Merging documents, and keys that are paths.

use std::sync::Arc;

use crate::node::{Content, Map, Node, Span};
use crate::parse::MAX_DEPTH;
use crate::problems::Problem;

/// Lays `right` over `left`, as upstream merges its sources: maps are merged key by key, everything else is replaced.
/// A `null` replaces a map too.
pub(crate) fn merge(left: &mut Node, right: Node) {
    match (&mut left.content, right.content) {
        (Content::Map(left), Content::Map(right)) => {
            let left = Arc::make_mut(left);
            for (key, span, value) in right.entries() {
                match left.get_mut(key) {
                    Some(known) => merge(known, value.clone()),
                    None => left.insert(Arc::clone(key), span.clone(), value.clone()),
                }
            }
        }
        (_, content) => *left = Node { content, ..right },
    }
}

/// Turns keys that contain `::` into nested maps, at every level that is reached through maps alone.
pub(crate) fn split_keys(node: &Node, problems: &mut Vec<Problem>) -> Node {
    split_below(node, 0, problems)
}

fn split_below(node: &Node, depth: usize, problems: &mut Vec<Problem>) -> Node {
    let Content::Map(map) = &node.content else { return node.clone() };
    let mut split = Map::default();
    for (key, span, value) in map.entries() {
        let parts: Vec<Arc<str>> = key.split("::").map(Arc::from).collect();
        if depth + parts.len() > MAX_DEPTH {
            problems.push(Problem::new(span, "the document is nested too deeply"));
            continue;
        }
        let value = split_below(value, depth + parts.len(), problems);
        insert(&mut split, &parts, span, value, problems);
    }
    Node { content: Content::Map(Arc::new(split)), ..node.clone() }
}

/// Sets what a path of keys leads to; what several keys say about the same map is brought together.
fn insert(map: &mut Map, path: &[Arc<str>], span: &Span, value: Node, problems: &mut Vec<Problem>) {
    let Some((key, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match map.get_mut(key) {
            Some(known) => combine(known, key, span, value, problems),
            None => map.insert(Arc::clone(key), span.clone(), value),
        }
        return;
    }
    if map.get(key).is_none_or(Node::is_null) {
        let empty =
            Node { span: span.clone(), content: Content::Map(Arc::default()), ..value.clone() };
        map.insert(Arc::clone(key), span.clone(), Node { text: None, ..empty });
    }
    match map.get_mut(key).map(|node| &mut node.content) {
        Some(Content::Map(below)) => insert(Arc::make_mut(below), rest, span, value, problems),
        _ => problems.push(twice(span, key)),
    }
}

fn combine(known: &mut Node, key: &str, span: &Span, value: Node, problems: &mut Vec<Problem>) {
    match (&mut known.content, &value.content) {
        (_, Content::Null) => {}
        (Content::Null, _) => *known = value,
        (Content::Map(known), Content::Map(more)) => {
            let known = Arc::make_mut(known);
            for (key, span, value) in more.entries() {
                insert(known, &[Arc::clone(key)], span, value.clone(), problems);
            }
        }
        _ => problems.push(twice(span, key)),
    }
}

fn twice(span: &Span, key: &str) -> Problem {
    Problem::new(span, format!("mapping key \"{key}\" is there twice, once as a path with `::`"))
}
