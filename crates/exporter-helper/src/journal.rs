//! The durable queue's files: segments of checksummed records, appended and never changed.
//!
//! A record is written before its sender gets an answer, so the end of the process, however it comes, loses nothing that was
//! answered. The end of the machine loses at most what was written since the last [`sync`](Journal::sync). What is done is
//! noted beside each segment; a segment goes when all of it is done. Whatever cannot be read is set aside, and never keeps
//! the rest from being delivered.
//!
//! Everything here blocks; callers bring a thread for it.

mod files;
mod segment;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;
use tracing::warn;

use crate::journal::segment::{HEADER, Segment};

/// A segment is closed when it is as long as this.
const SEGMENT: u64 = 8 << 20;
/// How often the free space of the disk is looked at, in bytes written.
const CHECK_EVERY: u64 = 4 << 20;

/// How much of the disk a queue may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskLimits {
    /// Bytes of its files.
    pub(crate) most: u64,
    /// Bytes that stay free for others.
    pub(crate) free: u64,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { most: 4 << 30, free: 128 << 20 }
    }
}

/// Where a record is, and what it counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    segment: u64,
    index: u32,
    offset: u64,
    length: u32,
    /// Spans, data points or log records in it.
    pub(crate) items: u32,
}

impl Record {
    /// The length of its payload.
    pub(crate) fn len(&self) -> usize {
        self.length as usize
    }
}

/// Why a record could not be kept or read. The sender may try again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("cannot use the sending queue's folder {folder}")]
    Io { folder: String, source: io::Error },
    #[error("the sending queue in {folder} is full: its files may take {most} bytes")]
    Full { folder: String, most: u64 },
    #[error("the sending queue in {folder} needs {free} bytes of free disk, there are {available}")]
    DiskFull { folder: String, free: u64, available: u64 },
    #[error("a record of the sending queue in {folder} cannot be read any more")]
    Damaged { folder: String },
}

/// The files of one queue.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    limits: DiskLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    segments: BTreeMap<u64, Segment>,
    /// The one that is written to: the last, once something was written.
    current: Option<u64>,
    /// Bytes of all segments.
    bytes: u64,
    /// Bytes written since the free space was looked at.
    unchecked: u64,
}

impl Journal {
    /// Opens the files in a folder, and finds the records that are not done, in the order in which they were written.
    ///
    /// # Errors
    ///
    /// The folder cannot be read. Files in it that cannot be read are set aside instead.
    pub(crate) fn open(
        folder: &Path,
        limits: DiskLimits,
    ) -> Result<(Self, Vec<Record>), JournalError> {
        let failed = |source| JournalError::Io { folder: folder.display().to_string(), source };
        let mut state = State::default();
        let mut records = Vec::new();
        for number in files::segments(folder).map_err(failed)? {
            match Segment::recover(folder, number) {
                Ok(Some((segment, open))) => {
                    state.bytes += segment.len();
                    records.extend(open);
                    state.segments.insert(number, segment);
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(folder = %folder.display(), segment = number, %error, "a segment of the sending queue cannot be read and is set aside");
                    files::set_aside(folder, number).map_err(failed)?;
                }
            }
        }
        let state = Mutex::new(state);
        Ok((Self { folder: folder.to_owned(), limits, state }, records))
    }

    /// Writes a record. When this returns, the end of the process cannot lose it.
    ///
    /// # Errors
    ///
    /// The disk is full, or its limit is reached; nothing was kept.
    pub(crate) fn append(&self, items: usize, payload: &[Bytes]) -> Result<Record, JournalError> {
        let length: usize = payload.iter().map(Bytes::len).sum();
        let size = (HEADER + length) as u64;
        let mut state = self.state.lock();
        if state.bytes + size > self.limits.most {
            let folder = self.folder.display().to_string();
            return Err(JournalError::Full { folder, most: self.limits.most });
        }
        self.check_disk(&mut state, size)?;
        let number = self.writable(&mut state).map_err(|source| self.failed(source))?;
        let segment = state.segments.get_mut(&number).expect("it was just found");
        let record =
            segment.append(number, items, payload).map_err(|source| self.failed(source))?;
        state.bytes += size;
        state.unchecked += size;
        Ok(record)
    }

    /// Reads a record's payload.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what was written.
    pub(crate) fn read(&self, record: &Record) -> Result<Bytes, JournalError> {
        let damaged = || JournalError::Damaged { folder: self.folder.display().to_string() };
        let file = self.state.lock().segments.get(&record.segment).map(Segment::reader);
        let file = file.ok_or_else(damaged)?;
        let payload = segment::read(&file, record).map_err(|source| self.failed(source))?;
        payload.ok_or_else(damaged)
    }

    /// Notes that a record will not be needed again. A note that cannot be written means that it may be delivered twice.
    ///
    /// # Errors
    ///
    /// The note cannot be written.
    pub(crate) fn done(&self, record: &Record) -> Result<(), JournalError> {
        let mut state = self.state.lock();
        let is_current = state.current == Some(record.segment);
        let Some(segment) = state.segments.get_mut(&record.segment) else { return Ok(()) };
        let noted = segment.done(record.index);
        if segment.is_done() && !is_current {
            let bytes = segment.len();
            state.segments.remove(&record.segment);
            state.bytes -= bytes;
            files::remove(&self.folder, record.segment).map_err(|source| self.failed(source))?;
            return Ok(());
        }
        noted.map_err(|source| self.failed(source))
    }

    /// Whether something was written since the last [`sync`](Self::sync).
    pub(crate) fn is_unsynced(&self) -> bool {
        let state = self.state.lock();
        let current = state.current.and_then(|number| state.segments.get(&number));
        current.is_some_and(Segment::is_unsynced)
    }

    /// Brings what was written to the disk itself: from here on, not even the end of the machine loses it.
    ///
    /// # Errors
    ///
    /// The disk says so.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        let file = {
            let mut state = self.state.lock();
            let current = state.current;
            current.and_then(|number| state.segments.get_mut(&number)?.unsynced())
        };
        file.map_or(Ok(()), |file| file.sync_data()).map_err(|source| self.failed(source))
    }

    /// Bytes of all files.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    /// The segment to write to; a new one when the last is long enough or not our own.
    fn writable(&self, state: &mut State) -> io::Result<u64> {
        if let Some(number) = state.current {
            let segment = &state.segments[&number];
            if segment.len() < SEGMENT {
                return Ok(number);
            }
            if segment.is_done() {
                state.bytes -= segment.len();
                state.segments.remove(&number);
                files::remove(&self.folder, number)?;
            }
        }
        let number = state.segments.keys().next_back().map_or(0, |last| last + 1);
        let number = number.max(state.current.map_or(0, |last| last + 1));
        state.segments.insert(number, Segment::create(&self.folder, number)?);
        state.current = Some(number);
        Ok(number)
    }

    fn check_disk(&self, state: &mut State, size: u64) -> Result<(), JournalError> {
        if state.current.is_some() && state.unchecked + size < CHECK_EVERY {
            return Ok(());
        }
        let available = fs4::available_space(&self.folder).map_err(|error| self.failed(error))?;
        if available < self.limits.free + size {
            // Looked at again with the next record.
            state.unchecked = CHECK_EVERY;
            let folder = self.folder.display().to_string();
            return Err(JournalError::DiskFull { folder, free: self.limits.free, available });
        }
        state.unchecked = 0;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError::Io { folder: self.folder.display().to_string(), source }
    }
}

#[cfg(test)]
mod tests;
