//! The files that this process writes to.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use component::ComponentId;
use parking_lot::Mutex;
use tracing::warn;

use crate::config::Rotation;
use crate::framing::Framing;
use crate::rotation;

/// The process's output files, by path.
///
/// An exporter's successor in a new configuration gets the file that its predecessor has open, so that both write to it
/// without overwriting each other, and nothing is emptied in between.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    open: Mutex<HashMap<PathBuf, Weak<Output>>>,
}

/// Why an exporter does not get its file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error(
        "path: {path} is written to by exporter \"{owner}\" already; give each exporter a file of its own"
    )]
    Taken { path: PathBuf, owner: ComponentId },
    #[error("path: cannot write to {path}")]
    Open { path: PathBuf, source: io::Error },
}

impl Outputs {
    /// The file at this path, made if it is not there. It is not emptied yet.
    ///
    /// # Errors
    ///
    /// Another exporter has it, or it cannot be opened.
    pub(crate) fn claim(
        &self,
        path: &Path,
        owner: &ComponentId,
    ) -> Result<Arc<Output>, ClaimError> {
        let opened = open(path);
        let opened = opened.map_err(|source| ClaimError::Open { path: path.to_owned(), source })?;
        // Two ways to write one path are one path. Devices and pipes may have no other.
        let key = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut open = self.open.lock();
        match open.get(&key).and_then(Weak::upgrade) {
            Some(output) if output.owner == *owner => return Ok(output),
            Some(output) => {
                return Err(ClaimError::Taken { path: key, owner: output.owner.clone() });
            }
            None => {}
        }
        let state = State { opened: Some(opened), begun: false, framing: None, torn: None };
        let (path, owner) = (path.to_owned(), owner.clone());
        let output = Arc::new(Output { path, owner, state: Mutex::new(state) });
        open.retain(|_, output| output.strong_count() > 0);
        open.insert(key, Arc::downgrade(&output));
        Ok(output)
    }
}

/// A file that messages are written to, one after the other.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    owner: ComponentId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` after a rotation; the next message opens a new file.
    opened: Option<Opened>,
    /// Whether this process has written to it: from then on nothing is emptied.
    begun: bool,
    /// What the messages look like that were written last.
    framing: Option<Framing>,
    /// The length to which a broken message has to be cut back.
    torn: Option<u64>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    /// Since when a regular file is written to; `None` for pipes and devices, which have neither end nor age.
    began: Option<SystemTime>,
}

/// What one exporter wants of the file.
#[derive(Clone, Debug)]
pub(crate) struct Wishes {
    pub(crate) framing: Framing,
    pub(crate) rotation: Option<Rotation>,
    /// Whether what an earlier process wrote stays.
    pub(crate) append: bool,
}

impl Output {
    /// Writes one message, after the file was emptied or moved aside where that is due.
    ///
    /// # Errors
    ///
    /// The message is not in the file, not even a part of it: a part is cut away at once, or before the next message.
    pub(crate) fn write(&self, message: &[u8], wishes: &Wishes) -> io::Result<()> {
        let mut state = self.state.lock();
        // It is put back when all went well: a file that failed in any way is opened anew.
        let mut opened = match state.opened.take() {
            Some(opened) => opened,
            None => open(&self.path)?,
        };
        let Some(began) = opened.began else {
            opened.file.write_all(message)?;
            state.opened = Some(opened);
            return Ok(());
        };
        let mut length = state.clean(&mut opened.file, wishes)?;
        let age = began.elapsed().unwrap_or_default();
        if state.has_to_rotate(wishes, length, age, message.len()) {
            let permissions = opened.file.metadata()?.permissions();
            drop(opened);
            self.rotate(wishes.rotation.as_ref())?;
            opened = open(&self.path)?;
            // Whoever was let read the file is let read the next one, too.
            opened.file.set_permissions(permissions)?;
            length = 0;
        }
        state.framing = Some(wishes.framing);
        if let Err(error) = opened.file.write_all(message) {
            state.torn = opened.file.set_len(length).err().map(|_| length);
            return Err(error);
        }
        state.opened = Some(opened);
        Ok(())
    }

    /// Moves the file aside, and removes files that were moved aside before if there are rules for it.
    fn rotate(&self, rotation: Option<&Rotation>) -> io::Result<()> {
        let now = rotation::now(rotation);
        rotation::move_aside(&self.path, now)?;
        let Some(rotation) = rotation else { return Ok(()) };
        if let Err(error) = rotation::remove_old(&self.path, rotation, now) {
            warn!(exporter = %self.owner, path = %self.path.display(), %error, "cannot remove old files");
        }
        Ok(())
    }
}

impl State {
    /// Cuts away what must not be in the file, and gives its length. The next message goes there.
    fn clean(&mut self, file: &mut File, wishes: &Wishes) -> io::Result<u64> {
        if let Some(length) = self.torn {
            file.set_len(length)?;
            self.torn = None;
        }
        if !self.begun && !wishes.append {
            file.set_len(0)?;
        }
        self.begun = true;
        // Others may have cut the file in the meantime, so its end is asked for each time.
        file.seek(SeekFrom::End(0))
    }

    /// Whether the file has to be moved aside before a message of this size: by the rules of its rotation, or because a
    /// reader could not tell messages apart that are written in two ways.
    fn has_to_rotate(&self, wishes: &Wishes, length: u64, age: Duration, more: usize) -> bool {
        let other = self.framing.is_some_and(|framing| framing != wishes.framing);
        let due = wishes.rotation.as_ref();
        let due = due.is_some_and(|rotation| rotation::is_due(rotation, length, age, more as u64));
        due || (other && length > 0)
    }
}

fn open(path: &Path) -> io::Result<Opened> {
    let mut options = OpenOptions::new();
    // Not for appending: on Windows a file that is open for appending cannot be cut.
    options.write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    let began = metadata.created().unwrap_or_else(|_| SystemTime::now());
    Ok(Opened { file, began: Some(began).filter(|_| metadata.is_file()) })
}

/// Telemetry may hold secrets: a new file is its owner's alone.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// The folder says who may read its files.
#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Compression, Format};

    #[test]
    fn what_a_failed_write_has_left_is_cut_away_before_the_next_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let owner = ComponentId::parse("file").unwrap();
        let output = Outputs::default().claim(&path, &owner).unwrap();
        let framing = Framing { format: Format::Json, compression: Compression::None };
        let wishes = Wishes { framing, rotation: None, append: false };
        output.write(b"first\n", &wishes).unwrap();

        // A handle that can neither write nor cut stands for a disk that fails.
        let opened = Opened { file: File::open(&path).unwrap(), began: Some(SystemTime::now()) };
        output.state.lock().opened = Some(opened);
        output.write(b"second\n", &wishes).unwrap_err();
        fs::write(&path, "first\nsec").unwrap();

        output.write(b"third\n", &wishes).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nthird\n");
    }
}
