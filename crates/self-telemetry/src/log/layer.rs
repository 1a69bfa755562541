//! From events to lines.

use component::Kind;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Log;
use super::line::Fields;

/// The component that a line comes from. The engine's spans around components are called after their kind and have the
/// field `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) kind: Kind,
    pub(super) id: String,
}

impl Component {
    /// The kind that a span is called after.
    pub(super) fn kind(span: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| match kind {
            Kind::Receiver => span == "receiver",
            Kind::Processor => span == "processor",
            Kind::Exporter => span == "exporter",
            Kind::Connector => span == "connector",
            Kind::Extension => span == "extension",
        })
    }

    /// The innermost component around what happens now.
    pub(super) fn around<S>(context: &Context<'_, S>) -> Option<Self>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let current = context.lookup_current()?;
        current.scope().find_map(|span| span.extensions().get::<Self>().cloned())
    }

    /// Keeps a component with the span that was made for it.
    pub(super) fn remember<S>(attributes: &Attributes<'_>, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(kind) = Self::kind(attributes.metadata().name()) else { return };
        let Some(span) = context.span(id) else { return };
        let mut name = Name(None);
        attributes.record(&mut name);
        if let Name(Some(id)) = name {
            span.extensions_mut().replace(Self { kind, id });
        }
    }
}

/// Picks the field `id`.
struct Name(Option<String>);

impl Visit for Name {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "id" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// Writes every event that the filter lets through.
pub(super) struct LogLayer(pub(super) Log);

/// The fields of a span, for the lines of the events within.
struct SpanFields(Fields);

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(SpanFields(fields.of_span(span.name())));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let current = self.0.shared.current.load();
        let level = *event.metadata().level();
        let sampler = current.sampler.as_ref();
        if sampler.is_some_and(|sampler| !sampler.passes(level, own.message())) {
            return;
        }
        let mut fields = Fields::default();
        let scope = context.event_scope(event);
        for span in scope.into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(SpanFields(of_span)) = span.extensions().get() {
                fields.extend(of_span);
            }
        }
        fields.take_over(own);
        for (output, style) in &current.outputs {
            output.write(style.line(event.metadata(), &fields).as_bytes());
        }
    }
}
