//! Configuration: documents with positions, how components read them, and the agent's own settings.
//!
//! * [`Document`] is a collector configuration, merged from its sources and expanded; every [`Node`] knows where it stands.
//! * [`Section`] (a trait and a derive) turns a node into what a component works with, and reports *all* [`Problems`] at once.
//! * [`settings`] resolves the agent's own settings; [`paths`] knows the places on the host.
//!
//! The language is upstream's (`confmap`); what differs is listed in this crate's README.

// The derive writes `::config::…`, in this crate's own tests too.
extern crate self as config;

mod chain;
mod collections;
mod compare;
pub mod derive;
mod document;
pub mod duration;
mod environment;
mod expand;
mod headers;
mod ids;
mod merge;
mod node;
mod optional;
mod parse;
pub mod paths;
mod problems;
mod scalar;
pub mod schema;
mod secret;
mod section;
pub mod settings;
mod source;
pub mod suggest;
#[cfg(test)]
mod testing;
mod value;
pub mod yaml;

pub use config_derive::Section;

pub use crate::chain::chain;
pub use crate::document::{Document, Part, set_source};
pub use crate::environment::Environment;
pub use crate::headers::Headers;
pub use crate::ids::{ComponentId, InvalidId};
pub use crate::node::{Kind, Map, Node, Span};
pub use crate::optional::Optional;
pub use crate::problems::{Problem, Problems};
pub use crate::schema::{Field, Schema};
pub use crate::secret::{REDACTED, Secret};
pub use crate::section::{Section, Validate};
pub use crate::value::Value;
