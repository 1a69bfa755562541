//! What users write.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use config::{Optional, Problems, Section, Validate};

/// How telemetry is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Format {
    /// OTLP/JSON, one message in each line.
    #[default]
    Json,
    /// OTLP as protobuf, each message behind its length: four bytes, the largest first.
    Proto,
}

/// How messages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Compression {
    /// Not at all.
    #[default]
    #[section(rename = "")]
    None,
    /// Each message on its own by Zstandard, behind its compressed length.
    Zstd,
}

/// Settings of the `file` exporter.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("encoding"))]
pub struct Config {
    /// The file. Required; relative to the working directory of the agent.
    pub path: PathBuf,

    /// Whether data is added to what the file has already.
    ///
    /// Default: `false`, a file is emptied before the first data. Not together with [`compression`](Self::compression) or
    /// [`rotation`](Self::rotation), which always adds.
    pub append: bool,

    /// Moves the file aside when it is large or old, and begins a new one. Off unless the key is there.
    pub rotation: Optional<Rotation>,

    /// Writes to several files. Off unless enabled.
    pub group_by: GroupBy,

    /// How telemetry is written: `json`, a message in each line, or `proto`, each message behind four bytes of length.
    pub format: Format,

    /// How each message is compressed: not at all, or by `zstd`. Compressed messages stand behind four bytes of length.
    pub compression: Compression,

    /// How long data may wait in the program before it is written.
    ///
    /// Default: `1s`. It is written at once, so this is always kept.
    pub flush_interval: Duration,

    /// Whether the folder of the file is made when it is not there.
    pub create_directory: bool,

    /// Permissions of folders that are made, as octal digits, less the process's mask.
    ///
    /// Default: `0755`. Only with [`create_directory`](Self::create_directory); without effect on Windows.
    pub directory_permissions: String,
}

/// A file for each value of a resource's attribute.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct GroupBy {
    /// Whether there are several files. [`path`](Config::path) must then have exactly one `*`, and not begin with it.
    ///
    /// Default: `false`.
    pub enabled: bool,

    /// The resource's attribute whose value stands for the `*`.
    ///
    /// Default: `fileexporter.path_segment`.
    pub resource_attribute: String,

    /// How many files are open at the same time; the one that was not used for longest is closed for another.
    ///
    /// Default: `100`.
    pub max_open_files: NonZeroUsize,
}

/// Settings of the rotation.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Rotation {
    /// The size at which the file is moved aside, in MiB. A message that is larger has a file of its own.
    ///
    /// Default: `100`; `0` means the same.
    pub max_megabytes: u32,

    /// The age in days at which the file is moved aside, and at which a file that was moved aside is removed.
    ///
    /// Default: `0`, any age. A day has 24 hours.
    pub max_days: u32,

    /// How many files that were moved aside are kept; the oldest go first.
    ///
    /// Default: `100`. `0` keeps all.
    pub max_backups: u32,

    /// Whether the time in names of files that were moved aside is local time.
    ///
    /// Default: `false`, it is UTC.
    pub localtime: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            append: false,
            rotation: Optional::Default(Rotation::default()),
            group_by: GroupBy::default(),
            format: Format::Json,
            compression: Compression::None,
            flush_interval: Duration::from_secs(1),
            create_directory: false,
            directory_permissions: String::new(),
        }
    }
}

impl Default for GroupBy {
    fn default() -> Self {
        Self {
            enabled: false,
            resource_attribute: "fileexporter.path_segment".to_owned(),
            max_open_files: NonZeroUsize::new(100).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Validate for GroupBy {
    fn validate(&self, problems: &mut Problems) {
        if self.enabled && self.resource_attribute.is_empty() {
            problems.add("resource_attribute", "must name an attribute");
        }
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self { max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false }
    }
}

impl Config {
    /// The mode of folders that are made; `None` when they are not made, or when the setting says nothing readable.
    pub(crate) fn directory_mode(&self) -> Option<u32> {
        match self.directory_permissions.as_str() {
            _ if !self.create_directory => None,
            "" => Some(0o755),
            octal => u32::from_str_radix(octal, 8).ok(),
        }
    }
}

impl Validate for Rotation {}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.path.as_os_str().is_empty() {
            problems.add("path", "must be non-empty");
        }
        let path = self.path.to_string_lossy();
        if self.group_by.enabled && path.matches('*').count() != 1 {
            problems.add("path", "must contain exactly one * when `group_by` is enabled");
        }
        if self.group_by.enabled && path.starts_with('*') {
            problems.add("path", "must not start with * when `group_by` is enabled");
        }
        if self.append && self.compression != Compression::None {
            problems.add("append", "and `compression` at the same time is not supported");
        }
        if self.append && self.rotation.is_some() {
            problems.add("append", "and `rotation` at the same time is not supported");
        }
        if self.directory_permissions.is_empty() {
            return;
        }
        match self.directory_mode() {
            _ if !self.create_directory => {
                problems.add("directory_permissions", "requires `create_directory: true`");
            }
            None => problems.add("directory_permissions", "must be octal digits, such as \"0755\""),
            Some(mode) if mode > 0o777 => {
                problems.add("directory_permissions", "has bits that are no permissions of access");
            }
            Some(_) => {}
        }
    }
}
