//! Folders that the process has claimed, and the tables that are open in them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use component::{Owner, StartError, StorageError};
use parking_lot::Mutex;
use tracing::warn;

use crate::config::Config;
use crate::lock::{self, Attempt, Lock};
use crate::log;
use crate::name;
use crate::table::Table;
use crate::trouble;

const TABLE: &str = "table";
const FOLDER: &str = "d";

/// The process's folders. Whoever claims one that is claimed already shares it.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    claimed: Mutex<HashMap<PathBuf, Weak<Directory>>>,
}

/// A folder that no other process uses.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    tables: Mutex<HashMap<String, Weak<Table>>>,
    /// Last, so that it goes when the tables are closed.
    _lock: Lock,
}

/// Why a folder could not be claimed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Another process has it now.
    Taken(String),
    Failed(StartError),
}

impl Directories {
    /// Claims the folder of the settings, as far as that is possible without waiting.
    ///
    /// # Errors
    ///
    /// Another process has it; it is not there; the file system refuses.
    pub(crate) fn claim(&self, config: &Config) -> Result<Arc<Directory>, Refusal> {
        let path = prepare(config).map_err(Refusal::Failed)?;
        let mut claimed = self.claimed.lock();
        if let Some(directory) = claimed.get(&path).and_then(Weak::upgrade) {
            return Ok(directory);
        }
        let lock = match Lock::attempt(&path) {
            Ok(Attempt::Locked(lock)) => lock,
            Ok(Attempt::Taken(holder)) => return Err(Refusal::Taken(taken(&path, holder))),
            Err(error) => {
                let message = trouble::message("lock", &lock::path(&path), &error);
                return Err(failed(format!("directory: {message}"), error));
            }
        };
        if config.compaction.cleanup_on_start {
            clean_up(&path).map_err(|error| {
                failed(
                    format!("compaction::cleanup_on_start: cannot clean up {}", path.display()),
                    error,
                )
            })?;
        }
        let directory = Arc::new(Directory { path, tables: Mutex::default(), _lock: lock });
        claimed.retain(|_, directory| directory.strong_count() > 0);
        claimed.insert(directory.path.clone(), Arc::downgrade(&directory));
        Ok(directory)
    }
}

impl Directory {
    /// The table of one owner, shared with whoever has it open.
    ///
    /// # Errors
    ///
    /// See [`Table::open`].
    pub(crate) fn table(&self, owner: &Owner, config: &Config) -> Result<Arc<Table>, StorageError> {
        let stem = name::stem(owner);
        let mut tables = self.tables.lock();
        if let Some(table) = tables.get(&stem).and_then(Weak::upgrade) {
            return Ok(table);
        }
        let path = self.path.join(format!("{stem}.{TABLE}"));
        self.say_what_is_not_read(owner, &path);
        let table = Arc::new(Table::open(&path, config)?);
        tables.retain(|_, table| table.strong_count() > 0);
        tables.insert(stem, Arc::downgrade(&table));
        Ok(table)
    }

    /// The folder of one owner.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(crate) fn folder(&self, owner: &Owner) -> Result<PathBuf, StorageError> {
        let path = self.path.join(format!("{}.{FOLDER}", name::stem(owner)));
        match builder(0o700).create(&path) {
            Err(error) if !path.is_dir() => Err(trouble::at("make the folder", &path, error)),
            _ => Ok(path),
        }
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The tables that are open.
    pub(crate) fn tables(&self) -> Vec<Arc<Table>> {
        self.tables.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn say_what_is_not_read(&self, owner: &Owner, path: &Path) {
        let other = self.path.join(name::upstream(owner));
        if !path.exists() && other.is_file() {
            warn!(
                path = %other.display(),
                owner = %owner.id,
                "another collector's data is not read, and left as it is; the component begins anew"
            );
        }
    }
}

/// Makes sure that the folder is there; gives its one true name.
fn prepare(config: &Config) -> Result<PathBuf, StartError> {
    let path = &config.directory;
    let shown = path.display();
    if config.create_directory {
        let mode = config.mode().map_err(StartError::new)?;
        builder(mode).recursive(true).create(path).map_err(|error| {
            let message = trouble::message("make the folder", path, &error);
            StartError::caused_by(format!("directory: {message}"), error)
        })?;
    }
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Err(StartError::new(format!("directory: {shown} is not a directory")))
        }
        Ok(_) => fs::canonicalize(path).map_err(|error| {
            StartError::caused_by(format!("directory: cannot resolve {shown}"), error)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StartError::new(format!(
                "directory must exist: {shown} does not. You can enable the create_directory option to automatically create it"
            )))
        }
        Err(error) => Err(StartError::caused_by(
            format!("problem accessing configured directory: {shown}"),
            error,
        )),
    }
}

/// Makes folders with this mode, less the umask.
#[cfg(unix)]
fn builder(mode: u32) -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    builder
}

/// Makes folders. There are no modes.
#[cfg(not(unix))]
fn builder(_mode: u32) -> fs::DirBuilder {
    fs::DirBuilder::new()
}

fn clean_up(folder: &Path) -> std::io::Result<()> {
    let ending = log::beside(Path::new(TABLE));
    let ending = format!(".{}", ending.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(&ending) {
            log::remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

fn taken(path: &Path, holder: Option<u32>) -> String {
    let holder = holder.map(|id| format!(" (process {id})")).unwrap_or_default();
    format!(
        "directory: {} is in use by another process{holder}; give each process a `directory` of its own, or end the other one",
        path.display()
    )
}

fn failed(message: String, error: std::io::Error) -> Refusal {
    Refusal::Failed(StartError::caused_by(message, error))
}
