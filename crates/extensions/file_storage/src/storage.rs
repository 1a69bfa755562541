//! The extension at work.

use std::path::PathBuf;
use std::sync::Arc;

use component::{
    CancellationToken, Change, ComponentId, Lifecycle, Owner, Process, Settings, StartError,
    Storage, StorageClient, StorageError, async_trait,
};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};
use tracing::warn;

use crate::config::Config;
use crate::directory::{Directories, Directory, Refusal};
use crate::table::Table;

/// How often a folder that another process has is tried.
const RETRY: Duration = Duration::from_millis(50);

/// What the extension offers, and its life.
pub(crate) fn new(config: Config, settings: &Settings) -> (Arc<FileStorage>, Keeper) {
    let storage = Arc::new(FileStorage {
        id: settings.id.clone(),
        config: Arc::new(config),
        directory: Mutex::default(),
    });
    (Arc::clone(&storage), Keeper { storage, process: settings.process.clone() })
}

/// The storage that components see.
pub(crate) struct FileStorage {
    id: ComponentId,
    config: Arc<Config>,
    /// From when the extension has acquired it.
    directory: Mutex<Option<Arc<Directory>>>,
}

impl FileStorage {
    fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.lock().clone()
    }
}

#[async_trait]
impl Storage for FileStorage {
    async fn open(&self, owner: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        let directory = self.directory().ok_or_else(|| {
            let path = self.config.directory.display();
            StorageError::new(format!("storage `{}` has not started: it has no {path}", self.id))
        })?;
        let (config, owner) = (Arc::clone(&self.config), owner.clone());
        let client = blocking(move || {
            let table = directory.table(&owner, &config)?;
            Ok(Client { owner, directory, table, config })
        });
        Ok(Arc::new(client.await?))
    }
}

/// One component's place.
struct Client {
    owner: Owner,
    directory: Arc<Directory>,
    table: Arc<Table>,
    config: Arc<Config>,
}

#[async_trait]
impl StorageClient for Client {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.table.get(key))
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
        }
        let (table, config) = (Arc::clone(&self.table), Arc::clone(&self.config));
        blocking(move || table.write(changes, &config)).await
    }

    async fn folder(&self) -> Result<PathBuf, StorageError> {
        let (directory, owner) = (Arc::clone(&self.directory), self.owner.clone());
        blocking(move || directory.folder(&owner)).await
    }
}

/// Keeps the folder claimed, and its files small.
pub(crate) struct Keeper {
    storage: Arc<FileStorage>,
    process: Process,
}

impl Keeper {
    async fn claim(&self) -> Result<Arc<Directory>, StartError> {
        let config = &self.storage.config;
        let deadline = Instant::now().checked_add(config.timeout);
        loop {
            let directories = self.process.table::<Directories>();
            let config = Arc::clone(config);
            let claimed = spawn_blocking(move || directories.claim(&config)).await;
            let claimed = claimed
                .map_err(|error| StartError::caused_by("directory: could not be claimed", error))?;
            match claimed {
                Ok(directory) => return Ok(directory),
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Taken(_)) if deadline.is_none_or(|end| Instant::now() < end) => {
                    sleep(RETRY).await;
                }
                Err(Refusal::Taken(message)) => return Err(StartError::new(message)),
            }
        }
    }
}

#[async_trait]
impl Lifecycle for Keeper {
    async fn acquire(&mut self) -> Result<(), StartError> {
        let directory = self.claim().await?;
        let config = &self.storage.config;
        if let Some(other) =
            config.compaction.directory.as_ref().filter(|other| **other != config.directory)
        {
            warn!(
                extension = %self.storage.id,
                "compaction::directory has no effect: {} is not used, files are rewritten in {}",
                other.display(),
                directory.path().display(),
            );
        }
        *self.storage.directory.lock() = Some(directory);
        Ok(())
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let config = &self.storage.config;
        let Some(directory) = self.storage.directory().filter(|_| config.compaction.on_rebound)
        else {
            stop.cancelled().await;
            return Ok(());
        };
        let mut ticks = interval(config.compaction.check_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let (directory, config) = (Arc::clone(&directory), Arc::clone(config));
            let look = move || directory.tables().iter().for_each(|table| table.rebound(&config));
            spawn_blocking(look)
                .await
                .map_err(|error| StartError::caused_by("compaction::on_rebound failed", error))?;
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| StorageError::caused_by("storage could not do its work", error))?
}
