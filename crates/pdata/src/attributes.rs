use std::slice;

use crate::value::{Value, ValueRef};
use crate::wire::{self, Bodies, Fields};

/// Keys with values, in order: the attributes of something, or the entries of a map.
///
/// Keys are meant to be unique. Where a sender repeated one, the first is found.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(Entries<'a>);

#[derive(Clone, Copy, Debug)]
enum Entries<'a> {
    /// A message in which this field is a repeated `KeyValue`.
    Encoded {
        body: &'a [u8],
        field: u32,
    },
    Owned(&'a [(String, Value)]),
}

impl<'a> Attributes<'a> {
    pub(crate) fn encoded(body: &'a [u8], field: u32) -> Self {
        Self(Entries::Encoded { body, field })
    }

    pub(crate) fn owned(entries: &'a [(String, Value)]) -> Self {
        Self(Entries::Owned(entries))
    }

    /// The value of this key.
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        match self.0 {
            Entries::Encoded { body, field } => Fields(body)
                .bodies(field)
                .map(split_entry)
                .find(|(own, _)| *own == key.as_bytes())
                .map(|(_, value)| ValueRef::read(value)),
            Entries::Owned(entries) => {
                entries.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_ref())
            }
        }
    }

    /// The entries.
    pub fn iter(self) -> AttributesIter<'a> {
        match self.0 {
            Entries::Encoded { body, field } => {
                AttributesIter { encoded: Fields(body).bodies(field), owned: [].iter() }
            }
            Entries::Owned(entries) => {
                AttributesIter { encoded: Fields(&[]).bodies(1), owned: entries.iter() }
            }
        }
    }

    /// How many entries there are.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there are no entries.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

/// Equal if both have equal entries in the same order.
impl PartialEq for Attributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = AttributesIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Entries of [`Attributes`].
#[derive(Clone, Debug)]
pub struct AttributesIter<'a> {
    encoded: Bodies<'a>,
    owned: slice::Iter<'a, (String, Value)>,
}

impl<'a> Iterator for AttributesIter<'a> {
    type Item = (&'a str, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.encoded.next() {
            let (key, value) = split_entry(entry);
            return Some((str::from_utf8(key).unwrap_or_default(), ValueRef::read(value)));
        }
        self.owned.next().map(|(key, value)| (key.as_str(), value.as_ref()))
    }
}

/// The key and the body of the value of a `KeyValue`.
#[inline]
pub(crate) fn split_entry(entry: &[u8]) -> (&[u8], &[u8]) {
    // As nearly all are written: both fields in order and short.
    if let [0x0a, len @ ..0x80, rest @ ..] = entry
        && let Some((key, [0x12, len @ ..0x80, value @ ..])) =
            rest.split_at_checked(usize::from(*len))
        && value.len() == usize::from(*len)
    {
        return (key, value);
    }
    let find = |number| wire::find(entry, number).map_or(&[][..], wire::Wire::bytes);
    (find(1), find(2))
}
