//! Watches what the process takes.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use component::memory::{Limit, MemoryAccount, Shut, resident_memory};
use component::{ComponentId, Process};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Duration, MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::config::Config;
use crate::limits::{Budget, Limits};

/// How the resident memory of the process is learned; `None` where it cannot be.
pub(crate) type Measure = Arc<dyn Fn() -> Option<usize> + Send + Sync>;

/// The process's limiters. As upstream, processors of one configuration share one.
#[derive(Default)]
pub(crate) struct Limiters {
    running: Mutex<HashMap<(ComponentId, Config), Weak<Limiter>>>,
    /// What the process took without telemetry, when the first of them was made.
    at_start: OnceLock<Option<usize>>,
}

/// One limiter: the account's limit while it lives, and the doors shut while the process takes too much.
pub(crate) struct Limiter {
    id: ComponentId,
    account: Arc<MemoryAccount>,
    budget: Budget,
    check_interval: Duration,
    measure: Measure,
    shut: Mutex<Option<Shut>>,
    told: watch::Sender<bool>,
    /// Who holds this measures. Another takes over when it ends.
    duty: tokio::sync::Mutex<()>,
    _limit: Limit,
}

impl Limiters {
    /// The limiter of one configuration, shared with whoever has it.
    pub(crate) fn share(
        &self,
        id: &ComponentId,
        config: &Config,
        limits: Limits,
        process: &Process,
    ) -> Arc<Limiter> {
        let mut running = self.running.lock();
        let key = (id.clone(), config.clone());
        if let Some(limiter) = running.get(&key).and_then(Weak::upgrade) {
            return limiter;
        }
        let account = process.memory();
        let at_start = *self.at_start.get_or_init(|| {
            resident_memory().map(|resident| resident.saturating_sub(account.used()))
        });
        let limiter =
            Limiter::new(id, config, limits, account, at_start, Arc::new(resident_memory));
        let limiter = Arc::new(limiter);
        limiter.introduce(config, limits, at_start);
        running.retain(|_, limiter| limiter.strong_count() > 0);
        running.insert(key, Arc::downgrade(&limiter));
        limiter
    }
}

impl Limiter {
    pub(crate) fn new(
        id: &ComponentId,
        config: &Config,
        limits: Limits,
        account: Arc<MemoryAccount>,
        at_start: Option<usize>,
        measure: Measure,
    ) -> Self {
        let budget = limits.budget(at_start.unwrap_or(0));
        Self {
            id: id.clone(),
            _limit: account.limit_to(budget.telemetry),
            account,
            budget,
            check_interval: config.check_interval,
            measure,
            shut: Mutex::default(),
            told: watch::Sender::new(false),
            duty: tokio::sync::Mutex::default(),
        }
    }

    /// Measures, as long as nobody else does. Never ends.
    pub(crate) async fn watch(&self) {
        let _duty = self.duty.lock().await;
        let mut ticks = interval(self.check_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.check();
        }
    }

    /// Whether the doors are shut by this limiter, and when that changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }

    fn check(&self) {
        let Some(resident) = (self.measure)() else { return };
        let telemetry = self.account.used();
        let exceeded = self.budget.is_exceeded(resident, telemetry);
        let mut shut = self.shut.lock();
        let (id, resident_mib, telemetry_mib) =
            (&self.id, mebibytes(resident), mebibytes(telemetry));
        match (exceeded, shut.is_some()) {
            (true, false) => {
                *shut = Some(self.account.shut());
                warn!(limiter = %id, resident_mib, telemetry_mib, "Memory usage is above soft limit. Refusing data.");
            }
            (false, true) => {
                *shut = None;
                info!(limiter = %id, resident_mib, telemetry_mib, "Memory usage back within limits. Resuming normal operation.");
            }
            (true, true) | (false, false) => return,
        }
        self.told.send_replace(exceeded);
    }

    fn introduce(&self, config: &Config, limits: Limits, at_start: Option<usize>) {
        let id = &self.id;
        info!(
            limiter = %id,
            limit_mib = mebibytes(limits.hard),
            soft_limit_mib = mebibytes(limits.soft),
            telemetry_mib = mebibytes(self.budget.telemetry),
            "Memory limiter configured"
        );
        for (option, reason) in config.without_effect() {
            warn!(limiter = %id, "`{option}` has no effect: {reason}");
        }
        match at_start {
            Some(at_start) if self.budget.is_tight => warn!(
                limiter = %id,
                "the limit is too low: the agent takes {} MiB without any telemetry; it takes {} MiB of telemetry on top of that. Raise the limit",
                mebibytes(at_start),
                mebibytes(self.budget.telemetry),
            ),
            Some(_) => {}
            None => warn!(
                limiter = %id,
                "the memory of the process cannot be measured on this system: only telemetry is limited"
            ),
        }
    }
}

fn mebibytes(bytes: usize) -> usize {
    bytes >> 20
}
