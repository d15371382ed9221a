//! Regular expressions: .NET's meaning, and an end to every search.

use serde_json::{Value, json};

use super::support::{assert_values, noon, parsed, value};
use crate::expression::{Inputs, functions::COMPILED};

fn replaced(source: &str, pattern: &str, replacement: &str) -> Value {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let (pattern, replacement) = (quote(pattern), quote(replacement));
    value(
        &format!(r#"Replace([a], , "{pattern}", , "{replacement}", , )"#),
        &json!({ "a": source }),
    )
}

#[test]
fn a_constant_pattern_is_compiled_when_it_is_parsed_and_for_nobody_again() {
    let compiled = || COMPILED.with(std::cell::Cell::get);
    let before = compiled();
    let expression = parsed(r#"Replace([mail], , "(?<name>[^@]+)@.*", , "${name}", , )"#);
    let once = compiled();
    assert!(once > before);
    for name in ["ada@contoso.com", "grace@contoso.com", "", "no address at all"] {
        let flow = expression.evaluate(&Inputs {
            attribute: &|_| Value::from(name),
            app_roles: &[],
            now: noon(),
            seed: 7,
            default_domain: None,
        });
        assert!(flow.is_ok(), "{flow:?}");
    }
    assert_eq!(compiled(), once);
}

#[test]
fn patterns_mean_what_they_mean_in_dot_net() {
    for (source, pattern, replacement, expected) in [
        ("a<b>", r"\<|\>", "", "ab"),
        ("a[b&c", r"[[&]", "", "abc"),
        ("a&&b", r"[a&&b]", "x", "xxxx"),
        ("hello", "[a-z-[aeiou]]", "", "eo"),
        ("x]y", "[]y]", "", "x"),
        ("a-b_c", "[-_]", "", "abc"),
        ("abab", r"(?<x>ab)\k<x>", "${x}!", "ab!"),
        ("abab", r"(?'x'ab)\1", "$1!", "ab!"),
        ("a(b)a", r"(a)(?#a (comment)\((?<n>b)\)\1", "$2", "b"),
        ("aa11", r"(a)\11", "x", "x1"),
        ("aa11", r"(a)\1[1]", "x", "x1"),
        ("2021-06", r"(?<y>\d+)-(\d+)", "$1/$2/${y}", "06/2021/2021"),
        ("price", "price", "$$1 ${nope} $9", "$1 ${nope} $9"),
        ("a-b", "-", "[$`|$'|$&|$_]", "a[a|b|-|a-b]b"),
        ("abc", ".*", "x", "xx"),
        ("abc", "x*", "-", "-a-b-c-"),
        ("foobar", "(?<=foo)bar", "", "foo"),
        ("foobar", "foo(?!baz)", "", "bar"),
        ("ABC", "(?i)b", "", "AC"),
        ("a\u{e9}b", r"\u00e9", "e", "aeb"),
        ("a b", r"\x20", "_", "a_b"),
    ] {
        assert_eq!(replaced(source, pattern, replacement), json!(expected), "{pattern}");
    }
}

#[test]
fn replace_has_five_modes() {
    assert_values(&[
        (r#"Replace("a.b.c", ".", , , "-", , )"#, json!("a-b-c")),
        (r#"Replace("jane", "%n", , , , , "%n@x %n")"#, json!("jane@x jane")),
        (r#"Replace("a1b2", , "[0-9]", , "", , )"#, json!("ab")),
        (r#"Replace("id=7;id=8", , "id=(?<n>\\d)", "n", "x", , )"#, json!("id=x;id=x")),
        (r#"Replace("", , "@(?<d>.*)", "d", , "a@x", )"#, json!("x")),
        (r#"Replace("kept", , "@(?<d>.*)", "d", , "a@x", )"#, json!("kept")),
        (r#"Replace([absent], , "@(?<d>.*)", "d", , "none", )"#, Value::Null),
    ]);
}

#[test]
fn a_pattern_may_be_computed_for_each_object() {
    let object = json!({ "pattern": "[0-9]+", "broken": "(" });
    assert_eq!(value(r#"Replace("a12", , [pattern], , "", , )"#, &object), json!("a"));
    let broken = value(r#"Replace("a12", , [broken], , "", , )"#, &object);
    assert_eq!(
        broken["error"].as_str().unwrap_or_default(),
        "`Replace` was given a text that is not a regular expression"
    );
}

#[test]
fn a_runaway_pattern_is_stopped() {
    let source = "a".repeat(200);
    let stopped = replaced(&source, r"^(?=(a+)+$)(a|a)*\2b", "");
    assert_eq!(
        stopped["error"].as_str().unwrap_or_default(),
        "`Replace` was stopped: the evaluation took more than 100000 steps"
    );
}

#[test]
fn a_long_text_with_many_matches_is_no_runaway() {
    let long = "ab".repeat(5_000);
    assert_eq!(replaced(&long, "[b]", ""), json!("a".repeat(5_000)));
}

#[test]
fn texts_cannot_grow_without_end() {
    let doubled = (0..40)
        .fold("[a]".to_owned(), |inner, _| format!(r#"Replace({inner}, , "a", , "aa", , )"#));
    let grown = value(&doubled, &json!({ "a": "aaaa" }));
    assert_eq!(
        grown["error"].as_str().unwrap_or_default(),
        "`Replace` was stopped: the evaluation took more than 100000 steps"
    );

    let pasted = replaced(&"a".repeat(5_000), "a", &"$_".repeat(2_000));
    assert!(pasted["error"].is_string());
}
