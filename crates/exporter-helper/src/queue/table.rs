//! The queues of the process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use component::{ComponentId, Kind, Signal};
use tokio::sync::Mutex;

use crate::queue::{Queue, Seat};

/// What makes a queue the same one in a new configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) id: ComponentId,
    pub(crate) signal: Signal,
    /// The folder of a queue in storage. A storage that has moved to another folder is another queue.
    pub(crate) folder: Option<PathBuf>,
}

/// The queues of the process, for as long as somebody uses them.
#[derive(Default)]
pub(crate) struct Queues(Mutex<HashMap<Key, Weak<Queue>>>);

impl Queues {
    /// A seat at a queue, which is opened if it isn't there. No two tasks open one at the same time.
    ///
    /// # Errors
    ///
    /// That of `open`.
    pub(crate) async fn seat<E>(
        &self,
        key: Key,
        open: impl AsyncFnOnce() -> Result<Queue, E>,
    ) -> Result<Seat, E> {
        let mut queues = self.0.lock().await;
        queues.retain(|_, queue| queue.strong_count() > 0);
        if let Some(queue) = queues.get(&key).and_then(Weak::upgrade) {
            return Ok(Seat::at(queue));
        }
        let queue = Arc::new(open().await?);
        queues.insert(key, Arc::downgrade(&queue));
        Ok(Seat::at(queue))
    }
}
