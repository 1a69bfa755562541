//! Cutting and merging.

use proptest::prelude::*;

use super::decoded::{Decoded, any_request};
use crate::Telemetry;

fn items(parts: &[Telemetry]) -> Vec<Vec<Vec<u8>>> {
    parts.iter().flat_map(|part| Decoded::of(part).items()).collect()
}

/// What a part says about itself is true of its bytes.
fn check(part: &Telemetry) {
    let bytes = part.to_otlp().into_bytes();
    assert_eq!(part.encoded_len(), bytes.len());
    assert_eq!(part.to_otlp().len(), bytes.len());
    let again = Telemetry::from_otlp(part.signal(), bytes).unwrap();
    assert_eq!(again.item_count(), part.item_count());
    assert_eq!(again.resource_count(), part.resource_count());
    assert_eq!(again.to_json(), part.to_json());
    if let (Telemetry::Metrics(again), Telemetry::Metrics(part)) = (&again, part) {
        assert_eq!(again.metric_count(), part.metric_count());
    }
}

proptest! {
    #[test]
    fn parts_of_so_many_items_are_the_whole(requests in prop::collection::vec(any_request(), 1..4), size in 1..7usize) {
        let mut whole = requests[0].telemetry();
        for request in &requests[1..] {
            let count = whole.item_count();
            match whole.merge(request.telemetry()) {
                Ok(()) => prop_assert_eq!(whole.item_count(), count + request.items().len()),
                Err(other) => prop_assert!(other.signal() != whole.signal()),
            }
        }
        let kept = whole.clone();
        let before = kept.to_otlp().into_bytes();
        let mut parts = Vec::new();
        while whole.item_count() > size {
            let part = whole.split_off_front(size);
            prop_assert_eq!(part.item_count(), size);
            check(&part);
            check(&whole);
            parts.push(part);
        }
        parts.push(whole);
        prop_assert_eq!(items(&parts), Decoded::of(&kept).items());
        // Whoever shares the data sees nothing of it.
        prop_assert_eq!(kept.to_otlp().into_bytes(), before);
    }

    #[test]
    fn parts_of_so_many_bytes_are_the_whole(request in any_request(), size in 1..2000usize) {
        let mut whole = request.telemetry();
        let mut parts = Vec::new();
        while !whole.is_empty() {
            let part = whole.split_off_front_bytes(size);
            prop_assert!(part.item_count() > 0);
            prop_assert!(part.item_count() == 1 || part.encoded_len() <= size, "{} of {size}", part.encoded_len());
            check(&part);
            check(&whole);
            parts.push(part);
        }
        prop_assert_eq!(items(&parts), request.items());
    }
}

#[test]
fn nothing_and_all_can_be_split_off() {
    let json = br#"{"resourceSpans":[{"schemaUrl":"r","scopeSpans":[{"schemaUrl":"s","spans":[{"name":"a"},{"name":"b"}]}]}]}"#;
    let mut traces = crate::Traces::from_json(json).unwrap();
    assert!(traces.split_off_front(0).is_empty());
    let all = traces.split_off_front(9);
    assert_eq!((all.item_count(), traces.item_count()), (2, 0));
    assert!(traces.to_otlp().is_empty());
    let mut one = all.clone().split_off_front(1);
    assert_eq!(one.split_off_front_bytes(1).item_count(), 1);
    assert!(one.to_otlp().is_empty());
    let mut back = all.clone();
    let front = back.split_off_front(1);
    for part in [&front, &back] {
        let group = part.resources().next().unwrap();
        assert_eq!((group.schema_url(), group.scopes().next().unwrap().schema_url()), ("r", "s"));
    }
}

#[test]
fn fields_of_a_request_that_nobody_knows_are_carried_along() {
    let unknown = [0x60, 0xa3, 0x01];
    let group =
        crate::Logs::from_json(br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]}"#);
    let group = group.unwrap().to_otlp().into_bytes();
    let body = [&unknown, &group[..], &unknown, &group[..], &unknown].concat();
    let whole = Telemetry::from_otlp(crate::Signal::Logs, body.into()).unwrap();
    let found = |telemetry: &Telemetry| {
        let bytes = telemetry.to_otlp().into_bytes();
        bytes.windows(3).filter(|window| *window == unknown).count()
    };
    for size in 1..4 {
        let mut rest = whole.clone();
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let part = rest.split_off_front(size);
            check(&part);
            parts.push(part);
        }
        parts.push(rest);
        assert_eq!(parts.iter().map(found).sum::<usize>(), 3);
        assert_eq!(items(&parts).len(), 4);
    }
    let mut edited = whole;
    let mut first = true;
    edited.retain_resources(|resource| {
        resource.set_schema_url("url");
        !std::mem::take(&mut first)
    });
    check(&edited);
    assert_eq!((found(&edited), edited.item_count()), (3, 2));
}

#[test]
fn groups_whose_fields_are_in_any_order_are_cut_and_edited() {
    // A hundred times the field 9, which nobody knows, and a log record.
    let scope: Vec<u8> = (0..100).flat_map(|at| [0x4a, 1, at, 0x12, 3, 0x62, 1, at]).collect();
    let mut group = Vec::new();
    crate::wire::put_bytes_field(&mut group, 2, &scope);
    let mut body = Vec::new();
    crate::wire::put_bytes_field(&mut body, 1, &group);
    let mut logs = crate::Logs::from_otlp(body.into()).unwrap();
    let mut seen = Vec::new();
    logs.retain_log_records(|_, _, record| {
        seen.push(record.view().event_name().as_bytes()[0]);
        record.view().event_name() != "\u{7}"
    });
    assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    let whole = Telemetry::from(logs);
    let mut rest = whole.clone();
    let front = rest.split_off_front(50);
    check(&front);
    check(&rest);
    assert_eq!((front.item_count(), rest.item_count()), (50, 49));
    assert_eq!(items(&[front, rest]), Decoded::of(&whole).items());
}

#[test]
fn a_small_rest_of_a_large_buffer_is_copied_when_asked() {
    let spans = vec![r#"{"name":"a span with a name of some length"}"#; 100].join(",");
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let mut traces = crate::Traces::from_json(json.as_bytes()).unwrap();
    let whole = traces.encoded_len();
    let mut front = traces.split_off_front(10);
    assert_eq!(front.pinned_len(), whole);
    let bytes = front.to_otlp().into_bytes();
    front.compact();
    assert_eq!(front.pinned_len(), front.encoded_len());
    assert_eq!(front.to_otlp().into_bytes(), bytes);
    traces.compact();
    assert_eq!(traces.pinned_len(), whole, "most of it is still needed");
}
