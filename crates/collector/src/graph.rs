//! From a plan to components that are created, wired and acquired, but do not run yet.
//!
//! A graph is built against the one that runs: what is the same in both is kept, with its connections, queues and state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use component::ledger::Book;
use component::meter::PROCESSOR_DURATION;
use component::overview::Pipeline;
use component::{
    ComponentId, ConnectorOutputs, Consumer, CreateError, Delivery, Extensions, Kind, Lifecycle,
    Offer, Outputs, Passive, Processor, Settings, Signal, Slot, StartError, Status, StatusReporter,
    contain, panic_message,
};
use config::{Node, Problem, Problems, Span};
use tracing::warn;

use crate::edge::{Accepted, Edge, Exit, FanOut, Guard, Operation, Origin, Traced, TransformEdge};
use crate::name::{Name, Part};
use crate::plan::{Connection, PipelinePlan, Plan, Spec};
use crate::watch::Watch;

/// Why a plan could not be made real. Whatever ran before still runs.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Components could not be built. Each has its place in the document.
    #[error("{0}")]
    Create(Problems),
    /// A component could not claim what it needs.
    #[error("cannot start {component}")]
    Acquire {
        /// Kind and id.
        component: String,
        /// Why.
        source: StartError,
    },
    /// A component panicked while it was started.
    #[error("{component} panicked at its start: {panic}")]
    Panicked {
        /// Kind and id.
        component: String,
        /// The panic's message.
        panic: String,
    },
}

/// On what occasion a graph is prepared: what follows when a component does not come up depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The process starts, with a configuration that was good before: a receiver or extension that cannot start yet is
    /// tried again until it can, and the rest runs.
    Boot,
    /// Something else runs: a component that does not come up fails the change.
    Change,
}

/// Builds a component once more, after it could not start or has ended.
pub(crate) type Recreate = Arc<dyn Fn() -> Result<Box<dyn Lifecycle>, CreateError> + Send + Sync>;

/// What a graph knows of one component, whether it runs or not.
pub(crate) struct Member {
    pub(crate) name: Name,
    /// How far from the end of the pipelines: extensions, exporters, and so on to receivers. Started in this order, stopped
    /// in the reverse one.
    pub(crate) rank: usize,
    pub(crate) status: StatusReporter,
    basis: Basis,
    inputs: BTreeMap<Signal, Arc<dyn Consumer>>,
    outputs: BTreeMap<Signal, Slot>,
    /// Of an extension.
    offer: Offer,
}

/// What a component was made from. The same makes the same.
struct Basis {
    node: Node,
    signals: Vec<Signal>,
    /// The extensions that it asked for.
    extensions: BTreeSet<ComponentId>,
}

/// A component that does not run yet.
pub(crate) struct Fresh {
    pub(crate) member: Member,
    /// `None` for one that could not be acquired and waits for its next try.
    pub(crate) lifecycle: Option<Box<dyn Lifecycle>>,
    pub(crate) recreate: Option<Recreate>,
}

/// A graph whose components have everything they need. Dropping it gives all claims back.
pub struct Prepared {
    /// By rank.
    pub(crate) fresh: Vec<Fresh>,
    /// What goes on running, with its rank in the new graph.
    pub(crate) kept: BTreeMap<Name, usize>,
    /// Where the outputs of what is kept lead from here on.
    pub(crate) wiring: Vec<(Slot, Arc<dyn Consumer>)>,
    pub(crate) pipelines: Vec<Pipeline>,
}

impl Prepared {
    /// The components that cannot be acquired while an older instance of the same name runs.
    pub(crate) fn exclusive(&self) -> Vec<Name> {
        let exclusive = self.fresh.iter().filter(|fresh| {
            fresh.lifecycle.as_ref().is_some_and(|lifecycle| lifecycle.is_exclusive())
        });
        exclusive.map(|fresh| fresh.member.name.clone()).collect()
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("fresh", &names(self.fresh.iter().map(|fresh| &fresh.member.name)))
            .field("kept", &names(self.kept.keys()))
            .finish()
    }
}

pub(crate) fn names<'a>(names: impl Iterator<Item = &'a Name>) -> Vec<String> {
    names.map(ToString::to_string).collect()
}

/// The components of the running graph that may be kept, by name.
pub(crate) type Current<'a> = BTreeMap<&'a Name, &'a Member>;

const EXTENSIONS: usize = 0;
const EXPORTERS: usize = 1;
const RECEIVERS: usize = usize::MAX;

/// Creates every component of the plan that cannot be kept, and wires them. No side effects.
///
/// Every component gets `settings` with its own id.
///
/// # Errors
///
/// Every component that could not be built.
pub(crate) fn create(
    plan: &Plan,
    settings: &Settings,
    watch: &Watch,
    current: &Current<'_>,
) -> Result<Prepared, Problems> {
    let mut builder = Builder {
        settings,
        watch,
        current,
        problems: Problems::new(),
        fresh: Vec::new(),
        kept: BTreeMap::new(),
        wiring: Vec::new(),
        offers: Arc::default(),
        inputs: HashMap::new(),
    };
    builder.extensions(plan);
    builder.exporters(plan);
    let mut entries = Vec::with_capacity(plan.pipelines.len());
    for pipeline in &plan.pipelines {
        let entry = builder.pipeline(pipeline, plan, &entries);
        entries.push((pipeline, entry));
    }
    builder.receivers(plan, &entries);
    let Builder { mut fresh, kept, wiring, problems, .. } = builder;
    fresh.sort_by_key(|fresh| fresh.member.rank);
    let pipelines = plan.pipelines.iter().map(describe).collect();
    problems.into_result(Prepared { fresh, kept, wiring, pipelines })
}

fn describe(pipeline: &PipelinePlan) -> Pipeline {
    let text = |ids: &[ComponentId]| ids.iter().map(ToString::to_string).collect();
    Pipeline {
        id: pipeline.id.to_string(),
        receivers: text(&pipeline.receivers),
        processors: pipeline.processors.iter().map(|(id, _)| id.to_string()).collect(),
        exporters: text(&pipeline.exporters),
    }
}

/// Lets every component claim what it needs, in start order.
///
/// # Errors
///
/// The first that cannot, unless the occasion lets it wait. Dropping everything gives back what was claimed.
pub(crate) async fn acquire(
    mut prepared: Prepared,
    occasion: Occasion,
) -> Result<Prepared, PrepareError> {
    for fresh in &mut prepared.fresh {
        let Some(lifecycle) = &mut fresh.lifecycle else { continue };
        let component = fresh.member.name.to_string();
        fresh.member.status.report(Status::Starting, None);
        match contain(lifecycle.acquire()).await {
            Ok(Ok(())) => {}
            Ok(Err(source)) if occasion == Occasion::Boot && fresh.recreate.is_some() => {
                let error = component::chain(&source);
                warn!(component, error, "cannot start yet, the rest runs; it is tried again");
                fresh.member.status.report(Status::RecoverableError, Some(error.into()));
                fresh.lifecycle = None;
            }
            Ok(Err(source)) => return Err(PrepareError::Acquire { component, source }),
            Err(panic) => return Err(PrepareError::Panicked { component, panic }),
        }
    }
    Ok(prepared)
}

struct Builder<'a> {
    settings: &'a Settings,
    watch: &'a Watch,
    current: &'a Current<'a>,
    problems: Problems,
    fresh: Vec<Fresh>,
    kept: BTreeMap<Name, usize>,
    wiring: Vec<(Slot, Arc<dyn Consumer>)>,
    offers: Arc<BTreeMap<ComponentId, Offer>>,
    /// The ways into exporters and connectors.
    inputs: HashMap<(Name, Signal), Arc<dyn Consumer>>,
}

/// A pipeline that is built, with its entry.
type Built<'a> = (&'a PipelinePlan, Entrance);

/// The entry of a pipeline, and the rank of whatever feeds it, at least.
struct Entrance {
    consumer: Arc<dyn Consumer>,
    rank: usize,
}

impl<'a> Builder<'a> {
    fn extensions(&mut self, plan: &Plan) {
        let mut offers = BTreeMap::new();
        for (id, spec) in &plan.extensions {
            let name = Name::whole(Kind::Extension, id);
            if let Some(member) = self.keep(&name, spec, &[], EXTENSIONS) {
                offers.insert(id.clone(), member.offer.clone());
                continue;
            }
            let (settings, create) = (self.settings(&name), Arc::clone(&spec.create));
            let Some(created) = self.guard(&name, &spec.span, || create(settings.clone())) else {
                continue;
            };
            let (offer, lifecycle) = created.into_parts();
            // One that others already hold cannot be replaced under them.
            let recreate: Option<Recreate> = offer.is_empty().then(|| {
                let settings = settings.clone();
                let recreate: Recreate = Arc::new(move || {
                    create(settings.clone()).map(|created| created.into_parts().1)
                });
                recreate
            });
            offers.insert(id.clone(), offer.clone());
            let mut fresh = fresh(name, EXTENSIONS, spec, &settings, lifecycle);
            fresh.member.offer = offer;
            fresh.recreate = recreate;
            self.fresh.push(fresh);
        }
        self.offers = Arc::new(offers);
    }

    fn exporters(&mut self, plan: &Plan) {
        for (id, exporter) in &plan.exporters {
            let name = Name::whole(Kind::Exporter, id);
            if let Some(member) = self.keep(&name, &exporter.spec, &exporter.signals, EXPORTERS) {
                let inputs = member.inputs.iter();
                let inputs = inputs.map(|(signal, input)| (*signal, Arc::clone(input)));
                self.inputs.extend(inputs.map(|(signal, input)| ((name.clone(), signal), input)));
                continue;
            }
            let (settings, spec) = (self.settings(&name), &exporter.spec);
            let create = || (spec.create)(settings.clone(), &exporter.signals);
            let Some(created) = self.guard(&name, &spec.span, create) else { continue };
            let accepted = match created.delivery() {
                Delivery::Answered => Accepted::Delivered,
                Delivery::Reported => Accepted::Inside,
            };
            let (inputs, lifecycle) = created.into_parts();
            let mut fresh = fresh(name.clone(), EXPORTERS, spec, &settings, lifecycle);
            fresh.member.basis.signals.clone_from(&exporter.signals);
            for (signal, consumer) in inputs {
                let guard = self.guarded(&name);
                let edge = Edge::into(guard, consumer, settings.book.entry(signal), accepted);
                self.inputs.insert((name.clone(), signal), Arc::clone(&edge));
                fresh.member.inputs.insert(signal, edge);
            }
            self.fresh.push(fresh);
        }
    }

    /// Builds a pipeline from its end. The pipelines that its connectors feed are built already.
    fn pipeline(&mut self, pipeline: &PipelinePlan, plan: &Plan, built: &[Built<'_>]) -> Entrance {
        let mut rank = EXPORTERS;
        let mut targets = Vec::new();
        for id in &pipeline.exporters {
            let exporter = Name::whole(Kind::Exporter, id);
            targets.extend(self.inputs.get(&(exporter, pipeline.signal)).cloned());
            let leading = plan.connectors.iter();
            for connection in leading.filter(|it| it.id == *id && it.from == pipeline.signal) {
                let entrance = self.connector(connection, built);
                rank = rank.max(entrance.rank);
                targets.push(entrance.consumer);
            }
        }
        let mut entry = FanOut::over(targets);
        for (id, spec) in pipeline.processors.iter().rev() {
            rank += 1;
            let part = Part::In(pipeline.id.to_string());
            let name = Name { kind: Kind::Processor, id: id.clone(), part };
            let signal = pipeline.signal;
            entry = self.between(&name, spec, rank, (signal, signal), entry, |settings, next| {
                (spec.create)(settings, signal, next)
            });
        }
        Entrance { consumer: entry, rank }
    }

    /// The way into a connector, which is built when the first pipeline leads there.
    fn connector(&mut self, connection: &Connection, built: &[Built<'_>]) -> Entrance {
        let Connection { id, spec, from, to } = connection;
        let part = Part::Between(*from, *to);
        let name = Name { kind: Kind::Connector, id: id.clone(), part };
        let fed = built
            .iter()
            .filter(|(pipeline, _)| pipeline.signal == *to && pipeline.receivers.contains(id));
        let rank = 1 + fed.clone().map(|(_, entrance)| entrance.rank).max().unwrap_or(EXPORTERS);
        let key = (name.clone(), *from);
        if let Some(consumer) = self.inputs.get(&key) {
            return Entrance { consumer: Arc::clone(consumer), rank };
        }
        let pipelines: BTreeMap<String, Arc<dyn Consumer>> = fed
            .map(|(pipeline, entrance)| (pipeline.id.to_string(), Arc::clone(&entrance.consumer)))
            .collect();
        let all = FanOut::over(pipelines.values().cloned().collect());
        let consumer = self.between(&name, spec, rank, (*from, *to), all, |settings, next| {
            let slots = pipelines.iter();
            let slots = slots.map(|(id, entry)| (id.clone(), Slot::to(Arc::clone(entry))));
            let outputs = ConnectorOutputs { all: next, pipelines: slots.collect() };
            (spec.create)(settings, (*from, *to), outputs)
        });
        self.inputs.insert(key, Arc::clone(&consumer));
        Entrance { consumer, rank }
    }

    /// A processor or connector that takes one signal in and gives one out: the running one, with its output turned to
    /// `next`, or one that `create` builds.
    fn between<C: Clone>(
        &mut self,
        name: &Name,
        spec: &Spec<C>,
        rank: usize,
        (from, to): (Signal, Signal),
        next: Arc<dyn Consumer>,
        create: impl FnOnce(Settings, Slot) -> Result<Processor, CreateError>,
    ) -> Arc<dyn Consumer> {
        let settings = self.settings(name);
        let exit = || Exit::of(settings.book.entry(to), Arc::clone(&next), Origin::Pipeline);
        if let Some(member) = self.keep(name, spec, &[], rank)
            && let (Some(input), Some(output)) = (member.inputs.get(&from), member.outputs.get(&to))
        {
            self.wiring.push((output.clone(), exit()));
            return Arc::clone(input);
        }
        let output = Slot::to(exit());
        let created = self.guard(name, &spec.span, || create(settings.clone(), output.clone()));
        let Some(created) = created else { return next };
        let (guard, entry) = (self.guarded(name), settings.book.entry(from));
        let (input, lifecycle): (_, Box<dyn Lifecycle>) = match created {
            Processor::Transform(transform) => {
                let meter = settings.meter.with("otel.signal", from.to_string());
                let duration = meter.histogram(&PROCESSOR_DURATION);
                let edge = TransformEdge::around(guard, transform, output.clone(), entry, duration);
                (edge, Box::new(Passive))
            }
            Processor::Consumer(consumer, lifecycle) => {
                (Edge::into(guard, consumer, entry, Accepted::Inside), lifecycle)
            }
        };
        let mut fresh = fresh(name.clone(), rank, spec, &settings, lifecycle);
        fresh.member.inputs.insert(from, Arc::clone(&input));
        fresh.member.outputs.insert(to, output);
        self.fresh.push(fresh);
        input
    }

    fn receivers(&mut self, plan: &Plan, built: &[Built<'_>]) {
        for (id, receiver) in &plan.receivers {
            let name = Name::whole(Kind::Receiver, id);
            let settings = self.settings(&name);
            let fed = |signal: Signal| {
                let fed = built.iter().filter(|(pipeline, _)| {
                    pipeline.signal == signal && pipeline.receivers.contains(id)
                });
                let entries = fed.map(|(_, entrance)| Arc::clone(&entrance.consumer));
                let next = FanOut::over(entries.collect());
                let next = Exit::of(settings.book.entry(signal), next, Origin::Outside);
                let operation = Operation::of(settings.process.table(), id, signal);
                Arc::new(Traced { operation, next }) as Arc<dyn Consumer>
            };
            let signals = &receiver.signals;
            if let Some(member) = self.keep(&name, &receiver.spec, signals, RECEIVERS) {
                let outputs = member.outputs.iter();
                self.wiring.extend(outputs.map(|(signal, slot)| (slot.clone(), fed(*signal))));
                continue;
            }
            let mut outputs = Outputs::default();
            for signal in signals {
                outputs.set(*signal, Slot::to(fed(*signal)));
            }
            let create = Arc::clone(&receiver.spec.create);
            let (given, slots) = (settings.clone(), outputs.clone());
            let recreate: Recreate = Arc::new(move || create(given.clone(), slots.clone()));
            let created = self.guard(&name, &receiver.spec.span, || recreate());
            let Some(lifecycle) = created else { continue };
            let mut fresh = fresh(name, RECEIVERS, &receiver.spec, &settings, lifecycle);
            fresh.member.basis.signals.clone_from(signals);
            fresh.member.outputs =
                signals.iter().filter_map(|it| Some((*it, outputs.get(*it)?.clone()))).collect();
            fresh.recreate = Some(recreate);
            self.fresh.push(fresh);
        }
    }

    /// The running component, if it is what the plan wants and so are the extensions that it uses.
    fn keep<C>(
        &mut self,
        name: &Name,
        spec: &Spec<C>,
        signals: &[Signal],
        rank: usize,
    ) -> Option<&'a Member> {
        let member = *self.current.get(name)?;
        let basis = &member.basis;
        let extensions = basis.extensions.iter();
        let kept = extensions.map(|id| Name::whole(Kind::Extension, id));
        let same = basis.node.same_as(&spec.node)
            && basis.signals == signals
            && kept.into_iter().all(|extension| self.kept.contains_key(&extension));
        same.then(|| {
            self.kept.insert(name.clone(), rank);
            member
        })
    }

    fn settings(&self, name: &Name) -> Settings {
        let component = name.public();
        let meter = self.settings.meter.with(attribute(name.kind), name.id.to_string());
        Settings {
            kind: name.kind,
            id: name.id.clone(),
            extensions: Extensions::new(Arc::clone(&self.offers)),
            meter,
            book: Book::new(self.settings.process.table(), component),
            status: StatusReporter::default(),
            ..self.settings.clone()
        }
    }

    fn guarded(&self, name: &Name) -> Guard {
        Guard { name: Arc::new(name.clone()), watch: self.watch.clone() }
    }

    /// Calls a factory; its error and its panic become problems of the component.
    fn guard<T>(
        &mut self,
        name: &Name,
        span: &Span,
        create: impl FnOnce() -> Result<T, CreateError>,
    ) -> Option<T> {
        let message = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(create)) {
            Ok(Ok(created)) => return Some(created),
            Ok(Err(error)) => component::chain(&error),
            Err(panic) => format!("panicked while it was created: {}", panic_message(&*panic)),
        };
        let mut problem = Problem::new(span, message);
        problem.path = format!("{}::{}", name.kind.section(), name.id);
        self.problems.push(problem);
        None
    }
}

/// A component that was just built.
fn fresh<C>(
    name: Name,
    rank: usize,
    spec: &Spec<C>,
    settings: &Settings,
    lifecycle: Box<dyn Lifecycle>,
) -> Fresh {
    let extensions = settings.extensions.asked();
    let basis = Basis { node: spec.node.clone(), signals: Vec::new(), extensions };
    let member = Member {
        name,
        rank,
        status: settings.status.clone(),
        basis,
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        offer: Offer::default(),
    };
    Fresh { member, lifecycle: Some(lifecycle), recreate: None }
}

/// The attribute of upstream's metrics that holds a component's id.
fn attribute(kind: Kind) -> &'static str {
    match kind {
        Kind::Receiver => "receiver",
        Kind::Processor => "processor",
        Kind::Exporter => "exporter",
        Kind::Connector => "connector",
        Kind::Extension => "extension",
    }
}
