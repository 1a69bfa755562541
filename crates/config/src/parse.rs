//! From YAML text to nodes.
//!
//! The dialect is yaml.v3's. What comes from outside can't make it explode: depth is bounded, and every node counts
//! against a budget, those that an alias repeats too.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use crate::node::{Content, Map, Node, Span};
use crate::scalar;

/// How deep lists and maps may be nested.
pub(crate) const MAX_DEPTH: usize = 100;
/// How long a text may be, in bytes.
pub(crate) const MAX_TEXT: usize = 8 << 20;

/// What a document, with everything that is expanded into it, may still use.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) nodes: usize,
    pub(crate) bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: 200_000, bytes: 8 * MAX_TEXT }
    }
}

impl Budget {
    fn take_nodes(&mut self, count: usize) -> Result<(), String> {
        self.nodes = self.nodes.checked_sub(count).ok_or("the document has too many values")?;
        Ok(())
    }

    /// Takes room for a text.
    pub(crate) fn take_bytes(&mut self, count: usize) -> Result<(), String> {
        self.bytes = self.bytes.checked_sub(count).ok_or("the document is too large")?;
        Ok(())
    }
}

/// The positions that parsed nodes get.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Those in the text itself, which has this name.
    Text(Arc<str>),
    /// One for all: where a short text was referred to.
    Reference(Span),
}

/// Why a text could not be read, and where.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) span: Span,
    pub(crate) message: String,
    /// Whether the text isn't YAML at all. Otherwise it asks for too much, or its types are wrong.
    pub(crate) is_syntax: bool,
}

/// What a text holds.
pub(crate) struct Parsed {
    /// The first document; null when there is none.
    pub(crate) node: Node,
    /// Where a second document begins, if one does that isn't empty.
    pub(crate) second: Option<Span>,
}

/// Reads the first YAML document in a text. With `tainted`, every node is marked as secret.
pub(crate) fn parse(
    text: &str,
    origin: &Origin,
    tainted: bool,
    budget: &mut Budget,
) -> Result<Parsed, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let events = Parser::new_from_str(text);
    let mut reader = Reader { events, origin, tainted, budget, anchors: HashMap::new() };
    let start = Marker::new(0, 1, 0);
    if text.len() > MAX_TEXT {
        return Err(reader.refuse(start, "the text is too long"));
    }
    let mut first = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), _) if first.is_some() => {
                // What comes after the first document isn't ours to judge: only whether it is empty.
                let second = match reader.next() {
                    Ok((Event::Scalar(text, ScalarStyle::Plain, ..), _)) if text.is_empty() => None,
                    Ok((_, at)) => Some(reader.span(at)),
                    Err(failure) => Some(failure.span),
                };
                let node = first.unwrap_or_else(|| reader.node(start, Content::Null));
                return Ok(Parsed { node, second });
            }
            (
                Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::Nothing,
                _,
            ) => {}
            (event, at) => first = Some(reader.value(event, at, 0)?.0),
        }
    }
    let node = first.unwrap_or_else(|| reader.node(start, Content::Null));
    Ok(Parsed { node, second: None })
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    origin: &'a Origin,
    tainted: bool,
    budget: &'a mut Budget,
    /// What aliases may refer to, and how many nodes each is.
    anchors: HashMap<usize, (Node, usize)>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Marker), Failure> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    /// Reads the value that an event begins, and counts its nodes.
    fn value(
        &mut self,
        event: Event<'a>,
        at: Marker,
        depth: usize,
    ) -> Result<(Node, usize), Failure> {
        if depth > MAX_DEPTH {
            return Err(self.refuse(at, "the document is nested too deeply"));
        }
        let (content, size, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.refuse(at, "an anchor contains itself"));
                };
                self.charge(at, size)?;
                return Ok((node, size));
            }
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), at)?, 1, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let (elements, size) = self.list(depth)?;
                (Content::List(elements.into()), size, anchor)
            }
            Event::MappingStart(anchor, _) => {
                let (map, size) = self.map(depth)?;
                (Content::Map(Arc::new(map)), size, anchor)
            }
            _ => return Err(self.refuse(at, "a value is missing")),
        };
        // Children have paid for themselves.
        self.charge(at, 1)?;
        let node = self.node(at, content);
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok((node, size))
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<Content, Failure> {
        let string = || Ok(Content::String(Arc::from(text)));
        let resolved = match tag {
            Some(tag) if tag.is_yaml_core_schema() => scalar::resolve_tagged(text, &tag.suffix),
            // A private tag means nothing to us; the text stays.
            Some(_) => string(),
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            None => string(),
        };
        resolved.map_err(|message| self.refuse(at, message))
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), Failure> {
        let (mut elements, mut size) = (Vec::new(), 1);
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok((elements, size));
            }
            let (element, of_element) = self.value(event, at, depth + 1)?;
            elements.push(element);
            size += of_element;
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Map, usize), Failure> {
        let (mut map, mut size) = (Map::default(), 1);
        let mut merged: Option<(Node, Marker)> = None;
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = is_merge_key(&event);
            let (key, of_key) = self.value(event, at, depth + 1)?;
            let (event, value_at) = self.next()?;
            let (value, of_value) = self.value(event, value_at, depth + 1)?;
            size += of_key + of_value;
            if is_merge {
                if merged.replace((value, value_at)).is_some() {
                    return Err(self.refuse(at, "mapping key \"<<\" is there twice"));
                }
                continue;
            }
            let Some(key_text) = key_text(&key) else {
                return Err(self.refuse(at, "a key must be a single word or number"));
            };
            if let Some(before) = map.key_span(&key_text) {
                let message =
                    format!("mapping key \"{key_text}\" already defined at line {}", before.line);
                return Err(self.refuse(at, message));
            }
            map.insert(key_text, self.span(at), value);
        }
        if let Some((value, at)) = merged {
            self.merge(&mut map, &value, at)?;
        }
        Ok((map, size))
    }

    /// `<<`: adds the keys of one map, or of several with the first one winning, that are not there yet.
    fn merge(&mut self, map: &mut Map, value: &Node, at: Marker) -> Result<(), Failure> {
        let sources = match &value.content {
            Content::List(elements) => elements.to_vec(),
            _ => vec![value.clone()],
        };
        for source in &sources {
            let Some(source) = source.as_map() else {
                return Err(
                    self.refuse(at, "map merge requires map or sequence of maps as the value")
                );
            };
            for (key, span, value) in source.entries() {
                if map.get(key).is_none() {
                    self.charge(at, 1)?;
                    map.insert(Arc::clone(key), span.clone(), value.clone());
                }
            }
        }
        Ok(())
    }

    fn node(&self, at: Marker, content: Content) -> Node {
        Node { tainted: self.tainted, ..Node::new(self.span(at), content) }
    }

    fn span(&self, at: Marker) -> Span {
        match self.origin {
            Origin::Reference(span) => span.clone(),
            Origin::Text(source) => Span {
                source: Arc::clone(source),
                line: u32::try_from(at.line()).unwrap_or(u32::MAX),
                column: u32::try_from(at.col() + 1).unwrap_or(u32::MAX),
            },
        }
    }

    fn charge(&mut self, at: Marker, count: usize) -> Result<(), Failure> {
        self.budget.take_nodes(count).map_err(|message| self.refuse(at, message))
    }

    fn refuse(&self, at: Marker, message: impl Into<String>) -> Failure {
        Failure { span: self.span(at), message: message.into(), is_syntax: false }
    }

    fn syntax(&self, error: &ScanError) -> Failure {
        let message = format!("invalid YAML: {}", error.info());
        Failure { span: self.span(*error.marker()), message, is_syntax: true }
    }
}

fn is_merge_key(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
        Event::Scalar(text, _, _, Some(tag)) => {
            text == "<<" && tag.is_yaml_core_schema() && tag.suffix == "merge"
        }
        _ => false,
    }
}

/// Keys are strings; numbers and bools become what Go prints for them.
fn key_text(key: &Node) -> Option<Arc<str>> {
    match &key.content {
        Content::String(text) | Content::Timestamp(text) => Some(Arc::clone(text)),
        Content::Bool(value) => Some(value.to_string().into()),
        Content::Int(value) => Some(value.to_string().into()),
        Content::Float(value) => Some(value.to_string().into()),
        Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}
