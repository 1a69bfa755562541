//! The limiter itself: an account's limit, and a look at the process now and then.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use component::memory::{Shut, resident_memory};
use component::{
    CancellationToken, Lifecycle, MemoryAccount, Settings, StartError, StatusReporter,
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::Limits;

/// The least part of the soft limit that telemetry may take, however much the process takes by itself.
const LEAST_PART: usize = 4;

pub(crate) struct Limiter {
    check_interval: Duration,
    limits: Limits,
    account: Arc<MemoryAccount>,
    base: Arc<Base>,
    status: StatusReporter,
    /// Measures the process.
    measure: fn() -> Option<usize>,
}

/// What the process took when its first limiter was made.
#[derive(Default)]
struct Base(OnceLock<usize>);

impl Limiter {
    pub(crate) fn new(check_interval: Duration, limits: Limits, settings: Settings) -> Self {
        Self {
            check_interval,
            limits,
            account: settings.process.memory(),
            base: settings.process.table(),
            status: settings.status,
            measure: resident_memory,
        }
    }

    /// What telemetry may take: the soft limit less what the process takes without any.
    fn share(&self) -> usize {
        let Limits { soft, .. } = self.limits;
        let base = *self.base.0.get_or_init(|| (self.measure)().unwrap_or(0));
        let least = soft / LEAST_PART;
        if soft.saturating_sub(base) < least {
            warn!(
                limit_mib = soft >> 20,
                resident_mib = base >> 20,
                "the limit is hardly more than the process takes by itself; raise `limit_mib`"
            );
        }
        soft.saturating_sub(base).max(least)
    }

    /// Shuts the doors, or opens them again, by what the process takes.
    fn check(&self, shut: Option<Shut>) -> Option<Shut> {
        let resident = (self.measure)()?;
        match (resident >= self.limits.soft, shut) {
            (true, Some(shut)) => Some(shut),
            (true, None) => {
                warn!(
                    cur_mem_mib = resident >> 20,
                    limit_mib = self.limits.hard >> 20,
                    "Memory usage is above soft limit. Refusing data."
                );
                self.status.recoverable_error("memory usage is above soft limit");
                Some(self.account.shut())
            }
            (false, Some(_)) => {
                info!(
                    cur_mem_mib = resident >> 20,
                    "Memory usage back within limits. Resuming normal operation."
                );
                self.status.ok();
                None
            }
            (false, None) => None,
        }
    }
}

#[async_trait]
impl Lifecycle for Limiter {
    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let _limit = self.account.limit_to(self.share());
        let mut shut = None;
        let mut ticks = interval(self.check_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            shut = self.check(shut);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use component::{NoRoom, Status};
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    const MIB: usize = 1 << 20;
    static RESIDENT: AtomicUsize = AtomicUsize::new(10 * MIB);

    fn resident() -> Option<usize> {
        Some(RESIDENT.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn it_sets_the_limit_and_shuts_the_doors_while_the_process_takes_too_much() {
        let settings = testkit::settings("memory_limiter");
        let (account, status) = (settings.process.memory(), settings.status.clone());
        let limits = Limits { hard: 100 * MIB, soft: 80 * MIB };
        let interval = Duration::from_secs(1);
        let limiter = Limiter { measure: resident, ..Limiter::new(interval, limits, settings) };
        let stop = CancellationToken::new();
        let mut life = JoinSet::new();
        life.spawn(Box::new(limiter).run(stop.clone()));
        sleep(interval / 2).await;
        assert_eq!(account.limit(), 70 * MIB);
        account.admit(MIB).unwrap();

        RESIDENT.store(80 * MIB, Ordering::Relaxed);
        sleep(interval).await;
        assert_eq!(account.admit(1).unwrap_err(), NoRoom::Full);
        assert_eq!(status.event().status, Status::RecoverableError);

        RESIDENT.store(79 * MIB, Ordering::Relaxed);
        sleep(interval).await;
        account.admit(MIB).unwrap();
        assert_eq!(status.event().status, Status::Ok);

        stop.cancel();
        life.join_next().await.unwrap().unwrap().unwrap();
        assert_ne!(account.limit(), 70 * MIB, "the limit ends with the limiter");
    }

    #[test]
    fn a_limit_near_the_process_leaves_something() {
        let settings = testkit::settings("memory_limiter");
        let limits = Limits { hard: 15 * MIB, soft: 12 * MIB };
        let large = || Some(50 * MIB);
        let limiter =
            Limiter { measure: large, ..Limiter::new(Duration::from_secs(1), limits, settings) };
        assert_eq!(limiter.share(), 3 * MIB);
    }
}
