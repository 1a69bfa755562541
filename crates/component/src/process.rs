//! What belongs to the process and outlives every component.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::memory::MemoryAccount;

/// Tables that the process owns, one per type: listening sockets, for example.
///
/// A component claims an entry when it is acquired. Because the table outlives it, its successor in a new configuration
/// can take the entry over while the old one still drains. Clones share the same tables.
#[derive(Clone, Default)]
pub struct Process {
    tables: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl Process {
    /// The process's table of type `T`, made empty when it is first asked for.
    pub fn table<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut tables = self.tables.lock();
        let table = tables.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(table).downcast().expect("a table is kept under its own type")
    }
}

impl Process {
    /// The process's account of bytes.
    pub fn memory(&self) -> Arc<MemoryAccount> {
        self.table()
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("tables", &self.tables.lock().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_table_is_the_same_for_everybody_who_asks() {
        let process = Process::default();
        process.table::<AtomicU32>().store(7, Ordering::Relaxed);
        assert_eq!(process.clone().table::<AtomicU32>().load(Ordering::Relaxed), 7);
    }
}
