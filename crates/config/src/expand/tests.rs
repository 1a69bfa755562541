use serde::Deserialize;
use serde_json::Value as Json;

use super::*;
use crate::document::Document;
use crate::environment::Environment;
use crate::merge;
use crate::testing::{read_field, to_json};

const EXPAND_STRINGS: &str = include_str!("../../tests/data/confmap_expand_strings.yaml");
const TYPES: &str = include_str!("../../tests/data/confmap_types.yaml");
const ESCAPE: &str = include_str!("../../tests/data/confmap_escape.json");
const ESCAPED_INPUT: &str = include_str!("../../tests/data/expand-escaped-env.yaml");

/// Adds the scheme `test`, whose texts are themselves.
struct WithIdentity(Environment);

impl Provide for WithIdentity {
    fn retrieve(&self, scheme: &str, opaque: &str, from: &Span) -> Result<Retrieved, String> {
        match scheme {
            "test" => {
                let origin = Origin::Reference(from.clone());
                Ok(Retrieved { text: opaque.to_owned(), tainted: false, is_string: true, origin })
            }
            _ => self.0.retrieve(scheme, opaque, from),
        }
    }
}

fn environment<'a>(variables: impl IntoIterator<Item = (&'a String, &'a String)>) -> Environment {
    let variables = variables.into_iter();
    variables.fold(Environment::empty(), |all, (name, text)| all.with(name, text))
}

fn expand(node: &Node, environment: Environment, scheme: Option<&str>) -> Result<Node, String> {
    let provider = WithIdentity(environment);
    let mut problems = Problems::new();
    let budget = Budget::default();
    let mut expander = Expander { provider: &provider, default_scheme: scheme, budget };
    let expanded = expander.expand(node, &mut problems);
    if problems.is_empty() { Ok(expanded) } else { Err(problems.to_string()) }
}

fn expand_text(text: &str, variables: &[(&str, &str)]) -> Result<Json, String> {
    let node = Node::new(Span::nowhere(), Content::String(text.into()));
    let all =
        variables.iter().fold(Environment::empty(), |all, (name, text)| all.with(*name, *text));
    expand(&node, all, Some("env")).map(|node| to_json(&node))
}

#[test]
fn strings_expand_as_upstreams() {
    #[derive(Deserialize)]
    struct Vectors {
        env: std::collections::BTreeMap<String, String>,
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        name: String,
        default_scheme: String,
        input: String,
        output: Json,
    }
    let vectors: Vectors = serde_yaml::from_str(EXPAND_STRINGS).unwrap();
    assert!(vectors.cases.len() > 50);
    for case in vectors.cases {
        let node = Node::new(Span::nowhere(), Content::String(case.input.into()));
        let scheme = Some(case.default_scheme.as_str()).filter(|scheme| !scheme.is_empty());
        let expanded = expand(&node, environment(&vectors.env), scheme).unwrap();
        assert_eq!(to_json(&expanded), case.output, "{}", case.name);
    }
}

#[test]
fn types_after_expansion_are_upstreams() {
    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Case {
        value: String,
        target: String,
        expected: Option<Json>,
        resolve_error_contains: Option<String>,
        unmarshal_error_contains: Option<String>,
    }
    let vectors: Vectors = serde_yaml::from_str(TYPES).unwrap();
    assert!(vectors.cases.len() > 40);
    for case in &vectors.cases {
        let direct = Environment::empty().with("ENV", &case.value);
        let indirect = Environment::empty().with("ENV", "${env:ENV2}").with("ENV2", &case.value);
        for environment in [direct, indirect] {
            let environment = environment.with("ENV_VALUE", "testreceiver");
            let name = format!("{} as {}", case.value, case.target);
            let text = match case.target.as_str() {
                "inline_string" => "field: \"inline field with ${env:ENV} expansion\"",
                _ => "field: ${env:ENV}",
            };
            let document = match Document::from_text(text, "c.yaml", &environment) {
                Ok(document) => document,
                Err(problems) => {
                    let wanted = case.resolve_error_contains.as_ref();
                    let wanted = wanted.unwrap_or_else(|| panic!("{name}: {problems}"));
                    assert!(problems.to_string().contains(wanted), "{name}: {problems}");
                    continue;
                }
            };
            let read = match case.target.as_str() {
                "int" => read_field::<i64>(&document).map(Json::from),
                "bool" => read_field::<bool>(&document).map(Json::from),
                "slice" => read_field::<Vec<String>>(&document).map(Json::from),
                "string" | "inline_string" => read_field::<String>(&document).map(Json::from),
                target => panic!("unknown target {target}"),
            };
            match (read, &case.unmarshal_error_contains) {
                (Ok(value), None) => assert_eq!(Some(value), case.expected, "{name}"),
                (Err(problems), Some(wanted)) => {
                    // Upstream names the field inside the message, we before it.
                    let wanted = wanted.replace("'field' ", "field: ");
                    assert!(problems.contains(&wanted), "{name}: {problems}");
                }
                (read, wanted) => panic!("{name}: {read:?} instead of {wanted:?}"),
            }
        }
    }
}

#[test]
fn escapes_are_upstreams() {
    let vectors: Json = serde_json::from_str(ESCAPE).unwrap();
    let variables = vectors["env"].as_object().unwrap().iter();
    let variables = variables
        .fold(Environment::empty(), |all, (name, text)| all.with(name, text.as_str().unwrap()));
    let origin = Origin::Text("escape.yaml".into());
    let input = parse::parse(ESCAPED_INPUT, &origin, false, &mut Budget::default());
    let input = input.map_err(|failure| failure.message).unwrap().node;
    let input = input.get("test_map").unwrap();
    for (scheme, expected) in [
        (None, "expected_without_default_scheme"),
        (Some("env"), "expected_with_default_scheme_env"),
    ] {
        let expanded = expand(input, variables.clone(), scheme).unwrap();
        assert_eq!(to_json(&expanded), vectors[expected], "{expected}");
    }
}

#[test]
fn a_default_is_for_unset_variables_only() {
    let expand = |text| expand_text(text, &[("EMPTY", ""), ("ZERO", "0")]).unwrap();
    assert_eq!(expand("${env:X:-5}"), 5);
    assert_eq!(expand("${env:X:-a:-b}"), "a:-b");
    assert_eq!(expand("${env:EMPTY:-5}"), Json::Null);
    assert_eq!(expand("${env:X}"), Json::Null);
    assert_eq!(expand("<${env:X}>"), "<>");
    assert_eq!(expand("${env:X:-}"), "");
    assert_eq!(expand("${env:X:-${env:ZERO}}"), 0);
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    let refusal = |text| expand_text(text, &[("DOLLAR", "a$b")]).unwrap_err();
    assert!(refusal("${1}").contains("environment variable \"1\" has invalid name"));
    assert!(refusal("${foo:bar}").contains("scheme \"foo\" is not supported for uri \"foo:bar\""));
    assert!(refusal("${NAME:-x}").contains("(write ${env:NAME:-x})"));
    assert!(refusal("${http://x/y}").contains("cannot fetch http://x/y"));
    assert!(refusal("${env:${env:DOLLAR}}").contains("contains unsupported characters ('$')"));
    assert!(refusal("${file:/nowhere/x}").contains("cannot read /nowhere/x"));
}

#[test]
fn what_refers_to_itself_ends() {
    let variables =
        [("LOOP", "${env:LOOP}"), ("GROW", "x${env:GROW}${env:GROW}"), ("NEST", "a: ${env:NEST}")];
    assert!(
        expand_text("${LOOP}", &variables).unwrap_err().contains("too many recursive expansions")
    );
    assert!(expand_text("${GROW}", &variables).is_err());
    assert!(expand_text("${NEST}", &variables).unwrap_err().contains("nested too deeply"));
}

#[test]
fn values_that_double_at_every_step_are_bounded() {
    let texts: Vec<(String, String)> = (0..64)
        .map(|step| {
            let next = step + 1;
            (format!("V{step}"), format!("- ${{env:V{next}}}\n- ${{env:V{next}}}"))
        })
        .collect();
    let variables: Vec<_> =
        texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert!(expand_text("${V0}", &variables).unwrap_err().contains("the document"));
}

#[test]
fn a_problem_in_an_expanded_value_stands_where_the_reference_does() {
    let environment = Environment::empty().with("LIST", "[1,\n\n\n '${env:1}']");
    let problems =
        Document::from_text("a:\n  b: ${env:LIST}\n", "c.yaml", &environment).unwrap_err();
    let problem = problems.first().unwrap();
    assert_eq!((problem.line, problem.column, problem.path.as_str()), (2, 6, "a::b::1"));
}

#[test]
fn a_secret_taints_what_it_goes_into_and_shows_nowhere() {
    let secret = crate::Secret::new("hunter22".to_owned());
    let environment =
        Environment::empty().with_secret("KEY", secret).with("INDIRECT", "x-${env:KEY}");
    let text = "whole: ${env:KEY}\ninline: Bearer ${KEY}\nindirect: ${INDIRECT}\nplain: hunter\n";
    let document = Document::from_text(text, "c.yaml", &environment).unwrap();
    assert_eq!(document.root().get("inline").unwrap().as_str(), Some("Bearer hunter22"));
    for (key, tainted) in [("whole", true), ("inline", true), ("indirect", true), ("plain", false)]
    {
        assert_eq!(document.root().get(key).unwrap().is_tainted(), tainted, "{key}");
    }
    assert!(!format!("{document:?}").contains("hunter22"));
    for text in
        ["field: ${env:${env:KEY}.}", "field: ${${env:KEY}://x}", "field: ${file:/${env:KEY}/x}"]
    {
        let problems = Document::from_text(text, "c.yaml", &environment).unwrap_err();
        assert!(problems.to_string().contains("[REDACTED]"), "{problems}");
    }
}

#[test]
fn keys_of_an_expanded_map_are_paths_too() {
    let environment = Environment::empty().with("MAP", "{'a::b': 1}");
    let document = Document::from_text("x: ${env:MAP}\n", "c.yaml", &environment).unwrap();
    assert_eq!(document.root().get("x::a::b").unwrap().as_i64(), Some(1));
    let mut found = Vec::new();
    assert_eq!(&merge::split_keys(document.root(), &mut found), document.root());
}
