//! The status in which gRPC and OTLP report failure, and its ways over HTTP.
//!
//! The mapping is upstream's OTLP receiver's (`receiver/otlpreceiver/internal/errors`).

use std::time::{Duration, SystemTime};

use http::StatusCode;

/// `google.rpc.Status`, with the one detail that OTLP uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// A gRPC status code, 0 to 16.
    pub code: u32,
    /// What went wrong.
    pub message: String,
    /// `RetryInfo`: how long the sender should wait.
    pub retry_delay: Option<Duration>,
}

/// The codes that are named here.
#[expect(missing_docs, reason = "gRPC's names")]
pub mod code {
    pub const OK: u32 = 0;
    pub const CANCELLED: u32 = 1;
    pub const UNKNOWN: u32 = 2;
    pub const INVALID_ARGUMENT: u32 = 3;
    pub const DEADLINE_EXCEEDED: u32 = 4;
    pub const PERMISSION_DENIED: u32 = 7;
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    pub const ABORTED: u32 = 10;
    pub const OUT_OF_RANGE: u32 = 11;
    pub const UNIMPLEMENTED: u32 = 12;
    pub const INTERNAL: u32 = 13;
    pub const UNAVAILABLE: u32 = 14;
    pub const DATA_LOSS: u32 = 15;
    pub const UNAUTHENTICATED: u32 = 16;
}

const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

impl Status {
    /// A status without details.
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_delay: None }
    }

    /// The HTTP status that an OTLP receiver answers with.
    pub fn http(&self) -> StatusCode {
        match self.code {
            code::OK => StatusCode::OK,
            code::CANCELLED
            | code::DEADLINE_EXCEEDED
            | code::ABORTED
            | code::OUT_OF_RANGE
            | code::UNAVAILABLE
            | code::DATA_LOSS => StatusCode::SERVICE_UNAVAILABLE,
            code::RESOURCE_EXHAUSTED => StatusCode::TOO_MANY_REQUESTS,
            code::INVALID_ARGUMENT => StatusCode::BAD_REQUEST,
            code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
            code::PERMISSION_DENIED => StatusCode::FORBIDDEN,
            code::UNIMPLEMENTED => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC code that an HTTP status stands for.
    pub fn code_of_http(status: StatusCode) -> u32 {
        match status.as_u16() {
            400 => code::INVALID_ARGUMENT,
            401 => code::UNAUTHENTICATED,
            403 => code::PERMISSION_DENIED,
            404 => code::UNIMPLEMENTED,
            429 => code::RESOURCE_EXHAUSTED,
            502..=504 => code::UNAVAILABLE,
            _ => code::UNKNOWN,
        }
    }

    /// Protobuf bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, 1, u64::from(self.code));
        put_bytes(&mut bytes, 2, self.message.as_bytes());
        if let Some(delay) = self.retry_delay {
            let mut duration = Vec::new();
            put_varint(&mut duration, 1, delay.as_secs());
            put_varint(&mut duration, 2, u64::from(delay.subsec_nanos()));
            let mut retry = Vec::new();
            put_message(&mut retry, 1, &duration);
            let mut any = Vec::new();
            put_bytes(&mut any, 1, RETRY_INFO);
            put_message(&mut any, 2, &retry);
            put_message(&mut bytes, 3, &any);
        }
        bytes
    }

    /// Reads protobuf bytes. What is not understood is passed over; `None` for what is no message at all.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Field::Varint(code)) => status.code = u32::try_from(code).ok()?,
                (2, Field::Bytes(text)) => {
                    status.message = String::from_utf8_lossy(text).into_owned()
                }
                (3, Field::Bytes(any)) => {
                    status.retry_delay = status.retry_delay.or(retry_info(any))
                }
                _ => {}
            }
        }
        Some(status)
    }

    /// Proto3 JSON.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{");
        if self.code != 0 {
            json.push_str(&format!("\"code\":{},", self.code));
        }
        json.push_str("\"message\":");
        push_json_string(&mut json, &self.message);
        if let Some(delay) = self.retry_delay {
            json.push_str(",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"");
            json.push_str(&delay.as_secs().to_string());
            if delay.subsec_nanos() > 0 {
                json.push_str(&format!(".{:09}", delay.subsec_nanos()));
            }
            json.push_str("s\"}]");
        }
        json.push('}');
        json
    }
}

fn push_json_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if u32::from(c) < 0x20 => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
}

/// The wait that a `Retry-After` header asks for: whole seconds, or a date.
pub fn parse_retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO))
}

fn retry_info(any: &[u8]) -> Option<Duration> {
    let (mut kind, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields(any) {
        match field? {
            (1, Field::Bytes(bytes)) => kind = bytes,
            (2, Field::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    if kind != RETRY_INFO {
        return None;
    }
    let (_, Field::Bytes(duration)) = Fields(value).flatten().find(|(number, _)| *number == 1)?
    else {
        return None;
    };
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields(duration) {
        match field? {
            (1, Field::Varint(value)) => seconds = value,
            (2, Field::Varint(value)) => nanos = u32::try_from(value).ok()?,
            _ => {}
        }
    }
    // A negative delay is a huge number here.
    i64::try_from(seconds).ok().filter(|_| nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

fn put_key(bytes: &mut Vec<u8>, number: u8, wire_type: u8) {
    bytes.push(number << 3 | wire_type);
}

fn put_raw_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while let low @ 0x80.. = value {
        bytes.push((low & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_varint(bytes: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        put_key(bytes, number, 0);
        put_raw_varint(bytes, value);
    }
}

fn put_bytes(bytes: &mut Vec<u8>, number: u8, value: &[u8]) {
    if !value.is_empty() {
        put_message(bytes, number, value);
    }
}

fn put_message(bytes: &mut Vec<u8>, number: u8, value: &[u8]) {
    put_key(bytes, number, 2);
    put_raw_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// A field's value, as far as this module needs it.
enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message; an item of `None` is where it is malformed.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.skip(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (value, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Field::Bytes(value)
            }
            5 => self.skip(4)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn skip(&mut self, length: usize) -> Option<Field<'a>> {
        self.0 = self.0.get(length..)?;
        Some(Field::Other)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (place, byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let delay = Some(Duration::new(300, 5));
        Status {
            code: code::UNAVAILABLE,
            message: "try \"later\"\n".to_owned(),
            retry_delay: delay,
        }
    }

    #[test]
    fn a_status_survives_its_encoding() {
        for status in [status(), Status::default(), Status::new(13, "x".repeat(300))] {
            assert_eq!(Status::decode(&status.encode()), Some(status));
        }
    }

    #[test]
    fn it_reads_what_the_generated_code_writes() {
        use tonic_types::{ErrorDetails, StatusExt};
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1500)));
        let other = tonic::Status::with_error_details(tonic::Code::Unavailable, "busy", details);
        let read = Status::decode(other.details()).unwrap();
        assert_eq!(read.code, 14);
        assert_eq!(read.message, "busy");
        assert_eq!(read.retry_delay, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn json_is_escaped() {
        assert_eq!(
            status().to_json(),
            r#"{"code":14,"message":"try \"later\"\n","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"300.000000005s"}]}"#
        );
    }

    #[test]
    fn garbage_is_no_status_and_no_panic() {
        assert_eq!(Status::decode(&[0x0f]), None);
        assert_eq!(
            Status::decode(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            None
        );
        assert_eq!(Status::decode(&[0x12, 5, b'a']), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("30"), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon"), None);
    }
}
