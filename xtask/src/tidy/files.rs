//! What files there must be, how they are called, and what must not stand in them.

use std::path::Path;

use anyhow::{Context, Result};

use super::Findings;
use super::arrows::KINDS;
use crate::workspace::Package;

/// A file of code is about one subject; longer than this, it is worth asking whether it is.
const LONG: usize = 800;

/// Checks READMEs, changelog fragments and code.
pub(super) fn check(root: &Path, packages: &[Package], findings: &mut Findings) -> Result<()> {
    for package in packages.iter().filter(|package| is_component(&package.folder)) {
        if !root.join(&package.folder).join("README.md").is_file() {
            findings.errors.push(format!("{}: a component needs a README.md", package.folder));
        }
    }
    for file in below(root, "changelog.d")? {
        let text = read(root, &file)?;
        findings.errors.extend(fragment_error(&file, &text));
    }
    for folder in ["crates", "tests", "xtask"] {
        for file in below(root, folder)?.into_iter().filter(|file| file.ends_with(".rs")) {
            check_code(&file, &read(root, &file)?, findings);
        }
    }
    Ok(())
}

/// All files below a folder, as paths from the root with `/` on every platform, sorted. Hidden ones are left out.
pub(super) fn below(root: &Path, folder: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(root.join(folder))
        .with_context(|| format!("cannot read the folder {folder}"))?;
    for entry in entries {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            files.extend(below(root, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(root: &Path, file: &str) -> Result<String> {
    std::fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

fn is_component(folder: &str) -> bool {
    let kind = folder.strip_prefix("crates/").and_then(|rest| rest.split('/').next());
    kind.is_some_and(|kind| KINDS.iter().any(|(folder, _)| *folder == kind))
}

/// What is wrong with a file in `changelog.d`.
fn fragment_error(file: &str, text: &str) -> Option<String> {
    let name = file.strip_prefix("changelog.d/").unwrap_or(file);
    if name == "README.md" {
        return None;
    }
    let is_slug = |slug: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !slug.is_empty() && slug.bytes().all(plain)
    };
    let named = match name.split('.').collect::<Vec<_>>().as_slice() {
        [slug, "breaking" | "added" | "changed" | "fixed", "md"] => is_slug(slug),
        _ => false,
    };
    if !named {
        return Some(format!(
            "{file}: a fragment is called <slug>.<breaking|added|changed|fixed>.md, the slug like-this"
        ));
    }
    text.trim().is_empty().then(|| format!("{file}: says nothing"))
}

/// Looks for conditions on cargo features outside `crates/kmagent`, and for long files.
fn check_code(file: &str, text: &str, findings: &mut Findings) {
    if !file.starts_with("crates/kmagent/") && !file.starts_with("xtask/") {
        for (line, number) in text.lines().zip(1..) {
            if has_feature_condition(line) {
                findings.errors.push(format!(
                    "{file}:{number}: only `kmagent` may ask for cargo features: tests run what we ship"
                ));
            }
        }
    }
    let length = text.lines().count();
    if length > LONG {
        findings.warnings.push(format!("{file}: {length} lines; is it about one thing?"));
    }
}

/// Whether a line has `cfg(feature = "…")` in one of its forms.
fn has_feature_condition(line: &str) -> bool {
    let code = line.trim_start();
    !code.starts_with("//") && code.contains("cfg") && code.replace(' ', "").contains("feature=\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_have_a_slug_a_kind_and_a_sentence() {
        assert_eq!(fragment_error("changelog.d/README.md", ""), None);
        assert_eq!(fragment_error("changelog.d/wait-on-429.fixed.md", "A 429 is retried."), None);
        for name in [
            "wait.improved.md",
            "wait.md",
            "Wait On.fixed.md",
            ".fixed.md",
            "a.b.fixed.md",
            "wait.fixed.txt",
        ] {
            let error = fragment_error(&format!("changelog.d/{name}"), "A 429 is retried.");
            assert!(error.is_some_and(|error| error.contains("a fragment is called")), "{name}");
        }
        let empty = fragment_error("changelog.d/wait-on-429.fixed.md", " \n");
        assert_eq!(empty.as_deref(), Some("changelog.d/wait-on-429.fixed.md: says nothing"));
    }

    #[test]
    fn features_are_for_the_program_alone() {
        for code in [
            "#[cfg(feature = \"x\")]",
            "    if cfg!(feature=\"x\") {",
            "#[cfg(all(unix, feature = \"x\"))]",
        ] {
            let mut findings = Findings::default();
            check_code("crates/net/src/lib.rs", &format!("//! Net.\n{code}\n"), &mut findings);
            assert_eq!(findings.errors.len(), 1, "{code}");
            assert!(findings.errors[0].starts_with("crates/net/src/lib.rs:2: "), "{findings:?}");

            let mut findings = Findings::default();
            check_code("crates/kmagent/src/components.rs", code, &mut findings);
            assert_eq!(findings.errors, <[String; 0]>::default());
        }
    }

    #[test]
    fn a_long_file_is_a_warning() {
        let mut findings = Findings::default();
        check_code("crates/net/src/lib.rs", &"\n".repeat(LONG), &mut findings);
        assert_eq!(findings.warnings, <[String; 0]>::default());
        check_code("crates/net/src/lib.rs", &"\n".repeat(LONG + 1), &mut findings);
        assert_eq!(findings.warnings, ["crates/net/src/lib.rs: 801 lines; is it about one thing?"]);
    }

    #[test]
    fn components_are_what_stands_in_the_folder_of_a_kind() {
        assert!(is_component("crates/receivers/otlp"));
        assert!(!is_component("crates/exporter-helper"));
        assert!(!is_component("tests"));
    }
}
