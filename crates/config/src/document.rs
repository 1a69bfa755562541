//! Collector configurations: merged from their sources, with every reference expanded.

use std::sync::Arc;

use crate::environment::Environment;
use crate::expand::Expander;
use crate::merge;
use crate::node::{Content, Node, Span};
use crate::parse::{self, Budget, Origin};
use crate::problems::{Problem, Problems};
use crate::source::{self, Provide};

/// A configuration, merged and expanded. Its root is a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    root: Node,
}

/// One of the things that a document is merged from.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A source as `--config` names it.
    Source(&'a str),
    /// A text that is at hand. `name` stands for its file in messages.
    Text {
        /// YAML.
        text: &'a str,
        /// What messages call it.
        name: &'a str,
    },
}

/// The source that `--set key=value` stands for: dots in the key become `::`, the value is YAML.
///
/// # Errors
///
/// There is no equal sign.
pub fn set_source(setting: &str) -> Result<String, &'static str> {
    let (key, value) = setting.split_once('=').ok_or("missing equal sign")?;
    Ok(format!("yaml:{}: {}", key.trim().replace('.', "::"), value.trim()))
}

impl Document {
    /// Loads sources as `--config` names them (`file:`, `env:`, `yaml:`, or a bare path), and merges them from left to
    /// right: maps key by key, everything else replaced by what comes later, `null` too. References are expanded in the
    /// result, so they may stand for anything, but nothing is merged into what they stand for.
    ///
    /// # Errors
    ///
    /// Every problem that was found.
    pub fn load<S: AsRef<str>>(sources: &[S], environment: &Environment) -> Result<Self, Problems> {
        if sources.is_empty() {
            let message = "at least one config flag must be provided";
            return Err(Problem::new(&Span::nowhere(), message).into());
        }
        let parts: Vec<_> = sources.iter().map(|uri| Part::Source(uri.as_ref())).collect();
        Self::from_parts(&parts, environment)
    }

    /// Merges sources and texts from left to right, as [`load`](Self::load) does.
    ///
    /// # Errors
    ///
    /// Every problem that was found.
    pub fn from_parts(parts: &[Part<'_>], environment: &Environment) -> Result<Self, Problems> {
        match Self::examine(parts, environment) {
            (Some(document), problems) => problems.into_result(document),
            (None, problems) => Err(problems),
        }
    }

    /// As [`from_parts`](Self::from_parts), for whoever wants to find more problems: a document that has some comes back with
    /// them, and references that could not be expanded stand in it as they were written. `None`: a source could not be read.
    pub fn examine(parts: &[Part<'_>], environment: &Environment) -> (Option<Self>, Problems) {
        let mut problems = Problems::new();
        let mut budget = Budget::default();
        let mut roots = Vec::new();
        for part in parts {
            let read = match *part {
                Part::Source(uri) => retrieve(uri, environment, &mut budget),
                Part::Text { text, name } => {
                    root(text, &Origin::Text(Arc::from(name)), false, &mut budget)
                }
            };
            match read {
                Ok(root) => roots.push(root),
                Err(problem) => problems.push(problem),
            }
        }
        let is_complete = roots.len() == parts.len();
        let document = Self::assemble(roots, environment, budget, &mut problems);
        (document.filter(|_| is_complete), problems)
    }

    /// Reads a configuration from a text. `name` stands for its file in messages.
    ///
    /// # Errors
    ///
    /// Every problem that was found.
    pub fn from_text(text: &str, name: &str, environment: &Environment) -> Result<Self, Problems> {
        Self::from_parts(&[Part::Text { text, name }], environment)
    }

    /// The map that holds everything.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// A document from the roots of its sources, if there are any.
    fn assemble(
        parts: Vec<Node>,
        environment: &Environment,
        budget: Budget,
        problems: &mut Problems,
    ) -> Option<Self> {
        let parts: Vec<_> = parts.iter().map(|part| split(part, problems)).collect();
        let root = parts.into_iter().reduce(|mut left, right| {
            merge::merge(&mut left, right);
            left
        })?;
        let mut expander = Expander { provider: environment, default_scheme: Some("env"), budget };
        let expanded = expander.expand(&root, problems);
        // Maps that came from references have keys of their own.
        Some(Self { root: split(&expanded, problems) })
    }
}

fn split(node: &Node, problems: &mut Problems) -> Node {
    let mut found = Vec::new();
    let split = merge::split_keys(node, &mut found);
    found.into_iter().for_each(|problem| problems.push(problem));
    split
}

fn retrieve(uri: &str, environment: &Environment, budget: &mut Budget) -> Result<Node, Problem> {
    let (scheme, opaque) =
        source::location(uri).map_err(|message| Problem::new(&Span::nowhere(), message))?;
    let name: Arc<str> = match scheme {
        "file" => Arc::from(opaque),
        "yaml" => Arc::from("yaml:"),
        "http" | "https" => Arc::from(source::shown_url(uri)),
        _ => Arc::from(uri),
    };
    let whole = Span { source: Arc::clone(&name), line: 0, column: 0 };
    let retrieved = environment.retrieve(scheme, opaque, &whole);
    let retrieved = retrieved.map_err(|message| Problem::new(&whole, message))?;
    root(&retrieved.text, &Origin::Text(name), retrieved.tainted, budget)
}

/// Reads a text whose root must be a map, or nothing.
pub(crate) fn root(
    text: &str,
    origin: &Origin,
    tainted: bool,
    budget: &mut Budget,
) -> Result<Node, Problem> {
    let parsed = parse::parse(text, origin, tainted, budget);
    let parsed = parsed.map_err(|failure| Problem::new(&failure.span, failure.message))?;
    if let Some(second) = parsed.second {
        return Err(Problem::new(
            &second,
            "a second YAML document begins here, and only one is read",
        ));
    }
    let node = parsed.node;
    match node.content {
        Content::Map(_) => Ok(node),
        Content::Null => Ok(Node { content: Content::Map(Arc::default()), ..node }),
        _ => {
            let message =
                format!("the root of a configuration must be a map, is a {}", node.kind());
            Err(Problem::new(node.span(), message))
        }
    }
}

#[cfg(test)]
mod tests;
