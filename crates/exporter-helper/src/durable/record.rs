//! Records: how one request is written.
//!
//! ```text
//! magic "KmQr" | payload length | items | OTLP length | CRC-32 of the payload | CRC-32 of the 20 bytes before
//! payload: metadata length | metadata | OTLP
//! ```
//!
//! All numbers are 32 bits, little-endian. Magic and checksum of the head make it possible to find the next record behind a
//! damaged one.

use bytes::{Buf, Bytes};
use component::ClientMetadata;
use crc32fast::Hasher;
use pdata::{Signal, Telemetry};

/// The length of a record's head.
pub(crate) const HEAD: usize = 24;
const MAGIC: [u8; 4] = *b"KmQr";

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The length of what follows.
    pub(crate) payload: u32,
    pub(crate) items: u32,
    /// The length of the telemetry in it.
    pub(crate) otlp: u32,
    checksum: u32,
}

impl Head {
    /// Reads a head, if these bytes are one.
    pub(crate) fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let valid = bytes.starts_with(&MAGIC) && number(20) == crc32fast::hash(&bytes[..20]);
        valid.then(|| Self {
            payload: number(4),
            items: number(8),
            otlp: number(12),
            checksum: number(16),
        })
    }

    /// Whether this is the payload that the head was written for.
    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        crc32fast::hash(payload) == self.checksum
    }

    /// The length of the whole record.
    pub(crate) fn record_len(&self) -> u64 {
        HEAD as u64 + u64::from(self.payload)
    }
}

/// The length of a record; `None` when it is too long for this format.
pub(crate) fn len(telemetry: &Telemetry, metadata: &[u8]) -> Option<u64> {
    let payload = 4 + metadata.len() + telemetry.encoded_len();
    u32::try_from(payload).ok().map(|payload| u64::from(payload) + HEAD as u64)
}

/// Appends a record. Its [`len`] must have been asked for.
pub(crate) fn write(out: &mut Vec<u8>, telemetry: &Telemetry, metadata: &[u8]) {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let otlp = telemetry.encoded_len();
    let begin = out.len();
    out.extend(MAGIC);
    out.extend(number(4 + metadata.len() + otlp));
    out.extend(number(telemetry.item_count()));
    out.extend(number(otlp));
    let sums = out.len();
    out.extend([0; 8]);
    let payload = out.len();
    out.extend(number(metadata.len()));
    out.extend_from_slice(metadata);
    for chunk in telemetry.to_otlp() {
        out.extend_from_slice(&chunk);
    }
    let mut hasher = Hasher::new();
    hasher.update(&out[payload..]);
    out[sums..sums + 4].copy_from_slice(&hasher.finalize().to_le_bytes());
    let head = crc32fast::hash(&out[begin..sums + 4]);
    out[sums + 4..payload].copy_from_slice(&head.to_le_bytes());
}

/// Takes a payload apart; `None` when it is none of this signal.
pub(crate) fn read(signal: Signal, mut payload: Bytes) -> Option<(Telemetry, ClientMetadata)> {
    let length = usize::try_from(payload.try_get_u32_le().ok()?).ok()?;
    if length > payload.len() {
        return None;
    }
    let metadata = payload.split_to(length);
    let metadata = read_metadata(metadata)?;
    let telemetry = Telemetry::from_otlp(signal, payload).ok()?;
    Some((telemetry, metadata))
}

/// The values of the named metadata, as they are stored: nothing else of what a client said is written to disk.
pub(crate) fn metadata(metadata: &ClientMetadata, names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        for value in metadata.get(name) {
            for text in [name, value] {
                out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
    out
}

fn read_metadata(mut bytes: Bytes) -> Option<ClientMetadata> {
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let name = read_text(&mut bytes)?;
        pairs.push((name, read_text(&mut bytes)?));
    }
    Some(pairs.into_iter().collect())
}

fn read_text(bytes: &mut Bytes) -> Option<String> {
    let length = usize::try_from(bytes.try_get_u32_le().ok()?).ok()?;
    if length > bytes.len() {
        return None;
    }
    String::from_utf8(bytes.split_to(length).to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use testkit::log_records;

    use super::*;

    #[test]
    fn a_record_comes_back_with_the_named_metadata_only() {
        let said: ClientMetadata =
            [("tenant", "a"), ("tenant", "b"), ("authorization", "secret")].into_iter().collect();
        let stored = metadata(&said, &["tenant".to_owned(), "region".to_owned()]);
        let telemetry = Telemetry::from(log_records(3));
        let mut out = vec![7];
        write(&mut out, &telemetry, &stored);
        let record = &out[1..];
        assert_eq!(len(&telemetry, &stored), Some(record.len() as u64));
        let head = Head::read(record[..HEAD].try_into().unwrap()).unwrap();
        assert_eq!((head.items, head.record_len()), (3, record.len() as u64));
        assert!(head.matches(&record[HEAD..]));
        let (read_back, said) =
            read(Signal::Logs, Bytes::copy_from_slice(&record[HEAD..])).unwrap();
        assert_eq!(read_back.to_otlp().into_bytes(), telemetry.to_otlp().into_bytes());
        assert_eq!(said.get("tenant"), ["a", "b"]);
        assert!(said.get("authorization").is_empty());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut record = Vec::new();
        write(&mut record, &log_records(1).into(), &[]);
        for at in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let head = Head::read(damaged[..HEAD].try_into().unwrap());
            assert!(head.is_none_or(|head| !head.matches(&damaged[HEAD..])), "bit {at}");
        }
    }

    #[test]
    fn payloads_of_anything_do_not_panic() {
        for length in 0..64 {
            for byte in [0, 1, 4, 0x7f, 0xff] {
                drop(read(Signal::Logs, vec![byte; length].into()));
            }
        }
    }
}
