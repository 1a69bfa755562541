//! The folder, and who uses it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use component::{Owner, StorageClient, StorageError};
use fs4::fs_std::FileExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::Config;
use crate::place::Place;

/// The folders that this process uses. An extension and its successor share one.
#[derive(Default)]
pub(crate) struct Directories {
    open: Mutex<HashMap<PathBuf, Weak<Directory>>>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error(
        "directory must exist: {path}. You can enable the create_directory option to automatically create it"
    )]
    Missing { path: String },
    #[error("{path} is not a directory")]
    NoDirectory { path: String },
    #[error("problem accessing configured directory: {path}")]
    Inaccessible { path: String, source: io::Error },
    #[error(
        "{path} is used by another process, and was not given up within {timeout:?}; stop that process, or set another `directory`"
    )]
    Locked { path: String, timeout: Duration },
}

/// A folder that belongs to this process.
pub(crate) struct Directory {
    path: PathBuf,
    fsync: bool,
    places: Mutex<HashMap<String, Weak<Place>>>,
    /// Its lock ends with it.
    _lock: File,
}

impl Directories {
    /// The folder of a configuration, made and locked.
    pub(crate) fn acquire(&self, config: &Config) -> Result<Arc<Directory>, DirectoryError> {
        let path = &config.directory;
        let shown = || path.display().to_string();
        make(config)?;
        let inaccessible = |source| DirectoryError::Inaccessible { path: shown(), source };
        let real = path.canonicalize().map_err(inaccessible)?;
        let mut open = self.open.lock();
        if let Some(directory) = open.get(&real).and_then(Weak::upgrade) {
            return Ok(directory);
        }
        let lock = lock(&real, config.timeout)?;
        let directory = Arc::new(Directory {
            path: real.clone(),
            fsync: config.fsync,
            places: Mutex::default(),
            _lock: lock,
        });
        open.insert(real, Arc::downgrade(&directory));
        Ok(directory)
    }
}

fn make(config: &Config) -> Result<(), DirectoryError> {
    let path = &config.directory;
    let shown = || path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(DirectoryError::NoDirectory { path: shown() }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DirectoryError::Inaccessible { path: shown(), source: error });
        }
        Err(_) if !config.create_directory => {
            return Err(DirectoryError::Missing { path: shown() });
        }
        Err(_) => {}
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    if let Some(mode) = config.mode() {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    }
    builder.create(path).map_err(|source| DirectoryError::Inaccessible { path: shown(), source })
}

/// Locks the folder for this process, waiting for another one to go.
fn lock(path: &Path, timeout: Duration) -> Result<File, DirectoryError> {
    const PAUSE: Duration = Duration::from_millis(20);
    let shown = || path.display().to_string();
    let inaccessible = |source| DirectoryError::Inaccessible { path: shown(), source };
    let file = create_private(&path.join(".lock")).map_err(inaccessible)?;
    let begin = Instant::now();
    loop {
        match FileExt::try_lock_exclusive(&file) {
            Ok(true) => return Ok(file),
            Ok(false) if begin.elapsed() >= timeout => {
                return Err(DirectoryError::Locked { path: shown(), timeout });
            }
            // This is a thread that may block.
            Ok(false) => std::thread::sleep(PAUSE),
            Err(source) => return Err(inaccessible(source)),
        }
    }
}

/// A file that only we may read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Directory {
    /// The place of one component, which it shares with whoever has it open.
    pub(crate) fn open(
        self: &Arc<Self>,
        owner: &Owner,
    ) -> Result<Arc<dyn StorageClient>, StorageError> {
        let name = file_name(owner);
        let mut places = self.places.lock();
        places.retain(|_, place| place.strong_count() > 0);
        if let Some(place) = places.get(&name).and_then(Weak::upgrade) {
            return Ok(place);
        }
        let place = Arc::new(Place::open(Arc::clone(self), &self.path.join(&name), self.fsync)?);
        places.insert(name, Arc::downgrade(&place));
        Ok(place)
    }
}

/// Upstream's name of a component's file: `exporter_otlp_http__traces`, with everything but letters, digits, `.`, `-` and
/// `_` as `~` and four hexadecimal digits.
fn file_name(owner: &Owner) -> String {
    let id = owner.id.to_string();
    let (kind, name) = id.split_once('/').unwrap_or((&id, ""));
    let mut text = format!("{}_{kind}_{name}", owner.kind);
    if !owner.name.is_empty() {
        text.push('_');
        text.push_str(&owner.name);
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_') {
            out.push(letter);
        } else {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                out.push_str(&format!("~{unit:04X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use component::{ComponentId, Kind};

    use super::*;

    #[test]
    fn files_are_named_as_upstream_names_them() {
        let name = |id: &str, name: &str| {
            let id = ComponentId::parse(id).unwrap();
            file_name(&Owner { kind: Kind::Receiver, id, name: name.to_owned() })
        };
        assert_eq!(name("filelog", ""), "receiver_filelog_");
        assert_eq!(name("filelog/a.b-c", "logs"), "receiver_filelog_a.b-c_logs");
        assert_eq!(name("filelog/é", "x y"), "receiver_filelog_~00E9_x~0020y");
    }
}
