//! What users write.

use std::time::Duration;

use config::{Problems, Section, Validate};

/// Settings of the `memory_limiter` processor and extension.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// How often the memory of the process is measured. Required, greater than `0`.
    pub check_interval: Duration,

    /// How much memory the process may take, in MiB.
    ///
    /// This or [`limit_percentage`](Self::limit_percentage) is required; when both are given, this holds.
    pub limit_mib: u64,

    /// How much of the limit is kept for what comes in between two measurements, in MiB. Data is refused from the limit less
    /// this on.
    ///
    /// Default: `0`, a fifth of the limit. It must be less than the limit.
    pub spike_limit_mib: u64,

    /// How much memory the process may take, as a percentage of what its cgroup allows, or else of the host's memory.
    pub limit_percentage: u64,

    /// As [`spike_limit_mib`](Self::spike_limit_mib), as a percentage.
    pub spike_limit_percentage: u64,

    /// No effect: there is no garbage collector.
    pub min_gc_interval_when_soft_limited: Duration,

    /// No effect: there is no garbage collector.
    pub min_gc_interval_when_hard_limited: Duration,

    /// No effect: there is no garbage collector.
    pub max_gc_interval_when_soft_limited: Duration,

    /// No effect: there is no garbage collector.
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

/// What a configuration comes to on this host, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Upstream's hard limit.
    pub(crate) hard: usize,
    /// Upstream's soft limit: data is refused from here on.
    pub(crate) soft: usize,
}

const MIB: u64 = 1 << 20;

impl Config {
    /// The limits, where `available` bytes are all there is. `None` when a percentage is asked for and that is not known.
    pub(crate) fn limits(&self, available: Option<usize>) -> Option<Limits> {
        let (hard, spike) = if self.limit_mib > 0 {
            (self.limit_mib * MIB, self.spike_limit_mib * MIB)
        } else {
            let available = u64::try_from(available?).unwrap_or(u64::MAX);
            let part = |percentage: u64| available / 100 * percentage;
            (part(self.limit_percentage), part(self.spike_limit_percentage))
        };
        let spike = if spike == 0 { hard / 5 } else { spike };
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Some(Limits { hard: bytes(hard), soft: bytes(hard.saturating_sub(spike)) })
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.check_interval.is_zero() {
            problems.add("check_interval", "must be greater than zero");
        }
        if self.limit_mib == 0 && self.limit_percentage == 0 {
            let message = "'limit_mib' or 'limit_percentage' must be greater than zero";
            problems.add("limit_mib", message);
        }
        if self.limit_mib > 0 {
            if self.spike_limit_mib >= self.limit_mib {
                problems.add("spike_limit_mib", "must be smaller than 'limit_mib'");
            }
        } else {
            for (name, percentage) in [
                ("limit_percentage", self.limit_percentage),
                ("spike_limit_percentage", self.spike_limit_percentage),
            ] {
                if percentage > 100 {
                    problems.add(name, "must be at most 100");
                }
            }
            if self.limit_percentage > 0 && self.spike_limit_percentage >= self.limit_percentage {
                problems.add("spike_limit_percentage", "must be smaller than 'limit_percentage'");
            }
        }
        self.validate_intervals(problems);
    }
}

impl Config {
    /// Upstream's rules for what has no effect here: a document that is wrong there is wrong here.
    fn validate_intervals(&self, problems: &mut Problems) {
        let soft = (self.min_gc_interval_when_soft_limited, self.max_gc_interval_when_soft_limited);
        let hard = (self.min_gc_interval_when_hard_limited, self.max_gc_interval_when_hard_limited);
        if soft.0 < hard.0 {
            let message = "must be greater than or equal to 'min_gc_interval_when_hard_limited'";
            problems.add("min_gc_interval_when_soft_limited", message);
        }
        if !soft.1.is_zero() && !hard.1.is_zero() && soft.1 < hard.1 {
            let message = "must be greater than or equal to 'max_gc_interval_when_hard_limited'";
            problems.add("max_gc_interval_when_soft_limited", message);
        }
        for (name, (min, max)) in [("soft", soft), ("hard", hard)] {
            if !max.is_zero() && max < min {
                let name = format!("max_gc_interval_when_{name}_limited");
                problems.add(&name, "must be greater than or equal to its minimum");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::{config, refusal};

    use super::*;

    #[test]
    fn limits_are_upstreams() {
        let limits = |yaml: &str, available| {
            config::<Config>(yaml)
                .unwrap()
                .limits(available)
                .map(|it| (it.hard >> 20, it.soft >> 20))
        };
        let mib = |mib: usize| Some(mib << 20);
        assert_eq!(limits("{check_interval: 1s, limit_mib: 100}", None), Some((100, 80)));
        let both =
            "{check_interval: 1s, limit_mib: 100, spike_limit_mib: 30, limit_percentage: 50}";
        assert_eq!(limits(both, mib(1_000)), Some((100, 70)));
        let part = "{check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 10}";
        assert_eq!(limits(part, mib(1_000)), Some((500, 400)));
        assert_eq!(limits(part, None), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (yaml, expected) in [
            ("{limit_mib: 5}", "check_interval: must be greater than zero"),
            ("{check_interval: 1s}", "'limit_mib' or 'limit_percentage' must be greater"),
            ("{check_interval: 1s, limit_mib: 5, spike_limit_mib: 5}", "smaller than 'limit_mib'"),
            (
                "{check_interval: 1s, limit_percentage: 101}",
                "limit_percentage: must be at most 100",
            ),
            (
                "{check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 60}",
                "must be smaller than 'limit_percentage'",
            ),
            (
                "{check_interval: 1s, limit_mib: 5, min_gc_interval_when_soft_limited: 1s, min_gc_interval_when_hard_limited: 2s}",
                "min_gc_interval_when_soft_limited: must be",
            ),
            (
                "{check_interval: 1s, limit_mib: 5, max_gc_interval_when_soft_limited: 5s}",
                "max_gc_interval_when_soft_limited: must be",
            ),
        ] {
            let refusal = refusal::<Config>(yaml);
            assert!(refusal.contains(expected), "{yaml}: {refusal}");
        }
    }
}
