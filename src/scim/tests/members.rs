//! What is sent to change the members of a group, to the letter.

use insta::assert_snapshot;
use proptest::prelude::*;

use crate::{
    model::TargetId,
    scim::{AttributePath, Dialect, MemberRemoval, PatchRequest, member_out, member_patch},
};

const DIALECTS: [Dialect; 2] = [Dialect::Rfc7644, Dialect::EntraLegacy];
const REMOVALS: [MemberRemoval; 2] = [MemberRemoval::ValuePath, MemberRemoval::ValueArray];

fn ids<const N: usize>(texts: [&str; N]) -> Vec<TargetId> {
    texts.map(|text| TargetId::parse(text).expect("an id")).to_vec()
}

fn lines(request: &PatchRequest) -> String {
    assert_eq!(request.schemas, ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    let lines: Vec<String> = request
        .operations
        .iter()
        .map(|operation| serde_json::to_string(operation).expect("operations are JSON"))
        .collect();
    lines.join("\n")
}

fn usual(adds: &[TargetId], removes: &[TargetId], dialect: Dialect) -> String {
    lines(&member_patch(adds, removes, MemberRemoval::of(dialect), dialect))
}

#[test]
fn the_standard_removes_each_member_by_its_path_and_adds_all_at_once() {
    let told = usual(&ids(["7", "8"]), &ids(["1", "2"]), Dialect::Rfc7644);
    assert_snapshot!(told, @r#"
    {"op":"remove","path":"members[value eq \"1\"]"}
    {"op":"remove","path":"members[value eq \"2\"]"}
    {"op":"add","path":"members","value":[{"value":"7"},{"value":"8"}]}
    "#);
}

#[test]
fn entra_without_the_flag_removes_by_value_and_adds_with_an_empty_reference() {
    let told = usual(&ids(["7", "8"]), &ids(["1", "2"]), Dialect::EntraLegacy);
    assert_snapshot!(told, @r#"
    {"op":"Remove","path":"members","value":[{"value":"1"},{"value":"2"}]}
    {"op":"Add","path":"members","value":[{"$ref":null,"value":"7"},{"$ref":null,"value":"8"}]}
    "#);
}

#[test]
fn who_is_to_be_out_whatever_was_before_is_added_and_then_removed() {
    let one = ids(["1"]).remove(0);
    let told = |dialect| lines(&member_out(&one, MemberRemoval::of(dialect), dialect));
    assert_snapshot!(told(Dialect::Rfc7644), @r#"
    {"op":"add","path":"members","value":[{"value":"1"}]}
    {"op":"remove","path":"members[value eq \"1\"]"}
    "#);
    assert_snapshot!(told(Dialect::EntraLegacy), @r#"
    {"op":"Add","path":"members","value":[{"$ref":null,"value":"1"}]}
    {"op":"Remove","path":"members","value":[{"value":"1"}]}
    "#);
}

#[test]
fn a_profile_may_say_how_a_member_is_removed_whatever_the_dialect() {
    let one = ids(["1"]);
    let told = |removal, dialect| lines(&member_patch(&[], &one, removal, dialect));
    assert_snapshot!(
        told(MemberRemoval::ValueArray, Dialect::Rfc7644),
        @r#"{"op":"remove","path":"members","value":[{"value":"1"}]}"#
    );
    assert_snapshot!(
        told(MemberRemoval::ValuePath, Dialect::EntraLegacy),
        @r#"{"op":"Remove","path":"members[value eq \"1\"]"}"#
    );
}

#[test]
fn without_members_there_is_no_operation_least_of_all_one_that_empties_the_group() {
    for dialect in DIALECTS {
        for removal in REMOVALS {
            assert_eq!(lines(&member_patch(&[], &[], removal, dialect)), "");
        }
    }
}

proptest! {
    #[test]
    fn every_id_is_named_once_and_arrives_as_it_is(
        adds in prop::collection::vec("\\PC{1,8}", 0..6),
        removes in prop::collection::vec("\\PC{1,8}", 0..6),
        dialect in prop::sample::select(DIALECTS.to_vec()),
        removal in prop::sample::select(REMOVALS.to_vec()),
    ) {
        let ids = |texts: &[String]| -> Vec<TargetId> {
            texts.iter().filter_map(|text| TargetId::parse(text).ok()).collect()
        };
        let (adds, removes) = (ids(&adds), ids(&removes));
        let request = member_patch(&adds, &removes, removal, dialect);
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for operation in &request.operations {
            let path: AttributePath = operation.path.as_deref().expect("a path").parse()?;
            let mut named: Vec<TargetId> = operation
                .value
                .iter()
                .flat_map(|value| value.as_array().expect("a list"))
                .map(|member| member["value"].as_str().expect("an id"))
                .chain(path.filter.as_ref().map(|filter| filter.value.as_str()))
                .map(|text| TargetId::parse(text).expect("an id"))
                .collect();
            prop_assert!(!named.is_empty(), "an operation without an id is about all members");
            let is_add = operation.op.eq_ignore_ascii_case("add");
            if is_add { &mut added } else { &mut removed }.append(&mut named);
        }
        prop_assert_eq!((added, removed), (adds, removes));
    }
}
