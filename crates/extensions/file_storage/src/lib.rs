//! The `file_storage` extension: a folder in which components keep what has to outlive the process.
//!
//! Each component gets a table of keys and values, in one small file, and a folder for files of its own. The folder belongs
//! to one process at a time; within it, a component and its successor in a new configuration share a place.

mod config;
mod directory;
mod place;
mod table;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::{
    CancellationToken, ComponentType, CreateError, Extension, ExtensionFactory, Lifecycle, Owner,
    Process, Settings, Stability, StartError, Storage, StorageClient, StorageError,
};
use tokio::task::spawn_blocking;

pub use crate::config::{Compaction, Config};
use crate::directory::{Directories, Directory};

/// Builds `file_storage` extensions.
#[derive(Clone, Copy, Debug)]
pub struct Factory;

impl ExtensionFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("file_storage");
    const STABILITY: Stability = Stability::Beta;

    fn create(&self, config: Config, settings: Settings) -> Result<Extension, CreateError> {
        let files = Arc::new(Files { directory: OnceLock::new() });
        let life = Life { config, process: settings.process, files: Arc::clone(&files) };
        Ok(Extension::storage(files, life))
    }
}

/// The storage, as components see it.
struct Files {
    /// Set when the folder is ours.
    directory: OnceLock<Arc<Directory>>,
}

#[async_trait]
impl Storage for Files {
    async fn open(&self, owner: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        let directory = self.directory.get().cloned();
        let directory =
            directory.ok_or_else(|| StorageError::new("the storage has not started"))?;
        let owner = owner.clone();
        blocking(move || directory.open(&owner)).await
    }
}

struct Life {
    config: Config,
    process: Process,
    files: Arc<Files>,
}

#[async_trait]
impl Lifecycle for Life {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let directories = self.process.table::<Directories>();
        let config = self.config.clone();
        let acquired = spawn_blocking(move || directories.acquire(&config)).await;
        let directory = match acquired {
            Ok(directory) => {
                directory.map_err(|error| StartError::caused_by("directory", error))?
            }
            Err(panic) => return Err(StartError::caused_by("directory", panic)),
        };
        self.files.directory.get_or_init(|| directory);
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        stop.cancelled().await;
        Ok(())
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

#[cfg(test)]
mod tests;
