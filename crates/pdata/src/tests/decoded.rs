//! Telemetry as another implementation decodes it.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;

use super::arbitrary;
use crate::{Signal, Telemetry};

/// A decoded export request.
#[derive(Clone, Debug)]
pub(super) enum Decoded {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

impl Decoded {
    pub(super) fn decode(signal: Signal, body: &[u8]) -> Result<Self, prost::DecodeError> {
        Ok(match signal {
            Signal::Traces => Self::Traces(Message::decode(body)?),
            Signal::Metrics => Self::Metrics(Message::decode(body)?),
            Signal::Logs => Self::Logs(Message::decode(body)?),
        })
    }

    pub(super) fn of(telemetry: &Telemetry) -> Self {
        Self::decode(telemetry.signal(), &telemetry.to_otlp().into_bytes()).unwrap()
    }

    pub(super) fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Metrics(_) => Signal::Metrics,
            Self::Logs(_) => Signal::Logs,
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        match self {
            Self::Traces(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
            Self::Logs(request) => request.encode_to_vec(),
        }
        .into()
    }

    pub(super) fn telemetry(&self) -> Telemetry {
        Telemetry::from_otlp(self.signal(), self.encode()).unwrap()
    }

    /// Each item with everything around it, as bytes.
    pub(super) fn items(&self) -> Vec<Vec<Vec<u8>>> {
        let mut items = Vec::new();
        macro_rules! each {
            ($request:ident.$groups:ident.$scopes:ident.$records:ident, $resource:ident, $scope:ident, $record:ident => $run:expr) => {
                for group in &$request.$groups {
                    let $resource = encoded(&group.resource, &group.schema_url);
                    for scope_group in &group.$scopes {
                        let $scope = encoded(&scope_group.scope, &scope_group.schema_url);
                        for $record in &scope_group.$records {
                            $run;
                        }
                    }
                }
            };
        }
        match self {
            Self::Traces(request) => {
                each!(request.resource_spans.scope_spans.spans, resource, scope, span =>
                items.push(vec![resource.clone(), scope.clone(), span.encode_to_vec()]))
            }
            Self::Logs(request) => {
                each!(request.resource_logs.scope_logs.log_records, resource, scope, record =>
                items.push(vec![resource.clone(), scope.clone(), record.encode_to_vec()]))
            }
            Self::Metrics(request) => {
                each!(request.resource_metrics.scope_metrics.metrics, resource, scope, metric => {
                    let (header, points) = metric_parts(metric);
                    items.extend(points.into_iter().map(|point| vec![resource.clone(), scope.clone(), header.clone(), point]));
                })
            }
        }
        items
    }

    pub(super) fn metric_count(&self) -> usize {
        let Self::Metrics(request) = self else { return 0 };
        let groups = request.resource_metrics.iter().flat_map(|group| &group.scope_metrics);
        groups.map(|group| group.metrics.len()).sum()
    }

    pub(super) fn resource_count(&self) -> usize {
        match self {
            Self::Traces(request) => request.resource_spans.len(),
            Self::Metrics(request) => request.resource_metrics.len(),
            Self::Logs(request) => request.resource_logs.len(),
        }
    }

    /// Sets every singular message, as JSON does when it is written.
    pub(super) fn fill(&mut self) {
        match self {
            Self::Traces(request) => {
                for group in &mut request.resource_spans {
                    fill_resource(&mut group.resource);
                    for group in &mut group.scope_spans {
                        fill_attributes(&mut group.scope.get_or_insert_default().attributes);
                        for span in &mut group.spans {
                            span.status.get_or_insert_default();
                            fill_attributes(&mut span.attributes);
                            span.events
                                .iter_mut()
                                .for_each(|event| fill_attributes(&mut event.attributes));
                            span.links
                                .iter_mut()
                                .for_each(|link| fill_attributes(&mut link.attributes));
                        }
                    }
                }
            }
            Self::Logs(request) => {
                for group in &mut request.resource_logs {
                    fill_resource(&mut group.resource);
                    for group in &mut group.scope_logs {
                        fill_attributes(&mut group.scope.get_or_insert_default().attributes);
                        for record in &mut group.log_records {
                            fill_value(record.body.get_or_insert_default());
                            fill_attributes(&mut record.attributes);
                        }
                    }
                }
            }
            Self::Metrics(request) => {
                for group in &mut request.resource_metrics {
                    fill_resource(&mut group.resource);
                    for group in &mut group.scope_metrics {
                        fill_attributes(&mut group.scope.get_or_insert_default().attributes);
                        group.metrics.iter_mut().for_each(fill_metric);
                    }
                }
            }
        }
    }
}

fn fill_resource(resource: &mut Option<Resource>) {
    fill_attributes(&mut resource.get_or_insert_default().attributes);
}

fn fill_metric(metric: &mut Metric) {
    fill_attributes(&mut metric.metadata);
    macro_rules! points {
        ($data:expr $(, $exemplars:ident)?) => {
            for point in &mut $data.data_points {
                fill_attributes(&mut point.attributes);
                $(point.$exemplars.iter_mut().for_each(|exemplar| fill_attributes(&mut exemplar.filtered_attributes));)?
            }
        };
    }
    match &mut metric.data {
        Some(Data::Gauge(gauge)) => points!(gauge, exemplars),
        Some(Data::Sum(sum)) => points!(sum, exemplars),
        Some(Data::Histogram(histogram)) => points!(histogram, exemplars),
        Some(Data::ExponentialHistogram(histogram)) => {
            points!(histogram, exemplars);
            for point in &mut histogram.data_points {
                point.positive.get_or_insert_default();
                point.negative.get_or_insert_default();
            }
        }
        Some(Data::Summary(summary)) => points!(summary),
        None => {}
    }
}

fn fill_attributes(attributes: &mut [KeyValue]) {
    attributes.iter_mut().for_each(|attribute| fill_value(attribute.value.get_or_insert_default()));
}

fn fill_value(value: &mut AnyValue) {
    match &mut value.value {
        Some(any_value::Value::ArrayValue(array)) => array.values.iter_mut().for_each(fill_value),
        Some(any_value::Value::KvlistValue(list)) => fill_attributes(&mut list.values),
        _ => {}
    }
}

fn encoded(message: &Option<impl Message>, schema_url: &str) -> Vec<u8> {
    let mut bytes = message.as_ref().map(Message::encode_to_vec).unwrap_or_default();
    bytes.extend_from_slice(schema_url.as_bytes());
    bytes
}

/// A metric without its points, and its points.
fn metric_parts(metric: &Metric) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut header = metric.clone();
    macro_rules! take {
        ($data:expr) => {
            std::mem::take(&mut $data.data_points).iter().map(Message::encode_to_vec).collect()
        };
    }
    let points = match &mut header.data {
        Some(Data::Gauge(data)) => take!(data),
        Some(Data::Sum(data)) => take!(data),
        Some(Data::Histogram(data)) => take!(data),
        Some(Data::ExponentialHistogram(data)) => take!(data),
        Some(Data::Summary(data)) => take!(data),
        None => Vec::new(),
    };
    (header.encode_to_vec(), points)
}

/// Any request of any signal.
pub(super) fn any_request() -> impl Strategy<Value = Decoded> {
    prop_oneof![
        arbitrary::traces().prop_map(Decoded::Traces),
        arbitrary::metrics().prop_map(Decoded::Metrics),
        arbitrary::logs().prop_map(Decoded::Logs),
    ]
}
