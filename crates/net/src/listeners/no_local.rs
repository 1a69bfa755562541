//! Systems without sockets in the file system.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use crate::stream::Duplex;

/// There are none.
#[derive(Debug)]
pub(super) struct LocalListener(Infallible);

impl LocalListener {
    /// Fails.
    ///
    /// # Errors
    ///
    /// Always.
    pub(super) fn bind(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are no unix sockets on this system"))
    }

    /// Is never called.
    ///
    /// # Errors
    ///
    /// Never.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Duplex>> {
        match self.0 {}
    }
}
