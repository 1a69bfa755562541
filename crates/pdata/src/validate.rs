//! The door: one pass over a request's bytes, without decoding them.
//!
//! What passes is well-formed down to the leaves, so that nothing behind the door can fail. What is well-formed but not
//! plain (a singular field twice, two members of a oneof, text that is not UTF-8, fields of the time before OTLP 0.15)
//! is reported as [`Verdict::plain`] being false and is rewritten by [`normalize`](crate::normalize).

use crate::error::{InvalidOtlp, Reason};
use crate::schema::{self, Action, Field, Kind, Message, Role};
use crate::signal::Signal;
use crate::wire::{self, FIXED32, FIXED64, GROUP, LEN, MAX_DEPTH, VARINT};

/// What one request may weigh: protobuf's own limit.
const MAX_LEN: usize = i32::MAX as usize;

/// The field in which senders older than OTLP 0.15 put their scope groups.
pub(crate) const DEPRECATED_SCOPES: u32 = 1000;

/// How many there are of what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) resources: usize,
    pub(crate) metrics: usize,
    pub(crate) items: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.resources += other.resources;
        self.metrics += other.metrics;
        self.items += other.items;
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            resources: self.resources - other.resources,
            metrics: self.metrics - other.metrics,
            items: self.items - other.items,
        }
    }
}

/// What the pass has found out about a well-formed request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) counts: Counts,
    /// Every singular field is there at most once, and all text is UTF-8.
    pub(crate) plain: bool,
}

/// Checks the body of an export request.
pub(crate) fn validate(signal: Signal, body: &[u8]) -> Result<Verdict, InvalidOtlp> {
    let mut pass = Pass { counts: [0; 4], repeated: 0, unclean: false };
    let request = schema::request(signal);
    let outcome = if body.len() > MAX_LEN {
        Err(Failure { reason: Reason::Size, left: body })
    } else {
        pass.message(body, request, MAX_DEPTH)
    };
    match outcome {
        Ok(()) => {
            let [_, resources, metrics, items] = pass.counts;
            Ok(Verdict {
                counts: Counts { resources, metrics, items },
                plain: pass.repeated == 0 && !pass.unclean,
            })
        }
        Err(Failure { reason, left }) => {
            let offset = left.as_ptr().addr() - body.as_ptr().addr();
            Err(InvalidOtlp { signal, reason, offset, path: path(body, request, offset) })
        }
    }
}

struct Pass {
    /// By [`Role`].
    counts: [usize; 4],
    /// Not zero if a field was there twice that may be there once.
    repeated: u32,
    /// Something else has to be rewritten.
    unclean: bool,
}

struct Failure<'a> {
    reason: Reason,
    /// What had not been read when it failed.
    left: &'a [u8],
}

type Outcome<'a, T = ()> = Result<T, Failure<'a>>;

impl Pass {
    fn message<'a>(
        &mut self,
        mut rest: &'a [u8],
        message: &'static Message,
        depth: u32,
    ) -> Outcome<'a> {
        self.counts[message.role as usize] += 1;
        let mut seen = 0;
        while let Some((&tag, after)) = rest.split_first() {
            let (number, wire_type, action, once, inner);
            let step = &message.steps[usize::from(tag >> 3) & 15];
            if tag < 0x80 && tag & 7 == step.wire_type {
                rest = after;
                (number, wire_type) = (u32::from(tag >> 3), tag & 7);
                (action, once, inner) = (step.action, step.once, step.inner);
            } else {
                let start = rest;
                let Some(parts) = wire::tag(&mut rest) else {
                    return Err(Failure { reason: Reason::Tag, left: start });
                };
                (number, wire_type) = parts;
                (action, once, inner) = match message.field(number) {
                    Some(field) => (field.action(wire_type), field.once(), field.message()),
                    None => (Action::Unknown, 0, None),
                };
            }
            self.repeated |= seen & once;
            seen |= once;
            match action {
                Action::Varint => {
                    varint(&mut rest)?;
                }
                Action::Fixed64 => {
                    rest =
                        rest.get(8..).ok_or(Failure { reason: Reason::Truncated, left: rest })?;
                }
                Action::Fixed32 => {
                    rest =
                        rest.get(4..).ok_or(Failure { reason: Reason::Truncated, left: rest })?;
                }
                Action::Str => {
                    let body = delimited(&mut rest)?;
                    self.unclean |= !is_utf8(body);
                }
                Action::Bytes => {
                    delimited(&mut rest)?;
                }
                Action::Message => {
                    let body = delimited(&mut rest)?;
                    let Some(inner) = inner else { continue };
                    if schema::is_attribute(inner) && is_plain_attribute(body) {
                        continue;
                    }
                    if depth == 0 {
                        return Err(Failure { reason: Reason::Depth, left: body });
                    }
                    self.message(body, inner, depth - 1)?;
                }
                Action::Id8 => id(&mut rest, 8)?,
                Action::Id16 => id(&mut rest, 16)?,
                Action::PackedFixed64 => {
                    let body = delimited(&mut rest)?;
                    if body.len() % 8 != 0 {
                        return Err(Failure { reason: Reason::Truncated, left: body });
                    }
                }
                Action::PackedVarint => {
                    let mut body = delimited(&mut rest)?;
                    while !body.is_empty() {
                        varint(&mut body)?;
                    }
                }
                Action::Unknown => {
                    rest = self.unknown(rest, message, number, wire_type, depth)?;
                }
                Action::Mismatch => {
                    return Err(Failure { reason: Reason::WireType, left: rest });
                }
            }
        }
        Ok(())
    }

    /// Skips a field that is not in the table.
    #[cold]
    fn unknown<'a>(
        &mut self,
        mut rest: &'a [u8],
        message: &'static Message,
        number: u32,
        wire_type: u8,
        depth: u32,
    ) -> Outcome<'a, &'a [u8]> {
        let failure = |reason| Failure { reason, left: rest };
        match (number, wire_type) {
            (0, _) => return Err(failure(Reason::Tag)),
            (DEPRECATED_SCOPES, LEN) if message.role == Role::Resource => {
                self.unclean = true;
                let body = delimited(&mut rest)?;
                if let Some(Kind::Message(scopes)) = message.field(2).map(|field| field.kind) {
                    self.message(body, scopes, depth.saturating_sub(1))?;
                }
            }
            (_, VARINT) => drop(varint(&mut rest)?),
            (_, FIXED64) => rest = rest.get(8..).ok_or(failure(Reason::Truncated))?,
            (_, LEN) => drop(delimited(&mut rest)?),
            (_, FIXED32) => rest = rest.get(4..).ok_or(failure(Reason::Truncated))?,
            (_, GROUP) => {
                let mut left = rest;
                wire::skip_group(&mut left, number, depth).ok_or(failure(Reason::Truncated))?;
                rest = left;
            }
            _ => return Err(failure(Reason::WireType)),
        }
        Ok(rest)
    }
}

#[inline]
fn varint<'a>(rest: &mut &'a [u8]) -> Outcome<'a, u64> {
    let left = *rest;
    wire::varint(rest).ok_or(Failure { reason: Reason::Varint, left })
}

#[inline]
fn delimited<'a>(rest: &mut &'a [u8]) -> Outcome<'a, &'a [u8]> {
    let left = *rest;
    wire::delimited(rest).ok_or(Failure { reason: Reason::Truncated, left })
}

#[inline]
fn id<'a>(rest: &mut &'a [u8], len: usize) -> Outcome<'a> {
    let body = delimited(rest)?;
    if body.is_empty() || body.len() == len {
        Ok(())
    } else {
        Err(Failure { reason: Reason::IdLength, left: body })
    }
}

/// Whether this is an attribute as nearly all are: a key and a scalar value, each once, in ASCII, and nothing else. It is
/// valid then, and the general way can be saved for what is left.
#[inline]
fn is_plain_attribute(body: &[u8]) -> bool {
    // The lengths are single bytes: `is_ascii` below sees to that.
    let [0x0a, key, rest @ ..] = body else { return false };
    let Some((_, [0x12, len, value @ ..])) = rest.split_at_checked(usize::from(*key)) else {
        return false;
    };
    if value.len() != usize::from(*len) {
        return false;
    }
    match value {
        [0x0a, len, text @ ..] => text.len() == usize::from(*len) && is_ascii(body),
        [0x10 | 0x18, _] => is_ascii(body),
        [0x21, double @ ..] => double.len() == 8 && is_ascii(&body[..body.len() - 8]),
        _ => false,
    }
}

/// Whether the bytes are UTF-8. Most text is short and ASCII, and `str::from_utf8` costs more to begin than that takes.
#[inline]
fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || str::from_utf8(bytes).is_ok()
}

#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let high = if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
        // The last word overlaps the one before it, which is cheaper than what is left byte by byte.
        let mut all = u64::from_le_bytes(*head) | u64::from_le_bytes(*tail);
        for word in bytes.as_chunks::<8>().0 {
            all |= u64::from_le_bytes(*word);
        }
        all & HIGH
    } else {
        u64::from(bytes.iter().fold(0, |all, byte| all | byte) & 0x80)
    };
    high == 0
}

/// The names of the fields around a byte, for an error.
fn path(body: &[u8], request: &'static Message, offset: usize) -> String {
    let mut names = Vec::new();
    let (mut message, mut rest) = (request, body);
    // Where `rest` begins in the body.
    let mut base = 0;
    while let Some((field, value, end)) = field_at(rest, message, offset - base) {
        names.push(field.name);
        let Kind::Message(inner) = field.kind else { break };
        if end - value.len() > offset - base {
            break;
        }
        base += end - value.len();
        (message, rest) = (inner, value);
    }
    if names.is_empty() { "the request".into() } else { names.join(".") }
}

/// The known field at an offset, with its body and its end. A field that is cut off has no body.
fn field_at<'a>(
    message: &'a [u8],
    descriptor: &'static Message,
    offset: usize,
) -> Option<(&'static Field, &'a [u8], usize)> {
    let mut rest = message;
    loop {
        let (number, wire_type) = wire::tag(&mut rest)?;
        let mut after = rest;
        let value = match wire_type {
            VARINT => wire::varint(&mut after).map(|_| &rest[..0]),
            FIXED64 => wire::fixed64(&mut after).map(|_| &rest[..0]),
            FIXED32 => wire::fixed32(&mut after).map(|_| &rest[..0]),
            LEN => wire::delimited(&mut after),
            GROUP => wire::skip_group(&mut after, number, MAX_DEPTH).map(|()| &rest[..0]),
            _ => None,
        };
        let end = message.len() - after.len();
        match value {
            Some(_) if end < offset => rest = after,
            _ => return Some((descriptor.field(number)?, value.unwrap_or_default(), end)),
        }
    }
}
