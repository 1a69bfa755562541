//! One segment.
//!
//! A record is a head of 16 bytes, little-endian, and its payload:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | `KMQ1` |
//! | 4 | CRC-32 of all that follows |
//! | 4 | items |
//! | 4 | length of the payload |
//!
//! A note of what is done is the record's place in the segment, and the same with all bits turned.

use std::fs::{self, File};
use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tracing::warn;

use crate::journal::{Record, files};

pub(super) const HEADER: usize = 16;
const MAGIC: [u8; 4] = *b"KMQ1";

#[derive(Debug)]
pub(super) struct Segment {
    file: Arc<File>,
    notes: File,
    length: u64,
    records: u32,
    /// Of the records, by place.
    done: Vec<bool>,
    open: usize,
    is_synced: bool,
}

impl Segment {
    pub(super) fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let file = files::create(&files::segment(folder, number))?;
        // Notes that outlived their segment would speak of other records.
        let notes = files::create(&files::notes(folder, number))?;
        notes.set_len(0)?;
        Ok(Self {
            file: Arc::new(file),
            notes,
            length: 0,
            records: 0,
            done: Vec::new(),
            open: 0,
            is_synced: true,
        })
    }

    /// Reads a segment that an earlier process has left, and its records that are not done. A segment that is done is
    /// removed. A tail that is torn is cut; one that is damaged is kept in a file beside.
    pub(super) fn recover(folder: &Path, number: u64) -> io::Result<Option<(Self, Vec<Record>)>> {
        let path = files::segment(folder, number);
        let content = fs::read(&path)?;
        let (records, end) = scan(number, &content);
        if end < content.len() {
            let rest = &content[end..];
            if is_torn(rest) {
                warn!(file = %path.display(), bytes = rest.len(), "the last record was not written to its end and is cut");
            } else {
                warn!(file = %path.display(), bytes = rest.len(), "records cannot be read and are set aside");
                fs::write(folder.join(format!("{number:016x}.bad")), rest)?;
            }
            fs::OpenOptions::new().write(true).open(&path)?.set_len(end as u64)?;
        }
        let mut done = vec![false; records.len()];
        for place in done_places(&fs::read(files::notes(folder, number)).unwrap_or_default()) {
            if let Some(done) = done.get_mut(place as usize) {
                *done = true;
            }
        }
        let open: Vec<Record> =
            records.iter().filter(|record| !done[record.index as usize]).copied().collect();
        if open.is_empty() {
            files::remove(folder, number)?;
            return Ok(None);
        }
        let segment = Self {
            file: Arc::new(File::open(&path)?),
            notes: files::create(&files::notes(folder, number))?,
            length: end as u64,
            records: records.len() as u32,
            open: open.len(),
            done,
            is_synced: true,
        };
        Ok(Some((segment, open)))
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing of it is needed any more.
    pub(super) fn is_done(&self) -> bool {
        self.open == 0
    }

    pub(super) fn reader(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn is_unsynced(&self) -> bool {
        !self.is_synced
    }

    /// The file, if something was written to it since it was asked for last.
    pub(super) fn unsynced(&mut self) -> Option<Arc<File>> {
        (!std::mem::replace(&mut self.is_synced, true)).then(|| Arc::clone(&self.file))
    }

    /// Writes a record. One that cannot be written whole is taken back.
    pub(super) fn append(
        &mut self,
        number: u64,
        items: usize,
        payload: &[Bytes],
    ) -> io::Result<Record> {
        let too_large = |_| io::Error::other("a request is too large for the queue");
        let length = payload.iter().map(Bytes::len).sum::<usize>();
        let length = u32::try_from(length).map_err(too_large)?;
        let items = u32::try_from(items).map_err(too_large)?;
        let mut head = [0; HEADER];
        head[..4].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&items.to_le_bytes());
        head[12..].copy_from_slice(&length.to_le_bytes());
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head[8..]);
        payload.iter().for_each(|chunk| sum.update(chunk));
        head[4..8].copy_from_slice(&sum.finalize().to_le_bytes());
        if let Err(error) = write_all(&self.file, &head, payload) {
            // Whatever was written of it would be cut at the next start; what comes after it must not be.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        let record =
            Record { segment: number, index: self.records, offset: self.length, length, items };
        self.length += HEADER as u64 + u64::from(length);
        self.records += 1;
        self.done.push(false);
        self.open += 1;
        self.is_synced = false;
        Ok(record)
    }

    /// Notes that a record is done.
    pub(super) fn done(&mut self, index: u32) -> io::Result<()> {
        let Some(done) = self.done.get_mut(index as usize) else { return Ok(()) };
        if std::mem::replace(done, true) {
            return Ok(());
        }
        self.open -= 1;
        let mut note = [0; 8];
        note[..4].copy_from_slice(&index.to_le_bytes());
        note[4..].copy_from_slice(&(!index).to_le_bytes());
        self.notes.write_all(&note)
    }
}

/// Reads a record's payload; `None` when it is not what was written.
pub(super) fn read(file: &File, record: &Record) -> io::Result<Option<Bytes>> {
    let mut content = vec![0; HEADER + record.len()];
    files::read_at(file, &mut content, record.offset)?;
    let is_sound = parse(&content).is_some_and(|(_, length)| length as usize == record.len());
    let mut content = Bytes::from(content);
    Ok(is_sound.then(|| content.split_off(HEADER)))
}

/// All records from the beginning on that can be read, and where they end.
fn scan(segment: u64, content: &[u8]) -> (Vec<Record>, usize) {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((items, length)) = parse(&content[at..]) {
        let index = records.len() as u32;
        records.push(Record { segment, index, offset: at as u64, length, items });
        at += HEADER + length as usize;
    }
    (records, at)
}

/// Items and length of the record at the beginning, if it is there as a whole and as it was written.
fn parse(content: &[u8]) -> Option<(u32, u32)> {
    let (head, rest) = content.split_at_checked(HEADER)?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (sum, items, length) = (number(4), number(8), number(12));
    let payload = rest.get(..length as usize)?;
    let mut actual = crc32fast::Hasher::new();
    actual.update(&head[8..]);
    actual.update(payload);
    (head[..4] == MAGIC && actual.finalize() == sum).then_some((items, length))
}

/// Whether this is the beginning of a record whose end is missing, as when the process was killed while it wrote.
fn is_torn(rest: &[u8]) -> bool {
    let magic = rest.len().min(MAGIC.len());
    if rest[..magic] != MAGIC[..magic] {
        return false;
    }
    match rest.get(12..HEADER).and_then(|length| length.try_into().ok()) {
        Some(length) => rest.len() < HEADER + u32::from_le_bytes(length) as usize,
        None => true,
    }
}

/// The places that notes speak of. A note that was not written to its end is none.
fn done_places(notes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    notes.chunks_exact(8).filter_map(|note| {
        let index = u32::from_le_bytes([note[0], note[1], note[2], note[3]]);
        let check = u32::from_le_bytes([note[4], note[5], note[6], note[7]]);
        (check == !index).then_some(index)
    })
}

/// Writes head and payload, if possible in one go.
fn write_all(mut file: &File, head: &[u8], payload: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(payload.len() + 1);
    slices.push(IoSlice::new(head));
    slices.extend(payload.iter().map(|chunk| IoSlice::new(chunk)));
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut left, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
