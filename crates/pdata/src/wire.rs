//! The protobuf wire format: reading fields out of a message, writing fields into a buffer.
//!
//! Readers are total. After the [validator](crate::validate) they never meet a malformed message; if they did, they would
//! end there as if the message ended.

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// A group, which OTLP never uses: its contents and its end tag are in [`Field::raw`].
    Group,
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The text of a validated string.
    pub(crate) fn str(self) -> &'a str {
        str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Whatever number it is, as 64 bits; nothing for bytes.
    pub(crate) fn bits(self) -> u64 {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => value,
            Self::Fixed32(value) => u64::from(value),
            Self::Bytes(_) | Self::Group => 0,
        }
    }

    pub(crate) fn double(self) -> f64 {
        f64::from_bits(self.bits())
    }
}

/// One field of a message as it stands there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) wire: Wire<'a>,
    /// The whole field with its tag.
    pub(crate) raw: &'a [u8],
}

/// The fields of a message, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.0;
        let (&first, mut rest) = start.split_first()?;
        let (number, wire_type) = if first < 0x80 {
            (u32::from(first >> 3), first & 7)
        } else {
            rest = start;
            tag(&mut rest)?
        };
        let wire = match wire_type {
            VARINT => Wire::Varint(varint(&mut rest)?),
            FIXED64 => Wire::Fixed64(fixed64(&mut rest)?),
            LEN => Wire::Bytes(delimited(&mut rest)?),
            GROUP => {
                skip_group(&mut rest, number, MAX_DEPTH)?;
                Wire::Group
            }
            FIXED32 => Wire::Fixed32(fixed32(&mut rest)?),
            _ => return None,
        };
        self.0 = rest;
        Some(Field { number, wire, raw: &start[..start.len() - rest.len()] })
    }
}

impl<'a> Fields<'a> {
    /// The bodies of the field `number`, in their order.
    pub(crate) fn bodies(self, number: u32) -> Bodies<'a> {
        Bodies { rest: self.0, number }
    }
}

/// The bodies of one repeated field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bodies<'a> {
    rest: &'a [u8],
    number: u32,
}

impl<'a> Bodies<'a> {
    /// The next body, and what was left of the message before its field.
    #[inline]
    pub(crate) fn advance(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        // Looking for an attribute spends its time here, so fields with short tags and lengths are passed over without
        // being looked into. The numbers of repeated messages are below 16, so that their tags are single bytes.
        let wanted = (self.number << 3) as u8 | LEN;
        let mut rest = self.rest;
        loop {
            let before = rest;
            match *rest {
                [tag @ ..0x80, len @ ..0x80, ref after @ ..] if tag & 7 == LEN => {
                    let (body, after) = after.split_at_checked(usize::from(len))?;
                    rest = after;
                    if tag == wanted {
                        self.rest = rest;
                        return Some((before, body));
                    }
                }
                [..0x80, _, _, _, _, _, _, _, _, ref after @ ..] if before[0] & 7 == FIXED64 => {
                    rest = after;
                }
                [..0x80, ..0x80, ref after @ ..] if before[0] & 7 == VARINT => rest = after,
                _ => {
                    let mut fields = Fields(rest);
                    let field = fields.next()?;
                    rest = fields.0;
                    if field.number == self.number {
                        self.rest = rest;
                        return Some((before, field.wire.bytes()));
                    }
                }
            }
        }
    }

    /// What is left of the message behind the body that was given last.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Bodies<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.advance().map(|(_, body)| body)
    }
}

/// The first field `number`. In a validated message a singular field is there at most once.
#[inline]
pub(crate) fn find(body: &[u8], number: u32) -> Option<Wire<'_>> {
    Fields(body).find(|field| field.number == number).map(|field| field.wire)
}

/// Messages may nest this deep, as in the other implementations of protobuf.
pub(crate) const MAX_DEPTH: u32 = 100;

pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const LEN: u8 = 2;
pub(crate) const GROUP: u8 = 3;
pub(crate) const GROUP_END: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

/// Takes a tag: the field's number and its wire type, which may be one that does not exist.
#[inline]
pub(crate) fn tag(rest: &mut &[u8]) -> Option<(u32, u8)> {
    let tag = u32::try_from(varint(rest)?).ok()?;
    if tag < 8 { None } else { Some((tag >> 3, (tag & 7) as u8)) }
}

/// Takes a varint of at most 64 bits.
#[inline]
pub(crate) fn varint(rest: &mut &[u8]) -> Option<u64> {
    let (&first, after) = rest.split_first()?;
    if first < 0x80 {
        *rest = after;
        return Some(u64::from(first));
    }
    long_varint(rest)
}

#[inline(never)]
fn long_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            if at == 9 && byte > 1 {
                return None;
            }
            *rest = &rest[at + 1..];
            return Some(value);
        }
    }
    None
}

#[inline]
pub(crate) fn fixed64(rest: &mut &[u8]) -> Option<u64> {
    let (value, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_le_bytes(*value))
}

#[inline]
pub(crate) fn fixed32(rest: &mut &[u8]) -> Option<u32> {
    let (value, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*value))
}

/// Takes bytes behind their length.
#[inline]
pub(crate) fn delimited<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(varint(rest)?).ok()?;
    let (body, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(body)
}

/// Takes what follows a group's start tag, its end tag included.
#[cold]
pub(crate) fn skip_group(rest: &mut &[u8], number: u32, depth: u32) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    loop {
        let (inner, wire_type) = tag(rest)?;
        match wire_type {
            VARINT => drop(varint(rest)?),
            FIXED64 => drop(fixed64(rest)?),
            LEN => drop(delimited(rest)?),
            GROUP => skip_group(rest, inner, depth)?,
            GROUP_END => return (inner == number).then_some(()),
            FIXED32 => drop(fixed32(rest)?),
            _ => return None,
        }
    }
}

/// The bytes a varint takes.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    // Seven bits a byte, and one byte for zero.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The bytes that a field of `len` bytes takes with its tag and length.
#[inline]
pub(crate) fn delimited_len(number: u32, len: usize) -> usize {
    varint_len(u64::from(number) << 3) + varint_len(len as u64) + len
}

#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u8) {
    put_varint(out, u64::from(number) << 3 | u64::from(wire_type));
}

pub(crate) fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, VARINT);
    put_varint(out, value);
}

pub(crate) fn put_fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_tag(out, number, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_fixed32_field(out: &mut Vec<u8>, number: u32, value: u32) {
    put_tag(out, number, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes the tag and the length of a field whose body the caller writes next.
#[inline]
pub(crate) fn put_head(out: &mut Vec<u8>, number: u32, len: usize) {
    put_tag(out, number, LEN);
    put_varint(out, len as u64);
}

#[inline]
pub(crate) fn put_bytes_field(out: &mut Vec<u8>, number: u32, body: &[u8]) {
    put_head(out, number, body.len());
    out.extend_from_slice(body);
}

/// Begins a field whose length is not known yet; [`close`] ends it.
pub(crate) fn open(out: &mut Vec<u8>, number: u32) -> usize {
    put_tag(out, number, LEN);
    out.push(0);
    out.len()
}

/// Ends a field that [`open`] began at `start`: puts the length of what has been written since before it.
pub(crate) fn close(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start;
    if len < 0x80 {
        out[start - 1] = len as u8;
        return;
    }
    let mut head = [0; 10];
    let mut rest = len;
    let mut size = 0;
    while rest >= 0x80 {
        head[size] = rest as u8 | 0x80;
        rest >>= 7;
        size += 1;
    }
    head[size] = rest as u8;
    out.splice(start - 1..start, head[..=size].iter().copied());
}

/// Takes back what [`open`] wrote.
pub(crate) fn abandon(out: &mut Vec<u8>, number: u32, start: usize) {
    out.truncate(start - 1 - varint_len(u64::from(number) << 3));
}

/// What a `sint32` of these bits means.
pub(crate) fn zigzag(bits: u32) -> i32 {
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_read_as_they_are_written() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX / 2, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
            let mut rest = &out[..];
            assert_eq!(varint(&mut rest), Some(value));
            assert!(rest.is_empty());
            for len in 0..out.len() {
                assert_eq!(varint(&mut &out[..len]), None, "{value} cut to {len}");
            }
        }
    }

    #[test]
    fn varints_have_at_most_64_bits_and_may_be_longer_than_they_need() {
        let with = |last| [&[0xff; 9][..], &[last]].concat();
        assert_eq!(varint(&mut &with(1)[..]), Some(u64::MAX));
        assert_eq!(varint(&mut &with(2)[..]), None);
        assert_eq!(varint(&mut &[0xff; 11][..]), None);
        assert_eq!(varint(&mut &[0x85, 0x80, 0x00][..]), Some(5));
    }

    #[test]
    fn lengths_of_any_size_are_put_before_what_they_measure() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut out = vec![9];
            let start = open(&mut out, 2);
            out.resize(out.len() + len, 7);
            close(&mut out, start);
            assert_eq!(out.len() - 1, delimited_len(2, len));
            let field = Fields(&out[1..]).next().unwrap();
            assert_eq!((field.number, field.wire.bytes().len()), (2, len));
            abandon(&mut out, 2, start);
            assert_eq!(out, [9]);
        }
    }

    #[test]
    fn bodies_are_found_among_fields_of_every_kind() {
        let mut out = Vec::new();
        put_varint_field(&mut out, 1, 5);
        put_varint_field(&mut out, 2, 500);
        put_fixed64_field(&mut out, 3, 1);
        put_fixed32_field(&mut out, 4, 1);
        put_bytes_field(&mut out, 9, b"first");
        put_bytes_field(&mut out, 200, b"far");
        put_bytes_field(&mut out, 8, &[1; 300]);
        // A group, with one of the wanted fields inside.
        out.extend_from_slice(&[0x6b, 0x4a, 1, b'x', 0x6c]);
        put_bytes_field(&mut out, 9, &[2; 200]);
        let bodies: Vec<_> = Fields(&out).bodies(9).collect();
        assert_eq!(bodies, [b"first", &[2; 200][..]]);
        assert_eq!(Fields(&out).count(), 9);
    }
}
