//! A config-check API, small but real: it serves the newest YAML file of a folder to every agent that doesn't have it.
//!
//! The example runs it for people; tests include this file with `#[path]`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The server. It ends, with its connections, when this is dropped.
pub(crate) struct ConfigServer {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The key. Not to be printed.
    pub(crate) authorization: Option<String>,
    pub(crate) content_type: Option<String>,
    /// The body; null if it was no JSON.
    pub(crate) body: Value,
    /// What it was answered.
    pub(crate) status: StatusCode,
    /// The file that it was given, if any.
    pub(crate) given: Option<PathBuf>,
}

struct State {
    folder: PathBuf,
    seen: watch::Sender<Vec<Seen>>,
    /// What each host was given last.
    given: Mutex<HashMap<String, String>>,
    failing: Mutex<Option<StatusCode>>,
}

impl ConfigServer {
    /// Serves the files of `folder`, as they are at each request.
    pub(crate) async fn start(listen: SocketAddr, folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            folder: folder.to_owned(),
            seen: watch::Sender::new(Vec::new()),
            given: Mutex::default(),
            failing: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, _accepting: accepting })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers every request with this status from now on; `None`: serves files again.
    pub(crate) fn fail_with(&self, status: Option<StatusCode>) {
        *lock(&self.state.failing) = status;
    }

    /// The request with this index, counted from 0, as soon as it has been answered.
    pub(crate) async fn request(&self, index: usize) -> Seen {
        let mut seen = self.state.seen.subscribe();
        let seen = seen.wait_for(|seen| seen.len() > index).await;
        seen.expect("the sender lives as long as self")[index].clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // A client that is gone before it was accepted is its own problem.
        let Ok((stream, _)) = accepted else { continue };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // Clients may hang up as they like.
            drop(connection.await);
        });
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let header = |name: &str| {
        let value = head.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let failing = *lock(&state.failing);
    let (status, reply, given) = match failing {
        Some(status) => (status, json!({"error": "told to fail"}), None),
        None => state.reply(&body),
    };
    let seen = Seen {
        authorization: header("authorization"),
        content_type: header("content-type"),
        method: head.method,
        path: head.uri.path().to_owned(),
        body,
        status,
        given,
    };
    state.seen.send_modify(|all| all.push(seen));
    let mut response = Response::new(Full::from(reply.to_string()));
    *response.status_mut() = status;
    Ok(response)
}

impl State {
    /// What an agent is told: the newest file, unless it was given that content before.
    fn reply(&self, body: &Value) -> (StatusCode, Value, Option<PathBuf>) {
        let Some(host) = body["hostname"].as_str() else {
            return (StatusCode::BAD_REQUEST, json!({"error": "no hostname"}), None);
        };
        let unchanged = json!({"restart_required": false, "config": null});
        match newest(&self.folder) {
            Ok(Some((path, text))) => {
                let before = lock(&self.given).insert(host.to_owned(), text.clone());
                if before.is_some_and(|before| before == text) {
                    return (StatusCode::OK, unchanged, None);
                }
                // What is no YAML goes out as the text it is.
                let config = serde_yaml::from_str(&text).unwrap_or(Value::String(text));
                (StatusCode::OK, json!({"restart_required": true, "config": config}), Some(path))
            }
            Ok(None) => (StatusCode::OK, unchanged, None),
            Err(error) => {
                let error = json!({"error": error.to_string()});
                (StatusCode::INTERNAL_SERVER_ERROR, error, None)
            }
        }
    }
}

/// The YAML file that was changed last; of several, the one whose name comes last.
fn newest(folder: &Path) -> io::Result<Option<(PathBuf, String)>> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push((path.metadata()?.modified()?, path));
        }
    }
    let Some((_, path)) = files.into_iter().max() else { return Ok(None) };
    let text = std::fs::read_to_string(&path)?;
    Ok(Some((path, text)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
