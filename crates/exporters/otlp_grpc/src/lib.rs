//! The `otlp_grpc` exporter: sends OTLP over gRPC.

mod config;
mod transport;

use std::sync::Arc;

use component::{
    ComponentType, CreateError, Exporter, ExporterFactory, Settings, Signal, Stability,
};
use exporter_helper::Options;

pub use crate::config::Config;
use crate::transport::Transport;

/// Builds `otlp_grpc` exporters.
#[derive(Debug)]
pub struct Factory;

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("otlp_grpc");
    const ALIASES: &'static [ComponentType] = &[ComponentType::new("otlp")];
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        signals: &[Signal],
    ) -> Result<Exporter, CreateError> {
        let target = config.target().map_err(CreateError::new)?;
        let (scheme, host) = target.scheme_and_host();
        let allow = settings.allow_insecure_endpoint;
        config.grpc.client.protect_key(scheme, host, allow).map_err(CreateError::new)?;
        let options = Options {
            timeout: config.timeout,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        };
        let transport = Transport::new(config, &settings);
        exporter_helper::exporter(&settings, signals, options, Arc::new(transport))
    }
}
