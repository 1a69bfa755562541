//! Values that are not objects, arrays or text: numbers, enums, ids, bytes.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeSeed, Error, Visitor};

use crate::schema::Kind;
use crate::wire;

/// What JSON may write for such a value.
pub(super) enum Scalar<'de> {
    Null,
    Bool(bool),
    Uint(u64),
    Int(i64),
    Float(f64),
    Text(Cow<'de, str>),
}

/// Reads any such value.
pub(super) struct Reader;

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Scalar<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Scalar<'de>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a string or a bool")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Uint(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.to_owned().into()))
    }
}

/// Why a value cannot be the value of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("not a bool")]
    Bool,
    #[error("not a whole number in the range of its type")]
    Integer,
    #[error("not a number")]
    Number,
    #[error("no such name")]
    Enum,
    #[error("not standard base64")]
    Base64,
    #[error("not a hexadecimal id")]
    Hex,
    #[error("length mismatch")]
    Length,
}

/// Writes a singular field. A default is left out unless it is to be kept, and null always is.
pub(super) fn put(
    out: &mut Vec<u8>,
    number: u32,
    kind: Kind,
    scalar: Scalar<'_>,
    keep_default: bool,
) -> Result<(), Wrong> {
    if matches!(scalar, Scalar::Null) {
        return Ok(());
    }
    match kind {
        Kind::Id(len) => {
            let id = id(&scalar, len)?;
            if !id.is_empty() {
                wire::put_bytes_field(out, number, &id);
            }
        }
        Kind::Bytes => {
            let Scalar::Text(text) = scalar else { return Err(Wrong::Base64) };
            let bytes = BASE64_STANDARD.decode(text.as_bytes()).map_err(|_| Wrong::Base64)?;
            if keep_default || !bytes.is_empty() {
                wire::put_bytes_field(out, number, &bytes);
            }
        }
        _ => {
            let bits = bits(kind, &scalar)?;
            if keep_default || bits != 0 {
                wire::put_tag(out, number, wire_type(kind));
                put_bits(out, kind, bits);
            }
        }
    }
    Ok(())
}

/// Writes an element of a packed field. Null is the default.
pub(super) fn put_packed(out: &mut Vec<u8>, kind: Kind, scalar: Scalar<'_>) -> Result<(), Wrong> {
    let bits = if matches!(scalar, Scalar::Null) { 0 } else { bits(kind, &scalar)? };
    put_bits(out, kind, bits);
    Ok(())
}

fn wire_type(kind: Kind) -> u8 {
    match kind {
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => wire::FIXED64,
        Kind::Fixed32 => wire::FIXED32,
        Kind::Str | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => wire::LEN,
        _ => wire::VARINT,
    }
}

fn put_bits(out: &mut Vec<u8>, kind: Kind, bits: u64) {
    match wire_type(kind) {
        wire::FIXED64 => out.extend_from_slice(&bits.to_le_bytes()),
        wire::FIXED32 => out.extend_from_slice(&(bits as u32).to_le_bytes()),
        _ => wire::put_varint(out, bits),
    }
}

/// The bits that protobuf writes for a number.
fn bits(kind: Kind, scalar: &Scalar<'_>) -> Result<u64, Wrong> {
    Ok(match kind {
        Kind::Bool => match scalar {
            Scalar::Bool(value) => u64::from(*value),
            _ => return Err(Wrong::Bool),
        },
        Kind::Double => double(scalar)?.to_bits(),
        Kind::Enum(names) => match scalar {
            Scalar::Text(name) => {
                names.iter().position(|own| own == name).ok_or(Wrong::Enum)? as u64
            }
            _ => within::<i32>(scalar)?.cast_unsigned(),
        },
        Kind::Int32 => within::<i32>(scalar)?.cast_unsigned(),
        Kind::Uint32 | Kind::Fixed32 => within::<u32>(scalar)?.cast_unsigned(),
        Kind::Int64 | Kind::Sfixed64 => within::<i64>(scalar)?.cast_unsigned(),
        Kind::Uint64 | Kind::Fixed64 => {
            u64::try_from(integer(scalar)?).map_err(|_| Wrong::Integer)?
        }
        Kind::Sint32 => {
            let value = within::<i32>(scalar)? as i32;
            u64::from((value << 1 ^ value >> 31).cast_unsigned())
        }
        Kind::Str | Kind::Bytes | Kind::Id(_) | Kind::Message(_) => return Err(Wrong::Number),
    })
}

/// A whole number within the range of a type.
fn within<T: TryFrom<i128>>(scalar: &Scalar<'_>) -> Result<i64, Wrong> {
    let value = integer(scalar)?;
    T::try_from(value).map_err(|_| Wrong::Integer)?;
    i64::try_from(value).map_err(|_| Wrong::Integer)
}

fn integer(scalar: &Scalar<'_>) -> Result<i128, Wrong> {
    match scalar {
        Scalar::Uint(value) => Ok(i128::from(*value)),
        Scalar::Int(value) => Ok(i128::from(*value)),
        Scalar::Text(text) => text.parse().map_err(|_| Wrong::Integer),
        // A whole number may be written as 1e3. Beyond 2^53 a float doesn't say which one is meant.
        Scalar::Float(value) if value.fract() == 0.0 && value.abs() <= 2f64.powi(53) => {
            Ok(*value as i128)
        }
        Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => Err(Wrong::Integer),
    }
}

fn double(scalar: &Scalar<'_>) -> Result<f64, Wrong> {
    match scalar {
        Scalar::Uint(value) => Ok(*value as f64),
        Scalar::Int(value) => Ok(*value as f64),
        Scalar::Float(value) => Ok(*value),
        Scalar::Text(text) => text.parse().map_err(|_| Wrong::Number),
        Scalar::Bool(_) | Scalar::Null => Err(Wrong::Number),
    }
}

fn id(scalar: &Scalar<'_>, len: usize) -> Result<Vec<u8>, Wrong> {
    let Scalar::Text(text) = scalar else { return Err(Wrong::Hex) };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.len() != 2 * len {
        return Err(Wrong::Length);
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect::<Option<_>>()
        .ok_or(Wrong::Hex)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
