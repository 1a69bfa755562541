//! Stopping the installed service.

use std::error::Error;

#[cfg(unix)]
#[path = "stop/unix.rs"]
mod host;
#[cfg(windows)]
#[path = "stop/windows.rs"]
mod host;

#[cfg(windows)]
const PRIVILEGED: &str = "administrator";
#[cfg(unix)]
const PRIVILEGED: &str = "root";

type Cause = Box<dyn Error + Send + Sync>;

/// Why the service was not stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The service manager doesn't know the service.
    #[error("no service `{name}` is installed on this host")]
    NotInstalled {
        /// The service.
        name: String,
    },
    /// Whoever runs this may not do it.
    #[error("not permitted to stop the service `{name}`; try again as {PRIVILEGED}")]
    NotPermitted {
        /// The service.
        name: String,
        /// What the service manager says.
        source: Cause,
    },
    /// There is no service manager that we know, as in most containers.
    #[error("no supported service manager runs on this host, so there is no service to stop")]
    Unsupported,
    /// The service manager was told to and didn't.
    #[error("cannot stop the service `{name}`")]
    Failed {
        /// The service.
        name: String,
        /// What the service manager says.
        source: Cause,
    },
}

/// Stops the service and waits until it has stopped. A service that isn't running is stopped already.
///
/// Blocks for as long as the service takes; the service manager has its limit.
///
/// # Errors
///
/// The service isn't installed, this user may not stop it, or it doesn't stop.
pub fn stop(name: &str) -> Result<(), StopError> {
    host::stop(name)
}
