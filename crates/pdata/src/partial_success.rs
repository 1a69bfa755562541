//! What an OTLP server says when it took a request, but not all of it.

use serde_json::Value;

use crate::signal::Signal;
use crate::wire;

/// The `partial_success` of an `Export…ServiceResponse`. The default is a full success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// How many spans, data points or log records were rejected.
    pub rejected: i64,
    /// Why, or a warning about what was accepted.
    pub message: String,
}

impl PartialSuccess {
    /// Reads it from a response in protobuf. `None`: that is no response.
    pub fn from_otlp(mut response: &[u8]) -> Option<Self> {
        let mut partial = Self::default();
        while !response.is_empty() {
            if let (1, Field::Bytes(body)) = field(&mut response)? {
                partial.read(body)?;
            }
        }
        Some(partial)
    }

    /// Reads it from a response in JSON. `None`: that is no response.
    pub fn from_json(signal: Signal, response: &[u8]) -> Option<Self> {
        let response: Value = serde_json::from_slice(response).ok()?;
        let response = response.as_object()?;
        let member =
            |camel: &str, snake: &str| response.get(camel).or(response.get(snake)).cloned();
        let partial = member("partialSuccess", "partial_success").unwrap_or(Value::Null);
        let (camel, snake) = match signal {
            Signal::Traces => ("rejectedSpans", "rejected_spans"),
            Signal::Metrics => ("rejectedDataPoints", "rejected_data_points"),
            Signal::Logs => ("rejectedLogRecords", "rejected_log_records"),
        };
        let rejected = match partial.get(camel).or(partial.get(snake)) {
            None | Some(Value::Null) => 0,
            Some(Value::String(text)) => text.parse().ok()?,
            Some(number) => number.as_i64()?,
        };
        let message = partial.get("errorMessage").or(partial.get("error_message"));
        let message = message.and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { rejected, message })
    }

    /// Whether there is nothing to tell.
    pub fn is_full(&self) -> bool {
        self.rejected == 0 && self.message.is_empty()
    }

    fn read(&mut self, mut body: &[u8]) -> Option<()> {
        while !body.is_empty() {
            match field(&mut body)? {
                (1, Field::Varint(rejected)) => self.rejected = rejected.cast_signed(),
                (2, Field::Bytes(text)) => {
                    self.message = String::from_utf8_lossy(text).into_owned()
                }
                _ => {}
            }
        }
        Some(())
    }
}

enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let (number, wire_type) = wire::tag(rest)?;
    let value = match wire_type {
        0 => Field::Varint(wire::varint(rest)?),
        1 => wire::fixed64(rest).map(|_| Field::Other)?,
        2 => Field::Bytes(wire::delimited(rest)?),
        5 => wire::fixed32(rest).map(|_| Field::Other)?,
        _ => return None,
    };
    Some((number, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_protobuf_and_json() {
        let partial = PartialSuccess { rejected: 3, message: "too old".to_owned() };
        let bytes = [0x0a, 0x0b, 0x08, 3, 0x12, 7, b't', b'o', b'o', b' ', b'o', b'l', b'd'];
        assert_eq!(PartialSuccess::from_otlp(&bytes), Some(partial.clone()));
        let json = br#"{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}"#;
        assert_eq!(PartialSuccess::from_json(Signal::Traces, json), Some(partial));
        for full in [&b""[..], &[0x0a, 0x00]] {
            assert!(PartialSuccess::from_otlp(full).unwrap().is_full());
        }
        assert!(PartialSuccess::from_json(Signal::Logs, b"{}").unwrap().is_full());
    }

    #[test]
    fn garbage_is_no_response() {
        assert_eq!(PartialSuccess::from_otlp(b"OK"), None);
        assert_eq!(PartialSuccess::from_json(Signal::Logs, b"OK"), None);
        assert_eq!(PartialSuccess::from_json(Signal::Logs, b"3"), None);
    }
}
