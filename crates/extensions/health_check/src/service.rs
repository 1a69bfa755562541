//! The answers.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Local, SecondsFormat};
use component::overview::Overview;
use hyper::body::Incoming;
use net::body::{self, Chunks};
use net::http::header::CONTENT_TYPE;
use net::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use net::settings::header_map;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::config::Config;
use crate::health::Health;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Where both questions are answered.
const HEALTH: &str = "/health";
/// What upstream writes for a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// How much of a request's body is read.
const DISCARDED: usize = 64 << 10;

/// Answers requests of any method.
#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    config: Config,
    headers: HeaderMap,
    overview: Arc<Overview>,
    up: Mutex<Option<Up>>,
}

/// Since when the collector is ready.
#[derive(Clone, Copy)]
struct Up {
    at: DateTime<Local>,
    since: Instant,
}

impl Shared {
    pub(crate) fn new(config: Config, overview: Arc<Overview>) -> Self {
        let headers = header_map(&config.server.response_headers);
        Self { config, headers, overview, up: Mutex::default() }
    }

    /// Notes when the collector gets ready and when it ceases to be. Goes on for ever.
    pub(crate) async fn follow(&self) {
        let mut running = self.overview.subscribe();
        loop {
            let ready = running.borrow_and_update().ready;
            let now = Up { at: Local::now(), since: Instant::now() };
            {
                let mut up = self.up.lock();
                *up = ready.then(|| up.unwrap_or(now));
            }
            // The overview lives as long as the process.
            if running.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn answer(&self, path: &str) -> Response<Chunks> {
        let wanted = &self.config.path;
        if path == HEALTH && wanted != HEALTH {
            return self.health();
        }
        // As Go's: a path that ends in a slash stands for everything below.
        let matches =
            path == wanted || (wanted.ends_with('/') && path.starts_with(wanted.as_str()));
        if !matches {
            return response(StatusCode::NOT_FOUND, TEXT, "404 page not found\n".into());
        }
        self.readiness()
    }

    fn health(&self) -> Response<Chunks> {
        let health = Health::of(&self.overview.running(), self.config.delivery_limit);
        let status = match health.sound {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = serde_json::to_vec(&health).unwrap_or_default();
        response(status, JSON, body.into())
    }

    /// Upstream's answer: whether everything has started, and nothing about what became of it.
    fn readiness(&self) -> Response<Chunks> {
        let up = Some(*self.up.lock()).filter(|_| self.overview.running().ready).flatten();
        let (status, text) = match up {
            Some(_) => (StatusCode::OK, &self.config.response_body.healthy),
            None => (StatusCode::SERVICE_UNAVAILABLE, &self.config.response_body.unhealthy),
        };
        if !text.is_empty() {
            return response(status, TEXT, text.clone().into());
        }
        let body = match up {
            Some(up) => json!({
                "status": "Server available",
                "upSince": up.at.to_rfc3339_opts(SecondsFormat::AutoSi, true),
                "uptime": as_go(up.since.elapsed()),
            }),
            None => json!({ "status": "Server not available", "upSince": NEVER, "uptime": "" }),
        };
        response(status, JSON, body.to_string().into())
    }
}

/// A duration as Go prints it: `1h2m3.5s`.
fn as_go(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = Duration::new(seconds % 60, duration.subsec_nanos()).as_secs_f64();
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Chunks>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            body::discard(body, DISCARDED).await;
            let mut response = shared.answer(head.uri.path());
            for (name, value) in &shared.headers {
                response.headers_mut().insert(name, value.clone());
            }
            Ok(response)
        })
    }
}

fn response(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Response<Chunks> {
    let mut response = Response::new(Chunks::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (milliseconds, text) in
            [(0, "0s"), (1500, "1.5s"), (60_000, "1m0s"), (3_723_250, "1h2m3.25s")]
        {
            assert_eq!(as_go(Duration::from_millis(milliseconds)), text);
        }
    }
}
