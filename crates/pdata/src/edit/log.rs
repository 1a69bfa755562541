use super::attributes::AttributesMut;
use super::draft::Draft;
use crate::attributes::Attributes;
use crate::value::ValueRef;
use crate::view::{LogRecord, SpanId, TraceId};

/// A log record, to be changed.
#[derive(Debug)]
pub struct LogRecordMut<'a>(pub(crate) Draft<'a>);

impl<'a> LogRecordMut<'a> {
    /// The log record, to read.
    pub fn view(&self) -> LogRecord<'_> {
        LogRecord(self.0.bytes())
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, None, 6)
    }

    /// Sets when it happened.
    pub fn set_time_unix_nano(&mut self, time: u64) {
        self.0.set_fixed64(1, time);
    }

    /// Sets when it was first seen.
    pub fn set_observed_time_unix_nano(&mut self, time: u64) {
        self.0.set_fixed64(11, time);
    }

    /// Sets how severe it is.
    pub fn set_severity_number(&mut self, severity: i32) {
        self.0.set_enum(2, severity);
    }

    /// Sets what the source calls the severity.
    pub fn set_severity_text(&mut self, severity: &str) {
        self.0.set_text(3, severity);
    }

    /// Sets the body.
    pub fn set_body<'v>(&mut self, body: impl Into<ValueRef<'v>>) {
        self.0.set_value(5, body.into());
    }

    /// Sets how many attributes were dropped.
    pub fn set_dropped_attributes_count(&mut self, count: u32) {
        self.0.set_varint(7, count.into());
    }

    /// Sets the W3C trace flags.
    pub fn set_flags(&mut self, flags: u32) {
        self.0.set_fixed32(8, flags);
    }

    /// Sets the trace.
    pub fn set_trace_id(&mut self, id: TraceId) {
        self.0.set_bytes(9, id.as_field());
    }

    /// Sets the span.
    pub fn set_span_id(&mut self, id: SpanId) {
        self.0.set_bytes(10, id.as_field());
    }

    /// Sets the name of the event that the record is.
    pub fn set_event_name(&mut self, name: &str) {
        self.0.set_text(12, name);
    }
}
