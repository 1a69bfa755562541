//! The environment that `${env:NAME}` reads.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// The process environment, with values laid over it that the process itself does not have.
///
/// The agent lays its own endpoint and API key over it, so that `${env:KM_API_KEY}` works wherever the key came from,
/// and no program that the agent starts inherits the key.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    base: Base,
    overlay: BTreeMap<String, Overlaid>,
    fetch: Option<Fetch>,
}

/// Gets the text at a URL, or says why not.
type Get = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// What gets texts from other hosts.
#[derive(Clone)]
pub(crate) struct Fetch(pub(crate) Arc<Get>);

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetch")
    }
}

#[derive(Clone, Debug, Default)]
enum Base {
    #[default]
    Process,
    Nothing,
}

#[derive(Clone, Debug)]
struct Overlaid {
    text: Secret<String>,
    is_secret: bool,
}

/// A variable that is set.
pub(crate) struct Variable {
    pub(crate) text: String,
    pub(crate) is_secret: bool,
}

/// Variables whose values are secrets wherever they come from.
const SECRETS: [&str; 1] = ["KM_API_KEY"];

impl Environment {
    /// The environment of the process, as it is whenever a variable is read.
    pub fn process() -> Self {
        Self::default()
    }

    /// An environment without variables.
    pub fn empty() -> Self {
        Self { base: Base::Nothing, ..Self::default() }
    }

    /// Lets `http:` and `https:` be sources: `get` fetches the text at a URL, within a time and size of its own, or says why
    /// it cannot. Without it they are refused.
    #[must_use]
    pub fn with_fetch(
        mut self,
        get: impl Fn(&str) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.fetch = Some(Fetch(Arc::new(get)));
        self
    }

    pub(crate) fn fetch(&self, url: &str) -> Result<String, String> {
        match &self.fetch {
            Some(Fetch(get)) => get(url),
            None => Err("configurations of other hosts are not read here".to_owned()),
        }
    }

    /// Lays a value over a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = Secret::new(text.into());
        self.overlay.insert(name.into(), Overlaid { text, is_secret: false });
        self
    }

    /// Lays a secret over a variable. What is made from it is [tainted](crate::Node::is_tainted).
    #[must_use]
    pub fn with_secret(mut self, name: impl Into<String>, text: Secret<String>) -> Self {
        self.overlay.insert(name.into(), Overlaid { text, is_secret: true });
        self
    }

    /// The text of a variable; `None` when it is not set.
    pub fn get(&self, name: &str) -> Option<String> {
        self.variable(name).map(|variable| variable.text)
    }

    pub(crate) fn variable(&self, name: &str) -> Option<Variable> {
        let is_secret = SECRETS.contains(&name);
        if let Some(overlaid) = self.overlay.get(name) {
            let is_secret = is_secret || overlaid.is_secret;
            return Some(Variable { text: overlaid.text.expose().clone(), is_secret });
        }
        match self.base {
            Base::Nothing => None,
            Base::Process => {
                let text = env::var_os(name)?.to_string_lossy().into_owned();
                Some(Variable { text, is_secret })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlay_hides_the_process_and_shows_no_value() {
        assert!(Environment::process().get("PATH").is_some());
        assert_eq!(Environment::process().with("PATH", "x").get("PATH").as_deref(), Some("x"));
        assert!(Environment::empty().get("PATH").is_none());
        let environment = Environment::empty().with_secret("K", Secret::new("hunter2".to_owned()));
        assert!(!format!("{environment:?}").contains("hunter2"));
        assert!(environment.variable("K").unwrap().is_secret);
    }
}
