//! The `otlp_json_file` receiver: reads files with a message of OTLP/JSON in each line, such as the `file` exporter writes.
//!
//! A line is done when the pipelines say so, by its receipt: what was only read is read again after the end of the process.
//! Files are told apart by how they begin, so that a file goes on under another name after a rotation.

mod config;
mod followed;
mod paths;
mod positions;
mod progress;
mod reader;

use std::sync::Arc;

use component::{
    ComponentType, CreateError, Lifecycle, Outputs, ReceiverFactory, Settings, Signal, Stability,
};

pub use crate::config::{Config, Encoding, OnTruncate, StartAt};
use crate::reader::Reader;

/// Builds `otlp_json_file` receivers.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ReceiverFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("otlp_json_file");
    const ALIASES: &'static [ComponentType] = &[ComponentType::new("otlpjsonfile")];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Alpha),
        (Signal::Metrics, Stability::Alpha),
        (Signal::Logs, Stability::Alpha),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        let storage = match &config.storage {
            Some(id) => Some(settings.extensions.storage("storage", id)?),
            None => None,
        };
        Ok(Box::new(Reader::new(config, settings, storage, Arc::new(outputs))))
    }
}

#[cfg(test)]
mod tests;
