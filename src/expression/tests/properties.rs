//! What holds for every text and every tree.

use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::{Value, json};

use crate::expression::{Expression, Inputs, Role, functions};

/// Texts with the letters that the language is made of, more often than chance would have them.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "(",
            ")",
            "[",
            "]",
            ",",
            "\"",
            "\\",
            "&",
            "&H",
            "<",
            ">",
            "=",
            " And ",
            " Or ",
            "-",
            "1",
            ".",
            "Replace(",
            "[a]",
            "\"x\"",
            "Switch(",
            "\n",
            "ä",
            "IIF(",
            "\"(?<a>.*)[^\"",
            "True",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The source of random trees: real functions with any number of arguments, and operators.
fn trees() -> impl Strategy<Value = String> {
    let names: Vec<&str> = functions().iter().map(|help| help.name).collect();
    let operators = vec!["=", "<>", "<", "<=", ">", ">=", "&", "And", "Or"];
    let samples = vec![
        "",
        "a",
        "2021-06-30+08:00",
        "6/30/2021 5:00:00 PM",
        "yyyy",
        "yyyy-MM-dd",
        "d",
        "True",
        "12",
        "-1",
        "(?<id>.)(\\d*)",
        "[a-z-[e]]+",
        "${id}$1",
        "id",
        "SGVsbG8=",
        "é́",
        ",",
    ];
    let leaf = prop_oneof![
        prop::sample::select(vec!["[a]", "[b]", "[list]", "[object]", "[number]", "[none]"])
            .prop_map(str::to_owned),
        prop::sample::select(samples).prop_map(quoted),
        any::<String>().prop_map(|text| quoted(&text)),
        any::<i64>().prop_map(|number| number.to_string()),
        (-40_i64..40).prop_map(|number| number.to_string()),
        prop::sample::select(vec!["&HF7", "4.25", "vbTextCompare", "IgnoreObjectFlow", "False"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 60, 7, move |inner| {
        let argument = prop_oneof![4 => inner.clone(), 1 => Just(String::new())];
        prop_oneof![
            4 => (prop::sample::select(names.clone()), prop::collection::vec(argument, 0..8))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(" , "))),
            1 => (inner.clone(), prop::sample::select(operators.clone()), inner)
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
        ]
    })
}

fn attribute(name: &str, text: &str) -> Value {
    match name {
        "a" => json!(text),
        "b" => json!(true),
        "list" => json!(["x", text, null, 3]),
        "object" => json!({ "k": [text] }),
        "number" => json!(-1.5e300),
        _ => Value::Null,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(500)
    })]

    #[test]
    fn any_text_parses_or_is_answered_with_a_place_inside_it(text in texts()) {
        match Expression::parse(&text) {
            Ok(expression) => {
                let again = Expression::parse(&expression.to_string());
                prop_assert_eq!(again.as_ref(), Ok(&expression));
                for error in expression.check(&|_| false, Role::Matching) {
                    prop_assert!(text.get(error.span.clone()).is_some());
                }
            }
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(error.render(&text).contains('^'));
            }
        }
    }

    #[test]
    fn a_printed_tree_parses_to_itself(source in trees()) {
        if let Ok(expression) = Expression::parse(&source) {
            let printed = expression.to_string();
            let again = Expression::parse(&printed);
            prop_assert_eq!(again.as_ref(), Ok(&expression));
            prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
        }
    }

    #[test]
    fn an_evaluation_ends_and_gives_the_same_result_again(
        source in trees(),
        text in any::<String>(),
        seed in any::<u64>(),
        seconds in -70_000_000_000_i64..260_000_000_000,
    ) {
        if let Ok(expression) = Expression::parse(&source) {
            let inputs = Inputs {
                attribute: &|name| attribute(name, &text),
                app_roles: &[],
                now: chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
                seed,
                default_domain: Some("contoso.com"),
            };
            let first = expression.evaluate(&inputs);
            prop_assert_eq!(&first, &expression.evaluate(&inputs));
            prop_assert_eq!(&first, &expression.trace(&inputs).0);
        }
    }
}
