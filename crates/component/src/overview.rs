//! What runs: the engine writes it, extensions show it.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use crate::ledger::ComponentName;
use crate::status::StatusReporter;

/// The running graph, as extensions such as `zpages` and `health_check` see it. Get it from
/// [`Process::table`](crate::Process::table).
#[derive(Debug)]
pub struct Overview {
    started: SystemTime,
    running: watch::Sender<Arc<Running>>,
}

/// Everything that runs at one time.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Whether the graph has started and is not being stopped.
    pub ready: bool,
    /// Every component, extensions among them.
    pub components: Vec<(ComponentName, StatusReporter)>,
    /// The pipelines, by id.
    pub pipelines: Vec<Pipeline>,
}

/// One pipeline, with the ids of its components in the order of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the document's own words")]
pub struct Pipeline {
    pub id: String,
    pub receivers: Vec<String>,
    pub processors: Vec<String>,
    pub exporters: Vec<String>,
}

impl Default for Overview {
    fn default() -> Self {
        Self { started: SystemTime::now(), running: watch::Sender::new(Arc::default()) }
    }
}

impl Overview {
    /// Since when there is a collector in this process.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// What runs now.
    pub fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.borrow())
    }

    /// Follows what runs. A component's status has a watch of its own.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Running>> {
        self.running.subscribe()
    }

    /// For the engine: what runs from here on.
    pub fn set(&self, running: Running) {
        self.running.send_replace(Arc::new(running));
    }
}
