//! The engine: from a document to running pipelines.
//!
//! [`Registry`] lists the components of a build. [`plan`] checks a document against it, without side effects, and returns
//! every problem at once. [`Collector`] makes a plan real: it creates and acquires everything that is new or changed first
//! ([`Collector::prepare`]), and only what has come that far takes the place of what runs ([`Collector::switch`]). What is
//! the same in both goes on running.
//!
//! The engine knows no concrete component and does not care where the document came from.

mod edge;
mod graph;
mod name;
mod plan;
mod registry;
mod runtime;
mod schema;
#[cfg_attr(
    windows,
    expect(
        clippy::missing_const_for_thread_local,
        reason = "it is one; where thread locals are keyed, the lint does not see it"
    )
)]
mod watch;

pub use component::{BuildInfo, Kind, Process, Stability, chain};
pub use graph::{Occasion, PrepareError, Prepared};
pub use plan::{Plan, plan};
pub use registry::{ComponentInfo, Registry, Support};
pub use runtime::{Abandoned, Collector, Failure};
pub use schema::schema;
