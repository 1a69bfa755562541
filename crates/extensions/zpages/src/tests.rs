use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use component::ledger::{ComponentName, Ledger};
use component::overview::{Overview, Pipeline, Running};
use component::{ComponentId, Kind, Signal, StatusReporter};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use net::http::{Request, Response};
use testkit::{config, refusal};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    address: SocketAddr,
    stop: CancellationToken,
    lives: JoinSet<Result<(), StartError>>,
}

impl Site {
    async fn start(settings: Settings) -> Self {
        // Held here, so that the port stays the same one.
        let listener = settings.process.table::<Listeners>().acquire("127.0.0.1:0").await.unwrap();
        let address = listener.local_address().unwrap();
        let config = config::<Config>(&format!("{{ endpoint: '{address}' }}")).unwrap();
        let mut life = Factory.create(config, settings).unwrap().into_parts().1;
        life.acquire().await.unwrap();
        drop(listener);
        let stop = CancellationToken::new();
        let mut lives = JoinSet::new();
        lives.spawn(life.run(stop.clone()));
        Self { address, stop, lives }
    }

    async fn get(&self, path: &str) -> Response<String> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let url = format!("http://{}{path}", self.address);
        let request = Request::get(url).body(Empty::new()).unwrap();
        let answer = timeout(PATIENCE, client.request(request)).await.unwrap().unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
        answer.into_body()
    }

    async fn stop(mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.lives.join_next()).await.unwrap();
        ended.unwrap().unwrap().unwrap();
    }
}

fn name(kind: Kind, id: &str, pipeline: Option<&str>) -> ComponentName {
    let id = ComponentId::parse(id).unwrap();
    ComponentName { kind, id, pipeline: pipeline.map(str::to_owned) }
}

/// A process in which two pipelines run, connected, with an exporter that fails.
fn settings() -> Settings {
    let settings = testkit::settings("zpages");
    let well = |name| {
        let status = StatusReporter::default();
        status.ok();
        (name, status)
    };
    let failing = StatusReporter::default();
    failing.recoverable_error("cannot reach <b>backend</b>");
    let exporter = name(Kind::Exporter, "otlp/out", None);
    let filter = name(Kind::Processor, "filter", Some("traces/a"));
    let components = vec![
        well(name(Kind::Extension, "zpages", None)),
        (exporter.clone(), failing),
        well(name(Kind::Connector, "spanmetrics", Some("traces to metrics"))),
        well(filter.clone()),
        well(name(Kind::Processor, "filter", Some("metrics"))),
        well(name(Kind::Receiver, "otlp", None)),
    ];
    let pipeline = |id: &str, receiver: &str, exporter: &str| Pipeline {
        id: id.to_owned(),
        receivers: vec![receiver.to_owned()],
        processors: vec!["filter".to_owned()],
        exporters: vec![exporter.to_owned()],
    };
    let pipelines = vec![
        pipeline("traces/a", "otlp", "spanmetrics"),
        pipeline("metrics", "spanmetrics", "otlp/out"),
    ];
    settings.process.table::<Overview>().set(Running { ready: true, components, pipelines });
    let ledger = settings.process.table::<Ledger>();
    let entry = ledger.entry(&filter, Signal::Traces);
    entry.taken(1234);
    entry.out(1000);
    entry.dropped("filtered", 200);
    entry.refused(30);
    ledger.entry(&exporter, Signal::Metrics).taken(77);
    ledger.entry(&exporter, Signal::Logs).taken(5);
    settings
}

/// The rows of the table below a headline.
fn rows(page: &str, headline: &str) -> Vec<String> {
    let table = page.split(&format!("<h2>{headline}</h2>")).nth(1).unwrap();
    let table = table.split("</table>").next().unwrap();
    table.lines().filter(|line| line.starts_with("<tr><td>")).map(str::to_owned).collect()
}

#[tokio::test]
async fn pipelines_show_their_components_in_order_with_status_and_numbers() {
    let site = Site::start(settings()).await;
    let page = site.page("/debug/pipelinez").await;
    let traces = rows(&page, "traces/a");
    assert_eq!(traces.len(), 3, "{traces:?}");
    assert!(traces[0].contains("receiver <b>otlp</b>"), "{traces:?}");
    assert!(traces[2].contains("connector <b>spanmetrics</b>"), "{traces:?}");
    let numbers = "<td class=\"number\">1234</td><td class=\"number\">1000</td><td class=\"number\">30</td><td class=\"number\">200<small>filtered: 200</small></td><td class=\"number\">4</td>";
    assert!(traces[1].contains("processor <b>filter</b>"), "{traces:?}");
    assert!(traces[1].contains("StatusOK") && traces[1].contains(numbers), "{traces:?}");
    let metrics = rows(&page, "metrics");
    assert!(metrics[0].contains("connector <b>spanmetrics</b>"), "{metrics:?}");
    assert!(!metrics[1].contains("1234"), "each pipeline has a processor of its own: {metrics:?}");
    assert!(
        metrics[2].contains("StatusRecoverableError<small>cannot reach &lt;b&gt;backend&lt;/b&gt;"),
        "{metrics:?}"
    );
    assert!(metrics[2].contains(">77</td>"), "of the pipeline's signal alone: {metrics:?}");
    site.stop().await;
}

#[tokio::test]
async fn the_service_page_tells_of_the_process_and_who_is_not_well() {
    let settings = settings();
    let share = settings.process.memory().charge(3 << 20);
    let site = Site::start(settings).await;
    for path in ["/", "/debug/servicez"] {
        let page = site.page(path).await;
        for text in [
            "<th>Version</th><td>0.0.0</td>",
            "<th>State</th><td>ready</td>",
            "<td>3.0 MiB of at most ",
            "<th>Uptime</th><td>",
            "href=\"/debug/pipelinez\"",
        ] {
            assert!(page.contains(text), "{text} is missing in {page}");
        }
        let unwell = rows(&page, "Components that are not well");
        assert_eq!(unwell.len(), 1, "{unwell:?}");
        assert!(unwell[0].contains("exporter <b>otlp/out</b>"), "{unwell:?}");
    }
    drop(share);
    site.stop().await;
}

#[tokio::test]
async fn extensions_have_a_page_and_what_is_not_there_says_so() {
    let site = Site::start(settings()).await;
    let page = site.page("/debug/extensionz").await;
    assert!(page.contains("extension <b>zpages</b>") && !page.contains("receiver <b>"), "{page}");
    assert!(site.page("/debug/featurez").await.contains("no feature gates"));
    for (path, text) in [
        ("/debug/tracez", "does not trace itself yet"),
        ("/debug/expvarz", "no Go variables"),
        ("/other", "page not found"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status().as_u16(), 404);
        assert!(answer.body().contains(text), "{path}: {}", answer.body());
    }
    site.stop().await;
}

#[test]
fn options_are_read_or_refused_by_name() {
    config::<Config>("{ endpoint: 'localhost:56888', transport: tcp, expvar: { enabled: false } }")
        .unwrap();
    for (yaml, message) in [
        ("{ endpoint: '' }", "\"endpoint\" is required when using the \"zpages\" extension"),
        ("{ expvar: { enabled: true } }", "expvar::enabled: `enabled` is not supported yet"),
        ("{ no_such_option: 1 }", "no_such_option: unknown key"),
    ] {
        let found = refusal::<Config>(yaml);
        assert!(found.contains(message), "{yaml}\ngave: {found}");
    }
}
