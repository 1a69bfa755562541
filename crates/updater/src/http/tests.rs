use std::error::Error as _;
use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::report::Status;
use server::ConfigServer;

#[path = "../../examples/config_server/server.rs"]
mod server;

const KEY: &str = "key-that-nobody-sees";

fn source(address: SocketAddr) -> HttpConfigCheck {
    let endpoint = format!("http://{address}/agents/config-check?token=hidden").parse().unwrap();
    HttpConfigCheck::new(endpoint, Some(Secret::new(KEY.to_owned()))).unwrap()
}

fn report() -> Report {
    Report {
        is_docker: true,
        hostname: "web-1".to_owned(),
        platform: "docker".to_owned(),
        architecture: "arm64".to_owned(),
        agent_version: "0.1.0".to_owned(),
        collector_version: "v0.143.0".to_owned(),
        agent_status: Status::Running,
        collector_status: Status::Stopped,
        last_error_message: "receivers::nop: unknown".to_owned(),
    }
}

async fn serve(folder: &Path) -> ConfigServer {
    ConfigServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), folder).await.unwrap()
}

#[tokio::test]
async fn a_check_is_the_documented_request_and_brings_each_change_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let source = source(server.address());
    assert_eq!(source.check(&report()).await.unwrap(), Answer::Unchanged);

    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "receivers: {nop: {limit: 1048576, name: '1_000'}}").unwrap();
    let document =
        Document::from_yaml("receivers:\n  nop:\n    limit: 1048576\n    name: \"1_000\"\n");
    assert_eq!(source.check(&report()).await.unwrap(), Answer::Update(document));
    assert_eq!(source.check(&report()).await.unwrap(), Answer::Unchanged);

    let seen = server.request(1).await;
    assert_eq!((seen.method, seen.path.as_str()), (Method::POST, "/agents/config-check"));
    assert_eq!(seen.authorization.as_deref(), Some(KEY));
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
    assert_eq!(seen.body, serde_json::to_value(report()).unwrap());
    assert_eq!((seen.status, seen.given), (StatusCode::OK, Some(file)));
}

#[tokio::test]
async fn statuses_other_than_success_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let source = source(server.address());
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
        server.fail_with(Some(status));
        let error = source.check(&report()).await.unwrap_err();
        assert!(matches!(error, CheckError::Unauthorized { .. }), "{error:?}");
        assert!(error.to_string().contains("check KM_API_KEY"), "{error}");
    }
    for status in [StatusCode::FOUND, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE] {
        server.fail_with(Some(status));
        let error = source.check(&report()).await.unwrap_err();
        assert!(matches!(error, CheckError::Status { status: s, .. } if s == status.as_u16()));
    }
    server.fail_with(None);
    assert_eq!(source.check(&report()).await.unwrap(), Answer::Unchanged);
}

#[tokio::test]
async fn a_file_that_is_no_yaml_is_no_update() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), "receivers: [").unwrap();
    let server = serve(folder.path()).await;
    let error = source(server.address()).check(&report()).await.unwrap_err();
    assert!(matches!(error, CheckError::InvalidDocument { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let address = server.address();
    let source = source(address);
    assert_eq!(source.check(&report()).await.unwrap(), Answer::Unchanged);
    drop(server);
    // The old listener is closed when its task is gone.
    let server = loop {
        tokio::task::yield_now().await;
        if let Ok(server) = ConfigServer::start(address, folder.path()).await {
            break server;
        }
    };
    let answer = source.check(&report()).await.unwrap();
    assert_eq!(answer, Answer::Unchanged);
    drop(server);
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = source(address).check(&report()).await.unwrap_err();
    assert!(matches!(error, CheckError::Unreachable { .. }), "{error:?}");
    assert!(error.source().is_some());
}

/// A server that answers every connection with these bytes, whatever it was asked.
struct Canned {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Canned {
    async fn start(head: &str, body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 16 << 10];
                let _read = stream.read(&mut request).await.unwrap();
                stream.write_all(head.as_bytes()).await.unwrap();
                // A client that has seen enough hangs up.
                if stream.write_all(&body).await.is_ok() && stream.shutdown().await.is_ok() {
                    let _rest = stream.read(&mut request).await;
                }
            }
        });
        Self { address, _task: task }
    }

    async fn json(body: &str) -> Self {
        let head = format!("Content-Length: {}\r\nConnection: close", body.len());
        Self::start(&head, body.as_bytes().to_vec()).await
    }
}

#[tokio::test]
async fn answers_are_read_as_go_reads_them() {
    for body in [
        "{}",
        r#"{"restart_required": null, "config": null}"#,
        r#"{"restart_required": true}"#,
        r#"{"restart_required": true, "config": null}"#,
        r#"{"restart_required": false, "config": {"a": 1}}"#,
        r#"{"config": {"a": 1}, "more": [1]}"#,
    ] {
        let server = Canned::json(body).await;
        assert_eq!(source(server.address).check(&report()).await.unwrap(), Answer::Unchanged);
    }
    let server = Canned::json(r#"{"restart_required": true, "config": {}}"#).await;
    let answer = source(server.address).check(&report()).await.unwrap();
    assert_eq!(answer, Answer::Update(Document::from_yaml("{}\n")));
}

#[tokio::test]
async fn malformed_answers_are_named_and_show_no_secret() {
    for body in ["", "<html>", "[]", r#"{"restart_required": "yes"}"#, "{\"config\": \"\u{0}\"}"] {
        let server = Canned::json(body).await;
        let error = source(server.address).check(&report()).await.unwrap_err();
        assert!(matches!(error, CheckError::Malformed { .. }), "{body}: {error:?}");
    }
    let body = r#"{"restart_required": true, "config": {"port": 1e999}}"#;
    let server = Canned::json(body).await;
    let source = source(server.address);
    let error = source.check(&report()).await.unwrap_err();
    assert!(matches!(error, CheckError::InvalidDocument { .. }), "{error:?}");
    for shown in [format!("{error:?}"), error.to_string(), format!("{source:?}")] {
        assert!(!shown.contains(KEY) && !shown.contains("hidden"), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_has_a_limit_whether_it_is_announced_or_not() {
    let announced = Canned::start(&format!("Content-Length: {}", SIZE_LIMIT + 1), vec![]).await;
    let endless = Canned::start("Connection: close", vec![b' '; SIZE_LIMIT + 1]).await;
    for server in [announced, endless] {
        let error = source(server.address).check(&report()).await.unwrap_err();
        assert!(matches!(error, CheckError::TooLarge { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let begun = tokio::time::Instant::now();
    let error = source(listener.local_addr().unwrap()).check(&report()).await.unwrap_err();
    assert!(matches!(error, CheckError::TimedOut { .. }), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), TIME_LIMIT.as_secs());
}

#[tokio::test]
async fn without_a_key_there_is_no_authorization() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path()).await;
    let endpoint = format!("http://{}", server.address()).parse().unwrap();
    HttpConfigCheck::new(endpoint, None).unwrap().check(&report()).await.unwrap();
    assert_eq!(server.request(0).await.authorization, None);
}

#[test]
fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    let endpoint: Url = "https://api.example.com/".parse().unwrap();
    let key = Secret::new("key\nwith a line".to_owned());
    let error = HttpConfigCheck::new(endpoint, Some(key)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("line"));
}
