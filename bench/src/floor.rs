//! The floor: the least that a proxy of this kind can do on the same HTTP stack.
//!
//! It answers at once, keeps the bytes of 16 requests, and sends them on as one: messages of protobuf that stand one after the
//! other are one message. It looks at nothing.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::http::{self, Answer, Connection, Protocol, Reply};
use crate::payload::Kind;

/// Requests that become one.
const MERGED: usize = 16;
/// Requests on their way to the backend at the same time.
const SENDERS: usize = 10;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long)]
    address: String,
    /// Where to send to.
    #[arg(long)]
    backend: String,
    #[arg(long, value_enum, default_value = "http")]
    protocol: Protocol,
    #[arg(long, value_enum, default_value = "traces")]
    kind: Kind,
}

/// Serves for ever.
pub(crate) async fn run(options: Options) -> Result<()> {
    let (admit, mut admitted) = mpsc::channel::<Bytes>(2);
    let (hand_over, merged) = mpsc::channel::<Vec<Bytes>>(1);
    let merged = Arc::new(tokio::sync::Mutex::new(merged));
    let mut tasks = JoinSet::new();
    for _ in 0..SENDERS {
        tasks.spawn(send(options.clone(), Arc::clone(&merged)));
    }
    tasks.spawn(async move {
        let mut pending = Vec::with_capacity(MERGED);
        while let Some(message) = admitted.recv().await {
            pending.push(message);
            if pending.len() == MERGED {
                let full = std::mem::replace(&mut pending, Vec::with_capacity(MERGED));
                hand_over.send(full).await?;
            }
        }
        Ok(())
    });
    let server = http::serve(&options.address, move |call| {
        let admit = admit.clone();
        async move {
            let protocol = call.protocol;
            let Ok(message) = call.message().await else { return Reply::Refused(protocol, 400) };
            match admit.send(message).await {
                Ok(()) => Reply::Accepted(protocol),
                Err(_) => Reply::Refused(protocol, 503),
            }
        }
    });
    tokio::select! {
        ended = server => ended,
        Some(ended) = tasks.join_next() => ended?,
    }
}

async fn send(
    options: Options,
    merged: Arc<tokio::sync::Mutex<mpsc::Receiver<Vec<Bytes>>>>,
) -> Result<()> {
    let Options { backend, protocol, kind, .. } = options;
    let mut connection = Connection::open(protocol, &backend).await?;
    loop {
        let Some(messages) = merged.lock().await.recv().await else { return Ok(()) };
        let answer = connection.export(kind, &messages).await?;
        anyhow::ensure!(answer == Answer::Accepted, "the backend refuses: {answer:?}");
    }
}
