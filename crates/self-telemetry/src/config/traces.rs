//! `service::telemetry::traces`.

use config::{Node, Problems, Section, Validate};

/// The agent's own traces. Without processors there are none, here as upstream; with them, they are not supported yet.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct TracesConfig {
    /// `none` turns tracing off, whatever else is set.
    pub level: TracesLevel,
    /// Where spans go. Not supported yet, unless the level is `none`.
    pub processors: Vec<Node>,
    /// How the context of a trace travels: `tracecontext`, `b3`. Without processors there is none.
    pub propagators: Vec<String>,
    /// Which traces are kept. Without processors there are none.
    pub sampler: Option<Node>,
    /// How large a span may be. Without processors there are none.
    pub limits: Option<Node>,
}

/// How much is traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(ignore_case)]
pub enum TracesLevel {
    /// Nothing.
    None,
    /// What the processors get.
    #[default]
    Basic,
    /// The same.
    Normal,
    /// The same.
    Detailed,
}

impl Validate for TracesConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.level != TracesLevel::None && !self.processors.is_empty() {
            problems.not_supported("processors");
        }
        for propagator in &self.propagators {
            if !["tracecontext", "b3"].contains(&propagator.as_str()) {
                problems.add("propagators", "unsupported trace propagator");
            }
        }
    }
}
