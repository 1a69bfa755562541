//! OTLP over gRPC.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use component::{ConsumeError, Signal};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use net::http::Version;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use serde_yaml::Value;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic_types::StatusExt;

use crate::clients::{Reply, logs_client, record, request};
use crate::harness::{ALL, Receiver};
use crate::http::code;

#[tokio::test]
async fn a_request_is_taken_plain_and_compressed() {
    let receiver = Receiver::plain().await;
    let mut plain = logs_client(receiver.grpc);
    let reply = plain.export(record("plain")).await.unwrap().into_inner();
    assert_eq!(reply.partial_success.unwrap_or_default().rejected_log_records, 0);
    let mut zipping = logs_client(receiver.grpc)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    zipping.export(record("zipped")).await.unwrap();
    let taken = receiver.output.items(2).await;
    let texts = taken.iter().map(|logs| String::from_utf8(logs.to_json().to_vec()).unwrap());
    let texts: Vec<_> = texts.collect();
    assert!(texts[0].contains("plain") && texts[1].contains("zipped"), "{texts:?}");
}

#[tokio::test]
async fn the_pipelines_answer_reaches_the_client() {
    let receiver = Receiver::plain().await;
    let mut client = logs_client(receiver.grpc);
    receiver.output.refuse(|| ConsumeError::retryable("my error"));
    let status = client.export(record("x")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "my error"));
    assert!(status.get_details_retry_info().is_none());

    receiver.output.refuse(|| ConsumeError::permanent("my error"));
    let status = client.export(record("x")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "Permanent error: my error"));

    let facts: Value =
        serde_yaml::from_str(include_str!("data/otlp_receiver_replies.yaml")).unwrap();
    for name in facts["grpc_status_to_http"].as_mapping().unwrap().keys() {
        let code = code(name.as_str().unwrap());
        if code != component::Code::Ok {
            receiver.output.refuse(move || ConsumeError::permanent("50 % für ü").with_code(code));
            let status = client.export(record("x")).await.unwrap_err();
            assert_eq!(status.code() as i32, code as i32);
            assert_eq!(status.message(), "50 % für ü");
        }
    }
}

#[tokio::test]
async fn a_wait_is_passed_on() {
    let receiver = Receiver::plain().await;
    receiver
        .output
        .refuse(|| ConsumeError::retryable("later").with_retry_after(Duration::from_millis(1500)));
    let status = logs_client(receiver.grpc).export(record("x")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "later"));
    let info = status.get_details_retry_info().unwrap();
    assert_eq!(info.retry_delay, Some(Duration::from_millis(1500)));
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_plain_and_compressed() {
    let receiver = Receiver::start("max_recv_msg_size_mib: 1", "", ALL).await;
    let large = record(&"x".repeat(1 << 20));
    let mut plain = logs_client(receiver.grpc);
    let status = plain.export(large.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().starts_with("received message larger than max ("), "{status:?}");
    let mut zipping = logs_client(receiver.grpc).send_compressed(CompressionEncoding::Gzip);
    let status = zipping.export(large).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(receiver.output.item_count(), 0);
    // The connection is as good as before.
    plain.export(record(&"x".repeat((1 << 20) - 100))).await.unwrap();
}

#[tokio::test]
async fn an_empty_request_is_welcome_and_goes_nowhere() {
    let receiver = Receiver::plain().await;
    logs_client(receiver.grpc).export(ExportLogsServiceRequest::default()).await.unwrap();
    assert!(receiver.output.taken().is_empty());
}

#[tokio::test]
async fn a_signal_without_a_pipeline_is_unimplemented() {
    let receiver = Receiver::start("", "", &[Signal::Traces]).await;
    let status = logs_client(receiver.grpc).export(record("x")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

/// A request of HTTP/2 as it is.
async fn raw(server: SocketAddr, path: &str, media_type: &str, body: &'static [u8]) -> Reply {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut request = request("POST", server, path, &[("content-type", media_type)], body);
    *request.version_mut() = Version::HTTP_2;
    let (head, _) = client.request(request).await.unwrap().into_parts();
    Reply { status: head.status.as_u16(), headers: head.headers, body: Bytes::new() }
}

#[tokio::test]
async fn what_is_no_call_of_otlp_is_refused() {
    const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    const GRPC: &str = "application/grpc";
    let receiver = Receiver::plain().await;
    for unknown in ["/opentelemetry.proto.collector.logs.v1.LogsService/Other", "/", "/v1/logs"] {
        let reply = raw(receiver.grpc, unknown, GRPC, b"\0\0\0\0\0").await;
        assert_eq!((reply.status, reply.header("grpc-status")), (200, "12"), "{unknown}");
    }
    assert_eq!(raw(receiver.grpc, EXPORT, "text/plain", b"").await.status, 415);
    for (body, what) in [
        (&b"\0\0"[..], "half a prefix"),
        (b"\0\0\0\0\x09a", "half a message"),
        (b"\0\0\0\0\x02\x0f\x0f", "no protobuf"),
        (b"\x05\0\0\0\0", "no such flag"),
    ] {
        let reply = raw(receiver.grpc, EXPORT, GRPC, body).await;
        assert_eq!((reply.status, reply.header("grpc-status")), (200, "13"), "{what}");
    }
    let reply = raw(receiver.grpc, EXPORT, "application/grpc+proto", b"\0\0\0\0\0").await;
    assert_eq!((reply.status, reply.header("grpc-status")), (200, ""), "trailers say OK");
    assert_eq!(receiver.output.item_count(), 0);
}
