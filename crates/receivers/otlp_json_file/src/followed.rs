//! Files that are followed. Everything here blocks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;
use tracing::warn;

use crate::config::OnTruncate;
use crate::positions::Position;
use crate::progress::Progress;

/// How much is read of a file at a time.
const CHUNK: usize = 256 << 10;
/// How many polls a file that is gone is remembered for.
const MISSED: u32 = 3;

/// A file. What it is called and where it is does not matter: what counts is how it begins.
pub(crate) struct Followed {
    pub(crate) path: PathBuf,
    fingerprint: Vec<u8>,
    /// Everything before this was read.
    pub(crate) read: u64,
    pub(crate) progress: Arc<Progress>,
    /// Open between two polls, so that what is written to it after a rotation is read.
    file: Option<File>,
    missed: u32,
    /// The length of a last line without an end, when it was seen last.
    pub(crate) rest: Option<Rest>,
}

/// A last line that has no end yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) len: u64,
    pub(crate) since: tokio::time::Instant,
}

/// A line of a file.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where it stands, its end included.
    pub(crate) range: Range<u64>,
    /// `None` when it is too long.
    pub(crate) text: Option<Vec<u8>>,
}

/// What a receiver follows.
pub(crate) struct Files {
    files: Vec<Followed>,
    rules: Rules,
    changed: Arc<Notify>,
}

/// How files are followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) fingerprint_size: usize,
    pub(crate) kept_open: usize,
    pub(crate) longest_line: usize,
    pub(crate) on_truncate: OnTruncate,
    /// Whether every file is read from its beginning with every poll.
    pub(crate) replay: bool,
}

impl Files {
    pub(crate) fn new(rules: Rules, known: Vec<Position>, changed: Arc<Notify>) -> Self {
        let files = known.into_iter().map(|Position { mut fingerprint, done }| {
            fingerprint.truncate(rules.fingerprint_size);
            Followed::new(PathBuf::new(), fingerprint, done, &changed)
        });
        Self { files: files.collect(), rules, changed }
    }

    /// What is to be remembered of them.
    pub(crate) fn positions(&self) -> Vec<Position> {
        let files = self.files.iter().map(|file| Position {
            fingerprint: file.fingerprint.clone(),
            done: file.progress.done(),
        });
        files.collect()
    }

    /// How many lines are open in all.
    pub(crate) fn open_lines(&self) -> usize {
        self.files.iter().map(|file| file.progress.open()).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn get(&mut self, at: usize) -> Option<&mut Followed> {
        self.files.get_mut(at)
    }

    /// Opens what is at the paths and finds out which of the files that is. New ones begin at their end if `at_end`.
    pub(crate) fn look(&mut self, paths: Vec<PathBuf>, at_end: bool) {
        let mut current: Vec<Followed> = Vec::new();
        for path in paths {
            let (file, fingerprint, len) = match open(&path, self.rules.fingerprint_size) {
                Ok(opened) => opened,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    warn!(path = %path.display(), %error, "cannot read the file, it is left out");
                    continue;
                }
            };
            // An empty file is like any other, and the same file may have two names.
            if fingerprint.is_empty() || current.iter().any(|seen| seen.fingerprint == fingerprint)
            {
                continue;
            }
            let known = self.take(&fingerprint);
            let mut followed = known.unwrap_or_else(|| {
                let begin = if at_end { len } else { 0 };
                Followed::new(PathBuf::new(), Vec::new(), begin, &self.changed)
            });
            followed.truncated(len, self.rules.on_truncate, &self.changed);
            if self.rules.replay && followed.progress.open() == 0 {
                followed.begin_at(0, &self.changed);
            }
            let keep_open = current.len() < self.rules.kept_open;
            followed.file = keep_open.then_some(file);
            followed.path = path;
            followed.fingerprint = fingerprint;
            followed.missed = 0;
            current.push(followed);
        }
        for mut gone in self.files.drain(..) {
            gone.missed += 1;
            // It was moved to where nobody looks: what was written to it until now is read, this once.
            if gone.missed > 1 || !gone.begins_as_before() {
                gone.file = None;
            }
            if gone.missed <= MISSED || gone.progress.open() > 0 {
                current.push(gone);
            }
        }
        self.files = current;
    }

    /// The file that begins so: of several the one of which most is known.
    fn take(&mut self, fingerprint: &[u8]) -> Option<Followed> {
        let matching = self.files.iter().enumerate().filter(|(_, file)| {
            !file.fingerprint.is_empty() && fingerprint.starts_with(&file.fingerprint)
        });
        let best = matching.max_by_key(|(_, file)| file.fingerprint.len()).map(|(at, _)| at)?;
        Some(self.files.swap_remove(best))
    }

    /// The next lines of a file, some hundred kilobytes at a time; none when it is at its end. A last line without an end is
    /// among them when `takes_rest`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub(crate) fn next_lines(&mut self, at: usize, takes_rest: bool) -> io::Result<Vec<Line>> {
        let limit = self.rules.longest_line;
        match self.files.get_mut(at) {
            Some(file) => file.next_lines(limit, takes_rest),
            None => Ok(Vec::new()),
        }
    }

    /// Reads a line again.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has no such line any more.
    pub(crate) fn read_again(&mut self, at: usize, range: Range<u64>) -> io::Result<Line> {
        let Some(file) = self.files.get_mut(at) else { return Err(io::ErrorKind::NotFound.into()) };
        let mut text = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
        file.with(|file| {
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut text)
        })?;
        Ok(Line { range, text: Some(text) })
    }
}

impl Followed {
    fn new(path: PathBuf, fingerprint: Vec<u8>, done: u64, changed: &Arc<Notify>) -> Self {
        let progress = Arc::new(Progress::new(done, Arc::clone(changed)));
        Self { path, fingerprint, read: done, progress, file: None, missed: 0, rest: None }
    }

    fn begin_at(&mut self, at: u64, changed: &Arc<Notify>) {
        self.read = at;
        self.progress = Arc::new(Progress::new(at, Arc::clone(changed)));
    }

    fn truncated(&mut self, len: u64, on_truncate: OnTruncate, changed: &Arc<Notify>) {
        if len >= self.read {
            return;
        }
        match on_truncate {
            OnTruncate::Ignore => {}
            OnTruncate::ReadWholeFile => self.begin_at(0, changed),
            OnTruncate::ReadNew => self.begin_at(len, changed),
        }
    }

    fn begins_as_before(&mut self) -> bool {
        let Some(file) = &mut self.file else { return false };
        let begins = begin(file, self.fingerprint.len());
        begins.is_ok_and(|begins| begins == self.fingerprint)
    }

    /// The open file, or one that is opened for now.
    fn with<T>(&mut self, work: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        match &mut self.file {
            Some(file) => work(file),
            None if self.missed > 0 || self.path.as_os_str().is_empty() => {
                Err(io::ErrorKind::NotFound.into())
            }
            None => work(&mut File::open(&self.path)?),
        }
    }

    fn next_lines(&mut self, limit: usize, takes_rest: bool) -> io::Result<Vec<Line>> {
        let from = self.read;
        let (lines, rest) = self.with(|file| {
            file.seek(SeekFrom::Start(from))?;
            lines(file, from, limit, takes_rest)
        })?;
        if let Some(last) = lines.last() {
            self.read = last.range.end;
        }
        for line in &lines {
            self.progress.begin(line.range.clone());
        }
        self.rest = match (rest, self.rest) {
            (0, _) => None,
            (len, Some(known)) if known.len == len && lines.is_empty() => Some(known),
            (len, _) => Some(Rest { len, since: tokio::time::Instant::now() }),
        };
        Ok(lines)
    }
}

/// Lines from here on, and the length of a last line that has no end.
fn lines(
    file: &mut File,
    from: u64,
    limit: usize,
    takes_rest: bool,
) -> io::Result<(Vec<Line>, u64)> {
    let mut lines = Vec::new();
    let mut buffer = Vec::new();
    // Where the buffer begins, and how much of its line was thrown away because it is too long.
    let (mut start, mut skipped) = (from, 0_u64);
    loop {
        let before = buffer.len();
        let read = Read::take(&mut *file, CHUNK as u64).read_to_end(&mut buffer)?;
        let mut rest = 0;
        let mut searched = before;
        while let Some(at) = buffer[searched..].iter().position(|byte| *byte == b'\n') {
            let end = searched + at + 1;
            let range = start..start + skipped + (end - rest) as u64;
            let is_long = skipped > 0 || end - rest > limit;
            let text = (!is_long).then(|| buffer[rest..end].to_vec());
            start = range.end;
            lines.push(Line { range, text });
            (rest, searched, skipped) = (end, end, 0);
        }
        buffer.drain(..rest);
        if buffer.len() > limit {
            skipped += buffer.len() as u64;
            buffer.clear();
        }
        if read == 0 && takes_rest && !buffer.is_empty() {
            let end = start + skipped + buffer.len() as u64;
            let text = (skipped == 0).then(|| std::mem::take(&mut buffer));
            lines.push(Line { range: start..end, text });
            return Ok((lines, 0));
        }
        if read == 0 || !lines.is_empty() {
            let rest = if read == 0 { skipped + buffer.len() as u64 } else { 0 };
            return Ok((lines, rest));
        }
    }
}

fn open(path: &Path, size: usize) -> io::Result<(File, Vec<u8>, u64)> {
    let mut file = File::open(path)?;
    let fingerprint = begin(&mut file, size)?;
    let len = file.metadata()?.len();
    Ok((file, fingerprint, len))
}

/// How a file begins.
fn begin(file: &mut File, size: usize) -> io::Result<Vec<u8>> {
    let mut begins = Vec::with_capacity(size);
    file.seek(SeekFrom::Start(0))?;
    Read::take(file, size as u64).read_to_end(&mut begins)?;
    Ok(begins)
}
