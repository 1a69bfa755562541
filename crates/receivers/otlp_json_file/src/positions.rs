//! What is remembered of files: in the process across changes of the configuration, in storage across restarts.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use component::{
    Change, ComponentId, Kind, Owner, Settings, StartError, Storage, StorageClient, StorageError,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The key in storage, as upstream's.
const KEY: &str = "file_input.knownFiles";

/// A file, and how far it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) done: u64,
}

/// Positions as they are stored.
#[derive(Debug, Deserialize, Serialize)]
struct Stored {
    fingerprint: String,
    offset: u64,
}

/// The positions of receivers that have ended in this process.
#[derive(Debug, Default)]
pub(crate) struct Left(Mutex<HashMap<ComponentId, Vec<Position>>>);

/// Where one receiver's positions are kept.
pub(crate) struct Positions {
    id: ComponentId,
    left: Arc<Left>,
    client: Option<Arc<dyn StorageClient>>,
    saved: Vec<Position>,
}

impl Positions {
    /// # Errors
    ///
    /// The storage cannot be opened.
    pub(crate) async fn open(
        settings: &Settings,
        storage: Option<&Arc<dyn Storage>>,
    ) -> Result<Self, StartError> {
        let client = match storage {
            None => None,
            Some(storage) => {
                let owner =
                    Owner { kind: Kind::Receiver, id: settings.id.clone(), name: String::new() };
                let opened = storage.open(&owner).await;
                Some(opened.map_err(|error| StartError::caused_by("storage", error))?)
            }
        };
        let left = settings.process.table();
        Ok(Self { id: settings.id.clone(), left, client, saved: Vec::new() })
    }

    /// What is known; `None` when this is the first time.
    ///
    /// # Errors
    ///
    /// The storage cannot be read, or holds something else.
    pub(crate) async fn load(&mut self) -> Result<Option<Vec<Position>>, StartError> {
        if let Some(left) = self.left.0.lock().remove(&self.id) {
            return Ok(Some(left));
        }
        let Some(client) = &self.client else { return Ok(None) };
        let read = client.get(KEY).await;
        let Some(bytes) = read.map_err(|error| StartError::caused_by("storage", error))? else {
            return Ok(None);
        };
        let unreadable = || StartError::new("storage: the positions in files cannot be read");
        let stored: Vec<Stored> = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
        let known = stored.into_iter().map(|Stored { fingerprint, offset }| {
            let fingerprint = BASE64_STANDARD.decode(fingerprint).map_err(|_| unreadable())?;
            Ok(Position { fingerprint, done: offset })
        });
        self.saved = known.collect::<Result<_, StartError>>()?;
        Ok(Some(self.saved.clone()))
    }

    /// Writes to storage what has changed.
    ///
    /// # Errors
    ///
    /// The storage's.
    pub(crate) async fn save(&mut self, known: Vec<Position>) -> Result<(), StorageError> {
        let Some(client) = &self.client else { return Ok(()) };
        if known == self.saved {
            return Ok(());
        }
        let stored = known.iter().map(|Position { fingerprint, done }| Stored {
            fingerprint: BASE64_STANDARD.encode(fingerprint),
            offset: *done,
        });
        let bytes = serde_json::to_vec(&stored.collect::<Vec<_>>());
        let bytes = bytes.map_err(|error| StorageError::caused_by("positions", error))?;
        client.write(vec![Change::Set(KEY.to_owned(), bytes)]).await?;
        self.saved = known;
        Ok(())
    }

    /// Leaves them to the receiver that takes this one's place.
    pub(crate) fn leave(self, known: Vec<Position>) {
        self.left.0.lock().insert(self.id, known);
    }
}
