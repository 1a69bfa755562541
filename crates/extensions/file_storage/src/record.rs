//! How changes are written down: a record per write, so that a write is there as a whole or not at all.
//!
//! ```text
//! record  = length of the body, checksum of the length, checksum of the body (each u32), body
//! body    = change*
//! change  = 0, key            removes it
//!         | 1, key, value     sets it
//! key, value = length (u32), bytes
//! ```
//!
//! All numbers are little endian, checksums are CRC-32. The length has a checksum of its own, so that a record that was
//! cut off can be told from one that was damaged.

use component::Change;

/// The longest body. Whoever has more to keep has a folder for it.
pub(crate) const LONGEST_BODY: usize = 16 << 20;

/// Length and checksums.
pub(crate) const HEADER: usize = 12;

const REMOVE: u8 = 0;
const SET: u8 = 1;

/// The header of a record whose length is sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) length: u32,
    checksum: u32,
}

impl Header {
    /// Reads a header; `None` when it is damaged.
    pub(crate) fn read(bytes: [u8; HEADER]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let sound = crc32fast::hash(&bytes[..4]) == u32::from_le_bytes([e, f, g, h]);
        let header = Self { length, checksum: u32::from_le_bytes([i, j, k, l]) };
        Some(header).filter(|_| sound && length as usize <= LONGEST_BODY)
    }

    /// Whether this is the body that the header was written for.
    pub(crate) fn matches(&self, body: &[u8]) -> bool {
        crc32fast::hash(body) == self.checksum
    }
}

/// A record of these changes; `None` when they are too long for one.
pub(crate) fn encode(changes: &[Change]) -> Option<Vec<u8>> {
    let mut record = vec![0; HEADER];
    for change in changes {
        match change {
            Change::Remove(key) => {
                record.push(REMOVE);
                put(&mut record, key.as_bytes())?;
            }
            Change::Set(key, value) => {
                record.push(SET);
                put(&mut record, key.as_bytes())?;
                put(&mut record, value)?;
            }
        }
    }
    let (header, body) = record.split_at_mut(HEADER);
    let length = u32::try_from(body.len()).ok()?.to_le_bytes();
    header[..4].copy_from_slice(&length);
    header[4..8].copy_from_slice(&crc32fast::hash(&length).to_le_bytes());
    header[8..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
    Some(record)
}

/// The changes in a body; `None` when it was not written by [`encode`].
pub(crate) fn decode(mut body: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while let Some((kind, rest)) = body.split_first() {
        body = rest;
        let key = String::from_utf8(take(&mut body)?.to_vec()).ok()?;
        changes.push(match *kind {
            REMOVE => Change::Remove(key),
            SET => Change::Set(key, take(&mut body)?.to_vec()),
            _ => return None,
        });
    }
    Some(changes)
}

fn put(record: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let fits = bytes.len() + record.len() + 4 <= HEADER + LONGEST_BODY;
    let length = u32::try_from(bytes.len()).ok().filter(|_| fits)?;
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(bytes);
    Some(())
}

fn take<'a>(body: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = body.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *body = rest;
    Some(bytes)
}
