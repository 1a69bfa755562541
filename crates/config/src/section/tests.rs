use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::schema::Schema;
use crate::testing::{document, read};
use crate::{
    ComponentId, Environment, Field, Headers, Node, Optional, Problems, Secret, Section, Validate,
    Value,
};

/// A section with one of everything.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("proxy", "inner::late"))]
struct Config {
    /// How many.
    ///
    /// Default: `1000`.
    rate: NonZeroU32,
    /// How long.
    timeout: Duration,
    #[section(rename = "type")]
    kind: Mode,
    endpoint: String,
    names: Vec<String>,
    ids: Vec<ComponentId>,
    inner: Inner,
    by_name: BTreeMap<String, Inner>,
    maybe: Option<String>,
    queue: Optional<Inner>,
    batch: Optional<Inner>,
    tls: Optional<Inner>,
    headers: Headers,
    password: Secret<String>,
    path: PathBuf,
    ratio: f64,
    #[section(flatten)]
    common: Common,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rate: NonZeroU32::new(1000).unwrap(),
            timeout: Duration::from_secs(5),
            kind: Mode::Fast,
            endpoint: "localhost".to_owned(),
            names: vec!["default".to_owned()],
            ids: Vec::new(),
            inner: Inner { size: 7, on: true },
            by_name: BTreeMap::from([("known".to_owned(), Inner { size: 9, on: false })]),
            maybe: None,
            queue: Optional::Some(Inner { size: 1, on: false }),
            batch: Optional::Default(Inner { size: 2, on: false }),
            tls: Optional::None,
            headers: Headers::new(),
            password: Secret::default(),
            path: PathBuf::new(),
            ratio: 0.5,
            common: Common { interval: Duration::from_secs(60) },
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.timeout > Duration::from_secs(3600) {
            problems.add("timeout", "must be at most 1h");
        }
        if self.endpoint.is_empty() {
            problems.add("endpoint", "must be set");
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Inner {
    size: u16,
    on: bool,
}

impl Validate for Inner {
    fn validate(&self, problems: &mut Problems) {
        if self.size > 100 {
            problems.add("size", "must be at most 100");
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Common {
    /// How often.
    interval: Duration,
}

impl Validate for Common {
    fn validate(&self, problems: &mut Problems) {
        if self.interval.is_zero() {
            problems.add("interval", "must be positive");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Section)]
#[section(ignore_case, not_supported("warp"))]
enum Mode {
    Fast,
    VerySlow,
    #[section(rename = "off")]
    Never,
}

fn config(yaml: &str) -> Config {
    read(yaml).unwrap()
}

fn problems(yaml: &str) -> String {
    read::<Config>(yaml).unwrap_err()
}

#[test]
fn what_is_not_written_has_its_default() {
    assert_eq!(config("{}"), Config::default());
    assert_eq!(config(""), Config::default());
    assert_eq!(config("{inner: , by_name: , names: , timeout: , endpoint: }"), Config::default());
}

#[test]
fn what_is_written_is_laid_over_the_default() {
    let config = config(
        "{rate: 5, timeout: 1m30s, type: VERY_SLOW, names: [], ids: [otlp/2], inner: {size: 3}, \
         by_name: {known: {on: true}, new: {size: 4}}, maybe: x, interval: 1s, ratio: 1}",
    );
    assert_eq!(config.rate.get(), 5);
    assert_eq!(config.timeout, Duration::from_secs(90));
    assert_eq!(config.kind, Mode::VerySlow);
    assert!(config.names.is_empty());
    assert_eq!(config.ids, [ComponentId::new("otlp").with_name("2")]);
    assert_eq!(config.inner, Inner { size: 3, on: true });
    assert_eq!(config.by_name["known"], Inner { size: 9, on: true });
    assert_eq!(config.by_name["new"], Inner { size: 4, on: false });
    assert_eq!(config.maybe.as_deref(), Some("x"));
    assert_eq!(config.common.interval, Duration::from_secs(1));
    assert!((config.ratio - 1.0).abs() < f64::EPSILON);
}

#[test]
fn optional_sections_are_on_when_upstream_says_so() {
    let size = |section: &Optional<Inner>| section.get().map(|inner| inner.size);
    let states = |yaml: &str| {
        let config = config(yaml);
        (size(&config.queue), size(&config.batch), size(&config.tls))
    };
    assert_eq!(states("{}"), (Some(1), None, None));
    assert_eq!(states("{queue: , batch: , tls: }"), (Some(1), Some(2), None));
    assert_eq!(states("{queue: {}, batch: {}, tls: {}}"), (Some(1), Some(2), Some(0)));
    assert_eq!(
        states("{queue: {size: 5}, batch: {size: 5}, tls: {size: 5}}"),
        (Some(5), Some(5), Some(5))
    );
    let off = "{enabled: false, size: 5}";
    assert_eq!(states(&format!("{{queue: {off}, batch: {off}, tls: {off}}}")), (None, None, None));
    assert_eq!(states("{batch: {enabled: true, size: 5}}"), (Some(1), Some(5), None));
    assert_eq!(
        problems("{tls: {enabled: x}}"),
        "config.yaml:1: field::tls::enabled: unexpected type string for 'enabled': got 'x' value expected 'true' or 'false'"
    );
}

#[test]
fn an_optional_scalar_is_off_when_null() {
    let read = |yaml: &str| read::<Optional<String>>(yaml).unwrap().into_option();
    assert_eq!(read("x"), Some("x".to_owned()));
    assert_eq!(read(""), None);
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let yaml = "
  rate: 0
  timout: 5s
  type: fats
  endpoint: 5
  proxy: x
  inner: {size: -1, late: 1, off: 2}
  ids: [a b, otlp]
  by_name:
    new: {sise: 1}
  headers: [{name: a, value: b}, {name: a}]
  ratio: x
";
    assert_eq!(
        problems(yaml).lines().collect::<Vec<_>>(),
        [
            "config.yaml:2: field::rate: must be greater than 0, is 0",
            "config.yaml:3: field::timout: unknown key (did you mean `timeout`?)",
            "config.yaml:4: field::type: must be one of fast, very_slow, off, is \"fats\" (did you mean `fast`?)",
            "config.yaml:5: field::endpoint: expected type 'string', got unconvertible type 'int', value: '5' (put it in quotes)",
            "config.yaml:6: field::proxy: `proxy` is not supported yet",
            "config.yaml:7: field::inner::size: cannot parse value as 'uint16': -1 overflows uint",
            "config.yaml:7: field::inner::late: `inner::late` is not supported yet",
            "config.yaml:7: field::inner::off: unknown key",
            "config.yaml:8: field::ids::0: in \"a b\" id: invalid character(s) in type \"a b\"",
            "config.yaml:10: field::by_name::new::sise: unknown key (did you mean `size`?)",
            "config.yaml:11: field::headers::1: duplicate keys in map-style list: [a]",
            "config.yaml:12: field::ratio: expected type 'float64', got unconvertible type 'string', value: 'x'",
        ]
    );
}

#[test]
fn validation_runs_over_everything_that_is_on() {
    let yaml = "
  timeout: 2h
  endpoint: ''
  inner: {size: 200}
  by_name: {a: {size: 201}}
  queue: {size: 202}
  batch: {size: 203, enabled: false}
  interval: 0s
";
    assert_eq!(
        problems(yaml).lines().collect::<Vec<_>>(),
        [
            "config.yaml:2: field::timeout: must be at most 1h, is 2h",
            "config.yaml:3: field::endpoint: must be set, is empty",
            "config.yaml:4: field::inner::size: must be at most 100, is 200",
            "config.yaml:5: field::by_name::a::size: must be at most 100, is 201",
            "config.yaml:6: field::queue::size: must be at most 100, is 202",
            "config.yaml:8: field::interval: must be positive, is 0s",
        ]
    );
}

#[test]
fn what_is_wrong_in_one_place_hides_nothing_elsewhere() {
    let yaml = "
  timout: 5s
  inner: {size: 200}
  by_name: {a: {size: 201}, b: {size: x}, c: 5}
";
    assert_eq!(
        problems(yaml).lines().collect::<Vec<_>>(),
        [
            "config.yaml:2: field::timout: unknown key (did you mean `timeout`?)",
            "config.yaml:3: field::inner::size: must be at most 100, is 200",
            "config.yaml:4: field::by_name::a::size: must be at most 100, is 201",
            "config.yaml:4: field::by_name::b::size: expected type 'uint16', got unconvertible type 'string', value: 'x'",
            "config.yaml:4: field::by_name::c: expected type 'map', got unconvertible type 'int', value: '5'",
        ]
    );
    assert_eq!(
        read::<Vec<Inner>>("[{size: 101}, x]").unwrap_err().lines().collect::<Vec<_>>(),
        [
            "config.yaml:1: field::0::size: must be at most 100, is 101",
            "config.yaml:1: field::1: expected type 'map', got unconvertible type 'string', value: 'x'",
        ]
    );
}

#[test]
fn a_section_may_have_no_keys() {
    #[derive(Clone, Debug, Default, PartialEq, Section)]
    struct Nothing {}
    impl Validate for Nothing {}
    assert_eq!(read::<Nothing>("{}"), Ok(Nothing {}));
    assert_eq!(read::<Nothing>("{a: 1}").unwrap_err(), "config.yaml:1: field::a: unknown key");
}

#[test]
fn a_default_is_validated_too() {
    #[derive(Clone, Debug, Default, Section)]
    struct Outer {
        inner: Common,
    }
    impl Validate for Outer {}
    assert_eq!(
        read::<Outer>("{}").unwrap_err(),
        "config.yaml:1: field::inner::interval: must be positive"
    );
}

#[test]
fn headers_have_two_spellings() {
    let pairs = |yaml: &str| {
        let headers = read::<Headers>(yaml).unwrap();
        let pairs = headers.iter().map(|(name, value)| format!("{name}={}", value.expose()));
        pairs.collect::<Vec<_>>()
    };
    assert_eq!(pairs("{b: '1', a: x}"), ["a=x", "b=1"]);
    assert_eq!(pairs("[{name: b, value: '1'}, {name: a, value: x}]"), ["a=x", "b=1"]);
    assert!(read::<Headers>("[{value: x}]").unwrap_err().contains("field::0::name: is required"));
    // A header in the wrong place is a secret all the same.
    for yaml in ["authorization=hunter2", "[hunter2]", "[[hunter2]]", "{a: [hunter2]}"] {
        let refused = read::<Headers>(yaml).unwrap_err();
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let refused = read::<Headers>("{a: 12345678}").unwrap_err();
    assert!(refused.contains("value: '[REDACTED]'") && !refused.contains("12345678"), "{refused}");
}

#[test]
fn scalars_are_not_converted() {
    assert_eq!(read::<u32>("1.048576e+06"), Ok(1_048_576));
    assert!(
        read::<u32>("1.5")
            .unwrap_err()
            .contains("expected type 'uint32', got unconvertible type 'float'")
    );
    assert!(read::<u32>("'5'").is_err());
    assert!(read::<i8>("128").unwrap_err().contains("must be between -128 and 127, is 128"));
    assert!(read::<bool>("'true'").is_err());
    assert!(read::<bool>("1").is_err());
    assert!(read::<String>("true").is_err());
    assert!(read::<String>("2023-03-20").unwrap_err().contains("'timestamp'"));
    assert_eq!(read::<String>("yes"), Ok("yes".to_owned()));
    assert_eq!(read::<Duration>("5"), Ok(Duration::from_nanos(5)));
    assert_eq!(
        read::<Duration>("5 s").unwrap_err(),
        "config.yaml:1: field: must be a duration in the units ns, us, ms, s, m and h, is \"5 s\" (write it as 500ms, 10s or 1m30s)"
    );
    assert!(read::<Duration>("-5s").unwrap_err().contains("must not be negative, is \"-5s\""));
}

#[test]
fn a_list_of_strings_may_be_one_string() {
    assert_eq!(read::<Vec<String>>("a, b"), Ok(vec!["a".to_owned(), " b".to_owned()]));
    assert_eq!(read::<Vec<String>>("''"), Ok(Vec::new()));
    assert!(read::<Vec<ComponentId>>("otlp").unwrap_err().contains("expected type 'list'"));
}

#[test]
fn an_expanded_null_is_the_zero_value() {
    let environment = Environment::empty();
    let text = "field: {timeout: '${env:UNSET}', endpoint: '${UNSET}', maybe: '${UNSET}', inner: '${UNSET}', names: '${UNSET}'}";
    let document = crate::Document::from_text(text, "c.yaml", &environment).unwrap();
    let mut problems = Problems::new();
    let config = Config::parse(document.root().get("field").unwrap(), &mut problems).unwrap();
    assert!(problems.is_empty());
    assert_eq!(
        (config.timeout, config.endpoint.as_str(), config.maybe),
        (Duration::ZERO, "", None)
    );
    assert_eq!((config.inner, config.names), (Config::default().inner, Config::default().names));
}

#[test]
fn what_comes_from_a_secret_is_in_no_message() {
    let environment = Environment::empty().with_secret("KEY", Secret::new("hunter22".to_owned()));
    for field in [
        "timeout: ${env:KEY}",
        "type: x${env:KEY}",
        "names: [{a: '${env:KEY}'}]",
        "rate: ${env:KEY}",
    ] {
        let text = format!("field:\n  {field}\n");
        let document = crate::Document::from_text(&text, "c.yaml", &environment).unwrap();
        let problems = crate::testing::read_field::<Config>(&document).unwrap_err();
        assert!(!problems.contains("hunter22"), "{problems}");
    }
}

#[test]
fn unsupported_values_say_so() {
    assert_eq!(
        read::<Mode>("Warp").unwrap_err(),
        "config.yaml:1: field: `Warp` is not supported yet"
    );
}

#[test]
fn a_section_describes_itself() {
    let Schema::Section { doc, fields, not_supported } = Config::schema() else { panic!() };
    assert_eq!(doc, "A section with one of everything.");
    assert_eq!(not_supported, ["proxy", "inner::late"]);
    let field = |key: &str| fields.iter().find(|field| field.key == key).unwrap().clone();
    assert_eq!(
        field("rate"),
        Field {
            key: "rate",
            doc: "How many.\n\nDefault: `1000`.",
            schema: Schema::Integer { min: 1, max: i128::from(u32::MAX) },
            default: Some("1000".to_owned()),
            on: None,
            required: false,
        }
    );
    assert_eq!(field("timeout").default.as_deref(), Some("5s"));
    assert_eq!(field("names").default.as_deref(), Some("[\"default\"]"));
    assert_eq!(field("type").default.as_deref(), Some("fast"));
    assert_eq!(field("interval").doc, "How often.");
    assert!(matches!(field("batch").schema, Schema::Optional(_)));
    assert_eq!((field("batch").on, field("queue").on), (Some(false), Some(true)));
}

#[test]
fn anything_can_be_read_as_a_node() {
    let node: Node = read("{a: [1]}").unwrap();
    assert_eq!(&node, document("field: {a: [1]}").root().get("field").unwrap());
}
