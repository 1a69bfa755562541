//! The `zpages` extension: pages that show what runs in this process, how it is, and where the data went.

mod config;
mod html;
mod pages;
mod service;

use std::sync::Arc;

use component::{
    CancellationToken, ComponentType, CreateError, Extension, ExtensionFactory, Lifecycle,
    Settings, Stability, StartError, async_trait,
};
use net::settings::header_map;
use net::{Listeners, Server};

pub use crate::config::{Config, Expvar};
use crate::pages::Pages;
use crate::service::Service;

/// Builds `zpages` extensions.
#[derive(Debug)]
pub struct Factory;

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("zpages");
    const STABILITY: Stability = Stability::Beta;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        Ok(Extension::new(Zpages { config, settings, server: None }))
    }
}

struct Zpages {
    config: Config,
    settings: Settings,
    server: Option<Server>,
}

#[async_trait]
impl Lifecycle for Zpages {
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
        let Some(server) = server else { return Err(StartError::new("it was not acquired")) };
        let pages = Arc::new(Pages::new(&settings.process, settings.build));
        let headers = header_map(&config.server.response_headers);
        server.run(Service { pages, headers }, stop).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
