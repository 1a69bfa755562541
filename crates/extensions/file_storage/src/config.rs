//! What users write.

use std::path::PathBuf;
use std::time::Duration;

use config::{Problems, Section, Validate};

/// Settings of the `file_storage` extension.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// The folder in which components keep their data.
    ///
    /// Default: `/var/lib/otelcol/file_storage`, on Windows `%ProgramData%\Otelcol\FileStorage`. One process at a time may
    /// use it.
    pub directory: PathBuf,

    /// How long to wait for another process to give the folder up.
    ///
    /// Default: `1s`.
    pub timeout: Duration,

    /// Whether each change of a table is brought to the disk itself before it counts as written.
    ///
    /// Default: `false`: the end of the process loses nothing, the end of the machine may lose the last changes.
    pub fsync: bool,

    /// Whether the folder is made when it is not there.
    ///
    /// Default: `true`, as upstream since v0.130.
    pub create_directory: bool,

    /// The mode of a folder that is made, in octal; the umask takes away from it. It has no meaning on Windows.
    ///
    /// Default: `0750`.
    pub directory_permissions: String,

    /// Accepted for the sake of existing documents: a table that cannot be read is always set aside, and a new one begun.
    pub recreate: bool,

    /// Accepted for the sake of existing documents: tables are written compactly, so there is nothing to compact.
    pub compaction: Compaction,
}

/// The section `compaction`. It is checked as upstream does, and has no effect.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Compaction {
    /// No effect.
    pub on_start: bool,
    /// No effect.
    pub on_rebound: bool,
    /// No effect.
    pub directory: Option<PathBuf>,
    /// No effect.
    pub rebound_needed_threshold_mib: u64,
    /// No effect.
    pub rebound_trigger_threshold_mib: u64,
    /// No effect.
    pub max_transaction_size: u64,
    /// No effect. With `on_rebound` it must be positive.
    pub check_interval: Duration,
    /// No effect.
    pub cleanup_on_start: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            directory: default_directory(),
            timeout: Duration::from_secs(1),
            fsync: false,
            create_directory: true,
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

impl Config {
    /// The mode of a folder that is made.
    pub(crate) fn mode(&self) -> Option<u32> {
        u32::from_str_radix(&self.directory_permissions, 8).ok()
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if !self.create_directory {
            return;
        }
        match self.mode() {
            None => problems.add("directory_permissions", "must be a valid octal representation"),
            Some(mode) if mode & !0o777 != 0 => {
                problems.add("directory_permissions", "contain invalid bits for file access");
            }
            Some(_) => {}
        }
    }
}

impl Validate for Compaction {
    fn validate(&self, problems: &mut Problems) {
        if self.on_rebound && self.check_interval.is_zero() {
            let message =
                "compaction check interval must be positive when rebound compaction is set";
            problems.add("check_interval", message);
        }
    }
}

#[cfg(not(windows))]
fn default_directory() -> PathBuf {
    PathBuf::from("/var/lib/otelcol/file_storage")
}

#[cfg(windows)]
fn default_directory() -> PathBuf {
    let base = std::env::var_os("ProgramData")
        .map_or_else(|| PathBuf::from(r"C:\ProgramData"), PathBuf::from);
    base.join("Otelcol").join("FileStorage")
}

#[cfg(test)]
mod tests {
    use testkit::{config, refusal};

    use super::*;

    #[test]
    fn upstreams_options_are_read_and_checked() {
        let read: Config = config(
            "{ directory: /tmp/x, timeout: 3s, fsync: true, create_directory: true,
               directory_permissions: '0700', recreate: true,
               compaction: { on_start: true, on_rebound: true, directory: /tmp, check_interval: 5s,
                             rebound_needed_threshold_mib: 5, rebound_trigger_threshold_mib: 4,
                             max_transaction_size: 10, cleanup_on_start: true } }",
        )
        .unwrap();
        assert_eq!((read.mode(), read.timeout), (Some(0o700), Duration::from_secs(3)));
        for (yaml, expected) in [
            ("{ directory_permissions: '9' }", "must be a valid octal representation"),
            ("{ directory_permissions: '7777' }", "contain invalid bits for file access"),
            ("{ compaction: { on_rebound: true, check_interval: 0s } }", "must be positive"),
            ("{ direktory: x }", "direktory"),
        ] {
            let refusal = refusal::<Config>(yaml);
            assert!(refusal.contains(expected), "{yaml}: {refusal}");
        }
        config::<Config>("{ create_directory: false, directory_permissions: '9' }").unwrap();
    }
}
