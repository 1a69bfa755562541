//! Which lines are written: a level for the program, and others for some components for a while.

use std::time::Duration;

use arc_swap::ArcSwap;
use component::Kind;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{self, Context};
use tracing_subscriber::registry::LookupSpan;

use super::layer::Component;

/// The network stack's libraries only speak up when something is wrong, except at debug.
const QUIET: [&str; 8] =
    ["h2", "hyper", "hyper_util", "opentelemetry", "opentelemetry_sdk", "rustls", "tonic", "tower"];
/// The span around a component's life has at least this level.
const SPANS: LevelFilter = LevelFilter::INFO;

/// The levels in force.
pub(super) struct Levels {
    state: ArcSwap<State>,
    /// One change at a time.
    changing: Mutex<()>,
    changed: Notify,
}

#[derive(Clone)]
struct State {
    base: LevelFilter,
    components: Vec<Exception>,
}

#[derive(Clone)]
struct Exception {
    component: Component,
    level: LevelFilter,
    until: Instant,
}

impl State {
    /// The level of the program, for a target.
    fn of_target(&self, target: &str) -> LevelFilter {
        let library = target.split("::").next().unwrap_or_default();
        match QUIET.contains(&library) && self.base < LevelFilter::DEBUG {
            true => self.base.min(LevelFilter::WARN),
            false => self.base,
        }
    }

    /// The level of a component, if it is another one for the time being.
    fn of_component(&self, component: &Component) -> Option<LevelFilter> {
        let exception = self.components.iter().find(|it| it.component == *component)?;
        Some(exception.level).filter(|_| exception.until > Instant::now())
    }

    fn most(&self) -> LevelFilter {
        let components = self.components.iter().map(|exception| exception.level);
        components.fold(self.base.max(SPANS), LevelFilter::max)
    }
}

impl Levels {
    pub(super) fn new(base: LevelFilter) -> Self {
        let state = ArcSwap::from_pointee(State { base, components: Vec::new() });
        Self { state, changing: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn set_base(&self, base: LevelFilter) {
        self.change(|state| state.base = base);
    }

    pub(super) fn set_component(&self, kind: Kind, id: &str, level: LevelFilter, time: Duration) {
        let component = Component { kind, id: id.to_owned() };
        let until = Instant::now() + time;
        self.change(|state| {
            state.components.retain(|exception| exception.component != component);
            state.components.push(Exception { component, level, until });
        });
    }

    /// Takes back what is over, again and again.
    pub(super) async fn expire(&self) {
        loop {
            let next = self.state.load().components.iter().map(|exception| exception.until).min();
            let due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {
                    let now = Instant::now();
                    self.change(|state| state.components.retain(|it| it.until > now));
                }
                () = self.changed.notified() => {}
            }
        }
    }

    /// Whether no component has a level of its own.
    #[cfg(test)]
    pub(super) fn is_plain(&self) -> bool {
        self.state.load().components.is_empty()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        {
            let _one = self.changing.lock();
            let mut state = State::clone(&self.state.load());
            change(&mut state);
            self.state.store(state.into());
        }
        // What callsites have learned about their interest holds no more.
        tracing::callsite::rebuild_interest_cache();
        self.changed.notify_one();
    }
}

/// Applies the levels.
pub(super) struct Filter(pub(super) std::sync::Arc<Levels>);

impl<S> layer::Filter<S> for Filter
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let state = self.0.state.load();
        if is_component_span(metadata) {
            return true;
        }
        let level = match state.components.is_empty() {
            true => None,
            false => Component::around(context).and_then(|it| state.of_component(&it)),
        };
        *metadata.level() <= level.unwrap_or_else(|| state.of_target(metadata.target()))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let state = self.0.state.load();
        if is_component_span(metadata) {
            Interest::always()
        } else if !state.components.is_empty() {
            Interest::sometimes()
        } else if *metadata.level() <= state.of_target(metadata.target()) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.state.load().most())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        Component::remember(attributes, id, &context);
    }
}

/// Components' spans are there at every level, so that lines can be told apart by component.
fn is_component_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && *metadata.level() <= SPANS && Component::kind(metadata.name()).is_some()
}
