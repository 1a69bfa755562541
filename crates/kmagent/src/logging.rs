//! The agent's own log.

use std::fs;
use std::io;
use std::path::Path;

use config::settings::LogLevel;
use file_rotate::compression::Compression;
use file_rotate::suffix::{AppendTimestamp, FileLimit, SuffixScheme, TimestampSuffix};
use file_rotate::{ContentLimit, FileRotate};
use self_telemetry::Log;
use self_telemetry::config::Encoding;
use self_telemetry::log::{OpenFile, Output, Start};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The file's name inside the log folder.
const FILE_NAME: &str = "kmagent.log";
/// The size at which the file is rotated.
const FILE_SIZE: usize = 10 * 1024 * 1024;
/// How many rotated files are kept, and for how long.
const OLD_FILES: usize = 1;
const OLD_FILE_DAYS: i64 = 7;

/// Where the log goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination<'a> {
    /// Readable lines on standard error: a terminal, a container.
    Console,
    /// JSON on standard error and into a file in this folder: a service manager.
    Service(&'a Path),
}

/// Sets up logging for the rest of the process. What a configuration says of the log applies to the one that is returned.
///
/// A log folder that cannot be written is no reason not to run: the log then goes to standard error alone, and says so.
pub(crate) fn init(level: LogLevel, destination: Destination<'_>) -> Log {
    let (encoding, file) = match destination {
        Destination::Console => (Encoding::Console, None),
        Destination::Service(folder) => {
            (Encoding::Json, Some(rotated_file(&folder.join(FILE_NAME))))
        }
    };
    let (file, problem) = match file.transpose() {
        Ok(file) => (file, None),
        Err(error) => (None, Some(error)),
    };
    let log = Log::new(Start {
        level: filter(level),
        encoding,
        console: Output::new(io::stderr()),
        file: file.map(Output::new),
        open: OpenFile::new(|path| rotated_file(path).map(Output::new)),
    });
    Registry::default().with(log.layer()).init();
    if let Some(error) = problem {
        tracing::warn!(%error, file = FILE_NAME, "cannot write the log file");
    }
    log
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

/// A log file, rotated at 10 MB, with one old file, gzipped, for seven days.
fn rotated_file(path: &Path) -> io::Result<FileRotate<Retention>> {
    // The rotating writer panics where it cannot work, so what it needs is tried first.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::read_dir(folder)?;
    let mut options = fs::OpenOptions::new();
    options.read(true).create(true).append(true);
    private(&mut options);
    options.open(path)?;
    let retention = Retention::new();
    retention.prune(path)?;
    let limit = ContentLimit::BytesSurpassed(FILE_SIZE);
    let compression = Compression::OnRotate(0);
    Ok(FileRotate::new(path, retention, limit, compression, Some(options)))
}

/// Log lines may tell more than every user of the host should know.
#[cfg(unix)]
fn private(options: &mut fs::OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// The folder's access list rules.
#[cfg(not(unix))]
fn private(_: &mut fs::OpenOptions) {}

/// Keeps an old file only while it is both among the newest and young enough.
struct Retention {
    count: AppendTimestamp,
    age: AppendTimestamp,
}

impl Retention {
    fn new() -> Self {
        let age = FileLimit::Age(chrono::Duration::days(OLD_FILE_DAYS));
        Self {
            count: AppendTimestamp::default(FileLimit::MaxFiles(OLD_FILES)),
            age: AppendTimestamp::default(age),
        }
    }

    /// Deletes what is too old. The rotating writer looks only when it rotates, which a quiet agent seldom does.
    fn prune(&self, path: &Path) -> io::Result<()> {
        for (place, file) in self.scan_suffixes(path).iter().enumerate() {
            if self.too_old(&file.suffix, place) {
                fs::remove_file(file.to_path(path))?;
            }
        }
        Ok(())
    }
}

impl SuffixScheme for Retention {
    type Repr = TimestampSuffix;

    fn rotate_file(
        &mut self,
        path: &Path,
        newest: Option<&TimestampSuffix>,
        suffix: &Option<TimestampSuffix>,
    ) -> io::Result<TimestampSuffix> {
        self.count.rotate_file(path, newest, suffix)
    }

    fn parse(&self, suffix: &str) -> Option<TimestampSuffix> {
        self.count.parse(suffix)
    }

    fn too_old(&self, suffix: &TimestampSuffix, place: usize) -> bool {
        self.count.too_old(suffix, place) || self.age.too_old(suffix, place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_rotated_and_one_compressed_old_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = rotated_file(&folder.path().join(FILE_NAME)).unwrap();
        let line = [b'x'; 1024 * 1024];
        for _ in 0..35 {
            log.write_all(&line).unwrap();
        }
        let files = files(folder.path());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = fs::metadata(folder.path().join(FILE_NAME)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(files[0], FILE_NAME);
        assert!(files[1].ends_with(".gz"), "{files:?}");
    }

    #[test]
    fn an_old_file_of_more_than_a_week_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("kmagent.log.20200101T000000.gz"), "").unwrap();
        drop(rotated_file(&path.join(FILE_NAME)).unwrap());
        assert_eq!(files(path), [FILE_NAME]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_not_a_panic() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(rotated_file(&file.path().join("logs").join(FILE_NAME)).is_err());
    }
}
