//! Where lines go.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

/// Somewhere that lines go. Clones go to the same place.
#[derive(Clone)]
pub struct Output(Arc<Mutex<dyn Write + Send>>);

impl Output {
    /// Lines go to this writer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Writes a line at once. A line that cannot be written is lost: there is nobody to tell.
    pub(super) fn write(&self, line: &[u8]) {
        let mut writer = self.0.lock();
        drop(writer.write_all(line).and_then(|()| writer.flush()));
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").finish_non_exhaustive()
    }
}

type Open = dyn Fn(&Path) -> io::Result<Output> + Send + Sync;

/// Opens a file that lines are added to.
#[derive(Clone)]
pub struct OpenFile(Arc<Open>);

impl OpenFile {
    /// Files are opened by this function.
    pub fn new(open: impl Fn(&Path) -> io::Result<Output> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    pub(super) fn call(&self, path: &Path) -> io::Result<Output> {
        (self.0)(path)
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile").finish_non_exhaustive()
    }
}
