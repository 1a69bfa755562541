//! Where the collector's configuration is kept on this host.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use config::{Document, Environment, Part, Problem, Problems, paths};

/// Where the collector's configuration is: a file and what is merged with it, and what runs without the file.
#[derive(Clone, Debug)]
pub struct Configuration {
    file: Option<PathBuf>,
    built_in: Option<String>,
    /// Sources that are merged before the file, and after it.
    before: Vec<String>,
    after: Vec<String>,
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
    /// Another host did not serve what the document is made of. It may do so later.
    #[error("{0}")]
    Elsewhere(Problems),
}

impl From<Problems> for LoadError {
    fn from(problems: Problems) -> Self {
        let may_pass = problems.iter().any(Problem::may_pass);
        if may_pass { Self::Elsewhere(problems) } else { Self::Invalid(problems) }
    }
}

impl Configuration {
    /// The configuration in a file. Pushed configurations are stored there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..Self::sources(Vec::new()) }
    }

    /// The configuration in sources none of which is a file. Pushed configurations cannot be stored, and are refused.
    pub fn sources(sources: Vec<String>) -> Self {
        Self {
            file: None,
            built_in: None,
            before: sources,
            after: Vec::new(),
            environment: Environment::process(),
        }
    }

    /// What runs while the file does not exist. Without it, a missing file leaves the collector stopped.
    #[must_use]
    pub fn with_built_in(mut self, yaml: impl Into<String>) -> Self {
        self.built_in = Some(yaml.into());
        self
    }

    /// Sources, as `--config` names them, that are merged with the file or whatever was pushed in its place: before it, and
    /// after it.
    #[must_use]
    pub fn with_sources(mut self, before: Vec<String>, after: Vec<String>) -> Self {
        (self.before, self.after) = (before, after);
        self
    }

    /// The environment that `${env:NAME}` reads.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The document as it stands on the host.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self) -> Result<Document, LoadError> {
        let (text, name) = self.text()?;
        self.parse(&text, &name)
    }

    /// As [`load`](Self::load), but a document that has problems comes back with them, so that more can be found.
    ///
    /// # Errors
    ///
    /// The file is not there, or cannot be read.
    pub fn examine(&self) -> Result<(Option<Document>, Problems), LoadError> {
        let (text, name) = self.text()?;
        Ok(self.with_parts(&text, &name, |parts| Document::examine(parts, &self.environment)))
    }

    /// The file's text, or what runs without it, and what messages call it.
    fn text(&self) -> Result<(String, String), LoadError> {
        let Some(file) = &self.file else { return Ok(Default::default()) };
        match (fs::read_to_string(file), &self.built_in) {
            (Ok(text), _) => Ok((text, file.display().to_string())),
            (Err(error), Some(yaml)) if error.kind() == io::ErrorKind::NotFound => {
                Ok((yaml.clone(), "built-in configuration".to_owned()))
            }
            (Err(error), None) if error.kind() == io::ErrorKind::NotFound => {
                Err(LoadError::Missing { path: file.clone() })
            }
            (Err(source), _) => Err(LoadError::Unreadable { path: file.clone(), source }),
        }
    }

    /// Reads a document that is not stored yet. `name` stands for its file in messages.
    ///
    /// # Errors
    ///
    /// The text is no document, or refers to what isn't there.
    pub fn parse(&self, yaml: &str, name: &str) -> Result<Document, LoadError> {
        let read = |parts: &[Part<'_>]| Document::from_parts(parts, &self.environment);
        Ok(self.with_parts(yaml, name, read)?)
    }

    /// A text with everything that is merged with it, in order.
    fn with_parts<R>(&self, text: &str, name: &str, read: impl FnOnce(&[Part<'_>]) -> R) -> R {
        let overlays = self.overlays();
        let before = self.before.iter().map(|uri| Part::Source(uri));
        let after = overlays.iter().chain(&self.after).map(|uri| Part::Source(uri));
        let parts: Vec<_> = before.chain([Part::Text { text, name }]).chain(after).collect();
        read(&parts)
    }

    /// The files of the folder `config.d` beside the file, by name: what this host adds to whatever was pushed.
    fn overlays(&self) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        let folder = file.with_file_name("config.d");
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let files = files.map(|file| file.path());
        let is_yaml =
            |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        let mut files: Vec<_> = files.filter(is_yaml).collect();
        files.sort();
        files.iter().map(|file| format!("file:{}", file.display())).collect()
    }

    /// Replaces the file in one step: a reader sees the old text or the new one, whatever happens on the way.
    pub(crate) fn store(&self, yaml: &str) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no --config names a file"));
        };
        paths::write_atomically(file, yaml.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_need_no_file_and_then_nothing_is_stored() {
        let sources = ["yaml:x: {a: 1, b: 1}", "yaml:x::b: 2"].map(str::to_owned);
        let configuration =
            Configuration::sources(sources.to_vec()).with_environment(Environment::empty());
        let loaded = configuration.load().unwrap();
        let expected = Document::from_text("x: {a: 1, b: 2}", "", &Environment::empty()).unwrap();
        assert!(loaded.root().same_as(expected.root()), "{:?}", loaded.root());
        assert_eq!(configuration.store("").unwrap_err().kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn a_host_that_does_not_answer_may_do_so_later() {
        let silent = Environment::empty().with_fetch(|_| Err("no answer".to_owned()));
        let load = |source: &str| {
            let configuration = Configuration::sources(vec![source.to_owned()]);
            configuration.with_environment(silent.clone()).load().unwrap_err()
        };
        for source in ["https://example.com/c.yaml", "yaml:a: '${http://example.com/a}'"] {
            assert!(matches!(load(source), LoadError::Elsewhere(_)), "{source}");
        }
        assert!(matches!(load("yaml:a: '${env:1}'"), LoadError::Invalid(_)));
    }

    #[test]
    fn what_stands_beside_the_file_is_merged_after_it_and_what_was_named_after_that() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config.d")).unwrap();
        for (name, text) in [("b.yaml", "x: {b: 1, c: 1}"), ("a.yml", "x: {b: 0}"), ("c.txt", "[")]
        {
            fs::write(folder.path().join("config.d").join(name), text).unwrap();
        }
        let configuration = Configuration::file(folder.path().join("config.yaml"))
            .with_environment(Environment::empty())
            .with_sources(vec!["yaml:x::a: 0".to_owned()], vec!["yaml:x::c: 2".to_owned()]);
        let document = configuration.parse("x: {a: 1}", "pushed").unwrap();
        let expected =
            Document::from_text("x: {a: 1, b: 1, c: 2}", "", &Environment::empty()).unwrap();
        assert!(document.root().same_as(expected.root()), "{:?}", document.root());
    }
}
