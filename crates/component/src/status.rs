//! How a component says how it is.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

/// The states of a component, in upstream's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not started yet.
    None,
    /// Being started, or waiting for its next try to start.
    Starting,
    /// Works.
    Ok,
    /// Fails, and may get well by itself.
    RecoverableError,
    /// Will not work before somebody changes something.
    PermanentError,
    /// Cannot go on; the collector stops with it.
    FatalError,
    /// Told to stop.
    Stopping,
    /// Ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "StatusNone",
            Self::Starting => "StatusStarting",
            Self::Ok => "StatusOK",
            Self::RecoverableError => "StatusRecoverableError",
            Self::PermanentError => "StatusPermanentError",
            Self::FatalError => "StatusFatalError",
            Self::Stopping => "StatusStopping",
            Self::Stopped => "StatusStopped",
        })
    }
}

/// A status, why, and since when.
#[derive(Clone, Debug)]
pub struct StatusEvent {
    /// The status.
    pub status: Status,
    /// The error that led to it, in one line.
    pub error: Option<Arc<str>>,
    /// Since when it is so. A status that is reported again keeps its time; its error is the latest.
    pub since: Instant,
}

/// The component's end: reports cost nothing when nothing changes. Clones report for the same component.
#[derive(Clone, Debug)]
pub struct StatusReporter(Arc<watch::Sender<StatusEvent>>);

impl Default for StatusReporter {
    fn default() -> Self {
        let event = StatusEvent { status: Status::None, error: None, since: Instant::now() };
        Self(Arc::new(watch::Sender::new(event)))
    }
}

impl StatusReporter {
    /// It works, again or still.
    pub fn ok(&self) {
        self.report(Status::Ok, None);
    }

    /// It fails for a reason that may pass.
    pub fn recoverable_error(&self, error: impl Into<Arc<str>>) {
        self.report(Status::RecoverableError, Some(error.into()));
    }

    /// It fails until somebody changes something.
    pub fn permanent_error(&self, error: impl Into<Arc<str>>) {
        self.report(Status::PermanentError, Some(error.into()));
    }

    /// Sets the status, for the engine. The final states stay until the component is started again.
    pub fn report(&self, status: Status, error: Option<Arc<str>>) {
        self.0.send_if_modified(|event| {
            let ended = matches!(event.status, Status::FatalError | Status::Stopped)
                && status != Status::Starting;
            let same = event.status == status && event.error == error;
            if ended || same {
                return false;
            }
            if event.status != status {
                event.since = Instant::now();
            }
            event.status = status;
            event.error = error;
            true
        });
    }

    /// The status now.
    pub fn event(&self) -> StatusEvent {
        self.0.borrow().clone()
    }

    /// Follows the status.
    pub fn subscribe(&self) -> watch::Receiver<StatusEvent> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_status_that_goes_on_keeps_its_time_and_its_latest_error() {
        let reporter = StatusReporter::default();
        reporter.ok();
        tokio::time::advance(Duration::from_secs(1)).await;
        let failed = Instant::now();
        reporter.recoverable_error("refused");
        tokio::time::advance(Duration::from_secs(1)).await;
        reporter.recoverable_error("timed out");
        let event = reporter.event();
        assert_eq!((event.status, event.since), (Status::RecoverableError, failed));
        assert_eq!(event.error.as_deref(), Some("timed out"));
        reporter.report(Status::Stopped, None);
        reporter.ok();
        assert_eq!(reporter.event().status, Status::Stopped);
    }
}
