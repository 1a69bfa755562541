use std::future::{pending, ready};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use http::uri::Scheme;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::connection::CONFIRMATION;
use super::*;
use crate::body::Chunks;
use crate::tls::{ClientTls, ClientTlsConfig};
use crate::{CallError, ClientOptions, Dialer, GrpcClient, GrpcOptions, HttpClient, Listeners};

const PATIENCE: Duration = Duration::from_secs(30);

async fn server(speaks: Speaks) -> (SocketAddr, Server) {
    let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
    (listener.local_address().unwrap(), Server::new(listener, ServerOptions::new(speaks)))
}

fn dialer() -> Dialer {
    Dialer::new(ClientTls::load(&ClientTlsConfig::default(), &[]).unwrap())
}

/// Sends a request, and says whether it was answered with success.
async fn send(speaks: Speaks, address: SocketAddr) -> bool {
    match speaks {
        Speaks::Http => {
            let options = ClientOptions { response_limit: 0, ..ClientOptions::default() };
            let request = Request::get(format!("http://{address}/")).body(Chunks::default());
            HttpClient::new(dialer(), options).send(request.unwrap()).await.is_ok()
        }
        Speaks::Grpc => {
            let authority = address.to_string().parse().unwrap();
            let client = GrpcClient::new(dialer(), GrpcOptions::new(&Scheme::HTTP, authority));
            // The service speaks no gRPC: its answer is a status, and a broken connection is none.
            matches!(client.call("/s/M", []).await, Err(CallError::Status(_)))
        }
    }
}

/// Tells when it is dropped.
struct Guard(mpsc::Sender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.try_send("ended").unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_takes_its_requests_along() {
    for speaks in [Speaks::Http, Speaks::Grpc] {
        let (address, server) = server(speaks).await;
        let (told, mut heard) = mpsc::channel(2);
        let service = service_fn(move |_| {
            let guard = Guard(told.clone());
            async move {
                guard.0.send("begun").await.unwrap();
                pending::<Result<Response<Chunks>, Infallible>>().await
            }
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(service, CancellationToken::new()));
        let mut clients = JoinSet::new();
        clients.spawn(send(speaks, address));
        assert_eq!(heard.recv().await, Some("begun"));
        tasks.shutdown().await;
        let ended = timeout(PATIENCE, heard.recv()).await.expect("ends with the server");
        assert_eq!(ended, Some("ended"));
        assert!(!clients.join_next().await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn a_request_that_panics_costs_nobody_else() {
    for speaks in [Speaks::Http, Speaks::Grpc] {
        let (address, server) = server(speaks).await;
        let panicked = Arc::new(AtomicBool::new(false));
        let service = service_fn(move |_| {
            assert!(panicked.swap(true, Ordering::Relaxed), "the first request panics");
            ready(Ok(Response::new(Chunks::default())))
        });
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(server.run(service, stop.clone()));
        assert!(!send(speaks, address).await);
        assert!(send(speaks, address).await);
        stop.cancel();
        timeout(PATIENCE, tasks.join_next()).await.expect("stops in time").unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_connected_before_the_stop_is_served_after_it() {
    for speaks in [Speaks::Http, Speaks::Grpc] {
        let (address, server) = server(speaks).await;
        let service = service_fn(|_| ready(Ok(Response::new(Chunks::default()))));
        let stop = CancellationToken::new();
        let waiting = TcpStream::connect(address).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(service, stop.clone()));
        // Served after the waiting connection was accepted, as the kernel keeps them in order.
        assert!(send(speaks, address).await);
        stop.cancel();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let io = TokioIo::new(waiting);
        let request = Request::get("http://h/").body(Chunks::default()).unwrap();
        let answer = match speaks {
            Speaks::Http => {
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(io).await.unwrap();
                tasks.spawn(async { connection.await.unwrap() });
                sender.send_request(request).await.unwrap()
            }
            Speaks::Grpc => {
                let executor = Streams::default();
                let (mut sender, connection) =
                    hyper::client::conn::http2::handshake(executor, io).await.unwrap();
                tasks.spawn(async { connection.await.unwrap() });
                sender.send_request(request).await.unwrap()
            }
        };
        assert!(answer.status().is_success());
        if speaks == Speaks::Http {
            assert_eq!(answer.headers()["connection"], "close");
        }
        drop(answer);
        while let Some(ended) = timeout(PATIENCE, tasks.join_next()).await.expect("ends in time") {
            ended.unwrap();
        }
    }
}

/// A frame of HTTP/2: its type, flags, stream and payload.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// `GET http://h/` as headers that end their stream.
fn get(stream: u8) -> Vec<u8> {
    frame(1, 5, stream, &[0x82, 0x86, 0x84, 0x41, 1, b'h'])
}

/// Reads frames until the headers of an answer come. Whether they do.
async fn is_answered(client: &mut TcpStream, stream: u8) -> bool {
    loop {
        let mut head = [0; 9];
        if client.read_exact(&mut head).await.is_err() {
            return false;
        }
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut payload).await.unwrap();
        if (head[3], head[8]) == (1, stream) {
            return true;
        }
    }
}

#[tokio::test]
async fn a_client_of_http2_that_is_slow_to_hear_of_the_end_is_served() {
    let (address, server) = server(Speaks::Grpc).await;
    let service = service_fn(|_| ready(Ok(Response::new(Chunks::default()))));
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(server.run(service, stop.clone()));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(&[frame(4, 0, 0, &[]), frame(4, 1, 0, &[]), get(1)].concat()).await.unwrap();
    assert!(is_answered(&mut client, 1).await);
    stop.cancel();
    // It does not read meanwhile, and so confirms nothing.
    tokio::time::pause();
    sleep(CONFIRMATION / 2).await;
    tokio::time::resume();
    client.write_all(&get(3)).await.unwrap();
    assert!(is_answered(&mut client, 3).await);
    tokio::time::pause();
    timeout(PATIENCE, tasks.join_next())
        .await
        .expect("it is not waited for in vain")
        .unwrap()
        .unwrap();
}

/// Starts a server whose answers are as long as asked for, and connects to it.
async fn connect(options: ServerOptions, answer: usize) -> (TcpStream, JoinSet<()>) {
    let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_address().unwrap()).await.unwrap();
    let service = service_fn(move |request: Request<Incoming>| async move {
        drop(crate::body::read(request.into_body(), 1 << 20).await);
        Ok::<_, Infallible>(Response::new(Chunks::from(Bytes::from(vec![b'x'; answer]))))
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Server::new(listener, options).run(service, CancellationToken::new()));
    (stream, tasks)
}

/// Reads until the server ends the connection, and says how long that took.
async fn ended(stream: &mut TcpStream) -> Duration {
    let begun = tokio::time::Instant::now();
    let mut rest = Vec::new();
    // Reset or closed: it has ended.
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it ends").ok();
    begun.elapsed()
}

const LIMIT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn headers_have_their_time_and_the_pause_before_them_another() {
    let options =
        ServerOptions { read_header_timeout: Some(LIMIT), ..ServerOptions::new(Speaks::Http) };
    let (mut stream, _server) = connect(options, 1).await;
    // The time for headers begins with their first byte.
    sleep(LIMIT * 2).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream.write_all(b"GET / HT").await.unwrap();
    assert!(ended(&mut stream).await >= LIMIT);
}

#[tokio::test]
async fn a_connection_without_a_request_ends_after_the_idle_time() {
    for speaks in [Speaks::Http, Speaks::Grpc] {
        let options = ServerOptions { idle_timeout: Some(LIMIT), ..ServerOptions::new(speaks) };
        let (mut stream, _server) = connect(options, 1).await;
        if speaks == Speaks::Grpc {
            stream
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .await
                .unwrap();
        }
        assert!(ended(&mut stream).await >= LIMIT, "{speaks:?}");
    }
}

#[tokio::test]
async fn a_connection_ends_at_its_age_and_a_request_has_the_grace() {
    let options = ServerOptions {
        max_age: Some(LIMIT),
        max_age_grace: Some(LIMIT),
        ..ServerOptions::new(Speaks::Http)
    };
    let (mut stream, _server) = connect(options, 1).await;
    // It is never finished.
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx").await.unwrap();
    assert!(ended(&mut stream).await >= LIMIT + LIMIT.mul_f64(0.85));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let options = ServerOptions { write_timeout: Some(LIMIT), ..ServerOptions::new(Speaks::Http) };
    // More than the buffers of the operating system take.
    let (mut stream, mut server) = connect(options, 64 << 20).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(LIMIT * 3).await;
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends").ok();
    assert!(answer.len() < 64 << 20, "{}", answer.len());
    server.shutdown().await;
}
