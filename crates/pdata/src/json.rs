//! OTLP/JSON: transcoding to and from protobuf, field by field, through the [table](crate::schema).
//!
//! Neither direction builds a tree of values: reading writes protobuf as it goes, and writing walks the protobuf.

mod read;
mod scalar;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;
