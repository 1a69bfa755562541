//! The load generator: keeps a number of requests in flight.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::http::{Answer, Connection, Protocol};
use crate::payload::{self, Kind};

/// What is sent, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where to.
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long, value_enum, default_value = "http")]
    pub(crate) protocol: Protocol,
    #[arg(long, value_enum, default_value = "traces")]
    pub(crate) kind: Kind,
    /// Items in a request.
    #[arg(long, default_value_t = 512)]
    pub(crate) items: u64,
    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 8)]
    pub(crate) connections: u64,
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Requests per second over all connections. As many as go through, unless set.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Gives every item a number of its own, repeats a request until it is accepted, and writes the first number of each
    /// accepted request to this file.
    #[arg(long)]
    pub(crate) accepted: Option<PathBuf>,
    /// The number of the first item.
    #[arg(long, default_value_t = 0)]
    pub(crate) first: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) accepted_requests: u64,
    pub(crate) accepted_items: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// By what the server said, or why it said nothing.
    pub(crate) failures: BTreeMap<String, u64>,
}

struct Shared {
    options: Options,
    end: Instant,
    start: Instant,
    /// The number of the next item.
    next: AtomicU64,
    sent: AtomicU64,
    results: Mutex<Results>,
}

#[derive(Default)]
struct Results {
    latencies: Vec<u64>,
    failures: BTreeMap<String, u64>,
    accepted: Vec<u64>,
}

/// How long a connection waits after a failure.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends for as long as it is told to.
pub(crate) async fn run(options: Options) -> Result<Report> {
    let start = Instant::now();
    let shared = Arc::new(Shared {
        end: start + Duration::from_secs_f64(options.seconds),
        start,
        next: AtomicU64::new(options.first),
        sent: AtomicU64::new(0),
        results: Mutex::default(),
        options,
    });
    let fixed = payload::request(shared.options.kind, shared.options.items, 0);
    let mut connections = JoinSet::new();
    for _ in 0..shared.options.connections {
        connections.spawn(keep_sending(Arc::clone(&shared), fixed.clone()));
    }
    connections.join_all().await;
    let seconds = start.elapsed().as_secs_f64();
    let Results { mut latencies, failures, accepted } = std::mem::take(&mut *shared.results.lock());
    if let Some(path) = &shared.options.accepted {
        let lines: String = accepted.iter().map(|first| format!("{first}\n")).collect();
        std::fs::write(path, lines).with_context(|| path.display().to_string())?;
    }
    latencies.sort_unstable();
    let at = |part: f64| {
        let place = (latencies.len() as f64 * part) as usize;
        latencies.get(place.min(latencies.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    Ok(Report {
        accepted_requests: latencies.len() as u64,
        accepted_items: latencies.len() as u64 * shared.options.items,
        seconds,
        p50_us: at(0.5),
        p99_us: at(0.99),
        failures,
    })
}

/// One connection after the other, until the time is over.
async fn keep_sending(shared: Arc<Shared>, fixed: Bytes) {
    let Options { address, protocol, kind, .. } = &shared.options;
    let mut pending: Option<(u64, Bytes)> = None;
    while Instant::now() < shared.end {
        let mut connection = match Connection::open(*protocol, address).await {
            Ok(connection) => connection,
            Err(error) => {
                shared.failed(format!("{error:#}"));
                sleep(PAUSE).await;
                continue;
            }
        };
        while Instant::now() < shared.end {
            shared.wait_for_turn().await;
            let (first, message) = pending.take().unwrap_or_else(|| shared.next(&fixed));
            let began = Instant::now();
            match connection.export(*kind, std::slice::from_ref(&message)).await {
                Ok(Answer::Accepted) => {
                    shared.accepted(began.elapsed(), first);
                    continue;
                }
                Ok(Answer::Refused(why)) => shared.failed(why),
                Err(error) => {
                    shared.failed(format!("{error:#}"));
                    pending = Some((first, message));
                    break;
                }
            }
            pending = shared.options.accepted.is_some().then_some((first, message));
            sleep(PAUSE).await;
        }
    }
}

impl Shared {
    /// The next request and the number of its first item.
    fn next(&self, fixed: &Bytes) -> (u64, Bytes) {
        let Options { kind, items, accepted, .. } = &self.options;
        let first = self.next.fetch_add(*items, Ordering::Relaxed);
        match accepted {
            Some(_) => (first, payload::request(*kind, *items, first)),
            None => (first, fixed.clone()),
        }
    }

    async fn wait_for_turn(&self) {
        if let Some(rate) = self.options.rate {
            let turn = self.sent.fetch_add(1, Ordering::Relaxed);
            sleep_until(self.start + Duration::from_secs_f64(turn as f64 / rate)).await;
        }
    }

    fn accepted(&self, took: Duration, first: u64) {
        let mut results = self.results.lock();
        results.latencies.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if self.options.accepted.is_some() {
            results.accepted.push(first);
        }
    }

    fn failed(&self, why: String) {
        *self.results.lock().failures.entry(why).or_default() += 1;
    }
}
