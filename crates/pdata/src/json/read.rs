use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Error};

use super::scalar;
use crate::door;
use crate::error::InvalidJson;
use crate::schema::{self, Field, Kind, Message, Presence};
use crate::signal::Signal;
use crate::tree::Tree;
use crate::wire;

/// Reads an export request. Gives the number of texts that were not UTF-8, too.
pub(crate) fn read(signal: Signal, text: &[u8]) -> Result<(Tree, usize), InvalidJson> {
    let mut progress = Progress { out: Vec::with_capacity(text.len() / 2), ..Progress::default() };
    let request = MessageSeed { message: schema::request(signal), progress: &mut progress };
    let outcome = request
        .deserialize(&mut Deserializer::from_slice(text))
        .and_then(|()| door::enter(signal, progress.out.into()).map_err(Error::custom));
    match outcome {
        Ok((tree, _)) => Ok((tree, progress.replaced)),
        Err(source) => {
            Err(InvalidJson { signal, path: progress.path.join("."), source: source.into() })
        }
    }
}

/// How far the reader has come.
#[derive(Default)]
struct Progress {
    out: Vec<u8>,
    /// The members around what is being read. An error leaves them as they are.
    path: Vec<&'static str>,
    replaced: usize,
}

/// Reads an object and writes the body of a message. Nothing for null.
struct MessageSeed<'p> {
    message: &'static Message,
    progress: &'p mut Progress,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for {}", self.message.name)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(field) = members.next_key_seed(KeySeed(self.message))? {
            let Some(field) = field else {
                members.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            self.progress.path.push(field.json);
            members.next_value_seed(FieldSeed { field, progress: self.progress })?;
            self.progress.path.pop();
        }
        Ok(())
    }
}

/// Reads a member's name. Nothing for a name that the message does not have.
struct KeySeed(&'static Message);

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<&'static Field>;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_bytes(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.named(name))
    }
}

/// Reads a member's value and writes the field.
struct FieldSeed<'p> {
    field: &'static Field,
    progress: &'p mut Progress,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        let Self { field, progress } = self;
        match (field.presence, field.kind) {
            (Presence::Repeated, _) => source.deserialize_any(ListVisitor { field, progress }),
            (_, Kind::Message(message)) => {
                source.deserialize_option(NestedVisitor { number: field.number, message, progress })
            }
            (_, Kind::Str) => {
                let keep_empty = field.presence == Presence::Oneof;
                source.deserialize_option(TextVisitor { field, keep_empty, progress })
            }
            (presence, kind) => {
                let scalar = source.deserialize_any(scalar::Reader)?;
                let keep_default = presence != Presence::Implicit;
                scalar::put(&mut progress.out, field.number, kind, scalar, keep_default)
                    .map_err(D::Error::custom)
            }
        }
    }
}

/// Reads an object that may be null and writes it with its tag and length.
struct NestedVisitor<'p> {
    number: u32,
    message: &'static Message,
    progress: &'p mut Progress,
}

impl<'de> Visitor<'de> for NestedVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for {}", self.message.name)
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        let start = wire::open(&mut self.progress.out, self.number);
        MessageSeed { message: self.message, progress: self.progress }.deserialize(source)?;
        wire::close(&mut self.progress.out, start);
        Ok(())
    }
}

/// Reads a string that may be null and writes it as text.
struct TextVisitor<'p> {
    field: &'static Field,
    /// Whether an empty text is not the same as none.
    keep_empty: bool,
    progress: &'p mut Progress,
}

impl<'de> DeserializeSeed<'de> for TextVisitor<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for TextVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        // As bytes, because JSON from the outside is not always UTF-8, and an escape may be half a surrogate pair.
        source.deserialize_bytes(self)
    }

    fn visit_bytes<E>(self, text: &[u8]) -> Result<(), E> {
        if text.is_empty() && !self.keep_empty {
            return Ok(());
        }
        let Progress { out, replaced, .. } = self.progress;
        match str::from_utf8(text) {
            Ok(_) => wire::put_bytes_field(out, self.field.number, text),
            Err(_) => {
                *replaced += 1;
                let text = String::from_utf8_lossy(text);
                wire::put_bytes_field(out, self.field.number, text.as_bytes());
            }
        }
        Ok(())
    }
}

/// Reads an array that may be null and writes a repeated field.
struct ListVisitor<'p> {
    field: &'static Field,
    progress: &'p mut Progress,
}

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { field, progress } = self;
        match field.kind {
            Kind::Message(message) => loop {
                let start = wire::open(&mut progress.out, field.number);
                if elements.next_element_seed(MessageSeed { message, progress })?.is_none() {
                    wire::abandon(&mut progress.out, field.number, start);
                    return Ok(());
                }
                wire::close(&mut progress.out, start);
            },
            Kind::Str => {
                while elements
                    .next_element_seed(TextVisitor { field, keep_empty: true, progress })?
                    .is_some()
                {}
                Ok(())
            }
            kind => {
                let start = wire::open(&mut progress.out, field.number);
                let mut any = false;
                while let Some(scalar) = elements.next_element_seed(scalar::Reader)? {
                    scalar::put_packed(&mut progress.out, kind, scalar)
                        .map_err(A::Error::custom)?;
                    any = true;
                }
                if any {
                    wire::close(&mut progress.out, start);
                } else {
                    wire::abandon(&mut progress.out, field.number, start);
                }
                Ok(())
            }
        }
    }
}
