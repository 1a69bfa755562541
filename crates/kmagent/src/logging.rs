//! The agent's own log.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use config::settings::LogLevel;
use file_rotate::compression::Compression;
use file_rotate::suffix::{AppendTimestamp, FileLimit, SuffixScheme, TimestampSuffix};
use file_rotate::{ContentLimit, FileRotate};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

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

/// Sets up logging for the rest of the process.
///
/// A log folder that cannot be written is no reason not to run: the log then goes to standard error alone, and says so.
pub(crate) fn init(level: LogLevel, destination: Destination<'_>) {
    let (file, problem) = match destination {
        Destination::Console => (None, None),
        Destination::Service(folder) => match rotated_file(folder) {
            Ok(file) => (Some(fmt::layer().json().with_writer(Mutex::new(file)).boxed()), None),
            Err(error) => (None, Some(error)),
        },
    };
    let stderr: Box<dyn Layer<Registry> + Send + Sync> = match destination {
        Destination::Console => fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .boxed(),
        Destination::Service(_) => fmt::layer().json().with_writer(io::stderr).boxed(),
    };
    let layers = std::iter::once(stderr).chain(file).collect::<Vec<_>>();
    Registry::default().with(layers.with_filter(filter(level))).init();
    if let Some(error) = problem {
        tracing::warn!(error = format!("{error:#}"), "no log file");
    }
}

/// The wished level for this program's crates. The network stack's libraries only speak up when something is wrong,
/// except at debug.
fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let libraries = level.min(LevelFilter::WARN);
    ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower"]
        .into_iter()
        .fold(Targets::new().with_default(level), |targets, library| {
            targets.with_target(library, libraries)
        })
}

/// The log file, rotated at 10 MB, with one old file, gzipped, for seven days.
fn rotated_file(folder: &Path) -> anyhow::Result<FileRotate<Retention>> {
    let path = folder.join(FILE_NAME);
    let cannot = || format!("cannot write the log file {}", path.display());
    // The rotating writer panics where it cannot work, so what it needs is tried first.
    fs::create_dir_all(folder).with_context(cannot)?;
    fs::read_dir(folder).with_context(cannot)?;
    let mut options = fs::OpenOptions::new();
    options.read(true).create(true).append(true);
    private(&mut options);
    options.open(&path).with_context(cannot)?;
    let retention = Retention::new();
    retention.prune(&path).with_context(cannot)?;
    let limit = ContentLimit::BytesSurpassed(FILE_SIZE);
    let compression = Compression::OnRotate(0);
    Ok(FileRotate::new(&path, retention, limit, compression, Some(options)))
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
        let mut log = rotated_file(folder.path()).unwrap();
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
        drop(rotated_file(path).unwrap());
        assert_eq!(files(path), [FILE_NAME]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_not_a_panic() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(rotated_file(&file.path().join("logs")).is_err());
    }
}
