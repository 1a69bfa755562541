//! OTLP's messages as one table, for the validator, the normaliser and both directions of JSON.
//!
//! Fields stand in the order of the `.proto` files, which is the order in which JSON writes them.

mod table;

use crate::signal::Signal;
use crate::wire;

/// A message type.
#[derive(Debug)]
pub(crate) struct Message {
    /// The name in errors.
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
    /// What this message is counted as.
    pub(crate) role: Role,
    /// What the validator does with a field, by field number. All that OTLP uses but one fit.
    pub(crate) steps: [Step; 16],
    /// By field number, the index in `fields`; [`NONE`] for no field.
    index: [u8; NUMBERS],
}

/// Field numbers below this one are looked up in a table. OTLP's largest is 16.
const NUMBERS: usize = 17;
const NONE: u8 = u8::MAX;

/// What the validator does with a field that has the wire type it should have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) wire_type: u8,
    pub(crate) action: Action,
    /// See [`Field::once`].
    pub(crate) once: u32,
    pub(crate) inner: Option<&'static Message>,
}

/// What the items of a batch are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Not counted.
    Part = 0,
    /// A resource group.
    Resource = 1,
    /// A metric.
    Metric = 2,
    /// A span, a data point or a log record.
    Item = 3,
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// The name in JSON.
    pub(crate) json: &'static str,
    /// The name in the `.proto` file, which JSON may use too.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
}

/// Whether a field may be absent or repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Absent means the default.
    Implicit,
    /// Absent and default are two things.
    Explicit,
    /// A member of the message's oneof. No OTLP message has two.
    Oneof,
    Repeated,
}

/// The type of a field's value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Str,
    Bytes,
    /// An id of so many bytes, or of none.
    Id(usize),
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    /// The names of the values 0, 1, ... .
    Enum(&'static [&'static str]),
    Message(&'static Message),
}

/// What the validator does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Action {
    /// Not in the table: skip it by its wire type.
    Unknown,
    /// In the table with another wire type.
    Mismatch,
    Varint,
    Fixed64,
    Fixed32,
    Str,
    Bytes,
    Id8,
    Id16,
    PackedVarint,
    PackedFixed64,
    Message,
}

impl Message {
    /// The field with this number.
    #[inline]
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        let index = *self.index.get(number as usize)?;
        self.fields.get(usize::from(index))
    }

    /// The position in `fields` of the field with this number.
    pub(crate) fn position(&self, number: u32) -> Option<usize> {
        match *self.index.get(number as usize)? {
            NONE => None,
            index => Some(usize::from(index)),
        }
    }

    /// The field with this name, in either spelling.
    pub(crate) fn named(&self, name: &[u8]) -> Option<&'static Field> {
        self.fields
            .iter()
            .find(|field| field.json.as_bytes() == name || field.name.as_bytes() == name)
    }

    const fn new(name: &'static str, role: Role, fields: &'static [Field]) -> Self {
        const UNKNOWN: Step =
            Step { wire_type: u8::MAX, action: Action::Unknown, once: 0, inner: None };
        let mut index = [NONE; NUMBERS];
        let mut steps = [UNKNOWN; 16];
        let mut at = 0;
        while at < fields.len() {
            let field = &fields[at];
            index[field.number as usize] = at as u8;
            if field.number < 16 {
                let wire_type = field.wire_type();
                let action = field.action(wire_type);
                let inner = field.message();
                steps[field.number as usize] =
                    Step { wire_type, action, once: field.once(), inner };
            }
            at += 1;
        }
        Self { name, fields, role, steps, index }
    }
}

impl Field {
    /// The message that this field holds.
    pub(crate) const fn message(&self) -> Option<&'static Message> {
        match self.kind {
            Kind::Message(message) => Some(message),
            _ => None,
        }
    }

    /// A bit of its own if the field may be there once. The members of a oneof share a bit.
    pub(crate) const fn once(&self) -> u32 {
        match self.presence {
            Presence::Repeated => 0,
            Presence::Oneof => 1,
            Presence::Implicit | Presence::Explicit => 1 << self.number,
        }
    }

    /// The wire type of a single value.
    pub(crate) const fn wire_type(&self) -> u8 {
        match self.kind {
            Kind::Str | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => wire::LEN,
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => wire::FIXED64,
            Kind::Fixed32 => wire::FIXED32,
            Kind::Bool
            | Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Enum(_) => wire::VARINT,
        }
    }

    /// What the validator does with this field when it comes with this wire type.
    pub(crate) const fn action(&self, wire_type: u8) -> Action {
        if wire_type == self.wire_type() {
            return match self.kind {
                Kind::Str => Action::Str,
                Kind::Bytes => Action::Bytes,
                Kind::Id(8) => Action::Id8,
                Kind::Id(_) => Action::Id16,
                Kind::Message(_) => Action::Message,
                Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Action::Fixed64,
                Kind::Fixed32 => Action::Fixed32,
                _ => Action::Varint,
            };
        }
        match (self.presence, wire_type, self.wire_type()) {
            (Presence::Repeated, wire::LEN, wire::FIXED64) => Action::PackedFixed64,
            (Presence::Repeated, wire::LEN, wire::VARINT) => Action::PackedVarint,
            _ => Action::Mismatch,
        }
    }
}

/// The body of the signal's export request.
pub(crate) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &table::TRACES,
        Signal::Metrics => &table::METRICS,
        Signal::Logs => &table::LOGS,
    }
}

/// Whether this is the message of an attribute.
pub(crate) fn is_attribute(message: &'static Message) -> bool {
    std::ptr::eq(message, &table::KEY_VALUE)
}
