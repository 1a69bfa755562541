use bytes::Bytes;

use crate::edit::{
    Buffers, Draft, LogRecordMut, MetricMut, MetricParts, PointMut, ResourceMut, ScopeMut, SpanMut,
};
use crate::encoded::Encoded;
use crate::error::{InvalidJson, InvalidOtlp};
use crate::signal::Signal;
use crate::tree::{Budget, Children, Edited, Editor, Tree};
use crate::view::{LogRecord, Metric, Resources, Span};
use crate::{door, json};

macro_rules! signal {
    ($(#[$doc:meta])* $name:ident, $view:ident, $items:literal) => {
        $(#[$doc])*
        ///
        /// Cloning shares the data. An editor copies what it changes.
        #[derive(Clone, Debug)]
        pub struct $name {
            pub(crate) tree: Tree,
            pub(crate) replaced: usize,
        }

        impl $name {
            /// Reads the body of an export request: checks it once, and keeps it as it is.
            ///
            /// Text that is not UTF-8 is not an error: what is wrong in it is replaced by U+FFFD, and
            /// [`replaced_texts`](Self::replaced_texts) counts the fields.
            ///
            /// # Errors
            ///
            /// If this is not a well-formed message of the signal, nests deeper than 100 messages, is larger than 2 GiB,
            /// or has a trace or span id of a wrong length.
            pub fn from_otlp(body: Bytes) -> Result<Self, InvalidOtlp> {
                let (tree, replaced) = door::enter(Signal::$name, body)?;
                Ok(Self { tree, replaced })
            }

            /// Reads an export request in OTLP/JSON. What stands behind the first JSON value is not looked at.
            ///
            /// # Errors
            ///
            /// If this is not JSON, or a member has the wrong type or a value that it cannot have.
            pub fn from_json(text: &[u8]) -> Result<Self, InvalidJson> {
                let (tree, replaced) = json::read(Signal::$name, text)?;
                Ok(Self { tree, replaced })
            }

            /// The export request as OTLP/JSON.
            pub fn to_json(&self) -> Bytes {
                json::write(&self.tree)
            }

            /// The bytes of the export request.
            pub fn to_otlp(&self) -> Encoded {
                self.tree.encode()
            }

            #[doc = concat!("How many ", $items, " there are.")]
            pub fn item_count(&self) -> usize {
                self.tree.counts().items
            }

            /// How many resource groups there are.
            pub fn resource_count(&self) -> usize {
                self.tree.counts().resources
            }

            #[doc = concat!("Whether there are no ", $items, ".")]
            pub fn is_empty(&self) -> bool {
                self.item_count() == 0
            }

            /// The length of [`to_otlp`](Self::to_otlp).
            pub fn encoded_len(&self) -> usize {
                self.tree.len()
            }

            /// How many texts were not UTF-8 when this came through the door.
            pub fn replaced_texts(&self) -> usize {
                self.replaced
            }

            /// Appends what the other has.
            pub fn merge(&mut self, other: Self) {
                self.replaced += other.replaced;
                self.tree.merge(other.tree);
            }

            #[doc = concat!("Takes the first `count` ", $items, " off, or all, and leaves the rest here.")]
            ///
            /// Resource, scope, metric and schema URLs are repeated in both parts where the cut runs through them.
            #[must_use = "this is the front part"]
            pub fn split_off_front(&mut self, count: usize) -> Self {
                self.split(Budget::Items(count))
            }

            #[doc = concat!("Takes as many ", $items, " off the front as fit into `max_bytes` encoded, but at least one.")]
            #[must_use = "this is the front part"]
            pub fn split_off_front_bytes(&mut self, max_bytes: usize) -> Self {
                self.split(Budget::Bytes { left: max_bytes, started: false })
            }

            fn split(&mut self, budget: Budget) -> Self {
                let tree = self.tree.split_front(budget);
                // The count belongs to what came in, so that it is reported once.
                Self { tree, replaced: std::mem::take(&mut self.replaced) }
            }

            /// Copies the data if it is the small rest of larger buffers: if they are more than twice its size.
            pub fn compact(&mut self) {
                self.tree.compact();
            }

            /// The size of the buffers that this keeps alive, at most.
            pub fn pinned_len(&self) -> usize {
                self.tree.pinned.max(self.tree.len())
            }

            /// Shows each resource, and keeps the groups for which `keep` is true.
            pub fn retain_resources(&mut self, mut keep: impl FnMut(&mut ResourceMut<'_>) -> bool) {
                self.tree.edit(Editor::Resources(&mut keep));
            }

            /// Shows each scope, with its resource, and keeps the groups for which `keep` is true. A resource that loses
            /// its last scope goes, too.
            pub fn retain_scopes(
                &mut self,
                mut keep: impl FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>) -> bool,
            ) {
                self.tree.edit(Editor::Scopes(&mut keep));
            }

            /// The resource groups.
            pub fn resources(&self) -> Resources<'_, $view<'_>> {
                Resources::new(Children::of_request(&self.tree.nodes))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { tree: Tree::new(Signal::$name), replaced: 0 }
            }
        }

        impl From<$name> for Telemetry {
            fn from(telemetry: $name) -> Self {
                Self::$name(telemetry)
            }
        }
    };
}

signal! {
    /// Spans, grouped by resource and scope.
    Traces, Span, "spans"
}
signal! {
    /// Metrics, grouped by resource and scope.
    Metrics, Metric, "data points"
}
signal! {
    /// Log records, grouped by resource and scope.
    Logs, LogRecord, "log records"
}

impl Metrics {
    /// How many metrics there are.
    pub fn metric_count(&self) -> usize {
        self.tree.counts().metrics
    }

    /// Shows each metric, with its resource and scope, and keeps those for which `keep` is true. A scope or resource that
    /// loses its last metric goes, too.
    pub fn retain_metrics(
        &mut self,
        mut keep: impl FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>, &mut MetricMut<'_>) -> bool,
    ) {
        let mut parts = MetricParts::default();
        self.tree.edit(Editor::Records(&mut |resource, scope, body, out| {
            parts.take(body);
            let mut metric = MetricMut::new(&parts);
            if !keep(resource, scope, &mut metric) {
                return Edited::Removed;
            }
            metric.finish(out)
        }));
    }

    /// Shows each data point, with its resource, scope and metric, and keeps those for which `keep` is true. What loses
    /// its last point goes, too.
    pub fn retain_points(
        &mut self,
        mut keep: impl FnMut(
            &mut ResourceMut<'_>,
            &mut ScopeMut<'_>,
            &mut MetricMut<'_>,
            &mut PointMut<'_>,
        ) -> bool,
    ) {
        self.retain_metrics(|resource, scope, metric| {
            let before = metric.point_count();
            metric.retain_points(|metric, point| keep(resource, scope, metric, point));
            before == 0 || metric.point_count() > 0
        });
    }
}

impl Traces {
    /// Shows each span, with its resource and scope, and keeps those for which `keep` is true. A scope or resource that
    /// loses its last span goes, too.
    pub fn retain_spans(
        &mut self,
        mut keep: impl FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>, &mut SpanMut<'_>) -> bool,
    ) {
        let mut buffers = Buffers::default();
        self.tree.edit(Editor::Records(&mut |resource, scope, body, out| {
            let mut span = SpanMut(Draft::with(std::mem::take(&mut buffers), body));
            let kept = keep(resource, scope, &mut span);
            span.0.finish(kept, out, &mut buffers)
        }));
    }
}

impl Logs {
    /// Shows each log record, with its resource and scope, and keeps those for which `keep` is true. A scope or resource
    /// that loses its last record goes, too.
    pub fn retain_log_records(
        &mut self,
        mut keep: impl FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>, &mut LogRecordMut<'_>) -> bool,
    ) {
        let mut buffers = Buffers::default();
        self.tree.edit(Editor::Records(&mut |resource, scope, body, out| {
            let mut record = LogRecordMut(Draft::with(std::mem::take(&mut buffers), body));
            let kept = keep(resource, scope, &mut record);
            record.0.finish(kept, out, &mut buffers)
        }));
    }
}

/// Telemetry of any signal.
#[derive(Clone, Debug)]
pub enum Telemetry {
    /// Spans.
    Traces(Traces),
    /// Data points.
    Metrics(Metrics),
    /// Log records.
    Logs(Logs),
}

/// Runs the same on whichever it is.
macro_rules! any {
    ($self:expr, $inner:ident => $run:expr) => {
        match $self {
            Telemetry::Traces($inner) => $run,
            Telemetry::Metrics($inner) => $run,
            Telemetry::Logs($inner) => $run,
        }
    };
}

impl Telemetry {
    /// Nothing of this signal.
    pub fn empty(signal: Signal) -> Self {
        match signal {
            Signal::Traces => Traces::default().into(),
            Signal::Metrics => Metrics::default().into(),
            Signal::Logs => Logs::default().into(),
        }
    }

    /// Reads the body of an export request of this signal. See [`Traces::from_otlp`].
    ///
    /// # Errors
    ///
    /// If the body is not valid.
    pub fn from_otlp(signal: Signal, body: Bytes) -> Result<Self, InvalidOtlp> {
        Ok(match signal {
            Signal::Traces => Traces::from_otlp(body)?.into(),
            Signal::Metrics => Metrics::from_otlp(body)?.into(),
            Signal::Logs => Logs::from_otlp(body)?.into(),
        })
    }

    /// Reads an export request of this signal in OTLP/JSON. See [`Traces::from_json`].
    ///
    /// # Errors
    ///
    /// If the text is not valid.
    pub fn from_json(signal: Signal, text: &[u8]) -> Result<Self, InvalidJson> {
        Ok(match signal {
            Signal::Traces => Traces::from_json(text)?.into(),
            Signal::Metrics => Metrics::from_json(text)?.into(),
            Signal::Logs => Logs::from_json(text)?.into(),
        })
    }

    /// What this is.
    pub fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Metrics(_) => Signal::Metrics,
            Self::Logs(_) => Signal::Logs,
        }
    }

    /// The export request as OTLP/JSON.
    pub fn to_json(&self) -> Bytes {
        any!(self, inner => inner.to_json())
    }

    /// The bytes of the export request.
    pub fn to_otlp(&self) -> Encoded {
        any!(self, inner => inner.to_otlp())
    }

    /// How many spans, data points or log records there are.
    pub fn item_count(&self) -> usize {
        any!(self, inner => inner.item_count())
    }

    /// How many resource groups there are.
    pub fn resource_count(&self) -> usize {
        any!(self, inner => inner.resource_count())
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.item_count() == 0
    }

    /// The length of [`to_otlp`](Self::to_otlp).
    pub fn encoded_len(&self) -> usize {
        any!(self, inner => inner.encoded_len())
    }

    /// How many texts were not UTF-8 when this came through the door.
    pub fn replaced_texts(&self) -> usize {
        any!(self, inner => inner.replaced_texts())
    }

    /// Appends what the other has.
    ///
    /// # Errors
    ///
    /// Gives the other back when it is of another signal.
    pub fn merge(&mut self, other: Self) -> Result<(), Self> {
        match (self, other) {
            (Self::Traces(own), Self::Traces(other)) => own.merge(other),
            (Self::Metrics(own), Self::Metrics(other)) => own.merge(other),
            (Self::Logs(own), Self::Logs(other)) => own.merge(other),
            (_, other) => return Err(other),
        }
        Ok(())
    }

    /// Takes the first `count` items off, or all, and leaves the rest here. See [`Traces::split_off_front`].
    #[must_use = "this is the front part"]
    pub fn split_off_front(&mut self, count: usize) -> Self {
        any!(self, inner => inner.split_off_front(count).into())
    }

    /// Takes as many items off the front as fit into `max_bytes` encoded, but at least one.
    #[must_use = "this is the front part"]
    pub fn split_off_front_bytes(&mut self, max_bytes: usize) -> Self {
        any!(self, inner => inner.split_off_front_bytes(max_bytes).into())
    }

    /// Shows each resource, and keeps the groups for which `keep` is true.
    pub fn retain_resources(&mut self, keep: impl FnMut(&mut ResourceMut<'_>) -> bool) {
        any!(self, inner => inner.retain_resources(keep));
    }

    /// Shows each scope, with its resource, and keeps the groups for which `keep` is true. A resource that loses its last
    /// scope goes, too.
    pub fn retain_scopes(
        &mut self,
        keep: impl FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>) -> bool,
    ) {
        any!(self, inner => inner.retain_scopes(keep));
    }

    /// Copies the data if it is the small rest of larger buffers.
    pub fn compact(&mut self) {
        any!(self, inner => inner.compact());
    }

    /// The size of the buffers that this keeps alive, at most.
    pub fn pinned_len(&self) -> usize {
        any!(self, inner => inner.pinned_len())
    }
}
