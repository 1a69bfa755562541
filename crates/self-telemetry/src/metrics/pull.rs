//! A reader that Prometheus pulls from.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::{CancellationToken, Status, StatusReporter, chain};
use hyper::body::Incoming;
use hyper::service::service_fn;
use net::body::{self, Chunks};
use net::http::header::CONTENT_TYPE;
use net::http::{HeaderValue, Request, Response};
use net::{Listener, Listeners, Server, ServerOptions, Speaks};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Source, prometheus};
use crate::config::Prometheus;

const TEXT: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
/// The pauses between tries to listen.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How long a client may take for the headers of a request.
const HEADERS: Duration = Duration::from_secs(10);
/// How much of a request's body is read.
const DISCARDED: usize = 64 << 10;

/// Answers every request with everything that is measured.
pub(crate) struct PullReader {
    config: Prometheus,
    source: Source,
    listeners: Arc<Listeners>,
    status: StatusReporter,
    /// `None` while the address is taken.
    listener: Option<Listener>,
}

impl PullReader {
    /// A reader that listens from here on, if it can.
    pub(crate) async fn new(
        config: Prometheus,
        source: Source,
        listeners: Arc<Listeners>,
        status: StatusReporter,
    ) -> Self {
        let mut reader = Self { config, source, listeners, status, listener: None };
        match reader.listeners.acquire(&reader.config.endpoint()).await {
            Ok(listener) => reader.listener = Some(listener),
            Err(error) => {
                let error = chain(&error);
                warn!(error, "no page with the agent's own metrics; it is tried again");
            }
        }
        reader
    }

    /// Serves until `stop`. An address that is taken costs the page and nothing else: it is tried again and again.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => match stop.run_until_cancelled(self.listen()).await {
                Some(listener) => listener,
                None => return,
            },
        };
        let options = ServerOptions {
            read_header_timeout: Some(HEADERS),
            ..ServerOptions::new(Speaks::Http)
        };
        let shared = Arc::new((self.source, self.config));
        let service = service_fn(move |request: Request<Incoming>| {
            let shared = Arc::clone(&shared);
            async move {
                body::discard(request.into_body(), DISCARDED).await;
                let (source, config) = &*shared;
                let text = prometheus::text(&source.collect(), config);
                let mut response = Response::new(Chunks::from(Bytes::from(text)));
                response.headers_mut().insert(CONTENT_TYPE, TEXT);
                Ok::<_, Infallible>(response)
            }
        });
        Server::new(listener, options).run(service, stop).await;
    }

    async fn listen(&self) -> Listener {
        let endpoint = self.config.endpoint();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.listeners.acquire(&endpoint).await {
                Ok(listener) => {
                    self.status.ok();
                    info!(endpoint, "the agent's own metrics are there after all");
                    return listener;
                }
                Err(error) => {
                    let note =
                        format!("the agent's own metrics cannot be pulled: {}", chain(&error));
                    // It works as far as anything depends on it, so its status is no error.
                    self.status.report(Status::Ok, Some(note.into()));
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}
