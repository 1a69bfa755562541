//! What a component is created from.

use std::sync::Arc;

use component::meter::Instruments;
use component::{BuildInfo, ComponentId, Kind, Meter, Process, Settings};
use config::{Document, Environment, Problems, Section};

/// A section read from YAML, as the engine would read it. References see no environment.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn config<C: Section>(yaml: &str) -> Result<C, Problems> {
    let document = Document::from_text(yaml, "test.yaml", &Environment::empty())?;
    let mut problems = Problems::new();
    let section = C::read(document.root(), &mut problems);
    let section = problems.into_result(section)?;
    Ok(section.expect("a section that cannot be read is a problem"))
}

/// What is wrong with a section from YAML, one problem per line.
///
/// # Panics
///
/// Nothing is wrong.
pub fn refusal<C: Section>(yaml: &str) -> String {
    match config::<C>(yaml) {
        Ok(section) => panic!("{yaml} should be refused, was read as {section:?}"),
        Err(problems) => problems.to_string(),
    }
}

/// What the program would pass to a component of this id, in a process of its own.
///
/// # Panics
///
/// The text is no id.
pub fn settings(id: &str) -> Settings {
    let id = ComponentId::parse(id).unwrap_or_else(|error| panic!("{error}"));
    let build = BuildInfo {
        command: Arc::from("testkit"),
        description: Arc::from("testkit"),
        version: Arc::from("0.0.0"),
    };
    let process = Process::default();
    let meter = Meter::new(process.table::<Instruments>());
    Settings { meter, ..Settings::new(Kind::Exporter, id, process, build) }
}
