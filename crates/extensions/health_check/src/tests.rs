use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use component::ledger::ComponentName;
use component::overview::{Overview, Running};
use component::{ComponentId, Kind, StatusReporter};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use net::http::{Request, Response};
use serde_json::Value;
use testkit::{config, refusal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Page {
    address: SocketAddr,
    overview: Arc<Overview>,
    stop: CancellationToken,
    lives: JoinSet<Result<(), StartError>>,
}

impl Page {
    async fn start(yaml: &str) -> Self {
        let settings = testkit::settings("health_check");
        // Held here, so that the port stays the same one.
        let listener = settings.process.table::<Listeners>().acquire("127.0.0.1:0").await.unwrap();
        let address = listener.local_address().unwrap();
        let mut config = config::<Config>(yaml).unwrap();
        config.server.endpoint = address.to_string();
        let overview = settings.process.table::<Overview>();
        let mut life = Factory.create(config, settings).unwrap().into_parts().1;
        life.acquire().await.unwrap();
        drop(listener);
        let stop = CancellationToken::new();
        let mut lives = JoinSet::new();
        lives.spawn(life.run(stop.clone()));
        Self { address, overview, stop, lives }
    }

    async fn get(&self, path: &str) -> Response<Bytes> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let url = format!("http://{}{path}", self.address);
        let request = Request::get(url).body(Empty::new()).unwrap();
        let answer = timeout(PATIENCE, client.request(request)).await.unwrap().unwrap();
        let (head, body) = answer.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    async fn json(&self, path: &str) -> (u16, Value) {
        let answer = self.get(path).await;
        assert_eq!(answer.headers()["content-type"], "application/json");
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    async fn stop(mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.lives.join_next()).await.unwrap();
        ended.unwrap().unwrap().unwrap();
    }
}

/// What runs, with a component of a kind whose status can be set.
fn running(kind: Kind) -> (Running, StatusReporter) {
    let status = StatusReporter::default();
    let id = ComponentId::new("otlp");
    let component = (ComponentName { kind, id, pipeline: None }, status.clone());
    (Running { ready: true, components: vec![component], pipelines: Vec::new() }, status)
}

#[tokio::test]
async fn readiness_is_answered_as_upstream_does() {
    let page = Page::start("{}").await;
    let (status, body) = page.json("/any/path").await;
    let unavailable = serde_json::json!({"status": "Server not available", "upSince": "0001-01-01T00:00:00Z", "uptime": ""});
    assert_eq!((status, body), (503, unavailable));
    page.overview.set(Running { ready: true, ..Running::default() });
    // The page follows the overview in its own time.
    let ready = timeout(PATIENCE, async {
        loop {
            let (status, body) = page.json("/").await;
            if status == 200 {
                return body;
            }
        }
    });
    let body = ready.await.unwrap();
    assert_eq!(body["status"], "Server available");
    assert!(body["uptime"].as_str().unwrap().ends_with('s'), "{body}");
    assert!(body["upSince"].as_str().unwrap().contains('T'), "{body}");
    page.overview.set(Running::default());
    assert_eq!(page.json("/").await.0, 503);
    page.stop().await;
}

#[tokio::test]
async fn paths_and_bodies_can_be_set() {
    let page = Page::start(
        "{ path: /ready, response_body: { unhealthy: away }, response_headers: { x-a: b } }",
    )
    .await;
    let answer = page.get("/ready").await;
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (503, &b"away"[..]));
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["x-a"], "b");
    for path in ["/", "/ready/", "/readyz"] {
        assert_eq!(page.get(path).await.status().as_u16(), 404, "{path}");
    }
    assert_eq!(page.json("/health").await.0, 503);
    page.stop().await;
}

#[tokio::test]
async fn a_component_that_cannot_start_or_has_ended_is_not_sound() {
    let page = Page::start("{}").await;
    for kind in [Kind::Receiver, Kind::Processor] {
        let (running, status) = running(kind);
        page.overview.set(running);
        assert_eq!(page.json("/health").await.1["sound"], false, "it has not started");
        status.ok();
        let well = serde_json::json!({"sound": true, "delivering": true, "problems": []});
        assert_eq!(page.json("/health").await, (200, well));
        status.recoverable_error("port is taken");
        let (code, health) = page.json("/health").await;
        assert_eq!(
            (code, &health["sound"], &health["delivering"]),
            (503, &false.into(), &true.into())
        );
        assert_eq!(health["problems"][0]["component"], format!("{kind}:otlp"));
        assert_eq!(health["problems"][0]["error"], "port is taken");
    }
    let (running, status) = running(Kind::Exporter);
    page.overview.set(running);
    status.permanent_error("panicked: at the disco");
    assert_eq!(page.json("/health").await.0, 503);
    page.stop().await;
}

#[tokio::test]
async fn an_exporter_that_fails_for_long_is_not_delivering_but_sound() {
    let page = Page::start("{ delivery_limit: 100ms }").await;
    let (running, status) = running(Kind::Exporter);
    page.overview.set(running);
    status.recoverable_error("cannot reach the backend");
    let failing = status.event().since;
    let (code, health) = timeout(PATIENCE, async {
        loop {
            let (code, health) = page.json("/health").await;
            assert_eq!(health["sound"], true);
            if health["delivering"] == false {
                return (code, health);
            }
        }
    })
    .await
    .unwrap();
    assert!(failing.elapsed() > Duration::from_millis(100), "it has the time to get well");
    assert_eq!(code, 200, "restarting the agent would not help");
    assert_eq!(health["problems"][0]["affects"], "delivering");
    assert_eq!(health["problems"][0]["status"], "StatusRecoverableError");
    status.ok();
    assert_eq!(page.json("/health").await.1["delivering"], true);
    page.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = other.local_addr().unwrap();
    let config = config::<Config>(&format!("{{ endpoint: '{endpoint}' }}")).unwrap();
    let created = Factory.create(config, testkit::settings("health_check")).unwrap();
    let error = created.into_parts().1.acquire().await.unwrap_err();
    assert!(component::chain(&error).contains(&endpoint.to_string()), "{error}");
}

#[test]
fn options_are_read_or_refused_by_name() {
    assert_eq!(
        Config::default(),
        config::<Config>("{ endpoint: 'localhost:13133', path: / }").unwrap()
    );
    config::<Config>("{ use_v2: false, check_collector_pipeline: { enabled: true, interval: 5m, exporter_failure_threshold: 5 } }").unwrap();
    for (yaml, message) in [
        ("{ endpoint: '' }", "http endpoint required"),
        ("{ path: health }", "path must start with /"),
        ("{ use_v2: true }", "`use_v2` is not supported yet"),
        ("{ http: {} }", "`http` is not supported yet"),
        ("{ grpc: {} }", "`grpc` is not supported yet"),
        ("{ component_health: {} }", "`component_health` is not supported yet"),
        (
            "{ check_collector_pipeline: { enabled: true, exporter_failure_threshold: 0 } }",
            "expects a positive number",
        ),
        ("{ no_such_option: 1 }", "no_such_option: unknown key"),
    ] {
        let found = refusal::<Config>(yaml);
        assert!(found.contains(message), "{yaml}\ngave: {found}");
    }
}
