//! A part of the account that somebody holds.

use std::sync::Arc;

use crate::memory::{MemoryAccount, NoRoom};

/// Bytes of the account, given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    account: Arc<MemoryAccount>,
    bytes: usize,
}

impl Share {
    pub(super) fn of(account: Arc<MemoryAccount>, bytes: usize) -> Self {
        Self { account, bytes }
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// For doors, while a body comes in: more bytes, if there is room for them now.
    ///
    /// # Errors
    ///
    /// As [`MemoryAccount::admit`]. What the share held it goes on to hold.
    pub fn try_grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let total = self.bytes.saturating_add(bytes);
        let limit = self.account.limit();
        if total > limit {
            return Err(NoRoom::TooLarge { bytes: total, limit });
        }
        self.account.take(bytes)?;
        self.bytes = total;
        Ok(())
    }

    /// Changes the share to what is really held, without asking: bytes that were decompressed, or given up.
    pub fn resize(&mut self, bytes: usize) {
        if bytes > self.bytes {
            let more = self.account.charge(bytes - self.bytes);
            self.bytes += more.forget();
        } else {
            let less = self.bytes - bytes;
            self.bytes = bytes;
            self.account.put_back(less);
        }
    }

    /// Gives up the share but not its bytes.
    fn forget(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.put_back(self.bytes);
    }
}
