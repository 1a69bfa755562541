//! Where the host's files are, and reading them.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::StartError;

/// The places where the host shows itself.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// `/proc`.
    pub(super) proc: PathBuf,
    /// `/sys`.
    pub(super) sys: PathBuf,
    /// `/dev`.
    pub(super) dev: PathBuf,
    /// The folder of `mountinfo`, when the user says where it is.
    pub(super) mountinfo: Option<PathBuf>,
    /// Where the host's `/` is, when it isn't ours.
    pub(super) root: Option<PathBuf>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", .path.display())]
pub(super) struct ReadError {
    path: PathBuf,
    cause: io::Error,
}

impl ReadError {
    /// Whether the file isn't there.
    pub(super) fn is_not_found(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound
    }
}

impl Host {
    /// The host whose root is at `root_path`; empty means ours. Variables of the environment, with the names that upstream's
    /// library has for them, win over it.
    pub(super) fn new(root_path: &Path, environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable =
            |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let own = root_path.as_os_str().is_empty() || root_path == Path::new("/");
        let root = if own { Path::new("/") } else { root_path };
        let place = |name, folder| variable(name).unwrap_or_else(|| root.join(folder));
        let mountinfo = variable("HOST_PROC_MOUNTINFO")
            .map(|path| path.parent().unwrap_or(Path::new("")).to_owned());
        Self {
            proc: place("HOST_PROC", "proc"),
            sys: place("HOST_SYS", "sys"),
            dev: place("HOST_DEV", "dev"),
            mountinfo,
            root: (!own).then(|| root_path.to_owned()),
        }
    }

    /// When the host came up: the start time of everything that the kernel counts.
    pub(super) fn boot_time(&self) -> Result<SystemTime, StartError> {
        let seconds = self.boot_seconds().map_err(|error| {
            StartError::caused_by("cannot find out when the host was started", error)
        })?;
        Ok(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn boot_seconds(&self) -> Result<u64, ReadError> {
        let source = if self.is_container() { "uptime" } else { "stat" };
        let mut file = HostFile::new(self.proc.join(source));
        let found = match file.read() {
            Ok(text) if source == "stat" => btime(&text),
            Ok(text) => uptime(&text).map(|uptime| seconds_now().saturating_sub(uptime)),
            Err(error) if error.cause.kind() == io::ErrorKind::PermissionDenied => {
                let uptime = u64::try_from(rustix::system::sysinfo().uptime).unwrap_or_default();
                Some(seconds_now().saturating_sub(uptime))
            }
            Err(error) => return Err(error),
        };
        found.ok_or_else(|| {
            let cause = io::Error::other(format!("no boot time in {source}"));
            ReadError { path: self.proc.join(source), cause }
        })
    }

    /// Whether we are in a container whose `/proc/uptime` is its own, by upstream's rule.
    fn is_container(&self) -> bool {
        let mut file = HostFile::new(self.proc.join("self/cgroup"));
        file.read().is_ok_and(|text| text.contains("lxc") || text.contains("docker"))
    }
}

fn btime(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// Whole seconds.
fn uptime(text: &str) -> Option<u64> {
    text.split(['.', ' ', '\n']).next()?.parse().ok()
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A file that is read as a whole, again and again. Its buffer stays.
#[derive(Debug)]
pub(super) struct HostFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl HostFile {
    /// Room for most files of `/proc`, so that one call reads them.
    const CAPACITY: usize = 8 * 1024;

    /// Nothing is read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, bytes: Vec::new() }
    }

    /// What is in the file.
    pub(super) fn read(&mut self) -> Result<Cow<'_, str>, ReadError> {
        self.bytes.clear();
        self.bytes.reserve(Self::CAPACITY);
        let read = File::open(&self.path).and_then(|mut file| file.read_to_end(&mut self.bytes));
        match read {
            Ok(_) => Ok(String::from_utf8_lossy(&self.bytes)),
            Err(cause) => Err(ReadError { path: self.path.clone(), cause }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host(root_path: &str, environment: &[(&str, &str)]) -> Host {
        Host::new(Path::new(root_path), |name| {
            let found = environment.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_environment_wins_over_root_path_and_root_path_over_ours() {
        for own in ["", "/"] {
            let host = host(own, &[]);
            assert_eq!((host.proc, host.root), (PathBuf::from("/proc"), None));
        }
        let environment = [("HOST_PROC", "/elsewhere"), ("HOST_SYS", "")];
        let host = host("/hostfs", &environment);
        assert_eq!(host.proc, Path::new("/elsewhere"));
        assert_eq!(host.sys, Path::new("/hostfs/sys"));
        assert_eq!(host.dev, Path::new("/hostfs/dev"));
        assert_eq!(host.root.as_deref(), Some(Path::new("/hostfs")));
        assert_eq!(host.mountinfo, None);
    }

    #[test]
    fn of_a_mountinfo_file_the_folder_counts() {
        let host = host("", &[("HOST_PROC_MOUNTINFO", "/x/1/mounts")]);
        assert_eq!(host.mountinfo.as_deref(), Some(Path::new("/x/1")));
    }

    /// A host whose `/proc` has these files.
    fn with_files(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join("proc").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let host = Host::new(root.path(), |_| None);
        (root, host)
    }

    #[test]
    fn boot_time_is_btime_or_in_a_container_now_less_uptime() {
        let stat = ("stat", "cpu  1 2\nbtime 1693963648\nprocesses 5\n");
        let (_root, host) = with_files(&[stat, ("self/cgroup", "0::/\n")]);
        let boot = host.boot_time().unwrap();
        assert_eq!(boot, UNIX_EPOCH + Duration::from_secs(1_693_963_648));

        let (_root, host) =
            with_files(&[stat, ("self/cgroup", "3:cpu:/docker/abc\n"), ("uptime", "100.75 5.0\n")]);
        let age = SystemTime::now().duration_since(host.boot_time().unwrap()).unwrap();
        assert!((100..102).contains(&age.as_secs()), "{age:?}");
    }

    #[test]
    fn a_host_without_boot_time_says_so() {
        let error = |host: &Host| component::chain(&host.boot_time().unwrap_err());
        let (root, host) = with_files(&[("stat", "cpu  1 2\n")]);
        let path = root.path().join("proc/stat");
        assert_eq!(
            error(&host),
            format!(
                "cannot find out when the host was started: cannot read {}: no boot time in stat",
                path.display()
            )
        );
        fs::remove_file(path).unwrap();
        assert!(error(&host).ends_with("No such file or directory (os error 2)"));
    }
}
