//! Cutting, merging and editing keep counts, lengths and bytes true.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pdata::{Signal, Telemetry, ValueRef};

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    let signal = [Signal::Traces, Signal::Metrics, Signal::Logs][usize::from(first % 3)];
    let edits = usize::from(first / 3 % 8);
    let Some((edits, body)) = rest.split_at_checked(edits) else { return };
    let Ok(mut telemetry) = Telemetry::from_otlp(signal, body.to_vec().into()) else { return };
    let kept = telemetry.clone();
    let before = kept.to_otlp().into_bytes();
    for &edit in edits {
        apply(&mut telemetry, edit);
        check(&telemetry);
    }
    assert_eq!(kept.to_otlp().into_bytes(), before);
});

fn apply(telemetry: &mut Telemetry, edit: u8) {
    let number = usize::from(edit >> 4);
    let mut seen = 0;
    let mut hit = || {
        seen += 1;
        seen % (number + 1) == 0
    };
    match (edit & 15, telemetry) {
        (0, telemetry) => {
            let items = telemetry.item_count();
            let front = telemetry.split_off_front(number);
            assert_eq!(front.item_count(), number.min(items));
            check(&front);
        }
        (1, telemetry) => {
            let front = telemetry.split_off_front_bytes(number * 20);
            assert!(front.item_count() > 0 || telemetry.is_empty());
            check(&front);
            let rest = std::mem::replace(telemetry, front);
            telemetry.merge(rest).expect("both are of one signal");
        }
        (2, telemetry) => telemetry.compact(),
        (3, telemetry) => telemetry.retain_resources(|_| !hit()),
        (4, telemetry) => telemetry.retain_scopes(|resource, scope| {
            resource.attributes_mut().insert("a", ValueRef::Int(1));
            scope.set_name("scope");
            !hit()
        }),
        (5, telemetry) => telemetry.retain_resources(|resource| {
            resource.attributes_mut().rename("a", "b");
            resource.set_schema_url("");
            true
        }),
        (edit, Telemetry::Traces(traces)) => traces.retain_spans(|_, _, span| match edit {
            6 => !hit(),
            7 => {
                span.retain_events(|_, _| !hit());
                true
            }
            8 => {
                span.attributes_mut().update(|_, _| Some("other".into()));
                true
            }
            _ => {
                span.set_name("name");
                span.attributes_mut().truncate(number);
                span.set_status_message("message");
                true
            }
        }),
        (edit, Telemetry::Logs(logs)) => logs.retain_log_records(|_, _, record| match edit {
            6 => !hit(),
            7 => {
                record.set_body("body");
                true
            }
            8 => {
                record.attributes_mut().retain(|_, value| value.as_str().is_some());
                true
            }
            _ => {
                record.attributes_mut().remove("a");
                record.set_time_unix_nano(1);
                true
            }
        }),
        (edit, Telemetry::Metrics(metrics)) => match edit {
            6 => metrics.retain_metrics(|_, _, _| !hit()),
            7 => metrics.retain_points(|_, _, _, _| !hit()),
            8 => metrics.retain_points(|_, _, metric, point| {
                point.set_value(1);
                point.attributes_mut().insert("a", "b");
                metric.set_unit("1");
                true
            }),
            _ => metrics.retain_metrics(|_, _, metric| {
                metric.sum_to_gauge();
                metric.set_name("name");
                true
            }),
        },
    }
}

fn check(telemetry: &Telemetry) {
    let bytes = telemetry.to_otlp().into_bytes();
    assert_eq!(bytes.len(), telemetry.encoded_len());
    let again = Telemetry::from_otlp(telemetry.signal(), bytes.clone()).expect("it is valid");
    assert_eq!(again.to_otlp().into_bytes(), bytes, "it is plain");
    assert_eq!(again.item_count(), telemetry.item_count());
    assert_eq!(again.resource_count(), telemetry.resource_count());
}
