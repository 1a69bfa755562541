//! What goes out.

use component::Signal;
use otlp_grpc_exporter::Factory;
use testkit::{Running, any, log_records};
use tonic::metadata::MetadataMap;

use crate::backend::{Backend, Seen};

const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// The exporter without queue and retries, so that each request has its own result as the answer.
pub(crate) async fn direct(options: &str) -> Running {
    let yaml = format!(
        "{{ sending_queue: {{ enabled: false }}, retry_on_failure: {{ enabled: false }}, {options} }}"
    );
    testkit::exporter(Factory, &yaml, ALL).await
}

/// An exporter without TLS.
pub(crate) async fn plain(backend: &Backend, options: &str) -> Running {
    direct(&format!("endpoint: '{}', tls: {{ insecure: true }}, {options}", backend.address)).await
}

/// The headers that come with one log record.
async fn headers(options: &str) -> MetadataMap {
    let backend = Backend::start().await;
    plain(&backend, options).await.consume(log_records(2)).await.unwrap();
    match backend.service.seen().as_slice() {
        [Seen::Logs(logs, headers, _)] => {
            assert_eq!(logs.resource_logs[0].scope_logs[0].log_records.len(), 2);
            headers.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn header<'a>(headers: &'a MetadataMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn each_signal_goes_to_its_service_as_upstreams_message() {
    for compression in ["gzip", "none"] {
        let backend = Backend::start().await;
        let exporter = plain(&backend, &format!("compression: {compression}")).await;
        for signal in ALL {
            exporter.consume(any(*signal, 3)).await.unwrap();
        }
        let [Seen::Traces(traces), Seen::Metrics(metrics), Seen::Logs(logs, ..)] =
            &backend.service.seen()[..]
        else {
            panic!("{:?}", backend.service.seen());
        };
        assert_eq!(traces.resource_spans[0].scope_spans[0].spans.len(), 3);
        assert_eq!(metrics.resource_metrics[0].scope_metrics[0].metrics[0].name, "testkit.gauge");
        assert_eq!(logs.resource_logs[0].scope_logs[0].log_records.len(), 3);
    }
}

#[tokio::test]
async fn every_way_to_write_the_endpoint_leads_there() {
    let backend = Backend::start().await;
    for prefix in ["", "http://", "dns:///", "passthrough:///"] {
        let endpoint =
            format!("endpoint: '{prefix}{}', tls: {{ insecure: true }}", backend.address);
        direct(&endpoint).await.consume(log_records(1)).await.unwrap();
    }
    assert_eq!(backend.service.seen().len(), 4);
}

#[tokio::test]
async fn headers_say_what_is_sent_and_who_sends_it() {
    let zipped = headers("").await;
    assert_eq!(header(&zipped, "grpc-encoding"), "gzip");
    assert_eq!(header(&zipped, "te"), "trailers");
    assert_eq!(header(&zipped, "content-type"), "application/grpc");
    let agent = testkit::settings("otlp_grpc").build.user_agent();
    assert_eq!(header(&zipped, "user-agent"), agent);
    for none in ["none", "''"] {
        let plain = headers(&format!("compression: {none}")).await;
        assert_eq!(header(&plain, "grpc-encoding"), "", "{none}");
    }
}

#[tokio::test]
async fn what_users_set_goes_with_every_call() {
    let headers = headers("headers: { Authorization: Bearer of-bad-news, x-team: a }").await;
    assert_eq!(header(&headers, "authorization"), "Bearer of-bad-news");
    assert_eq!(header(&headers, "x-team"), "a");
}

#[tokio::test]
async fn users_say_who_calls() {
    let headers = headers("user_agent: mine/1").await;
    assert_eq!(header(&headers, "user-agent"), "mine/1");
}

#[tokio::test]
async fn every_option_of_the_connection_leads_to_the_backend() {
    let backend = Backend::start().await;
    for options in [
        "balancer_name: pick_first",
        "balancer_name: round_robin",
        "wait_for_ready: true",
        "keepalive: { time: 10s, timeout: 1s, permit_without_stream: true }",
        "keepalive:",
        "read_buffer_size: 100, write_buffer_size: 1",
        "read_buffer_size: 0, write_buffer_size: 0",
        "authority: 'other.example'",
    ] {
        plain(&backend, options).await.consume(log_records(1000)).await.unwrap();
    }
    assert_eq!(backend.service.seen().len(), 8);
}
