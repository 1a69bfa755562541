//! When a file is moved aside, what it is called then, and when it is removed.
//!
//! Names are those of upstream's [lumberjack](https://github.com/natefinch/lumberjack): `data-2006-01-02T15-04-05.000.json`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{Local, NaiveDateTime, TimeDelta, Utc};

use crate::config::Rotation;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TIME: &str = "%Y-%m-%dT%H-%M-%S%.3f";
/// The size that `max_megabytes: 0` means.
const DEFAULT_MEGABYTES: u32 = 100;

/// Whether a file of this length and age is moved aside before this much is written to it. An empty one never is.
pub(crate) fn is_due(rotation: &Rotation, length: u64, age: Duration, more: u64) -> bool {
    let megabytes = match rotation.max_megabytes {
        0 => DEFAULT_MEGABYTES,
        megabytes => megabytes,
    };
    let too_large = length.saturating_add(more) > u64::from(megabytes) << 20;
    let too_old = rotation.max_days > 0 && age >= DAY * rotation.max_days;
    length > 0 && (too_large || too_old)
}

/// Now, as names spell it.
pub(crate) fn now(rotation: Option<&Rotation>) -> NaiveDateTime {
    match rotation {
        Some(Rotation { localtime: true, .. }) => Local::now().naive_local(),
        _ => Utc::now().naive_utc(),
    }
}

/// Moves the file aside, to a name that nothing has.
///
/// # Errors
///
/// It cannot be renamed; it stays where it is.
pub(crate) fn move_aside(path: &Path, mut now: NaiveDateTime) -> io::Result<()> {
    let mut backup = backup(path, now);
    while backup.try_exists()? {
        now += TimeDelta::milliseconds(1);
        backup = self::backup(path, now);
    }
    fs::rename(path, backup)
}

/// Removes files that were moved aside: the oldest of too many, and the old ones.
///
/// # Errors
///
/// The first failure; what could be removed was.
pub(crate) fn remove_old(path: &Path, rotation: &Rotation, now: NaiveDateTime) -> io::Result<()> {
    let folder = folder(path);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    let mut result = Ok(());
    for name in obsolete(path, &names, rotation, now) {
        result = result.and(fs::remove_file(folder.join(name)));
    }
    result
}

/// The names of files that were moved aside and are not to be kept.
fn obsolete<'a>(
    path: &Path,
    names: &'a [OsString],
    rotation: &Rotation,
    now: NaiveDateTime,
) -> Vec<&'a OsStr> {
    let moved = names.iter().filter_map(|name| Some((moved_at(path, name)?, name.as_os_str())));
    let mut moved: Vec<(NaiveDateTime, &OsStr)> = moved.collect();
    moved.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let kept = match rotation.max_backups {
        0 => usize::MAX,
        backups => backups as usize,
    };
    let oldest = match rotation.max_days {
        0 => None,
        days => now.checked_sub_signed(TimeDelta::days(days.into())),
    };
    let is_obsolete = |at: usize, time| at >= kept || oldest.is_some_and(|oldest| time < oldest);
    let moved = moved.into_iter().enumerate();
    moved.filter(|(at, (time, _))| is_obsolete(*at, *time)).map(|(_, (_, name))| name).collect()
}

fn backup(path: &Path, time: NaiveDateTime) -> PathBuf {
    let (stem, extension) = name(path);
    folder(path).join(format!("{stem}-{}{extension}", time.format(TIME)))
}

/// When the file of this name was moved aside; `None` when it is another file.
fn moved_at(path: &Path, other: &OsStr) -> Option<NaiveDateTime> {
    let (stem, extension) = name(path);
    let time = other.to_str()?.strip_prefix(&stem)?.strip_prefix('-')?;
    NaiveDateTime::parse_from_str(time.strip_suffix(&extension)?, TIME).ok()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file's name up to its last dot, and from there on.
fn name(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.rfind('.') {
        Some(dot) => (name[..dot].to_owned(), name[dot..].to_owned()),
        None => (name.into_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, TIME).unwrap()
    }

    #[test]
    fn backups_have_their_time_before_the_extension() {
        let at = time("2022-09-14T05-02-14.173");
        let named = |path: &str| backup(Path::new(path), at).display().to_string();
        assert_eq!(named("/x/data.json"), "/x/data-2022-09-14T05-02-14.173.json");
        assert_eq!(named("/x/data"), "/x/data-2022-09-14T05-02-14.173");
        assert_eq!(named("/x/a.b.json"), "/x/a.b-2022-09-14T05-02-14.173.json");
    }

    #[test]
    fn size_and_age_make_a_rotation_due() {
        let rotation = Rotation { max_megabytes: 1, max_days: 2, ..Rotation::default() };
        let mib = 1 << 20;
        assert!(!is_due(&rotation, mib - 1, Duration::ZERO, 1));
        assert!(is_due(&rotation, mib - 1, Duration::ZERO, 2));
        assert!(!is_due(&rotation, 0, DAY * 9, mib * 9), "an empty file is as good as a new one");
        assert!(is_due(&rotation, 1, DAY * 2, 1));
        assert!(!is_due(&rotation, 1, DAY * 2 - Duration::from_secs(1), 1));
        assert!(!is_due(&Rotation::default(), 99 * mib, DAY * 999, mib));
    }

    #[test]
    fn only_own_backups_are_removed_the_oldest_first() {
        let path = Path::new("/x/data.json");
        let names = [
            "data-2022-09-11T00-00-00.000.json",
            "data-2022-09-14T00-00-00.000.json",
            "data-2022-09-12T00-00-00.000.json",
            "data.json",
            "data-old.json",
            "other-2022-09-01T00-00-00.000.json",
            "data-2022-09-01T00-00-00.000.txt",
        ]
        .map(OsString::from);
        let now = time("2022-09-14T12-00-00.000");
        let obsolete = |max_backups, max_days| {
            let rotation = Rotation { max_backups, max_days, ..Rotation::default() };
            obsolete(path, &names, &rotation, now)
        };
        assert_eq!(obsolete(2, 0), [&names[0]]);
        assert_eq!(obsolete(0, 2), [&names[2], &names[0]]);
        assert!(obsolete(0, 0).is_empty());
        assert_eq!(obsolete(1, 3), [&names[2], &names[0]]);
    }

    #[test]
    fn two_rotations_in_one_millisecond_keep_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let at = time("2022-09-14T05-02-14.173");
        for text in ["first", "second"] {
            fs::write(&path, text).unwrap();
            move_aside(&path, at).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("data-2022-09-14T05-02-14.173.json"), "first");
        assert_eq!(read("data-2022-09-14T05-02-14.174.json"), "second");
    }
}
