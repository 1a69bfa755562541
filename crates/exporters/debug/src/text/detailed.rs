//! `verbosity: detailed`: everything that the data says.

use pdata::{
    Attributes, LogRecord, Metric, MetricKind, Resource, Scope, Span, SpanKind, StatusCode,
    Telemetry, Temporality,
};

use super::Page;
use crate::number::timestamp;
use crate::value::typed;

/// The telemetry, a line for each field.
pub(crate) fn detailed(telemetry: &Telemetry) -> String {
    let mut page = Page::default();
    match telemetry {
        Telemetry::Traces(traces) => {
            for (at, group) in traces.resources().enumerate() {
                page.resource_block("ResourceSpans", at, group.schema_url(), group.resource());
                for (at, group) in group.scopes().enumerate() {
                    page.scope_block("ScopeSpans", at, group.schema_url(), group.scope());
                    for (at, span) in group.spans().enumerate() {
                        page.span(at, span);
                    }
                }
            }
        }
        Telemetry::Metrics(metrics) => {
            for (at, group) in metrics.resources().enumerate() {
                page.resource_block("ResourceMetrics", at, group.schema_url(), group.resource());
                for (at, group) in group.scopes().enumerate() {
                    page.scope_block("ScopeMetrics", at, group.schema_url(), group.scope());
                    for (at, metric) in group.metrics().enumerate() {
                        page.descriptor(at, metric);
                        page.points(metric.points());
                    }
                }
            }
        }
        Telemetry::Logs(logs) => {
            for (at, group) in logs.resources().enumerate() {
                page.resource_block("ResourceLog", at, group.schema_url(), group.resource());
                for (at, group) in group.scopes().enumerate() {
                    page.scope_block("ScopeLogs", at, group.schema_url(), group.scope());
                    for (at, record) in group.log_records().enumerate() {
                        page.log_record(at, record);
                    }
                }
            }
        }
    }
    page.0
}

impl Page {
    fn resource_block(&mut self, title: &str, at: usize, url: &str, resource: Resource<'_>) {
        self.line(format_args!("{title} #{at}"));
        self.line(format_args!("Resource SchemaURL: {url}"));
        self.attributes("", "Resource attributes", resource.attributes());
        let mut refs = resource.entity_refs().enumerate().peekable();
        if refs.peek().is_some() {
            self.line(format_args!("Resource entity refs:"));
        }
        for (at, entity) in refs {
            self.line(format_args!("     -> Entity ref #{at}:"));
            self.line(format_args!("          -> Type: {}", entity.entity_type()));
            if !entity.schema_url().is_empty() {
                self.line(format_args!("          -> Schema URL: {}", entity.schema_url()));
            }
            self.keys("ID keys", entity.id_keys());
            self.keys("Description keys", entity.description_keys());
        }
    }

    fn keys<'a>(&mut self, title: &str, keys: impl Iterator<Item = &'a str>) {
        let mut keys = keys.peekable();
        if keys.peek().is_some() {
            self.line(format_args!("          -> {title}:"));
        }
        for key in keys {
            self.line(format_args!("               -> {key}"));
        }
    }

    fn scope_block(&mut self, title: &str, at: usize, url: &str, scope: Scope<'_>) {
        self.line(format_args!("{title} #{at}"));
        self.line(format_args!("{title} SchemaURL: {url}"));
        self.line(format_args!("InstrumentationScope {} {}", scope.name(), scope.version()));
        self.attributes("", "InstrumentationScope attributes", scope.attributes());
    }

    /// A block of attributes, unless there are none. `indent` comes before every line.
    pub(super) fn attributes(&mut self, indent: &str, title: &str, attributes: Attributes<'_>) {
        if !attributes.is_empty() {
            self.line(format_args!("{indent}{title}:"));
        }
        for (key, value) in attributes {
            self.line(format_args!("{indent}     -> {key}: {}", typed(value)));
        }
    }

    fn log_record(&mut self, at: usize, record: LogRecord<'_>) {
        self.line(format_args!("LogRecord #{at}"));
        self.line(format_args!(
            "ObservedTimestamp: {}",
            timestamp(record.observed_time_unix_nano())
        ));
        self.line(format_args!("Timestamp: {}", timestamp(record.time_unix_nano())));
        self.line(format_args!("SeverityText: {}", record.severity_text()));
        self.line(format_args!("SeverityNumber: {}", severity(record.severity_number())));
        if !record.event_name().is_empty() {
            self.line(format_args!("EventName: {}", record.event_name()));
        }
        self.line(format_args!("Body: {}", typed(record.body())));
        self.attributes("", "Attributes", record.attributes());
        self.line(format_args!("Trace ID: {}", record.trace_id()));
        self.line(format_args!("Span ID: {}", record.span_id()));
        self.line(format_args!("Flags: {}", record.flags()));
    }

    fn span(&mut self, at: usize, span: Span<'_>) {
        self.line(format_args!("Span #{at}"));
        self.line(format_args!("    Trace ID       : {}", span.trace_id()));
        self.line(format_args!("    Parent ID      : {}", span.parent_span_id()));
        self.line(format_args!("    ID             : {}", span.span_id()));
        self.line(format_args!("    Name           : {}", span.name()));
        self.line(format_args!("    Kind           : {}", span_kind(span.kind())));
        if !span.trace_state().is_empty() {
            self.line(format_args!("    TraceState     : {}", span.trace_state()));
        }
        self.line(format_args!("    Start time     : {}", timestamp(span.start_time_unix_nano())));
        self.line(format_args!("    End time       : {}", timestamp(span.end_time_unix_nano())));
        self.line(format_args!("    Status code    : {}", status_code(span.status_code())));
        self.line(format_args!("    Status message : {}", span.status_message()));
        self.line(format_args!("    DroppedAttributesCount: {}", span.dropped_attributes_count()));
        self.line(format_args!("    DroppedEventsCount: {}", span.dropped_events_count()));
        self.line(format_args!("    DroppedLinksCount: {}", span.dropped_links_count()));
        self.attributes("", "Attributes", span.attributes());
        self.events(span);
        self.links(span);
    }

    fn events(&mut self, span: Span<'_>) {
        for (at, event) in span.events().enumerate() {
            if at == 0 {
                self.line(format_args!("Events:"));
            }
            self.line(format_args!("SpanEvent #{at}"));
            self.line(format_args!("     -> Name: {}", event.name()));
            self.line(format_args!("     -> Timestamp: {}", timestamp(event.time_unix_nano())));
            self.line(format_args!(
                "     -> DroppedAttributesCount: {}",
                event.dropped_attributes_count()
            ));
            self.attributes("     ", "-> Attributes:", event.attributes());
        }
    }

    fn links(&mut self, span: Span<'_>) {
        for (at, link) in span.links().enumerate() {
            if at == 0 {
                self.line(format_args!("Links:"));
            }
            self.line(format_args!("SpanLink #{at}"));
            self.line(format_args!("     -> Trace ID: {}", link.trace_id()));
            self.line(format_args!("     -> ID: {}", link.span_id()));
            self.line(format_args!("     -> TraceState: {}", link.trace_state()));
            self.line(format_args!(
                "     -> DroppedAttributesCount: {}",
                link.dropped_attributes_count()
            ));
            self.attributes("     ", "-> Attributes:", link.attributes());
        }
    }

    fn descriptor(&mut self, at: usize, metric: Metric<'_>) {
        let kind = metric.kind();
        self.line(format_args!("Metric #{at}"));
        self.line(format_args!("Descriptor:"));
        self.line(format_args!("     -> Name: {}", metric.name()));
        self.line(format_args!("     -> Description: {}", metric.description()));
        self.line(format_args!("     -> Unit: {}", metric.unit()));
        self.line(format_args!("     -> DataType: {kind:?}"));
        self.attributes("     ", "-> Metadata", metric.metadata());
        if kind == MetricKind::Sum {
            self.line(format_args!("     -> IsMonotonic: {}", metric.is_monotonic()));
        }
        if matches!(
            kind,
            MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram
        ) {
            self.line(format_args!(
                "     -> AggregationTemporality: {}",
                temporality(metric.temporality())
            ));
        }
    }
}

/// Upstream's name of a severity with its number: `Info(9)`.
fn severity(number: i32) -> String {
    const NAMES: [&str; 6] = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"];
    match number {
        0 => "Unspecified(0)".to_owned(),
        1..=24 => {
            let step = number.cast_unsigned() - 1;
            let name = NAMES[(step / 4) as usize];
            match step % 4 {
                0 => format!("{name}({number})"),
                within => format!("{name}{}({number})", within + 1),
            }
        }
        _ => format!("({number})"),
    }
}

fn span_kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
        SpanKind::Other(_) => "",
    }
}

fn status_code(code: StatusCode) -> &'static str {
    match code {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
        StatusCode::Other(_) => "",
    }
}

fn temporality(temporality: Temporality) -> &'static str {
    match temporality {
        Temporality::Unspecified => "Unspecified",
        Temporality::Delta => "Delta",
        Temporality::Cumulative => "Cumulative",
        Temporality::Other(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::severity;

    #[test]
    fn severities_have_upstreams_names() {
        let names = [0, 1, 4, 9, 12, 17, 24, 25].map(severity);
        let expected = [
            "Unspecified(0)",
            "Trace(1)",
            "Trace4(4)",
            "Info(9)",
            "Info4(12)",
            "Error(17)",
            "Fatal4(24)",
            "(25)",
        ];
        assert_eq!(names, expected);
    }
}
