//! The `file` exporter: writes telemetry to a file, as lines of OTLP/JSON or as protobuf.
//!
//! A batch is answered for when it is in the file; nothing is kept in the program. All signals of one exporter go to one
//! file, message after message. The file belongs to the process (module `output`), so that it survives a change of the
//! configuration.

mod config;
mod framing;
mod groups;
mod output;
mod rotation;

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use component::{
    ComponentId, ComponentType, ConsumeError, CreateError, Exporter, ExporterFactory,
    MemoryAccount, Settings, Signal, Stability, StartError, Telemetry, chain,
};
use exporter_helper::{Options, Push, PushError};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::warn;

pub use crate::config::{Compression, Config, Format, GroupBy, Rotation};
use crate::framing::Framing;
use crate::groups::Groups;
use crate::output::{Output, Outputs, Wishes};

/// The least time between two warnings about items that belong to no file.
const QUIET: Duration = Duration::from_secs(10);

/// Builds `file` exporters.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("file");
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        signals: &[Signal],
    ) -> Result<Exporter, CreateError> {
        let rotation = config.rotation.get().cloned();
        let wishes = Wishes {
            framing: Framing { format: config.format, compression: config.compression },
            append: config.append || rotation.is_some(),
            rotation,
        };
        let outputs = settings.process.table();
        let groups = Groups::new(&config, &settings.id, &outputs).map(Arc::new);
        let writer = Writer {
            id: settings.id.clone(),
            config,
            wishes: Arc::new(wishes),
            outputs,
            groups,
            left_out: Mutex::default(),
            memory: settings.process.memory(),
            output: OnceLock::new(),
        };
        // No time-out: a disk that takes its time does not get faster by being asked again.
        exporter_helper::exporter(&settings, signals, Options::default(), Arc::new(writer))
    }
}

struct Writer {
    id: ComponentId,
    config: Config,
    wishes: Arc<Wishes>,
    outputs: Arc<Outputs>,
    /// Set when there are several files.
    groups: Option<Arc<Groups>>,
    /// When it was last said that items belong to no file.
    left_out: Mutex<Option<Instant>>,
    memory: Arc<MemoryAccount>,
    /// Set when the exporter is acquired.
    output: OnceLock<Arc<Output>>,
}

#[async_trait]
impl Push for Writer {
    async fn acquire(&self) -> Result<(), StartError> {
        if self.groups.is_some() {
            return Ok(());
        }
        let (config, id) = (self.config.clone(), self.id.clone());
        let outputs = Arc::clone(&self.outputs);
        let claim = spawn_blocking(move || {
            make_folder(&config).map_err(|error| {
                let path = config.path.display();
                StartError::caused_by(format!("create_directory: cannot make it for {path}"), error)
            })?;
            let claimed = outputs.claim(&config.path, &id);
            claimed.map_err(|error| StartError::new(chain(&error)))
        });
        let output =
            claim.await.map_err(|error| StartError::caused_by("path: not opened", error))??;
        self.output.get_or_init(|| output);
        Ok(())
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        if let Some(groups) = &self.groups {
            return self.push_grouped(Arc::clone(groups), telemetry.clone()).await;
        }
        let Some(output) = self.output.get().cloned() else {
            return Err(PushError::retryable("the exporter was not started"));
        };
        let (telemetry, wishes) = (telemetry.clone(), Arc::clone(&self.wishes));
        let memory = Arc::clone(&self.memory);
        let written = spawn_blocking(move || {
            let message = wishes.framing.encode(&telemetry)?;
            let _share = memory.charge(message.len());
            output.write(&message, &wishes)
        });
        let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        written.map_err(|error| {
            let path = self.config.path.display();
            ConsumeError::retryable(format!("cannot write to {path}")).with_cause(error).into()
        })
    }
}

impl Writer {
    /// Writes each part to its file. What could not be written is what is left to send.
    async fn push_grouped(
        &self,
        groups: Arc<Groups>,
        telemetry: Telemetry,
    ) -> Result<(), PushError> {
        let (wishes, memory) = (Arc::clone(&self.wishes), Arc::clone(&self.memory));
        let written = spawn_blocking(move || {
            let (parts, left_out) = groups.split(&telemetry);
            let mut failed: Option<(String, Telemetry)> = None;
            for (place, part) in parts {
                let write = || {
                    let (output, is_own) = groups.output(&place).map_err(io::Error::other)?;
                    let message = wishes.framing.encode(&part)?;
                    let _share = memory.charge(message.len());
                    let wishes = Wishes { append: wishes.append || is_own, ..(*wishes).clone() };
                    output.write(&message, &wishes)
                };
                let Err(error) = write() else { continue };
                let path = groups.path(&place);
                let why = format!("cannot write to {}: {}", path.display(), chain(&error));
                failed = Some(match failed {
                    None => (why, part),
                    Some((why, mut rest)) => {
                        rest.merge(part).expect("parts of one request have its signal");
                        (why, rest)
                    }
                });
            }
            (failed, left_out)
        });
        let (failed, left_out) = match written.await {
            Ok(written) => written,
            Err(error) => return Err(PushError::retryable(error.to_string())),
        };
        if left_out > 0 {
            self.say_left_out(left_out);
        }
        match failed {
            None => Ok(()),
            Some((why, rest)) => Err(PushError::retryable(why).with_remaining(rest)),
        }
    }

    /// Items without the attribute belong to no file.
    fn say_left_out(&self, items: usize) {
        let now = Instant::now();
        let mut said = self.left_out.lock();
        if said.is_some_and(|said| now.duration_since(said) < QUIET) {
            return;
        }
        *said = Some(now);
        warn!(
            exporter = %self.id,
            attribute = self.config.group_by.resource_attribute,
            items,
            "resources without the attribute of group_by are left out"
        );
    }
}

/// Makes the folder of the file, with those above it, if the configuration says so.
fn make_folder(config: &Config) -> io::Result<()> {
    match (config.directory_mode(), config.path.parent()) {
        (Some(mode), Some(folder)) if folder != Path::new("") => folders(mode).create(folder),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn folders(mode: u32) -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), mode);
    builder
}

#[cfg(not(unix))]
fn folders(_: u32) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    builder
}

#[cfg(test)]
mod tests;
