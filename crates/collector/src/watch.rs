//! Who blocks a thread: a component whose code does not return to the runtime stops whatever shares the thread with it, and
//! nothing but a watch from another thread can tell.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::name::Name;

/// Sees which components' code runs at the moment, and since when.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    turns: Arc<Turns>,
}

#[derive(Default)]
struct Turns {
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, (Arc<Name>, Instant)>>,
}

thread_local! {
    /// The turns on this thread, the innermost last. While one component calls another, only the inner one counts.
    static NESTED: RefCell<Vec<(u64, Arc<Name>)>> = const { RefCell::new(Vec::new()) };
}

impl Watch {
    /// The components that have kept a thread for longer than this without a pause.
    pub(crate) fn blocking(&self, longer_than: Duration) -> Vec<(Name, Duration)> {
        let now = Instant::now();
        let running = self.turns.running.lock();
        let since = running.values().map(|(name, since)| (name, now.duration_since(*since)));
        since
            .filter(|(_, lasting)| *lasting > longer_than)
            .map(|(name, lasting)| (Name::clone(name), lasting))
            .collect()
    }

    /// Runs a component's future under this watch.
    pub(crate) fn over<F: Future + Unpin>(&self, name: &Arc<Name>, future: F) -> Watched<F> {
        Watched { watch: self.clone(), name: Arc::clone(name), future }
    }

    /// A component's code runs from here until the returned value is dropped, on this thread.
    pub(crate) fn begin(&self, name: &Arc<Name>) -> Turn<'_> {
        let number = self.turns.next.fetch_add(1, Ordering::Relaxed);
        let mut running = self.turns.running.lock();
        NESTED.with_borrow_mut(|nested| {
            if let Some((outer, _)) = nested.last() {
                running.remove(outer);
            }
            nested.push((number, Arc::clone(name)));
        });
        running.insert(number, (Arc::clone(name), Instant::now()));
        Turn { watch: self, number }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("running", &self.turns.running.lock().len()).finish()
    }
}

/// One turn of a component's code, from when the runtime calls it until it returns.
pub(crate) struct Turn<'a> {
    watch: &'a Watch,
    number: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut running = self.watch.turns.running.lock();
        running.remove(&self.number);
        NESTED.with_borrow_mut(|nested| {
            nested.pop();
            if let Some((outer, name)) = nested.last() {
                running.insert(*outer, (Arc::clone(name), Instant::now()));
            }
        });
    }
}

/// A future under watch.
pub(crate) struct Watched<F> {
    watch: Watch,
    name: Arc<Name>,
    future: F,
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { watch, name, future } = &mut *self;
        let _turn = watch.begin(name);
        Pin::new(future).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use component::{ComponentId, Kind};

    use super::*;

    fn name(id: &str) -> Arc<Name> {
        Arc::new(Name::whole(Kind::Processor, &ComponentId::new(id)))
    }

    fn blocking(watch: &Watch) -> Vec<String> {
        std::thread::sleep(Duration::from_millis(1));
        let blocking = watch.blocking(Duration::ZERO);
        blocking.into_iter().map(|(name, _)| name.id.to_string()).collect()
    }

    #[tokio::test]
    async fn the_innermost_component_is_blamed_and_only_while_its_code_runs() {
        let watch = Watch::default();
        let (outer, inner) = (name("outer"), name("inner"));
        let call = async {
            assert_eq!(blocking(&watch), ["outer"]);
            let nested = Box::pin(async { assert_eq!(blocking(&watch), ["inner"]) });
            watch.over(&inner, nested).await;
            assert_eq!(blocking(&watch), ["outer"]);
            tokio::task::yield_now().await;
        };
        watch.over(&outer, Box::pin(call)).await;
        assert_eq!(blocking(&watch), [""; 0]);
    }

    #[tokio::test]
    async fn a_panic_ends_the_turn() {
        let watch = Watch::default();
        let call = watch.over(&name("broken"), Box::pin(async { panic!("broken") }));
        component::contain(call).await.unwrap_err();
        assert_eq!(blocking(&watch), [""; 0]);
    }
}
