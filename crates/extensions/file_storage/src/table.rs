//! A component's table: a file, and a copy of what counts in it in memory.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use component::{Change, StorageError, chain};
use parking_lot::{Mutex, RwLock};
use tracing::warn;

use crate::config::Config;
use crate::log::{self, Durability, Ending, Log};
use crate::record::{self, LONGEST_BODY};
use crate::trouble;

/// How much a table may hold. It is in memory as well.
const LARGEST: usize = 64 << 20;

/// Smaller files are not rewritten.
const WORTHWHILE: u64 = 1 << 20;
/// A file is rewritten when it is so many times as large as what it holds.
const SLACK: u64 = 4;

/// A table. Readers never wait for a disk.
#[derive(Debug)]
pub(crate) struct Table {
    /// Changed only by who holds the file.
    entries: RwLock<Entries>,
    file: Mutex<Grown>,
}

#[derive(Debug)]
struct Grown {
    log: Log,
    /// At which length to rewrite it.
    rewrite_at: u64,
}

impl Table {
    /// Opens the table at a path, making it if it is missing. A damaged file is set aside, and a warning says so.
    ///
    /// # Errors
    ///
    /// The file system refuses.
    pub(crate) fn open(path: &Path, config: &Config) -> Result<Self, StorageError> {
        let trouble = |what| move |error| trouble::at(what, path, error);
        log::remove_if_there(&log::beside(path)).map_err(trouble("clean up beside"))?;
        let mut entries = Entries::default();
        let found = Log::open(path, |change| entries.apply(change)).map_err(trouble("open"))?;
        if found.ending == Ending::Corrupt && config.recreate {
            entries = Entries::default();
        }
        let left_over = found.left_over;
        let mut file = Grown { log: found.log, rewrite_at: 0 };
        match found.ending {
            Ending::Torn if left_over > 0 => {
                warn!(path = %path.display(), bytes = left_over, "cut off a write that was not completed");
            }
            Ending::Sound | Ending::Torn => {}
            Ending::Corrupt => {
                let aside = set_aside(path).map_err(trouble("set aside"))?;
                file.rewrite(&entries, config).map_err(trouble("rewrite"))?;
                warn!(
                    path = %path.display(),
                    set_aside = %aside.display(),
                    kept_entries = entries.values.len(),
                    "the file is damaged; it goes on with what stood before the damage, unless `recreate` is set"
                );
            }
        }
        if config.compaction.on_start {
            file.rewrite(&entries, config).map_err(trouble("rewrite"))?;
        }
        file.plan(&entries);
        Ok(Self { entries: RwLock::new(entries), file: Mutex::new(file) })
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.entries.read().values.get(key).cloned()
    }

    /// Applies all changes or none.
    ///
    /// # Errors
    ///
    /// They are too large, or the file system refuses.
    pub(crate) fn write(&self, changes: Vec<Change>, config: &Config) -> Result<(), StorageError> {
        let mut file = self.file.lock();
        let record = record::encode(&changes)
            .ok_or_else(|| too_large(file.log.path(), "written at once", LONGEST_BODY))?;
        let (now, then) = self.entries.read().sizes(&changes);
        if then > LARGEST && then > now {
            return Err(too_large(file.log.path(), "kept", LARGEST));
        }
        let durability = if config.fsync { Durability::Host } else { Durability::Process };
        let appended = file.log.append(&record, durability);
        appended.map_err(|error| trouble::at("write", file.log.path(), error))?;
        let mut entries = self.entries.write();
        changes.into_iter().for_each(|change| entries.apply(change));
        drop(entries);
        if file.log.length() >= file.rewrite_at {
            self.rewrite(&mut file, config);
        }
        Ok(())
    }

    /// Rewrites the file when it is as large, and holds as little, as the settings say.
    pub(crate) fn rebound(&self, config: &Config) {
        let mebibytes = |count: u64| count.saturating_mul(1 << 20);
        let needed = mebibytes(config.compaction.rebound_needed_threshold_mib);
        let trigger = mebibytes(config.compaction.rebound_trigger_threshold_mib);
        let mut file = self.file.lock();
        let holds = self.entries.read().bytes as u64;
        // Rewriting what holds nothing superfluous would go on for ever.
        let superfluous = file.log.length() > holds.saturating_mul(2).max(1024);
        if file.log.length() >= needed && holds <= trigger && superfluous {
            self.rewrite(&mut file, config);
        }
    }

    /// Nothing is lost when this fails: the file goes on as it is, and the next try follows when it has doubled.
    fn rewrite(&self, file: &mut Grown, config: &Config) {
        let entries = self.entries.read();
        match file.rewrite(&entries, config) {
            Ok(()) => file.plan(&entries),
            Err(error) => {
                let message = trouble::message("rewrite", file.log.path(), &error);
                warn!(error = %chain(&error), "{message}");
                file.rewrite_at = file.log.length().saturating_mul(2);
            }
        }
    }
}

impl Grown {
    fn rewrite(&mut self, entries: &Entries, config: &Config) -> io::Result<()> {
        let size = usize::try_from(config.compaction.max_transaction_size).unwrap_or(0);
        let size = if size == 0 { LONGEST_BODY } else { size.min(LONGEST_BODY) };
        self.log.rewrite(entries.batches(size))
    }

    fn plan(&mut self, entries: &Entries) {
        self.rewrite_at = (entries.bytes as u64).saturating_mul(SLACK).max(WORTHWHILE);
    }
}

fn too_large(path: &Path, what: &str, limit: usize) -> StorageError {
    StorageError::new(format!(
        "cannot write {}: more than the {limit} bytes that may be {what} in a table",
        path.display()
    ))
}

/// Gives a damaged file a second name, under which it stays.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{number}"));
        PathBuf::from(name)
    };
    let free = (1..u32::MAX).map(aside).find(|path| !path.exists());
    let free = free.ok_or(io::ErrorKind::AlreadyExists)?;
    // Some file systems have no links.
    fs::hard_link(path, &free).or_else(|_| fs::copy(path, &free).map(drop))?;
    Ok(free)
}

#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<String, Vec<u8>>,
    /// What all of them take in a file.
    bytes: usize,
}

impl Entries {
    fn apply(&mut self, change: Change) {
        let replaced = match change {
            Change::Set(key, value) => {
                self.bytes += size(&key, &value);
                let length = key.len();
                self.values.insert(key, value).map(|value| (length, value))
            }
            Change::Remove(key) => self.values.remove(&key).map(|value| (key.len(), value)),
        };
        if let Some((key, value)) = replaced {
            self.bytes -= OVERHEAD + key + value.len();
        }
    }

    /// What the entries take now, and what they would take after these changes.
    fn sizes(&self, changes: &[Change]) -> (usize, usize) {
        let mut after = HashMap::new();
        for change in changes {
            match change {
                Change::Set(key, value) => after.insert(key, size(key, value)),
                Change::Remove(key) => after.insert(key, 0),
            };
        }
        let before = after.keys().filter_map(|key| self.values.get_key_value(key.as_str()));
        let before: usize = before.map(|(key, value)| size(key, value)).sum();
        (self.bytes, self.bytes - before + after.values().sum::<usize>())
    }

    /// All entries, as changes of about this many bytes.
    fn batches(&self, bytes: usize) -> impl Iterator<Item = Vec<Change>> {
        let mut rest = self.values.iter().peekable();
        std::iter::from_fn(move || {
            let (mut batch, mut left) = (Vec::new(), bytes);
            while let Some((key, value)) =
                rest.next_if(|(key, value)| batch.is_empty() || size(key, value) <= left)
            {
                left = left.saturating_sub(size(key, value));
                batch.push(Change::Set(key.clone(), value.clone()));
            }
            Some(batch).filter(|batch| !batch.is_empty())
        })
    }
}

/// The kind of the change and two lengths.
const OVERHEAD: usize = 9;

fn size(key: &str, value: &[u8]) -> usize {
    OVERHEAD + key.len() + value.len()
}
