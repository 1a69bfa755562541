//! What users write.

use std::time::Duration;

use config::{Problems, Section, Validate};

/// Settings of `memory_limiter`, the processor and the extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Section)]
pub struct Config {
    /// How often the memory of the process is measured.
    ///
    /// Required. `1s` is a good value.
    pub check_interval: Duration,

    /// The most memory that the process may take, in MiB.
    ///
    /// Default: `0`, which means [`limit_percentage`](Self::limit_percentage). With a limit in MiB the options in per cent
    /// are not looked at.
    pub limit_mib: u32,

    /// How much of it is kept free for what happens between two measurements, in MiB.
    ///
    /// Default: `0`, which means a fifth of the limit. It must be less than the limit.
    pub spike_limit_mib: u32,

    /// The most memory that the process may take, in per cent of what its cgroup allows, or of the host's memory.
    ///
    /// Default: `0`. On macOS it is refused, because neither can be learned there.
    pub limit_percentage: u32,

    /// How much of it is kept free for what happens between two measurements, in per cent of the same.
    ///
    /// Default: `0`, which means a fifth of the limit. It must be less than the limit.
    pub spike_limit_percentage: u32,

    /// Has no effect: there is no garbage collector.
    ///
    /// Default: `10s`. At least [`min_gc_interval_when_hard_limited`](Self::min_gc_interval_when_hard_limited).
    pub min_gc_interval_when_soft_limited: Duration,

    /// Has no effect: there is no garbage collector.
    ///
    /// Default: `0s`.
    pub min_gc_interval_when_hard_limited: Duration,

    /// Has no effect: there is no garbage collector.
    ///
    /// Default: `30s`. `0s`, or at least the least interval of its kind.
    pub max_gc_interval_when_soft_limited: Duration,

    /// Has no effect: there is no garbage collector.
    ///
    /// Default: `30s`. `0s`, or at least the least interval of its kind, and at most
    /// [`max_gc_interval_when_soft_limited`](Self::max_gc_interval_when_soft_limited).
    pub max_gc_interval_when_hard_limited: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            check_interval: Duration::ZERO,
            limit_mib: 0,
            spike_limit_mib: 0,
            limit_percentage: 0,
            spike_limit_percentage: 0,
            min_gc_interval_when_soft_limited: Duration::from_secs(10),
            min_gc_interval_when_hard_limited: Duration::ZERO,
            max_gc_interval_when_soft_limited: Duration::from_secs(30),
            max_gc_interval_when_hard_limited: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// Options that are set and that nothing looks at, with the reason.
    pub(crate) fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        const IN_MIB: &str = "`limit_mib` is set";
        const IN_PER_CENT: &str = "the limit is in per cent";
        const NO_GC: &str = "there is no garbage collector";
        let by_default = Self::default();
        let gc = |interval: fn(&Self) -> Duration| interval(self) != interval(&by_default);
        let options = [
            (self.limit_mib > 0 && self.limit_percentage > 0, "limit_percentage", IN_MIB),
            (
                self.limit_mib > 0 && self.spike_limit_percentage > 0,
                "spike_limit_percentage",
                IN_MIB,
            ),
            (self.limit_mib == 0 && self.spike_limit_mib > 0, "spike_limit_mib", IN_PER_CENT),
            (
                gc(|config| config.min_gc_interval_when_soft_limited),
                "min_gc_interval_when_soft_limited",
                NO_GC,
            ),
            (
                gc(|config| config.min_gc_interval_when_hard_limited),
                "min_gc_interval_when_hard_limited",
                NO_GC,
            ),
            (
                gc(|config| config.max_gc_interval_when_soft_limited),
                "max_gc_interval_when_soft_limited",
                NO_GC,
            ),
            (
                gc(|config| config.max_gc_interval_when_hard_limited),
                "max_gc_interval_when_hard_limited",
                NO_GC,
            ),
        ];
        let set = options.into_iter().filter(|(is_set, ..)| *is_set);
        set.map(|(_, option, reason)| (option, reason)).collect()
    }

    fn check_gc_intervals(&self, problems: &mut Problems) {
        let (soft, hard) =
            (self.min_gc_interval_when_soft_limited, self.min_gc_interval_when_hard_limited);
        if soft < hard {
            problems.add("min_gc_interval_when_soft_limited", "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'");
        }
        let (soft_most, hard_most) =
            (self.max_gc_interval_when_soft_limited, self.max_gc_interval_when_hard_limited);
        if !soft_most.is_zero() && soft_most < hard_most {
            problems.add("max_gc_interval_when_soft_limited", "'max_gc_interval_when_soft_limited' should be larger than 'max_gc_interval_when_hard_limited'");
        }
        if !soft_most.is_zero() && soft_most < soft {
            problems.add("max_gc_interval_when_soft_limited", "'max_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_soft_limited'");
        }
        if !hard_most.is_zero() && hard_most < hard {
            problems.add("max_gc_interval_when_hard_limited", "'max_gc_interval_when_hard_limited' should be larger than 'min_gc_interval_when_hard_limited'");
        }
    }
}

impl Validate for Config {
    /// The messages are upstream's (`internal/memorylimiter`).
    fn validate(&self, problems: &mut Problems) {
        if self.check_interval.is_zero() {
            problems.add("check_interval", "'check_interval' must be greater than zero");
        }
        self.check_gc_intervals(problems);
        if self.limit_mib == 0 && self.limit_percentage == 0 {
            problems.add("", "'limit_mib' or 'limit_percentage' must be greater than zero");
        }
        if self.limit_percentage > 100 || self.spike_limit_percentage > 100 {
            problems.add("limit_percentage", "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred");
        }
        if self.limit_mib > 0 && self.spike_limit_mib >= self.limit_mib {
            problems.add("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
        }
        if self.limit_percentage > 0 && self.spike_limit_percentage >= self.limit_percentage {
            problems.add(
                "spike_limit_percentage",
                "'spike_limit_percentage' must be smaller than 'limit_percentage'",
            );
        }
    }
}
