//! What keeps a queue on disk: records in segments, and which of them are done.

mod files;
mod record;
mod segment;

pub(crate) use crate::durable::files::{DiskLimits, Files, Place, WriteError};
pub(crate) use crate::durable::record::{metadata, read};

#[cfg(test)]
mod tests;
