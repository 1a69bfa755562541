//! TLS, in one direction and in both.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use net::Dialer;
use net::http::Version;
use net::tls::{ClientTls, ClientTlsConfig};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tonic::transport::Channel;

use crate::clients::{LOGS, PROTOBUF, record, record_bytes, request};
use crate::harness::{ALL, Receiver};

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for 127.0.0.1, and its key, in PEM.
    fn identity(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A receiver with TLS on both ports, and the authority that a client has to trust.
async fn receiver(more: &str) -> (Receiver, Authority) {
    let authority = Authority::new();
    let (certificate, key) = authority.identity();
    let (certificate, key) = (quoted(&certificate), quoted(&key));
    let tls = format!("tls: {{ cert_pem: {certificate}, key_pem: {key}, {more} }}");
    (Receiver::start(&tls, &tls, ALL).await, authority)
}

fn client_config(yaml: &str) -> ClientTlsConfig {
    testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    client_config(&format!("{{ ca_pem: {} }}", quoted(&authority.pem())))
}

/// Sends a record over HTTP, in the version that is agreed upon, and one over gRPC. Both succeed or both fail.
async fn send(receiver: &Receiver, tls: &ClientTlsConfig, protocols: &[&str]) -> Option<Version> {
    let dialer = Dialer::new(ClientTls::load(tls, protocols).unwrap());
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(dialer);
    let mut request = request("POST", receiver.http, LOGS, &[PROTOBUF], record_bytes("http"));
    *request.uri_mut() = format!("https://{}{LOGS}", receiver.http).parse().unwrap();
    let reply = client.request(request).await;

    let dialer = Dialer::new(ClientTls::load(tls, &["h2"]).unwrap());
    let channel = Channel::from_shared(format!("https://{}", receiver.grpc)).unwrap();
    let channel = channel.connect_with_connector_lazy(dialer);
    let called = LogsServiceClient::new(channel).export(record("grpc")).await;

    assert_eq!(reply.is_ok(), called.is_ok(), "{reply:?} {called:?}");
    let reply = reply.ok()?;
    assert_eq!(reply.status(), 200);
    Some(reply.version())
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served_over_either_version() {
    let (receiver, authority) = receiver("").await;
    let tls = trusting(&authority);
    assert_eq!(send(&receiver, &tls, &["h2", "http/1.1"]).await, Some(Version::HTTP_2));
    assert_eq!(send(&receiver, &tls, &["http/1.1"]).await, Some(Version::HTTP_11));
    assert_eq!(receiver.output.item_count(), 4);
    assert_eq!(send(&receiver, &trusting(&Authority::new()), &["http/1.1"]).await, None);
}

#[tokio::test]
async fn a_failed_handshake_costs_nobody_else() {
    let (receiver, authority) = receiver("min_version: '1.3'").await;
    let mut old = trusting(&authority);
    old.tls.max_version = Some(net::tls::TlsVersion::V12);
    assert_eq!(send(&receiver, &old, &["http/1.1"]).await, None);
    assert!(send(&receiver, &trusting(&authority), &["http/1.1"]).await.is_some());
}

#[tokio::test]
async fn a_client_has_to_show_a_certificate_of_the_right_authority() {
    let clients = Authority::new();
    let folder = std::env::temp_dir().join(format!("kmagent-otlp-tls-{}", std::process::id()));
    std::fs::write(&folder, clients.pem()).unwrap();
    let file = quoted(folder.to_str().unwrap());
    let (receiver, servers) = receiver(&format!("client_ca_file: {file}")).await;
    std::fs::remove_file(&folder).unwrap();

    assert_eq!(send(&receiver, &trusting(&servers), &["http/1.1"]).await, None, "no certificate");
    for (authority, served) in [(&clients, true), (&servers, false)] {
        let (certificate, key) = authority.identity();
        let yaml = format!(
            "{{ ca_pem: {}, cert_pem: {}, key_pem: {} }}",
            quoted(&servers.pem()),
            quoted(&certificate),
            quoted(&key)
        );
        let answered = send(&receiver, &client_config(&yaml), &["http/1.1"]).await;
        assert_eq!(answered.is_some(), served);
    }
    assert_eq!(receiver.output.item_count(), 2);
}

#[tokio::test]
async fn new_authorities_for_clients_are_read_while_the_receiver_runs() {
    let (before, after) = (Authority::new(), Authority::new());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), before.pem()).unwrap();
    let option = format!(
        "client_ca_file: {}, client_ca_file_reload: true",
        quoted(file.path().to_str().unwrap())
    );
    let (receiver, servers) = receiver(&option).await;
    let client = |authority: &Authority| {
        let (certificate, key) = authority.identity();
        client_config(&format!(
            "{{ ca_pem: {}, cert_pem: {}, key_pem: {} }}",
            quoted(&servers.pem()),
            quoted(&certificate),
            quoted(&key)
        ))
    };
    assert!(send(&receiver, &client(&before), &["http/1.1"]).await.is_some());
    std::fs::write(file.path(), "no PEM").unwrap();
    sleep(Duration::from_millis(1100)).await;
    assert!(send(&receiver, &client(&before), &["http/1.1"]).await.is_some(), "the old ones stay");
    std::fs::write(file.path(), after.pem()).unwrap();
    sleep(Duration::from_millis(1100)).await;
    assert!(send(&receiver, &client(&after), &["http/1.1"]).await.is_some());
    assert!(send(&receiver, &client(&before), &["http/1.1"]).await.is_none());
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_does_not_keep_the_receiver() {
    let (mut receiver, authority) = receiver("").await;
    let _silent = [
        TcpStream::connect(receiver.http).await.unwrap(),
        TcpStream::connect(receiver.grpc).await.unwrap(),
    ];
    assert!(send(&receiver, &trusting(&authority), &["http/1.1"]).await.is_some());
    let asked = Instant::now();
    receiver.ask_to_stop();
    receiver.stopped().await;
    assert!(asked.elapsed() < Duration::from_secs(5), "half of what a handshake may take");
}
