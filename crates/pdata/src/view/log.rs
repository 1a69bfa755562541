use super::group::{RecordView, Records, ScopeGroup, sealed};
use super::id::{SpanId, TraceId};
use super::{bits, bits32, bytes, text};
use crate::attributes::Attributes;
use crate::value::ValueRef;

/// A log record.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a>(pub(crate) &'a [u8]);

impl<'a> RecordView<'a> for LogRecord<'a> {}

impl<'a> sealed::Sealed<'a> for LogRecord<'a> {
    fn at(place: sealed::Place<'a>) -> Self {
        Self(place.0.header())
    }
}

impl<'a> ScopeGroup<'a, LogRecord<'a>> {
    /// The log records.
    pub fn log_records(&self) -> Records<'a, LogRecord<'a>> {
        self.records()
    }
}

impl<'a> LogRecord<'a> {
    /// When it happened, in nanoseconds since 1970; 0 if not known.
    pub fn time_unix_nano(&self) -> u64 {
        bits(self.0, 1)
    }

    /// When it was first seen, in nanoseconds since 1970.
    pub fn observed_time_unix_nano(&self) -> u64 {
        bits(self.0, 11)
    }

    /// How severe it is: 1 to 24, from trace to fatal, or 0.
    pub fn severity_number(&self) -> i32 {
        bits32(self.0, 2).cast_signed()
    }

    /// What the source calls the severity.
    pub fn severity_text(&self) -> &'a str {
        text(self.0, 3)
    }

    /// The body.
    pub fn body(&self) -> ValueRef<'a> {
        ValueRef::read(bytes(self.0, 5))
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 6)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 7)
    }

    /// The W3C trace flags.
    pub fn flags(&self) -> u32 {
        bits32(self.0, 8)
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        TraceId::read(bytes(self.0, 9))
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        SpanId::read(bytes(self.0, 10))
    }

    /// The name of the event that the record is, if it is one.
    pub fn event_name(&self) -> &'a str {
        text(self.0, 12)
    }
}
