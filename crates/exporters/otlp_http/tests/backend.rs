//! A backend that keeps what it is sent and answers as it is told, built on hyper and upstream's generated messages.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use net::http::{Request, Response};
use net::tls::{ServerTlsConfig, server};
use net::{Listeners, Server, ServerOptions, Speaks};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

type Answer = Box<dyn Fn() -> Response<Full<Bytes>> + Send>;

/// A backend at work. It ends with its owner.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    seen: Mutex<Vec<Request<Bytes>>>,
    connections: AtomicUsize,
    answer: Mutex<Answer>,
}

impl Backend {
    /// A backend that answers with an empty 200.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::new()));
        let mut tasks = JoinSet::new();
        let to_serve = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&to_serve);
                shared.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
                    let builder = Builder::new(TokioExecutor::new());
                    // A client that hangs up ends its connection, nothing else.
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        Self { address, shared, _tasks: tasks }
    }

    /// The same with TLS.
    pub(crate) async fn start_tls(tls: &ServerTlsConfig) -> Self {
        let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
        let (address, shared) = (listener.local_address().unwrap(), Arc::new(Shared::new()));
        let to_serve = Arc::clone(&shared);
        let service = service_fn(move |request| answer(request, Arc::clone(&to_serve)));
        let options = ServerOptions {
            tls: Some(server(tls, &["http/1.1"]).unwrap()),
            ..ServerOptions::new(Speaks::Http)
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(Server::new(listener, options).run(service, Default::default()));
        Self { address, shared, _tasks: tasks }
    }

    /// Answers like this from now on.
    pub(crate) fn answer(&self, answer: impl Fn() -> Response<Full<Bytes>> + Send + 'static) {
        *self.shared.answer.lock().unwrap() = Box::new(answer);
    }

    /// Everything that was sent, in order.
    pub(crate) fn seen(&self) -> Vec<Request<Bytes>> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many connections there were, without TLS.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// The one request that was sent.
    pub(crate) fn only(&self) -> Request<Bytes> {
        let mut seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }
}

impl Shared {
    fn new() -> Self {
        let answer: Answer = Box::new(|| Response::new(Full::default()));
        Self {
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            answer: Mutex::new(answer),
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    shared.seen.lock().unwrap().push(Request::from_parts(head, body));
    Ok(shared.answer.lock().unwrap()())
}

/// An answer in a few words.
pub(crate) fn response(
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).unwrap()
}
