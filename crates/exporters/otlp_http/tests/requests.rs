//! What goes out.

use bytes::Bytes;
use component::Signal;
use net::compression::Algorithm;
use net::http::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use otlp_http_exporter::Factory;
use prost::Message;
use testkit::{Running, any, log_records};

use crate::backend::{Backend, response};

const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// The exporter without queue and retries, so that each request has its own result as the answer.
pub(crate) async fn direct(options: &str) -> Running {
    let yaml = format!(
        "{{ sending_queue: {{ enabled: false }}, retry_on_failure: {{ enabled: false }}, {options} }}"
    );
    testkit::exporter(Factory, &yaml, ALL).await
}

/// The request that the backend sees for one log record.
async fn sent(options: impl Fn(&Backend) -> String) -> Request<Bytes> {
    let backend = Backend::start().await;
    let exporter = direct(&options(&backend)).await;
    exporter.consume(log_records(1)).await.unwrap();
    backend.only()
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn each_signal_goes_to_its_path_as_upstreams_message() {
    let backend = Backend::start().await;
    let exporter = direct(&format!("endpoint: 'http://{}'", backend.address)).await;
    for signal in ALL {
        exporter.consume(any(*signal, 3)).await.unwrap();
    }
    let seen = backend.seen();
    let body = |at: usize| Algorithm::Gzip.decompress(seen[at].body(), 1 << 20).unwrap();
    assert_eq!(
        seen.iter().map(|request| request.uri().path()).collect::<Vec<_>>(),
        ["/v1/traces", "/v1/metrics", "/v1/logs"]
    );
    let traces = ExportTraceServiceRequest::decode(body(0)).unwrap();
    assert_eq!(traces.resource_spans[0].scope_spans[0].spans.len(), 3);
    let metrics = ExportMetricsServiceRequest::decode(body(1)).unwrap();
    assert_eq!(metrics.resource_metrics[0].scope_metrics[0].metrics[0].name, "testkit.gauge");
    let logs = ExportLogsServiceRequest::decode(body(2)).unwrap();
    assert_eq!(logs.resource_logs[0].scope_logs[0].log_records.len(), 3);
}

#[tokio::test]
async fn the_url_is_built_by_upstreams_rules() {
    for (options, target) in [
        ("endpoint: 'http://HOST'", "/v1/logs"),
        ("endpoint: 'http://HOST/'", "/v1/logs"),
        ("endpoint: 'http://HOST/base'", "/base/v1/logs"),
        ("endpoint: 'http://HOST/base/'", "/base/v1/logs"),
        ("endpoint: 'http://HOST//'", "//v1/logs"),
        ("logs_endpoint: 'http://HOST/own', endpoint: 'http://other.invalid'", "/own"),
        ("logs_endpoint: 'http://HOST', endpoint: 'http://other.invalid'", "/"),
        ("logs_endpoint: 'http://HOST/own?k=v', endpoint: 'http://other.invalid'", "/own?k=v"),
    ] {
        let request = sent(|to| options.replace("HOST", &to.address.to_string())).await;
        assert_eq!(request.method(), "POST");
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), target, "{options}");
    }
}

#[tokio::test]
async fn headers_say_what_is_sent_and_who_sends_it() {
    let request = sent(|to| format!("endpoint: 'http://{}'", to.address)).await;
    assert_eq!(header(&request, "content-type"), "application/x-protobuf");
    assert_eq!(header(&request, "content-encoding"), "gzip");
    let agent = testkit::settings("otlp_http").build.user_agent();
    assert_eq!(header(&request, "user-agent"), agent);
    assert!(agent.starts_with("testkit/0.0.0 ("), "{agent}");
    assert_eq!(header(&request, "content-length"), request.body().len().to_string());
}

#[tokio::test]
async fn what_users_set_wins() {
    let request = sent(|to| {
        let headers = "{ Authorization: Bearer of-bad-news, user-agent: mine/1 }";
        format!("endpoint: 'http://{}', headers: {headers}", to.address)
    })
    .await;
    assert_eq!(header(&request, "authorization"), "Bearer of-bad-news");
    assert_eq!(header(&request, "user-agent"), "mine/1");
    assert_eq!(request.headers().get_all("user-agent").iter().count(), 1);
}

#[tokio::test]
async fn json_and_no_compression_can_be_chosen() {
    for compression in ["none", "''"] {
        let request = sent(|to| {
            format!("endpoint: 'http://{}', encoding: json, compression: {compression}", to.address)
        })
        .await;
        assert_eq!(header(&request, "content-type"), "application/json");
        assert_eq!(header(&request, "content-encoding"), "");
        let json: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let record = &json["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["body"]["stringValue"], "record 0");
    }
    let request = sent(|to| format!("endpoint: 'http://{}', compression: none", to.address)).await;
    ExportLogsServiceRequest::decode(request.body().clone()).unwrap();
}

#[tokio::test]
async fn every_level_of_compression_is_gzip() {
    for level in [-1, 0, 1, 9] {
        let request = sent(|to| {
            format!("endpoint: 'http://{}', compression_params: {{ level: {level} }}", to.address)
        })
        .await;
        let body = Algorithm::Gzip.decompress(request.body(), 1 << 20).unwrap();
        ExportLogsServiceRequest::decode(body).unwrap();
    }
}

#[tokio::test]
async fn a_host_that_users_name_is_the_one_that_the_backend_sees() {
    let request =
        sent(|to| format!("endpoint: 'http://{}', headers: {{ Host: other.example }}", to.address))
            .await;
    assert_eq!(header(&request, "host"), "other.example");
    let request = sent(|to| format!("endpoint: 'http://{}'", to.address)).await;
    assert!(header(&request, "host").starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn cookies_go_back_if_they_are_wanted() {
    for (cookies, expected) in
        [("{}", "a=1"), ("{ enabled: true }", "a=1"), ("{ enabled: false }", ""), ("null", "")]
    {
        let backend = Backend::start().await;
        backend.answer(|| response(200, &[("set-cookie", "a=1; Path=/")], ""));
        let options = format!("endpoint: 'http://{}', cookies: {cookies}", backend.address);
        let exporter = direct(&options).await;
        exporter.consume(log_records(1)).await.unwrap();
        exporter.consume(log_records(1)).await.unwrap();
        let [first, second] = &backend.seen()[..] else { panic!("{:?}", backend.seen()) };
        assert_eq!(header(first, "cookie"), "");
        assert_eq!(header(second, "cookie"), expected, "{cookies}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_set_is_used_for_every_host() {
    let proxy = Backend::start().await;
    let options = format!(
        "endpoint: 'http://backend.invalid:4318', proxy_url: 'http://user:s3cret@{}'",
        proxy.address
    );
    direct(&options).await.consume(log_records(1)).await.unwrap();
    let request = proxy.only();
    assert_eq!(request.uri(), "http://backend.invalid:4318/v1/logs");
    assert_eq!(header(&request, "host"), "backend.invalid:4318");
    assert_eq!(header(&request, "proxy-authorization"), "Basic dXNlcjpzM2NyZXQ=");
}

#[tokio::test]
async fn connections_are_kept_and_used_as_they_are_told_to() {
    for (options, connections) in [
        ("max_conns_per_host: 1", 1),
        ("disable_keep_alives: true", 3),
        ("max_idle_conns: 1, max_idle_conns_per_host: 5", 1),
        ("read_buffer_size: 100, write_buffer_size: 100", 1),
        ("read_buffer_size: 0, write_buffer_size: 0", 1),
    ] {
        let backend = Backend::start().await;
        let exporter = direct(&format!("endpoint: 'http://{}', {options}", backend.address)).await;
        for _ in 0..3 {
            exporter.consume(log_records(1)).await.unwrap();
        }
        assert_eq!(backend.connections(), connections, "{options}");
    }
}
