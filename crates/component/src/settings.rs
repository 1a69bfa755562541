//! What the program passes to every component.

use std::sync::Arc;

use config::ComponentId;

use crate::extension::Extensions;
use crate::kind::Kind;
use crate::ledger::{Book, ComponentName};
use crate::meter::Meter;
use crate::process::Process;
use crate::status::StatusReporter;

/// The program that the components run in, as it presents itself to others.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// Name of the command, `kmagent`. Resource attribute `service.name` of the agent's own telemetry.
    pub command: Arc<str>,
    /// What it is, in a few words: the first part of the `User-Agent`.
    pub description: Arc<str>,
    /// Its version, without a leading `v`.
    pub version: Arc<str>,
}

impl BuildInfo {
    /// The `User-Agent` of upstream's exporters: `<description>/<version> (<os>/<arch>)`, with Go's names for both.
    pub fn user_agent(&self) -> String {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            arch => arch,
        };
        format!("{}/{} ({os}/{arch})", self.description, self.version)
    }
}

/// What the program passes to every component.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What kind of component it is.
    pub kind: Kind,
    /// The component's id, as the user wrote it.
    pub id: ComponentId,
    /// Tables that outlive the component.
    pub process: Process,
    /// The program.
    pub build: BuildInfo,
    /// Whether the agent's API key may go over plain http to other hosts. An exporter whose settings hold it
    /// ([`config::Headers::is_tainted`]) refuses such an endpoint otherwise.
    pub allow_insecure_endpoint: bool,
    /// What the extensions of the configuration offer.
    pub extensions: Extensions,
    /// Where the component counts. It outlives the component, so that counters go on across changes.
    pub meter: Meter,
    /// Where the component counts items that the engine cannot see: see [`Entry`](crate::ledger::Entry).
    pub book: Book,
    /// Where the component says how it is.
    pub status: StatusReporter,
}

impl Settings {
    /// Settings of a component that is alone: no extensions, a meter and a status that nobody reads.
    pub fn new(kind: Kind, id: ComponentId, process: Process, build: BuildInfo) -> Self {
        let component = ComponentName { kind, id: id.clone(), pipeline: None };
        let book = Book::new(process.table(), component);
        Self {
            kind,
            id,
            book,
            process,
            build,
            allow_insecure_endpoint: false,
            extensions: Extensions::default(),
            meter: Meter::default(),
            status: StatusReporter::default(),
        }
    }
}
