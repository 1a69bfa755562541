//! The built program as a child process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Longer than anything here takes on a loaded machine; only failures wait this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The `kmagent` binary of this build.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        // Built by itself, so that it has the features that we ship and none that only tests ask for.
        let mut build = Command::new(env!("CARGO"));
        // What cargo sets for this test would make build scripts run again.
        let own =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
            build.env_remove(name);
        }
        let output = build
            .args(["build", "--locked", "--package", "kmagent", "--message-format", "json"])
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "kmagent does not build");
        let messages = String::from_utf8(output.stdout).unwrap();
        let executable = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.expect("cargo names the executable")
    });
    &BINARY
}

/// A command that sees nothing of the environment's own `KM_*` variables.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KM_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().expect("kmagent runs")
}

/// A running agent. It is killed when the test ends.
pub(crate) struct Agent {
    child: Child,
    printed: Arc<(Mutex<String>, Condvar)>,
}

impl Agent {
    /// Starts the command and collects what it prints, on both streams.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kmagent starts");
        let printed = Arc::<(Mutex<String>, Condvar)>::default();
        collect(child.stdout.take().unwrap(), Arc::clone(&printed));
        collect(child.stderr.take().unwrap(), Arc::clone(&printed));
        Self { child, printed }
    }

    /// Waits until the agent has printed `text`, and returns all that it printed.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |printed| printed.contains(text))
    }

    /// Waits until what the agent has printed satisfies `enough`.
    pub(crate) fn wait_until(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let (printed, more) = &*self.printed;
        let (printed, timeout) = more
            .wait_timeout_while(printed.lock().unwrap(), PATIENCE, |printed| !enough(printed))
            .unwrap();
        assert!(!timeout.timed_out(), "the agent never printed {what:?}:\n{printed}");
        printed.clone()
    }

    /// Waits until the agent processes data.
    pub(crate) fn wait_until_ready(&self) {
        self.wait_for("everything is ready");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the agent runs");
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let printed = self.printed.0.lock().unwrap().clone();
        (status, printed)
    }

    /// Asks the agent to end and waits for it.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Fails where the test has seen its end already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, printed: Arc<(Mutex<String>, Condvar)>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            let mut text = printed.0.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
            printed.1.notify_all();
        }
    });
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port on loopback that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
