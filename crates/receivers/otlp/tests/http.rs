//! OTLP over HTTP.

use std::time::Duration;

use bytes::Bytes;
use component::{Code, ConsumeError, Signal};
use net::compression::Algorithm;
use serde_yaml::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clients::{GZIP, JSON, LOGS, PROTOBUF, post, record_bytes, request, send};
use crate::harness::{ALL, Receiver};

const REPLIES: &str = include_str!("data/otlp_receiver_replies.yaml");
const DECOMPRESSION: &str = include_str!("data/http_decompression.yaml");

/// The code that gRPC gives this name.
pub(crate) fn code(name: &str) -> Code {
    let names = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    let number = names.iter().position(|known| *known == name).unwrap();
    Code::from_number(u32::try_from(number).unwrap())
}

fn zipped(body: impl Into<Bytes>) -> Bytes {
    Algorithm::Gzip.compress(None, &[body.into()])
}

#[tokio::test]
async fn every_signal_is_taken_in_both_formats_and_answered_in_the_same() {
    let receiver = Receiver::plain().await;
    for (at, signal) in ALL.iter().enumerate() {
        let path = format!("/v1/{signal}");
        let telemetry = testkit::any(*signal, 2);
        let reply = post(receiver.http, &path, &[PROTOBUF], telemetry.to_otlp().into_bytes()).await;
        assert_eq!((reply.status, &reply.body[..]), (200, &[0x0a, 0x00][..]));
        assert_eq!(reply.header("content-type"), PROTOBUF.1);
        let reply = post(receiver.http, &path, &[JSON], telemetry.to_json()).await;
        assert_eq!((reply.status, reply.text()), (200, r#"{"partialSuccess":{}}"#));
        assert_eq!(reply.header("content-type"), JSON.1);
        let taken = receiver.output.taken();
        assert_eq!(taken.len(), 2 * (at + 1));
        for taken in &taken[2 * at..] {
            assert_eq!(taken.to_json(), telemetry.to_json());
        }
    }
}

#[tokio::test]
async fn media_types_are_read_as_upstream_reads_them() {
    let receiver = Receiver::plain().await;
    let facts: Value = serde_yaml::from_str(REPLIES).unwrap();
    for media_type in facts["accepted_content_types"].as_sequence().unwrap() {
        let media_type = media_type.as_str().unwrap();
        let body = match media_type.contains("protobuf") {
            true => record_bytes("x"),
            false => testkit::any(Signal::Logs, 1).to_json(),
        };
        let reply = post(receiver.http, LOGS, &[("content-type", media_type)], body).await;
        assert_eq!(reply.status, 200, "{media_type}");
    }
}

#[tokio::test]
async fn the_pipelines_answer_reaches_the_client() {
    let receiver = Receiver::plain().await;
    let facts: Value = serde_yaml::from_str(REPLIES).unwrap();
    for case in facts["consumer_error_to_reply"].as_sequence().unwrap() {
        let (name, http) = (case["case"].as_str().unwrap(), case["http"].as_u64().unwrap());
        match name {
            "no error" => receiver.output.accept(),
            plain if plain.starts_with("plain") => {
                receiver.output.refuse(|| ConsumeError::retryable("my error"));
            }
            _ => receiver.output.refuse(|| ConsumeError::permanent("my error")),
        }
        for (media_type, body) in
            [(PROTOBUF, record_bytes("x")), (JSON, testkit::any(Signal::Logs, 1).to_json())]
        {
            let reply = post(receiver.http, LOGS, &[media_type], body).await;
            assert_eq!(u64::from(reply.status), http, "{name}");
            assert_eq!(reply.header("content-type"), media_type.1);
            assert_eq!(reply.header("retry-after"), "", "{name}");
            if let Some(message) = case["status_message"].as_str() {
                let code = case["grpc"].as_str().unwrap();
                let (number, text) = reply.rpc_status();
                assert!(code.ends_with(&format!("({number})")), "{code}, was {number}");
                assert_eq!(text, message);
            }
        }
    }
}

#[tokio::test]
async fn a_backends_code_is_relayed() {
    let receiver = Receiver::plain().await;
    let facts: Value = serde_yaml::from_str(REPLIES).unwrap();
    let codes = facts["grpc_status_to_http"].as_mapping().unwrap();
    for (name, http) in codes.iter().filter(|(name, _)| name.as_str() != Some("OK")) {
        let code = code(name.as_str().unwrap());
        // The code decides, whatever else is known of the error.
        receiver
            .output
            .refuse(move || ConsumeError::permanent("the backend says so").with_code(code));
        let reply = post(receiver.http, LOGS, &[PROTOBUF], record_bytes("x")).await;
        assert_eq!(u64::from(reply.status), http.as_u64().unwrap(), "{code:?}");
        assert_eq!(reply.rpc_status(), (code as i64, "the backend says so".to_owned()));
    }
}

#[tokio::test]
async fn a_wait_is_passed_on_with_the_statuses_that_know_one() {
    let receiver = Receiver::plain().await;
    for (code, wait) in [
        (Code::Unavailable, "7"),
        (Code::ResourceExhausted, "7"),
        (Code::InvalidArgument, ""),
        (Code::Internal, ""),
    ] {
        receiver.output.refuse(move || {
            let error = ConsumeError::retryable("later").with_code(code);
            error.with_retry_after(Duration::from_secs(7))
        });
        let reply =
            post(receiver.http, LOGS, &[JSON], testkit::any(Signal::Logs, 1).to_json()).await;
        assert_eq!(reply.header("retry-after"), wait, "{code:?}");
    }
}

#[tokio::test]
async fn bad_requests_are_refused_as_upstream_refuses_them() {
    let receiver = Receiver::plain().await;
    let facts: Value = serde_yaml::from_str(REPLIES).unwrap();
    let text = |case: &Value, name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let cases = facts["http_request_errors"].as_sequence().unwrap();
    // Encodings other than gzip are not built; a body that is too long has a test of its own.
    let cases = cases
        .iter()
        .filter(|case| text(case, "content_encoding") != "zstd" && case["case"].is_null());
    for case in cases {
        let (media_type, encoding) = (text(case, "content_type"), text(case, "content_encoding"));
        let headers = [("content-type", &*media_type), ("content-encoding", &*encoding)];
        let body = text(case, "body_sent");
        let request = request(&text(case, "method"), receiver.http, LOGS, &headers, body);
        let reply = send(request).await;
        assert_eq!(u64::from(reply.status), case["http"].as_u64().unwrap(), "{case:?}");
        assert_eq!(reply.header("content-type"), text(case, "reply_content_type"), "{case:?}");
        if let Some(body) = case["body"].as_str() {
            assert_eq!(reply.text(), body);
        }
        if !case["status"].is_null() {
            let status = &case["status"];
            let expected = (status["code"].as_i64().unwrap(), text(status, "message"));
            assert_eq!(reply.rpc_status(), expected, "{case:?}");
        }
    }
    assert_eq!(receiver.output.item_count(), 0);
}

#[tokio::test]
async fn an_unknown_path_and_a_signal_without_a_pipeline_are_not_found() {
    let receiver = Receiver::start("", "logs_url_path: /own/logs", &[Signal::Logs]).await;
    for path in ["/v1/traces", LOGS, "/", "/own/logs/"] {
        let reply = post(receiver.http, path, &[PROTOBUF], record_bytes("x")).await;
        assert_eq!((reply.status, reply.text()), (404, "404 page not found"), "{path}");
    }
    let reply = post(receiver.http, "/own/logs?k=v", &[PROTOBUF], record_bytes("x")).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn gzip_is_taken_and_every_other_encoding_is_refused() {
    let receiver = Receiver::plain().await;
    let facts: Value = serde_yaml::from_str(DECOMPRESSION).unwrap();
    // The other encodings of the list are not built; an empty list is refused with the configuration.
    let cases = facts["cases"].as_sequence().unwrap().iter().filter(|case| {
        ["gzip", "nosuchcompression"].contains(&case["encoding"].as_str().unwrap())
            && case["algorithms"].is_null()
    });
    let mut count = 0;
    for case in cases {
        let body = match case["payload"].as_str() {
            Some("gzip") => zipped(record_bytes("zipped")),
            _ => Bytes::from_static(b"garbage, not compressed"),
        };
        let encoding = ("content-encoding", case["encoding"].as_str().unwrap());
        let reply = post(receiver.http, LOGS, &[PROTOBUF, encoding], body).await;
        assert_eq!(u64::from(reply.status), case["http"].as_u64().unwrap(), "{case:?}");
        if let Some(message) = case["message"].as_str() {
            assert_eq!(reply.rpc_status(), (3, message.to_owned()));
        }
        count += 1;
    }
    assert_eq!((count, receiver.output.item_count()), (3, 1));
}

#[tokio::test]
async fn an_encoding_that_is_not_listed_is_refused() {
    let receiver = Receiver::start("", r#"compression_algorithms: [""]"#, ALL).await;
    let reply = post(receiver.http, LOGS, &[PROTOBUF, GZIP], zipped(record_bytes("x"))).await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.rpc_status(), (3, "unsupported Content-Encoding: gzip".to_owned()));
}

#[tokio::test]
async fn a_broken_gzip_stream_is_refused() {
    let receiver = Receiver::plain().await;
    let body = zipped(record_bytes("broken"));
    let half = body.slice(..body.len() / 2);
    let reply = post(receiver.http, LOGS, &[PROTOBUF, GZIP], half).await;
    assert_eq!(reply.status, 400);
    assert!(reply.rpc_status().1.starts_with("gzip: "), "{:?}", reply.rpc_status());
    assert_eq!(receiver.output.item_count(), 0);
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_not_a_byte_longer() {
    let body = record_bytes("as long as may be");
    let exact = Receiver::start("", &format!("max_request_body_size: {}", body.len()), ALL).await;
    assert_eq!(post(exact.http, LOGS, &[PROTOBUF], body.clone()).await.status, 200);
    let short = format!("max_request_body_size: {}", body.len() - 1);
    let short = Receiver::start("", &short, ALL).await;
    let reply = post(short.http, LOGS, &[PROTOBUF], body.clone()).await;
    assert_eq!(
        (reply.status, reply.rpc_status()),
        (400, (3, "http: request body too large".into()))
    );
    assert_eq!(short.output.item_count(), 0);
}

#[tokio::test]
async fn a_bomb_is_refused() {
    let receiver = Receiver::start("", "max_request_body_size: 100000", ALL).await;
    let bomb = zipped(record_bytes(&"0".repeat(10 << 20)));
    assert!(bomb.len() < 100_000, "the bomb itself is within the limit");
    let reply = post(receiver.http, LOGS, &[PROTOBUF, GZIP], bomb).await;
    assert_eq!(
        (reply.status, reply.rpc_status()),
        (400, (3, "http: request body too large".into()))
    );
    assert_eq!(receiver.output.item_count(), 0);
}

#[tokio::test]
async fn an_empty_request_is_welcome_and_goes_nowhere() {
    let receiver = Receiver::plain().await;
    assert_eq!(post(receiver.http, LOGS, &[PROTOBUF], "").await.status, 200);
    assert_eq!(post(receiver.http, LOGS, &[JSON], "{}").await.status, 200);
    assert!(receiver.output.taken().is_empty());
}

#[tokio::test]
async fn configured_headers_go_with_every_answer() {
    let receiver = Receiver::start("", "response_headers: { x-served-by: kmagent }", ALL).await;
    for path in [LOGS, "/nowhere"] {
        let reply = post(receiver.http, path, &[PROTOBUF], record_bytes("x")).await;
        assert_eq!(reply.header("x-served-by"), "kmagent", "{path}");
    }
}

#[tokio::test]
async fn a_refused_request_is_read_to_its_end_and_its_connection_goes_on() {
    let receiver = Receiver::plain().await;
    let mut connection = TcpStream::connect(receiver.http).await.unwrap();
    let body = "x".repeat(200 << 10);
    let length = body.len();
    let refused =
        format!("POST /nowhere HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n{body}");
    connection.write_all(refused.as_bytes()).await.unwrap();
    let taken = "POST /v1/logs HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
                 connection: close\r\n\r\n{}";
    connection.write_all(taken.as_bytes()).await.unwrap();
    let mut said = String::new();
    connection.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 404") && said.contains("HTTP/1.1 200"), "{said}");
}
