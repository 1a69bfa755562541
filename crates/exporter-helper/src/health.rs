//! The status of an exporter, over its lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use component::StatusReporter;
use parking_lot::Mutex;

const UNKNOWN: usize = 0;
const WELL: usize = 1;
const FAILING: usize = 2;

/// The status of an exporter. It is well when none of its lanes fails.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    status: StatusReporter,
    failing: Arc<Mutex<usize>>,
}

/// What one lane adds to it. Saying the same again costs one read.
#[derive(Debug)]
pub(crate) struct LaneHealth {
    health: Health,
    state: AtomicUsize,
}

impl Health {
    pub(crate) fn new(status: StatusReporter) -> Self {
        Self { status, failing: Arc::default() }
    }

    pub(crate) fn lane(&self) -> LaneHealth {
        LaneHealth { health: self.clone(), state: AtomicUsize::new(UNKNOWN) }
    }
}

impl LaneHealth {
    /// A request has arrived.
    pub(crate) fn well(&self) {
        if self.state.load(Ordering::Relaxed) == WELL {
            return;
        }
        let mut failing = self.health.failing.lock();
        if self.state.swap(WELL, Ordering::Relaxed) == FAILING {
            *failing -= 1;
        }
        if *failing == 0 {
            self.health.status.ok();
        }
    }

    /// An attempt has failed.
    pub(crate) fn fails(&self, error: String) {
        let mut failing = self.health.failing.lock();
        if self.state.swap(FAILING, Ordering::Relaxed) != FAILING {
            *failing += 1;
        }
        self.health.status.recoverable_error(error);
    }
}

#[cfg(test)]
mod tests {
    use component::Status;

    use super::*;

    #[test]
    fn an_exporter_is_well_when_none_of_its_lanes_fails() {
        let status = StatusReporter::default();
        let health = Health::new(status.clone());
        let (traces, logs) = (health.lane(), health.lane());
        traces.well();
        assert_eq!(status.event().status, Status::Ok);
        logs.fails("refused".to_owned());
        traces.well();
        traces.fails("refused".to_owned());
        traces.well();
        assert_eq!(status.event().status, Status::RecoverableError);
        assert_eq!(status.event().error.as_deref(), Some("refused"));
        logs.well();
        assert_eq!(status.event().status, Status::Ok);
    }
}
