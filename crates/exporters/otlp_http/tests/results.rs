//! What the backend's answer means for the sender.

use std::net::TcpListener;
use std::time::Duration;

use component::{Code, ConsumeError};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message;
use serde_yaml::Value;
use testkit::log_records;

use crate::backend::{Backend, response};
use crate::requests::direct;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The exporter's answer to one log record, from a backend that answers like this.
async fn result(
    status: u16,
    headers: &[(&'static str, &'static str)],
    body: Vec<u8>,
) -> Result<(), ConsumeError> {
    let backend = Backend::start().await;
    let headers = headers.to_vec();
    backend.answer(move || response(status, &headers, body.clone()));
    let options = format!("endpoint: 'http://{}'", backend.address);
    let result = direct(&options).await.consume(log_records(1)).await;
    backend.only();
    result
}

fn numbers(facts: &Value, name: &str) -> Vec<u16> {
    let numbers = facts[name].as_sequence().unwrap().iter();
    numbers.map(|number| number.as_u64().unwrap().try_into().unwrap()).collect()
}

#[tokio::test]
async fn statuses_are_retried_as_upstream_retries_them() {
    let facts: Value = serde_yaml::from_str(include_str!("data/otlp_exporter_retry.yaml")).unwrap();
    for status in numbers(&facts, "http_retryable") {
        assert!(!result(status, &[], vec![]).await.unwrap_err().is_permanent(), "{status}");
    }
    for status in numbers(&facts, "http_permanent_examples") {
        // Ours: credentials that are refused may be changed.
        let about_us = matches!(status, 401 | 403);
        let error = result(status, &[], vec![]).await.unwrap_err();
        assert_eq!(error.is_permanent(), !about_us, "{status}");
    }
    let honoured = numbers(&facts, "http_retry_after_honoured");
    for status in numbers(&facts, "http_retryable") {
        let error = result(status, &[("retry-after", "30")], vec![]).await.unwrap_err();
        let wait = Some(Duration::from_secs(30)).filter(|_| honoured.contains(&status));
        assert_eq!(error.retry_after(), wait, "{status}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_status_and_the_backends_words() {
    // A google.rpc.Status with code 3 and a message.
    let status = [&[0x08, 3, 0x12, 8][..], b"bad data"].concat();
    let error = result(400, &[PROTOBUF], status).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::InvalidArgument));
    let text = error.chain();
    assert!(text.contains("responded with HTTP Status Code 400, Message=bad data"), "{text}");
    let json = br#"{"code":3,"message":"bad json","details":[]}"#;
    let text = result(400, &[JSON], json.to_vec()).await.unwrap_err().chain();
    assert!(text.ends_with("Status Code 400, Message=bad json"), "{text}");
    let plain = [("content-type", "text/plain; charset=utf-8")];
    let text = result(404, &plain, b"404 page\nnot found\n".to_vec()).await.unwrap_err().chain();
    assert!(text.ends_with("Status Code 404, Message=404 page not found"), "{text}");
    let error =
        result(502, &[("content-type", "text/html")], b"<html>".to_vec()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unavailable));
    assert!(!error.chain().contains("html"), "{}", error.chain());
}

#[tokio::test]
async fn a_partial_success_is_a_success() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "old".into() };
    let partial = ExportLogsServiceResponse { partial_success: Some(partial) };
    result(200, &[PROTOBUF], partial.encode_to_vec()).await.unwrap();
    let json = br#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"old"}}"#;
    result(200, &[JSON], json.to_vec()).await.unwrap();
}

#[tokio::test]
async fn any_success_is_one_and_an_answer_of_no_known_type_is_not_read() {
    result(200, &[], vec![]).await.unwrap();
    result(202, &[PROTOBUF], vec![0x0a, 0x00]).await.unwrap();
    result(204, &[], vec![]).await.unwrap();
    result(200, &[("content-type", "text/plain")], b"thanks".to_vec()).await.unwrap();
}

#[tokio::test]
async fn data_is_not_sent_again_because_of_an_unreadable_answer() {
    for media_type in [PROTOBUF, JSON] {
        let error = result(200, &[media_type], vec![0x0f, 0xff]).await.unwrap_err();
        assert!(error.is_permanent(), "{media_type:?}");
    }
}

#[tokio::test]
async fn a_long_answer_does_not_make_data_be_sent_again() {
    let long = vec![b' '; 100 << 10];
    result(200, &[("content-type", "text/html")], long.clone()).await.unwrap();
    assert!(result(200, &[JSON], long.clone()).await.unwrap_err().is_permanent());
    let error = result(400, &[("content-type", "text/html")], long).await.unwrap_err();
    assert!(error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_followed_where_the_data_can_go_along() {
    let headers = "headers: { authorization: Bearer s3cret }";
    for (status, followed) in [(307, true), (308, true), (301, false), (302, false), (303, false)] {
        let elsewhere = Backend::start().await;
        let backend = Backend::start().await;
        let location = format!("http://{}/moved", elsewhere.address);
        backend.answer(move || response(status, &[("location", &location)], ""));
        let exporter = direct(&format!("endpoint: 'http://{}', {headers}", backend.address)).await;
        let result = exporter.consume(log_records(1)).await;
        assert_eq!(result.is_ok(), followed, "{status} {result:?}");
        if let Err(error) = result {
            assert!(error.is_permanent() && error.chain().contains("redirects"), "{error:?}");
            assert!(elsewhere.seen().is_empty());
            continue;
        }
        let (first, second) = (backend.only(), elsewhere.only());
        assert_eq!((second.method().as_str(), second.uri().path()), ("POST", "/moved"));
        assert_eq!(first.body(), second.body());
        assert!(!second.headers().contains_key("authorization"), "it is another host");
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let backend = Backend::start().await;
    backend.answer(|| response(307, &[("location", "/v1/logs")], ""));
    let exporter = direct(&format!("endpoint: 'http://{}'", backend.address)).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(error.is_permanent(), "{error:?}");
    assert_eq!(backend.seen().len(), 11);
}

#[tokio::test]
async fn a_backend_out_of_reach_is_worth_another_attempt() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = format!("endpoint: 'http://{free}', headers: {{ authorization: Bearer s3cret }}");
    let error = direct(&options).await.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(error.code(), Some(Code::Unavailable));
    let text = format!("{} {error:?}", error.chain());
    assert!(text.contains(&free.to_string()), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_left_after_the_time_out() {
    // The kernel accepts, nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = format!("endpoint: 'http://{}', timeout: 50ms", silent.local_addr().unwrap());
    let error = direct(&options).await.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn secrets_are_not_told_when_the_backend_refuses() {
    let backend = Backend::start().await;
    backend.answer(|| response(401, &[], ""));
    let headers = "headers: { authorization: Bearer s3cret }";
    let exporter = direct(&format!("endpoint: 'http://{}', {headers}", backend.address)).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unauthenticated));
    let text = format!("{} {error:?}", error.chain());
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(backend.only().headers()["authorization"], "Bearer s3cret");
}
