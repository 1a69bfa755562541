//! `service::telemetry::metrics`.

use component::meter;
use config::{Node, Problems, Section, Validate};

use super::readers::{Prometheus, Pull, PullExporter, Reader};

/// The agent's own metrics.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct MetricsConfig {
    /// How much is measured: `none`, `basic`, `normal` or `detailed`, in any case. Default: `normal`. With `none` nothing is
    /// measured and nobody listens.
    pub level: Level,
    /// Who reads the metrics. Default: one reader that Prometheus pulls from, at `localhost:8888`. What is written replaces
    /// the default.
    pub readers: Vec<Reader>,
    /// Not supported yet.
    pub views: Option<Node>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(ignore_case)]
pub enum Level {
    /// Nothing.
    None,
    /// What everybody wants to see.
    Basic,
    /// Also what shows how the batches are made.
    #[default]
    Normal,
    /// Everything.
    Detailed,
}

impl Level {
    /// Whether an instrument of that level is shown.
    pub(crate) fn shows(self, level: meter::Level) -> bool {
        match self {
            Self::None => false,
            Self::Basic => level <= meter::Level::Basic,
            Self::Normal => level <= meter::Level::Normal,
            Self::Detailed => true,
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        let prometheus = Prometheus {
            host: Some("localhost".to_owned()),
            port: Some(8888),
            ..Prometheus::default()
        };
        let pull = Pull { exporter: PullExporter { prometheus: Some(prometheus) } };
        let readers = vec![Reader { pull: Some(pull), periodic: None }];
        Self { level: Level::default(), readers, views: None }
    }
}

impl Validate for MetricsConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.level != Level::None && self.readers.is_empty() {
            problems.add(
                "readers",
                "collector telemetry metrics reader should exist when metric level is not none",
            );
        }
        if self.views.is_some() {
            let message = match self.level {
                Level::Detailed => "`views` is not supported yet",
                _ => {
                    "service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed"
                }
            };
            problems.add("views", message);
        }
    }
}
