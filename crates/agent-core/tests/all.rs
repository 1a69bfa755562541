//! The agent's state machine: what runs, what is stored and what is reported after each thing that can happen.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use agent_core::{
    Agent, CancellationToken, CollectorState, ConfigSource, Configuration, Controller, Registry,
    RunError, Status,
};
use config::{Environment, Section, Validate};
use testkit::component::{
    self, ComponentType, CreateError, Exporter, ExporterFactory, Lifecycle, Outputs, Passive,
    ReceiverFactory, Settings, Signal, Stability, StartError, async_trait,
};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use updater::{Answer, CheckError, Document, Report, Schedule};

const LOGS: &[(Signal, Stability)] = &[(Signal::Logs, Stability::Stable)];

/// How the test's receiver misbehaves.
#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Config {
    /// Its port is taken.
    taken: bool,
    /// It does not stop.
    hangs: bool,
    /// It does not come up.
    slow: bool,
    /// It ends on its own.
    dies: bool,
}

impl Validate for Config {}

struct Part(Config);

#[async_trait]
impl Lifecycle for Part {
    async fn acquire(&mut self) -> Result<(), StartError> {
        if self.0.slow {
            std::future::pending::<()>().await;
        }
        match self.0.taken {
            true => Err(StartError::new("endpoint: address already in use")),
            false => Ok(()),
        }
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        if self.0.dies {
            return Err(StartError::new("listener died"));
        }
        stop.cancelled().await;
        if self.0.hangs {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

struct In;

impl ReceiverFactory for In {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("in");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(
        &self,
        config: Config,
        _: Settings,
        _: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        Ok(Box::new(Part(config)))
    }
}

struct Nothing;

#[async_trait]
impl component::Consumer for Nothing {
    async fn consume(&self, _: component::Batch) -> Result<(), component::ConsumeError> {
        Ok(())
    }
}

struct Out;

impl ExporterFactory for Out {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("out");
    const SIGNALS: &'static [(Signal, Stability)] = LOGS;

    fn create(&self, _: Config, _: Settings, _: &[Signal]) -> Result<Exporter, CreateError> {
        let nothing: Arc<dyn component::Consumer> = Arc::new(Nothing);
        Ok(Exporter::new(vec![(Signal::Logs, nothing)], Passive))
    }
}

/// A document whose receiver has these settings.
fn document(settings: &str) -> String {
    format!(
        "receivers: {{in: {{{settings}}}}}\nexporters: {{out: }}\nservice: {{pipelines: {{logs: {{receivers: [in], exporters: [out]}}}}}}\n"
    )
}

/// The update API: it answers what the test tells it to, and keeps what it was told.
#[derive(Debug)]
struct Api {
    answers: Mutex<mpsc::Receiver<Result<Answer, CheckError>>>,
    reports: mpsc::Sender<Report>,
}

#[async_trait]
impl ConfigSource for Api {
    async fn check(&self, report: &Report) -> Result<Answer, CheckError> {
        self.reports.send(report.clone()).await.unwrap();
        match self.answers.lock().await.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

/// A running agent, its API and its file.
struct Managed {
    controller: Controller,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
    answers: mpsc::Sender<Result<Answer, CheckError>>,
    reports: mpsc::Receiver<Report>,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Managed {
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    fn start(initial: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("etc/config.yaml");
        if let Some(yaml) = initial {
            fs::create_dir(file.parent().unwrap()).unwrap();
            fs::write(&file, yaml).unwrap();
        }
        let (answers, asked) = mpsc::channel(10);
        let (reports, told) = mpsc::channel(10);
        let api = Api { answers: Mutex::new(asked), reports };
        let agent = Agent::builder()
            .registry(Registry::new().receiver(In).exporter(Out))
            .configuration(Configuration::file(&file))
            .updates(Arc::new(api), Schedule::new(Duration::from_secs(60), "host"))
            .build()
            .unwrap();
        let controller = agent.controller();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { agent.run(stop).await });
        Self { controller, shutdown, task, answers, reports: told, file, _folder: folder }
    }

    /// Answers the check that is waiting, and returns what the next one reports.
    async fn push(&mut self, yaml: &str) -> Report {
        let document = Document::from_yaml(yaml);
        self.answers.send(Ok(Answer::Update(document))).await.unwrap();
        self.reports.recv().await.unwrap()
    }

    fn status(&self) -> Status {
        self.controller.status().borrow().clone()
    }

    fn stored(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_push_runs_and_is_stored() {
    let mut agent = Managed::start(Some(&document("")));
    let report = agent.reports.recv().await.unwrap();
    assert!(report.last_error_message.is_empty());
    let new = document("hangs: false");
    let report = agent.push(&new).await;
    assert!(report.last_error_message.is_empty());
    assert_eq!(agent.stored(), new);
    assert!(agent.status().is_running());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_push_changes_nothing_and_is_reported_in_one_line() {
    let old = document("");
    let mut agent = Managed::start(Some(&old));
    agent.reports.recv().await.unwrap();
    let bad = [
        ("load", "receivers: [".to_owned(), "pushed configuration:"),
        ("plan", document("hangs: 1, takn: true"), "pushed configuration:1: receivers::in::"),
        (
            "start",
            document("taken: true"),
            "cannot start receiver \"in\": endpoint: address already in use",
        ),
        ("start", document("slow: true"), "did not come up"),
    ];
    for (phase, yaml, problem) in bad {
        let message = agent.push(&yaml).await.last_error_message;
        assert!(message.contains(&format!("refused ({phase})")), "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(!message.contains('\n'), "{message}");
        assert_eq!(agent.stored(), old);
        assert!(agent.status().is_running());
    }
    let report = agent.push(&document("hangs: false")).await;
    assert!(report.last_error_message.is_empty());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_push_that_cannot_be_stored_is_not_run() {
    let mut agent = Managed::start(None);
    agent.reports.recv().await.unwrap();
    // The folder cannot be made where a file is.
    fs::write(agent.file.parent().unwrap(), "").unwrap();
    let message = agent.push(&document("")).await.last_error_message;
    assert!(message.contains("refused (store)"), "{message}");
    assert!(message.contains("config.yaml"), "{message}");
    assert!(!agent.status().is_running());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_configuration_is_reported_and_the_first_push_starts_the_collector() {
    let mut agent = Managed::start(None);
    let report = agent.reports.recv().await.unwrap();
    assert!(report.last_error_message.contains("no collector configuration"));
    assert_eq!(agent.status().collector, CollectorState::Stopped);
    let report = agent.push(&document("")).await;
    assert!(report.last_error_message.is_empty());
    assert!(agent.status().is_running());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_api_stop_nothing() {
    let mut agent = Managed::start(Some(&document("")));
    agent.reports.recv().await.unwrap();
    for _ in 0..5 {
        let error = CheckError::Status { endpoint: "the API".to_owned(), status: 500 };
        agent.answers.send(Err(error)).await.unwrap();
        let report = agent.reports.recv().await.unwrap();
        assert!(report.last_error_message.is_empty(), "the collector has nothing to do with it");
    }
    assert!(agent.status().is_running());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_reads_the_file_again_and_keeps_the_old_one_when_it_is_bad() {
    let mut agent = Managed::start(Some(&document("")));
    agent.reports.recv().await.unwrap();
    fs::write(&agent.file, document("taken: true")).unwrap();
    agent.controller.reload().await;
    assert!(agent.status().is_running());
    assert!(agent.status().last_error.unwrap().contains("already in use"));
    fs::write(&agent.file, document("hangs: false")).unwrap();
    agent.controller.reload().await;
    assert_eq!(agent.status().last_error, None);
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
async fn a_configuration_on_another_host_is_asked_for_again_until_it_is_served() {
    let asked = AtomicUsize::new(0);
    let environment = Environment::empty().with_fetch(move |_| match asked.fetch_add(1, SeqCst) {
        0 | 1 => Err("no answer".to_owned()),
        _ => Ok(document("")),
    });
    let configuration = Configuration::sources(vec!["https://example.com/c.yaml".to_owned()]);
    let agent = Agent::builder()
        .registry(Registry::new().receiver(In).exporter(Out))
        .configuration(configuration.with_environment(environment))
        .build()
        .unwrap();
    let mut status = agent.controller().status();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let task = tokio::spawn(async move { agent.run(stop).await });
    let refused = status.wait_for(|status| status.last_error.is_some()).await.unwrap().clone();
    assert!(refused.last_error.unwrap().contains("cannot fetch https://example.com/c.yaml"));
    status.wait_for(Status::is_running).await.unwrap();
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn offering_what_runs_again_takes_a_refusal_back() {
    let mut agent = Managed::start(Some(&document("")));
    agent.reports.recv().await.unwrap();
    let good = document("hangs: false");
    agent.push(&good).await;
    let report = agent.push(&document("takn: true")).await;
    assert!(report.last_error_message.contains("refused (plan)"));
    let report = agent.push(&good).await;
    assert!(report.last_error_message.is_empty(), "{}", report.last_error_message);
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_ends_on_its_own_is_reported() {
    let agent = Managed::start(Some(&document("dies: true")));
    let mut status = agent.controller.status();
    let status = status.wait_for(|status| status.last_error.is_some()).await.unwrap().clone();
    assert!(status.is_running(), "the rest runs on");
    assert_eq!(status.last_error.unwrap(), "receiver \"in\" failed: listener died");
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_hangs_does_not_hold_up_the_shutdown() {
    let mut agent = Managed::start(Some(&document("hangs: true")));
    agent.reports.recv().await.unwrap();
    let begin = tokio::time::Instant::now();
    agent.stop().await;
    assert!(begin.elapsed() <= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_agent_runs_once() {
    let agent = Agent::builder()
        .registry(Registry::new())
        .configuration(Configuration::file("/nonexistent/config.yaml"))
        .build()
        .unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    agent.run(shutdown.clone()).await.unwrap();
    let error = agent.run(shutdown).await.unwrap_err();
    assert_eq!(error.to_string(), "agent already running");
    agent.controller().reload().await;
}
