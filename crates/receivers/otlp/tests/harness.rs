//! A receiver that runs on ports of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use component::{
    CancellationToken, Lifecycle, Outputs, ReceiverFactory, Settings, Signal, Slot, StartError,
};
use net::Listeners;
use otlp_receiver::Factory;
use testkit::Recorder;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// A receiver at work. Dropping it abandons it.
pub(crate) struct Receiver {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) output: Recorder,
    settings: Settings,
    yaml: String,
    stop: CancellationToken,
    life: JoinSet<Result<(), StartError>>,
}

impl Receiver {
    /// A receiver with nothing but its endpoints set.
    pub(crate) async fn plain() -> Self {
        Self::start("", "", ALL).await
    }

    /// A receiver for these signals, with more options for its two servers.
    pub(crate) async fn start(grpc: &str, http: &str, signals: &[Signal]) -> Self {
        let settings = testkit::settings("otlp");
        // The ports are held by the process until the receiver has its share: nobody else can take them.
        let listeners = settings.process.table::<Listeners>();
        let grpc_port = listeners.acquire("127.0.0.1:0").await.unwrap();
        let http_port = listeners.acquire("127.0.0.1:0").await.unwrap();
        let [grpc_at, http_at] = [&grpc_port, &http_port].map(|port| port.local_address().unwrap());
        let yaml = format!(
            r#"{{ protocols: {{ grpc: {{ endpoint: "{grpc_at}", {grpc} }}, http: {{ endpoint: "{http_at}", {http} }} }} }}"#
        );
        let output = Recorder::default();
        let life = live(&settings, &yaml, &output, signals).await;
        Self::run(settings, yaml, grpc_at, http_at, output, life)
    }

    /// A receiver with this configuration alone. Its ports are not known.
    #[cfg(unix)]
    pub(crate) async fn at(yaml: &str) -> Self {
        let settings = testkit::settings("otlp");
        let output = Recorder::default();
        let life = live(&settings, yaml, &output, ALL).await;
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self::run(settings, yaml.to_owned(), nowhere, nowhere, output, life)
    }

    /// A second receiver in the same process, with the same configuration.
    pub(crate) async fn successor(&self) -> Self {
        let output = Recorder::default();
        let life = live(&self.settings, &self.yaml, &output, ALL).await;
        let (settings, yaml) = (self.settings.clone(), self.yaml.clone());
        Self::run(settings, yaml, self.grpc, self.http, output, life)
    }

    fn run(
        settings: Settings,
        yaml: String,
        grpc: SocketAddr,
        http: SocketAddr,
        output: Recorder,
        running: Box<dyn Lifecycle>,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut life = JoinSet::new();
        life.spawn(running.run(stop.clone()));
        Self { grpc, http, output, settings, yaml, stop, life }
    }

    /// What it has counted.
    pub(crate) fn counted(&self) -> Vec<String> {
        testkit::counted(&self.settings)
    }

    /// Tells the receiver to stop.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&mut self) {
        let ended = timeout(PATIENCE, self.life.join_next()).await.expect("stops in time");
        ended.expect("was running").expect("does not panic").expect("ends well");
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.life.try_join_next().is_none()
    }
}

async fn live(
    settings: &Settings,
    yaml: &str,
    output: &Recorder,
    signals: &[Signal],
) -> Box<dyn Lifecycle> {
    let mut outputs = Outputs::default();
    for &signal in signals {
        outputs.set(signal, Slot::to(Arc::new(output.clone())));
    }
    let config = testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let mut life = Factory.create(config, settings.clone(), outputs).unwrap();
    life.acquire().await.unwrap_or_else(|error| panic!("{}", component::chain(&error)));
    life
}
