//! Systems without sockets in the file system.

use std::io;
use std::path::Path;

use crate::stream::Duplex;

/// There are none.
///
/// # Errors
///
/// Always.
pub(super) async fn connect(_: &Path) -> io::Result<Box<dyn Duplex>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no unix sockets on this system"))
}
