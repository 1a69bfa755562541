//! Puts an exporter together.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{CancellationToken, Consumer, Exporter, Lifecycle, Settings, Signal, StartError};
use futures_util::future::join_all;

use crate::config::{QueueConfig, RetryConfig};
use crate::lane::{Lane, Report, Way};
use crate::push::Push;
use crate::queue::{Consumers, queue};
use crate::quiet::Quiet;
use crate::sender::Sender;

/// What stands between an exporter's input and its transport.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long one attempt may take; zero sets no limit.
    pub timeout: Duration,
    /// How to repeat failed attempts. None, or one that is not enabled: not at all.
    pub retry: Option<RetryConfig>,
    /// The queue. Without it the caller waits for the result.
    pub queue: Option<QueueConfig>,
}

/// An exporter with one lane per signal around a transport.
///
/// When it is told to stop, pauses between attempts end, and what is still queued gets one attempt each. The log names
/// what was lost.
pub fn exporter(
    settings: &Settings,
    signals: &[Signal],
    options: Options,
    push: Arc<dyn Push>,
) -> Exporter {
    let interrupt = CancellationToken::new();
    let mut inputs: Vec<(Signal, Arc<dyn Consumer>)> = Vec::with_capacity(signals.len());
    let mut queues = Vec::new();
    for &signal in signals {
        let sender = Arc::new(Sender {
            id: settings.id.clone(),
            signal,
            push: Arc::clone(&push),
            timeout: Some(options.timeout).filter(|timeout| !timeout.is_zero()),
            retry: options.retry.clone().filter(|retry| retry.enabled),
            interrupt: interrupt.clone(),
            retrying: Quiet::default(),
        });
        let report = Arc::new(Report::new(&sender, options.queue.is_some()));
        let way = match options.queue.clone() {
            None => Way::Direct(sender),
            Some(config) => {
                let (entrance, consumers) = queue(config, sender, Arc::clone(&report));
                queues.push(consumers);
                Way::Queued(entrance)
            }
        };
        inputs.push((signal, Arc::new(Lane { way, report })));
    }
    Exporter::new(inputs, Life { push, queues, interrupt })
}

/// The life of an exporter: that of its transport and of its queues.
struct Life {
    push: Arc<dyn Push>,
    queues: Vec<Consumers>,
    interrupt: CancellationToken,
}

#[async_trait]
impl Lifecycle for Life {
    async fn acquire(&mut self) -> Result<(), StartError> {
        self.push.acquire().await
    }

    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { queues, interrupt, .. } = *self;
        let queues = join_all(queues.into_iter().map(|queue| queue.run(interrupt.clone())));
        let stopped = async {
            stop.cancelled().await;
            interrupt.cancel();
        };
        tokio::join!(stopped, queues);
        Ok(())
    }
}
