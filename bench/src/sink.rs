//! The sink: takes everything, at the least cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use http_body_util::BodyExt;
use parking_lot::Mutex;

use crate::http::{self, Call, Reply};
use crate::payload::{self, Kind};

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where to listen, for both protocols. `GET /stats` tells what came; `GET /numbers` lists the items that did; `GET
    /// /answer/503` answers all that comes later with a status.
    #[arg(long)]
    address: String,
    /// Reads the numbers of the items, to prove what has arrived.
    #[arg(long, value_enum)]
    verify: Option<Kind>,
    /// Waits before each answer.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

struct Sink {
    options: Options,
    answer: AtomicU16,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// How often each item came.
    seen: Mutex<BTreeMap<u64, u32>>,
}

/// Serves for ever.
pub(crate) async fn run(options: Options) -> Result<()> {
    let address = options.address.clone();
    let sink = Arc::new(Sink {
        options,
        answer: AtomicU16::new(200),
        requests: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        seen: Mutex::default(),
    });
    http::serve(&address, move |call| {
        let sink = Arc::clone(&sink);
        async move { sink.take(call).await }
    })
    .await
}

impl Sink {
    async fn take(&self, call: Call) -> Reply {
        match call.path.as_str() {
            "/stats" => return Reply::Text(self.stats()),
            "/numbers" => return Reply::Text(self.numbers()),
            path => {
                if let Some(status) = path.strip_prefix("/answer/") {
                    self.answer.store(status.parse().unwrap_or(200), Ordering::Relaxed);
                    return Reply::Text(String::new());
                }
            }
        }
        let protocol = call.protocol;
        let Ok(bytes) = self.read(call).await else { return Reply::Refused(protocol, 400) };
        if self.options.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.options.delay_ms)).await;
        }
        match self.answer.load(Ordering::Relaxed) {
            200 => {
                self.requests.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                Reply::Accepted(protocol)
            }
            status => Reply::Refused(protocol, status),
        }
    }

    /// Reads a request; without verification, frame by frame and away with it.
    async fn read(&self, call: Call) -> Result<u64> {
        let Some(kind) = self.options.verify else {
            let (mut body, mut bytes) = (call.body, 0);
            while let Some(frame) = body.frame().await {
                bytes += frame?.into_data().map_or(0, |data| data.len() as u64);
            }
            return Ok(bytes);
        };
        let message = call.message().await?;
        let bytes = message.len() as u64;
        let numbers = payload::numbers(kind, message)?;
        if self.answer.load(Ordering::Relaxed) == 200 {
            let mut seen = self.seen.lock();
            for number in numbers {
                *seen.entry(number).or_default() += 1;
            }
        }
        Ok(bytes)
    }

    fn stats(&self) -> String {
        let seen = self.seen.lock();
        let repeated: u64 = seen.values().map(|times| u64::from(times - 1)).sum();
        let stats = serde_json::json!({
            "requests": self.requests.load(Ordering::Relaxed),
            "bytes": self.bytes.load(Ordering::Relaxed),
            "distinct_items": seen.len(),
            "repeated_items": repeated,
        });
        format!("{stats}\n")
    }

    fn numbers(&self) -> String {
        self.seen.lock().keys().map(|number| format!("{number}\n")).collect()
    }
}
