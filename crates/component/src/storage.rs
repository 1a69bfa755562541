//! Storage: where components keep what has to outlive the process. Extensions provide it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use config::ComponentId;

use crate::kind::Kind;

/// A place for the data of many components.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Opens the place of one component. While one is open, opening it again gives the same place: a component's successor
    /// in a new configuration shares it with the one that still drains.
    ///
    /// # Errors
    ///
    /// Names the path, and the way out.
    async fn open(&self, owner: &Owner) -> Result<Arc<dyn StorageClient>, StorageError>;
}

/// Whose data it is. Upstream's identity: renaming the component loses sight of its data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The component's kind.
    pub kind: Kind,
    /// Its id.
    pub id: ComponentId,
    /// Tells several places of one component apart: the signal of an exporter's queue, for example. Empty for the only one.
    pub name: String,
}

/// One component's place: a table of keys and values, and a private folder.
#[async_trait]
pub trait StorageClient: Send + Sync {
    /// The value of a key; `None` when there is none.
    ///
    /// # Errors
    ///
    /// The table cannot be read.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Applies all changes, or none. What was written survives the end of the process when this returns.
    ///
    /// # Errors
    ///
    /// The table cannot be written; it is as it was.
    async fn write(&self, changes: Vec<Change>) -> Result<(), StorageError>;

    /// A folder for files of the component's own, made when it is first asked for, with mode 0700 where modes exist.
    ///
    /// # Errors
    ///
    /// The folder cannot be made.
    async fn folder(&self) -> Result<PathBuf, StorageError>;
}

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a key.
    Set(String, Vec<u8>),
    /// Removes a key. One that is not there is fine.
    Remove(String),
}

/// Why storage could not be used. The message names the path.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StorageError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// An error that stands for itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// An error with the one that led to it.
    pub fn caused_by(
        message: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { message: message.into(), source: Some(cause.into()) }
    }
}
