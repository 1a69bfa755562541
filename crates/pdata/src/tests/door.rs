//! What comes in, and what it is then.

use proptest::prelude::*;

use super::decoded::{Decoded, any_request};
use crate::{Logs, Metrics, Signal, Telemetry, Traces};

proptest! {
    #[test]
    fn a_plain_request_goes_out_as_it_came_in(request in any_request()) {
        let body = request.encode();
        let telemetry = request.telemetry();
        prop_assert_eq!(telemetry.to_otlp().into_bytes(), body);
        prop_assert_eq!(telemetry.item_count(), request.items().len());
        prop_assert_eq!(telemetry.resource_count(), request.resource_count());
        prop_assert_eq!(telemetry.replaced_texts(), 0);
        if let Telemetry::Metrics(metrics) = &telemetry {
            prop_assert_eq!(metrics.metric_count(), request.metric_count());
        }
    }

    #[test]
    fn damaged_bytes_are_taken_as_another_implementation_takes_them(
        request in any_request(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let signal = request.signal();
        let mut body = request.encode().to_vec();
        for (at, byte, how) in damage {
            if body.is_empty() {
                break;
            }
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                2 => drop(body.remove(at)),
                _ => body.extend_from_within(at..),
            }
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len() + 1));
        }
        let ours = Telemetry::from_otlp(signal, body.clone().into());
        match (Decoded::decode(signal, &body), ours) {
            (Ok(decoded), Ok(ours)) => {
                prop_assert_eq!(ours.replaced_texts(), 0);
                prop_assert_eq!(ours.item_count(), decoded.items().len());
                prop_assert_eq!(Decoded::of(&ours).encode(), decoded.encode());
            }
            // The other implementation refuses text that is not UTF-8.
            (Err(_), Ok(ours)) => {
                Decoded::of(&ours);
                // The text was replaced, or it was in a field that a later one replaces.
                prop_assert!(ours.to_otlp().into_bytes() != body);
            }
            // We refuse ids of other lengths, as upstream does.
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("an id has the wrong length"), "{}", error),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..60)) {
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            if let Ok(telemetry) = Telemetry::from_otlp(signal, body.clone().into()) {
                telemetry.to_json();
            }
        }
    }
}

/// A field with a body.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(body.len()).unwrap()], body].concat()
}

/// A request with one scope group of this body.
fn scope_group(body: &[u8]) -> Vec<u8> {
    field(1, &field(2, body))
}

#[test]
fn text_that_is_not_utf8_is_replaced_and_counted() {
    let log = [field(3, b"WA\xffRN"), field(5, &field(1, b"fine")), field(12, b"\xc3")].concat();
    let logs = Logs::from_otlp(scope_group(&field(2, &log)).into()).unwrap();
    assert_eq!((logs.item_count(), logs.replaced_texts()), (1, 2));
    let record =
        logs.resources().next().unwrap().scopes().next().unwrap().log_records().next().unwrap();
    assert_eq!((record.severity_text(), record.event_name()), ("WA\u{fffd}RN", "\u{fffd}"));
    assert_eq!(record.body().as_str(), Some("fine"));
}

#[test]
fn the_last_of_a_repeated_field_wins_and_unknown_fields_stay() {
    let span = [
        field(5, b"first"),
        vec![0xf8, 0x3f, 7],
        field(15, &field(2, b"a")),
        field(5, b"last"),
        field(15, &[0x18, 2]),
    ]
    .concat();
    let traces = Traces::from_otlp(scope_group(&field(2, &span)).into()).unwrap();
    let span = traces.resources().next().unwrap().scopes().next().unwrap().spans().next().unwrap();
    assert_eq!(
        (span.name(), span.status_message(), i32::from(span.status_code())),
        ("last", "a", 2)
    );
    let bytes = traces.to_otlp().into_bytes();
    assert!(bytes.windows(3).any(|window| window == [0xf8, 0x3f, 7]));
}

#[test]
fn of_two_kinds_of_a_metric_the_last_wins() {
    let point = field(1, &[0x19, 1, 0, 0, 0, 0, 0, 0, 0]);
    let metric = [field(5, &[point.clone(), point.clone()].concat()), field(7, &point)].concat();
    let metrics = Metrics::from_otlp(scope_group(&field(2, &metric)).into()).unwrap();
    assert_eq!(metrics.item_count(), 1);
}

#[test]
fn scope_groups_in_the_field_of_old_senders_move_to_todays() {
    let span = field(2, &field(5, b"old"));
    let deprecated = [&[0xc2, 0x3e, u8::try_from(span.len()).unwrap()][..], &span].concat();
    let traces = Traces::from_otlp(field(1, &deprecated).into()).unwrap();
    assert_eq!(traces.item_count(), 1);
    let both = field(1, &[deprecated, field(2, &field(2, &field(5, b"new")))].concat());
    let traces = Traces::from_otlp(both.into()).unwrap();
    assert_eq!(traces.item_count(), 1);
    let span = traces.resources().next().unwrap().scopes().next().unwrap().spans().next().unwrap();
    assert_eq!(span.name(), "new");
}

#[test]
fn errors_say_what_and_where() {
    let name = [&field(2, &field(5, b"ok"))[..], &field(2, &[0x2a, 9, b'x'])].concat();
    let error = Traces::from_otlp(scope_group(&name).into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid OTLP traces: a field ends behind its message at byte 13, in resource_spans.scope_spans.spans.name"
    );
    let id = Traces::from_otlp(scope_group(&field(2, &field(1, b"short"))).into()).unwrap_err();
    assert_eq!(id.path(), "resource_spans.scope_spans.spans.trace_id");
    let wire = Logs::from_otlp(vec![0x08, 1].into()).unwrap_err();
    assert_eq!(
        wire.to_string(),
        "invalid OTLP logs: a field has the wrong wire type at byte 1, in resource_logs"
    );
    assert!(Logs::from_otlp(vec![0x00].into()).is_err());
}

#[test]
fn damaged_attributes_are_refused_though_attributes_are_checked_in_a_hurry() {
    let attribute = |value: &[u8]| {
        let entry = [&field(1, b"k")[..], &field(2, value)].concat();
        Logs::from_otlp(scope_group(&field(2, &field(6, &entry))).into())
    };
    for value in
        [&[0x18, 5][..], &[0x10, 1], &[0x21, 0xff, 0, 0, 0, 0, 0, 0, 0xff], &[0x0a, 0], &[]]
    {
        assert!(attribute(value).is_ok(), "{value:x?}");
    }
    for value in [&[0x18, 0x85][..], &[0x10, 0x80], &[0x21, 1, 2, 3], &[0x0a, 2, b'x'], &[0x0a]] {
        assert!(attribute(value).is_err(), "{value:x?}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let mut value = Vec::new();
    let mut nest = |times: usize| {
        for _ in 0..times {
            let mut list = Vec::new();
            crate::wire::put_bytes_field(&mut list, 1, &value);
            value.clear();
            crate::wire::put_bytes_field(&mut value, 5, &list);
        }
        let mut body = Vec::new();
        let mut wrapped = value.clone();
        for number in [5, 2, 2, 1] {
            body.clear();
            crate::wire::put_bytes_field(&mut body, number, &wrapped);
            wrapped.clone_from(&body);
        }
        body
    };
    let body = nest(48);
    assert!(Decoded::decode(Signal::Logs, &body).is_ok());
    assert_eq!(Logs::from_otlp(body.into()).unwrap().item_count(), 1);
    let body = nest(1);
    assert!(Decoded::decode(Signal::Logs, &body).is_err());
    let error = Logs::from_otlp(body.into()).unwrap_err();
    assert!(error.to_string().contains("messages nest too deep"), "{error}");
}
