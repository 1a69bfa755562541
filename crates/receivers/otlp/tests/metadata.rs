//! `include_metadata`.

use tonic::Request;

use crate::clients::{LOGS, PROTOBUF, logs_client, post, record, record_bytes};
use crate::harness::{ALL, Receiver};

#[tokio::test]
async fn components_learn_what_clients_say_when_they_are_to() {
    let receiver = Receiver::start("include_metadata: true", "include_metadata: true", ALL).await;
    let headers = [PROTOBUF, ("X-Tenant", "a")];
    assert_eq!(post(receiver.http, LOGS, &headers, record_bytes("x")).await.status, 200);
    let mut request = Request::new(record("x"));
    request.metadata_mut().insert("x-tenant", "b".parse().unwrap());
    logs_client(receiver.grpc).export(request).await.unwrap();
    let said = receiver.output.said();
    assert_eq!(said[0].get("x-tenant"), ["a"]);
    assert_eq!(said[0].get("Host"), [receiver.http.to_string()]);
    assert_eq!(said[1].get("X-TENANT"), ["b"]);
    assert_eq!(said[1].get("host"), [receiver.grpc.to_string()]);
}

#[tokio::test]
async fn by_default_they_do_not() {
    let receiver = Receiver::plain().await;
    post(receiver.http, LOGS, &[PROTOBUF, ("x-tenant", "a")], record_bytes("x")).await;
    logs_client(receiver.grpc).export(record("x")).await.unwrap();
    assert!(receiver.output.said().iter().all(component::ClientMetadata::is_empty));
}
