//! A file for each value of a resource's attribute (`group_by`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use component::{ComponentId, Telemetry};
use parking_lot::Mutex;

use crate::config::{Config, GroupBy};
use crate::output::{ClaimError, Output, Outputs};

/// What takes the place of the `*` in the path.
const PLACE: char = '*';

/// The files of one exporter.
pub(crate) struct Groups {
    owner: ComponentId,
    outputs: Arc<Outputs>,
    before: String,
    after: String,
    attribute: String,
    most: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: HashMap<String, (Arc<Output>, u64)>,
    /// Counts uses: the file that was not used for longest is closed first.
    uses: u64,
    /// What was written to by this exporter: it is not emptied when it is opened again.
    begun: HashSet<String>,
}

impl Groups {
    /// `None` unless the configuration asks for it.
    pub(crate) fn new(
        config: &Config,
        owner: &ComponentId,
        outputs: &Arc<Outputs>,
    ) -> Option<Self> {
        let GroupBy { enabled, resource_attribute, max_open_files } = &config.group_by;
        let path = config.path.to_string_lossy();
        let (before, after) = path.split_once(PLACE).filter(|_| *enabled)?;
        Some(Self {
            owner: owner.clone(),
            outputs: Arc::clone(outputs),
            before: before.to_owned(),
            after: after.to_owned(),
            attribute: resource_attribute.clone(),
            most: max_open_files.get(),
            open: Mutex::default(),
        })
    }

    /// The telemetry of each file, and how many items belong to none: their resource has no such attribute.
    pub(crate) fn split(&self, telemetry: &Telemetry) -> (BTreeMap<String, Telemetry>, usize) {
        let places = places(telemetry, &self.attribute);
        let mut parts = BTreeMap::new();
        for place in places.iter().flatten() {
            if !parts.contains_key(place) {
                parts.insert(place.clone(), only(telemetry, &places, place));
            }
        }
        let placed: usize = parts.values().map(Telemetry::item_count).sum();
        (parts, telemetry.item_count().saturating_sub(placed))
    }

    /// Where a file is.
    pub(crate) fn path(&self, place: &str) -> PathBuf {
        format!("{}{place}{}", self.before, self.after).into()
    }

    /// The file, and whether what it holds was written by this exporter. Blocks.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or another exporter has it.
    pub(crate) fn output(&self, place: &str) -> Result<(Arc<Output>, bool), ClaimError> {
        let mut open = self.open.lock();
        open.uses += 1;
        let now = open.uses;
        if let Some((output, used)) = open.files.get_mut(place) {
            *used = now;
            return Ok((Arc::clone(output), true));
        }
        if open.files.len() >= self.most {
            let oldest = open.files.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(place, _)| place.clone()) {
                open.files.remove(&oldest);
            }
        }
        let path = self.path(place);
        if let Some(folder) = path.parent() {
            // Where it cannot be made, opening the file says so.
            std::fs::create_dir_all(folder).ok();
        }
        let output = self.outputs.claim(&path, &self.owner)?;
        open.files.insert(place.to_owned(), (Arc::clone(&output), now));
        let is_new = open.begun.insert(place.to_owned());
        Ok((output, !is_new))
    }
}

/// What stands for the `*`, for each resource in turn.
fn places(telemetry: &Telemetry, attribute: &str) -> Vec<Option<String>> {
    macro_rules! each {
        ($it:expr) => {
            $it.resources()
                .map(|group| group.attributes().get(attribute)?.as_str().and_then(clean))
                .collect()
        };
    }
    match telemetry {
        Telemetry::Traces(it) => each!(it),
        Telemetry::Metrics(it) => each!(it),
        Telemetry::Logs(it) => each!(it),
    }
}

/// The resources of one place.
fn only(telemetry: &Telemetry, places: &[Option<String>], place: &str) -> Telemetry {
    let mut places = places.iter();
    let mut keep = || places.next().is_some_and(|other| other.as_deref() == Some(place));
    let mut part = telemetry.clone();
    match &mut part {
        Telemetry::Traces(it) => it.retain_resources(|_| keep()),
        Telemetry::Metrics(it) => it.retain_resources(|_| keep()),
        Telemetry::Logs(it) => it.retain_resources(|_| keep()),
    }
    part
}

/// A value as a part of a path, which never leads out of the folder.
fn clean(value: &str) -> Option<String> {
    let mut steps = Vec::new();
    for step in value.split(['/', '\\']) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    Some(steps.join("/")).filter(|place| !place.is_empty() && !place.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_leads_nowhere_else() {
        for (value, place) in [
            ("one", Some("one")),
            (".././two/two", Some("two/two")),
            ("a/../../b", Some("b")),
            ("..\\..\\c", Some("c")),
            ("/", None),
            ("..", None),
        ] {
            assert_eq!(clean(value).as_deref(), place, "{value}");
        }
    }
}
