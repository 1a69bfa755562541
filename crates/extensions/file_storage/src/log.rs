//! The file of a table: records after a mark, appended and never changed in place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use component::Change;

use crate::record::{self, HEADER, Header};

/// What every file begins with.
const MARK: &[u8; 8] = b"kmtable1";

/// An open file. After a failed write it is cut back to the records that count.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// `None` after a failure, until it is opened anew.
    file: Option<File>,
    /// Where the next record goes.
    length: u64,
}

/// Whether a write has to reach the disk before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It survives the end of the process.
    Process,
    /// It survives the end of the host.
    Host,
}

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Sound,
    /// The last record was not written to its end: what the end of a process or of the host leaves behind. It never
    /// counted, except when the host ended before a write without fsync reached the disk.
    Torn,
    /// It is damaged in another way, and what comes after the damage cannot be read.
    Corrupt,
}

/// What was found in a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) log: Log,
    /// Bytes after the last record that counts.
    pub(crate) left_over: u64,
    pub(crate) ending: Ending,
}

impl Log {
    /// Opens a file, making it if it is missing, and gives every change in it to `replay`. What is torn off is cut off.
    ///
    /// # Errors
    ///
    /// The file cannot be made, read or cut. Damage is no error.
    pub(crate) fn open(path: &Path, mut replay: impl FnMut(Change)) -> io::Result<Found> {
        let mut file = open(path)?;
        let size = file.metadata()?.len();
        let mut reader = Reader { bytes: BufReader::new(&mut file), at: 0, size };
        let ending = reader.read_all(&mut replay)?;
        let length = reader.at;
        let mut log = Self { path: path.to_owned(), file: Some(file), length };
        if ending == Ending::Torn {
            log.cut_back()?;
        }
        if length == 0 && ending != Ending::Corrupt {
            log.begin()?;
        }
        Ok(Found { log, left_over: size - length, ending })
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// It does not count.
    pub(crate) fn append(&mut self, record: &[u8], durability: Durability) -> io::Result<()> {
        match self.write(record, durability) {
            Ok(()) => {
                self.length += record.len() as u64;
                Ok(())
            }
            Err(error) => {
                // The error that matters is the first. When this fails too, the next write tries again.
                self.file = None;
                drop(self.file());
                Err(error)
            }
        }
    }

    /// Replaces the file in one step by one that holds these changes, each batch in a record, and forces it to the disk.
    ///
    /// # Errors
    ///
    /// The file is as it was, or it is replaced and not forced to the disk.
    pub(crate) fn rewrite(&mut self, batches: impl Iterator<Item = Vec<Change>>) -> io::Result<()> {
        let beside = beside(&self.path);
        remove_if_there(&beside)?;
        let mut file = open(&beside)?;
        let mut length = MARK.len() as u64;
        file.write_all(MARK)?;
        for batch in batches {
            let record = record::encode(&batch).ok_or(ErrorKind::InvalidData)?;
            file.write_all(&record)?;
            length += record.len() as u64;
        }
        file.sync_all()?;
        // Windows replaces no file that is open.
        self.file = None;
        fs::rename(&beside, &self.path)?;
        self.file = Some(file);
        self.length = length;
        sync_folder(&self.path)
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts another file in the place of the open one.
    #[cfg(test)]
    pub(crate) fn break_file(&mut self, file: File) {
        self.file = Some(file);
    }

    fn begin(&mut self) -> io::Result<()> {
        let file = self.file()?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(MARK)?;
        file.sync_all()?;
        self.length = MARK.len() as u64;
        sync_folder(&self.path)
    }

    fn write(&mut self, record: &[u8], durability: Durability) -> io::Result<()> {
        let length = self.length;
        let file = self.file()?;
        file.seek(SeekFrom::Start(length))?;
        file.write_all(record)?;
        match durability {
            Durability::Process => Ok(()),
            Durability::Host => file.sync_data(),
        }
    }

    /// The file, opened anew and cut back when a write has failed.
    fn file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            // One that is gone must not be made anew: it would be empty.
            self.file = Some(options().open(&self.path)?);
            if let Err(error) = self.cut_back() {
                self.file = None;
                return Err(error);
            }
        }
        Ok(self.file.as_mut().expect("it was opened above"))
    }

    fn cut_back(&mut self) -> io::Result<()> {
        match &self.file {
            Some(file) => file.set_len(self.length),
            None => Ok(()),
        }
    }
}

/// Where a file is rewritten.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

struct Reader<R> {
    bytes: R,
    /// After the last record that counts.
    at: u64,
    size: u64,
}

impl<R: Read> Reader<R> {
    fn read_all(&mut self, replay: &mut impl FnMut(Change)) -> io::Result<Ending> {
        let mut mark = [0; MARK.len()];
        let length = self.size.min(MARK.len() as u64) as usize;
        self.bytes.read_exact(&mut mark[..length])?;
        if mark[..length] != MARK[..length] {
            return self.damage(&mark[..length]);
        }
        if length < MARK.len() {
            return Ok(Ending::Torn);
        }
        self.at = length as u64;
        while self.at < self.size {
            let left = self.size - self.at;
            if left < HEADER as u64 {
                return Ok(Ending::Torn);
            }
            let mut header = [0; HEADER];
            self.bytes.read_exact(&mut header)?;
            let Some(sound) = Header::read(header) else { return self.damage(&header) };
            let end = HEADER as u64 + u64::from(sound.length);
            if end > left {
                return Ok(Ending::Torn);
            }
            let mut body = vec![0; sound.length as usize];
            self.bytes.read_exact(&mut body)?;
            match record::decode(&body).filter(|_| sound.matches(&body)) {
                Some(changes) => changes.into_iter().for_each(&mut *replay),
                None if end == left => return Ok(Ending::Torn),
                None => return Ok(Ending::Corrupt),
            }
            self.at += end;
        }
        Ok(Ending::Sound)
    }

    /// Some file systems fill what they had no time to write with zeros. Anything else that is no record is damage.
    fn damage(&mut self, seen: &[u8]) -> io::Result<Ending> {
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let mut zero = is_zero(seen);
        let mut buffer = vec![0; 64 << 10];
        while zero {
            match self.bytes.read(&mut buffer)? {
                0 => return Ok(Ending::Torn),
                length => zero = is_zero(&buffer[..length]),
            }
        }
        Ok(Ending::Corrupt)
    }
}

/// Opens a file, making it if it is missing.
fn open(path: &Path) -> io::Result<File> {
    options().create(true).truncate(false).open(path)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Forces the names in a file's folder to the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// There is no such thing; NTFS logs a rename by itself.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
