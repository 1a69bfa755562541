//! The host under the agent: who started this process, what it is asked to do, and whom to tell how it fares.
//!
//! [`run`] finds out whether the process is under the Windows service manager, under systemd, or in the foreground, and calls
//! the program with a [`Host`], which looks the same everywhere. [`stop()`] stops the installed service.
//!
//! Nothing here knows what the program does.

#[cfg(unix)]
mod detect;
mod notify;
mod requests;
mod run;
mod signals;
mod stop;

pub use crate::notify::Notify;
pub use crate::requests::{Request, Requests};
pub use crate::run::{Host, RunError, Supervisor, run};
pub use crate::stop::{StopError, stop};
