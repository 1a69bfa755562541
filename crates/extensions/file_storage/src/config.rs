//! What users write.

use std::path::PathBuf;
use std::time::Duration;

use config::{Problems, Section, Validate};

/// Settings of the `file_storage` extension.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("max_size"))]
pub struct Config {
    /// The folder. It is locked: two processes can't use the same one.
    ///
    /// Default: `/var/lib/otelcol/file_storage`, on Windows `%ProgramData%\Otelcol\FileStorage`. It must exist, unless
    /// [`create_directory`](Self::create_directory) is set.
    pub directory: PathBuf,

    /// How long to wait for another process to let go of the folder.
    ///
    /// Default: `1s`. `0` tries once.
    pub timeout: Duration,

    /// Force every write to the disk before it counts.
    ///
    /// Default: `false`: what was written survives the end of the process, however it ends, but the last writes may be
    /// lost when the host loses power.
    pub fsync: bool,

    /// Make the folder, and those above it, if it is missing.
    ///
    /// Default: `false`.
    pub create_directory: bool,

    /// Permissions of the folders that are made, in octal, less the process's umask. Windows has no such thing.
    ///
    /// Default: `0750`.
    pub directory_permissions: String,

    /// Begin with an empty table when a file is damaged.
    ///
    /// Default: `false`: begin with what stands before the damage. The damaged file is set aside in both cases, as
    /// `<file>.corrupt-<n>`.
    pub recreate: bool,

    /// When files are rewritten without what is no longer needed.
    pub compaction: Compaction,
}

/// When files are rewritten without what is no longer needed. They are in any case when they have grown to 1 MiB and to
/// four times what they hold.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Compaction {
    /// Rewrite each file when it is first opened.
    ///
    /// Default: `false`.
    pub on_start: bool,

    /// Look after the thresholds below every [`check_interval`](Self::check_interval).
    ///
    /// Default: `false`.
    pub on_rebound: bool,

    /// Has no effect, and a warning says so: a file is rewritten beside itself, so that it is replaced in one step.
    pub directory: Option<PathBuf>,

    /// How large a file must be, in MiB, to be rewritten on rebound.
    ///
    /// Default: `100`.
    pub rebound_needed_threshold_mib: u64,

    /// How little a file must hold, in MiB, to be rewritten on rebound.
    ///
    /// Default: `10`.
    pub rebound_trigger_threshold_mib: u64,

    /// How many bytes are gathered into one record when a file is rewritten.
    ///
    /// Default: `65536`. `0`: as many as a record may have, which is 16 MiB.
    pub max_transaction_size: i64,

    /// How often the thresholds are looked at.
    ///
    /// Default: `5s`.
    pub check_interval: Duration,

    /// Remove what rewriting left behind when the process was killed, for all components. What a component left is removed
    /// in any case when it opens its file.
    ///
    /// Default: `false`.
    pub cleanup_on_start: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: default_directory(),
            timeout: Duration::from_secs(1),
            fsync: false,
            create_directory: false,
            directory_permissions: "0750".to_owned(),
            recreate: false,
            compaction: Compaction::default(),
        }
    }
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            on_start: false,
            on_rebound: false,
            directory: None,
            rebound_needed_threshold_mib: 100,
            rebound_trigger_threshold_mib: 10,
            max_transaction_size: 65_536,
            check_interval: Duration::from_secs(5),
            cleanup_on_start: false,
        }
    }
}

fn default_directory() -> PathBuf {
    if cfg!(windows) {
        let data = std::env::var_os("ProgramData").map(PathBuf::from);
        let data = data.unwrap_or_else(|| PathBuf::from(r"C:\ProgramData"));
        data.join("Otelcol").join("FileStorage")
    } else {
        PathBuf::from("/var/lib/otelcol/file_storage")
    }
}

impl Config {
    /// The mode of folders that are made.
    ///
    /// # Errors
    ///
    /// The setting is no mode, in upstream's words.
    pub(crate) fn mode(&self) -> Result<u32, &'static str> {
        match u32::from_str_radix(&self.directory_permissions, 8) {
            Ok(mode) if mode & !0o777 == 0 => Ok(mode),
            Ok(_) => Err("directory_permissions contain invalid bits for file access"),
            Err(_) => Err("directory_permissions value must be a valid octal representation"),
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.directory.as_os_str().is_empty() {
            problems.add("directory", "must not be empty");
        }
        if let Some(wrong) = self.mode().err().filter(|_| self.create_directory) {
            problems.add("directory_permissions", wrong);
        }
    }
}

impl Validate for Compaction {
    fn validate(&self, problems: &mut Problems) {
        if self.max_transaction_size < 0 {
            let wrong = "max transaction size for compaction cannot be less than 0";
            problems.add("max_transaction_size", wrong);
        }
        if self.on_rebound && self.check_interval.is_zero() {
            let wrong = "compaction check interval must be positive when rebound compaction is set";
            problems.add("check_interval", wrong);
        }
    }
}
