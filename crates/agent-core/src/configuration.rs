//! Where the collector's configuration is kept on this host.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use config::{Document, Environment, Problems, paths};

/// The file that holds the collector's configuration, and what runs without it.
#[derive(Clone, Debug)]
pub struct Configuration {
    file: PathBuf,
    built_in: Option<String>,
    environment: Environment,
}

/// Why there is no document to plan from.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there.
    #[error("there is no collector configuration at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the collector configuration at {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is no document, or refers to what isn't there.
    #[error("{0}")]
    Invalid(Problems),
}

impl Configuration {
    /// The configuration in a file. Pushed configurations are stored there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: path.into(), built_in: None, environment: Environment::process() }
    }

    /// What runs while the file does not exist. Without it, a missing file leaves the collector stopped.
    #[must_use]
    pub fn with_built_in(mut self, yaml: impl Into<String>) -> Self {
        self.built_in = Some(yaml.into());
        self
    }

    /// The environment that `${env:NAME}` reads.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// The document as it stands on the host.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self) -> Result<Document, LoadError> {
        match (fs::read_to_string(&self.file), &self.built_in) {
            (Ok(text), _) => self.parse(&text, &self.file.display().to_string()),
            (Err(error), Some(yaml)) if error.kind() == io::ErrorKind::NotFound => {
                self.parse(yaml, "built-in configuration")
            }
            (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
                Err(LoadError::Missing { path: self.file.clone() })
            }
            (Err(source), _) => Err(LoadError::Unreadable { path: self.file.clone(), source }),
        }
    }

    /// Reads a document that is not stored yet. `name` stands for its file in messages.
    ///
    /// # Errors
    ///
    /// The text is no document, or refers to what isn't there.
    pub fn parse(&self, yaml: &str, name: &str) -> Result<Document, LoadError> {
        Document::from_text(yaml, name, &self.environment).map_err(LoadError::Invalid)
    }

    /// Replaces the file in one step: a reader sees the old text or the new one, whatever happens on the way.
    pub(crate) fn store(&self, yaml: &str) -> io::Result<()> {
        paths::write_atomically(&self.file, yaml.as_bytes())
    }
}
