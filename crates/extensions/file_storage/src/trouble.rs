//! Errors of the file system, with the way out.

use std::io::{self, ErrorKind};
use std::path::Path;

use component::StorageError;

/// What could not be done with which path, and what to do about it.
pub(crate) fn at(what: &str, path: &Path, error: io::Error) -> StorageError {
    StorageError::caused_by(message(what, path, &error), error)
}

/// The same as text, for errors of another type.
pub(crate) fn message(what: &str, path: &Path, error: &io::Error) -> String {
    let way_out = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; make room there, or point `directory` to a disk that has some"
        }
        ErrorKind::PermissionDenied => {
            "; let the user that the agent runs as read and write there, or point `directory` elsewhere"
        }
        ErrorKind::ReadOnlyFilesystem => "; point `directory` to a file system that can be written",
        ErrorKind::NotFound => "; it was there when the agent started: make it again, and restart",
        _ => "",
    };
    format!("cannot {what} {}{way_out}", path.display())
}
