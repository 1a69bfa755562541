//! What telemetry says, read from its bytes when it is asked for.
//!
//! A view is a pointer into the telemetry; it copies nothing and cannot fail.

mod group;
mod id;
mod log;
mod metric;
mod point;
mod span;

pub use group::{
    EntityRef, RecordView, Records, Resource, ResourceGroup, Resources, Scope, ScopeGroup, Scopes,
};
pub use id::{SpanId, TraceId};
pub use log::LogRecord;
pub use metric::{Metric, MetricKind, Points, Temporality};
pub use point::{
    Buckets, Exemplar, ExponentialHistogramPoint, HistogramPoint, Number, NumberPoint, PointsOf,
    Quantile, SummaryPoint,
};
pub use span::{Event, Link, Span, SpanKind, StatusCode};

use crate::wire;

/// The text in a singular field.
fn text(body: &[u8], number: u32) -> &str {
    wire::find(body, number).map_or("", wire::Wire::str)
}

/// The bits of a number in a singular field.
fn bits(body: &[u8], number: u32) -> u64 {
    wire::find(body, number).map_or(0, wire::Wire::bits)
}

/// A `uint32`, `fixed32` or enum, of which protobuf keeps the low 32 bits.
fn bits32(body: &[u8], number: u32) -> u32 {
    bits(body, number) as u32
}

/// The `sint32` in a singular field.
fn zigzag(body: &[u8], number: u32) -> i32 {
    wire::zigzag(bits32(body, number))
}

fn double(body: &[u8], number: u32) -> Option<f64> {
    wire::find(body, number).map(wire::Wire::double)
}

fn bytes(body: &[u8], number: u32) -> &[u8] {
    wire::find(body, number).map_or(&[], wire::Wire::bytes)
}
