//! What every component must be able to do: be stopped before it was started, be fed and stopped, be started again, and
//! refuse options that it does not have.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use component::{
    CancellationToken, ConnectorFactory, Consumer, ExporterFactory, ExtensionFactory, Lifecycle,
    Outputs, Processor, ProcessorFactory, ReceiverFactory, Settings, Signal, Slot, Stability,
};
use config::Section;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::configuration::{config, refusal, settings};
use crate::receipts::{Heard, tracked};
use crate::recorder::Recorder;
use crate::running::connector_outputs;
use crate::telemetry::any;
use crate::transformer::Transformer;

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The conformance suite of one component: `conformance!(processor: Factory)`, with a role of `receiver`, `processor`,
/// `exporter`, `connector` or `extension`. A configuration may follow where the defaults don't do.
///
/// Receivers need one that binds free ports: `conformance!(receiver: Factory, "{ endpoint: 127.0.0.1:0 }")`.
#[macro_export]
macro_rules! conformance {
    ($role:ident: $factory:expr) => {
        $crate::conformance!($role: $factory, "{}");
    };
    ($role:ident: $factory:expr, $yaml:expr) => {
        mod conformance {
            use super::*;

            #[test]
            fn an_unknown_option_is_refused_by_name() {
                $crate::conformance::$role::unknown_option(&$factory);
            }

            #[test]
            fn it_can_be_dropped_and_stopped_before_it_has_started() {
                $crate::conformance::$role::stop_unstarted(&$factory, $yaml);
            }

            #[test]
            fn it_can_be_fed_stopped_and_started_again() {
                $crate::conformance::$role::start_feed_stop_twice(&$factory, $yaml);
            }
        }
    };
}

/// For exporters.
pub mod exporter {
    use super::*;

    /// An option that does not exist is refused, with its name.
    pub fn unknown_option<F: ExporterFactory>(_: &F) {
        refuses_unknown_options::<F::Config>();
    }

    /// Created and dropped; created, acquired and dropped; stopped before it runs.
    pub fn stop_unstarted<F: ExporterFactory>(factory: &F, yaml: &str) {
        let create = || create(factory, yaml, &settings(F::TYPE.as_str())).1;
        end_unstarted(vec![create(), create(), create()]);
    }

    /// Twice: started, fed a batch per signal, stopped. The fate of each batch is known in the end.
    pub fn start_feed_stop_twice<F: ExporterFactory>(factory: &F, yaml: &str) {
        let settings = settings(F::TYPE.as_str());
        live_twice(|| {
            let (inputs, life) = create(factory, yaml, &settings);
            (inputs, vec![life])
        });
    }

    fn create<F: ExporterFactory>(factory: &F, yaml: &str, settings: &Settings) -> (Inputs, Life) {
        let signals = signals(F::SIGNALS);
        let created = factory.create(read(yaml), settings.clone(), &signals);
        created.unwrap_or_else(|error| panic!("{}", component::chain(&error))).into_parts()
    }
}

/// For extensions.
pub mod extension {
    use super::*;

    /// An option that does not exist is refused, with its name.
    pub fn unknown_option<F: ExtensionFactory>(_: &F) {
        refuses_unknown_options::<F::Config>();
    }

    /// Created and dropped; created, acquired and dropped; stopped before it runs.
    pub fn stop_unstarted<F: ExtensionFactory>(factory: &F, yaml: &str) {
        let create = || create(factory, yaml, &settings(F::TYPE.as_str()));
        end_unstarted(vec![create(), create(), create()]);
    }

    /// Twice, in the same process: started and stopped.
    pub fn start_feed_stop_twice<F: ExtensionFactory>(factory: &F, yaml: &str) {
        let settings = settings(F::TYPE.as_str());
        live_twice(|| (Inputs::new(), vec![create(factory, yaml, &settings)]));
    }

    fn create<F: ExtensionFactory>(factory: &F, yaml: &str, settings: &Settings) -> Life {
        let created = factory.create(read(yaml), settings.clone());
        created.unwrap_or_else(|error| panic!("{}", component::chain(&error))).into_parts().1
    }
}

/// For processors.
pub mod processor {
    use super::*;

    /// An option that does not exist is refused, with its name.
    pub fn unknown_option<F: ProcessorFactory>(_: &F) {
        refuses_unknown_options::<F::Config>();
    }

    /// Created and dropped; created, acquired and dropped; stopped before it runs.
    pub fn stop_unstarted<F: ProcessorFactory>(factory: &F, yaml: &str) {
        end_unstarted((0..3).flat_map(|_| create(factory, yaml).1).collect());
    }

    /// Twice: started, fed a batch per signal, stopped. The fate of each batch is known in the end.
    pub fn start_feed_stop_twice<F: ProcessorFactory>(factory: &F, yaml: &str) {
        live_twice(|| create(factory, yaml));
    }

    fn create<F: ProcessorFactory>(factory: &F, yaml: &str) -> (Inputs, Vec<Life>) {
        let (mut inputs, mut lives) = (Inputs::new(), Vec::new());
        for signal in signals(F::SIGNALS) {
            let next = Slot::to(Arc::new(Recorder::default()));
            let settings = settings(F::TYPE.as_str());
            let created = factory.create(read(yaml), settings, signal, next.clone());
            let created = created.unwrap_or_else(|error| panic!("{}", component::chain(&error)));
            let (input, life) = parts(created, next);
            inputs.push((signal, input));
            lives.extend(life);
        }
        (inputs, lives)
    }
}

/// For connectors.
pub mod connector {
    use super::*;

    /// An option that does not exist is refused, with its name.
    pub fn unknown_option<F: ConnectorFactory>(_: &F) {
        refuses_unknown_options::<F::Config>();
    }

    /// Created and dropped; created, acquired and dropped; stopped before it runs.
    pub fn stop_unstarted<F: ConnectorFactory>(factory: &F, yaml: &str) {
        end_unstarted((0..3).flat_map(|_| create(factory, yaml).1).collect());
    }

    /// Twice: started, fed a batch per pair of signals, stopped. The fate of each batch is known in the end.
    pub fn start_feed_stop_twice<F: ConnectorFactory>(factory: &F, yaml: &str) {
        live_twice(|| create(factory, yaml));
    }

    fn create<F: ConnectorFactory>(factory: &F, yaml: &str) -> (Inputs, Vec<Life>) {
        let (mut inputs, mut lives) = (Inputs::new(), Vec::new());
        for &(from, to, _) in F::PAIRS {
            let outputs = connector_outputs(to, &Recorder::default());
            let next = outputs.all.clone();
            let settings = settings(F::TYPE.as_str());
            let created = factory.create(read(yaml), settings, (from, to), outputs);
            let created = created.unwrap_or_else(|error| panic!("{}", component::chain(&error)));
            let (input, life) = parts(created, next);
            inputs.push((from, input));
            lives.extend(life);
        }
        (inputs, lives)
    }
}

/// For receivers.
pub mod receiver {
    use super::*;

    /// An option that does not exist is refused, with its name.
    pub fn unknown_option<F: ReceiverFactory>(_: &F) {
        refuses_unknown_options::<F::Config>();
    }

    /// Created and dropped; created, acquired and dropped; stopped before it runs.
    pub fn stop_unstarted<F: ReceiverFactory>(factory: &F, yaml: &str) {
        let create = || create(factory, yaml, &settings(F::TYPE.as_str()));
        end_unstarted(vec![create(), create(), create()]);
    }

    /// Twice, in the same process: started and stopped.
    pub fn start_feed_stop_twice<F: ReceiverFactory>(factory: &F, yaml: &str) {
        let settings = settings(F::TYPE.as_str());
        live_twice(|| (Inputs::new(), vec![create(factory, yaml, &settings)]));
    }

    fn create<F: ReceiverFactory>(factory: &F, yaml: &str, settings: &Settings) -> Life {
        let mut outputs = Outputs::default();
        for signal in signals(F::SIGNALS) {
            outputs.set(signal, Slot::to(Arc::new(Recorder::default())));
        }
        let created = factory.create(read(yaml), settings.clone(), outputs);
        created.unwrap_or_else(|error| panic!("{}", component::chain(&error)))
    }
}

type Inputs = Vec<(Signal, Arc<dyn Consumer>)>;
type Life = Box<dyn Lifecycle>;

/// What the engine makes of a processor or a connector: something to feed, and its life where it has one.
fn parts(processor: Processor, next: Slot) -> (Arc<dyn Consumer>, Option<Life>) {
    match processor {
        Processor::Transform(transform) => (Arc::new(Transformer { transform, next }), None),
        Processor::Consumer(consumer, life) => (consumer, Some(life)),
    }
}

fn read<C: Section>(yaml: &str) -> C {
    config(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

fn signals(signals: &[(Signal, Stability)]) -> Vec<Signal> {
    signals.iter().map(|(signal, _)| *signal).collect()
}

fn refuses_unknown_options<C: Section>() {
    const UNKNOWN: &str = "no_such_option_exists";
    let text = refusal::<C>(&format!("{{ {UNKNOWN}: 1 }}"));
    assert!(text.contains(UNKNOWN), "the error must name the option: {text}");
}

fn end_unstarted(lives: Vec<Life>) {
    run(async {
        for (at, mut life) in lives.into_iter().enumerate() {
            match at % 3 {
                0 => drop(life),
                1 => acquire(&mut life).await,
                _ => {
                    acquire(&mut life).await;
                    let stopped = CancellationToken::new();
                    stopped.cancel();
                    let ended = timeout(PATIENCE, life.run(stopped)).await;
                    ended.expect("ends when it is stopped at once").expect("ends well");
                }
            }
        }
    });
}

fn live_twice(mut create: impl FnMut() -> (Inputs, Vec<Life>)) {
    run(async {
        for _ in 0..2 {
            let (inputs, lives) = create();
            live(inputs, lives).await;
        }
    });
}

async fn live(inputs: Inputs, lives: Vec<Life>) {
    let stop = CancellationToken::new();
    let mut running = tokio::task::JoinSet::new();
    for mut life in lives {
        acquire(&mut life).await;
        running.spawn(life.run(stop.clone()));
    }
    let mut heard = Vec::new();
    for (signal, input) in inputs {
        let (batch, fate) = tracked(any(signal, 3));
        let fed = timeout(PATIENCE, Slot::to(input).offer(batch)).await.expect("answers in time");
        if fed.is_ok() {
            heard.push(fate);
        }
    }
    stop.cancel();
    while let Some(ended) = timeout(PATIENCE, running.join_next()).await.expect("stops in time") {
        ended.expect("does not panic").expect("ends well");
    }
    for fate in heard {
        known(fate).await;
    }
}

async fn known(fate: Heard) {
    let outcome = timeout(PATIENCE, fate.outcome()).await;
    let outcome = outcome.expect("a batch that was taken has a fate when the component has ended");
    assert!(outcome.is_some(), "a receipt was disarmed although the batch was taken");
}

async fn acquire(life: &mut Life) {
    let acquired = timeout(PATIENCE, life.acquire()).await.expect("acquires in time");
    acquired.unwrap_or_else(|error| panic!("{}", component::chain(&error)));
}

/// A runtime like that of the program, so that suites need no dependency of the component.
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(test);
}
