//! What users write.

use config::{Optional, Problems, Section, Validate};
use exporter_helper::QueueConfig;

/// How much is shown of each batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(ignore_case)]
pub enum Verbosity {
    /// One line with counts.
    #[default]
    Basic,
    /// Counts, and about one line for each span, data point or log record.
    Normal,
    /// Counts, and everything that the data says.
    Detailed,
}

/// Settings of the `debug` exporter.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// How much is shown of each batch: `basic`, `normal` or `detailed`, in any case.
    ///
    /// Default: `basic`, one line with counts.
    pub verbosity: Verbosity,

    /// How many equal entries are shown in a second before sampling sets in.
    pub sampling_initial: u32,

    /// After the initial ones, every how manieth equal entry is shown; `1` shows all, `0` none.
    pub sampling_thereafter: u32,

    /// Whether entries go through the agent's own log, with its level and outputs.
    pub use_internal_logger: bool,

    /// Where entries go when the agent's own log is not used: `stdout`, `stderr` or paths of files, which are appended to.
    ///
    /// Default: `[stdout]`. Only allowed with `use_internal_logger: false`.
    pub output_paths: Option<Vec<String>>,

    /// A queue before the output. Off unless it is there.
    pub sending_queue: Optional<QueueConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            verbosity: Verbosity::Basic,
            sampling_initial: 2,
            sampling_thereafter: 1,
            use_internal_logger: true,
            output_paths: None,
            sending_queue: Optional::Default(QueueConfig::default()),
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        match &self.output_paths {
            Some(_) if self.use_internal_logger => {
                problems.add("output_paths", "is not supported when `use_internal_logger` is true")
            }
            Some(paths) if paths.is_empty() => problems.add("output_paths", "must not be empty"),
            _ => {}
        }
    }
}
