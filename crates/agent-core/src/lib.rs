//! The agent: keeps a collector running on the wanted configuration, whatever it is sent.
//!
//! One supervisor task owns the collector. It boots from the local file, asks a [`ConfigSource`] for a newer one, and
//! applies what comes as a transaction: read and plan, create and acquire, store, switch. Whatever fails on that way
//! leaves the previous configuration running, and its reason is reported with the next check.
//!
//! This is also the embedding API:
//!
//! ```no_run
//! # async fn embed(registry: collector::Registry) -> Result<(), Box<dyn std::error::Error>> {
//! use agent_core::{Agent, Configuration};
//!
//! let agent = Agent::builder()
//!     .registry(registry)
//!     .configuration(Configuration::file("/etc/kmagent/config.yaml"))
//!     .build()?;
//! agent.run(agent_core::CancellationToken::new()).await?;
//! # Ok(())
//! # }
//! ```

mod agent;
mod checks;
mod configuration;
mod status;
mod supervisor;

pub use agent::{Agent, BuildError, Builder, Controller, RunError};
pub use checks::Identity;
pub use collector::{BuildInfo, Plan, Registry};
pub use configuration::{Configuration, LoadError};
pub use status::{CollectorState, Status};
pub use tokio_util::sync::CancellationToken;
pub use updater::ConfigSource;
