//! The `file_storage` extension: a folder of the host in which components keep what has to outlive the process.
//!
//! Each component has a table of keys and values, which is one append-only file with checksums and a copy in memory, and a
//! folder for files of its own. Folder and tables belong to the process: old and new components share them across a change
//! of the configuration. Other processes are kept out by a lock file.

mod config;
mod directory;
mod lock;
mod log;
mod name;
mod record;
mod storage;
mod table;
mod trouble;

use component::{ComponentType, CreateError, Extension, ExtensionFactory, Settings, Stability};

pub use crate::config::{Compaction, Config};

/// Builds `file_storage` extensions.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("file_storage");
    const STABILITY: Stability = Stability::Beta;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        let (storage, keeper) = storage::new(config, &settings);
        Ok(Extension::storage(storage, keeper))
    }
}

#[cfg(test)]
mod tests;
