//! The agent's own log: which lines are written, in what form, and where they go.
//!
//! A program makes one [`Log`], installs its [layer](Log::layer), and hands it to the [factory](crate::Factory): from then
//! on `service::telemetry::logs` applies to it, and a component's level can be changed for a while.

mod layer;
mod levels;
mod line;
mod sampler;
mod writer;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use component::{Kind, StartError};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Encoding, LogsConfig, OutputPath};
use layer::LogLayer;
use levels::Levels;
use line::Style;
use sampler::Sampler;
pub use writer::{OpenFile, Output};

/// The agent's log. Clones are the same log.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    levels: Arc<Levels>,
    current: ArcSwap<Current>,
    start: Start,
}

/// How the program was started, which holds wherever the configuration says nothing.
#[derive(Debug)]
pub struct Start {
    /// The least severe lines that are written.
    pub level: LevelFilter,
    /// How lines are written.
    pub encoding: Encoding,
    /// Where lines go unless the configuration says so.
    pub console: Output,
    /// Where lines go in any case, as JSON: the service's own file.
    pub file: Option<Output>,
    /// Opens the files that the configuration names.
    pub open: OpenFile,
}

/// How lines are written at one time.
struct Current {
    outputs: Vec<(Output, Style)>,
    sampler: Option<Sampler>,
}

/// A change of the log that has everything it needs. [Applying](Self::apply) it cannot fail.
pub struct Change {
    log: Log,
    level: LevelFilter,
    current: Current,
}

impl Log {
    /// A log that writes as the program was started.
    pub fn new(start: Start) -> Self {
        let mut outputs = vec![(start.console.clone(), Style::new(start.encoding))];
        outputs.extend(start.file.clone().map(|file| (file, Style::new(Encoding::Json))));
        let current = ArcSwap::from_pointee(Current { outputs, sampler: None });
        let levels = Arc::new(Levels::new(start.level));
        Self { shared: Arc::new(Shared { levels, current, start }) }
    }

    /// What to install into the program's subscriber.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = levels::Filter(Arc::clone(&self.shared.levels));
        LogLayer(self.clone()).with_filter(filter)
    }

    /// Opens what a configuration needs.
    ///
    /// # Errors
    ///
    /// A file cannot be opened.
    pub fn prepare(&self, config: &LogsConfig) -> Result<Change, StartError> {
        let start = &self.shared.start;
        let style = Style {
            encoding: config.encoding.unwrap_or(start.encoding),
            caller: !config.disable_caller,
            fields: line::fields(&config.initial_fields),
        };
        let console = match config.outputs() {
            None => vec![start.console.clone()],
            Some(paths) => {
                let open = |path: &OutputPath| start.open(path);
                paths.iter().map(open).collect::<Result<_, _>>()?
            }
        };
        let mut outputs: Vec<_> =
            console.into_iter().map(|output| (output, style.clone())).collect();
        let json = Style { encoding: Encoding::Json, ..style };
        outputs.extend(start.file.clone().map(|file| (file, json)));
        let sampling = config.sampling.clone().filter(|sampling| sampling.enabled);
        let sampler = sampling.map(Sampler::new);
        let level = config.level.map_or(start.level, |level| level.filter());
        Ok(Change { log: self.clone(), level, current: Current { outputs, sampler } })
    }

    /// Lets a component write from another level on, for a time: up to `trace`, or down to nothing. It holds for the
    /// component of that id in every pipeline, whatever the configuration's level is.
    pub fn set_component_level(&self, kind: Kind, id: &str, level: LevelFilter, time: Duration) {
        self.shared.levels.set_component(kind, id, level, time);
    }

    /// Goes on for ever and takes the levels of components back when their time is over. Without it they end as well, but
    /// go on costing a little.
    pub async fn expire(&self) {
        self.shared.levels.expire().await;
    }
}

impl Change {
    /// From here on lines are written so.
    pub fn apply(self) {
        let Self { log, level, current } = self;
        log.shared.current.store(Arc::new(current));
        log.shared.levels.set_base(level);
    }
}

impl Start {
    fn open(&self, path: &OutputPath) -> Result<Output, StartError> {
        match path {
            OutputPath::Stdout => Ok(Output::new(io::stdout())),
            OutputPath::Stderr => Ok(Output::new(io::stderr())),
            OutputPath::File(path) => self.open.call(path).map_err(|error| {
                StartError::caused_by(
                    format!("logs::output_paths: cannot write {}", path.display()),
                    error,
                )
            }),
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("start", &self.shared.start).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Change").field("level", &self.level).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
