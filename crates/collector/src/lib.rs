//! The engine: from a document to running pipelines.
//!
//! [`Registry`] lists the components of a build. [`plan`] checks a document against it, without side effects, and returns
//! every problem at once. [`Collector`] makes a plan real: it creates and acquires everything first
//! ([`Collector::prepare`]), and only what has come that far takes the place of what runs ([`Collector::switch`]).
//!
//! The engine knows no concrete component and does not care where the document came from.

mod edge;
mod graph;
mod kind;
mod plan;
mod registry;
mod runtime;

pub use component::{BuildInfo, chain};
pub use graph::{PrepareError, Prepared};
pub use kind::Kind;
pub use plan::{Plan, plan};
pub use registry::{ComponentInfo, Registry};
pub use runtime::{Abandoned, Collector, Failure};
