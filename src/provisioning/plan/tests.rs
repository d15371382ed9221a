//! What is decided about a group: the room's table, told row by row.
//!
//! What is decided about people is told by whole cycles (`tests/cycle`); a group takes the same way
//! with other words, and with deleting in place of disabling.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::*;
use crate::{
    config,
    expression::parse_date,
    model::{
        AppRoleId, Attributes, CycleId, ObjectKind, RedactionKey, SourceId, TargetId, Timestamp,
    },
    provisioning::{
        Candidate, Claim, EntitlementMemory, Evidence, FilterPrincipals, Grant, Link, LinkStanding,
        Presence, Step, StepKind, Subject, UnsettledCreate, job::Job,
    },
    scim::{AttributePath, Values, shown},
};

/// A group, its link, and what is known around it.
struct Story {
    job: Job,
    subject: Subject,
    link: Option<Link>,
    memory: EntitlementMemory,
    evidence: Evidence,
    unsettled: Option<UnsettledCreate>,
}

fn now() -> Timestamp {
    parse_date("2026-11-23T08:00:00Z").expect("a date")
}

fn hours_ago(hours: i64) -> Timestamp {
    now() - TimeDelta::hours(hours)
}

fn path(text: &str) -> AttributePath {
    AttributePath::parse(text).expect(text)
}

fn target(id: &str) -> TargetId {
    TargetId::parse(id).expect("an id")
}

fn group_id(name: &str) -> SourceId {
    SourceId::derive(&[name])
}

fn values(name: &str) -> Values {
    let id = group_id("staff").to_string();
    [(path("displayName"), json!(name)), (path("externalId"), json!(id))].into()
}

/// The job of groups of a configuration with these lines for the application and at its end.
fn job(app: &str, more: &str) -> Job {
    let text = format!(
        r#"[tenant]
id = "contoso.onmicrosoft.com"
client_id = "66666666-7777-8888-9999-aaaaaaaaaaaa"
client_secret = {{ env = "GRAPH_SECRET" }}
[apps.crm]
enterprise_app = "CRM"
{app}
[apps.crm.target]
tenant_url = "https://crm.example.com/scim"
secret_token = {{ env = "CRM_TOKEN" }}
[apps.crm.groups]
enabled = true
{more}"#
    );
    let mut config = config::parse(&text, "config.toml").expect("a configuration");
    *config.apps.remove(0).job.groups.expect("groups are provisioned")
}

impl Story {
    /// The group Staff, assigned with a role for a day and never provisioned.
    fn new() -> Self {
        Self::with(job("", ""))
    }

    fn with(job: Job) -> Self {
        let attributes: Attributes = [
            ("displayName".to_owned(), json!("Staff")),
            ("mail".to_owned(), json!("staff@contoso.com")),
        ]
        .into();
        let subject = Subject {
            kind: ObjectKind::Group,
            id: group_id("staff"),
            attributes,
            presence: Presence::Live,
            manager: None,
            grants: vec![Grant { role: AppRoleId::derive(&["editor"]), via: None }],
            filter_groups: std::collections::BTreeSet::new(),
        };
        let memory = EntitlementMemory { since: Some(hours_ago(24)), ..Default::default() };
        let evidence = Evidence::NotLooked;
        Self { job, subject, link: None, memory, evidence, unsettled: None }
    }

    /// The same with safeguards of these lines.
    fn guarded(lines: &str) -> Self {
        Self::with(job("", &format!("[apps.crm.safeguards]\n{lines}")))
    }

    /// Provisioned as `G1`, under the name Staff.
    fn linked(mut self) -> Self {
        self.link = Some(Link {
            source: self.subject.id,
            target: target("G1"),
            exported: values("Staff"),
            basis: BTreeMap::new(),
            standing: LinkStanding::Linked,
            stale: false,
            unconfirmed: Vec::new(),
            is_hint: false,
            read_back: None,
        });
        self
    }

    fn unassigned(mut self) -> Self {
        self.subject.grants.clear();
        self
    }

    fn presence(mut self, presence: Presence) -> Self {
        self.subject.presence = presence;
        self
    }

    fn named(mut self, name: &str) -> Self {
        self.subject.attributes.insert("displayName".to_owned(), json!(name));
        self
    }

    /// The application has these groups, by id, name, external id and claim.
    fn found(mut self, groups: &[(&str, &str, Option<&str>, Claim)]) -> Self {
        let candidate = |(id, name, external, claim): &(&str, &str, Option<&str>, Claim)| {
            let mut values: Values = [(path("displayName"), json!(name))].into();
            values.extend(external.map(|text| (path("externalId"), json!(text))));
            Candidate { target: target(id), values, claim: claim.clone() }
        };
        let all: Vec<Candidate> = groups.iter().map(candidate).collect();
        let found = ["externalId", "displayName"].map(|name| (path(name), all.clone()));
        self.evidence = Evidence::Found(found.into());
        self
    }

    fn decide(&self) -> Verdict {
        decide(&PlanInputs {
            job: &self.job,
            cycle: (CycleId::derive(&["cycle"]), now()),
            now: now(),
            subject: &self.subject,
            declared_roles: &[],
            principals: &FilterPrincipals::default(),
            memory: self.memory.clone(),
            link: self.link.as_ref(),
            unsettled: self.unsettled.clone(),
            evidence: self.evidence.clone(),
            mapped: None,
            default_domain: None,
            key: &RedactionKey::new(&[7; 32]),
        })
    }

    #[track_caller]
    fn decision(&self) -> Decision {
        match self.decide() {
            Verdict::Decided(decision) => decision,
            Verdict::Lookup { .. } => panic!("it wants to look first"),
        }
    }

    /// The rows with what changes, as a person would read them.
    #[track_caller]
    fn told(&self) -> String {
        let mut text = String::new();
        for row in self.decision().changes {
            let (action, status) = (row.action.as_str(), row.status.as_str());
            writeln!(text, "{action} {status} {}: {}", row.reason, row.detail).expect("a text");
            let shown = |value: &Option<Value>| {
                value.as_ref().map_or("-".to_owned(), |value| shown(value).to_string())
            };
            for change in &row.changes {
                let (old, new) = (shown(&change.old), shown(&change.new));
                writeln!(text, "  {}: {old} → {new}", change.path).expect("a text");
            }
        }
        text.trim_end().to_owned()
    }

    /// The last row's step of this kind.
    #[track_caller]
    fn step(&self, kind: StepKind) -> Step {
        let row = self.decision().changes.pop().expect("a row");
        row.steps.into_iter().find(|step| step.kind == kind).expect("such a step")
    }
}

fn staff_id() -> String {
    group_id("staff").to_string()
}

#[test]
fn a_group_is_looked_for_by_its_id_and_then_by_its_name() {
    let Verdict::Lookup { keys, required, .. } = Story::new().decide() else { panic!("no lookup") };
    assert!(required);
    let keys: Vec<String> = keys.iter().map(|key| format!("{} {}", key.path, key.value)).collect();
    assert_eq!(keys, [format!("externalId {}", staff_id()), "displayName Staff".to_owned()]);
}

#[test]
fn a_group_that_nobody_has_is_created_without_members() {
    let story = Story::new().found(&[]);
    assert_snapshot!(story.told(), @r#"
    create planned InScope: in scope, and no group matches
      displayName: - → "Staff"
      externalId: - → "738eb330-d7e1-5490-9a40-d2adc98b91a7"
    "#);
    assert_snapshot!(story.step(StepKind::Matching).description, @"no group matches");
    let decision = story.decision();
    let Write::Create(sent) = &decision.changes[0].write else { panic!("a create") };
    assert!(!sent.contains_key(&path("members")));
    assert!(decision.in_scope);
}

#[test]
fn the_scoping_step_speaks_of_a_group() {
    let step = Story::new().found(&[]).step(StepKind::Scoping);
    let details: Vec<String> =
        step.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert_snapshot!(details.join("\n"), @r"
    Active in the source system: True
    Assigned to the application: True
    Group has the required role: True
    ScopeEvaluationResult: True
    ");
}

#[test]
fn a_group_that_is_there_is_adopted_by_its_id_whatever_it_is_called() {
    let id = staff_id();
    let other = ("G2", "Staff", None, Claim::Free);
    let story = Story::new().found(&[("G1", "Stuff", Some(&id), Claim::Free), other]);
    assert_snapshot!(story.told(), @r#"
    adopt planned Matched: group `G1` has the same `externalId`
      displayName: "Stuff" → "Staff"
    "#);
    assert_snapshot!(story.step(StepKind::Matching).description, @"group `G1` matches");
}

#[test]
fn a_group_of_the_same_name_is_adopted_and_told_its_id() {
    let story = Story::new().found(&[("G1", "staff", None, Claim::Free)]);
    assert_snapshot!(story.told(), @r#"
    adopt planned Matched: group `G1` has the same `displayName`
      externalId: - → "738eb330-d7e1-5490-9a40-d2adc98b91a7"
    "#);
}

#[test]
fn a_group_that_another_has_or_had_is_left_alone() {
    let other = group_id("other");
    insta::allow_duplicates! { for claim in [Claim::LinkedTo(other), Claim::ReleasedFrom(other)] {
        let story = Story::new().found(&[("G1", "Staff", None, claim)]);
        assert_eq!(story.decision().changes[0].write, Write::Nothing);
        assert_snapshot!(story.told(), @"skip failure DuplicateSourceEntries: group `G1` has the same `displayName`, but belongs or belonged to another group of the directory; nothing was written to it");
    } }
    let app = crate::model::AppName::parse("hr").expect("a name");
    let claim = Claim::OtherApplication(app);
    assert_snapshot!(Story::new().found(&[("G1", "Staff", None, claim)]).told(), @"skip failure DuplicateSourceEntries: group `G1` has the same `displayName`, but application `hr` has or had it; nothing was written to it");
}

#[test]
fn two_groups_of_the_same_name_are_not_told_apart() {
    let one = |id| (id, "Staff", None, Claim::Free);
    let story = Story::new().found(&[one("G1"), one("G2")]);
    assert_snapshot!(story.told(), @"skip failure DuplicateTargetEntries: 2 groups have the same `displayName`");
    assert_snapshot!(story.step(StepKind::Matching).description, @"2 groups match");
}

#[test]
fn a_group_that_got_another_name_is_renamed_and_one_that_did_not_is_left() {
    assert_snapshot!(Story::new().linked().named("All staff").told(), @r#"
    update planned AttributesChanged: displayName changed
      displayName: "Staff" → "All staff"
    "#);
    assert_snapshot!(Story::new().linked().told(), @"skip skipped RedundantExport: nothing differs");
    let atlassian = Story::with(job("profile = \"atlassian\"", "")).linked().named("All staff");
    assert_snapshot!(atlassian.told(), @r#"skip warning RenameNotSupported: `displayName` should be "All staff", and the application cannot rename a group"#);
}

#[test]
fn a_group_that_left_the_scope_is_deleted() {
    let story = Story::new().linked().unassigned();
    assert_snapshot!(story.told(), @"delete planned NotEffectivelyEntitled: no longer assigned to the application");
    let decision = story.decision();
    assert_eq!(decision.changes[0].effect, LinkEffect::Removed);
    assert_eq!((decision.in_scope, decision.changes[0].phase), (false, Phase::Removals));
    let filter = "[[apps.crm.groups.scoping_filters]]\nclauses = [{ attribute = \"displayName\", \
                  operator = \"Includes\", value = \"CRM\" }]";
    assert_snapshot!(Story::with(job("", filter)).linked().told(), @"delete planned EntrySynchronizationSkipped: no scoping filter holds any more");
    assert_snapshot!(Story::new().unassigned().told(), @"skip skipped NotEffectivelyEntitled: not assigned to the application");
}

#[test]
fn an_entitlement_of_minutes_ends_after_a_second_look() {
    let mut story = Story::new().linked().unassigned();
    story.memory.since = Some(now() - TimeDelta::minutes(20));
    assert_snapshot!(story.told(), @"skip skipped AwaitingConfirmation: its recent assignment ended; the next read must say so too");
    assert!(story.decision().again);
    story.memory = story.decision().memory;
    story.memory.missing_since = Some(hours_ago(1));
    assert_eq!(story.decision().changes[0].action, Action::Delete);
}

#[test]
fn what_may_not_be_deleted_stays_and_says_why() {
    let left = |lines: &str| Story::guarded(lines).linked().unassigned();
    let kept = left("on_out_of_scope = \"keep\"");
    assert_snapshot!(kept.told(), @"skip skipped Kept: no longer assigned to the application; group `G1` is kept as it is");
    assert_eq!(kept.decision().changes[0].effect, LinkEffect::Kept);
    assert_snapshot!(left("delete = false").told(), @"skip skipped ActionDisabled: no longer assigned to the application, and `delete` is off");
    let miro = Story::with(job("profile = \"miro\"", "")).linked().unassigned();
    assert_snapshot!(miro.told(), @"skip skipped Kept: no longer assigned to the application; group `G1` is kept as it is; the application cannot delete groups");
    let mut later = miro;
    later.link.as_mut().expect("linked above").standing = LinkStanding::Kept;
    assert_snapshot!(later.told(), @"skip skipped Kept: group `G1` is kept as it is; the application cannot delete groups");
    let mut later = kept;
    later.link.as_mut().expect("linked above").standing = LinkStanding::Kept;
    assert_snapshot!(later.told(), @"skip skipped Kept: group `G1` is kept as it is, as configured");
}

#[test]
fn a_group_that_the_directory_deleted_is_deleted_unless_it_is_kept() {
    let gone = |lines: &str, presence| Story::guarded(lines).linked().presence(presence).told();
    assert_snapshot!(gone("", Presence::SoftDeleted), @"delete planned SoftDeleted: soft-deleted in the directory");
    assert_snapshot!(gone("", Presence::Deleted), @"delete planned HardDeleted: deleted in the directory for good");
    assert_snapshot!(gone("on_directory_delete = \"disable\"", Presence::Deleted), @"delete planned HardDeleted: deleted in the directory for good");
    let keep = "on_directory_delete = \"keep\"";
    assert_snapshot!(gone(keep, Presence::SoftDeleted), @"skip skipped Kept: soft-deleted in the directory; group `G1` is kept as it is");
    assert_snapshot!(gone(keep, Presence::Deleted), @"skip skipped Kept: deleted in the directory for good; group `G1` is kept as it is");
    let waits = "on_out_of_scope = \"keep\"";
    assert_snapshot!(gone(waits, Presence::SoftDeleted), @"skip skipped SoftDeleted: soft-deleted in the directory; the group stays until it is deleted for good");
    assert_snapshot!(gone(waits, Presence::Deleted), @"delete planned HardDeleted: deleted in the directory for good");
    assert_snapshot!(gone("", Presence::Unseen), @"skip skipped AwaitingConfirmation: the directory does not show it; one missing row proves nothing");
}

#[test]
fn a_group_that_is_assigned_again_takes_its_own_group_or_a_new_one() {
    let id = staff_id();
    let again = Story::new().found(&[("G1", "Staff", Some(&id), Claim::Free)]);
    assert_snapshot!(again.told(), @"adopt planned Matched: group `G1` has the same `externalId`");
    assert_eq!(Story::new().found(&[]).decision().changes[0].action, Action::Create);
    let mut kept = Story::new().linked();
    kept.link.as_mut().expect("linked above").standing = LinkStanding::Kept;
    assert_snapshot!(kept.named("All staff").told(), @r#"
    update planned AttributesChanged: displayName changed
      displayName: "Staff" → "All staff"
    "#);
}

#[test]
fn a_protected_group_is_neither_deleted_nor_renamed() {
    insta::allow_duplicates! { for name in ["STAFF", "staff@contoso.com", &staff_id()] {
        let protected = || Story::guarded(&format!("protect = [\"{name}\"]")).linked();
        assert_snapshot!(protected().unassigned().told(), @"skip skipped Protected: no longer assigned to the application; protected, so the group is not deleted");
        assert_snapshot!(protected().named("All staff").told(), @"skip skipped Protected: protected: it is not renamed");
        let adopted = Story::guarded(&format!("protect = [\"{name}\"]"));
        let id = staff_id();
        let adopted = adopted.found(&[("G1", "Stuff", Some(&id), Claim::Free)]);
        assert_snapshot!(adopted.told(), @"adopt planned Matched: group `G1` has the same `externalId`");
    } }
    let other = Story::guarded("protect = [\"Managers\"]").linked().unassigned();
    assert_eq!(other.decision().changes[0].action, Action::Delete);
}

#[test]
fn what_is_not_to_be_created_or_cannot_be_says_so() {
    assert_snapshot!(Story::guarded("create = false").found(&[]).told(), @"skip skipped ActionDisabled: no group, and `create` is off");
    let miro = Story::with(job("profile = \"miro\"", ""));
    assert_snapshot!(miro.found(&[]).told(), @"skip skipped ActionDisabled: no group, and the application cannot create groups");
    let mut nameless = Story::new().found(&[]);
    nameless.subject.attributes.remove("displayName");
    assert_snapshot!(nameless.told(), @"skip skipped AttributeValidationFailed: displayName: is required by the application and has no value");
}

#[test]
fn a_group_whose_create_had_no_answer_is_looked_for_twice() {
    let lost = |looks| {
        let mut story = Story::new().found(&[]);
        story.unsettled = Some(UnsettledCreate {
            sent_at: hours_ago(1),
            looks,
            last_look: None,
            sent: values("Staff"),
            unconfirmed: Vec::new(),
            created: true,
        });
        story
    };
    assert_snapshot!(lost(0).told(), @"skip skipped CreateUnsettled: an earlier create had no known outcome; looked for the group 1 of 2 times");
    assert_eq!(lost(1).decision().changes[0].action, Action::Create);
    assert_snapshot!(lost(0).unassigned().told(), @"skip skipped CreateUnsettled: no longer wanted; an earlier create had no known outcome, so the group is looked for");
    let id = staff_id();
    let made = lost(0).unassigned().found(&[("G1", "Staff", Some(&id), Claim::Free)]);
    assert_snapshot!(made.told(), @"adopt planned CreateUnsettled: an earlier create had no known outcome and made group `G1` (same `externalId`)");
}

#[test]
fn a_mapping_that_leaves_a_group_alone_says_so() {
    let rows = "[[apps.crm.groups.attributes]]\ntarget = \"displayName\"\nmatch = 1\nexpression = \
                'IIF([mail] = \"staff@contoso.com\", IgnoreObjectFlow, [displayName])'";
    let story = Story::with(job("", rows)).found(&[]);
    assert_snapshot!(story.told(), @"skip failure AttributeValidationFailed: displayName: the expression says to leave this group alone");
}
