//! The `health_check` extension: tells probes whether the collector is ready, and people whether it is well.

mod config;
mod health;
mod service;

use std::sync::Arc;

use component::{
    CancellationToken, ComponentType, CreateError, Extension, ExtensionFactory, Lifecycle,
    Settings, Stability, StartError, async_trait,
};
use net::{Listeners, Server};
use tracing::warn;

pub use crate::config::{CheckCollectorPipeline, Config, ResponseBody};
use crate::service::{Service, Shared};

/// Builds `health_check` extensions.
#[derive(Debug)]
pub struct Factory;

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("health_check");
    const STABILITY: Stability = Stability::Beta;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        Ok(Extension::new(HealthCheck { config, settings, server: None }))
    }
}

struct HealthCheck {
    config: Config,
    settings: Settings,
    server: Option<Server>,
}

#[async_trait]
impl Lifecycle for HealthCheck {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let listeners = self.settings.process.table::<Listeners>();
        let config = &self.config.server;
        let listener = listeners.acquire_by(config.transport, &config.endpoint).await;
        let listener = listener.map_err(|error| StartError::caused_by("endpoint", error))?;
        let options = config.server_options();
        let options = options.map_err(|error| StartError::caused_by("tls", error))?;
        self.server = Some(Server::new(listener, options));
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { config, settings, server } = *self;
        if config.check_collector_pipeline.enabled {
            warn!("check_collector_pipeline has no effect, as upstream; see the page /health");
        }
        let Some(server) = server else { return Err(StartError::new("it was not acquired")) };
        let shared = Arc::new(Shared::new(config, settings.process.table()));
        let serve = server.run(Service(Arc::clone(&shared)), stop);
        tokio::select! {
            () = serve => Ok(()),
            () = shared.follow() => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
