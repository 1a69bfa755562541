//! Running the program wherever it was started.

use std::io;
use std::process::ExitCode;

use crate::notify::Notify;
use crate::requests::{self, Requests};
use crate::signals::Listener;

#[cfg(windows)]
mod windows;

/// Who started the program and watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// A person at a terminal, a script, a container: nobody whom we know.
    Foreground,
    /// systemd.
    Systemd,
    /// The Windows service manager.
    WindowsService,
}

impl Supervisor {
    /// Whether this is a service manager: nobody reads along, and what is printed may be lost.
    pub fn is_service_manager(self) -> bool {
        self != Self::Foreground
    }
}

/// What the program gets from the host. Parts of it may go different ways.
#[derive(Debug)]
pub struct Host {
    /// Who started the program.
    pub supervisor: Supervisor,
    /// What the host asks for.
    pub requests: Requests,
    /// Whom to tell how the program fares.
    pub notify: Notify,
}

/// Why the program could not be run. It was not called then.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No handler for signals or console events.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    /// The Windows service manager started this process, and then had no use for it.
    #[cfg(windows)]
    #[error("cannot connect to the service manager")]
    Service(#[source] windows_service::Error),
}

/// The program: it gets its host and returns its exit code.
type Program = Box<dyn FnOnce(Host) -> u8 + Send>;

/// Finds out who started this process and calls the program, on this thread or another one. `name` is the service's name.
///
/// The program should say [`Notify::ready`] when it is up, and return soon after [`Request::Stop`](crate::Request::Stop).
/// From the call on:
///
/// * SIGTERM, SIGINT and SIGHUP (Ctrl-C, Ctrl-Break, closing the console and shutdown on Windows) are requests and end nothing by
///   themselves, but a second Ctrl-C ends the process at once, with exit code 130.
/// * Under the Windows service manager its commands are requests, its `paramchange` being the one to reload; an exit code other
///   than 0 is reported as the service's error. A panic is reported as exit code 101, the one of Rust programs.
///
/// # Errors
///
/// The host cannot be listened to.
pub fn run(
    name: &str,
    program: impl FnOnce(Host) -> u8 + Send + 'static,
) -> Result<ExitCode, RunError> {
    start(name, Box::new(program)).map(ExitCode::from)
}

#[cfg(unix)]
fn start(_name: &str, program: Program) -> Result<u8, RunError> {
    let supervisor = crate::detect::supervisor();
    let notify = match supervisor {
        Supervisor::Systemd => Notify::systemd(),
        _ => Notify::nobody(),
    };
    with_signals(supervisor, notify, program)
}

#[cfg(windows)]
fn start(name: &str, program: Program) -> Result<u8, RunError> {
    match windows::dispatch(name, program)? {
        windows::Dispatched::Returned(code) => Ok(code),
        windows::Dispatched::NotAService(program) => {
            with_signals(Supervisor::Foreground, Notify::nobody(), program)
        }
    }
}

fn with_signals(supervisor: Supervisor, notify: Notify, program: Program) -> Result<u8, RunError> {
    let (requester, requests) = requests::channel();
    let listener = Listener::start(requester).map_err(RunError::Signals)?;
    let code = program(Host { supervisor, requests, notify });
    drop(listener);
    Ok(code)
}
