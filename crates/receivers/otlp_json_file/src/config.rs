//! What users write.

use std::time::Duration;

use config::{ComponentId, Problems, Section, Validate};

use crate::paths::Pattern;

/// Settings of the `otlp_json_file` receiver: those of upstream's file consumer that make sense for lines of JSON.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported(
    "acquire_fs_lock",
    "compression",
    "delete_after_read",
    "file_cache_advise",
    "header",
    "include_file_name",
    "include_file_name_resolved",
    "include_file_owner_group_name",
    "include_file_owner_name",
    "include_file_path",
    "include_file_path_resolved",
    "include_file_permissions",
    "include_file_record_number",
    "include_file_record_offset",
    "initial_buffer_size",
    "max_batches",
    "max_log_size_behavior",
    "multiline",
    "ordering_criteria",
    "polls_to_archive",
    "preserve_leading_whitespaces",
    "preserve_trailing_whitespaces"
))]
pub struct Config {
    /// The files to read, as patterns: `*` and `?` within a name, `[…]`, `{a,b}`, and `**` for any folders. Required.
    pub include: Vec<String>,
    /// Files to leave out, as patterns for whole paths. Default: none.
    pub exclude: Vec<String>,
    /// Files that were last changed longer ago are left out. Default: `0s`, which means none.
    pub exclude_older_than: Duration,
    /// Where to begin in files that are there when the receiver starts for the first time: `beginning` or `end`. Files that
    /// appear later are read from their beginning. Default: `end`.
    pub start_at: StartAt,
    /// How often files are looked for and read. Default: `200ms`.
    pub poll_interval: Duration,
    /// How many bytes at the beginning of a file tell it from others. Default: `1000`, at least `16`.
    pub fingerprint_size: usize,
    /// The longest line in bytes. A longer one is passed over and named in the log. Default: `20971520`.
    pub max_log_size: usize,
    /// How many files are kept open between two polls; the others are opened for each. Default: `1024`.
    pub max_concurrent_files: usize,
    /// How long a last line without an end is waited for before it is read as it is. `0s` waits for ever. Default: `500ms`.
    pub force_flush_period: Duration,
    /// What to do when a file has become shorter and begins as before. Default: `ignore`.
    pub on_truncate: OnTruncate,
    /// The encoding of the files, `utf-8`. Default: `utf-8`.
    pub encoding: Encoding,
    /// Whether files are read again and again from their beginning. Default: `false`.
    pub replay_file: bool,
    /// The storage extension that keeps how far files were read. Default: none; then it is forgotten with the process.
    pub storage: Option<ComponentId>,
}

/// Where to begin in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum StartAt {
    /// With what is there.
    Beginning,
    /// With what comes.
    #[default]
    End,
}

/// What to do with a file that has become shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum OnTruncate {
    /// Wait until it is longer than what was read.
    #[default]
    Ignore,
    /// Read all of it again.
    ReadWholeFile,
    /// Read what comes.
    ReadNew,
}

/// How text is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(
    ignore_case,
    not_supported("ascii", "big5", "nop", "utf-16", "utf-16be", "utf-16le", "utf-8-raw")
)]
pub enum Encoding {
    /// UTF-8, as JSON always is.
    #[default]
    #[section(rename = "utf-8")]
    Utf8,
    /// The same.
    #[section(rename = "utf8")]
    Utf8Too,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            exclude_older_than: Duration::ZERO,
            start_at: StartAt::End,
            poll_interval: Duration::from_millis(200),
            fingerprint_size: 1_000,
            max_log_size: 20 << 20,
            max_concurrent_files: 1_024,
            force_flush_period: Duration::from_millis(500),
            on_truncate: OnTruncate::Ignore,
            encoding: Encoding::Utf8,
            replay_file: false,
            storage: None,
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.include.is_empty() {
            problems.add("include", "'include' must be specified");
        }
        for (field, patterns) in [("include", &self.include), ("exclude", &self.exclude)] {
            for pattern in patterns {
                if let Err(error) = Pattern::new(pattern) {
                    problems.add(field, format!("invalid glob: {error}"));
                }
            }
        }
        if self.poll_interval.is_zero() {
            problems.add("poll_interval", "must be more than zero");
        }
        if self.fingerprint_size < 16 {
            problems.add("fingerprint_size", "must be at least 16 bytes");
        }
        if self.max_log_size == 0 {
            problems.add("max_log_size", "must be positive");
        }
        if self.max_concurrent_files == 0 {
            problems.add("max_concurrent_files", "must be positive");
        }
        if self.replay_file && self.storage.is_some() {
            problems.add("storage", "has no use with `replay_file`");
        }
    }
}
