//! `${…}`: expansion by upstream's algorithm (`confmap/expand.go`), traps included.
//!
//! * A value that is one reference becomes what the referred text is in YAML, and keeps the text itself for fields of type
//!   string. A reference inside a longer string is replaced by its text, and the result is a string.
//! * The innermost reference that closes first is expanded first, and results are expanded again.
//! * A reference after an odd number of `$` is escaped, and ends the expansion of its string. In the end every `$$` becomes
//!   `$`, wherever it came from.

use std::sync::Arc;

use crate::node::{Content, Map, Node, Span};
use crate::parse::{self, Budget, MAX_DEPTH, Origin};
use crate::problems::Problems;
use crate::source::{Provide, Retrieved, split_scheme};

/// How many references one value may go through.
const MAX_ROUNDS: usize = 1000;

/// Expands all values of a document.
pub(crate) struct Expander<'a> {
    pub(crate) provider: &'a dyn Provide,
    /// The scheme of `${NAME}`; without one, such a text is no reference.
    pub(crate) default_scheme: Option<&'a str>,
    pub(crate) budget: Budget,
}

/// What became of a string in one round.
enum Round {
    /// It holds no reference.
    Done,
    /// A reference in it was replaced.
    Replaced(String),
    /// It was a reference.
    Value(Node),
}

impl Expander<'_> {
    /// The node with every reference below it expanded and every `$$` unescaped. What could not be expanded is reported
    /// and left as it is.
    pub(crate) fn expand(&mut self, node: &Node, problems: &mut Problems) -> Node {
        unescape(&self.value(node, 0, problems))
    }

    fn value(&mut self, node: &Node, depth: usize, problems: &mut Problems) -> Node {
        if depth > MAX_DEPTH {
            problems.reject(node, "the document is nested too deeply");
            return node.clone();
        }
        match &node.content {
            Content::String(text) => self.string(node, text, depth, problems),
            Content::List(elements) => {
                let expanded = elements.iter().enumerate().map(|(place, element)| {
                    problems.within(place.to_string(), Some(element), |problems| {
                        self.value(element, depth + 1, problems)
                    })
                });
                let content = Content::List(expanded.collect());
                self.with_text(node, content, problems)
            }
            Content::Map(map) => {
                let mut expanded = Map::default();
                for (key, span, value) in map.entries() {
                    let value = problems.within(&**key, Some(value), |problems| {
                        self.value(value, depth + 1, problems)
                    });
                    expanded.insert(Arc::clone(key), span.clone(), value);
                }
                let content = Content::Map(Arc::new(expanded));
                self.with_text(node, content, problems)
            }
            content => self.with_text(node, content.clone(), problems),
        }
    }

    /// A node with new content, and its text expanded on its own. Where the text alone cannot be expanded (a reference
    /// in a comment), it is dropped, and a field of type string will refuse the value.
    fn with_text(&mut self, node: &Node, content: Content, problems: &mut Problems) -> Node {
        let mut tainted = node.tainted;
        let text = node.text.as_ref().and_then(|text| {
            let text = self.text_alone(text, node.span(), &mut tainted, problems).ok();
            text.map(Arc::from)
        });
        Node { span: node.span.clone(), content, text, tainted }
    }

    fn string(&mut self, node: &Node, text: &str, depth: usize, problems: &mut Problems) -> Node {
        let mut tainted = node.tainted;
        let mut text = text.to_owned();
        let mut whole = node.text.is_some();
        for _ in 0..MAX_ROUNDS {
            match self.round(&text, node.span(), &mut tainted, problems) {
                Ok(Round::Done) => {
                    let text: Arc<str> = text.into();
                    let source = whole.then(|| Arc::clone(&text));
                    let content = Content::String(text);
                    return Node { span: node.span.clone(), content, text: source, tainted };
                }
                Ok(Round::Replaced(replaced)) => {
                    text = replaced;
                    whole = false;
                }
                Ok(Round::Value(value)) => match &value.content {
                    Content::String(string) => {
                        text = string.to_string();
                        whole = true;
                    }
                    _ => return self.value(&value, depth, problems),
                },
                Err(message) => {
                    problems.reject(node, message);
                    return node.clone();
                }
            }
        }
        problems.reject(node, "too many recursive expansions");
        node.clone()
    }

    /// Expands a text where only a text will do.
    fn text_alone(
        &mut self,
        text: &str,
        span: &Span,
        tainted: &mut bool,
        problems: &mut Problems,
    ) -> Result<String, String> {
        let mut text = text.to_owned();
        for _ in 0..MAX_ROUNDS {
            text = match self.round(&text, span, tainted, problems)? {
                Round::Done => return Ok(text),
                Round::Replaced(replaced) => replaced,
                Round::Value(value) => value.as_str().ok_or("not a text")?.to_owned(),
            };
        }
        Err("too many recursive expansions".to_owned())
    }

    /// Expands one reference. `tainted` is set when it held a secret, which no message will show from then on.
    fn round(
        &mut self,
        text: &str,
        span: &Span,
        tainted: &mut bool,
        problems: &mut Problems,
    ) -> Result<Round, String> {
        let Some(reference) = find_reference(text, self.default_scheme.is_some()) else {
            return Ok(Round::Done);
        };
        let retrieved = self.retrieve(reference, span)?;
        if retrieved.tainted {
            *tainted = true;
            problems.hide(&retrieved.text);
        }
        if reference == text {
            return self.parse(retrieved, *tainted, span).map(Round::Value);
        }
        let occurrences = text.matches(reference).count();
        let grown = occurrences.saturating_mul(retrieved.text.len());
        self.budget.take_bytes(text.len().saturating_add(grown))?;
        Ok(Round::Replaced(text.replace(reference, &retrieved.text)))
    }

    fn retrieve(&self, reference: &str, span: &Span) -> Result<Retrieved, String> {
        let uri = &reference[2..reference.len() - 1];
        let with_scheme;
        let uri = match self.default_scheme {
            Some(scheme) if !uri.contains(':') => {
                with_scheme = format!("{scheme}:{uri}");
                &with_scheme
            }
            _ => uri,
        };
        let (scheme, opaque) =
            split_scheme(uri).ok_or_else(|| format!("invalid uri: \"{uri}\""))?;
        if opaque.contains('$') {
            return Err(format!("the uri \"{uri}\" contains unsupported characters ('$')"));
        }
        self.provider.retrieve(scheme, opaque, span)
    }

    /// What a retrieved text is in YAML, together with the text. A text that isn't YAML is a string.
    fn parse(&mut self, retrieved: Retrieved, tainted: bool, span: &Span) -> Result<Node, String> {
        let Retrieved { text, origin, is_string, .. } = retrieved;
        self.budget.take_bytes(text.len())?;
        let text: Arc<str> = text.into();
        let string = || Node {
            text: Some(Arc::clone(&text)),
            tainted,
            ..Node::new(span.clone(), Content::String(Arc::clone(&text)))
        };
        if is_string {
            return Ok(string());
        }
        match parse::parse(&text, &origin, tainted, &mut self.budget) {
            Err(failure) if failure.is_syntax => Ok(string()),
            Err(failure) => Err(match origin {
                Origin::Text(source) => {
                    format!("{source}:{}: {}", failure.span.line, failure.message)
                }
                Origin::Reference(_) => failure.message,
            }),
            // The text itself counts, with its quotes.
            Ok(parsed) if parsed.node.as_str().is_some() => Ok(string()),
            Ok(parsed) => Ok(Node { text: Some(text), ..parsed.node }),
        }
    }
}

/// The next reference to expand in a text, as it is written: `${env:NAME}`.
fn find_reference(text: &str, has_default_scheme: bool) -> Option<&str> {
    let mut rest = text;
    loop {
        let close = rest.find('}')?;
        let open = rest[..close].rfind("${");
        let open = open.filter(|open| has_default_scheme || rest[*open..close].contains(':'));
        let Some(open) = open else {
            rest = &rest[close + 1..];
            continue;
        };
        let dollars = rest[..open].bytes().rev().take_while(|byte| *byte == b'$').count();
        // An escaped reference ends the expansion of the whole string.
        return dollars.is_multiple_of(2).then(|| &rest[open..=close]);
    }
}

/// Makes every `$$` a `$`.
fn unescape(node: &Node) -> Node {
    let unescape_text = |text: &Arc<str>| match text.contains("$$") {
        true => Arc::from(text.replace("$$", "$")),
        false => Arc::clone(text),
    };
    let content = match &node.content {
        Content::String(text) => Content::String(unescape_text(text)),
        Content::List(elements) => Content::List(elements.iter().map(unescape).collect()),
        Content::Map(map) => {
            let mut unescaped = Map::default();
            for (key, span, value) in map.entries() {
                unescaped.insert(Arc::clone(key), span.clone(), unescape(value));
            }
            Content::Map(Arc::new(unescaped))
        }
        content => content.clone(),
    };
    let text = node.text.as_ref().map(unescape_text);
    Node { span: node.span.clone(), content, text, tainted: node.tainted }
}

#[cfg(test)]
mod tests;
