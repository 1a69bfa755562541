//! The `otlp` receiver: takes OTLP over gRPC and HTTP.
//!
//! A request's bytes become telemetry as they are, validated once and not decoded. The answer is the pipeline's: whatever
//! makes a consumer refuse a batch reaches the client in the words of OTLP, so that it knows whether to send again.

mod config;
mod cors;
mod door;
mod grpc;
mod http;
mod intake;
mod metadata;
mod metrics;

use std::sync::Arc;

use async_trait::async_trait;
use component::memory::DEFAULT_LIMIT;
use component::{
    CancellationToken, ComponentType, CreateError, Lifecycle, Outputs, ReceiverFactory, Settings,
    Signal, Stability, StartError,
};
use net::settings::Transport;
use net::{Listener, Listeners, Server, ServerOptions};
use tokio::task::JoinSet;
use tracing::warn;

pub use crate::config::{Config, HttpConfig, Protocols};
use crate::intake::Intake;

/// Builds `otlp` receivers.
#[derive(Debug)]
pub struct Factory;

impl ReceiverFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("otlp");
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Stable),
        (Signal::Metrics, Stability::Stable),
        (Signal::Logs, Stability::Stable),
    ];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        let outputs = Arc::new(outputs);
        Ok(Box::new(Receiver { config, settings, outputs, grpc: None, http: None }))
    }
}

/// Both servers, as far as they are configured.
struct Receiver {
    config: Config,
    settings: Settings,
    outputs: Arc<Outputs>,
    grpc: Option<Server>,
    http: Option<Server>,
}

#[async_trait]
impl Lifecycle for Receiver {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let listeners = self.settings.process.table::<Listeners>();
        if let Some(config) = self.config.protocols.grpc.get() {
            let listener = listen(&listeners, "grpc", config.transport, &config.endpoint).await?;
            let options = config.server_options();
            let failed = |error| StartError::caused_by("protocols::grpc::tls", error);
            self.grpc = Some(Server::new(listener, options.map_err(failed)?));
            warn_of("grpc", config.without_effect());
        }
        if let Some(config) = self.config.protocols.http.get() {
            let config = &config.server;
            let listener = listen(&listeners, "http", config.transport, &config.endpoint).await?;
            let failed = |error| StartError::caused_by("protocols::http::tls", error);
            let options = config.server_options().map_err(failed)?;
            let read_ahead = read_ahead(self.settings.process.memory().limit());
            self.http = Some(Server::new(listener, ServerOptions { read_ahead, ..options }));
            warn_of("http", config.without_effect());
        }
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { config, settings, outputs, grpc, http } = *self;
        let mut servers = JoinSet::new();
        if let (Some(server), Some(config)) = (grpc, config.protocols.grpc.get()) {
            let intake = Intake::new(&settings, Arc::clone(&outputs), "grpc");
            let service = grpc::Service::new(intake, config);
            servers.spawn(server.run(service, stop.clone()));
        }
        if let (Some(server), Some(config)) = (http, config.protocols.http.get()) {
            let intake = Intake::new(&settings, outputs, "http");
            let service = http::Service::new(intake, config);
            servers.spawn(server.run(service, stop.clone()));
        }
        while let Some(ended) = servers.join_next().await {
            ended.map_err(|error| StartError::caused_by("a server of the receiver died", error))?;
        }
        Ok(())
    }
}

/// How much connections may read before the memory account is asked: without a limit where there is memory, since reading
/// more at once is cheaper.
fn read_ahead(account: usize) -> Option<usize> {
    (account < DEFAULT_LIMIT).then_some(account / 16)
}

async fn listen(
    listeners: &Listeners,
    protocol: &str,
    transport: Transport,
    endpoint: &str,
) -> Result<Listener, StartError> {
    let failed = |error| StartError::caused_by(format!("protocols::{protocol}::endpoint"), error);
    listeners.acquire_by(transport, endpoint).await.map_err(failed)
}

fn warn_of(protocol: &str, without_effect: Vec<(&'static str, &'static str)>) {
    for (option, reason) in without_effect {
        warn!("protocols::{protocol}::{option} has no effect: {reason}");
    }
}
