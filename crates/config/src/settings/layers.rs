//! The layers that settings come from.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::document;
use crate::environment::Environment;
use crate::node::{Kind, Node, Span};
use crate::parse::{Budget, Origin};
use crate::paths;
use crate::problems::{Problem, Problems};
use crate::source;

/// One layer of settings as texts: what a command line gives. What is `None` is left to the layers below.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "each field is the flag of its name, see `AgentSettings`")]
pub struct Layer {
    pub agent_config: Option<String>,
    pub config: Option<String>,
    pub collector_endpoint: Option<String>,
    pub api_key: Option<String>,
    pub config_check_interval: Option<String>,
    pub update_endpoint: Option<String>,
    pub docker_mode: Option<String>,
    pub docker_endpoint: Option<String>,
    pub log_level: Option<String>,
    pub allow_insecure_endpoint: Option<String>,
}

/// The keys that `agent.yaml` may have.
const KEYS: [&str; 9] = [
    "config",
    "collector-endpoint",
    "api-key",
    "config-check-interval",
    "update-endpoint",
    "docker-mode",
    "docker-endpoint",
    "log-level",
    "allow-insecure-endpoint",
];

/// Shows no values: one of them is the API key.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = KEYS.iter().chain(&["agent-config"]).filter(|key| self.get(key).is_some());
        f.debug_set().entries(set).finish()
    }
}

impl Layer {
    fn get(&self, key: &str) -> Option<&String> {
        match key {
            "agent-config" => self.agent_config.as_ref(),
            "config" => self.config.as_ref(),
            "collector-endpoint" => self.collector_endpoint.as_ref(),
            "api-key" => self.api_key.as_ref(),
            "config-check-interval" => self.config_check_interval.as_ref(),
            "update-endpoint" => self.update_endpoint.as_ref(),
            "docker-mode" => self.docker_mode.as_ref(),
            "docker-endpoint" => self.docker_endpoint.as_ref(),
            "log-level" => self.log_level.as_ref(),
            "allow-insecure-endpoint" => self.allow_insecure_endpoint.as_ref(),
            _ => None,
        }
    }
}

/// All layers above the defaults.
pub(super) struct Layers<'a> {
    flags: &'a Layer,
    environment: &'a Environment,
    file: Option<Node>,
    pub(super) agent_config: PathBuf,
}

/// A setting that some layer has.
pub(super) struct Found {
    pub(super) text: String,
    /// The flag, variable or key.
    path: String,
    span: Span,
}

impl Found {
    /// A problem with it.
    pub(super) fn problem(&self, message: impl Into<String>, hint: Option<&str>) -> Problem {
        let hint = hint.map(str::to_owned);
        Problem { path: self.path.clone(), hint, ..Problem::new(&self.span, message) }
    }
}

impl<'a> Layers<'a> {
    /// Reads `agent.yaml`. Its unknown keys come back as warnings.
    pub(super) fn new(
        flags: &'a Layer,
        environment: &'a Environment,
        problems: &mut Problems,
    ) -> (Self, Problems) {
        let mut layers =
            Self { flags, environment, file: None, agent_config: paths::agent_config() };
        let explicit = layers.find("agent-config", problems);
        if let Some(found) = &explicit {
            layers.agent_config = PathBuf::from(&found.text);
        }
        match read(&layers.agent_config.to_string_lossy()) {
            Ok(file) => layers.file = Some(file),
            Err(Refusal::Io(error))
                if error.kind() == io::ErrorKind::NotFound && explicit.is_none() => {}
            Err(Refusal::Io(error)) => {
                let name: Arc<str> = layers.agent_config.to_string_lossy().into();
                let span = Span { source: name, line: 0, column: 0 };
                problems.push(Problem::new(
                    &span,
                    format!("cannot read the agent's settings: {error}"),
                ));
            }
            Err(Refusal::Content(problem)) => problems.push(problem),
        }
        let warnings = layers.unknown_keys();
        (layers, warnings)
    }

    /// The topmost layer's text for a setting. An empty text counts as not set.
    pub(super) fn find(&self, key: &str, problems: &mut Problems) -> Option<Found> {
        self.search(key, problems, |text| !text.is_empty())
    }

    /// As [`find`](Self::find), for a setting where an empty text means something.
    pub(super) fn find_even_empty(&self, key: &str, problems: &mut Problems) -> Option<Found> {
        self.search(key, problems, |_| true)
    }

    fn search(
        &self,
        key: &str,
        problems: &mut Problems,
        counts: impl Fn(&str) -> bool,
    ) -> Option<Found> {
        if let Some(text) = self.flags.get(key).filter(|text| counts(text)) {
            let path = format!("--{key}");
            return Some(Found { text: text.clone(), path, span: Span::nowhere() });
        }
        let variable = variable(key);
        if let Some(text) = self.environment.get(&variable).filter(|text| counts(text)) {
            return Some(Found { text, path: variable, span: Span::nowhere() });
        }
        let node = self.file.as_ref()?.as_map()?.get(key).filter(|node| !node.is_null())?;
        let found = Found { text: String::new(), path: key.to_owned(), span: node.span().clone() };
        match text(key, node) {
            Some(text) => Some(Found { text, ..found }).filter(|found| counts(&found.text)),
            None => {
                let hint = "put it in quotes";
                problems.push(
                    found.problem(format!("must be a text, is a {}", node.kind()), Some(hint)),
                );
                None
            }
        }
    }

    fn unknown_keys(&self) -> Problems {
        let mut warnings = Problems::new();
        let Some(file) = &self.file else { return warnings };
        let keys = file.as_map().into_iter().flat_map(|map| map.iter().map(|(key, _)| key));
        let unknown: Vec<_> = keys.filter(|key| !KEYS.contains(key)).collect();
        warnings.within("", Some(file), |warnings| {
            for key in unknown {
                warnings.unknown_key(key, KEYS);
            }
        });
        warnings
    }
}

/// `docker-mode` is `KM_DOCKER_MODE`; `config` has a name of its own.
fn variable(key: &str) -> String {
    match key {
        "config" => "KM_COLLECTOR_CONFIG".to_owned(),
        key => format!("KM_{}", key.replace('-', "_").to_ascii_uppercase()),
    }
}

/// A value of `agent.yaml` as a text. Numbers and bools will do where such a value is wanted.
fn text(key: &str, node: &Node) -> Option<String> {
    match (key, node.kind()) {
        (_, Kind::String) => node.as_str().map(str::to_owned),
        ("config-check-interval", Kind::Int | Kind::Float) => {
            node.as_i64().map(|value| value.to_string())
        }
        ("docker-mode" | "allow-insecure-endpoint", Kind::Bool | Kind::Int) => Some(node.shown()),
        _ => None,
    }
}

enum Refusal {
    Io(io::Error),
    Content(Problem),
}

/// Reads `agent.yaml`. References in it are not expanded: an API key may hold any character.
fn read(path: &str) -> Result<Node, Refusal> {
    let text = source::read_file(path).map_err(Refusal::Io)?;
    let origin = Origin::Text(Arc::from(path));
    document::root(&text, &origin, false, &mut Budget::default()).map_err(Refusal::Content)
}
