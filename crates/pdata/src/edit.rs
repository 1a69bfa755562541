//! Editing: a record is changed by splicing its bytes.
//!
//! Only what is touched is written anew; everything else in the message stays as it came, fields that we do not know
//! included. What is not touched at all keeps sharing the memory it came in.

mod attributes;
mod draft;
mod group;
mod histogram;
mod log;
mod metric;
mod point;
mod span;

pub use attributes::AttributesMut;
pub(crate) use draft::{Buffers, Draft};
pub use group::{ResourceMut, ScopeMut};
pub use histogram::BucketCounts;
pub use log::LogRecordMut;
pub use metric::MetricMut;
pub(crate) use metric::MetricParts;
pub use point::PointMut;
pub use span::{EventMut, LinkMut, SpanMut};
