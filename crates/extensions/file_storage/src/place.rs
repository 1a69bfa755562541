//! One component's place: its table, and its folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use component::{Change, StorageClient, StorageError};
use parking_lot::Mutex;

use crate::blocking;
use crate::directory::Directory;
use crate::table;

/// A place that is open.
#[derive(Clone)]
pub(crate) struct Place {
    shared: Arc<Shared>,
}

struct Shared {
    table: PathBuf,
    folder: PathBuf,
    fsync: bool,
    values: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Keeps the folder ours.
    _directory: Arc<Directory>,
}

impl Place {
    /// Opens the place whose files begin with `path`.
    pub(crate) fn open(
        directory: Arc<Directory>,
        path: &Path,
        fsync: bool,
    ) -> Result<Self, StorageError> {
        let (table, folder) = (with_suffix(path, ".table"), with_suffix(path, ".d"));
        let values = table::read(&table).map_err(|error| failed(&table, error))?;
        let values = Mutex::new(values);
        let shared = Shared { table, folder, fsync, values, _directory: directory };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    /// Applies all changes: to the file first, so that nobody sees what is not written.
    fn write(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let mut values = self.values.lock();
        let mut changed = values.clone();
        for change in changes {
            match change {
                Change::Set(key, value) => drop(changed.insert(key, value)),
                Change::Remove(key) => drop(changed.remove(&key)),
            }
        }
        if changed == *values {
            return Ok(());
        }
        table::write(&self.table, &changed, self.fsync)
            .map_err(|error| failed(&self.table, error))?;
        *values = changed;
        Ok(())
    }

    fn make_folder(&self) -> Result<PathBuf, StorageError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder).map_err(|error| failed(&self.folder, error))?;
        Ok(self.folder.clone())
    }
}

#[async_trait]
impl StorageClient for Place {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.shared.values.lock().get(key).cloned())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.write(changes)).await
    }

    async fn folder(&self) -> Result<PathBuf, StorageError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.make_folder()).await
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(path: &Path, error: io::Error) -> StorageError {
    StorageError::caused_by(format!("cannot use {}", path.display()), error)
}
