//! A processor's or an extension's part in a limiter.

use std::sync::Arc;

use component::memory::available_memory;
use component::{
    CancellationToken, CreateError, Lifecycle, NoRoom, Settings, StartError, StatusReporter,
    async_trait,
};
use tokio::sync::watch;

use crate::config::Config;
use crate::limiter::{Limiter, Limiters};
use crate::limits::Limits;

/// Keeps a limiter alive and at work.
pub(crate) struct Member {
    config: Config,
    settings: Settings,
    limits: Limits,
    limiter: Option<Arc<Limiter>>,
}

impl Member {
    /// # Errors
    ///
    /// The limit is in per cent, and it cannot be learned of what.
    pub(crate) fn new(config: Config, settings: Settings) -> Result<Self, CreateError> {
        let limits = Limits::new(&config, available_memory())?;
        Ok(Self { config, settings, limits, limiter: None })
    }
}

#[async_trait]
impl Lifecycle for Member {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let Settings { id, process, .. } = &self.settings;
        let limiters = process.table::<Limiters>();
        self.limiter = Some(limiters.share(id, &self.config, self.limits, process));
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { settings, limiter, .. } = *self;
        let limiter = limiter.ok_or_else(|| StartError::new("it was not acquired"))?;
        tokio::select! {
            () = limiter.watch() => {}
            () = report(limiter.subscribe(), &settings.status) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }
}

/// Says how the limiter is. Never ends.
pub(crate) async fn report(mut shut: watch::Receiver<bool>, status: &StatusReporter) {
    loop {
        if *shut.borrow_and_update() {
            status.recoverable_error(NoRoom::Full.to_string());
        } else {
            status.ok();
        }
        if shut.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
