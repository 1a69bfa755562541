//! Segments: files of records, and beside each a file that says which of them are done.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::durable::record::{HEAD, Head};

/// What a segment begins with: a name and the format's version.
pub(crate) const PREFIX: [u8; 8] = *b"KMQUEUE\x01";

/// The path of a segment.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.segment"))
}

/// The path of what is done of a segment.
pub(crate) fn done_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.done"))
}

/// The path of a segment that was set aside.
pub(crate) fn bad_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.bad"))
}

/// The number and the kind of a file of ours.
pub(crate) fn parse_name(name: &str) -> Option<(u64, &str)> {
    let (number, kind) = name.split_once('.')?;
    Some((number.parse().ok()?, kind))
}

/// The length of an entry of the file of what is done.
pub(crate) const DONE_ENTRY: usize = 12;

/// An entry of the file of what is done: the offset of a record, and a checksum.
pub(crate) fn done_entry(offset: u64) -> [u8; DONE_ENTRY] {
    let mut entry = [0; DONE_ENTRY];
    entry[..8].copy_from_slice(&offset.to_le_bytes());
    let checksum = crc32fast::hash(&entry[..8]);
    entry[8..].copy_from_slice(&checksum.to_le_bytes());
    entry
}

/// The offsets of the records that are done. What is damaged or missing counts as not done: it is delivered again.
pub(crate) fn read_done(folder: &Path, number: u64) -> HashSet<u64> {
    let entries = std::fs::read(done_path(folder, number)).unwrap_or_default();
    let offsets = entries.chunks_exact(DONE_ENTRY).filter_map(|entry| {
        let offset = u64::from_le_bytes(entry[..8].try_into().ok()?);
        (done_entry(offset) == entry).then_some(offset)
    });
    offsets.collect()
}

/// A record's place in its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) offset: u64,
    pub(crate) head: Head,
}

/// Goes through the records of a segment in order.
pub(crate) struct Walk {
    file: BufReader<File>,
    offset: u64,
    /// Whether something stood between the records that is none.
    pub(crate) damaged: bool,
}

impl Walk {
    /// Begins at an offset where a record ends or the first one begins. What the file begins with is not needed: every
    /// record has a mark of its own.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn begin(path: &Path, offset: u64) -> io::Result<Self> {
        const BUFFER: usize = 8 * 1024;
        let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let mut prefix = [0; PREFIX.len()];
        file.read_exact(&mut prefix)?;
        let offset = offset.max(PREFIX.len() as u64);
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, offset, damaged: prefix != PREFIX })
    }

    /// Where the last record ends that was found.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record that ends before `end`. The reader stands behind its head.
    pub(crate) fn next(&mut self, end: u64) -> io::Result<Option<Found>> {
        let mut at = self.offset;
        while at + HEAD as u64 <= end {
            let mut bytes = [0; HEAD];
            self.file.read_exact(&mut bytes)?;
            let head = Head::read(&bytes);
            if let Some(head) = head.filter(|head| at + head.record_len() <= end) {
                self.damaged |= at > self.offset;
                self.offset = at + head.record_len();
                return Ok(Some(Found { offset: at, head }));
            }
            // Back to the second byte: a record may begin anywhere behind a damaged one.
            self.file.seek_relative(1 - HEAD as i64)?;
            at = self.find_magic(at + 1)?;
        }
        Ok(None)
    }

    /// Leaves the payload of the record out that was found.
    pub(crate) fn skip(&mut self, found: &Found) -> io::Result<()> {
        self.file.seek_relative(i64::from(found.head.payload))
    }

    /// Reads the payload of the record that was found; `None` when it is damaged.
    pub(crate) fn payload(&mut self, found: &Found) -> io::Result<Option<Bytes>> {
        read_payload(&mut self.file, &found.head)
    }

    /// The next place where a record may begin, from here on; the end of the file when there is none.
    fn find_magic(&mut self, mut at: u64) -> io::Result<u64> {
        loop {
            let buffer = self.file.fill_buf()?;
            if buffer.is_empty() {
                return Ok(at);
            }
            let found = buffer.iter().position(|byte| *byte == b'K');
            let passed = found.unwrap_or(buffer.len());
            self.file.consume(passed);
            at += passed as u64;
            if found.is_some() {
                return Ok(at);
            }
        }
    }
}

/// Reads one record whose place is known; `None` when it is damaged.
pub(crate) fn read_at(path: &Path, offset: u64) -> io::Result<Option<Bytes>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = [0; HEAD];
    file.read_exact(&mut bytes)?;
    match Head::read(&bytes) {
        Some(head) => read_payload(&mut file, &head),
        None => Ok(None),
    }
}

fn read_payload(file: &mut impl Read, head: &Head) -> io::Result<Option<Bytes>> {
    let length = usize::try_from(head.payload).unwrap_or(usize::MAX);
    let mut payload = vec![0; length];
    file.read_exact(&mut payload)?;
    Ok(head.matches(&payload).then(|| payload.into()))
}
