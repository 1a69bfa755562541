//! What is mounted.

use std::fs;
use std::path::Path;

use crate::linux::host::{Host, HostFile, ReadError};

/// A filesystem that is mounted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) mount_point: String,
    pub(super) fs_type: String,
    /// `rw` or `ro`.
    pub(super) mode: &'static str,
}

/// A line of `mountinfo` or `mounts`, as it is.
struct Line<'a> {
    device: &'a str,
    mount_point: &'a str,
    fs_type: &'a str,
    options: &'a str,
    /// The numbers of the device, which `mounts` doesn't have.
    number: Option<&'a str>,
}

/// Everything that is mounted on the host, in the order of the kernel. Unless virtual filesystems are wanted too, only those
/// of block devices.
pub(super) fn read(host: &Host, virtual_too: bool) -> Result<Vec<Mount>, ReadError> {
    let text = read_table(host)?;
    let types = if virtual_too { None } else { Some(device_types(host)?) };
    let is_wanted = |line: &Line<'_>| match &types {
        None => true,
        Some(types) => line.device != "none" && types.iter().any(|known| known == line.fs_type),
    };
    let lines = text.lines.lines().filter_map(|line| {
        if text.is_mountinfo { parse_mountinfo(line) } else { parse_mounts(line) }
    });
    Ok(lines.filter(is_wanted).map(|line| line.resolve(host)).collect())
}

struct MountTable {
    lines: String,
    is_mountinfo: bool,
}

/// The first process's point of view, if we may have it, else our own.
fn read_table(host: &Host) -> Result<MountTable, ReadError> {
    match &host.mountinfo {
        Some(folder) => read_folder(folder),
        None => read_folder(&host.proc.join("1")).or_else(|_| read_folder(&host.proc.join("self"))),
    }
}

fn read_folder(folder: &Path) -> Result<MountTable, ReadError> {
    let read = |name| HostFile::new(folder.join(name)).read().map(|text| text.into_owned());
    match read("mountinfo") {
        Ok(lines) => Ok(MountTable { lines, is_mountinfo: true }),
        Err(_) => Ok(MountTable { lines: read("mounts")?, is_mountinfo: false }),
    }
}

/// The types of filesystems that need a block device, and zfs, which has devices of its own.
fn device_types(host: &Host) -> Result<Vec<String>, ReadError> {
    let mut file = HostFile::new(host.proc.join("filesystems"));
    let text = file.read()?;
    let names = text.lines().filter_map(|line| match line.strip_prefix("nodev") {
        Some(name) => Some(name.trim()).filter(|name| *name == "zfs"),
        None => Some(line.trim()),
    });
    Ok(names.map(str::to_owned).collect())
}

/// `36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`, see `proc_pid_mountinfo(5)`.
fn parse_mountinfo(line: &str) -> Option<Line<'_>> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split_ascii_whitespace().skip(2);
    let number = fields.next();
    let mount_point = fields.nth(1)?;
    let options = fields.next()?;
    let mut fields = filesystem.split_ascii_whitespace();
    let (fs_type, device) = (fields.next()?, fields.next()?);
    Some(Line { device, mount_point, fs_type, options, number })
}

/// `/dev/root /mount/point ext3 rw,noatime 0 0`.
fn parse_mounts(line: &str) -> Option<Line<'_>> {
    let mut fields = line.split_ascii_whitespace();
    let (device, mount_point) = (fields.next()?, fields.next()?);
    let (fs_type, options) = (fields.next()?, fields.next()?);
    Some(Line { device, mount_point, fs_type, options, number: None })
}

impl Line<'_> {
    fn resolve(&self, host: &Host) -> Mount {
        Mount {
            device: self.real_device(host).unwrap_or_else(|| self.device.to_owned()),
            mount_point: unescape(self.mount_point),
            fs_type: self.fs_type.to_owned(),
            mode: mode(self.options),
        }
    }

    /// The device behind a name that isn't one. As upstream, only for lines of `mountinfo`.
    fn real_device(&self, host: &Host) -> Option<String> {
        let number = self.number?;
        if let Some(name) = self.device.strip_prefix("/dev/mapper/") {
            let path = host.dev.join("mapper").join(name).canonicalize().ok()?;
            return path.into_os_string().into_string().ok();
        }
        if self.device == "/dev/root" {
            let target = fs::read_link(host.sys.join("dev/block").join(number)).ok()?;
            return Some(format!("/dev/{}", target.file_name()?.to_str()?));
        }
        None
    }
}

fn mode(options: &str) -> &'static str {
    let has = |wanted| options.split(',').any(|option| option == wanted);
    if has("rw") {
        "rw"
    } else if has("ro") {
        "ro"
    } else {
        "unknown"
    }
}

/// Replaces the kernel's `\040` and the like, three octal digits for a byte.
fn unescape(field: &str) -> String {
    if !field.contains('\\') {
        return field.to_owned();
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, tail @ ..] = rest {
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn escapes_are_bytes_in_octal() {
        assert_eq!(unescape(r"/a\040b\134c"), r"/a b\c");
        assert_eq!(unescape(r"/\303\244\0"), r"/ä\0");
        assert_eq!(unescape(r"/a\9\"), r"/a\9\");
    }

    #[test]
    fn the_mode_is_one_of_the_mounts_own_options() {
        for (options, expected) in
            [("rw,noatime", "rw"), ("noatime,ro", "ro"), ("rwx,errors=remount-ro", "unknown")]
        {
            assert_eq!(mode(options), expected);
        }
    }

    /// A host in a folder: `/proc/<name>` files, and symbolic links.
    fn host(files: &[(&str, &str)], links: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (name, text) in files {
            fs::write(place(&format!("proc/{name}")), text).unwrap();
        }
        for (name, target) in links {
            symlink(target, place(name)).unwrap();
        }
        let host = Host::new(root.path(), |_| None);
        (root, host)
    }

    const FILESYSTEMS: (&str, &str) = ("filesystems", "nodev\tproc\nnodev\tzfs\n\text4\n");

    fn devices(host: &Host) -> Vec<String> {
        read(host, false).unwrap().into_iter().map(|mount| mount.device).collect()
    }

    #[test]
    fn our_own_view_and_old_tables_are_fallbacks() {
        let ours = ("self/mountinfo", "36 35 98:0 / /ours rw - ext4 /dev/ours rw\n");
        let old = ("1/mounts", "/dev/old /old ext4 ro 0 0\n");
        let new = ("1/mountinfo", "36 35 98:0 / /new rw - ext4 /dev/new rw\n");
        let (_root, with_all) = host(&[FILESYSTEMS, ours, old, new], &[]);
        assert_eq!(devices(&with_all), ["/dev/new"]);
        let (_root, without_new) = host(&[FILESYSTEMS, ours, old], &[]);
        assert_eq!(devices(&without_new), ["/dev/old"]);
        let (_root, only_ours) = host(&[FILESYSTEMS, ours], &[]);
        assert_eq!(devices(&only_ours), ["/dev/ours"]);
        let (_root, nothing) = host(&[FILESYSTEMS], &[]);
        assert!(read(&nothing, false).unwrap_err().to_string().contains("self/mounts"));
        let (_root, without_types) = host(&[ours], &[]);
        assert!(read(&without_types, false).unwrap_err().to_string().contains("filesystems"));
        assert_eq!(read(&without_types, true).unwrap().len(), 1);
    }

    #[test]
    fn a_folder_that_the_user_names_has_no_fallback() {
        let ours = ("self/mountinfo", "36 35 98:0 / /ours rw - ext4 /dev/ours rw\n");
        let (root, mut host) = host(&[FILESYSTEMS, ours], &[]);
        host.mountinfo = Some(root.path().join("nowhere"));
        assert!(read(&host, false).is_err());
        host.mountinfo = Some(root.path().join("proc/self"));
        assert_eq!(devices(&host), ["/dev/ours"]);
    }

    #[test]
    fn devices_get_their_real_names_where_they_can_be_found() {
        let table = "1 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n\
                     2 1 254:1 / /a rw - ext4 /dev/mapper/gone rw\n\
                     3 1 8:1 / /b rw - ext4 /dev/root rw\n\
                     4 1 8:2 / /c rw - ext4 /dev/root rw\n\
                     5 1 8:3 / /d rw shared:1 master:2 - ext4 none rw\n\
                     6 1 0:5 / /e rw - zfs tank rw\n\
                     7 1 0:6 / /f rw - tmpfs tmpfs rw\n\
                     broken line\n";
        let (root, host) = host(
            &[FILESYSTEMS, ("1/mountinfo", table)],
            &[
                ("dev/mapper/vg-root", "../dm-0"),
                ("sys/dev/block/8:1", "../../devices/pci0/block/sda/sda1"),
            ],
        );
        fs::write(root.path().join("dev/dm-0"), "").unwrap();
        let dm = root.path().canonicalize().unwrap().join("dev/dm-0");
        assert_eq!(
            devices(&host),
            [dm.to_str().unwrap(), "/dev/mapper/gone", "/dev/sda1", "/dev/root", "tank"]
        );
    }
}
