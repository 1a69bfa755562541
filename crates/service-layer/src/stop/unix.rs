//! systemd, OpenRC, launchd and rc.d, through crate `service-manager`.

use service_manager::{
    ServiceLabel, ServiceManager, ServiceStatus, ServiceStatusCtx, ServiceStopCtx,
};

use super::StopError;

pub(super) fn stop(name: &str) -> Result<(), StopError> {
    let manager = service_manager().ok_or(StopError::Unsupported)?;
    let is_root = rustix::process::geteuid().is_root();
    stop_with(manager.as_ref(), name, is_root)
}

fn stop_with(manager: &dyn ServiceManager, name: &str, is_root: bool) -> Result<(), StopError> {
    let name = name.to_owned();
    let label = ServiceLabel { qualifier: None, organization: None, application: name.clone() };
    // When the question can't be answered, stopping has its own word to say.
    if let Ok(ServiceStatus::NotInstalled) =
        manager.status(ServiceStatusCtx { label: label.clone() })
    {
        return Err(StopError::NotInstalled { name });
    }
    let stopped = manager.stop(ServiceStopCtx { label });
    stopped.map_err(|error| match is_root {
        true => StopError::Failed { name, source: error.into() },
        false => StopError::NotPermitted { name, source: error.into() },
    })
}

/// The service manager that is in charge here. That `systemctl` is installed doesn't mean that systemd runs.
#[cfg(target_os = "linux")]
fn service_manager() -> Option<Box<dyn ServiceManager>> {
    use service_manager::{OpenRcServiceManager, SystemdServiceManager};

    if sd_notify::booted().unwrap_or(false) {
        return Some(Box::new(SystemdServiceManager::system()));
    }
    let open_rc = OpenRcServiceManager::default();
    open_rc.available().unwrap_or(false).then(|| Box::new(open_rc) as Box<dyn ServiceManager>)
}

#[cfg(not(target_os = "linux"))]
fn service_manager() -> Option<Box<dyn ServiceManager>> {
    service_manager::native_service_manager().ok()
}

#[cfg(test)]
mod tests {
    use std::io;

    use service_manager::{ServiceInstallCtx, ServiceLevel, ServiceStartCtx, ServiceUninstallCtx};

    use super::*;

    /// A service manager that knows one service, which it can't stop.
    struct Stubborn {
        service: &'static str,
    }

    impl ServiceManager for Stubborn {
        fn available(&self) -> io::Result<bool> {
            Ok(true)
        }
        fn install(&self, _: ServiceInstallCtx) -> io::Result<()> {
            unreachable!()
        }
        fn uninstall(&self, _: ServiceUninstallCtx) -> io::Result<()> {
            unreachable!()
        }
        fn start(&self, _: ServiceStartCtx) -> io::Result<()> {
            unreachable!()
        }
        fn stop(&self, _: ServiceStopCtx) -> io::Result<()> {
            Err(io::Error::other("authentication required"))
        }
        fn level(&self) -> ServiceLevel {
            ServiceLevel::System
        }
        fn set_level(&mut self, _: ServiceLevel) -> io::Result<()> {
            unreachable!()
        }
        fn status(&self, context: ServiceStatusCtx) -> io::Result<ServiceStatus> {
            let is_known = context.label.to_script_name() == self.service;
            Ok(if is_known { ServiceStatus::Running } else { ServiceStatus::NotInstalled })
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let manager = Stubborn { service: "agent" };
        let stop = |name, is_root| stop_with(&manager, name, is_root).unwrap_err();
        assert!(matches!(stop("other", true), StopError::NotInstalled { name } if name == "other"));
        assert!(matches!(stop("agent", true), StopError::Failed { .. }));
        let error = stop("agent", false);
        assert_eq!(
            error.to_string(),
            "not permitted to stop the service `agent`; try again as root"
        );
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "authentication required");
    }
}
