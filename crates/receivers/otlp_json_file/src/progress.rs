//! How far a file is done: read, handed on, and delivered.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use component::Outcome;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Lines of one file whose fate is open, in their order.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Everything before this is done.
    done: u64,
    open: VecDeque<Line>,
    /// How many of them are with the pipelines.
    handed: usize,
    /// Lines that have to be handed on again.
    again: Vec<Range<u64>>,
}

#[derive(Debug)]
struct Line {
    range: Range<u64>,
    is_open: bool,
}

impl Progress {
    /// A file of which everything before `done` is. Whoever waits for `changed` hears of it.
    pub(crate) fn new(done: u64, changed: Arc<Notify>) -> Self {
        Self { state: Mutex::new(State { done, ..State::default() }), changed }
    }

    /// Everything before this is done.
    pub(crate) fn done(&self) -> u64 {
        self.state.lock().done
    }

    /// How many lines are with the pipelines.
    pub(crate) fn handed(&self) -> usize {
        self.state.lock().handed
    }

    /// A line goes to the pipelines.
    pub(crate) fn hand(&self) {
        self.state.lock().handed += 1;
    }

    /// How many lines are open.
    pub(crate) fn open(&self) -> usize {
        self.state.lock().open.len()
    }

    /// A line was read. It is open until it is settled.
    pub(crate) fn begin(&self, range: Range<u64>) {
        self.state.lock().open.push_back(Line { range, is_open: true });
    }

    /// What became of a line.
    pub(crate) fn settle(&self, range: &Range<u64>, outcome: Outcome) {
        let mut state = self.state.lock();
        state.handed = state.handed.saturating_sub(1);
        if outcome == Outcome::FailedForNow {
            state.again.push(range.clone());
        } else if let Some(line) = state.open.iter_mut().find(|line| line.range == *range) {
            line.is_open = false;
        }
        while state.open.front().is_some_and(|line| !line.is_open) {
            if let Some(line) = state.open.pop_front() {
                state.done = line.range.end;
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Lines that have to be handed on again, oldest first.
    pub(crate) fn take_again(&self) -> Vec<Range<u64>> {
        let mut again = std::mem::take(&mut self.state.lock().again);
        again.sort_unstable_by_key(|range| range.start);
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_done_without_gaps() {
        let progress = Progress::new(10, Arc::default());
        for range in [10..20, 20..30, 30..40] {
            progress.begin(range);
        }
        progress.settle(&(20..30), Outcome::Delivered);
        assert_eq!((progress.done(), progress.open()), (10, 3));
        progress.settle(&(10..20), Outcome::FailedForNow);
        assert_eq!(
            (progress.done(), progress.take_again()),
            (10, Vec::from_iter(std::iter::once(10..20)))
        );
        progress.settle(&(10..20), Outcome::FailedForGood);
        assert_eq!((progress.done(), progress.open()), (30, 1));
        progress.settle(&(30..40), Outcome::Dropped);
        assert_eq!((progress.done(), progress.open()), (40, 0));
    }
}
