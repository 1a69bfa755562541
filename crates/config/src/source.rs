//! Where configuration text comes from: `file:`, `env:`, `yaml:`, `http:`, `https:`.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use crate::environment::Environment;
use crate::node::Span;
use crate::parse::{MAX_TEXT, Origin};
use crate::problems::UNREACHED;

/// A text, and what has to be known about it.
pub(crate) struct Retrieved {
    pub(crate) text: String,
    /// Whether it is a secret.
    pub(crate) tainted: bool,
    /// Whether it is to be taken as a string, whatever YAML makes of it.
    pub(crate) is_string: bool,
    pub(crate) origin: Origin,
}

/// What retrieves texts by scheme. Tests have a scheme of their own.
pub(crate) trait Provide {
    /// The text of `scheme:opaque`. `from` is where the reference stands.
    fn retrieve(&self, scheme: &str, opaque: &str, from: &Span) -> Result<Retrieved, String>;
}

impl Provide for Environment {
    fn retrieve(&self, scheme: &str, opaque: &str, from: &Span) -> Result<Retrieved, String> {
        match scheme {
            "env" => self.retrieve_variable(opaque, from),
            "file" => {
                let text =
                    read_file(opaque).map_err(|error| format!("cannot read {opaque}: {error}"))?;
                let origin = Origin::Text(Arc::from(opaque));
                Ok(Retrieved { text, tainted: false, is_string: false, origin })
            }
            "yaml" => {
                let origin = Origin::Reference(from.clone());
                Ok(Retrieved { text: opaque.to_owned(), tainted: false, is_string: false, origin })
            }
            "http" | "https" => {
                let url = format!("{scheme}:{opaque}");
                let shown = shown_url(&url);
                let text = self.fetch(&url).map_err(|why| format!("{UNREACHED}{shown}: {why}"))?;
                if text.len() > MAX_TEXT {
                    return Err(format!("cannot read {shown}: the text is too large"));
                }
                let origin = Origin::Text(Arc::from(shown));
                Ok(Retrieved { text, tainted: false, is_string: false, origin })
            }
            _ => {
                let message =
                    format!("scheme \"{scheme}\" is not supported for uri \"{scheme}:{opaque}\"");
                // Everybody who knows a shell tries this once.
                let is_default = opaque.starts_with('-');
                Err(if is_default {
                    format!("{message} (write ${{env:{scheme}:{opaque}}})")
                } else {
                    message
                })
            }
        }
    }
}

impl Environment {
    /// `NAME`, or `NAME:-default` with a default for a variable that is not set. One that is set to nothing is set.
    fn retrieve_variable(&self, opaque: &str, from: &Span) -> Result<Retrieved, String> {
        let (name, default) = match opaque.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (opaque, None),
        };
        if !is_variable_name(name) {
            return Err(format!(
                "environment variable \"{name}\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$"
            ));
        }
        let origin = Origin::Reference(from.clone());
        if let Some(variable) = self.variable(name) {
            if variable.text.is_empty() {
                tracing::info!(name, "configuration references empty environment variable");
            }
            let (text, tainted) = (variable.text, variable.is_secret);
            return Ok(Retrieved { text, tainted, is_string: false, origin });
        }
        if default.is_none() {
            tracing::warn!(name, "configuration references unset environment variable");
        }
        let text = default.unwrap_or_default().to_owned();
        // An empty default is the empty string; a variable that isn't there is null.
        let is_string = default == Some("");
        Ok(Retrieved { text, tainted: false, is_string, origin })
    }
}

/// A URL as it may be shown: users, passwords and queries may be secrets.
pub(crate) fn shown_url(url: &str) -> String {
    let (url, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    let host = url.find("://").map_or(0, |place| place + 3);
    let path = url[host..].find('/').map_or(url.len(), |place| host + place);
    let shown = match url[host..path].rsplit_once('@') {
        Some((_, address)) => format!("{}{address}{}", &url[..host], &url[path..]),
        None => url.to_owned(),
    };
    if rest.is_empty() { shown } else { format!("{shown}?…") }
}

/// A source as `--config` names it, taken apart: scheme and the rest.
///
/// A bare path is a file, and so is what begins with a drive letter.
pub(crate) fn location(uri: &str) -> Result<(&str, &str), String> {
    let bytes = uri.as_bytes();
    let is_drive = bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    if is_drive || !uri.contains(':') {
        return Ok(("file", uri));
    }
    split_scheme(uri).ok_or_else(|| format!("unsupported scheme on URI \"{uri}\""))
}

/// Splits `scheme:rest`, where a scheme is `[A-Za-z][A-Za-z0-9+.-]+`.
pub(crate) fn split_scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let mut bytes = scheme.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    (begins && goes_on && scheme.len() >= 2).then_some((scheme, rest))
}

/// Reads a file that is text, and not longer than a configuration may be.
pub(crate) fn read_file(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_TEXT).unwrap_or(u64::MAX) + 1;
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.len() > MAX_TEXT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(text)
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(location("/etc/c.yaml"), Ok(("file", "/etc/c.yaml")));
        assert_eq!(location("file:/etc/c.yaml"), Ok(("file", "/etc/c.yaml")));
        assert_eq!(location(r"C:\c.yaml"), Ok(("file", r"C:\c.yaml")));
        assert_eq!(location("yaml:a::b: 1"), Ok(("yaml", "a::b: 1")));
        assert_eq!(location("env:X"), Ok(("env", "X")));
        assert_eq!(location("_a:b"), Err("unsupported scheme on URI \"_a:b\"".to_owned()));
    }

    #[test]
    fn urls_are_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("https://h:1/a/b.yaml", "https://h:1/a/b.yaml"),
            ("https://u:p@ss@h/a@b", "https://h/a@b"),
            ("http://u@h", "http://h"),
            ("https://h?token=x/@", "https://h?…"),
            ("https://u:p@h/c#x", "https://h/c?…"),
            ("http:x", "http:x"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn variables_have_names() {
        for (name, valid) in
            [("A_1", true), ("_x", true), ("1", false), ("", false), ("a.b", false)]
        {
            assert_eq!(is_variable_name(name), valid, "{name}");
        }
    }
}
