//! Time limits.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::clients::{GZIP, LOGS, PROTOBUF, logs_client, post, record, record_bytes};
use crate::harness::{ALL, PATIENCE, Receiver};

#[tokio::test]
async fn a_body_that_is_not_sent_in_time_is_refused_and_its_connection_ends() {
    let receiver = Receiver::start("", "read_timeout: 300ms", ALL).await;
    let mut client = TcpStream::connect(receiver.http).await.unwrap();
    let head = format!(
        "POST {LOGS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
    );
    let begun = Instant::now();
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, client.read_to_string(&mut answer)).await.expect("it ends").unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("read_timeout"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(post(receiver.http, LOGS, &[PROTOBUF], record_bytes("x")).await.status, 200);
}

#[tokio::test]
async fn a_grpc_connection_ends_at_its_age_and_its_client_goes_on_with_another() {
    let age = "keepalive: { server_parameters: { max_connection_age: 300ms, max_connection_age_grace: 1s } }";
    let receiver = Receiver::start(age, "", ALL).await;
    let mut silent = TcpStream::connect(receiver.grpc).await.unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut rest)).await.expect("it ends").unwrap();
    let mut client = logs_client(receiver.grpc);
    client.export(record("x")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    client.export(record("x")).await.unwrap();
}

#[tokio::test]
async fn with_an_empty_list_of_encodings_nothing_is_decompressed() {
    let receiver = Receiver::start("", "compression_algorithms: []", ALL).await;
    let reply = post(receiver.http, LOGS, &[PROTOBUF, GZIP], record_bytes("x")).await;
    assert_eq!(reply.status, 200, "it was passed through, and was not compressed");
}
