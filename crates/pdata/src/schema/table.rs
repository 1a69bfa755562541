//! The table itself, in the order of the `.proto` files.

use super::Kind::{
    Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int32, Int64, Message as Msg, Sfixed64,
    Sint32, Str, Uint32, Uint64,
};
use super::{Field, Message, Presence, Role};

macro_rules! messages {
    ($($id:ident $name:literal $role:ident { $($number:literal $json:literal $snake:literal $kind:expr, $presence:ident;)* })*) => {
        $(
            pub(super) static $id: Message = Message::new($name, Role::$role, &[
                $(Field {
                    number: $number,
                    json: $json,
                    name: $snake,
                    kind: $kind,
                    presence: Presence::$presence,
                },)*
            ]);
        )*
    };
}

messages! {
    TRACES "traces" Part {
        1 "resourceSpans" "resource_spans" Msg(&RESOURCE_SPANS), Repeated;
    }
    RESOURCE_SPANS "resource_spans" Resource {
        1 "resource" "resource" Msg(&RESOURCE), Explicit;
        2 "scopeSpans" "scope_spans" Msg(&SCOPE_SPANS), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    SCOPE_SPANS "scope_spans" Part {
        1 "scope" "scope" Msg(&SCOPE), Explicit;
        2 "spans" "spans" Msg(&SPAN), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    SPAN "span" Item {
        1 "traceId" "trace_id" Id(16), Implicit;
        2 "spanId" "span_id" Id(8), Implicit;
        3 "traceState" "trace_state" Str, Implicit;
        4 "parentSpanId" "parent_span_id" Id(8), Implicit;
        16 "flags" "flags" Fixed32, Implicit;
        5 "name" "name" Str, Implicit;
        6 "kind" "kind" Enum(SPAN_KIND), Implicit;
        7 "startTimeUnixNano" "start_time_unix_nano" Fixed64, Implicit;
        8 "endTimeUnixNano" "end_time_unix_nano" Fixed64, Implicit;
        9 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        10 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
        11 "events" "events" Msg(&EVENT), Repeated;
        12 "droppedEventsCount" "dropped_events_count" Uint32, Implicit;
        13 "links" "links" Msg(&LINK), Repeated;
        14 "droppedLinksCount" "dropped_links_count" Uint32, Implicit;
        15 "status" "status" Msg(&STATUS), Explicit;
    }
    EVENT "event" Part {
        1 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        2 "name" "name" Str, Implicit;
        3 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        4 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
    }
    LINK "link" Part {
        1 "traceId" "trace_id" Id(16), Implicit;
        2 "spanId" "span_id" Id(8), Implicit;
        3 "traceState" "trace_state" Str, Implicit;
        4 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        5 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
        6 "flags" "flags" Fixed32, Implicit;
    }
    STATUS "status" Part {
        2 "message" "message" Str, Implicit;
        3 "code" "code" Enum(STATUS_CODE), Implicit;
    }

    METRICS "metrics" Part {
        1 "resourceMetrics" "resource_metrics" Msg(&RESOURCE_METRICS), Repeated;
    }
    RESOURCE_METRICS "resource_metrics" Resource {
        1 "resource" "resource" Msg(&RESOURCE), Explicit;
        2 "scopeMetrics" "scope_metrics" Msg(&SCOPE_METRICS), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    SCOPE_METRICS "scope_metrics" Part {
        1 "scope" "scope" Msg(&SCOPE), Explicit;
        2 "metrics" "metrics" Msg(&METRIC), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    METRIC "metric" Metric {
        1 "name" "name" Str, Implicit;
        2 "description" "description" Str, Implicit;
        3 "unit" "unit" Str, Implicit;
        5 "gauge" "gauge" Msg(&GAUGE), Oneof;
        7 "sum" "sum" Msg(&SUM), Oneof;
        9 "histogram" "histogram" Msg(&HISTOGRAM), Oneof;
        10 "exponentialHistogram" "exponential_histogram" Msg(&EXPONENTIAL_HISTOGRAM), Oneof;
        11 "summary" "summary" Msg(&SUMMARY), Oneof;
        12 "metadata" "metadata" Msg(&KEY_VALUE), Repeated;
    }
    GAUGE "gauge" Part {
        1 "dataPoints" "data_points" Msg(&NUMBER_POINT), Repeated;
    }
    SUM "sum" Part {
        1 "dataPoints" "data_points" Msg(&NUMBER_POINT), Repeated;
        2 "aggregationTemporality" "aggregation_temporality" Enum(TEMPORALITY), Implicit;
        3 "isMonotonic" "is_monotonic" Bool, Implicit;
    }
    HISTOGRAM "histogram" Part {
        1 "dataPoints" "data_points" Msg(&HISTOGRAM_POINT), Repeated;
        2 "aggregationTemporality" "aggregation_temporality" Enum(TEMPORALITY), Implicit;
    }
    EXPONENTIAL_HISTOGRAM "exponential_histogram" Part {
        1 "dataPoints" "data_points" Msg(&EXPONENTIAL_POINT), Repeated;
        2 "aggregationTemporality" "aggregation_temporality" Enum(TEMPORALITY), Implicit;
    }
    SUMMARY "summary" Part {
        1 "dataPoints" "data_points" Msg(&SUMMARY_POINT), Repeated;
    }
    NUMBER_POINT "data_point" Item {
        7 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        2 "startTimeUnixNano" "start_time_unix_nano" Fixed64, Implicit;
        3 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        4 "asDouble" "as_double" Double, Oneof;
        6 "asInt" "as_int" Sfixed64, Oneof;
        5 "exemplars" "exemplars" Msg(&EXEMPLAR), Repeated;
        8 "flags" "flags" Uint32, Implicit;
    }
    HISTOGRAM_POINT "data_point" Item {
        9 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        2 "startTimeUnixNano" "start_time_unix_nano" Fixed64, Implicit;
        3 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        4 "count" "count" Fixed64, Implicit;
        5 "sum" "sum" Double, Explicit;
        6 "bucketCounts" "bucket_counts" Fixed64, Repeated;
        7 "explicitBounds" "explicit_bounds" Double, Repeated;
        8 "exemplars" "exemplars" Msg(&EXEMPLAR), Repeated;
        10 "flags" "flags" Uint32, Implicit;
        11 "min" "min" Double, Explicit;
        12 "max" "max" Double, Explicit;
    }
    EXPONENTIAL_POINT "data_point" Item {
        1 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        2 "startTimeUnixNano" "start_time_unix_nano" Fixed64, Implicit;
        3 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        4 "count" "count" Fixed64, Implicit;
        5 "sum" "sum" Double, Explicit;
        6 "scale" "scale" Sint32, Implicit;
        7 "zeroCount" "zero_count" Fixed64, Implicit;
        8 "positive" "positive" Msg(&BUCKETS), Explicit;
        9 "negative" "negative" Msg(&BUCKETS), Explicit;
        10 "flags" "flags" Uint32, Implicit;
        11 "exemplars" "exemplars" Msg(&EXEMPLAR), Repeated;
        12 "min" "min" Double, Explicit;
        13 "max" "max" Double, Explicit;
        14 "zeroThreshold" "zero_threshold" Double, Implicit;
    }
    BUCKETS "buckets" Part {
        1 "offset" "offset" Sint32, Implicit;
        2 "bucketCounts" "bucket_counts" Uint64, Repeated;
    }
    SUMMARY_POINT "data_point" Item {
        7 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        2 "startTimeUnixNano" "start_time_unix_nano" Fixed64, Implicit;
        3 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        4 "count" "count" Fixed64, Implicit;
        5 "sum" "sum" Double, Implicit;
        6 "quantileValues" "quantile_values" Msg(&QUANTILE), Repeated;
        8 "flags" "flags" Uint32, Implicit;
    }
    QUANTILE "quantile_value" Part {
        1 "quantile" "quantile" Double, Implicit;
        2 "value" "value" Double, Implicit;
    }
    EXEMPLAR "exemplar" Part {
        7 "filteredAttributes" "filtered_attributes" Msg(&KEY_VALUE), Repeated;
        2 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        3 "asDouble" "as_double" Double, Oneof;
        6 "asInt" "as_int" Sfixed64, Oneof;
        4 "spanId" "span_id" Id(8), Implicit;
        5 "traceId" "trace_id" Id(16), Implicit;
    }

    LOGS "logs" Part {
        1 "resourceLogs" "resource_logs" Msg(&RESOURCE_LOGS), Repeated;
    }
    RESOURCE_LOGS "resource_logs" Resource {
        1 "resource" "resource" Msg(&RESOURCE), Explicit;
        2 "scopeLogs" "scope_logs" Msg(&SCOPE_LOGS), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    SCOPE_LOGS "scope_logs" Part {
        1 "scope" "scope" Msg(&SCOPE), Explicit;
        2 "logRecords" "log_records" Msg(&LOG_RECORD), Repeated;
        3 "schemaUrl" "schema_url" Str, Implicit;
    }
    LOG_RECORD "log_record" Item {
        1 "timeUnixNano" "time_unix_nano" Fixed64, Implicit;
        11 "observedTimeUnixNano" "observed_time_unix_nano" Fixed64, Implicit;
        2 "severityNumber" "severity_number" Enum(SEVERITY_NUMBER), Implicit;
        3 "severityText" "severity_text" Str, Implicit;
        5 "body" "body" Msg(&ANY_VALUE), Explicit;
        6 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        7 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
        8 "flags" "flags" Fixed32, Implicit;
        9 "traceId" "trace_id" Id(16), Implicit;
        10 "spanId" "span_id" Id(8), Implicit;
        12 "eventName" "event_name" Str, Implicit;
    }

    RESOURCE "resource" Part {
        1 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        2 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
        3 "entityRefs" "entity_refs" Msg(&ENTITY_REF), Repeated;
    }
    ENTITY_REF "entity_ref" Part {
        1 "schemaUrl" "schema_url" Str, Implicit;
        2 "type" "type" Str, Implicit;
        3 "idKeys" "id_keys" Str, Repeated;
        4 "descriptionKeys" "description_keys" Str, Repeated;
    }
    SCOPE "scope" Part {
        1 "name" "name" Str, Implicit;
        2 "version" "version" Str, Implicit;
        3 "attributes" "attributes" Msg(&KEY_VALUE), Repeated;
        4 "droppedAttributesCount" "dropped_attributes_count" Uint32, Implicit;
    }
    KEY_VALUE "attribute" Part {
        1 "key" "key" Str, Implicit;
        2 "value" "value" Msg(&ANY_VALUE), Explicit;
        3 "keyStrindex" "key_strindex" Int32, Implicit;
    }
    ANY_VALUE "value" Part {
        1 "stringValue" "string_value" Str, Oneof;
        2 "boolValue" "bool_value" Bool, Oneof;
        3 "intValue" "int_value" Int64, Oneof;
        4 "doubleValue" "double_value" Double, Oneof;
        5 "arrayValue" "array_value" Msg(&ARRAY), Oneof;
        6 "kvlistValue" "kvlist_value" Msg(&KEY_VALUE_LIST), Oneof;
        7 "bytesValue" "bytes_value" Bytes, Oneof;
        8 "stringValueStrindex" "string_value_strindex" Int32, Oneof;
    }
    ARRAY "array" Part {
        1 "values" "values" Msg(&ANY_VALUE), Repeated;
    }
    KEY_VALUE_LIST "kvlist" Part {
        1 "values" "values" Msg(&KEY_VALUE), Repeated;
    }
}

const SPAN_KIND: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

const STATUS_CODE: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

const TEMPORALITY: &[&str] = &[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];

const SEVERITY_NUMBER: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];
