//! What the program tells the service manager.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tells the service manager how the program fares. In the foreground there is nobody to tell, and nothing happens.
///
/// Nothing here waits or fails: a service manager that cannot be reached is logged and does not stop the program.
#[derive(Clone)]
pub struct Notify {
    tell: Arc<dyn Fn(News<'_>) + Send + Sync>,
    watchdog: Option<Duration>,
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News<'a> {
    Ready,
    Reloading,
    Stopping,
    Alive,
    Status(&'a str),
}

impl Notify {
    /// The program is up, or has finished reloading. Call it soon: service managers give up on a start that takes long.
    pub fn ready(&self) {
        (self.tell)(News::Ready);
    }

    /// The program has begun to reload; [`ready`](Self::ready) says that it is done.
    pub fn reloading(&self) {
        (self.tell)(News::Reloading);
    }

    /// The program has begun to stop.
    pub fn stopping(&self) {
        (self.tell)(News::Stopping);
    }

    /// The program is sound. Has to be said more often than [`watchdog`](Self::watchdog), if that is something.
    pub fn alive(&self) {
        (self.tell)(News::Alive);
    }

    /// One line for people who ask the service manager.
    pub fn status(&self, status: &str) {
        (self.tell)(News::Status(status));
    }

    /// How long the service manager waits to hear [`alive`](Self::alive) before it restarts the program. `None`: for ever.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    pub(crate) fn new(
        watchdog: Option<Duration>,
        tell: impl Fn(News<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { tell: Arc::new(tell), watchdog }
    }

    /// For a program that nobody supervises.
    pub(crate) fn nobody() -> Self {
        Self::new(None, |_| {})
    }

    /// Speaks systemd's protocol, sd_notify(3), to the socket that the environment names.
    #[cfg(unix)]
    pub(crate) fn systemd() -> Self {
        Self::new(sd_notify::watchdog_enabled(), |news| {
            if let Err(error) = sd_notify::notify(&systemd_states(news)) {
                tracing::warn!(%error, "cannot notify systemd");
            }
        })
    }
}

#[cfg(unix)]
fn systemd_states(news: News<'_>) -> Vec<sd_notify::NotifyState<'_>> {
    use sd_notify::NotifyState;

    match news {
        News::Ready => vec![NotifyState::Ready],
        News::Reloading => {
            // `Type=notify-reload` insists on the time, other types ignore it.
            let time = NotifyState::monotonic_usec_now().ok();
            [NotifyState::Reloading].into_iter().chain(time).collect()
        }
        News::Stopping => vec![NotifyState::Stopping],
        News::Alive => vec![NotifyState::Watchdog],
        // A line is an assignment, so a second one could say anything.
        News::Status(status) => vec![NotifyState::Status(status.lines().next().unwrap_or(""))],
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("watchdog", &self.watchdog).finish_non_exhaustive()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn lines(news: News<'_>) -> Vec<String> {
        systemd_states(news).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(lines(News::Status("fine\nREADY=1")), ["STATUS=fine"]);
        assert_eq!(lines(News::Status("")), ["STATUS="]);
    }

    #[test]
    fn reloading_carries_the_time() {
        let lines = lines(News::Reloading);
        assert_eq!(lines[0], "RELOADING=1");
        assert!(lines[1].starts_with("MONOTONIC_USEC="), "{lines:?}");
    }
}
