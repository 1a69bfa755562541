//! Linux: `/proc` and the cgroup file system.

use std::fs;
use std::path::Path;

/// `MemTotal`.
pub(super) fn total_memory() -> Option<usize> {
    kibibytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// `VmRSS`.
pub(super) fn resident_memory() -> Option<usize> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

pub(super) fn cgroup_limit() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    smallest_limit(Path::new("/sys/fs/cgroup"), &groups)
}

/// Reads the limits of the groups that `/proc/self/cgroup` names: `memory.max` of version 2 (`0::/path`),
/// `memory.limit_in_bytes` of version 1 (`4:memory:/path`). A group is bound by those that it lies in. Inside a container
/// the path may be the host's and not be there; the file at the root is the container's then.
fn smallest_limit(root: &Path, groups: &str) -> Option<usize> {
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (mount, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            "memory" => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        let group = Path::new(path.trim_start_matches('/'));
        group.ancestors().filter_map(|group| limit(&mount.join(group).join(file))).collect()
    });
    limits.min()
}

/// The limit in a file. `max` is none, and neither is version 1's way to say so: a number near the largest.
fn limit(file: &Path) -> Option<usize> {
    const UNLIMITED: usize = 1 << 60;
    let limit = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    Some(limit).filter(|limit| *limit < UNLIMITED)
}

/// The value of a line such as `VmRSS:    8860 kB`.
fn kibibytes(text: &str, name: &str) -> Option<usize> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: usize = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_takes_memory_and_less_than_there_is() {
        let (resident, total) = (resident_memory().unwrap(), total_memory().unwrap());
        assert!(resident > 0 && resident < total, "{resident} of {total}");
    }

    #[test]
    fn the_smallest_limit_on_the_way_to_the_root_holds() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("system.slice/kmagent.service");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("memory.max"), "max\n").unwrap();
        assert_eq!(smallest_limit(root.path(), "0::/system.slice/kmagent.service\n"), None);
        fs::write(root.path().join("system.slice/memory.max"), "67108864\n").unwrap();
        let found = smallest_limit(root.path(), "0::/system.slice/kmagent.service\n");
        assert_eq!(found, Some(64 << 20));
    }

    #[test]
    fn version_1_and_paths_that_are_not_there_are_read_at_the_mount() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("memory")).unwrap();
        let file = root.path().join("memory/memory.limit_in_bytes");
        fs::write(&file, "9223372036854771712\n").unwrap();
        let groups = "12:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n";
        assert_eq!(smallest_limit(root.path(), groups), None);
        fs::write(&file, "1048576\n").unwrap();
        assert_eq!(smallest_limit(root.path(), groups), Some(1 << 20));
    }
}
