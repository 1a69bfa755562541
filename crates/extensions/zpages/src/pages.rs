//! What the pages show.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Local, SecondsFormat};
use component::ledger::{ComponentName, Ledger, Numbers};
use component::memory::resident_memory;
use component::overview::{Overview, Pipeline, Running};
use component::{BuildInfo, Kind, MemoryAccount, Process, Status, StatusEvent, StatusReporter};

use crate::html::Html;

/// What the pages are made from.
pub(crate) struct Pages {
    build: BuildInfo,
    overview: Arc<Overview>,
    ledger: Arc<Ledger>,
    memory: Arc<MemoryAccount>,
}

impl Pages {
    pub(crate) fn new(process: &Process, build: BuildInfo) -> Self {
        let (overview, ledger, memory) = (process.table(), process.table(), process.memory());
        Self { build, overview, ledger, memory }
    }

    /// The build, the process, and how it is on the whole.
    pub(crate) fn service(&self) -> String {
        let running = self.overview.running();
        let started = self.overview.started();
        let mut html = Html::page("Service");
        html.element("h2", "Build");
        html.raw("<table>");
        row(&mut html, "Command", &self.build.command);
        row(&mut html, "Description", &self.build.description);
        row(&mut html, "Version", &self.build.version);
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        row(&mut html, "Platform", &platform);
        html.raw("</table>\n").element("h2", "Process");
        html.raw("<table>");
        row(&mut html, "State", if running.ready { "ready" } else { "not ready" });
        row(&mut html, "Started", &time(DateTime::from(started)));
        row(&mut html, "Uptime", &age(started.elapsed().unwrap_or_default()));
        row(&mut html, "Process id", &std::process::id().to_string());
        if let Some(resident) = resident_memory() {
            row(&mut html, "Resident memory", &mebibytes(resident));
        }
        let (used, limit) = (self.memory.used(), self.memory.limit());
        let account = format!("{} of at most {}", mebibytes(used), mebibytes(limit));
        row(&mut html, "Telemetry in memory", &account);
        html.raw("</table>\n").element("h2", "Components that are not well");
        let unwell = running.components.iter().filter(|(_, it)| it.event().status != Status::Ok);
        self.components(&mut html, unwell.map(Shown::of), "All components are well.");
        html.finish()
    }

    /// Every pipeline, with its components in the order of the data.
    pub(crate) fn pipelines(&self) -> String {
        let running = self.overview.running();
        let mut html = Html::page("Pipelines");
        if running.pipelines.is_empty() {
            html.element("p", "No pipelines run.");
        }
        for pipeline in &running.pipelines {
            html.element("h2", &pipeline.id);
            let shown = members(pipeline, &running);
            self.components(&mut html, shown.into_iter(), "");
        }
        html.raw("<p class=\"quiet\">")
            .text(
                "Numbers are items (spans, data points, log records) of the pipeline's signal since the process started. \
                 Receivers, exporters and connectors exist once, so pipelines of one signal that share them show the same numbers.",
            )
            .raw("</p>\n");
        html.finish()
    }

    /// The extensions, and the agent's own telemetry, which runs as one.
    pub(crate) fn extensions(&self) -> String {
        let running = self.overview.running();
        let mut html = Html::page("Extensions");
        let extensions = running.components.iter().filter(|(it, _)| it.kind == Kind::Extension);
        self.components(&mut html, extensions.map(Shown::of), "No extensions run.");
        html.finish()
    }

    /// There are none.
    pub(crate) fn features(&self) -> String {
        let mut html = Html::page("Features");
        html.element("p", "This agent has no feature gates.");
        html.finish()
    }

    fn components<'a>(
        &self,
        html: &mut Html,
        shown: impl Iterator<Item = Shown<'a>>,
        none: &'static str,
    ) {
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            html.element("p", none);
            return;
        }
        html.raw("<table><tr><th>Component</th><th>Status</th><th>Since</th>");
        html.raw("<th class=\"number\">In</th><th class=\"number\">Out</th>");
        html.raw("<th class=\"number\">Refused</th><th class=\"number\">Dropped</th>");
        html.raw("<th class=\"number\">In flight</th></tr>\n");
        for component in shown {
            html.raw("<tr>");
            component.write(html);
            self.numbers(html, &component);
            html.raw("</tr>\n");
        }
        html.raw("</table>\n");
    }

    /// The numbers of a component: of one signal, or of all.
    fn numbers(&self, html: &mut Html, component: &Shown<'_>) {
        let entries = self.ledger.entries();
        let of_component = entries.iter().filter(|(name, signal, _)| {
            *name == *component.name
                && component.signal.is_none_or(|wanted| wanted == signal.to_string())
        });
        let mut sum = Numbers::default();
        let mut in_flight = 0;
        for (_, _, entry) in of_component {
            let numbers = entry.numbers();
            sum.taken += numbers.taken;
            sum.refused += numbers.refused;
            sum.out += numbers.out;
            for (reason, count) in numbers.created {
                *sum.created.entry(reason).or_default() += count;
            }
            for (reason, count) in numbers.dropped {
                *sum.dropped.entry(reason).or_default() += count;
            }
            in_flight += entry.in_flight();
        }
        let created: u64 = sum.created.values().sum();
        let dropped: u64 = sum.dropped.values().sum();
        html.number(sum.taken + created).number(sum.out).number(sum.refused);
        html.raw("<td class=\"number\">").text(dropped);
        for (reason, count) in sum.dropped {
            html.raw("<small>").text(format_args!("{reason}: {count}")).raw("</small>");
        }
        html.raw("</td>").number(in_flight);
    }
}

/// A component in a table.
struct Shown<'a> {
    name: &'a ComponentName,
    status: StatusEvent,
    /// The signal whose numbers are shown; `None` for all.
    signal: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of((name, status): &'a (ComponentName, StatusReporter)) -> Self {
        Self { name, status: status.event(), signal: None }
    }

    fn write(&self, html: &mut Html) {
        let StatusEvent { status, error, since } = &self.status;
        html.raw("<td>").text(self.name.kind).raw(" ");
        html.raw("<b>").text(&self.name.id).raw("</b>");
        if let Some(pipeline) = self.name.pipeline.as_ref().filter(|_| self.signal.is_none()) {
            html.raw("<small>").text(pipeline).raw("</small>");
        }
        html.raw(match status {
            Status::Ok => "</td><td class=\"good\">",
            Status::None | Status::Starting | Status::Stopping | Status::Stopped => {
                "</td><td class=\"quiet\">"
            }
            Status::RecoverableError | Status::PermanentError | Status::FatalError => {
                "</td><td class=\"bad\">"
            }
        });
        html.text(status);
        if let Some(error) = error {
            html.raw("<small>").text(error).raw("</small>");
        }
        let passed = since.elapsed();
        html.raw("</td><td>").text(format_args!("{} ago", age(passed)));
        html.raw("<small>").text(time(Local::now() - passed)).raw("</small></td>");
    }
}

/// The components of a pipeline, in the order of the data. An id among receivers or exporters may be a connector's.
fn members<'a>(pipeline: &'a Pipeline, running: &'a Running) -> Vec<Shown<'a>> {
    let signal = pipeline.id.split('/').next().unwrap_or_default();
    let lists = [
        (Kind::Receiver, &pipeline.receivers),
        (Kind::Processor, &pipeline.processors),
        (Kind::Exporter, &pipeline.exporters),
    ];
    let ids = lists.into_iter().flat_map(|(kind, ids)| ids.iter().map(move |id| (kind, id)));
    let found = ids.flat_map(|(kind, id)| {
        let of_id = running.components.iter().filter(move |(it, _)| it.id.to_string() == *id);
        of_id.filter(move |(it, _)| match it.kind {
            Kind::Processor => kind == it.kind && it.pipeline.as_ref() == Some(&pipeline.id),
            Kind::Connector => connects(it, kind, signal),
            other => kind == other,
        })
    });
    found.map(|it| Shown { signal: Some(signal), ..Shown::of(it) }).collect()
}

/// Whether a connector stands at this end of pipelines of the signal. Its name tells what it connects.
fn connects(name: &ComponentName, end: Kind, signal: &str) -> bool {
    let pair = name.pipeline.as_deref().and_then(|pair| pair.split_once(" to "));
    pair.is_some_and(|(from, to)| match end {
        Kind::Receiver => to == signal,
        Kind::Exporter => from == signal,
        _ => false,
    })
}

fn row(html: &mut Html, name: &'static str, value: &str) {
    html.raw("<tr><th>").raw(name).raw("</th><td>").text(value).raw("</td></tr>\n");
}

fn time(time: DateTime<Local>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The two largest units of a time that has passed.
fn age(passed: Duration) -> String {
    let seconds = passed.as_secs();
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// With one decimal.
fn mebibytes(bytes: usize) -> String {
    let tenths = bytes / ((1 << 20) / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        for (seconds, text) in
            [(0, "0 s"), (61, "1 min 1 s"), (3_660, "1 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
        assert_eq!(mebibytes(48 << 20), "48.0 MiB");
        assert_eq!(mebibytes(1_600_000), "1.5 MiB");
    }
}
