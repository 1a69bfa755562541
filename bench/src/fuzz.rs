//! Bodies that no sane client sends. Every request must be answered, whatever is in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use fastrand::Rng;
use parking_lot::Mutex;
use pdata::{Signal, Telemetry};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::{Connection, Odd, Protocol};
use crate::payload::{self, Kind};

/// What is sent, and how much.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where to.
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long, value_enum, default_value = "http")]
    pub(crate) protocol: Protocol,
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) requests: u64,
    /// Connections, each with one request in flight.
    #[arg(long, default_value_t = 8)]
    pub(crate) connections: u64,
    /// The same seed sends the same bodies.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    requests: u64,
    /// How many answers there were of each status.
    answers: BTreeMap<String, u64>,
    /// Requests without an answer, by why.
    unanswered: BTreeMap<String, u64>,
}

/// Whoever has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(30);

const ENCODINGS: [&str; 8] =
    ["gzip", "zstd", "zlib", "deflate", "snappy", "lz4", "x-snappy-framed", "br"];
/// How bodies of these encodings begin, so that decoders get further than the first byte.
const MAGIC: [&[u8]; 5] = [
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
    b"\x28\xb5\x2f\xfd\x04\x00",
    b"\x78\x9c",
    b"\xff\x06\x00\x00sNaPpY",
    b"\x04\x22\x4d\x18\x64\x40\xa7",
];

/// Sends all of them.
pub(crate) async fn run(options: Options) -> Result<Report> {
    let bodies = Arc::new(bodies()?);
    let next = Arc::new(AtomicU64::new(0));
    let report = Arc::new(Mutex::new(Report::default()));
    let mut senders = JoinSet::new();
    for _ in 0..options.connections {
        let (options, bodies) = (options.clone(), Arc::clone(&bodies));
        let (next, report) = (Arc::clone(&next), Arc::clone(&report));
        senders.spawn(async move {
            let mut connection = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= options.requests {
                    return;
                }
                let mut rng = Rng::with_seed(options.seed ^ number.wrapping_mul(0x9e37_79b9));
                let odd = odd(&mut rng, options.protocol, &bodies);
                let answer = send(&mut connection, &options, odd).await;
                let mut report = report.lock();
                report.requests += 1;
                let counts = match &answer {
                    Ok(_) => &mut report.answers,
                    Err(_) => &mut report.unanswered,
                };
                *counts.entry(answer.unwrap_or_else(|why| why)).or_default() += 1;
            }
        });
    }
    senders.join_all().await;
    let report = std::mem::take(&mut *report.lock());
    Ok(report)
}

async fn send(
    connection: &mut Option<Connection>,
    options: &Options,
    odd: Odd,
) -> Result<String, String> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => {
            let opened = Connection::open(options.protocol, &options.address).await;
            opened.map_err(|error| format!("{error:#}"))?
        }
    };
    match timeout(PATIENCE, open.send(odd)).await {
        Err(_) => Err("no answer in 30 s".to_owned()),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Ok(Ok(status)) => {
            *connection = Some(open);
            Ok(status)
        }
    }
}

/// What is made into odd bodies: every signal, as protobuf and as JSON.
fn bodies() -> Result<Vec<Bytes>> {
    let metrics = br#"{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[
        {"name":"a","gauge":{"dataPoints":[{"asInt":"1"},{"asDouble":1.5,"exemplars":[{"asInt":"2"}]}]}},
        {"name":"b","histogram":{"dataPoints":[{"count":"3","bucketCounts":["1","2"],"explicitBounds":[0.5]}]}},
        {"name":"c","exponentialHistogram":{"dataPoints":[{"count":"1","positive":{"bucketCounts":["1"]}}]}},
        {"name":"d","summary":{"dataPoints":[{"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#;
    let telemetry = [
        Telemetry::from_otlp(Signal::Traces, payload::request(Kind::Traces, 5, 0))?,
        Telemetry::from_otlp(Signal::Logs, payload::request(Kind::Logs, 5, 0))?,
        Telemetry::from_json(Signal::Metrics, metrics)?,
    ];
    let both = telemetry.into_iter().map(|it| [it.to_json(), it.to_otlp().into_bytes()]);
    Ok(both.flatten().collect())
}

fn odd(rng: &mut Rng, protocol: Protocol, bodies: &[Bytes]) -> Odd {
    let signal = rng.usize(..3);
    let mut body = bodies[rng.usize(..bodies.len())].to_vec();
    for _ in 0..rng.usize(..4) {
        let other = &bodies[rng.usize(..bodies.len())];
        change(rng, &mut body, other);
    }
    let encoding = (rng.u8(..10) < 3).then(|| ENCODINGS[rng.usize(..ENCODINGS.len())]);
    if encoding.is_some() && rng.bool() {
        let magic = MAGIC[rng.usize(..MAGIC.len())];
        body.splice(..0, magic.iter().copied());
    }
    if protocol == Protocol::Grpc {
        let mut length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if rng.u8(..20) == 0 {
            length = rng.u32(..);
        }
        let flag = if encoding.is_some() || rng.u8(..30) == 0 { rng.u8(..3) } else { 0 };
        let prefix = [&[flag][..], &length.to_be_bytes()].concat();
        body.splice(..0, prefix);
    }
    let media_type = match (protocol, rng.u8(..20)) {
        (Protocol::Grpc, _) => "application/grpc",
        (Protocol::Http, ..12) => "application/x-protobuf",
        (Protocol::Http, 12..19) => "application/json",
        (Protocol::Http, _) => "text/plain",
    };
    Odd { signal, media_type, encoding, body: body.into() }
}

/// Changes a body a little, or altogether.
fn change(rng: &mut Rng, body: &mut Vec<u8>, other: &[u8]) {
    let len = body.len().max(1);
    let (from, size) = (rng.usize(..len).min(body.len()), rng.usize(..64));
    let to = (from + size).min(body.len());
    match rng.u8(..8) {
        0 => body[from..to].iter_mut().for_each(|byte| *byte = rng.u8(..)),
        1 => body.truncate(from),
        2 => drop(body.drain(from..to)),
        3 => {
            let part = body[from..to].to_vec();
            body.splice(from..from, part);
        }
        4 => body[from..to].fill(0xff),
        5 => body[from..to].fill(0x0a),
        6 => {
            let at = rng.usize(..other.len());
            body.splice(from..from, other[at..].iter().copied().take(size));
        }
        _ => *body = (0..rng.usize(..2048)).map(|_| rng.u8(..)).collect(),
    }
}
