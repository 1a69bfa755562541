//! Asking for the wanted configuration.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;

use crate::document::{Document, InvalidDocument};
use crate::report::Report;

/// Somebody who knows which configuration this agent should run.
#[async_trait]
pub trait ConfigSource: Send + Sync {
    /// Tells how the agent fares, and asks whether there is something new. Bounded in time; the future may be dropped.
    ///
    /// # Errors
    ///
    /// There was no answer, or none that can be used. Whatever runs keeps running.
    async fn check(&self, report: &Report) -> Result<Answer, CheckError>;
}

/// What the source wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing new.
    Unchanged,
    /// This configuration.
    Update(Document),
}

/// Why a check gave no answer. `endpoint` is an address without credentials.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum CheckError {
    /// No connection, or it broke.
    #[error("cannot reach {endpoint}")]
    Unreachable { endpoint: String, source: Box<dyn Error + Send + Sync> },
    /// Nobody answered in time.
    #[error("{endpoint} did not answer within {limit:?}")]
    TimedOut { endpoint: String, limit: Duration },
    /// 401 or 403.
    #[error("{endpoint} refused the API key with status {status}; check KM_API_KEY")]
    Unauthorized { endpoint: String, status: u16 },
    /// Any other status that is no success; redirects are not followed.
    #[error("{endpoint} answered with status {status}")]
    Status { endpoint: String, status: u16 },
    /// More than a configuration can be.
    #[error("the answer of {endpoint} is larger than {limit} bytes")]
    TooLarge { endpoint: String, limit: usize },
    /// An answer that isn't one of the protocol's.
    #[error("the answer of {endpoint} is malformed")]
    Malformed { endpoint: String, source: serde_json::Error },
    /// An update that is no configuration. It is worth telling the API.
    #[error("the configuration that {endpoint} sent cannot be used")]
    InvalidDocument { endpoint: String, source: InvalidDocument },
}
