//! The `nop` exporter: takes everything and throws it away.
//!
//! It is for trying out receivers and processors, and for pipelines that exist for their side effects alone.

use std::sync::Arc;

use async_trait::async_trait;
use component::{
    Batch, ComponentType, ConsumeError, Consumer, CreateError, Exporter, ExporterFactory, Settings,
    Signal, Stability,
};
use config::{Section, Validate};

/// Settings of the `nop` exporter: none, any key is an error.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Config {}

impl Validate for Config {}

/// Builds `nop` exporters.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ExporterFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("nop");
    const SIGNALS: &'static [(Signal, Stability)] = &[
        (Signal::Traces, Stability::Beta),
        (Signal::Metrics, Stability::Beta),
        (Signal::Logs, Stability::Beta),
    ];

    fn create(&self, _: Config, _: Settings, signals: &[Signal]) -> Result<Exporter, CreateError> {
        Ok(Exporter::passive(signals, Arc::new(Nop)))
    }
}

struct Nop;

#[async_trait]
impl Consumer for Nop {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        batch.discard("nop");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use component::Outcome;
    use testkit::{spans, tracked};

    use super::*;

    #[tokio::test]
    async fn it_takes_everything_and_says_that_it_was_dropped_on_purpose() {
        let nop = testkit::exporter(Factory, "{}", &[Signal::Traces]).await;
        let (batch, heard) = tracked(spans(3));
        nop.offer(batch).await.unwrap();
        assert_eq!(heard.outcome().await, Some(Outcome::Dropped));
    }

    testkit::conformance!(exporter: Factory);
}
