//! Starting, stopping, and taking over.

use std::net::TcpListener;

use component::{ConsumeError, Outputs, ReceiverFactory, StartError};
use otlp_receiver::Factory;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::clients::{LOGS, PROTOBUF, logs_client, post, record, record_bytes};
use crate::harness::Receiver;

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_receiver_ends() {
    let mut receiver = Receiver::plain().await;
    receiver.output.hold();
    let (http, grpc) = (receiver.http, receiver.grpc);
    let mut requests = JoinSet::new();
    requests
        .spawn(async move { post(http, LOGS, &[PROTOBUF], record_bytes("h")).await.status == 200 });
    requests.spawn(async move { logs_client(grpc).export(record("g")).await.is_ok() });
    receiver.output.calls(2).await;
    receiver.ask_to_stop();
    // Nobody new is let in, and those who are in are not sent away.
    for server in [http, grpc] {
        while TcpStream::connect(server).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
    assert!(receiver.is_running());
    assert!(requests.try_join_next().is_none());
    receiver.output.release();
    assert_eq!(requests.join_all().await, [true, true]);
    receiver.stopped().await;
    assert_eq!(receiver.output.item_count(), 2);
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_the_receiver() {
    let mut receiver = Receiver::plain().await;
    let mut client = logs_client(receiver.grpc);
    client.export(record("x")).await.unwrap();
    let _idle = TcpStream::connect(receiver.http).await.unwrap();
    post(receiver.http, LOGS, &[PROTOBUF], record_bytes("x")).await;
    receiver.ask_to_stop();
    receiver.stopped().await;
}

#[tokio::test]
async fn a_client_that_has_begun_a_request_and_says_no_more_does_not_keep_the_receiver() {
    let mut receiver = Receiver::plain().await;
    let mut half = TcpStream::connect(receiver.http).await.unwrap();
    half.write_all(b"POST /v1/logs HTTP/1.1\r\nhost: h\r\n").await.unwrap();
    // A whole request on another connection shows that the server has had time to read.
    for _ in 0..20 {
        post(receiver.http, LOGS, &[PROTOBUF], record_bytes("x")).await;
    }
    receiver.ask_to_stop();
    receiver.stopped().await;
}

#[tokio::test]
async fn a_successor_takes_over_and_no_connection_is_refused() {
    let mut first = Receiver::plain().await;
    let mut second = first.successor().await;
    let (http, grpc) = (first.http, first.grpc);
    let mut clients = JoinSet::new();
    clients.spawn(async move {
        for _ in 0..100 {
            assert_eq!(post(http, LOGS, &[PROTOBUF], record_bytes("x")).await.status, 200);
        }
    });
    clients.spawn(async move {
        for _ in 0..100 {
            logs_client(grpc).export(record("x")).await.unwrap();
        }
    });
    tokio::join!(first.output.calls(1), second.output.calls(1));
    first.ask_to_stop();
    first.stopped().await;
    clients.join_all().await;
    assert_eq!(first.output.item_count() + second.output.item_count(), 200);
    second.ask_to_stop();
    second.stopped().await;
}

async fn start(yaml: &str) -> Result<(), StartError> {
    let config = testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"));
    let settings = testkit::settings("otlp");
    Factory.create(config, settings, Outputs::default()).unwrap().acquire().await
}

#[tokio::test]
async fn a_port_that_another_process_holds_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = other.local_addr().unwrap().to_string();
    for protocol in ["grpc", "http"] {
        let yaml = format!(r#"{{ protocols: {{ {protocol}: {{ endpoint: "{endpoint}" }} }} }}"#);
        let text = component::chain(&start(&yaml).await.unwrap_err());
        assert!(text.contains(&format!("protocols::{protocol}::endpoint")), "{text}");
        assert!(text.contains(&endpoint), "{text}");
    }
}

#[tokio::test]
async fn a_missing_certificate_is_named_before_anything_runs() {
    let tls = "tls: { cert_file: /no/such/cert.pem, key_file: /no/such/key.pem }";
    for protocol in ["grpc", "http"] {
        let yaml =
            format!("{{ protocols: {{ {protocol}: {{ endpoint: '127.0.0.1:0', {tls} }} }} }}");
        let text = component::chain(&start(&yaml).await.unwrap_err());
        assert!(text.contains(&format!("protocols::{protocol}::tls")), "{text}");
        assert!(text.contains("/no/such/cert.pem"), "{text}");
    }
}

#[tokio::test]
async fn what_the_pipelines_take_and_refuse_is_counted_by_protocol() {
    let receiver = Receiver::plain().await;
    assert_eq!(post(receiver.http, LOGS, &[PROTOBUF], record_bytes("x")).await.status, 200);
    logs_client(receiver.grpc).export(record("x")).await.unwrap();
    receiver.output.refuse(|| ConsumeError::retryable("full"));
    logs_client(receiver.grpc).export(record("x")).await.unwrap_err();
    assert_eq!(
        receiver.counted(),
        [
            "otelcol_receiver_accepted_log_records{transport=grpc} 1",
            "otelcol_receiver_accepted_log_records{transport=http} 1",
            "otelcol_receiver_refused_log_records{transport=grpc} 1",
        ]
    );
}
