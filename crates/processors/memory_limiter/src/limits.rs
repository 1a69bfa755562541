//! From what users write to what is compared.

use component::CreateError;

use crate::config::Config;

/// What the process may take, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The limit.
    pub(crate) hard: usize,
    /// The limit less what is kept free.
    pub(crate) soft: usize,
}

impl Limits {
    /// The limits that the settings mean where this much memory is available.
    ///
    /// # Errors
    ///
    /// They are in per cent of something that is not known.
    pub(crate) fn new(config: &Config, available: Option<usize>) -> Result<Self, CreateError> {
        let (hard, spike) = match (config.limit_mib, available) {
            (0, None) => {
                return Err(CreateError::new(
                    "limit_percentage: it cannot be learned how much memory there is; set `limit_mib` instead",
                ));
            }
            (0, Some(available)) => (
                part(available, config.limit_percentage),
                part(available, config.spike_limit_percentage),
            ),
            (limit, _) => (mebibytes(limit), mebibytes(config.spike_limit_mib)),
        };
        let spike = if spike == 0 { hard / 5 } else { spike };
        Ok(Self { hard, soft: hard.saturating_sub(spike) })
    }

    /// What is left for telemetry in a process that takes `at_start` without any.
    pub(crate) fn budget(self, at_start: usize) -> Budget {
        // A limit near what the process takes by itself would refuse everything.
        let least = self.soft / 4;
        let left = self.soft.saturating_sub(at_start);
        let telemetry = left.max(least);
        let high = at_start.saturating_add(telemetry);
        Budget { telemetry, high, highest: high.max(self.hard), is_tight: left < least }
    }
}

/// Who may take how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// All telemetry.
    pub(crate) telemetry: usize,
    /// The process, while it holds much telemetry: the soft limit, or more when that is too little.
    high: usize,
    /// The process in any case: the limit, or more when that is too little.
    highest: usize,
    /// Whether the limit is too little.
    pub(crate) is_tight: bool,
}

impl Budget {
    /// Whether the process takes too much, with this much telemetry in it.
    ///
    /// An allocator keeps memory that telemetry has left. It is used again, so refusing more would free nothing, and the
    /// process would refuse for ever: up to the limit, it only counts while much telemetry is held.
    pub(crate) fn is_exceeded(&self, resident: usize, telemetry: usize) -> bool {
        let holds_much = telemetry >= self.telemetry / 4;
        resident >= self.highest || (resident >= self.high && holds_much)
    }
}

fn mebibytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}

fn part(whole: usize, per_cent: u32) -> usize {
    let part = whole as u128 * u128::from(per_cent) / 100;
    usize::try_from(part).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn limits(yaml: &str, available: Option<usize>) -> Limits {
        let config = testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"));
        Limits::new(&config, available).unwrap()
    }

    #[test]
    fn a_fifth_is_kept_free_unless_something_else_is_said() {
        let limits = |yaml: &str| {
            let Limits { hard, soft } = limits(yaml, Some(1000 * MIB));
            (hard / MIB, soft / MIB)
        };
        assert_eq!(limits("{ check_interval: 1s, limit_mib: 100 }"), (100, 80));
        assert_eq!(limits("{ check_interval: 1s, limit_mib: 100, spike_limit_mib: 1 }"), (100, 99));
        assert_eq!(limits("{ check_interval: 1s, limit_percentage: 50 }"), (500, 400));
        let both = "{ check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 30 }";
        assert_eq!(limits(both), (500, 200));
        let mixed = "{ check_interval: 1s, limit_mib: 10, limit_percentage: 50, spike_limit_percentage: 30 }";
        assert_eq!(limits(mixed), (10, 8));
    }

    #[test]
    fn per_cent_of_nobody_knows_what_is_refused_by_name() {
        let config =
            testkit::config::<Config>("{ check_interval: 1s, limit_percentage: 50 }").unwrap();
        let error = Limits::new(&config, None).unwrap_err().to_string();
        assert!(error.starts_with("limit_percentage: ") && error.contains("limit_mib"), "{error}");
    }

    #[test]
    fn telemetry_gets_what_the_process_leaves_and_never_too_little() {
        let limits = Limits { hard: 100, soft: 80 };
        let budget = limits.budget(30);
        assert_eq!((budget.telemetry, budget.is_tight), (50, false));
        assert!(!budget.is_exceeded(79, 50) && budget.is_exceeded(80, 50));
        for at_start in [61, 80, 200] {
            let budget = limits.budget(at_start);
            assert_eq!((budget.telemetry, budget.is_tight), (20, true), "{at_start}");
            assert!(!budget.is_exceeded(at_start + 19, 20), "it works, with a warning");
            assert!(budget.is_exceeded(at_start + 40, 20));
        }
    }

    #[test]
    fn memory_without_telemetry_counts_only_at_the_limit() {
        let budget = Limits { hard: 100, soft: 80 }.budget(0);
        assert!(!budget.is_exceeded(99, 19));
        assert!(budget.is_exceeded(99, 20));
        assert!(budget.is_exceeded(100, 0));
    }
}
