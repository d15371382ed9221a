//! The grammar, its mistakes, and the operators.

use serde_json::{Value, json};

use super::support::{assert_values, flow, noon, parsed, value};
use crate::expression::{Expression, Flow, Inputs};

fn mistake(text: &str) -> String {
    match Expression::parse(text) {
        Ok(expression) => panic!("{expression} was parsed"),
        Err(error) => error.render(text),
    }
}

#[test]
fn a_mistake_is_shown_under_its_line_with_a_caret() {
    insta::assert_snapshot!(mistake("Join(\" \",\n\t[givenName],\n\tsurname)"), @r#"
    `surname` is neither an attribute, [surname], nor a text, "surname"
      |
    3 | 	surname)
      | 	^^^^^^^
    "#);
    insta::assert_snapshot!(mistake("ToLower([mail]"), @r"
    this `(` is never closed
      |
    1 | ToLower([mail]
      |        ^
    ");
    insta::assert_snapshot!(mistake("ToLower(“x”)"), @r#"
    a text stands in straight double quotes: "text"
      |
    1 | ToLower(“x”)
      |         ^
    "#);
    insta::assert_snapshot!(mistake("Append([mail] \"x\")"), @r#"
    a comma or `)` is missing before this
      |
    1 | Append([mail] "x")
      |               ^^^
    "#);
    insta::assert_snapshot!(mistake("Replace([a], , \"(\", , \"\", , )"), @r#"
    this is not a regular expression: Opening parenthesis without closing parenthesis
      |
    1 | Replace([a], , "(", , "", , )
      |                ^^^
    "#);
}

#[test]
fn nothing_after_the_expression_and_nothing_missing_is_accepted() {
    for text in ["", "[a] [b]", "Now())", "Join(", "[a", "\"a", "[]", "1.2.3", "[a] =", "(", "&"] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn canonical_text_has_one_blank_after_a_comma_and_only_needed_parentheses() {
    let canonical = |text: &str| parsed(text).to_string();
    assert_eq!(canonical("Switch ( [a],,\n\"k\" ,\"v\",)"), r#"Switch([a], , "k", "v", )"#);
    assert_eq!(canonical("(([a]=1) or ([b]=2))"), "[a] = 1 Or [b] = 2");
    assert_eq!(canonical("([a]=1 or [b]=2) AND [c]"), "([a] = 1 Or [b] = 2) And [c]");
    assert_eq!(
        canonical(r#"Replace([a],,"\d\\d\"",,"",,)"#),
        r#"Replace([a], , "\\d\\d\"", , "", , )"#
    );
}

#[test]
fn an_expression_knows_what_it_depends_on() {
    let expression = parsed(r#"IIF([b] = "x", Append([a], Now()), [a])"#);
    assert_eq!(expression.attributes().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(expression.uses_time());
    assert!(!expression.uses_random());
    assert!(parsed("Redact(Guid())").uses_random());
}

#[test]
fn an_expression_may_be_shared_between_threads() {
    fn shared(_: impl Send + Sync + 'static) {}
    shared(parsed("Replace([a], , \"(?<x>.)\", , \"${x}\", , )"));
}

#[test]
fn length_and_nesting_are_limited() {
    let long = format!("\"{}\"", "ä".repeat(9_998));
    assert!(Expression::parse(&long).is_ok());
    assert!(Expression::parse(&format!("{long} ")).is_err());

    let nested = |depth: usize| format!("{}\"True\"{}", "Not(".repeat(depth), ")".repeat(depth));
    assert_eq!(value(&nested(98), &Value::Null), json!("True"));
    assert!(Expression::parse(&nested(100)).is_err());
    for (before, after) in [
        ("Join(\"\", ", ")"),
        ("IIF(1 = 1, ", ", 2)"),
        ("Switch(\"k\", , \"k\", ", ")"),
        ("Replace(", ", , \"b\", , \"c\", , )"),
        ("Replace(", ", , \"(?<g>b)\", \"g\", \"c\", , )"),
        ("FormatDateTime(", ", , , \"yyyy-MM-dd\")"),
        ("IIF(IsPresent(", "), \"x\", \"y\")"),
    ] {
        let deep = format!("{}\"2021-06-30\"{}", before.repeat(49), after.repeat(49));
        assert!(value(&deep, &Value::Null).is_string(), "{before}");
    }
    assert!(Expression::parse(&"(".repeat(9_000)).is_err());
    assert!(Expression::parse(&format!("1{}", "&1".repeat(4_000))).is_err());
}

#[test]
fn conditions_compare_numbers_as_numbers_and_texts_exactly() {
    assert_values(&[
        ("9 < 10", json!(true)),
        (r#""9" < "10""#, json!(false)),
        (r#""9" < 10"#, json!(true)),
        (r#""a" = "A""#, json!(false)),
        (r#"IsNull("") = "false""#, json!(true)),
        ("129699324000000000 = 129699324000000001", json!(false)),
        (r#"1 = 1 And "a" <> "b""#, json!(true)),
        ("1 = 2 Or 2 = 2", json!(true)),
        ("Or(1 = 2, And(1 = 1, 2 = 2))", json!(true)),
        (r#""a" & 1 & True"#, json!("a1True")),
    ]);
}

#[test]
fn null_equals_the_empty_text_and_has_no_order() {
    assert_values(&[
        (r#"[absent] = """#, json!(true)),
        (r#"[absent] <> "x""#, json!(true)),
        ("[absent] < 5", json!(false)),
        ("[absent] >= 5", json!(false)),
        (r#"IIF([absent], "yes", "no")"#, json!("no")),
    ]);
}

#[test]
fn the_branch_not_taken_is_never_evaluated() {
    assert_values(&[
        (r#"IIF(1 = 1, "a", Error("never"))"#, json!("a")),
        (r#"Switch("k", Error("never"), "k", "a", Error("never"), "b")"#, json!("a")),
        (r#"Coalesce("a", Error("never"))"#, json!("a")),
        (r#"1 = 2 And Error("never")"#, json!(false)),
    ]);
    let object = json!({ "hired": null });
    let text = r#"IIF(IsPresent([hired]), DateDiff("d", CDate([hired]), Now()), "none")"#;
    assert_eq!(value(text, &object), json!("none"));
}

#[test]
fn a_flow_can_be_ignored_redacted_or_stop_the_object() {
    let ignored = flow(r#"Append("x", IgnoreFlowIfNullOrEmpty([absent]))"#, &Value::Null);
    assert_eq!(ignored, Ok(Flow::Ignore));
    assert_eq!(flow("IIF(1 = 1, IgnoreAttributeFlow, 1)", &Value::Null), Ok(Flow::Ignore));
    assert_eq!(flow("IIF(1 = 2, 1, IgnoreObjectFlow)", &Value::Null), Ok(Flow::IgnoreObject));
    let redacted = flow(r#"Append(Redact("secret"), "!")"#, &Value::Null);
    assert_eq!(redacted, Ok(Flow::Redacted(json!("secret!"))));
}

#[test]
fn a_failure_names_the_function_and_shows_no_value() {
    let object = json!({ "hired": "Jane's birthday", "mails": ["a", "b"] });
    assert_eq!(
        value("CDate([hired])", &object)["error"].as_str().unwrap_or_default(),
        "`CDate` was given a text that is not a date"
    );
    assert_eq!(
        value("Mid([hired], 1, [hired])", &object)["error"].as_str().unwrap_or_default(),
        "`Mid` needs a number as argument 3"
    );
    assert_eq!(
        value("Switch([mails], , \"a\", \"b\")", &object)["error"].as_str().unwrap_or_default(),
        "`Switch` needs one value where 2 are given; \
         pick one with Item or combine them with Join"
    );
    assert_eq!(
        value("Missing(1)", &object)["error"].as_str().unwrap_or_default(),
        "`Missing` is not a function"
    );
    assert_eq!(
        value("DefaultDomain()", &object)["error"].as_str().unwrap_or_default(),
        "`DefaultDomain` needs the tenant's default domain, which is not known"
    );
}

#[test]
fn a_trace_shows_each_part_but_nothing_that_is_redacted() {
    let expression = parsed(r#"Join("-", ToLower([a]), Append(Redact([b]), [a]), Redact([b]))"#);
    let inputs = Inputs {
        attribute: &|name| json!(if name == "a" { "Shown" } else { "Hidden" }),
        app_roles: &[],
        now: noon(),
        seed: 7,
        default_domain: None,
    };
    let (result, trace) = expression.trace(&inputs);
    assert_eq!(result, Ok(Flow::Redacted(json!("shown-HiddenShown-Hidden"))));
    let lines: Vec<String> = trace
        .iter()
        .map(|part| format!("{}{} = {}", "  ".repeat(part.depth), part.source, part.value))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
        [a] = "Shown"
      ToLower([a]) = "shown"
        [a] = "Shown"
    "#);
}
