//! Attribute values and log bodies: one type to read, one to own.

use std::borrow::Cow;
use std::slice;

use crate::attributes::Attributes;
use crate::wire::{self, Bodies, Fields};

/// A value, borrowed. What is in a list or a map is read when it is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub enum ValueRef<'a> {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(&'a str),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    List(List<'a>),
    /// Keys with values, in order.
    Map(Attributes<'a>),
}

/// A value on its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(String),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Keys with values, in order.
    Map(Vec<(String, Value)>),
}

impl<'a> ValueRef<'a> {
    /// Reads the body of an `AnyValue`.
    #[inline]
    pub(crate) fn read(body: &'a [u8]) -> Self {
        // A member of the oneof is there at most once; a field that we do not know may stand before it.
        for field in Fields(body) {
            return match field.number {
                1 => Self::Str(field.wire.str()),
                2 => Self::Bool(field.wire.bits() != 0),
                3 => Self::Int(field.wire.bits().cast_signed()),
                4 => Self::Double(field.wire.double()),
                5 => Self::List(List(Values::Encoded(field.wire.bytes()))),
                6 => Self::Map(Attributes::encoded(field.wire.bytes(), 1)),
                7 => Self::Bytes(field.wire.bytes()),
                _ => continue,
            };
        }
        Self::Empty
    }

    /// Writes the body of an `AnyValue`.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => {}
            Self::Str(text) => wire::put_bytes_field(out, 1, text.as_bytes()),
            Self::Bool(value) => wire::put_varint_field(out, 2, u64::from(value)),
            Self::Int(value) => wire::put_varint_field(out, 3, value.cast_unsigned()),
            Self::Double(value) => wire::put_fixed64_field(out, 4, value.to_bits()),
            Self::Bytes(bytes) => wire::put_bytes_field(out, 7, bytes),
            Self::List(list) => {
                let start = wire::open(out, 5);
                for value in list {
                    let start = wire::open(out, 1);
                    value.write(out);
                    wire::close(out, start);
                }
                wire::close(out, start);
            }
            Self::Map(entries) => {
                let start = wire::open(out, 6);
                for (key, value) in entries {
                    write_attribute(out, 1, key, value);
                }
                wire::close(out, start);
            }
        }
    }

    /// The text, if this is text.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a whole number.
    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The value on its own.
    pub fn to_owned(self) -> Value {
        match self {
            Self::Empty => Value::Empty,
            Self::Str(text) => Value::Str(text.into()),
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Double(value) => Value::Double(value),
            Self::Bytes(bytes) => Value::Bytes(bytes.into()),
            Self::List(list) => Value::List(list.iter().map(Self::to_owned).collect()),
            Self::Map(entries) => Value::Map(
                entries.iter().map(|(key, value)| (key.into(), value.to_owned())).collect(),
            ),
        }
    }
}

/// Equal if both say the same, whatever they borrow from. `NaN` equals nothing; the order of a map's keys counts.
impl PartialEq for ValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Empty, Self::Empty) => true,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => a.iter().eq(b.iter()),
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// The value to read.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Empty => ValueRef::Empty,
            Self::Str(text) => ValueRef::Str(text),
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Double(value) => ValueRef::Double(*value),
            Self::Bytes(bytes) => ValueRef::Bytes(bytes),
            Self::List(values) => ValueRef::List(List(Values::Owned(values))),
            Self::Map(entries) => ValueRef::Map(Attributes::owned(entries)),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        value.as_ref()
    }
}

impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

impl<'a> From<&'a String> for ValueRef<'a> {
    fn from(text: &'a String) -> Self {
        Self::Str(text)
    }
}

impl<'a> From<&'a Cow<'_, str>> for ValueRef<'a> {
    fn from(text: &'a Cow<'_, str>) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for ValueRef<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for ValueRef<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for ValueRef<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl<'a> From<&'a [u8]> for ValueRef<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<ValueRef<'_>> for Value {
    fn from(value: ValueRef<'_>) -> Self {
        value.to_owned()
    }
}

/// Values in order.
#[derive(Clone, Copy, Debug)]
pub struct List<'a>(Values<'a>);

#[derive(Clone, Copy, Debug)]
enum Values<'a> {
    /// The body of an `ArrayValue`.
    Encoded(&'a [u8]),
    Owned(&'a [Value]),
}

impl<'a> List<'a> {
    /// The values.
    pub fn iter(self) -> ListIter<'a> {
        let (encoded, owned) = match self.0 {
            Values::Encoded(body) => (body, &[][..]),
            Values::Owned(values) => (&[][..], values),
        };
        ListIter { encoded: Fields(encoded).bodies(1), owned: owned.iter() }
    }

    /// How many values there are.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there are no values.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> IntoIterator for List<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = ListIter<'a>;

    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}

/// Values of a [`List`].
#[derive(Clone, Debug)]
pub struct ListIter<'a> {
    encoded: Bodies<'a>,
    owned: slice::Iter<'a, Value>,
}

impl<'a> Iterator for ListIter<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.encoded.next().map(ValueRef::read).or_else(|| self.owned.next().map(Value::as_ref))
    }
}

/// Writes a `KeyValue` as the field `number`.
pub(crate) fn write_attribute(out: &mut Vec<u8>, number: u32, key: &str, value: ValueRef<'_>) {
    let start = wire::open(out, number);
    wire::put_bytes_field(out, 1, key.as_bytes());
    let inner = wire::open(out, 2);
    value.write(out);
    wire::close(out, inner);
    wire::close(out, start);
}
