use super::group::{RecordView, Records, ScopeGroup, sealed};
use super::id::{SpanId, TraceId};
use super::{bits, bits32, bytes, text};
use crate::attributes::Attributes;
use crate::wire::Fields;

/// A span.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a>(pub(crate) &'a [u8]);

impl<'a> RecordView<'a> for Span<'a> {}

impl<'a> sealed::Sealed<'a> for Span<'a> {
    fn at(place: sealed::Place<'a>) -> Self {
        Self(place.0.header())
    }
}

impl<'a> ScopeGroup<'a, Span<'a>> {
    /// The spans.
    pub fn spans(&self) -> Records<'a, Span<'a>> {
        self.records()
    }
}

impl<'a> Span<'a> {
    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        TraceId::read(bytes(self.0, 1))
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        SpanId::read(bytes(self.0, 2))
    }

    /// The W3C trace state.
    pub fn trace_state(&self) -> &'a str {
        text(self.0, 3)
    }

    /// The parent, not set for a root span.
    pub fn parent_span_id(&self) -> SpanId {
        SpanId::read(bytes(self.0, 4))
    }

    /// The name.
    pub fn name(&self) -> &'a str {
        text(self.0, 5)
    }

    /// The kind.
    pub fn kind(&self) -> SpanKind {
        bits32(self.0, 6).cast_signed().into()
    }

    /// When it began, in nanoseconds since 1970.
    pub fn start_time_unix_nano(&self) -> u64 {
        bits(self.0, 7)
    }

    /// When it ended, in nanoseconds since 1970.
    pub fn end_time_unix_nano(&self) -> u64 {
        bits(self.0, 8)
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 9)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 10)
    }

    /// The events.
    pub fn events(&self) -> impl Iterator<Item = Event<'a>> + use<'a> {
        Fields(self.0).bodies(11).map(Event)
    }

    /// How many events were dropped.
    pub fn dropped_events_count(&self) -> u32 {
        bits32(self.0, 12)
    }

    /// The links.
    pub fn links(&self) -> impl Iterator<Item = Link<'a>> + use<'a> {
        Fields(self.0).bodies(13).map(Link)
    }

    /// How many links were dropped.
    pub fn dropped_links_count(&self) -> u32 {
        bits32(self.0, 14)
    }

    /// The status.
    pub fn status_code(&self) -> StatusCode {
        bits32(bytes(self.0, 15), 3).cast_signed().into()
    }

    /// The text with the status.
    pub fn status_message(&self) -> &'a str {
        text(bytes(self.0, 15), 2)
    }

    /// The W3C trace flags, and whether the parent is remote.
    pub fn flags(&self) -> u32 {
        bits32(self.0, 16)
    }
}

/// Something that happened during a span.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a>(pub(crate) &'a [u8]);

impl<'a> Event<'a> {
    /// When, in nanoseconds since 1970.
    pub fn time_unix_nano(&self) -> u64 {
        bits(self.0, 1)
    }

    /// The name.
    pub fn name(&self) -> &'a str {
        text(self.0, 2)
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 3)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 4)
    }
}

/// A pointer from a span to another.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a>(pub(crate) &'a [u8]);

impl<'a> Link<'a> {
    /// The other's trace.
    pub fn trace_id(&self) -> TraceId {
        TraceId::read(bytes(self.0, 1))
    }

    /// The other span.
    pub fn span_id(&self) -> SpanId {
        SpanId::read(bytes(self.0, 2))
    }

    /// The W3C trace state.
    pub fn trace_state(&self) -> &'a str {
        text(self.0, 3)
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 4)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 5)
    }

    /// The W3C trace flags, and whether the other span is remote.
    pub fn flags(&self) -> u32 {
        bits32(self.0, 6)
    }
}

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $number:literal $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $value,)*
            /// A number that has no name yet.
            Other(i32),
        }

        impl From<i32> for $name {
            fn from(number: i32) -> Self {
                match number {
                    $($number => Self::$value,)*
                    other => Self::Other(other),
                }
            }
        }

        impl From<$name> for i32 {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$value => $number,)*
                    $name::Other(other) => other,
                }
            }
        }
    };
}
pub(super) use enumeration;

enumeration! {
    /// The role of a span.
    SpanKind {
        /// Not said.
        0 Unspecified,
        /// Within an application.
        1 Internal,
        /// Serves a remote request.
        2 Server,
        /// Makes a remote request.
        3 Client,
        /// Sends a message.
        4 Producer,
        /// Takes a message.
        5 Consumer,
    }
}

enumeration! {
    /// How a span ended.
    StatusCode {
        /// Not said.
        0 Unset,
        /// Well, as somebody has verified.
        1 Ok,
        /// With an error.
        2 Error,
    }
}
