//! Sockets in the file system.

use std::io;
use std::path::Path;

use tokio::net::UnixStream;

use crate::stream::Duplex;

/// Connects to a socket in the file system.
///
/// # Errors
///
/// Nobody listens there.
pub(super) async fn connect(path: &Path) -> io::Result<Box<dyn Duplex>> {
    Ok(Box::new(UnixStream::connect(path).await?))
}
