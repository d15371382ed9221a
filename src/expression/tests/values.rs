//! What single functions give, where the documented examples leave it open.

use serde_json::{Value, json};

use super::support::{assert_values, value};
use crate::model::AppRoleId;

#[test]
fn a_multi_valued_attribute_is_treated_value_by_value() {
    let object = json!({ "mails": ["A@x", "B@x", "A@x"], "one": ["Only"], "none": [] });
    for (text, expected) in [
        ("ToLower([mails])", json!(["a@x", "b@x", "a@x"])),
        (r#"Join(";", "first", [mails], [none])"#, json!("first;A@x;B@x;A@x")),
        ("RemoveDuplicates([mails])", json!(["A@x", "B@x"])),
        ("Count([mails])", json!(3)),
        ("Item([mails], 2)", json!("B@x")),
        ("Item([mails], 4)", Value::Null),
        ("Item([mails], 0)", Value::Null),
        (r#"Contains([mails], "B@x")"#, json!(true)),
        (r#"Switch([one], , "Only", "yes")"#, json!("yes")),
        ("IsPresent([none])", json!(false)),
    ] {
        assert_eq!(value(text, &object), expected, "{text}");
    }
}

#[test]
fn null_flows_through_what_changes_a_text_and_counts_as_empty_where_documented() {
    assert_values(&[
        ("ToUpper([absent])", Value::Null),
        (r#"Append([absent], "x")"#, Value::Null),
        (r#"Append("x", [absent])"#, json!("x")),
        (r#"Replace([absent], "a", , , "b", , )"#, Value::Null),
        (r#"FormatDateTime([absent], , "yyyy", "yy")"#, Value::Null),
        ("Mid([absent], 1, 3)", json!("")),
        ("Not([absent])", json!("True")),
        (r#"Switch([absent], "default", "", "empty")"#, json!("empty")),
        (r#"Join(" ", [absent], "a")"#, json!("a")),
        (r#"Split([absent], ",")"#, json!([])),
    ]);
}

#[test]
fn texts_are_cut_and_searched_by_characters() {
    assert_values(&[
        (r#"Left("Zoë", 3)"#, json!("Zoë")),
        (r#"Left("Zoë", -1)"#, json!("Zoë")),
        (r#"Mid("Zoë", 3, 9)"#, json!("ë")),
        (r#"Mid("Zoë", 9, 1)"#, json!("")),
        (r#"Len("Zoë")"#, json!(3)),
        (r#"InStr("Zoë Zoë", "ZO", 2, vbTextCompare)"#, json!(5)),
        (r#"InStr("Zoë", "ZO")"#, json!(0)),
        (r#"InStr("abc", "c", 9)"#, json!(0)),
        (r#"Word("a  b", 2, " ")"#, json!("b")),
        (r#"Word("a b", 0, " ")"#, json!("")),
        (r#"StartsWith("abc", "ab")"#, json!(true)),
        (r#"EndsWith("abc", "ab")"#, json!(false)),
        (r#"Contains("abc", "b")"#, json!(true)),
        (r#"Prepend("b", "a")"#, json!("ab")),
        (r#"Split("a, b,,c ", ",")"#, json!(["a", "b", "", "c"])),
        (r#"DNComponent("CN=Doe\\, Jane,OU=x", 1)"#, json!("Doe, Jane")),
    ]);
}

#[test]
fn case_follows_dot_net() {
    assert_values(&[
        (r#"ToUpper("straße")"#, json!("STRAßE")),
        (r#"ToUpper("istanbul", "tr-TR")"#, json!("İSTANBUL")),
        (r#"ToLower("ISTANBUL", "en-US")"#, json!("istanbul")),
        (r#"PCase("o'NEILL-smith")"#, json!("O'neill-Smith")),
        (r#"PCase("o'NEILL-smith x_y", " -")"#, json!("O'neill-Smith X_y")),
        (r#"PCase("1st a1b x_y")"#, json!("1St A1b X_Y")),
        (
            r#"NormalizeDiacritics("Łukasz Müller, Ōsaka, Жуков")"#,
            json!("Lukasz Muller, Osaka, Жуков"),
        ),
        ("NormalizeDiacritics(\"Zoe\u{308}\")", json!("Zoe")),
    ]);
}

#[test]
fn numbers_print_without_a_culture() {
    assert_values(&[
        ("CStr(42568.75)", json!("42568.75")),
        ("CStr(2.0)", json!("2")),
        ("CStr(1 = 1)", json!("True")),
        (r#"Join("", 1000, -5, &HF)"#, json!("1000-515")),
        (r#"Mid("abc", "2", 1.0)"#, json!("b")),
        (r#"BitAnd("12", &HA)"#, json!(8)),
    ]);
}

#[test]
fn dates_are_read_in_iso_and_american_forms_and_counted_in_utc() {
    assert_values(&[
        (r#"CDate("2021-06-30")"#, json!("6/30/2021 12:00:00 AM")),
        (r#"CDate("6/30/2021 1:05:09 PM")"#, json!("6/30/2021 1:05:09 PM")),
        (r#"CDate("30 June 2021")"#, json!("6/30/2021 12:00:00 AM")),
        (r#"CDate("2021-06-30T23:30:00.1234567-01:00")"#, json!("7/1/2021 12:30:00 AM")),
        ("Now()", json!("7/30/2025 12:00:00 PM")),
        (r#"DateAdd("m", 1, "2024-01-31")"#, json!("2/29/2024 12:00:00 AM")),
        (r#"DateAdd("yyyy", -1, "2024-02-29")"#, json!("2/28/2023 12:00:00 AM")),
        (r#"DateDiff("d", "2024-01-01T12:00", "2024-01-03")"#, json!(1)),
        (r#"DateDiff("d", "2024-01-03", "2024-01-01T12:00")"#, json!(-1)),
        (r#"DateDiff("m", "2024-01-31", "2024-02-01")"#, json!(1)),
        (r#"DateDiff("ww", "2024-01-06", "2024-01-07")"#, json!(1)),
        (r#"DateDiff("ww", "8/25/2021 5:41:18 PM", "2012-03-16-07:00")"#, json!(-493)),
        ("NumFromDate(DateFromNum(129699324000000000))", json!("129699324000000000")),
    ]);
    for text in [
        r#"CDate("2021-02-30")"#,
        r#"CDate("tomorrow")"#,
        r#"CDate("2021-06-30+15:00")"#,
        "CDate([absent])",
        r#"DateAdd("d", 9999999999999, "2021-06-30")"#,
        r#"DateAdd("fortnight", 1, "2021-06-30")"#,
        "DateFromNum(9223372036854775807)",
    ] {
        assert!(value(text, &Value::Null)["error"].is_string(), "{text}");
    }
}

#[test]
fn date_patterns_are_dot_nets() {
    let printed = |pattern: &str| {
        let text = format!(r#"FormatDateTime("2021-06-03T15:04:05.6789Z", , , "{pattern}")"#);
        value(&text, &Value::Null)
    };
    assert_eq!(printed("dddd, d MMM yy h:mm tt"), json!("Thursday, 3 Jun 21 3:04 PM"));
    assert_eq!(printed("yyyyMMddHHmmss.fffZ"), json!("20210603150405.678Z"));
    assert_eq!(printed("s"), json!("2021-06-03T15:04:05"));
    assert_eq!(printed("%d"), json!("3"));
    assert_eq!(printed("'day' d \\\\d zzz"), json!("day 3 d +00:00"));
    assert_values(&[
        (r#"FormatDateTime("03.06.21", , "dd.MM.yy", "yyyy-MM-dd")"#, json!("2021-06-03")),
        (r#"FormatDateTime("June 3 2021", , "MMMM d yyyy", "MM/dd")"#, json!("06/03")),
        (r#"FormatDateTime("7:05 PM", , "h:mm tt", "HH:mm")"#, json!("19:05")),
        (
            r#"FormatDateTime("2021-06-03 01:00 +02:00", , "yyyy-MM-dd HH:mm zzz", "MM-dd HH")"#,
            json!("06-02 23"),
        ),
    ]);
    let mismatch = value(r#"FormatDateTime("3.6.21", , "dd.MM.yy", "yyyy")"#, &Value::Null);
    assert_eq!(
        mismatch["error"].as_str().unwrap_or_default(),
        "`FormatDateTime` was given a text that does not have the form of its input pattern"
    );
}

#[test]
fn bytes_go_both_ways() {
    assert_values(&[
        (r#"ConvertFromBase64(ConvertToBase64("Zoë"))"#, json!("Zoë")),
        (r#"ConvertToUTF8Hex("Zoë")"#, json!("5A6FC3AB")),
        (
            r#"StringFromSid("AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAA9AEAAA==")"#,
            json!("S-1-5-21-1-2-3-500"),
        ),
    ]);
    assert!(value(r#"ConvertFromBase64("?")"#, &Value::Null)["error"].is_string());
}

#[test]
fn app_roles_come_in_the_three_forms_of_entra() {
    assert_values(&[
        ("SingleAppRoleAssignment([appRoleAssignments])", json!("Editors")),
        (
            "AppRoleAssignmentsComplex([appRoleAssignments])",
            json!([{
                "primary": false,
                "type": "WindowsAzureActiveDirectoryRole",
                "displayName": "Editors",
                "value": "editor",
                "id": AppRoleId::derive(&["Editors"]).to_string(),
            }]),
        ),
        (
            "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
            json!([{
                "primary": false,
                "type": "WindowsAzureActiveDirectoryRole",
                "display": "Editors",
                "value": "editor",
            }]),
        ),
    ]);
}

#[test]
fn random_values_depend_on_the_seed_alone() {
    let first = value("RandomString(12, 2, 2, 2, 2, \"lI10O\")", &Value::Null);
    assert_eq!(first, value("RandomString(12, 2, 2, 2, 2, \"lI10O\")", &Value::Null));
    let text = first.as_str().unwrap_or_default();
    assert_eq!(text.chars().count(), 12);
    for kind in [char::is_numeric, char::is_uppercase, char::is_lowercase] {
        assert!(text.chars().filter(|c| kind(*c)).count() >= 2, "{text}");
    }
    assert!(text.chars().filter(char::is_ascii_punctuation).count() >= 2, "{text}");
    assert!(!text.contains(['l', 'I', '1', '0', 'O']), "{text}");

    let guids = value("Join(\" \", Guid(), Guid())", &Value::Null);
    let (one, other) = guids.as_str().and_then(|text| text.split_once(' ')).unwrap_or_default();
    assert_ne!(one, other);
    assert!(uuid::Uuid::parse_str(one).is_ok());
    assert!(value("RandomString(3, 2, 2, 0, 0)", &Value::Null)["error"].is_string());
}
