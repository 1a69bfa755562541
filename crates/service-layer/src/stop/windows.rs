//! The Windows service manager.

use std::io;
use std::thread;
use std::time::Duration;

use windows_service::service::{Service, ServiceAccess, ServiceState};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::StopError;

const ACCESS_DENIED: i32 = 5;
const SERVICE_DOES_NOT_EXIST: i32 = 1060;
const SERVICE_NOT_ACTIVE: i32 = 1062;

const PAUSE: Duration = Duration::from_millis(200);
/// How often to look whether it has stopped: for 40 s, because a drain takes up to 30 s.
const LOOKS: u32 = 200;

pub(super) fn stop(name: &str) -> Result<(), StopError> {
    stop_and_wait(name).map_err(|error| {
        let name = name.to_owned();
        match code(&error) {
            Some(ACCESS_DENIED) => StopError::NotPermitted { name, source: error.into() },
            Some(SERVICE_DOES_NOT_EXIST) => StopError::NotInstalled { name },
            _ => StopError::Failed { name, source: error.into() },
        }
    })
}

fn stop_and_wait(name: &str) -> Result<(), windows_service::Error> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
    let service = manager.open_service(name, ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?;
    match service.stop() {
        Ok(_) => wait(&service),
        Err(error) if code(&error) == Some(SERVICE_NOT_ACTIVE) => Ok(()),
        // Somebody else may have told it before.
        Err(_) if state(&service)? == ServiceState::StopPending => wait(&service),
        Err(error) => Err(error),
    }
}

fn wait(service: &Service) -> Result<(), windows_service::Error> {
    for _ in 0..LOOKS {
        if state(service)? == ServiceState::Stopped {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(windows_service::Error::Winapi(io::ErrorKind::TimedOut.into()))
}

fn state(service: &Service) -> Result<ServiceState, windows_service::Error> {
    Ok(service.query_status()?.current_state)
}

fn code(error: &windows_service::Error) -> Option<i32> {
    match error {
        windows_service::Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}
