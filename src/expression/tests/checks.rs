//! What is refused before any object is evaluated.

use super::support::parsed;
use crate::expression::{Role, functions};

fn mistakes(text: &str, role: Role) -> String {
    let known = |name: &str| matches!(name, "givenName" | "surname" | "mail");
    let messages = parsed(text).check(&known, role);
    messages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_one() {
    insta::assert_snapshot!(mistakes("tolower([GivenName])", Role::Plain), @"
    unknown function `tolower`; did you mean `ToLower`? (line 1, column 1)
    unknown attribute [GivenName]; did you mean [givenName]? (line 1, column 9)
    ");
    insta::assert_snapshot!(mistakes("Frobnicate([xyzzy])", Role::Plain), @"
    unknown function `Frobnicate` (line 1, column 1)
    unknown attribute [xyzzy] (line 1, column 12)
    ");
}

#[test]
fn the_number_of_arguments_is_checked_against_the_signature() {
    assert_eq!(
        mistakes("Mid([mail], 1)", Role::Plain),
        "`Mid` lacks argument 3: Mid(source, start, length) (line 1, column 1)"
    );
    assert_eq!(
        mistakes("Mid([mail], , 3)", Role::Plain),
        "`Mid` lacks argument 2: Mid(source, start, length) (line 1, column 1)"
    );
    assert_eq!(
        mistakes("Trim([mail], 1)", Role::Plain),
        "`Trim` takes at most 1 arguments: Trim(source) (line 1, column 1)"
    );
    assert_eq!(
        mistakes("Switch([mail], , \"a\")", Role::Plain),
        "the last key of `Switch` has no value: \
         Switch(source, [default], key1, value1, …) (line 1, column 1)"
    );
}

#[test]
fn arguments_that_the_documentation_leaves_out_are_fine() {
    for text in [
        "ToLower([mail], )",
        "Switch([mail], , \"a\", \"b\")",
        "Replace([mail], , \"x\", , \"\", , )",
        "Replace([mail], \"x\", , , \"\", , )",
        "FormatDateTime([mail], , \"yyyy\", \"yy\")",
        "FormatDateTime([mail], \"yyyy\", \"yy\")",
        "SingleAppRoleAssignment([appRoleAssignments])",
        "IIF([mail] = \"a\", , \"b\")",
    ] {
        assert_eq!(mistakes(text, Role::Matching), "", "{text}");
    }
}

#[test]
fn functions_are_refused_where_they_may_not_stand() {
    assert_eq!(
        mistakes("Append([mail], Guid())", Role::Matching),
        "`Guid` gives another value each time, so it cannot match accounts (line 1, column 16)"
    );
    assert_eq!(mistakes("Append([mail], Guid())", Role::Plain), "");
    assert_eq!(
        mistakes("SelectUniqueValue([mail], [surname])", Role::Plain),
        "`SelectUniqueValue` is not available for SCIM applications (line 1, column 1)"
    );
    assert_eq!(
        mistakes("IIF(IIF(IgnoreFlowIfNullOrEmpty([mail]), 1, 2), 1, 2)", Role::Plain),
        "`IgnoreFlowIfNullOrEmpty` cannot stand in the condition of an `IIF` (line 1, column 9)"
    );
    assert_eq!(
        mistakes("Replace([mail], , \"(?<a>x)\", \"b\", \"\", , )", Role::Plain),
        "the regular expression has no group `b` (line 1, column 30)"
    );
}

#[test]
fn the_list_of_functions_is_sorted_and_complete() {
    let names: Vec<&str> = functions().iter().map(|help| help.name).collect();
    let mut sorted = names.clone();
    sorted.sort_by_key(|name| name.to_lowercase());
    sorted.dedup();
    assert_eq!(names, sorted);
    assert!(functions().iter().all(|help| help.signature.starts_with(help.name)));
}
