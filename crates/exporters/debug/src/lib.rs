//! The `debug` exporter: shows telemetry to a person, in upstream's words.
//!
//! Each batch is one line with counts, followed by its contents in `normal` or `detailed` verbosity. The lines go through
//! the agent's own log, or to the terminal and files on their own.

mod config;
mod counts;
mod number;
mod output;
mod sampler;
mod text;
mod value;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{
    ComponentId, ComponentType, CreateError, Exporter, ExporterFactory, Settings, Signal,
    Stability, StartError, Telemetry,
};
use exporter_helper::{Options, Push, PushError};

pub use crate::config::{Config, Verbosity};
use crate::counts::Counts;
use crate::output::Output;
use crate::sampler::Sampler;

/// Builds `debug` exporters.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("debug");
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
        let options = Options {
            timeout: Duration::ZERO,
            retry: None,
            queue: config.sending_queue.into_option(),
        };
        let debug = Debug {
            id: settings.id.clone(),
            verbosity: config.verbosity,
            sampler: Sampler::new(config.sampling_initial, config.sampling_thereafter),
            output: match config.use_internal_logger {
                true => Output::AgentLog,
                false => Output::to(config.output_paths),
            },
        };
        exporter_helper::exporter(&settings, signals, options, Arc::new(debug))
    }
}

struct Debug {
    id: ComponentId,
    verbosity: Verbosity,
    sampler: Sampler,
    output: Output,
}

#[async_trait]
impl Push for Debug {
    async fn acquire(&self) -> Result<(), StartError> {
        self.output.open().await
    }

    /// Shows the telemetry. It does not fail: a broken terminal must not hold up the pipeline's other exporters.
    async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
        if !self.output.is_seen() {
            return Ok(());
        }
        let counts = Counts::of(telemetry);
        if self.sampler.passes(counts.title()) {
            self.output.counts(&self.id, &counts).await;
        }
        let text = match self.verbosity {
            Verbosity::Basic => return Ok(()),
            Verbosity::Normal => text::normal(telemetry),
            Verbosity::Detailed => text::detailed(telemetry),
        };
        if self.sampler.passes(&text) {
            self.output.text(&text).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
