use super::attributes::AttributesMut;
use super::draft::{Draft, Rewrite};
use crate::attributes::Attributes;
use crate::view::{Event, Link, Span, SpanId, SpanKind, StatusCode, TraceId};

/// A span, to be changed.
#[derive(Debug)]
pub struct SpanMut<'a>(pub(crate) Draft<'a>);

impl<'a> SpanMut<'a> {
    /// The span, to read.
    pub fn view(&self) -> Span<'_> {
        Span(self.0.bytes())
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, None, 9)
    }

    /// Sets the trace.
    pub fn set_trace_id(&mut self, id: TraceId) {
        self.0.set_bytes(1, id.as_field());
    }

    /// Sets the span's own id.
    pub fn set_span_id(&mut self, id: SpanId) {
        self.0.set_bytes(2, id.as_field());
    }

    /// Sets the parent.
    pub fn set_parent_span_id(&mut self, id: SpanId) {
        self.0.set_bytes(4, id.as_field());
    }

    /// Sets the W3C trace state.
    pub fn set_trace_state(&mut self, state: &str) {
        self.0.set_text(3, state);
    }

    /// Sets the name.
    pub fn set_name(&mut self, name: &str) {
        self.0.set_text(5, name);
    }

    /// Sets the kind.
    pub fn set_kind(&mut self, kind: SpanKind) {
        self.0.set_enum(6, kind.into());
    }

    /// Sets when it began.
    pub fn set_start_time_unix_nano(&mut self, time: u64) {
        self.0.set_fixed64(7, time);
    }

    /// Sets when it ended.
    pub fn set_end_time_unix_nano(&mut self, time: u64) {
        self.0.set_fixed64(8, time);
    }

    /// Sets how many attributes were dropped.
    pub fn set_dropped_attributes_count(&mut self, count: u32) {
        self.0.set_varint(10, count.into());
    }

    /// Sets how many events were dropped.
    pub fn set_dropped_events_count(&mut self, count: u32) {
        self.0.set_varint(12, count.into());
    }

    /// Sets how many links were dropped.
    pub fn set_dropped_links_count(&mut self, count: u32) {
        self.0.set_varint(14, count.into());
    }

    /// Sets the status.
    pub fn set_status_code(&mut self, code: StatusCode) {
        self.0.within(15, |status| status.set_enum(3, code.into()));
    }

    /// Sets the text with the status.
    pub fn set_status_message(&mut self, message: &str) {
        self.0.within(15, |status| status.set_text(2, message));
    }

    /// Sets the W3C trace flags, and whether the parent is remote.
    pub fn set_flags(&mut self, flags: u32) {
        self.0.set_fixed32(16, flags);
    }

    /// Shows each event, with the span as it was before the first, and keeps those for which `keep` is true.
    pub fn retain_events(&mut self, mut keep: impl FnMut(Span<'_>, &mut EventMut<'_>) -> bool) {
        let before = self.0.bytes().to_vec();
        self.0.rewrite(11, |body, out| {
            let mut event = EventMut(Draft::new(body));
            if !keep(Span(&before), &mut event) {
                return Rewrite::Drop;
            }
            match event.0.into_changed() {
                Some(changed) => {
                    *out = changed;
                    Rewrite::Replace
                }
                None => Rewrite::Keep,
            }
        });
    }

    /// Shows each link and keeps those for which `keep` is true.
    pub fn retain_links(&mut self, mut keep: impl FnMut(&mut LinkMut<'_>) -> bool) {
        self.0.rewrite(13, |body, out| {
            let mut link = LinkMut(Draft::new(body));
            if !keep(&mut link) {
                return Rewrite::Drop;
            }
            match link.0.into_changed() {
                Some(changed) => {
                    *out = changed;
                    Rewrite::Replace
                }
                None => Rewrite::Keep,
            }
        });
    }

    /// Removes all links.
    pub fn clear_links(&mut self) {
        self.0.rewrite(13, |_, _| Rewrite::Drop);
    }
}

/// A link of a span to another, to be changed.
#[derive(Debug)]
pub struct LinkMut<'a>(Draft<'a>);

impl<'a> LinkMut<'a> {
    /// The link, to read.
    pub fn view(&self) -> Link<'_> {
        Link(self.0.bytes())
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, None, 4)
    }

    /// Sets the trace that it leads to.
    pub fn set_trace_id(&mut self, id: TraceId) {
        self.0.set_bytes(1, id.as_field());
    }

    /// Sets the span that it leads to.
    pub fn set_span_id(&mut self, id: SpanId) {
        self.0.set_bytes(2, id.as_field());
    }

    /// Sets the W3C trace state.
    pub fn set_trace_state(&mut self, state: &str) {
        self.0.set_text(3, state);
    }

    /// Sets the W3C trace flags.
    pub fn set_flags(&mut self, flags: u32) {
        self.0.set_fixed32(6, flags);
    }
}

/// An event of a span, to be changed.
#[derive(Debug)]
pub struct EventMut<'a>(Draft<'a>);

impl<'a> EventMut<'a> {
    /// The event, to read.
    pub fn view(&self) -> Event<'_> {
        Event(self.0.bytes())
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, None, 3)
    }

    /// Sets when it happened.
    pub fn set_time_unix_nano(&mut self, time: u64) {
        self.0.set_fixed64(1, time);
    }

    /// Sets the name.
    pub fn set_name(&mut self, name: &str) {
        self.0.set_text(2, name);
    }

    /// Sets how many attributes were dropped.
    pub fn set_dropped_attributes_count(&mut self, count: u32) {
        self.0.set_varint(4, count.into());
    }
}
