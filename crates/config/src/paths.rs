//! Places on the host, and writing files that are never half there.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The collector's configuration in a container, whatever the platform that the agent was built for.
pub const DOCKER_COLLECTOR_CONFIG: &str = "/etc/kmagent/config.yaml";

/// The agent's own settings: `/etc/kmagent/agent.yaml`, `/Library/Application Support/kmagent/agent.yaml` on macOS,
/// `agent.yaml` beside the executable on Windows.
pub fn agent_config() -> PathBuf {
    config_file("agent.yaml")
}

/// The collector's configuration: `config.yaml` in the same place.
pub fn collector_config() -> PathBuf {
    config_file("config.yaml")
}

/// Where log files go: `/var/log/kmagent`, `/Library/Logs/kmagent` on macOS, `%ProgramData%\kmagent\logs` on Windows.
pub fn log_folder() -> PathBuf {
    if cfg!(windows) {
        program_data().join("logs")
    } else if cfg!(target_os = "macos") {
        PathBuf::from("/Library/Logs/kmagent")
    } else {
        PathBuf::from("/var/log/kmagent")
    }
}

/// Where the agent keeps what it has to remember: `/var/lib/kmagent`, `/Library/Application Support/kmagent/state` on
/// macOS, `%ProgramData%\kmagent\state` on Windows.
pub fn state_folder() -> PathBuf {
    if cfg!(windows) {
        program_data().join("state")
    } else if cfg!(target_os = "macos") {
        PathBuf::from("/Library/Application Support/kmagent/state")
    } else {
        PathBuf::from("/var/lib/kmagent")
    }
}

fn config_file(name: &str) -> PathBuf {
    if cfg!(windows) {
        let executable = env::current_exe().unwrap_or_default();
        executable.parent().unwrap_or(Path::new("")).join(name)
    } else if cfg!(target_os = "macos") {
        Path::new("/Library/Application Support/kmagent").join(name)
    } else {
        Path::new("/etc/kmagent").join(name)
    }
}

fn program_data() -> PathBuf {
    let folder = env::var_os("ProgramData").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(r"C:\ProgramData")).join("kmagent")
}

/// Makes a folder and those above it that are missing. What is made has mode 0755, whatever the umask says.
///
/// # Errors
///
/// A folder cannot be made, or something else is in its place.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => platform::open_to_readers(folder),
        // Somebody else was quicker.
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a file in one step: whoever reads it, and whenever the power fails, there is the old content or the new one.
/// On Unix the file has mode 0600 from the moment it exists. Its folder is made if it is missing. A symbolic link is
/// replaced, not followed.
///
/// Two writers of the same file must not run at once; one of them may fail.
///
/// # Errors
///
/// The new content could not be stored, and the old file is untouched; or everything is in place but could not be forced
/// to the disk.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let temporary = folder.join(hidden);
    // One may be left from a writer that was killed.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_synced(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // The first error is the one to report; a left-over is removed by the next writer.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    platform::sync_folder(folder)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = platform::create_private(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(unix)]
mod platform {
    use std::fs::{self, File, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    use std::path::Path;

    pub(super) fn open_to_readers(folder: &Path) -> io::Result<()> {
        fs::set_permissions(folder, Permissions::from_mode(0o755))
    }

    pub(super) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    /// Forces a rename to the disk.
    pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

#[cfg(not(unix))]
mod platform {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(super) fn open_to_readers(_folder: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn create_private(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    /// There is no such thing; NTFS logs a rename by itself.
    pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/config.yaml");
        write_atomically(&path, b"one").unwrap();
        fs::write(path.with_file_name(".config.yaml.new"), b"left over").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(write_atomically(&path, b"one").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_private_and_folders_readable() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/config.yaml");
        write_atomically(&path, b"one").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o755);
    }
}
