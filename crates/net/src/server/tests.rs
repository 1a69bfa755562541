use std::future::{pending, ready};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use http::uri::Scheme;
use hyper::service::service_fn;
use tokio::sync::mpsc;

use super::*;
use crate::body::Chunks;
use crate::tls::{ClientTls, ClientTlsConfig};
use crate::{CallError, ClientOptions, Dialer, GrpcClient, GrpcOptions, HttpClient, Listeners};

const PATIENCE: Duration = Duration::from_secs(30);

fn options(speaks: Speaks) -> ServerOptions {
    ServerOptions {
        speaks,
        tls: None,
        read_header_timeout: None,
        keep_alive: true,
        max_concurrent_streams: None,
    }
}

async fn server(speaks: Speaks) -> (SocketAddr, Server) {
    let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
    (listener.local_address().unwrap(), Server::new(listener, options(speaks)))
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
