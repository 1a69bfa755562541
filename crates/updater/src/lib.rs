//! Where the agent's wanted configuration comes from.
//!
//! A [`ConfigSource`] is asked now and then, and told how the agent fares. [`HttpConfigCheck`] asks the config-check API.
//! [`Schedule`] says when to ask. [`fetch`] reads a configuration that another host serves. How a configuration is applied is nobody's business here.

mod document;
mod fetch;
mod http;
mod report;
mod schedule;
mod source;

pub use crate::document::{Document, InvalidDocument};
pub use crate::fetch::fetch;
pub use crate::http::{HttpConfigCheck, SetupError};
pub use crate::report::{Report, Status, architecture, platform};
pub use crate::schedule::{Outcome, Schedule};
pub use crate::source::{Answer, CheckError, ConfigSource};
