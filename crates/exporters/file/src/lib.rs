//! The `file` exporter: writes telemetry to a file, as lines of OTLP/JSON or as protobuf.
//!
//! A batch is answered for when it is in the file; nothing is kept in the program. All signals of one exporter go to one
//! file, message after message. The file belongs to the process (module `output`), so that it survives a change of the
//! configuration.

mod config;
mod framing;
mod output;
mod rotation;

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::{
    ComponentId, ComponentType, ConsumeError, CreateError, Exporter, ExporterFactory,
    MemoryAccount, Settings, Signal, Stability, StartError, Telemetry,
};
use exporter_helper::{Options, Push, PushError};
use tokio::task::spawn_blocking;

pub use crate::config::{Compression, Config, Format, Rotation};
use crate::framing::Framing;
use crate::output::{Output, Outputs, Wishes};

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
        let writer = Writer {
            id: settings.id.clone(),
            config,
            wishes: Arc::new(wishes),
            outputs: settings.process.table(),
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
    memory: Arc<MemoryAccount>,
    /// Set when the exporter is acquired.
    output: OnceLock<Arc<Output>>,
}

#[async_trait]
impl Push for Writer {
    async fn acquire(&self) -> Result<(), StartError> {
        let (config, id) = (self.config.clone(), self.id.clone());
        let outputs = Arc::clone(&self.outputs);
        let claim = spawn_blocking(move || {
            make_folder(&config).map_err(|error| {
                let path = config.path.display();
                StartError::caused_by(format!("create_directory: cannot make it for {path}"), error)
            })?;
            let claimed = outputs.claim(&config.path, &id);
            claimed.map_err(|error| StartError::new(component::chain(&error)))
        });
        let output =
            claim.await.map_err(|error| StartError::caused_by("path: not opened", error))??;
        self.output.get_or_init(|| output);
        Ok(())
    }

    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
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
