//! What every `Cargo.toml` of the workspace has to say, read line by line.

use std::path::Path;

use anyhow::{Context, Result};

use super::Findings;
use super::files;
use crate::workspace::Package;

/// Checks the manifests of all packages, and that no folder with a manifest is left out of the workspace.
pub(super) fn check(root: &Path, packages: &[Package], findings: &mut Findings) -> Result<()> {
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let text = std::fs::read_to_string(root.join(&manifest))
            .with_context(|| format!("cannot read {manifest}"))?;
        findings.errors.extend(errors(&manifest, &text));
        if !package.features.is_empty() && package.name != "kmagent" {
            findings.errors.push(format!(
                "{manifest}: only `kmagent` has cargo features, this has {:?}",
                package.features
            ));
        }
    }
    for file in files::below(root, "crates")? {
        let Some(folder) = file.strip_suffix("/Cargo.toml") else { continue };
        // Fuzz targets need another compiler and are run by hand: `cargo fuzz` wants a workspace of its own for them.
        let is_fuzz = folder.ends_with("/fuzz");
        if !is_fuzz && packages.iter().all(|package| package.folder != folder) {
            findings
                .errors
                .push(format!("{file}: not a member of the workspace, so nothing checks it"));
        }
    }
    Ok(())
}

/// The errors of one manifest.
fn errors(manifest: &str, text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let mut section = "";
    let mut inherits_lints = false;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).trim();
            if let Some(name) = dependencies(section).filter(|name| !name.is_empty()) {
                errors.push(format!(
                    "{manifest}:{number}: write `{name}.workspace = true` into the table above"
                ));
            }
        } else if section == "lints" && is_true(line, "workspace") {
            inherits_lints = true;
        } else if dependencies(section) == Some("")
            && let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
        {
            let inherited =
                name.trim().ends_with(".workspace") || value.contains("workspace = true");
            if !inherited {
                let name = name.split('.').next().unwrap_or(name).trim();
                errors.push(format!(
                    "{manifest}:{number}: `{name}` must be `workspace = true`: versions stand in [workspace.dependencies]"
                ));
            }
        }
    }
    if !inherits_lints {
        errors
            .push(format!("{manifest}: must inherit the lints: `[lints]` with `workspace = true`"));
    }
    errors
}

/// For a table of dependencies the rest of its name: nothing, or the dependency that has the table for itself.
fn dependencies(section: &str) -> Option<&str> {
    // `target.'cfg(unix)'.dev-dependencies`: a condition may have dots in it, but it ends with a quote or has none.
    let table = section.strip_prefix("target.").map_or(section, |rest| {
        let end = rest.rfind(['\'', '"']).map_or_else(|| rest.find('.'), |quote| Some(quote + 1));
        end.and_then(|end| rest[end..].strip_prefix('.')).unwrap_or(rest)
    });
    let (kind, name) = table.split_once('.').unwrap_or((table, ""));
    matches!(kind, "dependencies" | "dev-dependencies" | "build-dependencies").then_some(name)
}

fn is_true(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, value)| name.trim() == key && value.trim() == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "\n[lints]\nworkspace = true\n";

    fn of(text: &str) -> Vec<String> {
        errors("Cargo.toml", text)
    }

    #[test]
    fn inherited_dependencies_pass() {
        let text = "\
[package]
version.workspace = true
[dependencies]
# bytes = \"1\"
bytes.workspace = true
tokio = { workspace = true, features = [\"fs\"] }
[target.'cfg(target_os = \"linux\")'.dev-dependencies]
rustix.workspace = true
";
        assert_eq!(of(&format!("{text}{LINTS}")), <[String; 0]>::default());
    }

    #[test]
    fn a_version_of_its_own_is_an_error() {
        for (text, line) in [
            ("[dependencies]\nbytes = \"1\"\n", 2),
            ("[dev-dependencies]\nbytes = { version = \"1\", features = [] }\n", 2),
            ("[target.'cfg(windows)'.dependencies]\nbytes.version = \"1\"\n", 2),
            ("[dependencies]\nbytes = { path = \"../bytes\" }\n", 2),
            ("[dependencies.bytes]\nversion = \"1\"\n", 1),
            ("[target.'cfg(windows)'.build-dependencies.bytes]\nversion = \"1\"\n", 1),
        ] {
            let errors = of(&format!("{text}{LINTS}"));
            assert_eq!(errors.len(), 1, "{text}: {errors:?}");
            assert!(
                errors[0].starts_with(&format!("Cargo.toml:{line}: "))
                    && errors[0].contains("`bytes"),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn a_crate_without_the_lints_is_an_error() {
        for text in ["", "[lints]\nworkspace = false", "[package]\nworkspace = true"] {
            assert_eq!(
                of(text),
                ["Cargo.toml: must inherit the lints: `[lints]` with `workspace = true`"],
                "{text}"
            );
        }
    }
}
