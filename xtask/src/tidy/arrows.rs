//! The arrows between crates: who may know whom.
//!
//! The table below is the diagram of `docs/architecture.md`. An arrow that it doesn't name is an
//! error, and so is a package that it doesn't know: a new crate gets its place in the diagram before
//! it gets code.

use super::Findings;
use crate::workspace::Package;

/// The kinds of components; each is a folder below `crates`, and the last word of its components' names.
pub(super) const KINDS: [(&str, &str); 5] = [
    ("receivers", "receiver"),
    ("processors", "processor"),
    ("exporters", "exporter"),
    ("connectors", "connector"),
    ("extensions", "extension"),
];

/// A crate's place in the diagram. A component's is its kind: all components have the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// A crate of its own, by its folder below `crates`.
    Crate(&'a str),
    /// A component, whatever its kind.
    Component,
    /// Tests across crates.
    Tests,
    /// The measuring of the data path.
    Bench,
    /// This program.
    Xtask,
}

use Place::{Component, Crate};

/// Who may know whom.
///
/// The contract in `component` is written in the words of `pdata` and `config`, so crates that share
/// its work, the engine and the helpers, know these too.
const ARROWS: &[(Place<'_>, &[Place<'_>])] = &[
    (
        Crate("kmagent"),
        &[
            Crate("service-layer"),
            Crate("agent-core"),
            Component,
            Crate("self-telemetry"),
            // It puts the parts together: names the configuration's source, the registry, the built-in document.
            Crate("updater"),
            Crate("collector"),
            Crate("component"),
            Crate("config"),
        ],
    ),
    (Crate("service-layer"), &[]),
    (Crate("agent-core"), &[Crate("updater"), Crate("collector"), Crate("config")]),
    (Crate("updater"), &[Crate("net"), Crate("config")]),
    (Crate("collector"), &[Crate("component"), Crate("net"), Crate("pdata"), Crate("config")]),
    (
        Component,
        &[
            Crate("component"),
            Crate("exporter-helper"),
            Crate("scraper"),
            Crate("net"),
            Crate("ottl"),
            Crate("pdata"),
            Crate("config"),
        ],
    ),
    // To the engine it is an extension, and it knows no more than one.
    (Crate("self-telemetry"), &[Crate("component"), Crate("net"), Crate("pdata"), Crate("config")]),
    (Crate("exporter-helper"), &[Crate("component"), Crate("pdata"), Crate("config")]),
    (Crate("scraper"), &[Crate("component"), Crate("pdata"), Crate("config")]),
    (Crate("component"), &[Crate("pdata"), Crate("config")]),
    (Crate("ottl"), &[Crate("pdata")]),
    (Crate("net"), &[Crate("config")]),
    (Crate("pdata"), &[]),
    // One library in two packages, because Cargo wants procedural macros apart.
    (Crate("config"), &[Crate("config-derive")]),
    (Crate("config-derive"), &[]),
    // For tests only, and so on the side of the components.
    (TESTKIT, &[Crate("component"), Crate("net"), Crate("pdata"), Crate("config")]),
    (Place::Bench, &[Crate("pdata")]),
    (Place::Xtask, &[]),
];

/// What the tests of every crate may know beside what the crate itself may.
const TESTKIT: Place<'_> = Crate("testkit");

/// Reports packages without a place, names that don't fit the place, and arrows that aren't in the table.
pub(super) fn check(packages: &[Package], findings: &mut Findings) {
    for package in packages {
        let Some(from) = place(package) else {
            findings.errors.push(format!(
                "{}: package `{}` has no place in the diagram; give it one in docs/architecture.md and in {}",
                package.folder,
                package.name,
                file!(),
            ));
            continue;
        };
        check_names(package, findings);
        for dependency in package.dependencies.iter().filter(|dependency| dependency.local) {
            let Some(target) = packages.iter().find(|package| package.name == dependency.name)
            else {
                findings.errors.push(format!(
                    "{}: `{}` depends on the folder of `{}`, which isn't in the workspace",
                    package.folder, package.name, dependency.name,
                ));
                continue;
            };
            // A target without a place is reported by itself.
            let allowed = place(target).is_none_or(|to| {
                is_allowed(from, to)
                    || (dependency.only_for_tests && (to == TESTKIT || target.name == package.name))
            });
            if !allowed {
                let tests = if dependency.only_for_tests { "the tests of " } else { "" };
                findings.errors.push(format!(
                    "{}: {tests}`{}` must not depend on `{}`: the diagram has no such arrow",
                    package.folder, package.name, target.name,
                ));
            }
        }
    }
}

/// Where the diagram has a package; `None` when nowhere.
fn place(package: &Package) -> Option<Place<'_>> {
    let place = match package.folder.split('/').collect::<Vec<_>>().as_slice() {
        ["tests"] => return Some(Place::Tests),
        ["bench"] => Place::Bench,
        ["xtask"] => Place::Xtask,
        ["crates", folder] => Crate(folder),
        ["crates", kind, _] if KINDS.iter().any(|(folder, _)| folder == kind) => Component,
        _ => return None,
    };
    ARROWS.iter().any(|(from, _)| *from == place).then_some(place)
}

/// Whether the diagram has an arrow, for a crate's code proper.
fn is_allowed(from: Place<'_>, to: Place<'_>) -> bool {
    from == Place::Tests
        || ARROWS.iter().any(|(place, to_all)| *place == from && to_all.contains(&to))
}

/// Checks that package and library are called after their folder.
fn check_names(package: &Package, findings: &mut Findings) {
    let (name, library) = match package.folder.split('/').collect::<Vec<_>>().as_slice() {
        ["xtask"] => ("xtask".to_owned(), "xtask".to_owned()),
        ["crates", "kmagent"] => ("kmagent".to_owned(), "kmagent".to_owned()),
        ["crates", kind, name] => {
            let kind =
                KINDS.iter().find(|(folder, _)| folder == kind).map_or(*kind, |(_, kind)| kind);
            (format!("kmagent-{}-{kind}", name.replace('_', "-")), format!("{name}_{kind}"))
        }
        [.., folder] => (format!("kmagent-{folder}"), folder.replace('-', "_")),
        [] => return,
    };
    if package.name != name {
        findings.errors.push(format!(
            "{}: package `{}` must be called `{name}`",
            package.folder, package.name
        ));
    }
    if let Some(actual) = package.library.as_deref().filter(|actual| *actual != library) {
        findings
            .errors
            .push(format!("{}: library `{actual}` must be called `{library}`", package.folder));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, folder: &str) -> Package {
        Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            library: None,
            features: Vec::new(),
            dependencies: Vec::new(),
        }
    }

    /// The errors of a workspace with every kind of crate, in which `from` depends on `to`.
    fn errors(from: &str, to: &str, only_for_tests: bool) -> Vec<String> {
        let mut packages = vec![
            package("kmagent", "crates/kmagent"),
            package("kmagent-agent-core", "crates/agent-core"),
            package("kmagent-collector", "crates/collector"),
            package("kmagent-component", "crates/component"),
            package("kmagent-config", "crates/config"),
            package("kmagent-pdata", "crates/pdata"),
            package("kmagent-testkit", "crates/testkit"),
            package("kmagent-otlp-receiver", "crates/receivers/otlp"),
            package("kmagent-otlp-http-exporter", "crates/exporters/otlp_http"),
            package("kmagent-tests", "tests"),
            package("xtask", "xtask"),
        ];
        let from = packages.iter_mut().find(|package| package.name == from).unwrap();
        from.dependencies.push(Dependency { name: to.to_owned(), only_for_tests, local: true });
        let mut findings = Findings::default();
        check(&packages, &mut findings);
        findings.errors
    }

    #[test]
    fn arrows_of_the_diagram_pass() {
        for (from, to) in [
            ("kmagent", "kmagent-otlp-receiver"),
            ("kmagent", "kmagent-agent-core"),
            ("kmagent-agent-core", "kmagent-collector"),
            ("kmagent-collector", "kmagent-component"),
            ("kmagent-collector", "kmagent-pdata"),
            ("kmagent-otlp-http-exporter", "kmagent-pdata"),
            ("kmagent-tests", "kmagent-otlp-receiver"),
        ] {
            assert_eq!(errors(from, to, false), <[String; 0]>::default(), "{from} -> {to}");
        }
        assert_eq!(errors("kmagent-config", "kmagent-testkit", true), <[String; 0]>::default());
    }

    #[test]
    fn other_arrows_are_errors() {
        for (from, to) in [
            ("kmagent-collector", "kmagent-otlp-receiver"),
            ("kmagent-otlp-http-exporter", "kmagent-otlp-receiver"),
            ("kmagent-otlp-receiver", "kmagent-collector"),
            ("kmagent-agent-core", "kmagent-pdata"),
            ("kmagent-pdata", "kmagent-config"),
            ("kmagent-config", "kmagent-testkit"),
            ("kmagent", "kmagent-pdata"),
            ("xtask", "kmagent-config"),
        ] {
            let errors = errors(from, to, false);
            assert_eq!(errors.len(), 1, "{from} -> {to}: {errors:?}");
            assert!(
                errors[0].contains(&format!("`{from}` must not depend on `{to}`")),
                "{errors:?}"
            );
        }
        let errors = errors("kmagent-pdata", "kmagent-config", true);
        assert!(errors[0].contains("the tests of `kmagent-pdata` must not"), "{errors:?}");
    }

    #[test]
    fn a_package_without_a_place_is_an_error() {
        for folder in
            ["crates/utils", "crates/receivers/otlp/macros", "tools", "crates/sources/otlp"]
        {
            let mut findings = Findings::default();
            check(&[package("kmagent-utils", folder)], &mut findings);
            assert_eq!(findings.errors.len(), 1, "{folder}: {findings:?}");
            assert!(findings.errors[0].contains("has no place in the diagram"), "{findings:?}");
        }
    }

    #[test]
    fn packages_and_libraries_are_called_after_their_folder() {
        let mut named = package("kmagent-otlp-http-exporter", "crates/exporters/otlp_http");
        named.library = Some("otlp_http_exporter".to_owned());
        let mut misnamed = package("kmagent-exporterhelper", "crates/exporter-helper");
        misnamed.library = Some("exporterhelper".to_owned());
        let mut findings = Findings::default();
        check(&[named, misnamed], &mut findings);
        assert_eq!(
            findings.errors,
            [
                "crates/exporter-helper: package `kmagent-exporterhelper` must be called `kmagent-exporter-helper`",
                "crates/exporter-helper: library `exporterhelper` must be called `exporter_helper`",
            ]
        );
    }
}
