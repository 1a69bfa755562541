use component::{
    ComponentType, ConsumeError, CreateError, Exporter, ExporterFactory, Lifecycle, Outputs,
    Passive, Processor, ProcessorFactory, ReceiverFactory, Settings, Signal, Slot, Stability,
    Telemetry, Transform,
};
use config::{Environment, Section, Validate};

use super::*;

const ALL: &[(Signal, Stability)] = &[
    (Signal::Traces, Stability::Stable),
    (Signal::Metrics, Stability::Stable),
    (Signal::Logs, Stability::Stable),
];

#[derive(Clone, Debug, Default, PartialEq, Section)]
struct Config {
    /// How often.
    times: u32,
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.times > 3 {
            problems.add("times", "must be at most 3");
        }
    }
}

struct Nop;

impl ReceiverFactory for Nop {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("nop");
    const SIGNALS: &'static [(Signal, Stability)] = ALL;

    fn create(
        &self,
        _: Config,
        _: Settings,
        _: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        Ok(Box::new(Passive))
    }
}

struct LogsOnly;

impl ReceiverFactory for LogsOnly {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("file_log");
    const ALIASES: &'static [ComponentType] = &[ComponentType::new("filelog")];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Beta)];

    fn create(
        &self,
        _: Config,
        _: Settings,
        _: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        Ok(Box::new(Passive))
    }
}

struct Same;

impl Transform for Same {
    fn transform(&self, _: &mut Telemetry) -> Result<(), ConsumeError> {
        Ok(())
    }
}

impl ProcessorFactory for Nop {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("nop");
    const SIGNALS: &'static [(Signal, Stability)] = ALL;

    fn create(&self, _: Config, _: Settings, _: Signal, _: Slot) -> Result<Processor, CreateError> {
        Ok(Processor::transform(Same))
    }
}

impl ExporterFactory for Nop {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("nop");
    const SIGNALS: &'static [(Signal, Stability)] = ALL;

    fn create(&self, _: Config, _: Settings, _: &[Signal]) -> Result<Exporter, CreateError> {
        Ok(Exporter::new(Vec::new(), Passive))
    }
}

fn registry() -> Registry {
    Registry::new()
        .receiver(Nop)
        .receiver(LogsOnly)
        .processor(Nop)
        .exporter(Nop)
        .upstream_only(Kind::Processor, "filter")
        .upstream_only(Kind::Extension, "health_check")
        .upstream_only(Kind::Connector, "count")
}

fn check(yaml: &str) -> Result<Plan, Problems> {
    let document = Document::from_text(yaml, "config.yaml", &Environment::empty()).unwrap();
    plan(&document, &registry())
}

fn problems(yaml: &str) -> String {
    check(yaml).unwrap_err().to_string()
}

const PIPELINE: &str = "service: {pipelines: {logs: {receivers: [nop], exporters: [nop]}}}";

#[test]
fn upstreams_invalid_documents_give_upstreams_messages() {
    let cases = include_str!("../../tests/data/validation_errors.yaml");
    let cases =
        Document::from_text(&cases.replace('$', "$$"), "cases", &Environment::empty()).unwrap();
    let cases = cases.root().get("cases").unwrap().as_list().unwrap().to_vec();
    assert!(cases.len() > 15);
    for case in cases {
        let text = |key| case.get(key).and_then(Node::as_str).unwrap();
        let found = problems(text("doc"));
        assert!(found.contains(text("error")), "{}\ngave: {found}", text("doc"));
    }
}

#[test]
fn every_problem_is_in_one_report_with_its_line() {
    let found = problems(
        "receivers:\n  nop:\n    tims: 1\n  nop/2:\n    times: x\n  nopp:\n\
         processors:\n  filter:\n  nop:\n    times: 4\n\
         exporters:\n  nop:\n\
         extensions:\n  health_check:\n\
         conectors:\n\
         service:\n  extensions: [health_check, zpages]\n  pipelines:\n    logs:\n      receivers: [nop, nop/3]\n      processors: [filter]\n      exporters: [nop]\n    profile:\n      receivers: [nop]\n",
    );
    let expected = [
        "config.yaml:15: conectors: unknown key (did you mean `connectors`?)",
        "config.yaml:3: receivers::nop::tims: unknown key (did you mean `times`?)",
        "config.yaml:5: receivers::nop/2::times: ",
        "config.yaml:6: receivers::nopp: unknown type: \"nopp\" for id: \"nopp\" (valid values: [file_log nop]) (did you mean `nop`?)",
        "config.yaml:8: processors::filter: processor `filter` is not supported yet",
        "config.yaml:10: processors::nop::times: must be at most 3, is 4",
        "config.yaml:14: extensions::health_check: extension `health_check` is not supported yet",
        "config.yaml:17: service::extensions: references extension \"zpages\" which is not configured",
        "config.yaml:20: service::pipelines::logs: references receiver \"nop/3\" which is not configured",
        "service::pipelines::profile: in \"profile\" id: unknown pipeline signal: \"profile\"",
    ];
    for line in expected {
        assert!(found.contains(line), "missing: {line}\nin:\n{found}");
    }
    assert_eq!(found.lines().count(), expected.len(), "{found}");
}

#[test]
fn a_component_must_support_the_pipelines_signal() {
    let found = problems(
        "{receivers: {file_log: }, exporters: {nop: }, service: {pipelines: {traces: {receivers: [file_log], exporters: [nop]}}}}",
    );
    assert!(
        found.contains("failed to create \"file_log\" receiver for data type \"traces\": telemetry type is not supported"),
        "{found}"
    );
}

#[test]
fn an_alias_works_and_is_named() {
    let plan = check(
        "{receivers: {filelog/a: }, exporters: {nop: }, service: {pipelines: {logs: {receivers: [filelog/a], exporters: [nop]}}}}",
    )
    .unwrap();
    assert_eq!(
        plan.warnings(),
        ["receiver \"filelog/a\": \"filelog\" alias is deprecated; use \"file_log\" instead"]
    );
    assert_eq!(plan.receivers[0].0.to_string(), "filelog/a");
}

#[test]
fn unused_components_are_read_and_not_planned() {
    let plan =
        check(&format!("receivers: {{nop: , nop/unused: }}\nexporters: {{nop: }}\n{PIPELINE}"))
            .unwrap();
    assert_eq!(plan.receivers.len(), 1);
    assert!(
        check(&format!(
            "receivers: {{nop: , nop/unused: {{times: 4}}}}\nexporters: {{nop: }}\n{PIPELINE}"
        ))
        .is_err()
    );
}

#[test]
fn one_receiver_named_twice_and_used_by_two_pipelines_is_one() {
    let plan = check(
        "{receivers: {nop: }, exporters: {nop: }, service: {pipelines: {logs: {receivers: [nop, nop], exporters: [nop]}, traces: {receivers: [nop], exporters: [nop, nop]}}}}",
    )
    .unwrap();
    assert_eq!(plan.receivers.len(), 1);
    assert_eq!(plan.receivers[0].1.signals, [Signal::Traces, Signal::Logs]);
    assert_eq!(plan.pipelines[0].receivers.len(), 1);
}

#[test]
fn telemetry_without_settings_is_nothing_to_refuse() {
    let yaml = "{receivers: {nop: }, exporters: {nop: }, service: {telemetry: , pipelines: {logs: {receivers: [nop], exporters: [nop]}}}}";
    assert!(check(yaml).is_ok());
}

#[test]
fn telemetry_without_anything_that_reads_it_is_not_supported() {
    let yaml = "{receivers: {nop: }, exporters: {nop: }, service: {telemetry: {logs: }, pipelines: {logs: {receivers: [nop], exporters: [nop]}}}}";
    let found = problems(yaml);
    assert!(found.contains("service::telemetry: `telemetry` is not supported yet"), "{found}");
}
