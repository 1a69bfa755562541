//! The `forward` connector: hands telemetry from one pipeline to others of the same signal, as it is.
//!
//! It joins pipelines (several feed one that exports) and forks them (one feeds several that process differently).

use component::{
    ComponentType, ConnectorFactory, ConnectorOutputs, ConsumeError, CreateError, Processor,
    Settings, Signal, Stability, Telemetry, Transform,
};
use config::{Section, Validate};

/// Settings of the `forward` connector: none, any key is an error.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Config {}

impl Validate for Config {}

/// Builds `forward` connectors.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ConnectorFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("forward");
    const PAIRS: &'static [(Signal, Signal, Stability)] = &[
        (Signal::Traces, Signal::Traces, Stability::Beta),
        (Signal::Metrics, Signal::Metrics, Stability::Beta),
        (Signal::Logs, Signal::Logs, Stability::Beta),
    ];

    fn create(
        &self,
        _: Config,
        _: Settings,
        _: (Signal, Signal),
        _: ConnectorOutputs,
    ) -> Result<Processor, CreateError> {
        Ok(Processor::transform(Forward))
    }
}

/// Leaves everything as it is; the engine sends it to every output.
struct Forward;

impl Transform for Forward {
    fn transform(&self, _: &mut Telemetry) -> Result<(), ConsumeError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use component::Outcome;
    use testkit::{any, tracked};

    use super::*;

    #[tokio::test]
    async fn every_signal_goes_on_unchanged_and_its_source_hears_of_its_fate() {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            let forward = testkit::connector(Factory, "{}", (signal, signal));
            let (batch, heard) = tracked(any(signal, 3));
            forward.offer(batch).await.unwrap();
            let taken = forward.output().items(3).await;
            assert_eq!(taken[0].to_json(), any(signal, 3).to_json());
            assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
        }
    }

    #[tokio::test]
    async fn a_refusal_of_the_next_pipeline_reaches_the_caller() {
        let forward = testkit::connector(Factory, "{}", (Signal::Logs, Signal::Logs));
        forward.output().refuse(|| ConsumeError::permanent("no"));
        assert!(forward.consume(any(Signal::Logs, 1)).await.unwrap_err().is_permanent());
    }

    testkit::conformance!(connector: Factory);
}
