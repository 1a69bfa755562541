//! The programs that are measured, and how each is configured.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep};

use crate::http::Protocol;
use crate::payload::Kind;

/// A program that takes OTLP, merges 16 requests of 512 items into one, and sends it on.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    Kmagent(PathBuf),
    /// This program.
    Floor,
    Otelcol(PathBuf),
    Rotel(PathBuf),
}

/// What the program is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) protocol: Protocol,
    pub(crate) kind: Kind,
    /// Whether what goes out is compressed.
    pub(crate) gzip: bool,
}

/// A program that runs. It is killed when this is dropped.
pub(crate) struct Subject {
    child: Child,
    pub(crate) address: String,
    /// From its start to the first request that it accepted a connection for.
    pub(crate) ready_after: Duration,
    _folder: tempfile::TempDir,
}

/// How long a program may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

impl Program {
    /// The name in the report.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Kmagent(_) => "kmagent",
            Self::Floor => "floor",
            Self::Otelcol(_) => "otelcol",
            Self::Rotel(_) => "rotel",
        }
    }

    /// Whether it can do what is asked: the floor does not compress.
    pub(crate) fn can(&self, task: Task) -> bool {
        !(task.gzip && matches!(self, Self::Floor))
    }

    /// A program from `name=path`, as `--peer` takes it.
    pub(crate) fn peer(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("otelcol", path)) => Ok(Self::Otelcol(path.into())),
            Some(("rotel", path)) => Ok(Self::Rotel(path.into())),
            _ => Err("must be otelcol=PATH or rotel=PATH".to_owned()),
        }
    }

    /// Peers that are found on `PATH`.
    pub(crate) fn on_path() -> Vec<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| {
            std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
        };
        let otelcol = find("otelcol").or_else(|| find("otelcol-contrib")).map(Self::Otelcol);
        otelcol.into_iter().chain(find("rotel").map(Self::Rotel)).collect()
    }

    /// Starts it between the load generator and a backend.
    pub(crate) async fn start(&self, task: Task, backend: &str) -> Result<Subject> {
        let folder = tempfile::tempdir()?;
        let (http, grpc) = (free_address()?, free_address()?);
        let address = match task.protocol {
            Protocol::Http => http.clone(),
            Protocol::Grpc => grpc.clone(),
        };
        let mut command = self.command(task, folder.path(), &http, &grpc, backend)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", self.name()))?;
        let mut subject = Subject { child, address, ready_after: Duration::ZERO, _folder: folder };
        while tokio::net::TcpStream::connect(&subject.address).await.is_err() {
            if began.elapsed() > PATIENCE || subject.child.try_wait()?.is_some() {
                bail!("{} does not come up", self.name());
            }
            sleep(Duration::from_millis(1)).await;
        }
        subject.ready_after = began.elapsed();
        Ok(subject)
    }

    fn command(
        &self,
        task: Task,
        folder: &Path,
        http: &str,
        grpc: &str,
        backend: &str,
    ) -> Result<Command> {
        let compression = if task.gzip { "gzip" } else { "none" };
        Ok(match self {
            Self::Kmagent(path) | Self::Otelcol(path) => {
                let file = folder.join("config.yaml");
                fs::write(&file, self.document(task, http, grpc, backend, compression))?;
                let mut command = Command::new(path);
                command.arg("--config").arg(&file);
                if let Self::Kmagent(_) = self {
                    command.arg("run");
                }
                command
            }
            Self::Floor => {
                let mut command = Command::new(std::env::current_exe()?);
                let (listen, protocol) = match task.protocol {
                    Protocol::Http => (http, "http"),
                    Protocol::Grpc => (grpc, "grpc"),
                };
                let kind = match task.kind {
                    Kind::Traces => "traces",
                    Kind::Logs => "logs",
                };
                command.args(["floor", "--address", listen, "--backend", backend]);
                command.args(["--protocol", protocol, "--kind", kind]);
                command
            }
            Self::Rotel(path) => {
                let mut command = Command::new(path);
                let protocol = match task.protocol {
                    Protocol::Http => "http",
                    Protocol::Grpc => "grpc",
                };
                command.args(["start", "--otlp-http-endpoint", http, "--otlp-grpc-endpoint", grpc]);
                command.args(["--batch-max-size", "8192", "--batch-timeout", "200ms"]);
                command.args(["--exporter", "otlp", "--otlp-exporter-protocol", protocol]);
                command.args(["--otlp-exporter-endpoint", &format!("http://{backend}")]);
                command.args(["--otlp-exporter-compression", compression]);
                command
            }
        })
    }

    /// The document of a collector.
    fn document(
        &self,
        task: Task,
        http: &str,
        grpc: &str,
        backend: &str,
        compression: &str,
    ) -> String {
        let kmagent = matches!(self, Self::Kmagent(_));
        let (id, endpoint, tls) = match (task.protocol, kmagent) {
            (Protocol::Http, true) => ("otlp_http", format!("http://{backend}"), ""),
            (Protocol::Http, false) => ("otlphttp", format!("http://{backend}"), ""),
            (Protocol::Grpc, true) => ("otlp_grpc", backend.to_owned(), ", tls: {insecure: true}"),
            (Protocol::Grpc, false) => ("otlp", backend.to_owned(), ", tls: {insecure: true}"),
        };
        let signal = match task.kind {
            Kind::Traces => "traces",
            Kind::Logs => "logs",
        };
        // The Go collector would open port 8888.
        let telemetry = if kmagent { "" } else { "telemetry: {metrics: {level: none}}, " };
        format!(
            "receivers:
  otlp:
    protocols:
      http: {{endpoint: '{http}', max_request_body_size: 100000000}}
      grpc: {{endpoint: '{grpc}', max_recv_msg_size_mib: 100}}
processors: {{batch: {{send_batch_size: 8192, timeout: 200ms}}}}
exporters: {{{id}: {{endpoint: '{endpoint}', compression: {compression}{tls}}}}}
service: {{{telemetry}pipelines: {{{signal}: {{receivers: [otlp], processors: [batch], exporters: [{id}]}}}}}}
"
        )
    }
}

impl Subject {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Fails where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address on loopback that nobody listened on a moment ago.
pub(crate) fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
