//! The `otlp` receiver: takes OTLP over gRPC and HTTP.
//!
//! A request's bytes become telemetry as they are, validated once and not decoded. The answer is the pipeline's: whatever
//! makes a consumer refuse a batch reaches the client in the words of OTLP, so that it knows whether to send again.

mod config;
mod door;
mod grpc;
mod http;
mod intake;

use async_trait::async_trait;
use component::{
    CancellationToken, ComponentType, CreateError, Lifecycle, Outputs, ReceiverFactory, Settings,
    Signal, Stability, StartError,
};
use net::settings::{GrpcServerConfig, HttpServerConfig};
use net::tls;
use net::{Listener, Listeners, Server, ServerOptions, Speaks};
use tokio::task::JoinSet;

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
        let intake = Intake::new(outputs, settings.process.memory());
        Ok(Box::new(Receiver { config, settings, intake, grpc: None, http: None }))
    }
}

/// Both servers, as far as they are configured.
struct Receiver {
    config: Config,
    settings: Settings,
    intake: Intake,
    grpc: Option<Server>,
    http: Option<Server>,
}

#[async_trait]
impl Lifecycle for Receiver {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let listeners = self.settings.process.table::<Listeners>();
        if let Some(config) = self.config.protocols.grpc.get() {
            let listener = listen(&listeners, "grpc", &config.endpoint).await?;
            self.grpc = Some(Server::new(listener, grpc_options(config)?));
        }
        if let Some(config) = self.config.protocols.http.get() {
            let listener = listen(&listeners, "http", &config.server.endpoint).await?;
            self.http = Some(Server::new(listener, http_options(&config.server)?));
        }
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { config, intake, grpc, http, .. } = *self;
        let mut servers = JoinSet::new();
        if let (Some(server), Some(config)) = (grpc, config.protocols.grpc.get()) {
            let service = grpc::Service::new(intake.clone(), config);
            servers.spawn(server.run(service, stop.clone()));
        }
        if let (Some(server), Some(config)) = (http, config.protocols.http.get()) {
            let service = http::Service::new(intake, config);
            servers.spawn(server.run(service, stop.clone()));
        }
        while let Some(ended) = servers.join_next().await {
            ended.map_err(|error| StartError::caused_by("a server of the receiver died", error))?;
        }
        Ok(())
    }
}

async fn listen(
    listeners: &Listeners,
    protocol: &str,
    endpoint: &str,
) -> Result<Listener, StartError> {
    let failed = |error| StartError::caused_by(format!("protocols::{protocol}::endpoint"), error);
    listeners.acquire(endpoint).await.map_err(failed)
}

fn grpc_options(config: &GrpcServerConfig) -> Result<ServerOptions, StartError> {
    let failed = |error| StartError::caused_by("protocols::grpc::tls", error);
    let tls = config.tls.get().map(|tls| tls::server(tls, &["h2"])).transpose();
    Ok(ServerOptions {
        speaks: Speaks::Grpc,
        tls: tls.map_err(failed)?,
        read_header_timeout: None,
        keep_alive: true,
        max_concurrent_streams: config.stream_limit(),
    })
}

fn http_options(config: &HttpServerConfig) -> Result<ServerOptions, StartError> {
    let failed = |error| StartError::caused_by("protocols::http::tls", error);
    let tls = config.tls.get().map(|tls| tls::server(tls, &["h2", "http/1.1"])).transpose();
    let timeout = config.read_header_timeout;
    Ok(ServerOptions {
        speaks: Speaks::Http,
        tls: tls.map_err(failed)?,
        read_header_timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
        keep_alive: config.keep_alives_enabled,
        max_concurrent_streams: None,
    })
}
