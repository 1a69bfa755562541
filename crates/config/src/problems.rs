//! Everything that is wrong with a document, collected.

use std::fmt;
use std::sync::Arc;

use crate::node::{Kind, Node, Span};
use crate::secret::REDACTED;
use crate::suggest;

/// One thing that is wrong.
///
/// `Display` gives one line: `config.yaml:14: processors::batch::timeout: must not be negative, is -1s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or what stands for it. Empty when there is none.
    pub source: Arc<str>,
    /// Line, from 1; 0 when there is none.
    pub line: u32,
    /// Column, from 1; 0 when there is none.
    pub column: u32,
    /// The keys that lead to the place, joined by `::`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right: a type, or the names that are valid, separated by commas. `None` where the message says all there
    /// is to say.
    pub expected: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a position, outside any section.
    pub fn new(span: &Span, message: impl Into<String>) -> Self {
        Self {
            source: Arc::clone(&span.source),
            line: span.line,
            column: span.column,
            path: String::new(),
            message: message.into(),
            expected: None,
            hint: None,
        }
    }

    /// Whether it may go away without anybody changing the document: another host did not serve what is referred to.
    pub fn may_pass(&self) -> bool {
        self.message.starts_with(UNREACHED)
    }
}

/// How the message of a source begins that another host did not serve.
pub(crate) const UNREACHED: &str = "cannot fetch ";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.source.is_empty(), self.line) {
            (true, _) => {}
            (false, 0) => write!(f, "{}: ", self.source)?,
            (false, line) => write!(f, "{}:{line}: ", self.source)?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// How many problems are kept. Nobody reads more, and a document of nothing but mistakes must not cost much.
const MOST: usize = 1000;

/// Collects problems, and knows the place in the document that is being read.
///
/// `Display` gives one line per problem. What was read from tainted nodes never appears in a message.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    problems: Vec<Problem>,
    frames: Vec<Frame>,
    secrets: Vec<Secretive>,
}

/// A step on the way from the document's root to the section being read.
#[derive(Clone, Debug)]
struct Frame {
    /// Empty for a frame that only sets the position.
    segment: String,
    /// What stands there, if anything does.
    node: Option<Node>,
    span: Span,
}

/// A text that must not appear in messages.
#[derive(Clone, PartialEq)]
struct Secretive(String);

impl fmt::Debug for Secretive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Problems {
    /// No problems yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports that something is wrong with a field of the section being read. `field` is a key, or a path of keys
    /// (`tls::ca_file`); empty means the section itself.
    ///
    /// The position is the field's, where it is in the document. A message that begins with `must` gets the value as it
    /// was written: `must be between 1s and 1h, is 2h`.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        self.report(field, message.into(), None);
    }

    /// As [`add`](Self::add), with what to do about it.
    pub fn add_with_hint(
        &mut self,
        field: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.report(field, message.into(), Some(hint.into()));
    }

    /// Reports that something is wrong with this very node, at the current path.
    pub fn reject(&mut self, node: &Node, message: impl Into<String>) {
        self.place(node.span().clone(), self.path(), message.into(), None);
    }

    /// As [`reject`](Self::reject), with what to do about it.
    pub fn reject_with_hint(
        &mut self,
        node: &Node,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.place(node.span().clone(), self.path(), message.into(), Some(hint.into()));
    }

    /// Reports that a node's value is of the wrong type, in upstream's words.
    pub fn wrong_type(&mut self, node: &Node, expected: &str) {
        let kind = node.kind();
        let mut message = format!("expected type '{expected}', got unconvertible type '{kind}'");
        if !matches!(kind, Kind::Null | Kind::List | Kind::Map) {
            message.push_str(&format!(", value: '{}'", node.shown()));
        }
        let unquoted = matches!(kind, Kind::Bool | Kind::Int | Kind::Float | Kind::Timestamp);
        let hint = (expected == "string" && unquoted).then(|| "put it in quotes".to_owned());
        let mut problem = Problem::new(node.span(), message);
        (problem.expected, problem.hint) = (Some(expected.to_owned()), hint);
        self.place_here(problem);
    }

    /// Reports that a node's value is none of the valid names, with the nearest of them.
    pub(crate) fn not_a_name(&mut self, node: &Node, text: &str, valid: &[&str]) {
        let valid_names = valid.join(", ");
        let message = format!("must be one of {valid_names}, is \"{}\"", node.shown());
        let near = suggest::nearest(text, valid.iter().copied());
        let mut problem = Problem::new(node.span(), message);
        problem.hint = near.map(|name| format!("did you mean `{name}`?"));
        problem.expected = Some(valid_names);
        self.place_here(problem);
    }

    fn place_here(&mut self, mut problem: Problem) {
        problem.path = self.path();
        problem.message = self.without_secrets(problem.message);
        self.push(problem);
    }

    /// Reports a key of the section being read that does not exist, with the nearest of those that do.
    /// Does nothing when that key was reported already.
    pub fn unknown_key<'a>(&mut self, key: &str, known: impl IntoIterator<Item = &'a str>) {
        let path = self.path_to(key);
        if self.problems.iter().any(|problem| problem.path == path) {
            return;
        }
        let hint = suggest::nearest(key, known).map(|name| format!("did you mean `{name}`?"));
        self.place(self.key_span(key), path, "unknown key".to_owned(), hint);
    }

    /// Reports a key of the section being read that upstream has and this program does not support.
    pub fn not_supported(&mut self, key: &str) {
        let message = format!("`{key}` is not supported yet");
        self.place(self.key_span(key), self.path_to(key), message, None);
    }

    /// Takes a problem as it is.
    pub fn push(&mut self, problem: Problem) {
        if self.problems.len() < MOST {
            self.problems.push(problem);
        }
    }

    /// Takes over everything that another collection holds.
    pub fn extend(&mut self, other: Self) {
        other.problems.into_iter().for_each(|problem| self.push(problem));
        self.secrets.extend(other.secrets);
    }

    /// Runs `read` one step deeper: `segment` is added to the path, and `node` is what stands there, if anything does.
    pub fn within<R>(
        &mut self,
        segment: impl Into<String>,
        node: Option<&Node>,
        read: impl FnOnce(&mut Self) -> R,
    ) -> R {
        let segment = segment.into();
        let span = match node {
            Some(node) => node.span().clone(),
            None => self.span(),
        };
        self.frames.push(Frame { segment, node: node.cloned(), span });
        let result = read(self);
        self.frames.pop();
        result
    }

    /// Remembers a text that must not appear in any message from here on.
    pub fn hide(&mut self, secret: &str) {
        // Hiding every `a` would make messages unreadable and protect nothing.
        const SHORTEST: usize = 4;
        let secret = Secretive(secret.to_owned());
        if secret.0.len() >= SHORTEST && !self.secrets.contains(&secret) {
            self.secrets.push(secret);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// The problems, in the order in which they were found.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.problems.iter()
    }

    /// The problem that was found first.
    pub fn first(&self) -> Option<&Problem> {
        self.problems.first()
    }

    /// The keys that lead to the section being read, joined by `::`.
    pub fn path(&self) -> String {
        let segments = self.frames.iter().map(|frame| frame.segment.as_str());
        let segments: Vec<_> = segments.filter(|segment| !segment.is_empty()).collect();
        segments.join("::")
    }

    /// `value` when nothing is wrong, else everything that is, in the order of the text.
    ///
    /// # Errors
    ///
    /// There are problems.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        let mut sources: Vec<Arc<str>> = Vec::new();
        for problem in &self.problems {
            if !sources.contains(&problem.source) {
                sources.push(Arc::clone(&problem.source));
            }
        }
        self.problems.sort_by_key(|problem| {
            let source = sources.iter().position(|source| *source == problem.source);
            (source, problem.line, problem.column)
        });
        Err(self)
    }

    fn report(&mut self, field: &str, mut message: String, hint: Option<String>) {
        let node = self.frames.last().and_then(|frame| frame.node.as_ref()?.get(field));
        let span = match node {
            Some(node) => {
                let shown = match node.kind() {
                    Kind::List | Kind::Map | Kind::Null => None,
                    _ if node.shown().is_empty() => Some("empty".to_owned()),
                    _ => Some(node.shown()),
                };
                if let Some(shown) = shown.filter(|_| message.starts_with("must")) {
                    message.push_str(&format!(", is {shown}"));
                }
                node.span().clone()
            }
            None => self.span(),
        };
        self.place(span, self.path_to(field), message, hint);
    }

    fn place(&mut self, span: Span, path: String, message: String, hint: Option<String>) {
        let message = self.without_secrets(message);
        let hint = hint.map(|hint| self.without_secrets(hint));
        let Span { source, line, column } = span;
        self.push(Problem { source, line, column, path, message, expected: None, hint });
    }

    fn without_secrets(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| {
            if text.contains(&secret.0) { text.replace(&secret.0, REDACTED) } else { text }
        })
    }

    fn path_to(&self, field: &str) -> String {
        let path = self.path();
        match (path.is_empty(), field.is_empty()) {
            (_, true) => path,
            (true, _) => field.to_owned(),
            _ => format!("{path}::{field}"),
        }
    }

    fn span(&self) -> Span {
        self.frames.last().map_or_else(Span::nowhere, |frame| frame.span.clone())
    }

    fn key_span(&self, path: &str) -> Span {
        let node = self.frames.last().and_then(|frame| frame.node.as_ref());
        let (parent, key) = path.rsplit_once("::").unwrap_or(("", path));
        let span = node.and_then(|node| node.get(parent)?.as_map()?.key_span(key));
        span.cloned().unwrap_or_else(|| self.span())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.problems.into_iter()
    }
}
