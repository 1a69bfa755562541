use std::ops::Range;

use crate::tree::Edited;
use crate::value::ValueRef;
use crate::wire::{self, Fields};

/// A message that may be about to change. It is copied when it does for the first time.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    original: &'a [u8],
    changed: bool,
    buffers: Buffers,
}

/// What drafts one after another can share.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// The message once it has changed.
    copy: Vec<u8>,
    /// Where new fields are put together.
    spare: Vec<u8>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(original: &'a [u8]) -> Self {
        Self::with(Buffers::default(), original)
    }

    pub(crate) fn with(buffers: Buffers, original: &'a [u8]) -> Self {
        Self { original, changed: false, buffers }
    }

    pub(crate) fn into_buffers(self) -> Buffers {
        self.buffers
    }

    /// Gives the message away: into `out` if it is kept and has changed.
    pub(crate) fn finish(mut self, kept: bool, out: &mut Vec<u8>, buffers: &mut Buffers) -> Edited {
        let edited = match (kept, self.changed) {
            (false, _) => Edited::Removed,
            (true, false) => Edited::Kept,
            (true, true) => {
                std::mem::swap(&mut self.buffers.copy, out);
                Edited::Changed
            }
        };
        *buffers = self.buffers;
        edited
    }

    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// The message as it is.
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.changed { &self.buffers.copy } else { self.original }
    }

    /// The message, if it has changed.
    pub(crate) fn into_changed(self) -> Option<Vec<u8>> {
        self.changed.then_some(self.buffers.copy)
    }

    fn replace(&mut self, range: Range<usize>, field: &[u8]) {
        if self.bytes()[range.clone()] == *field {
            return;
        }
        if !self.changed {
            self.changed = true;
            self.buffers.copy.clear();
            self.buffers.copy.extend_from_slice(self.original);
        }
        splice(&mut self.buffers.copy, range, field);
    }

    /// Where the first field `number` stands, or where it would be put.
    fn place(&self, number: u32) -> Range<usize> {
        let mut at = 0;
        for field in Fields(self.bytes()) {
            let end = at + field.raw.len();
            if field.number == number {
                return at..end;
            }
            at = end;
        }
        at..at
    }

    /// Sets a singular field to what `write` writes, which may be nothing.
    fn put(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let mut field = std::mem::take(&mut self.buffers.spare);
        field.clear();
        write(&mut field);
        self.replace(self.place(number), &field);
        self.buffers.spare = field;
    }

    /// Sets a text. An empty one is left out.
    pub(crate) fn set_text(&mut self, number: u32, text: &str) {
        self.set_bytes(number, text.as_bytes());
    }

    /// Sets bytes. Empty ones are left out.
    pub(crate) fn set_bytes(&mut self, number: u32, bytes: &[u8]) {
        self.put(number, |out| {
            if !bytes.is_empty() {
                wire::put_bytes_field(out, number, bytes);
            }
        });
    }

    /// Sets a message, also when it is empty.
    pub(crate) fn set_message(&mut self, number: u32, body: &[u8]) {
        self.put(number, |out| wire::put_bytes_field(out, number, body));
    }

    /// Sets a varint. Zero is left out.
    pub(crate) fn set_varint(&mut self, number: u32, value: u64) {
        self.put(number, |out| {
            if value != 0 {
                wire::put_varint_field(out, number, value);
            }
        });
    }

    /// Sets an enum.
    pub(crate) fn set_enum(&mut self, number: u32, value: i32) {
        self.set_varint(number, i64::from(value).cast_unsigned());
    }

    /// Sets a `fixed64`. Zero is left out.
    pub(crate) fn set_fixed64(&mut self, number: u32, value: u64) {
        self.put(number, |out| {
            if value != 0 {
                wire::put_fixed64_field(out, number, value);
            }
        });
    }

    /// Sets 64 bits of a field with presence.
    pub(crate) fn set_present64(&mut self, number: u32, value: Option<u64>) {
        self.put(number, |out| {
            if let Some(value) = value {
                wire::put_fixed64_field(out, number, value);
            }
        });
    }

    /// Sets a `fixed32`. Zero is left out.
    pub(crate) fn set_fixed32(&mut self, number: u32, value: u32) {
        self.put(number, |out| {
            if value != 0 {
                wire::put_fixed32_field(out, number, value);
            }
        });
    }

    /// Sets an `AnyValue`.
    pub(crate) fn set_value(&mut self, number: u32, value: ValueRef<'_>) {
        self.put(number, |out| {
            let start = wire::open(out, number);
            value.write(out);
            wire::close(out, start);
        });
    }

    /// Edits the singular message in the field `number`, which comes to be if it is not there.
    pub(crate) fn within<T>(&mut self, number: u32, edit: impl FnOnce(&mut Draft<'_>) -> T) -> T {
        let body = wire::find(self.bytes(), number).map_or(&[][..], wire::Wire::bytes).to_vec();
        let mut inner = Draft::new(&body);
        let outcome = edit(&mut inner);
        if let Some(body) = inner.into_changed() {
            self.set_message(number, &body);
        }
        outcome
    }

    /// Rewrites the fields `number`: `edit` says for each what becomes of it. What was not changed is not copied.
    pub(crate) fn rewrite(
        &mut self,
        number: u32,
        mut edit: impl FnMut(&[u8], &mut Vec<u8>) -> Rewrite,
    ) {
        let mut out: Option<Vec<u8>> = None;
        let mut field = std::mem::take(&mut self.buffers.spare);
        let bytes = self.bytes();
        let mut at = 0;
        for own in Fields(bytes) {
            field.clear();
            let rewrite = if own.number == number {
                edit(own.wire.bytes(), &mut field)
            } else {
                Rewrite::Keep
            };
            if let Rewrite::Keep = rewrite {
                if let Some(out) = &mut out {
                    out.extend_from_slice(own.raw);
                }
            } else {
                let out = out.get_or_insert_with(|| {
                    let mut out = Vec::with_capacity(bytes.len());
                    out.extend_from_slice(&bytes[..at]);
                    out
                });
                if let Rewrite::Replace = rewrite {
                    wire::put_bytes_field(out, number, &field);
                }
            }
            at += own.raw.len();
        }
        self.buffers.spare = field;
        if let Some(out) = out {
            (self.buffers.copy, self.changed) = (out, true);
        }
    }

    /// Sets all fields `number` of a repeated field to what `write` writes, whatever they were written as.
    pub(crate) fn set_all(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::with_capacity(self.bytes().len());
        for own in Fields(self.bytes()).filter(|own| own.number != number) {
            out.extend_from_slice(own.raw);
        }
        write(&mut out);
        if out != self.bytes() {
            (self.buffers.copy, self.changed) = (out, true);
        }
    }

    /// Sets a repeated field of 64-bit numbers of fixed width.
    pub(crate) fn set_packed64(&mut self, number: u32, values: impl IntoIterator<Item = u64>) {
        let mut values = values.into_iter().peekable();
        self.set_all(number, |out| {
            if values.peek().is_none() {
                return;
            }
            let start = wire::open(out, number);
            values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
            wire::close(out, start);
        });
    }

    /// Appends a field that `write` writes.
    pub(crate) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut field = std::mem::take(&mut self.buffers.spare);
        field.clear();
        write(&mut field);
        let end = self.bytes().len();
        self.replace(end..end, &field);
        self.buffers.spare = field;
    }

    /// Replaces the first of the fields `number` for which `is_it` holds by what `write` makes of it. False if there is
    /// none.
    pub(crate) fn replace_first(
        &mut self,
        number: u32,
        is_it: impl Fn(&[u8]) -> bool,
        write: impl FnOnce(&[u8], &mut Vec<u8>),
    ) -> bool {
        let bytes = self.bytes();
        let mut bodies = Fields(bytes).bodies(number);
        while let Some((before, body)) = bodies.advance() {
            if is_it(body) {
                let range = bytes.len() - before.len()..bytes.len() - bodies.rest().len();
                let mut field = Vec::with_capacity(range.len() + 16);
                write(body, &mut field);
                self.replace(range, &field);
                return true;
            }
        }
        false
    }
}

/// What becomes of a repeated field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewrite {
    Keep,
    Drop,
    /// By the body that was written.
    Replace,
}

/// Puts other bytes in the place of some.
fn splice(buffer: &mut Vec<u8>, range: Range<usize>, bytes: &[u8]) {
    let tail = buffer.len() - range.end;
    let end = range.start + bytes.len();
    if bytes.len() > range.len() {
        buffer.resize(end + tail, 0);
    }
    buffer.copy_within(range.end..range.end + tail, end);
    buffer.truncate(end + tail);
    buffer[range.start..end].copy_from_slice(bytes);
}
