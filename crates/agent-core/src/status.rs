//! What the agent says about itself.

/// The agent's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the collector runs.
    pub collector: CollectorState,
    /// The last thing that went wrong and has not been mended since, in one line.
    pub last_error: Option<String>,
}

/// Whether the collector runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorState {
    /// The agent has not come to starting it.
    Starting,
    /// It runs a configuration.
    Running,
    /// It runs nothing: there is no configuration, or it was refused. The next good one starts it.
    Stopped,
}

impl Status {
    pub(crate) const STARTING: Self =
        Self { collector: CollectorState::Starting, last_error: None };

    /// Whether the agent has not come to starting the collector yet.
    pub fn is_starting(&self) -> bool {
        self.collector == CollectorState::Starting
    }

    /// Whether the collector runs.
    pub fn is_running(&self) -> bool {
        self.collector == CollectorState::Running
    }
}
