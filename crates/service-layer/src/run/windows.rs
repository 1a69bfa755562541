//! Under the Windows service manager.
//!
//! The dispatcher calls plain functions, so what they need is handed over in a static. A process is one service, once.

use std::ffi::OsString;
use std::os::windows::io::AsRawHandle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::{define_windows_service, service_dispatcher};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;

use super::{Host, Program, RunError, Supervisor};
use crate::notify::{News, Notify};
use crate::requests::{self, Request, Requester};

/// The process was not started by the service manager: `ERROR_FAILED_SERVICE_CONTROLLER_CONNECT`.
const NOT_A_SERVICE: i32 = 1063;
/// How long the service manager may have to wait for the next report: a drain takes up to 30 s.
const PATIENCE: Duration = Duration::from_secs(40);
/// The exit code of a Rust program that panics.
const PANICKED: u8 = 101;

/// What the service's main function runs.
static SERVICE: Mutex<Option<(String, Program)>> = Mutex::new(None);
/// The exit code, from there back.
static CODE: AtomicU8 = AtomicU8::new(PANICKED);

/// How dispatching ended.
pub(super) enum Dispatched {
    /// The service has run.
    Returned(u8),
    /// Nobody waits for a service. Here is the program, uncalled.
    NotAService(Program),
}

/// Runs the program as a service, if the service manager has started this process. Blocks until it has stopped.
///
/// Windows says at once whether it has; Wine thinks about it for 30 s, so it is asked only when the answer isn't clear.
///
/// # Errors
///
/// The service manager refuses, though it seems to have started us.
pub(super) fn dispatch(name: &str, program: Program) -> Result<Dispatched, RunError> {
    if is_in_a_session_of_a_person() {
        return Ok(Dispatched::NotAService(program));
    }
    *lock(&SERVICE) = Some((name.to_owned(), program));
    match service_dispatcher::start(name, service_entry) {
        Ok(()) => Ok(Dispatched::Returned(CODE.load(Ordering::Acquire))),
        Err(windows_service::Error::Winapi(error))
            if error.raw_os_error() == Some(NOT_A_SERVICE) =>
        {
            let (_, program) =
                lock(&SERVICE).take().expect("without a dispatcher nobody else takes it");
            Ok(Dispatched::NotAService(program))
        }
        Err(error) => Err(RunError::Service(error)),
    }
}

/// Whether this can be no service: services live in session 0, or, in Wine, without standard streams.
fn is_in_a_session_of_a_person() -> bool {
    let mut session = 0;
    #[expect(unsafe_code, reason = "there is no safe interface")]
    // SAFETY: the call writes one number to where the pointer says.
    let known = unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) } != 0;
    known && session != 0 && !std::io::stdin().as_raw_handle().is_null()
}

define_windows_service!(service_entry, service_main);

fn service_main(_arguments: Vec<OsString>) {
    let Some((name, program)) = lock(&SERVICE).take() else { return };
    let (requester, requests) = requests::channel();
    let report = Arc::new(Report::default());
    let handler = {
        let report = Arc::clone(&report);
        move |control| handle(control, &report, &requester)
    };
    let handle = match service_control_handler::register(&name, handler) {
        Ok(handle) => handle,
        // The service manager will notice that the process ends without a word.
        Err(error) => return tracing::error!(%error, "cannot register with the service manager"),
    };
    report.begin(handle);

    let notify = {
        let report = Arc::clone(&report);
        Notify::new(None, move |news| match news {
            News::Ready => report.advance(ServiceState::Running, 0),
            News::Stopping => report.advance(ServiceState::StopPending, 0),
            News::Reloading | News::Alive | News::Status(_) => {}
        })
    };
    let host = Host { supervisor: Supervisor::WindowsService, requests, notify };
    // The caller is C code, which a panic must not reach. The panic hook has told about it.
    let code = catch_unwind(AssertUnwindSafe(|| program(host))).unwrap_or(PANICKED);
    CODE.store(code, Ordering::Release);
    report.advance(ServiceState::Stopped, code);
}

fn handle(
    control: ServiceControl,
    report: &Report,
    requester: &Requester,
) -> ServiceControlHandlerResult {
    match control {
        ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown => {
            report.advance(ServiceState::StopPending, 0);
            requester.request(Request::Stop);
        }
        ServiceControl::ParamChange => requester.request(Request::Reload),
        ServiceControl::Interrogate => {}
        _ => return ServiceControlHandlerResult::NotImplemented,
    }
    ServiceControlHandlerResult::NoError
}

/// What the service manager knows about us.
struct Report {
    handle: OnceLock<ServiceStatusHandle>,
    state: Mutex<ServiceState>,
}

impl Default for Report {
    fn default() -> Self {
        Self { handle: OnceLock::new(), state: Mutex::new(ServiceState::StartPending) }
    }
}

impl Report {
    /// Reports that the service is starting.
    fn begin(&self, handle: ServiceStatusHandle) {
        let handle = self.handle.get_or_init(|| handle);
        report(*handle, ServiceState::StartPending, 0);
    }

    /// Reports a state, unless the service has got past it: who is told to stop while starting doesn't run any more.
    fn advance(&self, to: ServiceState, code: u8) {
        let mut state = lock(&self.state);
        if rank(to) <= rank(*state) {
            return;
        }
        *state = to;
        if let Some(handle) = self.handle.get() {
            report(*handle, to, code);
        }
    }
}

fn rank(state: ServiceState) -> u8 {
    match state {
        ServiceState::StartPending => 0,
        ServiceState::StopPending => 2,
        ServiceState::Stopped => 3,
        _ => 1,
    }
}

fn report(handle: ServiceStatusHandle, state: ServiceState, code: u8) {
    let is_pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
    let controls_accepted = match state {
        // Before the shutdown there are ten seconds and more to drain, in it there are five.
        ServiceState::Running => {
            ServiceControlAccept::STOP
                | ServiceControlAccept::PRESHUTDOWN
                | ServiceControlAccept::PARAM_CHANGE
        }
        _ => ServiceControlAccept::empty(),
    };
    let status = ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted,
        exit_code: match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code.into()),
        },
        checkpoint: u32::from(is_pending),
        wait_hint: if is_pending { PATIENCE } else { Duration::ZERO },
        process_id: None,
    };
    if let Err(error) = handle.set_service_status(status) {
        tracing::warn!(%error, ?state, "cannot report to the service manager");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
