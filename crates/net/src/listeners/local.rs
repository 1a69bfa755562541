//! Sockets in the file system.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::stream::Duplex;

/// A listening socket in the file system. Its file goes with it.
#[derive(Debug)]
pub(super) struct LocalListener {
    path: PathBuf,
    socket: UnixListener,
}

impl LocalListener {
    /// Listens at a path. What an ended process has left there is replaced.
    ///
    /// # Errors
    ///
    /// Somebody listens there, something else is there, or the file system refuses.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        if is_left_behind(path) {
            fs::remove_file(path)?;
        }
        Ok(Self { path: path.to_owned(), socket: UnixListener::bind(path)? })
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// As [`Listener::accept`](super::Listener::accept).
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(Box::new(self.socket.accept().await?.0))
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // Where it cannot be removed, the next to listen there does it.
        fs::remove_file(&self.path).ok();
    }
}

/// Whether there is a socket on which nobody listens.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
