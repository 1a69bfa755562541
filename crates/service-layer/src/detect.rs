//! Whether systemd started this process.

use std::ffi::OsString;
use std::os::fd::AsFd;

use crate::run::Supervisor;

/// What a process knows about where it came from.
struct Origin<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    process: u32,
    parent: u32,
    /// Device and inode of the standard error stream, as systemd writes them.
    stderr: Option<String>,
}

/// Looks at this process.
pub(crate) fn supervisor() -> Supervisor {
    let stderr = std::io::stderr();
    let stderr = rustix::fs::fstat(stderr.as_fd()).ok();
    Origin {
        variable: &|name| std::env::var_os(name),
        process: std::process::id(),
        parent: std::os::unix::process::parent_id(),
        stderr: stderr.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino)),
    }
    .supervisor()
}

impl Origin<'_> {
    /// `INVOCATION_ID` alone says little: every shell in a desktop's terminal inherits one.
    fn supervisor(&self) -> Supervisor {
        let text = |name| (self.variable)(name).and_then(|value| value.into_string().ok());
        let is_set = |name| (self.variable)(name).is_some_and(|value| !value.is_empty());

        // `Type=notify`, whatever scripts are in between.
        let is_asked_to_notify = is_set("NOTIFY_SOCKET");
        // Exact, since systemd 248.
        let is_executed_by_systemd =
            text("SYSTEMD_EXEC_PID").is_some_and(|pid| pid == self.process.to_string());
        let logs_to_journal = self.stderr.is_some() && text("JOURNAL_STREAM") == self.stderr;
        let is_child_of_systemd = self.parent == 1 && is_set("INVOCATION_ID");

        if is_asked_to_notify || is_executed_by_systemd || logs_to_journal || is_child_of_systemd {
            Supervisor::Systemd
        } else {
            Supervisor::Foreground
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process 100 with this parent, whose standard error stream is 8:42.
    fn started(parent: u32, variables: &[(&str, &str)]) -> Supervisor {
        let variable = |wanted: &str| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(*value))
        };
        Origin { variable: &variable, process: 100, parent, stderr: Some("8:42".to_owned()) }
            .supervisor()
    }

    #[test]
    fn any_of_systemds_marks_is_enough() {
        assert_eq!(started(7, &[("NOTIFY_SOCKET", "/run/systemd/notify")]), Supervisor::Systemd);
        assert_eq!(started(1, &[("SYSTEMD_EXEC_PID", "100")]), Supervisor::Systemd);
        assert_eq!(started(7, &[("JOURNAL_STREAM", "8:42")]), Supervisor::Systemd);
        assert_eq!(started(1, &[("INVOCATION_ID", "6bb4")]), Supervisor::Systemd);
    }

    #[test]
    fn what_a_shell_inherits_from_its_terminals_service_does_not_count() {
        let inherited =
            [("INVOCATION_ID", "6bb4"), ("SYSTEMD_EXEC_PID", "99"), ("JOURNAL_STREAM", "8:41")];
        assert_eq!(started(7, &inherited), Supervisor::Foreground);
        assert_eq!(started(7, &[("NOTIFY_SOCKET", "")]), Supervisor::Foreground);
        // The first process of a container.
        assert_eq!(started(1, &[]), Supervisor::Foreground);
    }
}
