//! Sockets in the file system.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::clients::LOGS;
use crate::harness::{ALL, Receiver};

async fn status(path: &Path) -> String {
    let mut client = UnixStream::connect(path).await.unwrap();
    let body = testkit::log_records(1).to_json();
    let head = format!(
        "POST {LOGS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&body).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_socket_is_handed_on_in_a_reload_and_goes_with_its_last_receiver() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otlp.sock");
    // Somebody has ended and left it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let yaml =
        format!("{{ protocols: {{ http: {{ transport: unix, endpoint: {} }} }} }}", path.display());
    let mut first = Receiver::at(&yaml).await;
    assert_eq!(status(&path).await, "HTTP/1.1 200 OK");
    let mut second = first.successor().await;
    first.ask_to_stop();
    first.stopped().await;
    drop(first);
    assert_eq!(status(&path).await, "HTTP/1.1 200 OK");
    assert_eq!(second.output.item_count(), 1);
    second.ask_to_stop();
    second.stopped().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn versions_of_ip_can_be_named() {
    let receiver = Receiver::start("transport: tcp4", "transport: tcp4", ALL).await;
    assert!(receiver.http.is_ipv4());
    let listeners = net::Listeners::default();
    let error = listeners.acquire_by(net::settings::Transport::Tcp6, "127.0.0.1:0").await;
    assert!(error.is_err(), "it has no such address");
}
