use super::*;

fn account(limit: usize) -> Arc<MemoryAccount> {
    Arc::new(MemoryAccount::with_limit(limit))
}

#[test]
fn a_door_lets_in_what_fits_and_gets_it_back_on_drop() {
    let account = account(100);
    let share = account.admit(60).unwrap();
    assert_eq!(account.admit(41).unwrap_err(), NoRoom::Full);
    assert_eq!(account.used(), 60, "a refusal takes nothing");
    drop(share);
    assert_eq!(account.used(), 0);
    account.admit(100).unwrap();
}

#[test]
fn what_is_larger_than_the_account_is_refused_for_good() {
    let account = account(100);
    let refusal = account.admit(101).unwrap_err();
    assert_eq!(refusal, NoRoom::TooLarge { bytes: 101, limit: 100 });
    assert!(ConsumeError::from(refusal).is_permanent());
    let mut share = account.admit(60).unwrap();
    assert_eq!(share.try_grow(41).unwrap_err(), NoRoom::TooLarge { bytes: 101, limit: 100 });
    assert_eq!(share.bytes(), 60);
    let full = ConsumeError::from(NoRoom::Full);
    assert!(!full.is_permanent() && full.retry_after().is_some());
}

#[test]
fn growth_inside_is_charged_into_the_red_and_shuts_the_doors() {
    let account = account(100);
    let mut share = account.admit(50).unwrap();
    share.resize(150);
    assert_eq!(account.used(), 150);
    assert_eq!(account.admit(1).unwrap_err(), NoRoom::Full);
    share.resize(99);
    account.admit(1).unwrap();
}

#[test]
fn the_smallest_limit_holds_and_ends_with_its_holder() {
    let account = account(100);
    let (wide, narrow) = (account.limit_to(500), account.limit_to(20));
    assert_eq!(account.limit(), 20);
    drop(narrow);
    assert_eq!(account.limit(), 500);
    drop(wide);
    assert_eq!(account.limit(), 100);
}

#[test]
fn a_shut_account_admits_nothing_until_all_who_hold_it_shut_let_go() {
    let account = account(100);
    let (first, second) = (account.shut(), account.shut());
    assert_eq!(account.admit(1).unwrap_err(), NoRoom::Full);
    drop(first);
    assert_eq!(account.admit(1).unwrap_err(), NoRoom::Full);
    assert!(account.is_closed());
    drop(second);
    account.admit(1).unwrap();
    assert!(!account.is_closed());
}

#[test]
fn a_used_up_account_is_closed() {
    let account = account(100);
    let share = account.charge(99);
    assert!(!account.is_closed());
    let last = account.charge(1);
    assert!(account.is_closed());
    drop((share, last));
}

#[test]
fn queue_space_is_half_the_account_shared_out_over_the_lanes() {
    let account = account(100);
    let first = account.lane();
    assert_eq!(first.part(), 50);
    let second = account.lane();
    assert_eq!((first.part(), second.part()), (25, 25));
    drop(second);
    assert_eq!(first.part(), 50);
}

#[tokio::test]
async fn a_door_that_waits_goes_on_when_bytes_come_back() {
    let account = account(100);
    let held = account.admit(80).unwrap();
    let mut waiting = Box::pin(account.admit_when_free(50));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(held);
    assert_eq!(waiting.await.unwrap().bytes(), 50);
}

#[tokio::test]
async fn a_door_that_waits_goes_on_when_nobody_holds_it_shut() {
    let account = account(100);
    let shut = account.shut();
    let mut waiting = Box::pin(account.admit_when_free(50));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(shut);
    assert_eq!(waiting.await.unwrap().bytes(), 50);
}
