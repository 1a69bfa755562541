//! How a component lives.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use crate::error::StartError;

/// The life of a component after it was created: claim, run, end.
///
/// Creation is pure. [`acquire`](Self::acquire) may fail and is undone by dropping the component. [`run`](Self::run)
/// cannot fail silently: it goes on until it is told to stop.
#[async_trait]
pub trait Lifecycle: Send {
    /// Claims sockets, files and whatever else may be missing or taken. It takes nothing in yet.
    ///
    /// # Errors
    ///
    /// Names the setting whose wish could not be met, with the cause.
    async fn acquire(&mut self) -> Result<(), StartError> {
        Ok(())
    }

    /// Whether it cannot claim what it needs while another instance of the same id holds it: a position in a file, a cursor of
    /// a journal. When such a component changes, the old instance stops before the new one is acquired, and is started again
    /// if the change fails.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Works until `stop` is cancelled, then takes nothing new in, hands on what it holds, and returns.
    ///
    /// When a component is told to stop, everything that feeds it has ended. The engine drops the future at its deadline,
    /// and with it must end every task that the component has started.
    ///
    /// # Errors
    ///
    /// A component that can't go on (its listener died, say) returns why. The engine reports it.
    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError>;
}

/// The lifecycle of a component that has nothing to do on its own: it only answers calls.
#[derive(Debug)]
pub struct Passive;

#[async_trait]
impl Lifecycle for Passive {
    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        stop.cancelled().await;
        Ok(())
    }
}

/// Runs a component's future and turns a panic into its message, so that the panic of one component stays its own.
///
/// # Errors
///
/// The message of the panic.
pub async fn contain<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| panic_message(&*panic))
}

/// The message of a caught panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panicked without a message").to_owned()
}
