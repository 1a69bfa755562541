//! The `otlp_http` exporter: sends OTLP over HTTP, as protobuf or JSON.

mod answer;
mod config;
mod redirect;
mod transport;

use std::sync::Arc;

use component::{
    ComponentType, CreateError, Exporter, ExporterFactory, Settings, Signal, Stability,
};
use exporter_helper::Options;
use net::http::Uri;

pub use crate::config::{Config, Encoding};
use crate::transport::Transport;

/// Builds `otlp_http` exporters.
#[derive(Debug)]
pub struct Factory;

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("otlp_http");
    const ALIASES: &'static [ComponentType] = &[ComponentType::new("otlphttp")];
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
        for signal in signals {
            let Some(url) = config.url(*signal) else {
                let message = format!("either endpoint or {signal}_endpoint must be specified");
                return Err(CreateError::new(message));
            };
            let url = url.parse::<Uri>().unwrap_or_default();
            let (scheme, host) = (url.scheme_str().unwrap_or(""), url.host().unwrap_or(""));
            let allow = settings.allow_insecure_endpoint;
            config.http.protect_key(scheme, host, allow).map_err(CreateError::new)?;
        }
        let options = Options {
            timeout: config.timeout,
            retry: Some(config.retry_on_failure.clone()),
            queue: config.sending_queue.get().cloned(),
        };
        let transport = Transport::new(config, &settings);
        exporter_helper::exporter(&settings, signals, options, Arc::new(transport))
    }
}
