//! The agent's own traces on their way out.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::trace::{Ended, Sink, Tracer};
use component::{BuildInfo, CancellationToken, Signal, StartError, Telemetry};
use opentelemetry_sdk::Resource;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use crate::config::BatchProcessor;
use crate::metrics::Destination;

/// How long the last report may take.
const LAST: Duration = Duration::from_secs(5);

/// Takes spans from the tracer and sends them, some at a time.
pub(crate) struct SpanSender {
    destination: Destination,
    spans: mpsc::Receiver<Ended>,
    resource: Value,
    scope: Value,
    delay: Duration,
    timeout: Duration,
    most: usize,
}

/// Where the tracer puts spans for all senders.
pub(crate) fn sink(queues: Vec<mpsc::Sender<Ended>>, ratio: f64) -> Arc<Sink> {
    let take = move |span: Ended| {
        for queue in &queues {
            // A full queue loses the span, as upstream's does: tracing must not hold anything up.
            queue.try_send(span.clone()).ok();
        }
    };
    Arc::new(Sink { take: Box::new(take), ratio })
}

impl SpanSender {
    /// A sender, and the queue before it.
    ///
    /// # Errors
    ///
    /// A file that TLS needs cannot be read.
    pub(crate) fn new(
        config: &BatchProcessor,
        resource: &Resource,
        build: &BuildInfo,
    ) -> Result<(Self, mpsc::Sender<Ended>), StartError> {
        let (queue, spans) = mpsc::channel(config.max_queue_size);
        let destination = match &config.exporter.otlp {
            Some(otlp) => Destination::otlp(otlp, Signal::Traces, build)?,
            None => Destination::Console,
        };
        let attributes = resource.iter().map(|(key, value)| text(key.as_str(), &value.as_str()));
        let sender = Self {
            destination,
            spans,
            resource: json!({"attributes": attributes.collect::<Vec<_>>()}),
            scope: json!({"name": "kmagent", "version": &*build.version}),
            delay: config.delay(),
            timeout: config.timeout(),
            most: config.max_export_batch_size,
        };
        Ok((sender, queue))
    }

    /// Sends until `stop`, and what is left then. A report that fails is lost.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut waiting = Vec::new();
        let mut due: Option<Instant> = None;
        let mut failing = false;
        loop {
            tokio::select! {
                Some(span) = self.spans.recv() => {
                    waiting.push(span);
                    if waiting.len() < self.most {
                        due.get_or_insert(Instant::now() + self.delay);
                        continue;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = stop.cancelled() => break,
            }
            due = None;
            let answer = self.report(std::mem::take(&mut waiting), self.timeout).await;
            match (answer, failing) {
                (Ok(()), true) => info!("the agent's own traces arrive again"),
                (Err(error), false) => warn!(error, "the agent's own traces do not arrive"),
                (Ok(()), false) | (Err(_), true) => continue,
            }
            failing = !failing;
        }
        while let Ok(span) = self.spans.try_recv() {
            waiting.push(span);
        }
        if !waiting.is_empty() {
            drop(self.report(waiting, LAST).await);
        }
    }

    async fn report(&self, spans: Vec<Ended>, limit: Duration) -> Result<(), String> {
        let spans: Vec<Value> = spans.iter().map(span).collect();
        let document = json!({"resourceSpans": [{
            "resource": self.resource,
            "scopeSpans": [{"scope": self.scope, "spans": spans}],
        }]});
        let traces = Telemetry::from_json(Signal::Traces, document.to_string().as_bytes());
        let traces = traces.map_err(|error| error.to_string())?;
        let sent = timeout(limit, self.destination.send(traces)).await;
        sent.unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
    }
}

/// Spans go to the sink for as long as this lives.
pub(crate) struct Tracing {
    tracer: Arc<Tracer>,
    sink: Arc<Sink>,
}

impl Tracing {
    pub(crate) fn begin(tracer: Arc<Tracer>, sink: Arc<Sink>) -> Self {
        tracer.send_to(Arc::clone(&sink));
        Self { tracer, sink }
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        self.tracer.leave(&self.sink);
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A span as OTLP/JSON. Receivers serve and exporters call.
fn span(span: &Ended) -> Value {
    let nanos = |time: SystemTime| {
        time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
    };
    let attributes = span
        .attributes
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"intValue": value.to_string()}}));
    let status = match &span.error {
        Some(error) => json!({"code": 2, "message": error}),
        None => json!({}),
    };
    json!({
        "traceId": format!("{:032x}", span.trace_id),
        "spanId": format!("{:016x}", span.span_id),
        "parentSpanId": span.parent.map(|id| format!("{id:016x}")).unwrap_or_default(),
        "name": span.name,
        "kind": 1,
        "startTimeUnixNano": nanos(span.start),
        "endTimeUnixNano": nanos(span.end),
        "attributes": attributes.collect::<Vec<_>>(),
        "status": status,
    })
}
