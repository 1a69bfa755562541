//! Rewriting a well-formed request so that readers may stop at the first field they find.
//!
//! What protobuf says about a field that is there twice is done here once: the last scalar wins, messages are merged, the
//! last member of a oneof wins (and is merged with what came before it only if that was the same member). Text becomes
//! UTF-8. Scope groups in the field of the time before OTLP 0.15 move to today's, unless that is used as well.

use crate::schema::{self, Kind, Message, Presence, Role};
use crate::signal::Signal;
use crate::validate::DEPRECATED_SCOPES;
use crate::wire::{self, Field, Fields, LEN, Wire};

/// The plain form of a validated request, and the number of texts that were not UTF-8.
pub(crate) fn normalize(signal: Signal, body: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(body.len());
    let mut replaced = 0;
    message(&mut out, schema::request(signal), &[body], &mut replaced);
    (out, replaced)
}

/// Writes the merged form of the parts of one message.
fn message(out: &mut Vec<u8>, message: &'static Message, parts: &[&[u8]], replaced: &mut usize) {
    let fields = || parts.iter().flat_map(|part| Fields(part));
    let old_scopes = match message.field(2).map(|field| field.kind) {
        Some(Kind::Message(scopes)) if message.role == Role::Resource => Some(scopes),
        _ => None,
    };
    let has_scopes = old_scopes.is_some() && fields().any(|field| field.number == 2);

    let mut once: Vec<Slot<'_>> = Vec::new();
    for field in fields() {
        match (message.field(field.number), old_scopes, field.wire) {
            (Some(known), ..) if known.presence != Presence::Repeated => {
                remember(&mut once, known, field);
            }
            (Some(known), ..) => match known.kind {
                Kind::Message(inner) => {
                    nested(out, field.number, inner, &[field.wire.bytes()], replaced);
                }
                kind => scalar(out, kind, field, replaced),
            },
            (None, Some(scopes), Wire::Bytes(body)) if field.number == DEPRECATED_SCOPES => {
                if !has_scopes {
                    nested(out, 2, scopes, &[body], replaced);
                }
            }
            (None, ..) => out.extend_from_slice(field.raw),
        }
    }
    for slot in once {
        match slot.kind {
            Kind::Message(inner) => nested(out, slot.last.number, inner, &slot.parts, replaced),
            kind => scalar(out, kind, slot.last, replaced),
        }
    }
}

/// What a singular field, or a oneof, ends up as.
struct Slot<'a> {
    oneof: bool,
    kind: Kind,
    last: Field<'a>,
    /// What a message is merged from.
    parts: Vec<&'a [u8]>,
}

fn remember<'a>(once: &mut Vec<Slot<'a>>, known: &'static schema::Field, field: Field<'a>) {
    let oneof = known.presence == Presence::Oneof;
    let is_it =
        |slot: &&mut Slot<'_>| slot.oneof == oneof && (oneof || slot.last.number == field.number);
    let body = field.wire.bytes();
    let part = (!body.is_empty() && matches!(known.kind, Kind::Message(_))).then_some(body);
    let Some(slot) = once.iter_mut().find(is_it) else {
        let parts = part.into_iter().collect();
        once.push(Slot { oneof, kind: known.kind, last: field, parts });
        return;
    };
    if slot.last.number != field.number {
        slot.parts.clear();
    }
    (slot.last, slot.kind) = (field, known.kind);
    slot.parts.extend(part);
}

fn nested(
    out: &mut Vec<u8>,
    number: u32,
    inner: &'static Message,
    parts: &[&[u8]],
    replaced: &mut usize,
) {
    let start = wire::open(out, number);
    message(out, inner, parts, replaced);
    wire::close(out, start);
}

fn scalar(out: &mut Vec<u8>, kind: Kind, field: Field<'_>, replaced: &mut usize) {
    match (kind, field.wire) {
        (Kind::Str, Wire::Bytes(body)) if str::from_utf8(body).is_err() => {
            *replaced += 1;
            wire::put_tag(out, field.number, LEN);
            let text = String::from_utf8_lossy(body);
            wire::put_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        _ => out.extend_from_slice(field.raw),
    }
}
