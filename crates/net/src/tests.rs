//! Servers and clients of this crate with real sockets between them.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::body::Chunks;
use crate::status::{Status, code};
use crate::tls::{ClientTls, ClientTlsConfig};
use crate::{
    CallError, ClientOptions, Dialer, GrpcClient, GrpcOptions, HttpClient, Listeners, RequestError,
    Server, ServerOptions, Speaks,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

const OPTIONS: ServerOptions = ServerOptions::new(Speaks::Http);

/// A server at work.
struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinSet<()>,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Chunks>, Infallible>> + Send>>;

impl Running {
    async fn start(
        options: ServerOptions,
        answer: fn(Request<Incoming>) -> Response<Chunks>,
    ) -> Self {
        let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
        let address = listener.local_address().unwrap();
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        let service = service_fn(move |request| -> Answering {
            Box::pin(async move { Ok(answer(request)) })
        });
        task.spawn(Server::new(listener, options).run(service, stop.clone()));
        Self { address, stop, task }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task.join_next()).await.expect("stops in time").unwrap().unwrap();
    }
}

fn dialer() -> Dialer {
    Dialer::new(ClientTls::load(&ClientTlsConfig::default(), &[]).unwrap())
}

fn http_client() -> HttpClient {
    HttpClient::new(
        dialer(),
        ClientOptions {
            timeout: None,
            response_limit: 10,
            idle_timeout: None,
            idle_connections_per_host: 1,
            ..ClientOptions::default()
        },
    )
}

fn get(address: SocketAddr) -> Request<Chunks> {
    Request::get(format!("http://{address}/")).body(Chunks::default()).unwrap()
}

/// What a server says to these bytes until it closes the connection.
async fn said(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut said = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut said)).await.expect("closes in time").unwrap();
    said
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_limit() {
    let server =
        Running::start(OPTIONS, |_| Response::new(Bytes::from_static(b"0123456789").into())).await;
    assert_eq!(http_client().send(get(server.address)).await.unwrap().body(), "0123456789");
    server.stop().await;
    let server =
        Running::start(OPTIONS, |_| Response::new(Bytes::from_static(b"0123456789a").into())).await;
    let error = http_client().send(get(server.address)).await.unwrap_err();
    assert!(matches!(error, RequestError::TooLarge { limit: 10 }), "{error:?}");
}

#[tokio::test]
async fn a_status_of_any_kind_is_an_answer() {
    let server = Running::start(OPTIONS, |_| {
        let mut refusal = Response::new(Chunks::default());
        *refusal.status_mut() = StatusCode::IM_A_TEAPOT;
        refusal
    })
    .await;
    assert_eq!(http_client().send(get(server.address)).await.unwrap().status(), 418);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limit = Duration::from_millis(50);
    let options = ClientOptions {
        timeout: Some(limit),
        response_limit: 10,
        idle_timeout: None,
        idle_connections_per_host: 1,
        ..ClientOptions::default()
    };
    let error = HttpClient::new(dialer(), options).send(get(address)).await.unwrap_err();
    assert!(matches!(error, RequestError::TimedOut { limit: was } if was == limit), "{error:?}");
    drop(listener);
    let error = http_client().send(get(address)).await.unwrap_err();
    assert!(matches!(error, RequestError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_of_http_without_keep_alive_closes_after_one_answer() {
    let options = ServerOptions { keep_alive: false, ..OPTIONS };
    let server = Running::start(options, |_| Response::new(Chunks::default())).await;
    let said = said(server.address, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("connection: close"), "{said}");
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_headers_is_left() {
    let limit = Some(Duration::from_millis(50));
    let options = ServerOptions { read_header_timeout: limit, ..OPTIONS };
    let server = Running::start(options, |_| Response::new(Chunks::default())).await;
    let said = said(server.address, b"GET / HTTP/1.1\r\n").await;
    assert!(!said.contains("200"), "{said}");
}

#[tokio::test]
async fn an_idle_connection_does_not_keep_a_server() {
    for speaks in [Speaks::Http, Speaks::Grpc] {
        let options = ServerOptions { speaks, ..OPTIONS };
        let server = Running::start(options, |_| Response::new(Chunks::default())).await;
        let _idle = TcpStream::connect(server.address).await.unwrap();
        server.stop().await;
    }
}

/// A server of gRPC without TLS.
fn plain(address: SocketAddr) -> GrpcOptions {
    GrpcOptions::new(&http::uri::Scheme::HTTP, address.to_string().parse().unwrap())
}

/// What a call ends with when the server answers like this.
async fn called(answer: fn(Request<Incoming>) -> Response<Chunks>) -> Result<Bytes, CallError> {
    let options = ServerOptions { speaks: Speaks::Grpc, ..OPTIONS };
    let server = Running::start(options, answer).await;
    let client = GrpcClient::new(dialer(), plain(server.address));
    client.call("/service/Method", [Bytes::from_static(b"message")]).await
}

async fn refused(answer: fn(Request<Incoming>) -> Response<Chunks>) -> Status {
    match called(answer).await.unwrap_err() {
        CallError::Status(status) => status,
        unreachable => panic!("{unreachable:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_is_no_grpc_is_a_status_all_the_same() {
    let status = refused(|_| {
        let mut page = Response::new(Bytes::from_static(b"<html>").into());
        *page.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        page
    })
    .await;
    assert_eq!(status.code, code::UNAVAILABLE);
    assert!(status.message.contains("503"), "{}", status.message);
    let status = refused(|_| {
        let mut page = Response::new(Chunks::default());
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        page
    })
    .await;
    assert_eq!(status.code, code::UNAUTHENTICATED);
    let status = refused(|_| Response::new(Bytes::from_static(b"\0\0\0\0\0").into())).await;
    assert_eq!(status.code, code::UNKNOWN, "no trailers");
}

#[tokio::test]
async fn a_status_in_the_headers_is_the_answer() {
    let status = refused(|_| {
        Response::builder().header("grpc-status", "9").body(Chunks::default()).unwrap()
    })
    .await;
    assert_eq!(status.code, 9);
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

mod peers;
mod proxied;

mod sections {
    //! The sections that servers and clients share, as far as their values are more than values.

    use crate::settings::{GrpcServerConfig, HttpServerConfig};

    #[test]
    fn a_limit_of_zero_is_the_default() {
        let grpc = |max_recv_msg_size_mib| GrpcServerConfig {
            max_recv_msg_size_mib,
            ..Default::default()
        };
        assert_eq!(grpc(0).message_limit(), 4 << 20);
        assert_eq!(grpc(7).message_limit(), 7 << 20);
        let http = |max_request_body_size| HttpServerConfig {
            max_request_body_size,
            ..Default::default()
        };
        for zero in [0, -1] {
            assert_eq!(http(zero).body_limit(), 20 << 20);
        }
        assert_eq!(http(7).body_limit(), 7);
    }

    #[test]
    fn no_limit_of_streams_is_none() {
        let grpc = |max_concurrent_streams| GrpcServerConfig {
            max_concurrent_streams,
            ..Default::default()
        };
        assert_eq!(grpc(0).server_options().unwrap().max_concurrent_streams, None);
        assert_eq!(grpc(3).server_options().unwrap().max_concurrent_streams, Some(3));
    }
}
