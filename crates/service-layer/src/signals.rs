//! Signals and console events, turned into requests.

use std::io;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::requests::{Request, Requester};

/// What shells expect of a program that Ctrl-C has ended: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// What a terminal or the host sends.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Ctrl-C.
    Interrupt,
    Stop,
    #[cfg_attr(windows, expect(dead_code, reason = "consoles have no such event"))]
    Reload,
}

/// Listens to signals until it is dropped. After that they do nothing: this program doesn't die of them any more.
///
/// The thread is its own because a second Ctrl-C has to end the process when everything else hangs.
pub(crate) struct Listener {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// From here on no signal ends the process by itself, except for a second Ctrl-C.
    ///
    /// # Errors
    ///
    /// The system doesn't allow a handler, or has no room for a thread.
    pub(crate) fn start(requester: Requester) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _guard = runtime.enter();
            Signals::register()?
        };
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || listen(&runtime, signals, &requester, ended))?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.end.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that listens to signals has panicked");
        }
    }
}

fn listen(
    runtime: &Runtime,
    mut signals: Signals,
    requester: &Requester,
    mut ended: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        let mut interrupted = false;
        loop {
            let event = tokio::select! {
                event = signals.next() => event,
                _ = &mut ended => return,
            };
            match event {
                Event::Interrupt if interrupted => std::process::exit(INTERRUPTED),
                Event::Interrupt => {
                    interrupted = true;
                    requester.request(Request::Stop);
                }
                Event::Stop => requester.request(Request::Stop),
                Event::Reload => requester.request(Request::Reload),
            }
        }
    });
}

#[cfg(unix)]
use unix::Signals;
#[cfg(windows)]
use windows::Signals;

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Event;

    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
    }

    impl Signals {
        pub(super) fn register() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        pub(super) async fn next(&mut self) -> Event {
            tokio::select! {
                Some(()) = self.interrupt.recv() => Event::Interrupt,
                Some(()) = self.terminate.recv() => Event::Stop,
                Some(()) = self.hangup.recv() => Event::Reload,
                else => std::future::pending().await,
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::io;

    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };

    use super::Event;

    pub(super) struct Signals {
        c: CtrlC,
        break_: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    impl Signals {
        pub(super) fn register() -> io::Result<Self> {
            Ok(Self {
                c: ctrl_c()?,
                break_: ctrl_break()?,
                close: ctrl_close()?,
                shutdown: ctrl_shutdown()?,
            })
        }

        /// Windows gives a closed console and a shutdown some five seconds, whatever the program does.
        pub(super) async fn next(&mut self) -> Event {
            tokio::select! {
                Some(()) = self.c.recv() => Event::Interrupt,
                Some(()) = self.break_.recv() => Event::Stop,
                Some(()) = self.close.recv() => Event::Stop,
                Some(()) = self.shutdown.recv() => Event::Stop,
                else => std::future::pending().await,
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::requests;

    /// One test for all signals: they belong to the whole process.
    #[tokio::test]
    async fn signals_become_requests_until_the_listener_is_dropped() {
        let send = |signal| {
            rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
        };
        let (requester, mut requests) = requests::channel();
        let listener = Listener::start(requester).unwrap();
        for (signal, request) in [
            (rustix::process::Signal::HUP, Request::Reload),
            (rustix::process::Signal::TERM, Request::Stop),
            (rustix::process::Signal::TERM, Request::Stop),
            (rustix::process::Signal::INT, Request::Stop),
        ] {
            send(signal);
            assert_eq!(requests.next().await, request, "{signal:?}");
        }
        drop(listener);
        // Neither ends the test, nor reaches anybody.
        send(rustix::process::Signal::INT);
    }
}
