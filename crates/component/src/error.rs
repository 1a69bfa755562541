//! What can go wrong at the edges of a component.

use std::error::Error;
use std::fmt;
use std::time::Duration;

type Cause = Box<dyn Error + Send + Sync>;

/// The canonical gRPC status codes: the language in which OTLP reports failure, over gRPC and HTTP alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are gRPC's own, see grpc.io/docs/guides/status-codes")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// Its name in upstream's telemetry, which is Go's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "Canceled",
            Self::Unknown => "Unknown",
            Self::InvalidArgument => "InvalidArgument",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::NotFound => "NotFound",
            Self::AlreadyExists => "AlreadyExists",
            Self::PermissionDenied => "PermissionDenied",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Aborted => "Aborted",
            Self::OutOfRange => "OutOfRange",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unavailable => "Unavailable",
            Self::DataLoss => "DataLoss",
            Self::Unauthenticated => "Unauthenticated",
        }
    }

    /// The code of a number. Numbers that gRPC does not know are [`Code::Unknown`].
    pub fn from_number(number: u32) -> Self {
        const ALL: [Code; 17] = [
            Code::Ok,
            Code::Cancelled,
            Code::Unknown,
            Code::InvalidArgument,
            Code::DeadlineExceeded,
            Code::NotFound,
            Code::AlreadyExists,
            Code::PermissionDenied,
            Code::ResourceExhausted,
            Code::FailedPrecondition,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unimplemented,
            Code::Internal,
            Code::Unavailable,
            Code::DataLoss,
            Code::Unauthenticated,
        ];
        usize::try_from(number)
            .ok()
            .and_then(|place| ALL.get(place))
            .copied()
            .unwrap_or(Self::Unknown)
    }
}

/// Why a consumer did not take a batch. The caller still answers for the data.
///
/// The difference that matters is in the type: whether the sender may try again, and how long it should wait. A failure
/// that a backend reported also carries the backend's status, so that a receiver can pass it on unchanged.
#[derive(Debug)]
pub struct ConsumeError {
    permanent: bool,
    partial: bool,
    too_large: bool,
    retry_after: Option<Duration>,
    code: Option<Code>,
    message: String,
    cause: Option<Cause>,
}

impl ConsumeError {
    /// A passing failure: the sender may offer the same data again.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self {
            permanent: false,
            partial: false,
            too_large: false,
            retry_after: None,
            code: None,
            message: message.into(),
            cause: None,
        }
    }

    /// A failure that would repeat itself: offering the same data again does not help.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { permanent: true, ..Self::retryable(message) }
    }

    /// Asks the sender to wait at least this long. It does not make a permanent failure retryable.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Others of a fan-out have taken the same data, or the destination a part of it: offering it again doubles that.
    #[must_use]
    pub fn in_part(mut self) -> Self {
        self.partial = true;
        self
    }

    /// The destination refuses the request for its size: half of it may pass.
    #[must_use]
    pub fn because_too_large(mut self) -> Self {
        self.too_large = true;
        self
    }

    /// The status that a backend answered with.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The error that led to this one. It must not repeat the message.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Whether offering the same data again cannot help.
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// Whether some consumers have taken the data although others refuse it.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Whether the request was refused for its size.
    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// How long the sender was asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The backend's status where there was one.
    pub fn code(&self) -> Option<Code> {
        self.code
    }

    /// Message and causes in one line, as a client sees it.
    pub fn chain(&self) -> String {
        config::chain(self)
    }

    /// One error for several targets of a fan-out. As upstream, it is permanent when one of them is (the sender would
    /// otherwise repeat what cannot succeed), carries the first status found, and asks for the longest wait.
    pub fn join(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        Some(errors.fold(first, |joined, error| Self {
            permanent: joined.permanent || error.permanent,
            partial: joined.partial || error.partial,
            too_large: false,
            retry_after: joined.retry_after.max(error.retry_after),
            code: joined.code.or(error.code),
            message: format!("{}; {}", joined.chain(), error.chain()),
            cause: None,
        }))
    }
}

impl fmt::Display for ConsumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ConsumeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Why a component could not be built from a configuration that reads well.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CreateError {
    message: String,
    source: Option<Cause>,
}

impl CreateError {
    /// An error that stands for itself. It names the setting.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// An error with the one that led to it.
    pub fn caused_by(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { message: message.into(), source: Some(cause.into()) }
    }
}

/// Why a component could not claim what it needs: a socket, a file, a peer that must be there.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    message: String,
    source: Option<Cause>,
}

impl StartError {
    /// An error that stands for itself. It names the setting.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// An error with the one that led to it.
    pub fn caused_by(message: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self { message: message.into(), source: Some(cause.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_number() {
        for number in 0..=16 {
            assert_eq!(Code::from_number(number) as u32, number);
        }
        assert_eq!(Code::from_number(17), Code::Unknown);
    }

    #[test]
    fn joined_errors_are_permanent_when_one_is_and_keep_status_wait_and_causes() {
        let busy = ConsumeError::retryable("busy").with_retry_after(Duration::from_secs(3));
        let broken = ConsumeError::permanent("broken")
            .with_code(Code::InvalidArgument)
            .with_cause(std::io::Error::other("bad bytes"));
        let joined = ConsumeError::join([busy, broken]).unwrap();
        assert!(joined.is_permanent());
        assert_eq!(joined.retry_after(), Some(Duration::from_secs(3)));
        assert_eq!(joined.code(), Some(Code::InvalidArgument));
        assert_eq!(joined.chain(), "busy; broken: bad bytes");
        assert!(ConsumeError::join([]).is_none());
    }
}
