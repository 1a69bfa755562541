//! From telemetry to the bytes of one message in the file.

use std::io;

use pdata::Telemetry;

use crate::config::{Compression, Format};

/// Zstandard's default level, and upstream's.
const LEVEL: i32 = 3;

/// How messages are written, and how a reader tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
}

impl Framing {
    /// A message as it stands in the file: a line of JSON when it is neither protobuf nor compressed, otherwise the bytes
    /// behind their length, four bytes with the largest first.
    ///
    /// # Errors
    ///
    /// The message cannot be compressed, or is longer than four bytes can say.
    pub(crate) fn encode(self, telemetry: &Telemetry) -> io::Result<Vec<u8>> {
        match (self.format, self.compression) {
            (Format::Json, Compression::None) => {
                let json = telemetry.to_json();
                let mut line = Vec::with_capacity(json.len() + 1);
                line.extend_from_slice(&json);
                line.push(b'\n');
                Ok(line)
            }
            (Format::Proto, Compression::None) => framed(telemetry.to_otlp()),
            (Format::Json, Compression::Zstd) => framed([compress(&telemetry.to_json())?]),
            (Format::Proto, Compression::Zstd) => {
                framed([compress(&telemetry.to_otlp().into_bytes())?])
            }
        }
    }
}

fn compress(message: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(message, LEVEL)
}

fn framed(pieces: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    for piece in pieces {
        message.extend_from_slice(piece.as_ref());
    }
    let length = u32::try_from(message.len() - 4).map_err(io::Error::other)?;
    message[..4].copy_from_slice(&length.to_be_bytes());
    Ok(message)
}

#[cfg(test)]
mod tests {
    use component::Signal;
    use testkit::any;

    use super::*;

    /// The only message in there, without its length.
    fn unframed(message: &[u8]) -> &[u8] {
        let (length, message) = message.split_first_chunk().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, message.len());
        message
    }

    #[test]
    fn every_format_holds_the_telemetry() {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            let telemetry = any(signal, 40);
            let (json, proto) = (telemetry.to_json(), telemetry.to_otlp().into_bytes());
            let encode =
                |format, compression| Framing { format, compression }.encode(&telemetry).unwrap();
            let line = encode(Format::Json, Compression::None);
            assert_eq!(line.strip_suffix(b"\n").unwrap(), json);
            assert_eq!(unframed(&encode(Format::Proto, Compression::None)), proto);
            for (format, expected) in [(Format::Json, json), (Format::Proto, proto)] {
                let message = encode(format, Compression::Zstd);
                let message = zstd::bulk::decompress(unframed(&message), 1 << 20).unwrap();
                assert_eq!(message, expected);
            }
        }
    }
}
