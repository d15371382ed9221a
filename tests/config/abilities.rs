//! What a target can do: the configuration, the profile, the target's own words, in this order.

use std::collections::BTreeSet;

use entra_scim::{
    model::{ObjectKind, Timestamp},
    provisioning::{Capabilities, Discovered, Filtering, Paging, Versions, capabilities, job::Job},
    scim::ServiceDescription,
};

use super::{accept, refuse, with};

fn job(lines: &str) -> Job {
    let text = with("[apps.crm.target]", &format!("[apps.crm.target]\n{lines}"));
    accept(&text).apps.remove(0).job
}

fn known(lines: &str, says: ServiceDescription) -> Capabilities {
    let job = job(lines);
    let now = Timestamp::UNIX_EPOCH;
    capabilities(&job, Some(&Discovered { says, ..Discovered::nothing(&job, now) }))
}

fn silent() -> ServiceDescription {
    ServiceDescription::default()
}

#[test]
fn of_a_target_that_says_nothing_everything_is_assumed() {
    let can = capabilities(&job(""), None);
    assert_eq!(can, known("", silent()));
    assert!(can.replaces.is_empty() && can.may_replace && can.list && can.groups);
    assert_eq!((can.filter, can.paging), (Filtering::Taken, Paging::Index));
    assert_eq!((can.versions, can.page_size), (Versions::OfResources, 200));
}

#[test]
fn the_words_of_a_target_count_unless_the_configuration_says_otherwise() {
    let says = |no: bool| ServiceDescription {
        patch: Some(!no),
        filter: Some(!no),
        etag: Some(!no),
        cursor_paging: Some(no),
        index_paging: Some(!no),
        groups: Some(!no),
        ..silent()
    };
    let both = BTreeSet::from([ObjectKind::User, ObjectKind::Group]);
    let unable = known("", says(true));
    assert_eq!(unable.replaces, both);
    assert_eq!((unable.filter, unable.paging), (Filtering::NotTaken, Paging::Cursor));
    assert_eq!((unable.versions, unable.groups), (Versions::Ignored, false));
    let able = known("", says(false));
    assert!(able.replaces.is_empty() && able.groups);
    assert_eq!((able.filter, able.paging), (Filtering::Taken, Paging::Index));
    assert_eq!(able.versions, Versions::Compared);

    let yes = "patch = true\nfilter = true\netag = true\ncursor = false";
    let told_able = known(yes, says(true));
    assert!(told_able.replaces.is_empty() && !told_able.may_replace);
    assert_eq!((told_able.filter, told_able.paging), (Filtering::Taken, Paging::Index));
    assert_eq!(told_able.versions, Versions::Required);
    let no = "patch = false\nfilter = false\netag = false\ncursor = true";
    let told_unable = known(no, says(false));
    assert_eq!(told_unable.replaces, both);
    assert_eq!((told_unable.filter, told_unable.paging), (Filtering::NotTaken, Paging::Cursor));
    assert_eq!(told_unable.versions, Versions::Ignored);
}

#[test]
fn what_an_answer_taught_counts_less_than_what_is_said() {
    let job = job("");
    let taught = |says| {
        let mut known = Discovered { says, ..Discovered::nothing(&job, Timestamp::UNIX_EPOCH) };
        known.without_patch.insert(ObjectKind::Group);
        known.filter_doubted = true;
        known
    };
    let can = capabilities(&job, Some(&taught(silent())));
    assert_eq!(can.replaces, BTreeSet::from([ObjectKind::Group]));
    assert_eq!(can.filter, Filtering::Doubted);
    let said = ServiceDescription { filter: Some(false), ..silent() };
    assert_eq!(capabilities(&job, Some(&taught(said))).filter, Filtering::NotTaken);
    let of_another = Discovered { target: "https://other.example".into(), ..taught(silent()) };
    assert_eq!(capabilities(&job, Some(&of_another)), capabilities(&job, None));
}

#[test]
fn a_page_is_as_small_as_whoever_knows_best_says() {
    let says = |page_size_max| ServiceDescription { page_size_max, ..silent() };
    assert_eq!(known("", says(Some(1_000))).page_size, 200);
    assert_eq!(known("", says(Some(50))).page_size, 50);
    let cursors_beside_an_index =
        ServiceDescription { cursor_paging: Some(true), index_paging: Some(true), ..silent() };
    assert_eq!(known("", cursors_beside_an_index).paging, Paging::Index);
}

#[test]
fn a_description_is_good_for_its_own_target_until_its_time_is_up() {
    let job = job("");
    let at = |hours: i64| Timestamp::UNIX_EPOCH + chrono::TimeDelta::hours(hours);
    let known = Discovered { until: at(34), ..Discovered::nothing(&job, at(10)) };
    assert!(known.is_fresh(&job, at(10)) && known.is_fresh(&job, at(33)));
    assert!(!known.is_fresh(&job, at(34)), "its time is up");
    assert!(!known.is_fresh(&job, at(9)), "the clock was set back");
    let other = Discovered { target: "https://other.example".into(), ..known.clone() };
    assert!(!other.is_fresh(&job, at(11)));
    let text = serde_json::to_string(&known).expect("JSON");
    assert_eq!(serde_json::from_str::<Discovered>(&text).expect("the same"), known);
}

#[test]
fn a_key_that_is_no_flag_or_no_form_is_refused() {
    let text =
        with("[apps.crm.target]", "[apps.crm.target]\npatch = \"no\"\nmember_removal = \"x\"");
    let said = refuse(&text);
    assert!(said.contains("apps.crm.target.patch: expected true or false"), "{said}");
    assert!(said.contains("apps.crm.target.member_removal: unknown value \"x\""), "{said}");
}
