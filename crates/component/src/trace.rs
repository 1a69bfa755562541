//! The agent's own traces: spans of what receivers take in and exporters send, by upstream's names.
//!
//! They cost a look at a pointer unless `service::telemetry::traces` asks for them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;

tokio::task_local! {
    /// The span around whatever the task does now.
    static CONTEXT: Context;
}

/// Where a span belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Context {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

/// The process's tracer. Get it from [`Process::table`](crate::Process::table).
#[derive(Default)]
pub struct Tracer {
    sink: ArcSwapOption<Sink>,
}

/// Who gets the spans that have ended, and which.
pub struct Sink {
    /// Takes a span. It must not wait.
    pub take: Box<dyn Fn(Ended) + Send + Sync>,
    /// Which part of all traces is kept, from 0 to 1.
    pub ratio: f64,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The trace.
    pub trace_id: u128,
    /// The span.
    pub span_id: u64,
    /// The span around it.
    pub parent: Option<u64>,
    /// Its name, upstream's: `receiver/otlp/TraceDataReceived`, `exporter/otlp_http/traces`.
    pub name: String,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Numbers of items.
    pub attributes: Vec<(&'static str, usize)>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Tracer {
    /// Gives spans to a sink from now on.
    pub fn send_to(&self, sink: Arc<Sink>) {
        self.sink.store(Some(sink));
    }

    /// Gives it no more, if it is still the one.
    pub fn leave(&self, sink: &Arc<Sink>) {
        self.sink.rcu(|current| {
            current.as_ref().filter(|current| !Arc::ptr_eq(current, sink)).map(Arc::clone)
        });
    }

    /// Begins a span below that of the task, or a trace of its own. `None` while nobody wants any.
    pub fn begin(&self, name: impl FnOnce() -> String) -> Option<Span> {
        let sink = self.sink.load_full()?;
        let parent = CONTEXT.try_with(|context| *context).ok();
        let span_id = fastrand::u64(1..);
        let context = match parent {
            Some(parent) => Context { span_id, ..parent },
            None => {
                let trace_id = fastrand::u128(1..);
                Context { trace_id, span_id, is_sampled: fastrand::f64() < sink.ratio }
            }
        };
        let parent = parent.map(|parent| parent.span_id);
        let name = if context.is_sampled { name() } else { String::new() };
        Some(Span { sink, context, parent, name, start: SystemTime::now() })
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("is_on", &self.sink.load().is_some()).finish()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("ratio", &self.ratio).finish_non_exhaustive()
    }
}

/// A span that has begun. One that is dropped before it ends is not heard of.
#[derive(Debug)]
pub struct Span {
    sink: Arc<Sink>,
    context: Context,
    parent: Option<u64>,
    name: String,
    start: SystemTime,
}

impl Span {
    /// Runs something inside: spans that begin there are below this one.
    pub async fn around<T>(&self, inside: impl Future<Output = T>) -> T {
        CONTEXT.scope(self.context, inside).await
    }

    /// Ends it.
    pub fn end(self, attributes: &[(&'static str, usize)], error: Option<String>) {
        let Self { sink, context, parent, name, start } = self;
        if context.is_sampled {
            (sink.take)(Ended {
                trace_id: context.trace_id,
                span_id: context.span_id,
                parent,
                name,
                start,
                end: SystemTime::now(),
                attributes: attributes.to_vec(),
                error,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    fn sink(ratio: f64) -> (Arc<Sink>, Arc<Mutex<Vec<Ended>>>) {
        let seen = Arc::<Mutex<Vec<Ended>>>::default();
        let kept = Arc::clone(&seen);
        (Arc::new(Sink { take: Box::new(move |span| kept.lock().push(span)), ratio }), seen)
    }

    #[tokio::test]
    async fn spans_know_what_is_around_them() {
        let tracer = Tracer::default();
        assert!(tracer.begin(|| unreachable!("nobody wants it")).is_none());
        let (sink, seen) = sink(1.0);
        tracer.send_to(Arc::clone(&sink));
        let outer = tracer.begin(|| "outer".to_owned()).unwrap();
        outer
            .around(async {
                let inner = tracer.begin(|| "inner".to_owned()).unwrap();
                inner.end(&[("items", 3)], Some("full".to_owned()));
            })
            .await;
        outer.end(&[], None);
        let [inner, outer] = &seen.lock()[..] else { panic!("two spans") };
        assert_eq!((inner.trace_id, inner.parent), (outer.trace_id, Some(outer.span_id)));
        assert_eq!((outer.parent, inner.attributes[0]), (None, ("items", 3)));
        tracer.leave(&sink);
        assert!(tracer.begin(String::new).is_none());
    }

    #[tokio::test]
    async fn what_is_not_sampled_stays_so_inside() {
        let tracer = Tracer::default();
        let (sink, seen) = sink(0.0);
        tracer.send_to(sink);
        let outer = tracer.begin(|| unreachable!("it has no name")).unwrap();
        outer.around(async { tracer.begin(String::new).unwrap().end(&[], None) }).await;
        outer.end(&[], None);
        assert!(seen.lock().is_empty());
    }
}
