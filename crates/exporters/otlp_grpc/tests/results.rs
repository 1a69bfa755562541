//! What the backend's answer means for the sender.

use std::net::TcpListener;
use std::time::Duration;

use component::ConsumeError;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use serde_yaml::Value;
use testkit::log_records;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::backend::{Backend, Seen};
use crate::requests::{direct, plain};

const FACTS: &str = include_str!("data/otlp_exporter_retry.yaml");

/// The codes that upstream lists under this name.
fn codes(list: &str) -> Vec<Code> {
    let facts: Value = serde_yaml::from_str(FACTS).unwrap();
    let names = facts[list].as_sequence().unwrap().iter().map(|name| name.as_str().unwrap());
    // tonic's names are written without the underscores.
    let code = |name: &str| {
        let name = name.replace('_', "");
        let mut all = (0..=16).map(Code::from_i32);
        all.find(|code| format!("{code:?}").eq_ignore_ascii_case(&name)).unwrap()
    };
    names.map(code).collect()
}

/// The exporter's answer when the backend's is this status.
async fn refused(status: Status) -> ConsumeError {
    let backend = Backend::start().await;
    backend.answer(move || Err(status.clone()));
    let error = plain(&backend, "").await.consume(log_records(1)).await.unwrap_err();
    assert_eq!(backend.service.seen().len(), 1);
    error
}

fn with_retry_info(code: Code) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1500)));
    Status::with_error_details(code, "later", details)
}

#[tokio::test]
async fn codes_are_retried_as_upstream_retries_them() {
    for (list, plain, with_info) in [
        ("grpc_retryable", true, true),
        ("grpc_retryable_only_with_retry_info", false, true),
        ("grpc_permanent", false, false),
    ] {
        for code in codes(list) {
            // Ours: credentials that are refused may be changed.
            let about_us = matches!(code, Code::PermissionDenied | Code::Unauthenticated);
            let (plain, with_info) = (plain || about_us, with_info || about_us);
            let error = refused(Status::new(code, "50 % für ü")).await;
            assert_eq!(!error.is_permanent(), plain, "{code:?}");
            assert_eq!(error.code().unwrap() as i32, code as i32);
            assert_eq!(error.retry_after(), None);
            assert!(error.chain().contains("50 % für ü"), "{}", error.chain());
            let error = refused(with_retry_info(code)).await;
            assert_eq!(!error.is_permanent(), with_info, "{code:?} with a wait");
            assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_told_from_other_exhaustion() {
    for (code, text, is_too_large) in [
        (Code::ResourceExhausted, "grpc: received message larger than max (5 vs. 4)", true),
        (Code::OutOfRange, "Error, decoded message length too large: found 5 bytes", true),
        (Code::ResourceExhausted, "gRPC message exceeds maximum size 4: 5", true),
        (Code::ResourceExhausted, "out of quota", false),
        (Code::Internal, "larger than max", false),
    ] {
        assert_eq!(refused(Status::new(code, text)).await.is_too_large(), is_too_large, "{text}");
    }
}

#[tokio::test]
async fn a_partial_success_is_a_success() {
    let backend = Backend::start().await;
    backend.answer(|| {
        let partial =
            ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "old".into() };
        Ok(ExportLogsServiceResponse { partial_success: Some(partial) })
    });
    plain(&backend, "").await.consume(log_records(1)).await.unwrap();
}

#[tokio::test]
async fn all_calls_share_one_connection() {
    let backend = Backend::start().await;
    let exporter = plain(&backend, "").await;
    for _ in 0..3 {
        exporter.consume(log_records(1)).await.unwrap();
    }
    let peers: Vec<_> = backend
        .service
        .seen()
        .into_iter()
        .map(|seen| match seen {
            Seen::Logs(_, _, peer) => peer.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(peers, [peers[0]; 3]);
}

#[tokio::test]
async fn a_backend_that_was_started_anew_is_found_again() {
    let first = Backend::serve("127.0.0.1:0", None).await;
    let exporter = plain(&first, "").await;
    exporter.consume(log_records(1)).await.unwrap();
    let address = first.address.to_string();
    first.stop().await;
    let away = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!away.is_permanent(), "{}", away.chain());
    let second = Backend::serve(&address, None).await;
    exporter.consume(log_records(1)).await.unwrap();
    assert_eq!(second.service.seen().len(), 1);
}

#[tokio::test]
async fn a_backend_out_of_reach_is_worth_another_attempt() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = "tls: { insecure: true }, headers: { authorization: Bearer s3cret }";
    let exporter = direct(&format!("endpoint: '{free}', {options}")).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert_eq!(error.code(), Some(component::Code::Unavailable));
    let text = format!("{} {error:?}", error.chain());
    assert!(text.contains(&free.to_string()), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_left_after_the_time_out() {
    // The kernel accepts, nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let options = format!("endpoint: '{address}', tls: {{ insecure: true }}, timeout: 50ms");
    let error = direct(&options).await.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn secrets_are_not_told_when_the_backend_refuses() {
    let backend = Backend::start().await;
    backend.answer(|| Err(Status::unauthenticated("who are you?")));
    let exporter = plain(&backend, "headers: { authorization: Bearer s3cret }").await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    let text = format!("{} {error:?}", error.chain());
    assert!(text.contains("who are you?") && !text.contains("s3cret"), "{text}");
}
