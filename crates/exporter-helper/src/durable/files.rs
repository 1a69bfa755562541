//! The files of one durable queue. Everything here blocks.

mod append;
mod read;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

pub(crate) use crate::durable::files::append::WriteError;
use crate::durable::files::read::Cursor;
use crate::durable::segment::{self, DONE_ENTRY, Found, PREFIX, Walk};
use crate::request::Load;

/// What a durable queue may take of the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskLimits {
    /// How large its files may be together.
    pub(crate) most: u64,
    /// How much space it leaves to others.
    pub(crate) free: u64,
    /// From which size on a segment is closed and a new one begun.
    pub(crate) segment: u64,
}

impl Default for DiskLimits {
    /// 8 GiB at most, and only while 512 MiB stay free, in segments of 8 MiB.
    fn default() -> Self {
        Self { most: 8 << 30, free: 512 << 20, segment: 8 << 20 }
    }
}

/// How many segments that were set aside are kept for a person to look at.
const BAD_KEPT: usize = 8;
/// A segment of which everything is done is deleted from this size on, even if it is not full.
const WORTH_DELETING: u64 = 1 << 20;

/// Where a record is, and how much it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    number: u64,
    offset: u64,
    end: u64,
    pub(crate) load: Load,
}

impl Place {
    fn of(number: u64, found: &Found) -> Self {
        let end = found.offset + found.head.record_len();
        Self { number, offset: found.offset, end, load: load_of(found) }
    }

    /// Whether a byte of a segment belongs to this record.
    #[cfg(test)]
    pub(super) fn covers(&self, number: u64, at: u64) -> bool {
        self.number == number && (self.offset..self.end).contains(&at)
    }
}

fn load_of(found: &Found) -> Load {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Load { requests: 1, items: size(found.head.items), bytes: size(found.head.otlp), pinned: 0 }
}

/// The files of a queue: segments from the oldest that isn't done to the one that is being written.
pub(crate) struct Files {
    folder: PathBuf,
    limits: DiskLimits,
    segments: BTreeMap<u64, Segment>,
    active: Option<Active>,
    next_number: u64,
    cursor: Cursor,
    /// Records that were taken and not sent. They come before everything else.
    again: VecDeque<Place>,
    /// What could not be read.
    lost: Load,
    /// How often in a row reading has failed for a reason that may pass.
    read_failures: u32,
    /// Closed segments that were not flushed.
    unsynced: Vec<(u64, File)>,
    folder_changed: bool,
}

struct Segment {
    /// Where its last record ends.
    len: u64,
    /// How many of its records are not done.
    live: usize,
    /// What of it the cursor has not passed.
    unread: Load,
    /// Whether an earlier run has left it, perhaps with records that are done.
    restored: bool,
    /// Whether something in it could not be read.
    damaged: bool,
    /// The file of what is done.
    done: Option<File>,
}

/// The segment that is being written.
struct Active {
    number: u64,
    file: File,
    unsynced: bool,
}

impl Files {
    /// Opens the folder of a queue, and says how much in it is not done. What cannot be read is never in the way.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub(crate) fn open(folder: PathBuf, limits: DiskLimits) -> io::Result<(Self, Load)> {
        let mut files = Self {
            folder,
            limits,
            segments: BTreeMap::new(),
            active: None,
            next_number: 1,
            cursor: Cursor::default(),
            again: VecDeque::new(),
            lost: Load::default(),
            read_failures: 0,
            unsynced: Vec::new(),
            folder_changed: false,
        };
        let mut load = Load::default();
        let numbers = files.list()?;
        for &number in &numbers {
            let last = numbers.last() == Some(&number);
            match files.restore(number, last) {
                Ok(found) => load += found,
                Err(error) => {
                    // It may be readable at the next start.
                    let path = segment::path(&files.folder, number);
                    error!(path = %path.display(), %error, "a segment of the sending queue cannot be read, it is left out");
                }
            }
        }
        Ok((files, load))
    }

    /// The segments there are, in order. Removes what belongs to none.
    fn list(&mut self) -> io::Result<Vec<u64>> {
        let (mut segments, mut done, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let Some((number, kind)) = name.to_str().and_then(segment::parse_name) else {
                continue;
            };
            match kind {
                "segment" => segments.push(number),
                "done" => done.push(number),
                "bad" => bad.push(number),
                _ => continue,
            }
            self.next_number = self.next_number.max(number.saturating_add(1));
        }
        segments.sort_unstable();
        bad.sort_unstable();
        for number in done.iter().filter(|number| segments.binary_search(number).is_err()) {
            remove(&segment::done_path(&self.folder, *number));
        }
        for number in bad.iter().rev().skip(BAD_KEPT) {
            remove(&segment::bad_path(&self.folder, *number));
        }
        Ok(segments)
    }

    /// Finds what is not done of a segment.
    fn restore(&mut self, number: u64, last: bool) -> io::Result<Load> {
        let path = segment::path(&self.folder, number);
        let size = fs::metadata(&path)?.len();
        if size < PREFIX.len() as u64 {
            // The process ended between making the file and its first write.
            remove(&path);
            return Ok(Load::default());
        }
        let done = segment::read_done(&self.folder, number);
        let mut walk = Walk::begin(&path, 0)?;
        let mut unread = Load::default();
        while let Some(found) = walk.next(size)? {
            walk.skip(&found)?;
            if !done.contains(&found.offset) {
                unread += load_of(&found);
            }
        }
        let len = walk.offset();
        let mut damaged = walk.damaged;
        match len < size {
            true if last && !damaged => cut(&path, len, size - len),
            left_over => damaged |= left_over,
        }
        let live = unread.requests;
        let segment = Segment { len, live, unread, restored: true, damaged, done: None };
        self.segments.insert(number, segment);
        self.remove_if_done(number);
        Ok(unread)
    }

    /// Marks records as done.
    pub(crate) fn done(&mut self, places: &[Place]) {
        let mut entries: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for place in places {
            if let Some(segment) = self.segments.get_mut(&place.number) {
                segment.live = segment.live.saturating_sub(1);
                entries.entry(place.number).or_default().extend(segment::done_entry(place.offset));
            }
        }
        for (number, entries) in entries {
            let Some(segment) = self.segments.get_mut(&number) else { continue };
            if segment.live == 0 && segment.len >= WORTH_DELETING && self.is_active(number) {
                self.seal();
            }
            if !self.remove_if_done(number) {
                self.write_done(number, &entries);
            }
        }
    }

    /// A failure here costs nothing but a second delivery after a restart.
    fn write_done(&mut self, number: u64, entries: &[u8]) {
        let path = segment::done_path(&self.folder, number);
        let Some(segment) = self.segments.get_mut(&number) else { return };
        let file = match segment.done.take() {
            Some(file) => Ok(file),
            None => open_done(&path),
        };
        let written = file.and_then(|mut file| file.write_all(entries).map(|()| file));
        match written {
            Ok(file) => segment.done = Some(file),
            Err(error) => {
                warn!(path = %path.display(), %error, "cannot write which requests of the sending queue are sent, they may be sent again")
            }
        }
    }

    /// Offers a record again, before all others.
    pub(crate) fn offer_again(&mut self, place: Place) {
        self.again.push_back(place);
    }

    /// How much could not be read since this was last asked.
    pub(crate) fn take_lost(&mut self) -> Load {
        std::mem::take(&mut self.lost)
    }

    /// Ends the segment that is being written if all of it is done, so that an empty queue leaves no files.
    pub(crate) fn tidy(&mut self) {
        let active = self.active.as_ref().map(|active| active.number);
        if active
            .and_then(|number| self.segments.get(&number))
            .is_some_and(|segment| segment.live == 0)
        {
            self.seal();
        }
    }

    /// What has to be flushed for everything written so far to survive the loss of power.
    pub(crate) fn unsynced(&mut self) -> Vec<File> {
        let closed = std::mem::take(&mut self.unsynced).into_iter();
        let needed = closed.filter(|(number, _)| self.segments.contains_key(number));
        let mut files: Vec<File> = needed.map(|(_, file)| file).collect();
        if let Some(active) = &mut self.active
            && std::mem::take(&mut active.unsynced)
        {
            files.extend(active.file.try_clone());
        }
        // Folders can be flushed where they can be opened as files.
        if std::mem::take(&mut self.folder_changed) && cfg!(unix) {
            files.extend(File::open(&self.folder));
        }
        files
    }

    /// Ends the segment that is being written.
    fn seal(&mut self) {
        let Some(active) = self.active.take() else { return };
        if !self.remove_if_done(active.number) && active.unsynced {
            self.unsynced.push((active.number, active.file));
        }
    }

    fn is_active(&self, number: u64) -> bool {
        self.active.as_ref().is_some_and(|active| active.number == number)
    }

    /// Deletes a segment that nobody needs any more, or sets it aside if something in it could not be read. Says whether
    /// it is gone.
    fn remove_if_done(&mut self, number: u64) -> bool {
        let Some(segment) = self.segments.get(&number) else { return true };
        if segment.live > 0 || self.is_active(number) {
            return false;
        }
        let damaged = segment.damaged;
        self.segments.remove(&number);
        match damaged {
            true => self.set_aside(number, "parts of it cannot be read, the rest of it is done"),
            false => {
                remove(&segment::path(&self.folder, number));
                remove(&segment::done_path(&self.folder, number));
            }
        }
        true
    }

    /// Renames a segment so that it is not read again.
    fn set_aside(&self, number: u64, why: &str) {
        let (path, aside) =
            (segment::path(&self.folder, number), segment::bad_path(&self.folder, number));
        error!(path = %path.display(), aside = %aside.display(), why, "a segment of the sending queue is set aside");
        if let Err(error) = fs::rename(&path, &aside) {
            warn!(path = %path.display(), %error, "cannot rename a segment of the sending queue");
        }
        remove(&segment::done_path(&self.folder, number));
    }

    fn size(&self) -> u64 {
        self.segments.values().map(|segment| segment.len).sum()
    }
}

/// Opens the file of what is done at its end. An entry that was not completely written is made one that is not valid.
fn open_done(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let torn = usize::try_from(file.metadata()?.len()).unwrap_or(0) % DONE_ENTRY;
    if torn > 0 {
        file.write_all(&[0; DONE_ENTRY][torn..])?;
    }
    Ok(file)
}

/// Cuts off what the end of the process or of the power has left half written. Nobody was told that it is stored.
fn cut(path: &Path, len: u64, bytes: u64) {
    let done = OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(len));
    let path = path.display();
    match done {
        Ok(()) => info!(%path, bytes, "cut off a request that was not completely written"),
        Err(error) => {
            warn!(%path, %error, "cannot cut off a request that was not completely written")
        }
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(path = %path.display(), %error, "cannot delete a file of the sending queue");
        }
        _ => {}
    }
}
