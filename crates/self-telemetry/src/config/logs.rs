//! `service::telemetry::logs`.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use config::{Node, Problems, Section, Validate};
use tracing::level_filters::LevelFilter;

/// The agent's own log. What is not written stays as the agent was started: see `docs/settings.md`.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct LogsConfig {
    /// The least severe lines that are written: `debug`, `info`, `warn`, `error`, `dpanic`, `panic` or `fatal`, in any case.
    /// Default: the agent's `log-level`.
    pub level: Option<LogLevel>,
    /// Accepted: lines have no stack traces.
    pub development: bool,
    /// `console` for lines to read, `json`. Default: `json` under a service manager, `console` otherwise.
    pub encoding: Option<Encoding>,
    /// Whether lines leave out which file and line of the program wrote them. Default: `false`.
    pub disable_caller: bool,
    /// Accepted: lines have no stack traces.
    pub disable_stacktrace: bool,
    /// Thins out lines that repeat. Off unless the section is there.
    pub sampling: Option<Sampling>,
    /// Where lines go: `stdout`, `stderr`, a file, or an absolute `file://` URL. Default: standard error, and the agent's own
    /// log file under a service manager. What is written takes the place of standard error.
    pub output_paths: Option<Vec<String>>,
    /// Where the log's own failures go: only `stderr` is supported yet.
    pub error_output_paths: Vec<String>,
    /// Fields that every line gets.
    pub initial_fields: BTreeMap<String, Node>,
    /// Not supported yet.
    pub processors: Vec<Node>,
    /// Accepted: lines never repeat the resource.
    pub disable_zap_resource: bool,
}

/// The least severe lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
#[section(ignore_case)]
#[expect(missing_docs, reason = "upstream's own words")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    #[section(rename = "dpanic")]
    DPanic,
    Panic,
    Fatal,
}

impl LogLevel {
    /// As the program's own levels. Nothing in the program is more severe than an error.
    pub fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
            Self::DPanic | Self::Panic | Self::Fatal => LevelFilter::OFF,
        }
    }
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
pub enum Encoding {
    /// Lines to read.
    Console,
    /// One JSON object per line.
    Json,
}

/// Of lines with the same level and message within a tick, the first ones are written and then every so-manieth.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Sampling {
    /// Whether it is done. Default: `true`.
    pub enabled: bool,
    /// The tick. Default: `10s`.
    pub tick: Duration,
    /// How many are written at first. Default: `10`.
    pub initial: u64,
    /// Then every which one. Default: `100`. `0` drops the rest of the tick.
    pub thereafter: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { enabled: true, tick: Duration::from_secs(10), initial: 10, thereafter: 100 }
    }
}

impl Validate for Sampling {
    fn validate(&self, problems: &mut Problems) {
        if self.enabled && self.tick.is_zero() {
            problems.add("tick", "must be longer than 0s");
        }
    }
}

impl Sampling {
    /// Whether the line that is the `count`th of its tick, counted from 1, is written.
    pub(crate) fn passes(&self, count: u64) -> bool {
        let Some(beyond) = count.checked_sub(self.initial).filter(|beyond| *beyond > 0) else {
            return true;
        };
        NonZeroU64::new(self.thereafter).is_some_and(|every| beyond % every == 0)
    }
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            level: None,
            development: false,
            encoding: None,
            disable_caller: false,
            disable_stacktrace: false,
            sampling: None,
            output_paths: None,
            error_output_paths: vec!["stderr".to_owned()],
            initial_fields: BTreeMap::new(),
            processors: Vec::new(),
            disable_zap_resource: false,
        }
    }
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputPath {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file that lines are added to.
    File(PathBuf),
}

impl OutputPath {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "" => Err("must not be empty"),
            _ => match text.split_once("://") {
                None => Ok(Self::File(text.into())),
                Some(("file", path)) => {
                    let path = path.strip_prefix("localhost").unwrap_or(path);
                    match path.starts_with('/') {
                        true => Ok(Self::File(path.into())),
                        false => Err("file URLs must be absolute, without a host"),
                    }
                }
                Some(_) => Err("must be stdout, stderr, a path or a file:// URL"),
            },
        }
    }
}

impl LogsConfig {
    /// Where lines go, if it is written.
    pub(crate) fn outputs(&self) -> Option<Vec<OutputPath>> {
        let paths = self.output_paths.as_ref()?;
        Some(paths.iter().filter_map(|path| OutputPath::parse(path).ok()).collect())
    }
}

impl Validate for LogsConfig {
    fn validate(&self, problems: &mut Problems) {
        for path in self.output_paths.iter().flatten() {
            if let Err(error) = OutputPath::parse(path) {
                problems.add("output_paths", format!("\"{path}\": {error}"));
            }
        }
        for path in self.error_output_paths.iter().filter(|path| *path != "stderr") {
            let message = format!("`{path}` is not supported yet, only stderr is");
            problems.add("error_output_paths", message);
        }
        if !self.processors.is_empty() {
            problems.not_supported("processors");
        }
    }
}
