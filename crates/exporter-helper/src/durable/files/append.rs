//! Writing at the end.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use component::ConsumeError;
use pdata::Telemetry;

use crate::durable::files::{Active, Files, Place, Segment, remove};
use crate::durable::record;
use crate::durable::segment::{self, PREFIX};
use crate::request::Load;

/// How much is gathered for one write.
const WRITE: usize = 256 * 1024;

/// Why a request was not stored. The message names the folder.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("sending queue is full: the files in {} may take {most} bytes", folder.display())]
    Limit { folder: PathBuf, most: u64 },
    #[error("sending queue is full: {free} bytes are free on the disk of {}, and {kept} are left to others", folder.display())]
    Disk { folder: PathBuf, free: u64, kept: u64 },
    #[error("cannot write to the sending queue in {}", folder.display())]
    Io { folder: PathBuf, source: Arc<io::Error> },
    #[error("element size too large")]
    TooLong,
}

impl From<WriteError> for ConsumeError {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Io { source, .. } => Self::retryable(message).with_cause(source),
            _ => Self::retryable(message),
        }
    }
}

type Answer = Result<Place, WriteError>;

/// Requests on their way to the disk.
#[derive(Default)]
struct Appending {
    answers: Vec<Option<Answer>>,
    /// What the next write takes.
    bytes: Vec<u8>,
    /// The requests in it: the place of the answer, the length, the load.
    staged: Vec<(usize, u64, Load)>,
}

impl Files {
    /// Writes requests at the end, as far as possible, and says for each where it is or why not. What was written survives
    /// the end of the process.
    pub(crate) fn append<'a>(
        &mut self,
        requests: impl Iterator<Item = (&'a Telemetry, &'a [u8])>,
    ) -> Vec<Result<Place, WriteError>> {
        let mut free = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
        let mut size = self.size();
        let mut appending = Appending::default();
        for (telemetry, metadata) in requests {
            match self.room_for(telemetry, metadata, size, free) {
                Err(error) => appending.answers.push(Some(Err(error))),
                Ok(length) => {
                    size += length;
                    free = free.saturating_sub(length);
                    self.stage(telemetry, metadata, length, &mut appending);
                }
            }
        }
        self.write(&mut appending);
        let answers = appending.answers.into_iter();
        answers.map(|answer| answer.expect("what is staged is written")).collect()
    }

    /// The length of a record, if it may be written.
    fn room_for(
        &self,
        telemetry: &Telemetry,
        metadata: &[u8],
        size: u64,
        free: u64,
    ) -> Result<u64, WriteError> {
        let length = record::len(telemetry, metadata).ok_or(WriteError::TooLong)?;
        let (most, kept) = (self.limits.most, self.limits.free);
        if size + length > most {
            return Err(WriteError::Limit { folder: self.folder.clone(), most });
        }
        if free < kept.saturating_add(length) {
            return Err(WriteError::Disk { folder: self.folder.clone(), free, kept });
        }
        Ok(length)
    }

    fn stage(
        &mut self,
        telemetry: &Telemetry,
        metadata: &[u8],
        length: u64,
        appending: &mut Appending,
    ) {
        if let Err(error) = self.segment_for(appending) {
            let error = WriteError::Io { folder: self.folder.clone(), source: Arc::new(error) };
            appending.answers.push(Some(Err(error)));
            return;
        }
        record::write(&mut appending.bytes, telemetry, metadata);
        let load = Load { pinned: 0, ..Load::of(telemetry) };
        appending.staged.push((appending.answers.len(), length, load));
        appending.answers.push(None);
        if appending.bytes.len() >= WRITE {
            self.write(appending);
        }
    }

    /// Makes sure that there is a segment that takes more than what is staged.
    fn segment_for(&mut self, appending: &mut Appending) -> io::Result<()> {
        if let Some(active) = &self.active {
            let len = self.segments.get(&active.number).map_or(0, |segment| segment.len);
            if len + (appending.bytes.len() as u64) < self.limits.segment {
                return Ok(());
            }
            self.write(appending);
            self.seal();
        }
        let number = self.next_number;
        self.next_number += 1;
        let path = segment::path(&self.folder, number);
        let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        if let Err(error) = file.write_all(&PREFIX) {
            drop(file);
            remove(&path);
            return Err(error);
        }
        self.segments.insert(number, Segment::begun());
        self.active = Some(Active { number, file, unsynced: true });
        self.folder_changed = true;
        Ok(())
    }

    /// Writes what is staged in one call.
    fn write(&mut self, appending: &mut Appending) {
        let bytes = std::mem::take(&mut appending.bytes);
        let staged = std::mem::take(&mut appending.staged);
        if staged.is_empty() {
            return;
        }
        let active = self.active.as_mut().expect("a segment is begun before anything is staged");
        let segment = self.segments.get_mut(&active.number).expect("the active segment is one");
        if let Err(error) = active.file.write_all(&bytes) {
            // What is half written is cut off. Should that fail, too, the segment ends before it all the same.
            drop(active.file.set_len(segment.len));
            self.seal();
            let source = Arc::new(error);
            for (place, ..) in staged {
                let (folder, source) = (self.folder.clone(), Arc::clone(&source));
                appending.answers[place] = Some(Err(WriteError::Io { folder, source }));
            }
            return;
        }
        active.unsynced = true;
        for (place, length, load) in staged {
            let (offset, end) = (segment.len, segment.len + length);
            appending.answers[place] = Some(Ok(Place { number: active.number, offset, end, load }));
            segment.len = end;
            segment.live += 1;
            segment.unread += load;
        }
    }
}

impl Segment {
    fn begun() -> Self {
        Self {
            len: PREFIX.len() as u64,
            live: 0,
            unread: Load::default(),
            restored: false,
            damaged: false,
            done: None,
        }
    }
}
