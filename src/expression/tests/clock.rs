//! When a value that looks at the clock is another one.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::support::{noon, parsed};
use crate::{
    expression::{Flow, Inputs},
    model::Timestamp,
};

fn timed(text: &str, now: Timestamp) -> (String, Option<Timestamp>) {
    let object = json!({
        "soon": "2025-08-02T09:30:00Z", "past": "2025-07-28T17:00:00Z", "day": "2025-08-01",
        "exact": "2025-07-30T12:00:00Z", "fraction": "2025-07-30T13:00:00.5Z",
    });
    let (flow, wake) = parsed(text).evaluate_timed(&Inputs {
        attribute: &|name| object.get(name).cloned().unwrap_or(Value::Null),
        app_roles: &[],
        now,
        seed: 7,
        default_domain: None,
    });
    (format!("{flow:?}"), wake)
}

/// Every form in which the clock is looked at, and what is wanted of it as a mapping.
const LOOKING: &[&str] = &[
    r#"DateDiff("d", Now(), [soon])"#,
    r#"DateDiff("d", [past], Now())"#,
    r#"DateDiff("d", Now(), [past])"#,
    r#"DateDiff("d", [soon], Now())"#,
    r#"DateDiff("h", Now(), [soon])"#,
    r#"DateDiff("h", [past], Now())"#,
    r#"DateDiff("h", Now(), [fraction])"#,
    r#"DateDiff("n", [exact], Now())"#,
    r#"DateDiff("d", [exact], Now())"#,
    r#"DateDiff("ww", [past], Now())"#,
    r#"DateDiff("m", Now(), [past])"#,
    r#"DateDiff("q", Now(), [past])"#,
    r#"DateDiff("yyyy", [past], Now())"#,
    r#"DateDiff("d", DateAdd("d", -3, Now()), CDate([soon]))"#,
    r#"DateDiff("m", DateAdd("h", 9, Now()), [day])"#,
    r#"DateDiff("d", Now(), CDate(IIF(IsPresent([soon]), [soon], Now())))"#,
    r#"DateDiff("d", Now(), CDate(IIF(IsPresent([no]), [no], DateAdd("d", 10, Now()))))"#,
    r#"DateDiff("m", Now(), DateAdd("d", 20, Now()))"#,
    r#"DateDiff("d", [past], DateAdd("m", 1, Now()))"#,
    r#"IIF(DateDiff("d", Now(), CDate([day])) <= 0, "here", "coming")"#,
    r#"IIF(Now() >= [soon], "later", "not yet")"#,
    r#"IIF([soon] < DateAdd("h", 4, Now()), "later", "not yet")"#,
    r#"IIF(Now() = CDate([exact]), "now", "not now")"#,
    r#"IIF(Now() > [past], "later", "not yet")"#,
    r#"IIF(NumFromDate(Now()) > NumFromDate([soon]), "later", "not yet")"#,
    r#"IIF(NumFromDate([fraction]) <= NumFromDate(Now()), "later", "not yet")"#,
    r#"IIF(DateFromNum(NumFromDate(Now())) > [soon], "later", "not yet")"#,
    r#"IIF(FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyyMMdd") >= "20250802", 1, 2)"#,
    r#"IIF(FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "HH:mm") = "13:07", 1, 2)"#,
    r#"IIF(StartsWith(Now(), "7/30"), "today", "another day")"#,
    r#"IIF(Now() > "not a date", 1, 2)"#,
    r#"Switch([past], "none", [past], IIF(DateDiff("d", [past], Now()) > 4, "old", "new"))"#,
];

#[test]
fn value_that_looks_at_the_clock_stays_until_the_moment_it_names() {
    for text in LOOKING {
        assert!(!parsed(text).is_sticky(), "{text}");
        let mut now = noon();
        let end = noon() + TimeDelta::days(40);
        let mut looks = 0;
        while now < end {
            let (value, wake) = timed(text, now);
            let until = wake.unwrap_or(end).min(end);
            assert!(until >= now + TimeDelta::seconds(60), "{text} at {now}: {until}");
            // What changes within a minute may be noticed a minute later.
            let mut probe = now;
            while probe < until && until - now > TimeDelta::seconds(60) {
                assert_eq!(timed(text, probe).0, value, "{text} at {now}, looked at {probe}");
                let step = ((until - probe) / 7).max(TimeDelta::seconds(1));
                probe += step;
            }
            let last = until - TimeDelta::seconds(1);
            if until - now > TimeDelta::seconds(60) {
                assert_eq!(timed(text, last).0, value, "{text} at {now}, looked at {last}");
            }
            looks += 1;
            now = until + TimeDelta::milliseconds(250);
            // A form that is looked at every minute is not followed for a month.
            if looks > 300 {
                break;
            }
        }
    }
}

#[test]
fn moment_of_the_next_look_is_worked_out() {
    let wake = |text: &str| timed(text, noon()).1.map(|at| (at - noon()).num_seconds());
    assert_eq!(wake(r#"DateDiff("d", [exact], Now())"#), Some(86_400));
    assert_eq!(wake(r#"DateDiff("d", Now(), [exact])"#), Some(86_400));
    assert_eq!(wake(r#"DateDiff("d", Now(), "2025-08-01T12:00")"#), Some(60), "one second ahead");
    assert_eq!(wake(r#"DateDiff("h", Now(), "2025-07-30T14:30")"#), Some(1_801));
    assert_eq!(wake(r#"DateDiff("s", Now(), [soon])"#), Some(60), "never sooner than a minute");
    assert_eq!(wake(r#"DateDiff("m", [past], Now())"#), Some(36 * 3_600));
    assert_eq!(wake(r#"DateDiff("ww", [past], Now())"#), Some((3 * 24 + 12) * 3_600));
    assert_eq!(wake(r"IIF(Now() >= [day], 1, 2)"), Some(36 * 3_600));
    assert_eq!(wake(r"IIF(Now() > [past], 1, 2)"), None, "what is past stays past");
    assert_eq!(wake(r#"IIF([none] = "x", DateDiff("d", Now(), [soon]), 1)"#), None, "not reached");
    assert_eq!(wake(r"[soon]"), None);
}

#[test]
fn present_moment_compares_as_a_date() {
    let value = |text: &str| timed(text, noon()).0;
    let truth = |flag: bool| format!("{:?}", Ok::<Flow, ()>(Flow::Value(json!(flag))));
    // As texts "7/30/2025 …" would come after "2025-…" and before "9/…".
    assert_eq!(value(r"Now() > [past]"), truth(true));
    assert_eq!(value(r"Now() < [soon]"), truth(true));
    assert_eq!(value(r"[soon] <= Now()"), truth(false));
    assert_eq!(value(r"Now() = [exact]"), truth(true));
    assert_eq!(value(r"Now() <> [exact]"), truth(false));
    assert_eq!(value(r#"DateAdd("d", 3, Now()) > [soon]"#), truth(true));
    assert_eq!(value(r"Now() <= Now()"), truth(true));
}

#[test]
fn value_that_the_clock_or_a_seed_flows_into_is_sticky() {
    for text in [
        "Now()",
        "Guid()",
        r"RandomString(8, 1, 1, 1, 1)",
        r"[mailNickname] & RandomString(3, 0, 0, 0, 0)",
        r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "yyyy-MM-dd")"#,
        r#"IIF(IsPresent([mail]), Now(), "")"#,
        r#"IIF(Guid() = [mail], "a", "b")"#,
        r#"DateAdd("d", 30, Now())"#,
        r#"Join("-", [mail], Now())"#,
    ] {
        assert!(parsed(text).is_sticky(), "{text}");
    }
    assert!(!parsed(r#"DateDiff("d", DateAdd("d", 1, Now()), [soon])"#).is_sticky());
    assert!(!parsed("[mail]").is_sticky());
}

#[test]
fn default_domain_shows_wherever_it_stands() {
    assert!(parsed(r#"Join("@", [mailNickname], DefaultDomain())"#).uses_default_domain());
    assert!(parsed("IIF([a] = \"\", DefaultDomain(), [b])").uses_default_domain());
    assert!(!parsed(r#"Join("@", [mailNickname], "DefaultDomain()")"#).uses_default_domain());
}
