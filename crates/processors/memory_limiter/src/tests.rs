use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use component::memory::MemoryAccount;
use component::{
    Batch, CancellationToken, ComponentId, Lifecycle, Meter, Signal, Slot, Status, StatusReporter,
};
use testkit::{Recorder, log_records, settings};
use tokio::time::sleep;

use crate::gate::Gate;
use crate::limiter::{Limiter, Limiters};
use crate::limits::Limits;
use crate::member::{Member, report};
use crate::{Config, ExtensionFactory, Factory};

const LIMITS: Limits = Limits { hard: 100, soft: 80 };
const SECOND: Duration = Duration::from_secs(1);

fn config(yaml: &str) -> Config {
    testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A limiter of a process that takes 20 bytes without telemetry, and the process's memory.
fn limiter(account: &Arc<MemoryAccount>) -> (Arc<Limiter>, Arc<AtomicUsize>) {
    let memory = Arc::new(AtomicUsize::new(20));
    let measured = Arc::clone(&memory);
    let limiter = Limiter::new(
        &ComponentId::new("memory_limiter"),
        &config("{ check_interval: 1s, limit_mib: 1 }"),
        LIMITS,
        Arc::clone(account),
        Some(20),
        Arc::new(move || Some(measured.load(Ordering::Relaxed))),
    );
    (Arc::new(limiter), memory)
}

fn account() -> Arc<MemoryAccount> {
    Arc::new(MemoryAccount::with_limit(1000))
}

#[tokio::test(start_paused = true)]
async fn doors_are_shut_from_the_soft_limit_until_memory_is_back_below() {
    let account = account();
    let (limiter, memory) = limiter(&account);
    let status = StatusReporter::default();
    assert_eq!(account.limit(), 60, "limit less spike less what the process takes by itself");
    let share = account.admit(30).unwrap();
    let scenario = async {
        sleep(SECOND / 2).await;
        assert!(account.admit(1).is_ok());
        memory.store(80, Ordering::Relaxed);
        sleep(SECOND).await;
        assert!(account.admit(1).is_err());
        assert_eq!(status.event().status, Status::RecoverableError);
        assert_eq!(status.event().error.as_deref(), Some("data refused due to high memory usage"));
        memory.store(79, Ordering::Relaxed);
        sleep(SECOND).await;
        assert!(account.admit(1).is_ok());
        assert_eq!(status.event().status, Status::Ok);
    };
    tokio::select! {
        () = limiter.watch() => {}
        () = report(limiter.subscribe(), &status) => {}
        () = scenario => {}
    }
    drop((share, limiter));
    assert_eq!(account.limit(), 1000, "the limit ends with the limiter");
}

#[tokio::test(start_paused = true)]
async fn what_one_limiter_shuts_another_does_not_open() {
    let account = account();
    let (high, high_memory) = limiter(&account);
    let (low, _) = limiter(&account);
    high_memory.store(500, Ordering::Relaxed);
    let scenario = async {
        sleep(SECOND * 5).await;
        assert!(account.admit(1).is_err());
    };
    tokio::select! { () = high.watch() => {}, () = low.watch() => {}, () = scenario => {} }
    drop(high);
    assert!(account.admit(1).is_ok(), "doors don't stay shut when the limiter is gone");
}

#[tokio::test(start_paused = true)]
async fn when_the_one_who_measures_ends_another_takes_over() {
    let account = account();
    let (limiter, memory) = limiter(&account);
    let first = tokio::time::timeout(SECOND * 3, limiter.watch());
    let scenario = async {
        sleep(SECOND * 4).await;
        memory.store(500, Ordering::Relaxed);
        sleep(SECOND).await;
        assert!(account.is_closed());
    };
    let first = async {
        first.await.unwrap_err();
        std::future::pending::<()>().await;
    };
    tokio::select! { biased; () = first => {}, () = limiter.watch() => {}, () = scenario => {} }
}

#[tokio::test]
async fn the_processor_refuses_only_what_has_not_asked_at_a_door() {
    let account = account();
    let recorder = Recorder::default();
    let meter = Meter::default();
    let next = Slot::to(Arc::new(recorder.clone()));
    let gate = Slot::to(Arc::new(Gate::new(Arc::clone(&account), &meter, Signal::Logs, next)));
    gate.offer(Batch::new(log_records(1))).await.unwrap();
    let share = account.admit(10).unwrap();

    let shut = account.shut();
    let refused = gate.offer(Batch::new(log_records(2))).await.unwrap_err().error;
    assert_eq!(refused.to_string(), "data refused due to high memory usage");
    assert!(!refused.is_permanent() && refused.retry_after().is_some());
    gate.offer(Batch::new(log_records(4)).charged(share)).await.unwrap();
    drop(shut);

    let red = account.charge(1000);
    gate.offer(Batch::new(log_records(8))).await.unwrap_err();
    drop(red);
    gate.offer(Batch::new(log_records(16))).await.unwrap();
    assert_eq!(recorder.item_count(), 1 + 4 + 16);
}

#[tokio::test(start_paused = true)]
async fn what_is_let_through_and_what_is_refused_is_counted() {
    let settings = settings("memory_limiter");
    let account = account();
    let next = Slot::to(Arc::new(Recorder::default()));
    let gate = Gate::new(Arc::clone(&account), &settings.meter, Signal::Logs, next);
    let gate = Slot::to(Arc::new(gate));
    gate.offer(Batch::new(log_records(3))).await.unwrap();
    let shut = account.shut();
    gate.offer(Batch::new(log_records(2))).await.unwrap_err();
    drop(shut);
    assert_eq!(
        testkit::counted(&settings),
        [
            "otelcol_processor_internal_duration{otel.signal=logs} 2 values, 0 in all",
            "otelcol_processor_memory_limiter_accepted_log_records{} 3",
            "otelcol_processor_memory_limiter_refused_log_records{} 2",
        ]
    );
}

#[tokio::test]
async fn pipelines_of_one_configuration_share_a_limiter_and_others_do_not() {
    let settings = settings("memory_limiter");
    let process = settings.process.clone();
    let limiters = process.table::<Limiters>();
    let (config, id) = (config("{ check_interval: 1s, limit_mib: 900 }"), settings.id.clone());
    let limits = Limits::new(&config, None).unwrap();
    let first = limiters.share(&id, &config, limits, &process);
    let again = limiters.share(&id, &config, limits, &process);
    let other = limiters.share(&id.with_name("2"), &config, limits, &process);
    assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
}

#[tokio::test]
async fn the_account_has_its_limit_while_a_limiter_runs() {
    let settings = settings("memory_limiter");
    let account = settings.process.memory();
    let before = account.limit();
    let mut member =
        Box::new(Member::new(config("{ check_interval: 1s, limit_mib: 900 }"), settings).unwrap());
    assert_eq!(account.limit(), before, "creation has no effect");
    member.acquire().await.unwrap();
    let limit = account.limit();
    assert!(limit <= 720 << 20 && limit > 360 << 20, "{limit}");
    let stop = CancellationToken::new();
    stop.cancel();
    member.run(stop).await.unwrap();
    assert_eq!(account.limit(), before);
}

#[test]
fn wrong_options_are_refused_in_upstreams_words() {
    for (yaml, expected) in [
        ("{ }", "'check_interval' must be greater than zero"),
        ("{ check_interval: 1s }", "'limit_mib' or 'limit_percentage' must be greater than zero"),
        (
            "{ check_interval: 1s, limit_mib: 100, spike_limit_mib: 100 }",
            "'spike_limit_mib' must be smaller than 'limit_mib'",
        ),
        (
            "{ check_interval: 1s, limit_percentage: 101 }",
            "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and less than or equal to hundred",
        ),
        (
            "{ check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 50 }",
            "'spike_limit_percentage' must be smaller than 'limit_percentage'",
        ),
        ("{ check_interval: 1s, limit_mib: -2000 }", "overflows uint"),
        (
            "{ check_interval: 1s, limit_mib: 1, min_gc_interval_when_hard_limited: 11s }",
            "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
        ),
        (
            "{ check_interval: 1s, limit_mib: 1, max_gc_interval_when_soft_limited: 20s }",
            "'max_gc_interval_when_soft_limited' should be larger than 'max_gc_interval_when_hard_limited'",
        ),
        (
            "{ check_interval: 1s, limit_mib: 1, min_gc_interval_when_soft_limited: 1m }",
            "'max_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_soft_limited'",
        ),
    ] {
        let wrong = testkit::refusal::<Config>(yaml);
        assert!(wrong.contains(expected), "{yaml}: {wrong}");
    }
}

#[test]
fn options_without_effect_are_named() {
    let names = |yaml: &str| {
        let options = config(yaml).without_effect();
        options.into_iter().map(|(option, _)| option).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("{ check_interval: 1s, limit_mib: 10, spike_limit_mib: 2 }"), "");
    assert_eq!(
        names(
            "{ check_interval: 1s, limit_mib: 10, limit_percentage: 20, spike_limit_percentage: 2 }"
        ),
        "limit_percentage spike_limit_percentage"
    );
    assert_eq!(
        names(
            "{ check_interval: 1s, limit_percentage: 20, spike_limit_mib: 2, min_gc_interval_when_hard_limited: 1s, max_gc_interval_when_soft_limited: 0s }"
        ),
        "spike_limit_mib min_gc_interval_when_hard_limited max_gc_interval_when_soft_limited"
    );
}

mod processor {
    use super::*;

    testkit::conformance!(processor: Factory, "{ check_interval: 1s, limit_mib: 4000 }");
}

mod extension {
    use super::*;

    testkit::conformance!(extension: ExtensionFactory, "{ check_interval: 1s, limit_mib: 4000 }");
}
