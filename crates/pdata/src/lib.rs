//! Telemetry in memory: OTLP's wire format, opened as far as somebody has to.
//!
//! [`Traces`], [`Metrics`] and [`Logs`] hold the bytes of export requests. [`from_otlp`](Traces::from_otlp) checks them
//! once, at the door; behind it nothing can fail. Counting, merging, splitting and sending need no decoding, and reading
//! goes through views that point into the bytes. An editor sees one record after the other and splices the bytes of those
//! that it changes:
//!
//! ```
//! # fn main() -> Result<(), pdata::InvalidJson> {
//! let mut logs = pdata::Logs::from_json(br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
//!     {"severityNumber":9,"body":{"stringValue":"hello"}},
//!     {"severityNumber":17,"body":{"stringValue":"ouch"}}
//! ]}]}]}"#)?;
//! logs.retain_log_records(|resource, _scope, record| {
//!     resource.attributes_mut().insert("host.name", "web-1");
//!     record.view().severity_number() >= 17
//! });
//! for resource in logs.resources() {
//!     assert_eq!(resource.attributes().get("host.name").and_then(|value| value.as_str()), Some("web-1"));
//!     for scope in resource.scopes() {
//!         assert_eq!(scope.log_records().next().and_then(|record| record.body().as_str()), Some("ouch"));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Cloning shares the data; who edits a clone copies what changes.

mod attributes;
mod builder;
mod door;
mod edit;
mod encoded;
mod error;
mod json;
mod normalize;
mod partial_success;
mod schema;
mod signal;
mod telemetry;
mod tree;
mod validate;
mod value;
mod view;
mod wire;

pub use crate::attributes::{Attributes, AttributesIter};
pub use crate::builder::{
    HistogramBuilder, HistogramPointBuilder, MetricBuilder, MetricsBuilder, PointBuilder,
    ResourceBuilder, ScopeBuilder,
};
pub use crate::edit::{
    AttributesMut, BucketCounts, EventMut, LinkMut, LogRecordMut, MetricMut, PointMut, ResourceMut,
    ScopeMut, SpanMut,
};
pub use crate::encoded::Encoded;
pub use crate::error::{InvalidJson, InvalidOtlp};
pub use crate::partial_success::PartialSuccess;
pub use crate::signal::Signal;
pub use crate::telemetry::{Logs, Metrics, Telemetry, Traces};
pub use crate::value::{List, ListIter, Value, ValueRef};
pub use crate::view::{
    Buckets, EntityRef, Event, Exemplar, ExponentialHistogramPoint, HistogramPoint, Link,
    LogRecord, Metric, MetricKind, Number, NumberPoint, Points, PointsOf, Quantile, RecordView,
    Records, Resource, ResourceGroup, Resources, Scope, ScopeGroup, Scopes, Span, SpanId, SpanKind,
    StatusCode, SummaryPoint, Temporality, TraceId,
};

#[cfg(test)]
mod tests;
