//! Where entries go.

use std::io;

use component::{ComponentId, StartError};
use tokio::fs::OpenOptions;
use tokio::io::{AsyncWrite, AsyncWriteExt, stderr, stdout};
use tokio::sync::Mutex;
use tracing::{Level, info, warn};

use crate::counts::Counts;

/// Where entries go.
pub(crate) enum Output {
    /// Through the agent's own log.
    AgentLog,
    /// To the terminal and to files, without time and level.
    Writers(Writers),
}

/// Writers that get every entry.
pub(crate) struct Writers {
    paths: Vec<String>,
    open: Mutex<Vec<Writer>>,
}

struct Writer {
    path: String,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its failure was reported; it will not be reported again until it works.
    broken: bool,
}

impl Output {
    /// To these paths, which are opened later; to standard output without any.
    pub(crate) fn to(paths: Option<Vec<String>>) -> Self {
        let paths = paths.unwrap_or_else(|| vec!["stdout".to_owned()]);
        Self::Writers(Writers { paths, open: Mutex::default() })
    }

    /// Opens the files. They are made, readable for the agent's user only, where they are missing.
    pub(crate) async fn open(&self) -> Result<(), StartError> {
        let Self::Writers(writers) = self else { return Ok(()) };
        let mut open = Vec::with_capacity(writers.paths.len());
        for path in &writers.paths {
            let writer = writer(path).await.map_err(|error| {
                StartError::caused_by(format!("output_paths: cannot open {path}"), error)
            })?;
            open.push(Writer { path: path.clone(), writer, broken: false });
        }
        *writers.open.lock().await = open;
        Ok(())
    }

    /// Whether anybody sees what is written.
    pub(crate) fn is_seen(&self) -> bool {
        match self {
            Self::AgentLog => tracing::enabled!(Level::INFO),
            Self::Writers(_) => true,
        }
    }

    /// Writes an entry with counts.
    pub(crate) async fn counts(&self, id: &ComponentId, counts: &Counts) {
        match self {
            Self::AgentLog => counts.log(id),
            Self::Writers(writers) => writers.write(&counts.line()).await,
        }
    }

    /// Writes an entry of several lines, the last of which is ended. The agent's log ends entries by itself, and shows
    /// fields after the text, where they would not be seen as such; so it gets the text alone.
    pub(crate) async fn text(&self, text: &str) {
        match self {
            Self::AgentLog => info!("{}", text.trim_end_matches('\n')),
            Self::Writers(writers) => writers.write(text).await,
        }
    }
}

impl Writers {
    /// Writes an entry and the end of its line, as upstream: a text that ends its last line is followed by an empty one.
    async fn write(&self, entry: &str) {
        let entry = format!("{entry}\n");
        for writer in &mut *self.open.lock().await {
            writer.write(entry.as_bytes()).await;
        }
    }
}

impl Writer {
    async fn write(&mut self, entry: &[u8]) {
        let written = match self.writer.write_all(entry).await {
            Ok(()) => self.writer.flush().await,
            failed => failed,
        };
        if let Err(error) = &written
            && !self.broken
        {
            warn!(path = self.path, %error, "the debug exporter cannot write, entries are lost");
        }
        self.broken = written.is_err();
    }
}

async fn writer(path: &str) -> io::Result<Box<dyn AsyncWrite + Send + Unpin>> {
    Ok(match path {
        "stdout" => Box::new(stdout()),
        "stderr" => Box::new(stderr()),
        path => Box::new(private_file().append(true).create(true).open(path).await?),
    })
}

/// Telemetry may be confidential, so new files are for the agent's user only.
#[cfg(unix)]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// A new file has the rights of its folder.
#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    OpenOptions::new()
}
