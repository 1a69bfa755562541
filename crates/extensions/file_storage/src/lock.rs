//! Keeping other processes out of a folder.

#[cfg(unix)]
#[path = "lock/unix.rs"]
mod os;
#[cfg(windows)]
#[path = "lock/windows.rs"]
mod os;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The file whose lock stands for the folder. It stays behind; its lock does not.
const NAME: &str = ".kmagent.lock";

/// A folder that no other process uses. The lock ends when this is dropped, and when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// What came of trying to lock a folder.
pub(crate) enum Attempt {
    Locked(Lock),
    /// Another process has it; its id, where that can be learned.
    Taken(Option<u32>),
}

/// The lock file of a folder.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

impl Lock {
    /// Locks a folder, if it is free now.
    ///
    /// # Errors
    ///
    /// The lock file cannot be made, or cannot be locked.
    pub(crate) fn attempt(folder: &Path) -> io::Result<Attempt> {
        let path = path(folder);
        let Some(mut file) = os::lock(&path)? else { return Ok(Attempt::Taken(holder(&path))) };
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Attempt::Locked(Self { _file: file }))
    }
}

fn holder(path: &Path) -> Option<u32> {
    const LONGEST: u64 = 16;
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
