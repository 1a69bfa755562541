//! The agent's own settings: flags over `KM_*` variables over `agent.yaml` over defaults.
//!
//! An empty value counts as not set, and the next layer decides. The update endpoint is the exception: set to nothing, it is
//! derived from the collector endpoint.

mod endpoint;
mod layers;

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::environment::Environment;
use crate::paths;
use crate::problems::{Problem, Problems};
use crate::secret::Secret;
pub use layers::Layer;
use layers::{Found, Layers};

/// Where telemetry goes unless something else is set.
pub const DEFAULT_COLLECTOR_ENDPOINT: &str = "https://otel.kloudmate.com:4318";
/// Where the agent asks for a new configuration unless something else is set.
pub const DEFAULT_UPDATE_ENDPOINT: &str = "https://api.kloudmate.com/agents/config-check";
/// How often the agent asks unless something else is set.
pub const DEFAULT_CONFIG_CHECK_INTERVAL: Duration = Duration::from_secs(60);

const DEFAULT_DOCKER_ENDPOINT: &str =
    if cfg!(windows) { "npipe:////./pipe/docker_engine" } else { "unix:///var/run/docker.sock" };

/// What the agent works with.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentSettings {
    /// The file that `agent.yaml` settings came from, or would have.
    pub agent_config: PathBuf,
    /// The collector's configuration.
    pub config: PathBuf,
    /// Whether somebody set [`config`](Self::config), so that it is not just the default.
    pub config_is_explicit: bool,
    /// The backend's OTLP endpoint.
    pub collector_endpoint: String,
    /// The key for the backend and for the update endpoint.
    pub api_key: Option<Secret<String>>,
    /// Time between two checks for a new configuration; `None` turns them off.
    pub config_check_interval: Option<Duration>,
    /// Where to ask for a new configuration.
    pub update_endpoint: Url,
    /// Whether somebody set [`update_endpoint`](Self::update_endpoint), so that it is neither the default nor derived.
    pub update_endpoint_is_explicit: bool,
    /// Whether the agent runs in a container and watches its host from there.
    pub docker_mode: bool,
    /// The Docker engine's API.
    pub docker_endpoint: String,
    /// How much the agent logs.
    pub log_level: LogLevel,
    /// Whether the API key may go over plain http to other hosts.
    pub allow_insecure_endpoint: bool,
}

/// How much the agent logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "everybody's words")]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

/// Settings, and what is odd about where they came from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the agent works with.
    pub settings: AgentSettings,
    /// Keys of `agent.yaml` that mean nothing.
    pub warnings: Problems,
}

impl AgentSettings {
    /// Resolves the layers: `flags`, the `KM_*` variables in `environment`, `agent.yaml`, and the defaults.
    ///
    /// # Errors
    ///
    /// Every value that is wrong, by the flag, variable or key that it came from; or `agent.yaml` cannot be read.
    pub fn resolve(flags: &Layer, environment: &Environment) -> Result<Resolved, Problems> {
        let mut problems = Problems::new();
        let (layers, warnings) = Layers::new(flags, environment, &mut problems);
        let settings = Self::from_layers(&layers, &mut problems);
        problems.into_result(Resolved { settings, warnings })
    }

    /// The environment that collector configurations see: `${env:KM_COLLECTOR_ENDPOINT}` and `${env:KM_API_KEY}` are what
    /// the agent resolved, wherever that came from. The process environment stays as it is.
    pub fn overlay(&self, environment: Environment) -> Environment {
        let environment =
            environment.with("KM_COLLECTOR_ENDPOINT", self.collector_endpoint.clone());
        match &self.api_key {
            Some(key) => environment.with_secret("KM_API_KEY", key.clone()),
            None => environment,
        }
    }

    fn from_layers(layers: &Layers<'_>, problems: &mut Problems) -> Self {
        let docker_mode = read(layers, "docker-mode", problems, parse_bool).unwrap_or(false);
        let config = layers.find("config", problems);
        let default_config = || match docker_mode {
            true => PathBuf::from(paths::DOCKER_COLLECTOR_CONFIG),
            false => paths::collector_config(),
        };
        let api_key = layers.find("api-key", problems).map(|found| Secret::new(found.text));
        let allow_insecure_endpoint =
            read(layers, "allow-insecure-endpoint", problems, parse_bool).unwrap_or(false);
        let protects_key = api_key.is_some() && !allow_insecure_endpoint;

        let check = |found: &Found, problems: &mut Problems| {
            if protects_key && endpoint::is_insecure(&found.text) {
                let hint = "use https, or set allow-insecure-endpoint";
                problems.push(found.problem("would send the API key over plain http", Some(hint)));
            }
        };
        let collector = layers.find("collector-endpoint", problems);
        if let Some(found) = &collector {
            match endpoint::check(&found.text) {
                Ok(()) => check(found, problems),
                Err(message) => problems.push(found.problem(message, None)),
            }
        }
        let collector_endpoint =
            collector.map_or_else(|| DEFAULT_COLLECTOR_ENDPOINT.to_owned(), |found| found.text);

        let update = layers.find_even_empty("update-endpoint", problems);
        let explicit = update.as_ref().filter(|found| !found.text.is_empty());
        let update_endpoint = match explicit.map(|found| (found, endpoint::parse(&found.text))) {
            Some((found, Ok(url))) => {
                check(found, problems);
                url
            }
            Some((found, Err(message))) => {
                problems.push(found.problem(message, None));
                endpoint::default_update()
            }
            None if update.is_some() => endpoint::derive_update(&collector_endpoint),
            None => endpoint::default_update(),
        };

        let interval = read(layers, "config-check-interval", problems, parse_interval);
        let log_level = read(layers, "log-level", problems, parse_level);
        let docker_endpoint = layers.find("docker-endpoint", problems);
        Self {
            agent_config: layers.agent_config.clone(),
            config_is_explicit: config.is_some(),
            config: config.map_or_else(default_config, |found| found.text.into()),
            collector_endpoint,
            api_key,
            config_check_interval: interval.unwrap_or(Some(DEFAULT_CONFIG_CHECK_INTERVAL)),
            update_endpoint_is_explicit: explicit.is_some(),
            update_endpoint,
            docker_mode,
            docker_endpoint: docker_endpoint
                .map_or_else(|| DEFAULT_DOCKER_ENDPOINT.to_owned(), |found| found.text),
            log_level: log_level.unwrap_or_default(),
            allow_insecure_endpoint,
        }
    }
}

/// A setting that is not a text: what was found, parsed, or reported.
fn read<T>(
    layers: &Layers<'_>,
    key: &str,
    problems: &mut Problems,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Option<T> {
    let found = layers.find(key, problems)?;
    match parse(found.text.trim()) {
        Ok(value) => Some(value),
        Err(message) => {
            let problem: Problem = found.problem(format!("{message}, is \"{}\"", found.text), None);
            problems.push(problem);
            None
        }
    }
}

/// As Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// Seconds; zero or less is never.
fn parse_interval(text: &str) -> Result<Option<Duration>, &'static str> {
    let seconds: i64 = text.parse().map_err(|_| "must be a whole number of seconds")?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn parse_level(text: &str) -> Result<LogLevel, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "debug" => Ok(LogLevel::Debug),
        "info" => Ok(LogLevel::Info),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err("must be debug, info, warn or error"),
    }
}

#[cfg(test)]
mod tests;
