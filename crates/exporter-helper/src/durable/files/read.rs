//! Reading from the front.

use std::collections::HashSet;
use std::io;

use bytes::Bytes;
use tracing::error;

use crate::durable::files::{Files, Place, Segment};
use crate::durable::segment::{self, PREFIX, Walk};
use crate::request::Load;

/// After so many failures in a row to read a place it counts as damaged.
const READ_FAILURES: u32 = 100;

/// What a look at the cursor gives: a record and its payload, if that can be read and is not damaged.
type Candidate = (Place, io::Result<Option<Bytes>>);

/// Where reading goes on.
pub(crate) struct Cursor {
    number: u64,
    offset: u64,
    /// Opened when something is read. Most requests of a queue that keeps up are sent without being read.
    reader: Option<Reader>,
}

struct Reader {
    walk: Walk,
    /// What was done before this run.
    done: HashSet<u64>,
}

impl Cursor {
    fn at(number: u64) -> Self {
        Self { number, offset: PREFIX.len() as u64, reader: None }
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::at(0)
    }
}

impl Files {
    /// Whether this record, just written, is the next one to be read. Then it counts as read.
    pub(crate) fn take_in_turn(&mut self, place: &Place) -> bool {
        self.leave_read_segments();
        let next = (self.cursor.number, self.cursor.offset);
        if !self.again.is_empty() || next != (place.number, place.offset) {
            return false;
        }
        self.cursor.offset = place.end;
        self.cursor.reader = None;
        self.count_as_read(place);
        true
    }

    /// The next record that is to be sent; `None` when there is none. What is damaged is passed over.
    ///
    /// # Errors
    ///
    /// The disk cannot be read now. Nothing is lost by that; after some failures in a row the place counts as damaged.
    pub(crate) fn read(&mut self) -> io::Result<Option<(Place, Bytes)>> {
        loop {
            let (place, payload) = match self.again.pop_front() {
                Some(place) => {
                    let path = segment::path(&self.folder, place.number);
                    let payload = segment::read_at(&path, place.offset);
                    if let Err(error) = self.judge(&payload) {
                        self.again.push_front(place);
                        return Err(error);
                    }
                    (place, payload)
                }
                None => match self.read_at_cursor()? {
                    Some(found) => found,
                    None => return Ok(None),
                },
            };
            match payload {
                Ok(Some(payload)) => return Ok(Some((place, payload))),
                Ok(None) => self.lose(&place, "its checksum is wrong"),
                Err(error) => self.lose(&place, &error.to_string()),
            }
        }
    }

    /// Makes an error of one that may pass.
    fn judge<T>(&mut self, result: &io::Result<T>) -> io::Result<()> {
        use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        let Err(error) = result else {
            self.read_failures = 0;
            return Ok(());
        };
        let is_damage = matches!(error.kind(), InvalidData | NotFound | UnexpectedEof);
        if is_damage || self.read_failures >= READ_FAILURES {
            self.read_failures = 0;
            return Ok(());
        }
        self.read_failures += 1;
        self.cursor.reader = None;
        let path = self.folder.display();
        Err(io::Error::new(error.kind(), format!("{path}: {error}")))
    }

    /// Counts a record that is of no use as done.
    pub(crate) fn lose(&mut self, place: &Place, why: &str) {
        error!(
            path = %segment::path(&self.folder, place.number).display(),
            offset = place.offset,
            items = place.load.items,
            why,
            "a request of the sending queue cannot be read, it is lost"
        );
        if let Some(segment) = self.segments.get_mut(&place.number) {
            segment.damaged = true;
        }
        self.lost += place.load;
        self.done(&[*place]);
    }

    fn read_at_cursor(&mut self) -> io::Result<Option<Candidate>> {
        loop {
            self.leave_read_segments();
            let number = self.cursor.number;
            let unread = |segment: &&Segment| self.cursor.offset < segment.len;
            let Some(segment) = self.segments.get(&number).filter(unread) else { return Ok(None) };
            let (restored, len, before) = (segment.restored, segment.len, self.cursor.offset);
            let found = self.find_next(restored, len);
            self.judge(&found)?;
            match found {
                Ok(Some((place, payload))) => {
                    if let Err(error) = self.judge(&payload) {
                        self.cursor.offset = before;
                        return Err(error);
                    }
                    self.count_as_read(&place);
                    return Ok(Some((place, payload)));
                }
                Ok(None) => self.give_up_rest(number, len, "records are missing"),
                Err(error) => self.give_up_rest(number, len, &error.to_string()),
            }
        }
    }

    /// The next record of the cursor's segment that is not done.
    fn find_next(&mut self, restored: bool, len: u64) -> io::Result<Option<Candidate>> {
        let number = self.cursor.number;
        if self.cursor.reader.is_none() {
            let walk = Walk::begin(&segment::path(&self.folder, number), self.cursor.offset)?;
            let done = match restored {
                true => segment::read_done(&self.folder, number),
                false => HashSet::new(),
            };
            self.cursor.reader = Some(Reader { walk, done });
        }
        let Some(reader) = &mut self.cursor.reader else { return Ok(None) };
        while let Some(found) = reader.walk.next(len)? {
            self.cursor.offset = reader.walk.offset();
            if reader.done.contains(&found.offset) {
                reader.walk.skip(&found)?;
                continue;
            }
            let payload = reader.walk.payload(&found);
            if payload.is_err() {
                self.cursor.reader = None;
            }
            return Ok(Some((Place::of(number, &found), payload)));
        }
        Ok(None)
    }

    /// Passes what is left of the cursor's segment over. What was to be read there is lost.
    fn give_up_rest(&mut self, number: u64, len: u64, why: &str) {
        self.cursor.offset = len;
        self.cursor.reader = None;
        let Some(segment) = self.segments.get_mut(&number) else { return };
        let lost = std::mem::take(&mut segment.unread);
        if lost.requests == 0 {
            return;
        }
        error!(
            path = %segment::path(&self.folder, number).display(),
            requests = lost.requests,
            items = lost.items,
            why,
            "requests of the sending queue cannot be read, they are lost"
        );
        segment.damaged = true;
        segment.live = segment.live.saturating_sub(lost.requests);
        self.lost += lost;
        self.remove_if_done(number);
    }

    fn count_as_read(&mut self, place: &Place) {
        if let Some(Segment { unread, .. }) = self.segments.get_mut(&place.number) {
            let Load { requests, items, bytes, .. } = place.load;
            unread.requests = unread.requests.saturating_sub(requests);
            unread.items = unread.items.saturating_sub(items);
            unread.bytes = unread.bytes.saturating_sub(bytes);
        }
    }

    /// Moves the cursor to the next segment while it has read all of one that nobody writes to.
    fn leave_read_segments(&mut self) {
        loop {
            let number = self.cursor.number;
            let segment = self.segments.get(&number);
            let unread = segment.is_some_and(|segment| self.cursor.offset < segment.len);
            if unread || self.is_active(number) {
                return;
            }
            let Some((next, _)) = self.segments.range(number + 1..).next() else { return };
            self.cursor = Cursor::at(*next);
        }
    }
}
