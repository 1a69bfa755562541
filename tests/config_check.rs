//! The agent and the API that pushes configurations to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::agent::{Agent, PATIENCE, command, free_port};
use crate::server::{ConfigServer, Seen};

/// The config-check API with a folder of its own, and a place in the row of its requests.
struct Api {
    server: ConfigServer,
    folder: tempfile::TempDir,
    next: usize,
}

impl Api {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    async fn start_at(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = ConfigServer::start(address, folder.path()).await.unwrap();
        Self { server, folder, next: 0 }
    }

    fn url(&self) -> String {
        format!("http://{}/agents/config-check", self.server.address())
    }

    /// Serves this document from the next request on.
    fn offer(&self, yaml: &str) {
        // Renamed, so that no request sees half of it.
        let hidden = self.folder.path().join("config.new");
        fs::write(&hidden, yaml).unwrap();
        fs::rename(hidden, self.folder.path().join("config.yaml")).unwrap();
    }

    async fn request(&mut self) -> Seen {
        let seen = timeout(PATIENCE, self.server.request(self.next)).await;
        self.next += 1;
        seen.expect("the agent asks")
    }

    /// The next request whose fields are as wanted.
    async fn request_where(
        &mut self,
        wanted: impl Fn(&Map<String, Value>) -> bool,
    ) -> Map<String, Value> {
        for _ in 0..60 {
            let fields = fields(self.request().await);
            if wanted(&fields) {
                return fields;
            }
        }
        panic!("no request was as wanted");
    }
}

fn fields(seen: Seen) -> Map<String, Value> {
    match seen.body {
        Value::Object(fields) => fields,
        other => panic!("the request's body is {other}"),
    }
}

/// An agent under remote configuration. It asks every second.
struct Managed {
    agent: Agent,
    config: PathBuf,
    _folder: tempfile::TempDir,
}

impl Managed {
    fn start(api: &Api, initial: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("etc").join("config.yaml");
        if let Some(yaml) = initial {
            fs::create_dir(config.parent().unwrap()).unwrap();
            fs::write(&config, yaml).unwrap();
        }
        let agent = Agent::start(Self::command(&config, &api.url()));
        Self { agent, config, _folder: folder }
    }

    fn command(config: &Path, endpoint: &str) -> std::process::Command {
        let mut run = command(&["run", "--config-check-interval", "1"]);
        run.args(["--config", config.to_str().unwrap(), "--update-endpoint", endpoint]);
        run.env("KM_API_KEY", "not-a-real-key");
        run
    }
}

/// A logs pipeline that listens on `port`, with a comment to tell it apart.
fn listening_on(port: u16) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}}}\n\
         exporters: {{nop: }}\n\
         service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}}}\n"
    )
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits for something outside this process that nobody tells us of.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let happened = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(PATIENCE, happened).await.is_ok(), "it never happened that {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_has_the_documented_fields_and_a_new_configuration_runs() {
    let mut api = Api::start().await;
    let (old, new) = (free_port(), free_port());
    let managed = Managed::start(&api, Some(&listening_on(old)));
    let seen = api.request().await;
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, "/agents/config-check");
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
    assert_eq!(seen.authorization.as_deref(), Some("not-a-real-key"));
    assert_eq!((seen.status, &seen.given), (hyper::StatusCode::OK, &None));
    let fields = fields(seen);
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    let mut expected = [
        "is_docker",
        "hostname",
        "platform",
        "architecture",
        "agent_version",
        "collector_version",
        "agent_status",
        "collector_status",
        "last_error_message",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(fields["agent_status"], "Running");
    assert_eq!(fields["collector_status"], "Running");
    assert_eq!(fields["platform"], "linux");
    assert_eq!(fields["last_error_message"], "");

    api.offer(&listening_on(new));
    eventually("the new port answers", || answers(new)).await;
    eventually("the old port is closed", || !answers(old)).await;
    let stored = fs::read_to_string(&managed.config).unwrap();
    assert!(stored.contains(&new.to_string()), "{stored}");
    assert!(managed.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_leaves_the_old_one_running_and_is_reported() {
    let mut api = Api::start().await;
    let port = free_port();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().map(|address| (busy, address.port())).unwrap();
    let managed = Managed::start(&api, Some(&listening_on(port)));
    managed.agent.wait_until_ready();
    let before = fs::read_to_string(&managed.config).unwrap();
    let unknown = listening_on(free_port()).replace("nop", "mop");
    let broken = [
        ("exporters", unknown),
        ("is in use", listening_on(busy.1)),
        ("(and ", "receivers: {otlp: }".to_owned()),
        ("cannot be used", "receivers: [".to_owned()),
    ];
    for (word, yaml) in broken {
        api.offer(&yaml);
        let report = api
            .request_where(|fields| {
                fields["last_error_message"].as_str().is_some_and(|error| error.contains(word))
            })
            .await;
        assert_eq!(report["collector_status"], "Running");
        assert!(!report["last_error_message"].as_str().unwrap().contains('\n'));
        assert!(answers(port), "the old configuration runs");
        assert_eq!(fs::read_to_string(&managed.config).unwrap(), before);
    }
    let good = free_port();
    api.offer(&listening_on(good));
    eventually("the good port answers", || answers(good)).await;
    api.request_where(|fields| fields["last_error_message"] == "").await;
    assert!(managed.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_configuration_the_agent_reports_and_the_first_push_starts_the_collector() {
    let mut api = Api::start().await;
    let managed = Managed::start(&api, None);
    let report = api.request_where(|fields| fields["collector_status"] == "Stopped").await;
    assert!(report["last_error_message"].as_str().unwrap().contains("no collector configuration"));
    let port = free_port();
    api.offer(&listening_on(port));
    eventually("the port answers", || answers(port)).await;
    api.request_where(|fields| fields["collector_status"] == "Running").await;
    assert!(managed.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_that_fails_goes_away_and_comes_back_changes_nothing_else() {
    let mut api = Api::start().await;
    let port = free_port();
    let managed = Managed::start(&api, Some(&listening_on(port)));
    api.request().await;
    api.server.fail_with(Some(hyper::StatusCode::INTERNAL_SERVER_ERROR));
    managed.agent.wait_for("answered with status 500");
    let address = api.server.address();
    drop(api);
    managed.agent.wait_for("cannot reach");
    assert!(answers(port));
    let mut api = Api::start_at(address).await;
    let fields = fields(api.request().await);
    assert_eq!(fields["collector_status"], "Running");
    assert_eq!(fields["last_error_message"], "");
    assert!(answers(port));
    assert!(managed.agent.terminate().0.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_updates_leaves_a_complete_file() {
    let mut api = Api::start().await;
    let port = free_port();
    let managed = Managed::start(&api, Some(&listening_on(port)));
    managed.agent.wait_until_ready();
    let Managed { agent, config, _folder: folder } = managed;
    let mut agent = Some(agent);
    // Each offer differs in size, so that a torn file would not read as one of them.
    for round in 0..10_usize {
        let offer = format!("{}# {}\n", listening_on(port), "x".repeat(round * 10_000));
        api.offer(&offer);
        api.request().await;
        drop(agent.take());
        let text = fs::read_to_string(&config).unwrap();
        let check = crate::agent::output(&["validate", "--config", config.to_str().unwrap()]);
        assert!(check.status.success(), "round {round}, {} bytes", text.len());
        agent = Some(Agent::start(Managed::command(&config, &api.url())));
        agent.as_ref().unwrap().wait_until_ready();
    }
    let left: Vec<_> = fs::read_dir(config.parent().unwrap()).unwrap().collect();
    assert!(left.len() <= 3, "temporary files are not left behind in numbers: {left:?}");
    drop((agent, folder));
}
