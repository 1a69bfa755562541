use std::io::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::schema::{self, Field, Kind, Message, Presence};
use crate::tree::Tree;
use crate::wire::{self, Fields, Wire};

/// Writes an export request.
pub(crate) fn write(tree: &Tree) -> Bytes {
    let body = tree.encode().into_bytes();
    let mut writer = Writer { out: Vec::with_capacity(body.len() * 2), fields: Vec::new() };
    writer.message(schema::request(tree.signal), &body);
    writer.out.into()
}

struct Writer<'a> {
    out: Vec<u8>,
    /// The fields of the messages that are being written, the innermost last, by their position in the table.
    fields: Vec<(usize, Wire<'a>)>,
}

impl<'a> Writer<'a> {
    fn message(&mut self, message: &'static Message, body: &'a [u8]) {
        // Members of an array have to stand together, so fields come in the table's order.
        let start = self.fields.len();
        let known =
            Fields(body).filter_map(|field| Some((message.position(field.number)?, field.wire)));
        self.fields.extend(known);
        let own = &mut self.fields[start..];
        if !own.is_sorted_by_key(|(position, _)| *position) {
            own.sort_by_key(|(position, _)| *position);
        }

        self.out.push(b'{');
        let empty = self.out.len();
        let mut next = start;
        let end = self.fields.len();
        for (position, field) in message.fields.iter().enumerate() {
            let begin = next;
            while next < end && self.fields[next].0 == position {
                next += 1;
            }
            if begin < next || is_always_written(field) {
                self.field(field, begin..next, empty);
            }
        }
        self.out.push(b'}');
        self.fields.truncate(start);
    }

    fn field(&mut self, field: &'static Field, values: std::ops::Range<usize>, empty: usize) {
        let undo = self.out.len();
        if self.out.len() > empty {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(field.json.as_bytes());
        self.out.extend_from_slice(b"\":");
        if field.presence == Presence::Repeated {
            self.out.push(b'[');
            let empty = self.out.len();
            for at in values {
                self.elements(field.kind, self.fields[at].1, empty);
            }
            if self.out.len() == empty {
                self.out.truncate(undo);
                return;
            }
            self.out.push(b']');
            return;
        }
        let value = values.last().map(|at| self.fields[at].1);
        match (field.kind, value) {
            (Kind::Message(inner), value) => {
                self.message(inner, value.map_or(&[], Wire::bytes));
            }
            (_, Some(value))
                if field.presence != Presence::Implicit || !is_default(field.kind, value) =>
            {
                self.scalar(field.kind, value);
            }
            _ => self.out.truncate(undo),
        }
    }

    /// Writes what one occurrence of a repeated field adds to its array.
    fn elements(&mut self, kind: Kind, value: Wire<'a>, empty: usize) {
        let element = |writer: &mut Self, value| {
            if writer.out.len() > empty {
                writer.out.push(b',');
            }
            match (kind, value) {
                (Kind::Message(inner), Wire::Bytes(body)) => writer.message(inner, body),
                _ => writer.scalar(kind, value),
            }
        };
        match (kind, value) {
            (Kind::Message(_) | Kind::Str | Kind::Bytes | Kind::Id(_), _) => element(self, value),
            (Kind::Fixed64 | Kind::Sfixed64 | Kind::Double, Wire::Bytes(mut packed)) => {
                while let Some(bits) = wire::fixed64(&mut packed) {
                    element(self, Wire::Fixed64(bits));
                }
            }
            (_, Wire::Bytes(mut packed)) => {
                while let Some(bits) = wire::varint(&mut packed) {
                    element(self, Wire::Varint(bits));
                }
            }
            _ => element(self, value),
        }
    }

    fn scalar(&mut self, kind: Kind, value: Wire<'a>) {
        let bits = value.bits();
        match kind {
            Kind::Str => text(&mut self.out, value.str()),
            Kind::Bytes => {
                self.out.push(b'"');
                self.out.extend_from_slice(BASE64_STANDARD.encode(value.bytes()).as_bytes());
                self.out.push(b'"');
            }
            Kind::Id(_) => {
                self.out.push(b'"');
                for byte in value.bytes() {
                    self.out.push(HEX[usize::from(byte >> 4)]);
                    self.out.push(HEX[usize::from(byte & 15)]);
                }
                self.out.push(b'"');
            }
            Kind::Bool => self.out.extend_from_slice(if bits == 0 { b"false" } else { b"true" }),
            Kind::Int32 | Kind::Enum(_) => self.display((bits as u32).cast_signed()),
            Kind::Sint32 => self.display(wire::zigzag(bits as u32)),
            Kind::Uint32 | Kind::Fixed32 => self.display(bits as u32),
            Kind::Int64 | Kind::Sfixed64 => {
                self.display(format_args!("\"{}\"", bits.cast_signed()))
            }
            Kind::Uint64 | Kind::Fixed64 => self.display(format_args!("\"{bits}\"")),
            Kind::Double => self.double(value.double()),
            // The caller writes messages.
            Kind::Message(_) => self.out.extend_from_slice(b"{}"),
        }
    }

    /// The shortest text that reads back as the same number, with an exponent where JavaScript writes one.
    fn double(&mut self, value: f64) {
        let size = value.abs();
        if value.is_nan() {
            self.out.extend_from_slice(b"\"NaN\"");
        } else if value.is_infinite() {
            let name: &[u8] = if value > 0.0 { b"\"Infinity\"" } else { b"\"-Infinity\"" };
            self.out.extend_from_slice(name);
        } else if size == 0.0 || (1e-6..1e21).contains(&size) {
            self.display(value);
        } else {
            self.display(format_args!("{value:e}"));
        }
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        write!(self.out, "{value}").expect("a vector takes everything");
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Singular messages are written even when they are not there, as upstream does.
fn is_always_written(field: &Field) -> bool {
    matches!((field.kind, field.presence), (Kind::Message(_), Presence::Explicit))
}

/// Whether a field without presence has the value that it has when it is absent. An id of zeros is none.
fn is_default(kind: Kind, value: Wire<'_>) -> bool {
    match kind {
        Kind::Str | Kind::Bytes => value.bytes().is_empty(),
        Kind::Id(_) => value.bytes().iter().all(|byte| *byte == 0),
        Kind::Bool | Kind::Uint64 | Kind::Int64 => value.bits() == 0,
        Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_) => value.bits() as u32 == 0,
        Kind::Fixed32 | Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => value.bits() == 0,
        Kind::Message(_) => false,
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}
