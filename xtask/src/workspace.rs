//! The workspace as cargo sees it: packages and what they depend on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{cargo, output};

/// The workspace that this program belongs to.
pub(crate) struct Workspace {
    root: PathBuf,
}

/// A package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its folder below the root, with `/` on every platform: `crates/receivers/otlp`.
    pub(crate) folder: String,
    /// The name under which other crates import it, if it has a library.
    pub(crate) library: Option<String>,
    /// Names of the cargo features that it defines.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// An entry in one of a package's tables of dependencies.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it stands in `[dev-dependencies]`.
    pub(crate) only_for_tests: bool,
    /// Whether it is a folder of this machine and not something from a registry.
    pub(crate) local: bool,
}

impl Workspace {
    /// Finds the workspace from where this program was built.
    pub(crate) fn find() -> Result<Self> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        ensure!(
            root.join("Cargo.toml").is_file(),
            "{} is not the workspace; build xtask anew",
            root.display()
        );
        Ok(Self { root: root.to_owned() })
    }

    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A folder for what steps build or fetch; git ignores it.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Asks cargo for the packages of the workspace.
    ///
    /// # Errors
    ///
    /// A manifest can't be read.
    pub(crate) fn packages(&self) -> Result<Vec<Package>> {
        let text = output(cargo(self).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text)?;
        let root = metadata["workspace_root"]
            .as_str()
            .context("`cargo metadata` names no workspace root")?;
        array(&metadata["packages"])
            .iter()
            .map(|package| read_package(package, Path::new(root)))
            .collect()
    }
}

fn read_package(package: &Value, root: &Path) -> Result<Package> {
    let manifest = Path::new(text(&package["manifest_path"])?);
    let folder = manifest.parent().unwrap_or(manifest).strip_prefix(root)?;
    let libraries = array(&package["targets"]).iter().filter(|target| {
        array(&target["kind"])
            .iter()
            .any(|kind| matches!(kind.as_str(), Some("lib" | "proc-macro")))
    });
    Ok(Package {
        name: text(&package["name"])?.to_owned(),
        folder: folder.to_string_lossy().replace('\\', "/"),
        library: libraries
            .map(|target| text(&target["name"]).map(str::to_owned))
            .next()
            .transpose()?,
        features: package["features"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect(),
        dependencies: array(&package["dependencies"])
            .iter()
            .map(read_dependency)
            .collect::<Result<_>>()?,
    })
}

fn read_dependency(dependency: &Value) -> Result<Dependency> {
    Ok(Dependency {
        name: text(&dependency["name"])?.to_owned(),
        only_for_tests: dependency["kind"] == "dev",
        local: dependency["path"].is_string(),
    })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().context("`cargo metadata` has a form that xtask doesn't know")
}
