//! What each operator says of each kind of value.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    expression::parse_date,
    model::{AppRole, AppRoleId, Attributes, ObjectKind, SourceId, Timestamp},
    provisioning::{Grant, Presence, Subject},
};

fn at(text: &str) -> Timestamp {
    parse_date(text).expect("a date")
}

fn now() -> Timestamp {
    at("2026-11-23T08:00:00Z")
}

fn role(name: &str) -> AppRole {
    AppRole {
        id: AppRoleId::derive(&[name]),
        display_name: name.to_owned(),
        value: Some(name.to_lowercase()),
        is_enabled: true,
    }
}

struct Person {
    attributes: Attributes,
    roles: Vec<&'static str>,
    groups: BTreeSet<SourceId>,
    manager: Option<SourceId>,
}

fn person(attributes: Value) -> Person {
    let attributes = serde_json::from_value(attributes).expect("an object");
    Person { attributes, roles: Vec::new(), groups: BTreeSet::new(), manager: None }
}

impl Person {
    fn subject(&self) -> Subject {
        Subject {
            kind: ObjectKind::User,
            id: SourceId::derive(&["ada"]),
            attributes: self.attributes.clone(),
            presence: Presence::Live,
            manager: self.manager,
            grants: self
                .roles
                .iter()
                .map(|name| Grant { role: role(name).id, via: None })
                .collect(),
            filter_groups: self.groups.clone(),
        }
    }

    fn result(&self, filters: &[ScopingFilter]) -> FilterResult {
        let subject = self.subject();
        FilterResult::of(filters, inputs(&subject, &principals()))
    }

    /// What one clause says: `attribute operator value`, as in a configuration.
    fn holds(&self, text: ClauseText<'_>) -> bool {
        let clause = Clause::compile(ObjectKind::User, &text)
            .unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
        match self.result(&[ScopingFilter { name: None, clauses: vec![clause] }]) {
            FilterResult::Passed => true,
            FilterResult::NotPassed => false,
            FilterResult::Undecided(fault) => panic!("{fault}"),
        }
    }
}

fn principals() -> FilterPrincipals {
    FilterPrincipals {
        groups: [("Staff".to_owned(), SourceId::derive(&["staff"]))].into(),
        managers: [("boss@contoso.com".to_owned(), SourceId::derive(&["boss"]))].into(),
    }
}

fn declared() -> Vec<AppRole> {
    vec![role("Editor"), role("Viewer")]
}

fn inputs<'a>(subject: &'a Subject, principals: &'a FilterPrincipals) -> FilterInputs<'a> {
    static ROLES: std::sync::LazyLock<Vec<AppRole>> = std::sync::LazyLock::new(declared);
    FilterInputs { subject, declared_roles: &ROLES, principals, now: now() }
}

fn clause<'a>(attribute: &'a str, operator: &'a str, value: &'a str) -> ClauseText<'a> {
    let value = (!value.is_empty()).then_some(value);
    ClauseText { attribute, operator, value, quantifier: None, anchor: None }
}

#[test]
fn each_operator_has_its_meaning() {
    let ada = person(json!({
        "department": "Engineering",
        "employeeId": "17",
        "accountEnabled": true,
        "onPremisesSyncEnabled": false,
        "mail": "ada@contoso.com",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "514", "extensionAttribute2": "7.5"},
    }));
    let table = [
        ("department", "EQUALS", "Engineering", true),
        ("department", "EQUALS", "engineering", false),
        ("department", "EQUALS", "Engineering ", false),
        ("department", "NOT EQUALS", "Sales", true),
        ("department", "NOT EQUALS", "Engineering", false),
        ("department", "ENDS_WITH", "ing", true),
        ("department", "ENDS_WITH", "ING", false),
        ("department", "Includes", "gine", true),
        ("department", "Includes", "Gine", false),
        ("mail", "REGEX MATCH", r".*\@contoso.com", true),
        ("mail", "REGEX MATCH", "contoso", false),
        ("employeeId", "REGEX MATCH", "([1-9][0-9])", true),
        ("extensionAttribute1", "REGEX MATCH", "([1-9][0-9])", false),
        ("department", "REGEX MATCH", "Eng|Engineering", true),
        ("department", "NOT REGEX MATCH", "Sales|Legal", true),
        ("department", "NOT REGEX MATCH", "E.*", false),
        ("employeeId", "Greater_Than", "16", true),
        ("employeeId", "Greater_Than", "17", false),
        ("employeeId", "Greater_Than_OR_EQUALS", "17", true),
        ("employeeId", "Greater_Than_OR_EQUALS", "18", false),
        ("department", "Greater_Than", "1", false),
        ("extensionAttribute2", "Greater_Than", "1", false),
        ("accountEnabled", "IS TRUE", "", true),
        ("accountEnabled", "IS FALSE", "", false),
        ("dirSyncEnabled", "IS FALSE", "", true),
        ("department", "IS TRUE", "", false),
        ("department", "IS FALSE", "", false),
        ("accountEnabled", "EQUALS", "true", true),
        ("department", "IS NULL", "", false),
        ("department", "IS NOT NULL", "", true),
        ("extensionAttribute1", "&", "2", true),
        ("extensionAttribute1", "&", "4", false),
        ("extensionAttribute1", "&", "&H200", true),
        ("extensionAttribute1", "!&", "4", true),
        ("extensionAttribute1", "!&", "2", false),
        ("department", "&", "Sales, Engineering", true),
        ("department", "!&", "Sales, Legal", true),
    ];
    for (attribute, operator, value, expected) in table {
        let holds = ada.holds(clause(attribute, operator, value));
        assert_eq!(holds, expected, "{attribute} {operator} {value:?}");
    }
}

#[test]
fn without_a_value_every_clause_is_false_but_is_null() {
    let nobody = person(json!({"city": "", "proxyAddresses": [], "otherMails": [""]}));
    for attribute in ["department", "city", "proxyAddresses", "otherMails", "telephoneNumber"] {
        for operator in Operator::ALL {
            let value = if !operator.takes_value() {
                ""
            } else if [Operator::Before, Operator::After].contains(&operator) {
                "-1d"
            } else {
                "1"
            };
            let holds = nobody.holds(clause(attribute, operator.as_str(), value));
            assert_eq!(holds, operator == Operator::IsNull, "{attribute} {operator}");
        }
    }
}

#[test]
fn the_operators_names_are_read_as_microsoft_writes_them() {
    for (name, operator) in [
        ("equals", Operator::Equals),
        ("NOT_EQUALS", Operator::NotEquals),
        ("NotEquals", Operator::NotEquals),
        ("Greater Than Or Equals", Operator::GreaterThanOrEquals),
        ("INCLUDES", Operator::Includes),
        ("ENDS WITH", Operator::EndsWith),
        ("IsNotNull", Operator::IsNotNull),
    ] {
        assert_eq!(Operator::parse(name), Some(operator), "{name}");
    }
    assert_eq!(Operator::parse("STARTS WITH"), None);
    let names: BTreeSet<_> = Operator::ALL.into_iter().map(Operator::as_str).collect();
    assert_eq!(names.len(), Operator::ALL.len());
}

#[test]
fn a_pattern_may_be_found_anywhere_if_asked_for() {
    let ada = person(json!({"mail": "ada@contoso.com"}));
    let mut text = clause("mail", "REGEX MATCH", "contoso");
    assert!(!ada.holds(text));
    text.anchor = Some("find");
    assert!(ada.holds(text));
    text.anchor = Some("whole");
    assert!(!ada.holds(text));
}

#[test]
fn of_several_values_one_is_enough_or_every_one_has_to_pass() {
    let ada = person(json!({"proxyAddresses": ["SMTP:ada@contoso.com", "smtp:ada@old.example"]}));
    let with = |operator, value, quantifier| {
        let text = clause("proxyAddresses", operator, value);
        ada.holds(ClauseText { quantifier, ..text })
    };
    assert!(with("ENDS_WITH", "@contoso.com", None));
    assert!(with("ENDS_WITH", "@contoso.com", Some("any")));
    assert!(!with("ENDS_WITH", "@contoso.com", Some("all")));
    assert!(with("Includes", "ada@", Some("all")));
    // A denial says that no value is so, unless one that is not is asked for.
    assert!(!with("NOT EQUALS", "smtp:ada@old.example", None));
    assert!(with("NOT EQUALS", "smtp:ada@old.example", Some("any")));
    assert!(with("NOT EQUALS", "smtp:grace@old.example", None));
}

#[test]
fn a_role_is_named_by_its_name_value_or_id() {
    let mut ada = person(json!({}));
    assert!(ada.holds(clause("appRoles", "IS NULL", "")));
    assert!(!ada.holds(clause("appRoles", "NOT EQUALS", "Viewer")));
    ada.roles = vec!["Editor", "Viewer"];
    let id = role("Viewer").id.to_string();
    for name in ["Viewer", "viewer", id.as_str()] {
        assert!(ada.holds(clause("appRoles", "EQUALS", name)), "{name}");
        assert!(!ada.holds(clause("appRoles", "NOT EQUALS", name)), "{name}");
    }
    let all = |value| ClauseText { quantifier: Some("all"), ..clause("appRoles", "EQUALS", value) };
    assert!(!ada.holds(all("Editor")));
    ada.roles = vec!["Editor"];
    assert!(ada.holds(all("Editor")));
    assert!(ada.holds(clause("appRoles", "IS NOT NULL", "")));
}

#[test]
fn groups_and_managers_are_compared_by_who_they_are() {
    let mut ada = person(json!({}));
    assert!(!ada.holds(clause("memberOf", "EQUALS", "Staff")));
    assert!(ada.holds(clause("memberOf", "NOT EQUALS", "Staff")));
    ada.groups.insert(SourceId::derive(&["staff"]));
    assert!(ada.holds(clause("memberOf", "EQUALS", "Staff")));
    assert!(!ada.holds(clause("memberOf", "NOT EQUALS", "Staff")));

    assert!(ada.holds(clause("manager", "IS NULL", "")));
    assert!(!ada.holds(clause("manager", "NOT EQUALS", "boss@contoso.com")));
    ada.manager = Some(SourceId::derive(&["boss"]));
    assert!(ada.holds(clause("manager", "EQUALS", "boss@contoso.com")));
    assert!(ada.holds(clause("manager", "IS NOT NULL", "")));
    ada.manager = Some(SourceId::derive(&["another"]));
    assert!(!ada.holds(clause("manager", "EQUALS", "boss@contoso.com")));
    assert!(ada.holds(clause("manager", "NOT EQUALS", "boss@contoso.com")));
}

#[test]
fn a_name_that_was_not_looked_up_decides_nothing() {
    let ada = person(json!({"department": "Engineering"}));
    let unknown = Clause::compile(ObjectKind::User, &clause("memberOf", "EQUALS", "Nobody's"))
        .expect("a clause");
    let no = Clause::compile(ObjectKind::User, &clause("department", "EQUALS", "Sales"))
        .expect("a clause");
    let yes = Clause::compile(ObjectKind::User, &clause("department", "EQUALS", "Engineering"))
        .expect("a clause");
    let filter = |clauses: &[&Clause]| ScopingFilter {
        name: None,
        clauses: clauses.iter().map(|clause| (*clause).clone()).collect(),
    };
    let undecided = ada.result(&[filter(&[&unknown, &yes])]);
    assert!(matches!(undecided, FilterResult::Undecided(_)), "{undecided:?}");
    // What is decided without it stays decided.
    assert_eq!(ada.result(&[filter(&[&unknown, &no])]), FilterResult::NotPassed);
    assert_eq!(ada.result(&[filter(&[&unknown]), filter(&[&yes])]), FilterResult::Passed);
}

#[test]
fn a_pattern_that_runs_away_decides_nothing() {
    let ada = person(json!({"department": "a".repeat(60) + "!"}));
    let text = clause("department", "REGEX MATCH", r"((a+)+)\1b");
    let clause = Clause::compile(ObjectKind::User, &text).expect("a clause");
    let result = ada.result(&[ScopingFilter { name: None, clauses: vec![clause] }]);
    assert!(matches!(result, FilterResult::Undecided(_)), "{result:?}");
}

#[test]
fn dates_are_compared_with_a_day_or_with_a_time_from_now() {
    let ada = person(json!({"employeeHireDate": "2026-11-01T00:00:00Z", "city": "Oslo"}));
    for (operator, value, expected) in [
        ("BEFORE", "2026-11-02", true),
        ("BEFORE", "2026-11-01", false),
        ("AFTER", "2026-10-31T23:59:59Z", true),
        ("AFTER", "2026-11-01", false),
        ("BEFORE", "-22d", true),
        ("BEFORE", "-30d", false),
        ("AFTER", "-30d", true),
        ("BEFORE", "0d", true),
        ("AFTER", "+1w", false),
    ] {
        let holds = ada.holds(clause("employeeHireDate", operator, value));
        assert_eq!(holds, expected, "{operator} {value}");
    }
    assert!(!ada.holds(clause("city", "BEFORE", "0d")));
}

#[test]
fn a_relative_date_says_when_it_turns() {
    let ada = person(json!({"employeeHireDate": "2026-12-01T00:00:00Z"}));
    let turns = |operator, value| {
        let clause =
            Clause::compile(ObjectKind::User, &clause("employeeHireDate", operator, value))
                .expect(value);
        let filters = [ScopingFilter { name: None, clauses: vec![clause] }];
        let subject = ada.subject();
        ScopingFilter::reconsider_at(&filters, inputs(&subject, &principals()))
    };
    assert_eq!(turns("BEFORE", "0d"), Some(at("2026-12-01T00:00:00.001Z")));
    assert_eq!(turns("AFTER", "-30d"), Some(at("2026-12-31T00:00:00.001Z")));
    assert_eq!(turns("BEFORE", "+1w"), Some(at("2026-11-24T00:00:00.001Z")));
    assert_eq!(turns("BEFORE", "+30d"), None);
    assert_eq!(turns("BEFORE", "2027-01-01"), None);
}

#[test]
fn clauses_are_anded_and_filters_are_ored() {
    let ada = person(json!({"department": "Engineering", "userType": "Guest"}));
    let compile = |texts: &[(&str, &str, &str)]| ScopingFilter {
        name: None,
        clauses: texts
            .iter()
            .map(|(a, o, v)| Clause::compile(ObjectKind::User, &clause(a, o, v)).expect("a clause"))
            .collect(),
    };
    let engineers =
        compile(&[("department", "EQUALS", "Engineering"), ("userType", "NOT EQUALS", "Guest")]);
    let guests = compile(&[("userType", "EQUALS", "Guest")]);
    assert_eq!(ada.result(std::slice::from_ref(&engineers)), FilterResult::NotPassed);
    assert_eq!(ada.result(&[engineers.clone(), guests]), FilterResult::Passed);
    assert_eq!(ada.result(&[]), FilterResult::Passed);
    let subject = ada.subject();
    let (principals, redacted) = (principals(), BTreeSet::from(["companyName".to_owned()]));
    let found = ScopingFilter::findings(&[engineers], inputs(&subject, &principals), &redacted);
    let findings: Vec<_> = found
        .into_iter()
        .map(|finding| format!("{} saw {}: {:?}", finding.clause, finding.saw, finding.holds))
        .collect();
    assert_eq!(
        findings,
        [
            r#"department EQUALS "Engineering" saw "Engineering": Some(true)"#,
            r#"userType NOT EQUALS "Guest" saw "Guest": Some(false)"#,
        ]
    );
}

#[test]
fn a_clause_that_makes_no_sense_says_what_does() {
    let refusal = |text: ClauseText<'_>| {
        let errors = Clause::compile(ObjectKind::User, &text).expect_err("a mistake");
        let shown: Vec<String> = errors
            .iter()
            .map(|error| {
                let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                format!("{}: {}{hint}", error.key.as_str(), error.problem)
            })
            .collect();
        shown.join("\n")
    };
    insta::assert_snapshot!(
        [
            clause("departmnet", "EQUALS", "x"),
            clause("department", "STARTS WITH", "x"),
            clause("department", "EQUALS", ""),
            clause("department", "IS NULL", "x"),
            clause("employeeId", "Greater_Than", "ten"),
            clause("department", "REGEX MATCH", "(a"),
            clause("employeeHireDate", "BEFORE", "soon"),
            clause("memberOf", "Includes", "Staff"),
            clause("manager", "REGEX MATCH", "boss"),
            clause("appRoles", "IS TRUE", ""),
            clause("IsSoftDeleted", "IS TRUE", ""),
            ClauseText { quantifier: Some("all"), ..clause("department", "EQUALS", "x") },
            ClauseText { quantifier: Some("most"), ..clause("otherMails", "EQUALS", "x") },
            ClauseText { anchor: Some("find"), ..clause("department", "EQUALS", "x") },
            ClauseText { anchor: Some("start"), ..clause("department", "REGEX MATCH", "x") },
        ]
        .map(refusal)
        .join("\n"),
        @r#"
    attribute: unknown source attribute "departmnet"
    operator: unknown operator "STARTS WITH"; possible are EQUALS, NOT EQUALS, ENDS_WITH, Includes, REGEX MATCH, NOT REGEX MATCH, Greater_Than, Greater_Than_OR_EQUALS, IS TRUE, IS FALSE, IS NULL, IS NOT NULL, &, !&, BEFORE, AFTER
    value: missing; EQUALS compares with a value
    value: IS NULL takes no value
    value: Greater_Than compares whole numbers; "ten" is none
    value: this is not a regular expression: Opening parenthesis without closing parenthesis
    value: "soon" is no date; write a date such as 2026-01-31 or 2026-01-31T08:00:00Z, or a time from now such as -30d, 0d, +2w, +12h
    operator: `memberOf` cannot be compared with Includes; possible are EQUALS and NOT EQUALS, with a group's name or id
    operator: `manager` cannot be compared with REGEX MATCH; possible are EQUALS and NOT EQUALS, with the manager's user principal name or object id, IS NULL and IS NOT NULL
    operator: `appRoles` cannot be compared with IS TRUE; possible are EQUALS and NOT EQUALS, with a role's name, value or id
    attribute: `IsSoftDeleted` itself depends on whether the filters hold; a filter can look at `accountEnabled`
    quantifier: `department` has one value at most, so it needs none
    quantifier: unknown value "most"; possible are `any`, `all`
    anchor: EQUALS knows none; it belongs to REGEX MATCH
    anchor: unknown value "start"; possible are `whole`, `find`
    "#
    );
}

proptest::proptest! {
    #[test]
    fn no_clause_and_no_value_breaks_anything(
        attribute in "department|proxyAddresses|appRoles|employeeHireDate|\\PC{0,12}",
        operator in 0..Operator::ALL.len(),
        value in "\\PC{0,24}|[(a+)*.\\[\\]{}|^$?]{0,16}|[+-]?[0-9]{1,20}[smhdw]?",
        seen in "\\PC{0,40}|a{0,60}!?|[0-9]{0,19}",
        anchor in 0..3_usize,
    ) {
        let operator = Operator::ALL[operator];
        let text = ClauseText {
            attribute: &attribute,
            operator: operator.as_str(),
            value: operator.takes_value().then_some(value.as_str()),
            quantifier: None,
            anchor: [None, Some("whole"), Some("find")][anchor].filter(|_| operator.is_regex()),
        };
        if let Ok(clause) = Clause::compile(ObjectKind::User, &text) {
            let ada = person(json!({
                "department": seen,
                "proxyAddresses": [seen, ""],
                "employeeHireDate": seen,
            }));
            let filters = [ScopingFilter { name: None, clauses: vec![clause] }];
            let subject = ada.subject();
            let principals = principals();
            let inputs = inputs(&subject, &principals);
            let result = FilterResult::of(&filters, inputs);
            proptest::prop_assert_eq!(&result, &FilterResult::of(&filters, inputs));
            let turns_at = ScopingFilter::reconsider_at(&filters, inputs);
            proptest::prop_assert!(turns_at.is_none_or(|at| at > inputs.now));
            // Until the moment it names, time alone changes nothing.
            if let Some(at) = turns_at {
                let later = FilterInputs { now: at - chrono::TimeDelta::milliseconds(1), ..inputs };
                proptest::prop_assert_eq!(&result, &FilterResult::of(&filters, later));
            }
        }
    }
}
