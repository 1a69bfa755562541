//! From a plan to components that are created, wired and acquired, but do not run yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use component::{
    ComponentId, Consumer, CreateError, Lifecycle, Outputs, Processor, Settings, Signal, Slot,
    StartError, contain, panic_message,
};

use crate::edge::{Edge, FanOut, TransformEdge};
use crate::kind::{Kind, Name};
use crate::plan::{PipelinePlan, Plan};

/// Why a plan could not be made real. Whatever ran before still runs.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A component could not be built.
    #[error("cannot create {component}")]
    Create {
        /// Kind and id.
        component: String,
        /// Why.
        source: CreateError,
    },
    /// A component could not claim what it needs.
    #[error("cannot start {component}")]
    Acquire {
        /// Kind and id.
        component: String,
        /// Why.
        source: StartError,
    },
    /// A component panicked while it was built or started.
    #[error("{component} panicked at its start: {panic}")]
    Panicked {
        /// Kind and id.
        component: String,
        /// The panic's message.
        panic: String,
    },
}

/// One component of a graph, ready to run.
pub(crate) struct Member {
    pub(crate) name: Name,
    /// How far from the end of the pipelines: 0 for exporters. Start in this order, stop in the reverse one.
    pub(crate) rank: usize,
    pub(crate) lifecycle: Box<dyn Lifecycle>,
}

/// A graph whose components have everything they need. Dropping it gives all claims back.
pub struct Prepared {
    /// By rank.
    pub(crate) members: Vec<Member>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| member.name.to_string())).finish()
    }
}

/// Creates every component of the plan and wires them. No side effects.
///
/// Every component gets `settings` with its own id.
pub(crate) fn create(plan: &Plan, settings: &Settings) -> Result<Prepared, PrepareError> {
    let mut builder = Builder { settings, members: Vec::new(), exporters: HashMap::new() };
    builder.exporters(plan)?;
    let mut entries: BTreeMap<(ComponentId, Signal), Vec<Arc<dyn Consumer>>> = BTreeMap::new();
    for pipeline in &plan.pipelines {
        let entry = builder.pipeline(pipeline)?;
        for receiver in &pipeline.receivers {
            let key = (receiver.clone(), pipeline.signal);
            entries.entry(key).or_default().push(Arc::clone(&entry));
        }
    }
    builder.receivers(plan, &mut entries)?;
    let mut members = builder.members;
    members.sort_by_key(|member| member.rank);
    Ok(Prepared { members })
}

/// Lets every component claim what it needs, in start order.
pub(crate) async fn acquire(prepared: &mut Prepared) -> Result<(), PrepareError> {
    for member in &mut prepared.members {
        let component = member.name.to_string();
        match contain(member.lifecycle.acquire()).await {
            Ok(Ok(())) => {}
            Ok(Err(source)) => return Err(PrepareError::Acquire { component, source }),
            Err(panic) => return Err(PrepareError::Panicked { component, panic }),
        }
    }
    Ok(())
}

struct Builder<'a> {
    settings: &'a Settings,
    members: Vec<Member>,
    exporters: HashMap<(ComponentId, Signal), Arc<dyn Consumer>>,
}

impl Builder<'_> {
    fn exporters(&mut self, plan: &Plan) -> Result<(), PrepareError> {
        for (id, exporter) in &plan.exporters {
            let name = Name { kind: Kind::Exporter, id: id.clone(), pipeline: None };
            let settings = self.settings(id);
            let created = guard(&name, || (exporter.create)(settings, &exporter.signals))?;
            let (inputs, lifecycle) = created.into_parts();
            for (signal, consumer) in inputs {
                let edge = Edge::around(name.clone(), consumer);
                self.exporters.insert((id.clone(), signal), edge);
            }
            self.members.push(Member { name, rank: 0, lifecycle });
        }
        Ok(())
    }

    /// Builds a pipeline from its end; what comes back is its entry.
    fn pipeline(&mut self, pipeline: &PipelinePlan) -> Result<Arc<dyn Consumer>, PrepareError> {
        let exporters = pipeline.exporters.iter().map(|id| {
            let input = self.exporters.get(&(id.clone(), pipeline.signal));
            Arc::clone(input.expect("an exporter has an input for every signal it was created for"))
        });
        let mut entry = FanOut::over(exporters.collect());
        for (place, (id, create)) in pipeline.processors.iter().rev().enumerate() {
            let in_pipeline = Some(pipeline.id.to_string());
            let name = Name { kind: Kind::Processor, id: id.clone(), pipeline: in_pipeline };
            let next = Slot::to(entry);
            let settings = self.settings(id);
            let created = guard(&name, || create(settings, pipeline.signal, next.clone()))?;
            entry = match created {
                Processor::Transform(transform) => TransformEdge::around(name, transform, next),
                Processor::Consumer(consumer, lifecycle) => {
                    let edge = Edge::around(name.clone(), consumer);
                    self.members.push(Member { name, rank: place + 1, lifecycle });
                    edge
                }
            };
        }
        Ok(entry)
    }

    fn receivers(
        &mut self,
        plan: &Plan,
        entries: &mut BTreeMap<(ComponentId, Signal), Vec<Arc<dyn Consumer>>>,
    ) -> Result<(), PrepareError> {
        for (id, receiver) in &plan.receivers {
            let mut outputs = Outputs::default();
            for signal in &receiver.signals {
                let pipelines = entries.remove(&(id.clone(), *signal)).unwrap_or_default();
                outputs.set(*signal, Slot::to(FanOut::over(pipelines)));
            }
            let name = Name { kind: Kind::Receiver, id: id.clone(), pipeline: None };
            let settings = self.settings(id);
            let lifecycle = guard(&name, || (receiver.create)(settings, outputs))?;
            self.members.push(Member { name, rank: usize::MAX, lifecycle });
        }
        Ok(())
    }

    fn settings(&self, id: &ComponentId) -> Settings {
        Settings { id: id.clone(), ..self.settings.clone() }
    }
}

/// Calls a factory; its error and its panic both carry the component's name.
fn guard<T>(
    name: &Name,
    create: impl FnOnce() -> Result<T, CreateError>,
) -> Result<T, PrepareError> {
    let component = name.to_string();
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(create)) {
        Ok(Ok(created)) => Ok(created),
        Ok(Err(source)) => Err(PrepareError::Create { component, source }),
        Err(panic) => Err(PrepareError::Panicked { component, panic: panic_message(&*panic) }),
    }
}
