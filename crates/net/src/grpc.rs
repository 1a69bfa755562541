//! Unary gRPC over HTTP/2: the five bytes before a message, and the trailers after it.
//!
//! This is not a library's job here, because telemetry passes through as it came: a message is checked against its limit
//! before it is buffered, and goes out in the chunks that it consists of. `tonic` copies it into a buffer of its own on
//! both ways. What it offers beyond that, code generated for each service and streams, is not needed. The tests speak to
//! `tonic`'s clients and servers. See `docs/decisions/grpc.md`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use crate::body::Gathered;
use crate::compression::{Algorithm, DecompressError};
use crate::status::{Status, code};

/// The media type.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
/// The header that names a message's compression.
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// The header that names the compressions that the other side may use.
pub const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// The length of what stands before a message.
pub const PREFIX: usize = 5;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The prefix of a message of this length.
pub fn prefix(length: usize, compressed: bool) -> Result<Bytes, Status> {
    let length = u32::try_from(length)
        .map_err(|_| Status::new(code::RESOURCE_EXHAUSTED, "message is longer than 4 GiB"))?;
    let mut prefix = BytesMut::with_capacity(PREFIX);
    prefix.put_u8(u8::from(compressed));
    prefix.put_u32(length);
    Ok(prefix.freeze())
}

/// Reads the one message in a body, decompressed, and never longer than `limit`. One that announces more is refused before
/// it has come. A plain message that comes in one frame is not copied.
///
/// # Errors
///
/// A status that the other side can be told.
pub async fn read_message<B>(
    mut body: B,
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut gathered = Gathered::default();
    let mut announced = None;
    while let Some(frame) = body.frame().await {
        let broken = |_| Status::new(code::CANCELLED, "the request broke off");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        gathered.push(data, PREFIX + announced.unwrap_or_default());
        announced = announced.or_else(|| announced_length(gathered.as_slice()));
        match announced {
            Some(length) if length > limit => return Err(too_large(length, limit)),
            Some(length) if gathered.len() > PREFIX + length => break,
            _ => {}
        }
    }
    message(gathered.finish(), encoding, limit)
}

/// What servers and clients of ours understand, for `grpc-accept-encoding`.
pub const ACCEPTED: &str = "identity,gzip,zstd,snappy";

/// The name of an algorithm in `grpc-encoding`, for those that upstream's servers know. Snappy is framed there.
pub const fn encoding_name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Gzip => Some("gzip"),
        Algorithm::Zstd => Some("zstd"),
        Algorithm::SnappyFramed => Some("snappy"),
        Algorithm::Zlib | Algorithm::Snappy | Algorithm::Lz4 => None,
    }
}

fn algorithm(name: &[u8]) -> Option<Algorithm> {
    let known = [Algorithm::Gzip, Algorithm::Zstd, Algorithm::SnappyFramed];
    known.into_iter().find(|it| encoding_name(*it).is_some_and(|it| it.as_bytes() == name))
}

/// The length that a message's prefix announces.
fn announced_length(body: &[u8]) -> Option<usize> {
    let length = body.get(1..PREFIX)?.try_into().ok()?;
    Some(usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX))
}

/// The one message in a body, decompressed, and never longer than `limit`. A plain message is not copied.
///
/// # Errors
///
/// A status that the other side can be told.
pub(crate) fn message(
    mut body: Bytes,
    encoding: Option<&HeaderValue>,
    limit: usize,
) -> Result<Bytes, Status> {
    let end = || Status::new(code::INTERNAL, "unexpected end of stream");
    let length = announced_length(&body).ok_or_else(end)?;
    if length > limit {
        return Err(too_large(length, limit));
    }
    let prefix = body.split_to(PREFIX);
    if body.len() != length {
        return Err(Status::new(code::INTERNAL, "message and its announced length differ"));
    }
    match (prefix[0], encoding.map(HeaderValue::as_bytes)) {
        (0, _) => Ok(body),
        (1, name) => {
            let Some(algorithm) = name.and_then(algorithm) else {
                return Err(unknown_compression(name));
            };
            algorithm.decompress(&body, limit).map_err(|error| match error {
                DecompressError::TooLarge { .. } => too_large(limit.saturating_add(1), limit),
                malformed => Status::new(
                    code::INTERNAL,
                    format!("cannot decompress the message: {malformed}"),
                ),
            })
        }
        _ => Err(Status::new(code::INTERNAL, "message has invalid flags")),
    }
}

fn unknown_compression(name: Option<&[u8]>) -> Status {
    let name = name.map_or("none".into(), String::from_utf8_lossy);
    Status::new(code::UNIMPLEMENTED, format!("compression \"{name}\" is not supported"))
}

/// What a server says of a message that is too long.
pub fn too_large(length: usize, limit: usize) -> Status {
    let text = format!("received message larger than max ({length} vs. {limit})");
    Status::new(code::RESOURCE_EXHAUSTED, text)
}

/// Writes a status as trailers, or as the headers of an answer that has nothing else.
pub fn write_status(status: &Status, headers: &mut HeaderMap) {
    headers.insert(STATUS, HeaderValue::from(status.code));
    if !status.message.is_empty() {
        let message = utf8_percent_encode(&status.message, UNPRINTABLE).to_string();
        headers.insert(MESSAGE, message.try_into().expect("percent encoding leaves plain text"));
    }
    if status.retry_delay.is_some() {
        let details = BASE64.encode(status.encode());
        headers.insert(DETAILS, details.try_into().expect("base64 is plain text"));
    }
}

/// Reads the status from trailers or headers. `None` when they hold none.
pub fn read_status(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get(STATUS)?.to_str().ok()?.parse().ok()?;
    let message = headers
        .get(MESSAGE)
        .map(|text| percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned());
    let details = headers.get(DETAILS).and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let retry_delay = details.and_then(|bytes| Status::decode(&bytes)?.retry_delay);
    Some(Status { code, message: message.unwrap_or_default(), retry_delay })
}

/// gRPC's encoding of `grpc-message`: everything but printable ASCII, and the percent sign itself.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b'%');
/// Base64 as gRPC's binary headers have it: written without padding, read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Chunks;

    #[test]
    fn a_status_survives_the_headers() {
        for retry_delay in [None, Some(std::time::Duration::from_millis(2500))] {
            let message = "50 % of grüße\nlost".to_owned();
            let status = Status { code: 14, message, retry_delay };
            let mut headers = HeaderMap::new();
            write_status(&status, &mut headers);
            assert_eq!(read_status(&headers), Some(status));
        }
        assert_eq!(read_status(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn a_message_is_read_across_frames_and_refused_when_it_is_announced_as_too_long() {
        let frames = |frames: &[&'static [u8]]| -> Chunks {
            frames.iter().map(|frame| Bytes::from_static(frame)).collect()
        };
        let split = frames(&[b"\0\0", b"\0\0\x05he", b"llo"]);
        assert_eq!(read_message(split, None, 5).await.unwrap(), "hello");
        let long = read_message(frames(&[b"\0\0\0\0\x06h"]), None, 5).await.unwrap_err();
        assert_eq!(long.code, code::RESOURCE_EXHAUSTED);
        assert_eq!(long.message, "received message larger than max (6 vs. 5)");
        for malformed in [frames(&[]), frames(&[b"\0\0\0"]), frames(&[b"\0\0\0\0\x01a", b"b"])] {
            let refused = read_message(malformed, None, 5).await.unwrap_err();
            assert_eq!(refused.code, code::INTERNAL, "{refused:?}");
        }
    }

    #[test]
    fn a_message_is_read_plain_and_compressed_up_to_its_limit() {
        let framed = |message: &[u8], compressed| {
            let mut body = BytesMut::from(&prefix(message.len(), compressed).unwrap()[..]);
            body.extend_from_slice(message);
            body.freeze()
        };
        let gzip = Some(HeaderValue::from_static("gzip"));
        let zipped = Algorithm::Gzip.compress(None, &[Bytes::from_static(b"hello")]);
        assert_eq!(message(framed(b"hello", false), None, 5).unwrap(), "hello");
        assert_eq!(message(framed(&zipped, true), gzip.as_ref(), 100).unwrap(), "hello");
        let code = |refused: Result<Bytes, Status>| refused.unwrap_err().code;
        assert_eq!(code(message(framed(b"hello", false), None, 4)), code::RESOURCE_EXHAUSTED);
        assert_eq!(code(message(framed(&zipped, true), None, 100)), code::UNIMPLEMENTED);
        assert_eq!(code(message(framed(b"hello", true), gzip.as_ref(), 100)), code::INTERNAL);
        assert_eq!(code(message(Bytes::from_static(b"\0\0\0"), None, 100)), code::INTERNAL);
        assert_eq!(code(message(Bytes::from_static(b"\0\0\0\0\x09a"), None, 100)), code::INTERNAL);
    }
}
