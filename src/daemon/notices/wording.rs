//! In which words a cycle's end, a failing object, a held plan and an ending credential are told.

use crate::{
    cycle::CycleError,
    daemon::Trouble,
    model::Timestamp,
    provisioning::{
        DriftMode, NextStep, Notice, NoticeKind, Quarantine, QuarantineReason,
        REMOVAL_FAILURES_TOLD, Reason,
    },
    store::{DriftCounts, HeldReport},
};

/// What begins the cause of a cycle that ended early, and of objects that fail.
pub(super) const CYCLE: &str = "cycle.";
pub(super) const OBJECT: &str = "object.";

/// Of removals that fail again and again, and of objects that were given up.
const REMOVALS_FAIL: &str = "object.removals";
const GIVEN_UP: &str = "object.given_up";

/// The causes of held changes.
pub(super) const REMOVALS: &str = "removals";
pub(super) const CREATES: &str = "creates";

/// A cycle ended early; `None` where somebody asked for it.
pub(super) fn cycle_failed(app: &str, error: &CycleError, now: Timestamp) -> Option<Notice> {
    let trouble = Trouble::of(error);
    let (cause, problem, is_personal) = match trouble {
        Trouble::SignIn => ("sign_in", "cannot sign in to Microsoft Entra", false),
        Trouble::Permission => {
            ("permission", "a permission of the app registration is missing", false)
        }
        Trouble::EnterpriseApplication => {
            ("enterprise_application", "the enterprise application is not found", false)
        }
        Trouble::Graph => ("graph", "Microsoft Graph cannot be read", true),
        Trouble::TargetToken => ("target_token", "the application refuses the token", true),
        Trouble::Target => ("target", "the application cannot be reached", true),
        Trouble::TargetAddress => {
            ("target_address", "what answers at the tenant URL is no SCIM service", true)
        }
        Trouble::Rebound => ("rebound", "the state belongs to something else", false),
        Trouble::PropertyVanished => {
            ("property_vanished", "a property of everybody has vanished", false)
        }
        Trouble::FilterName => ("filter_name", "a scoping filter names what is not there", true),
        Trouble::State => ("state", "the state file cannot be used", false),
        Trouble::TooManyFailures => ("too_many_failures", "too many changes fail", false),
        Trouble::TimeUp => ("time_up", "the cycle took longer than `cycle_time_max`", false),
        Trouble::Stopped => return None,
    };
    let happened = format!("The cycle of application `{app}` ended early: {problem}.");
    let kind = (app, NoticeKind::Failure, &*format!("{CYCLE}{cause}"));
    let mut notice = Notice::new(kind, (1, now), problem, happened);
    if is_personal {
        notice.personal = Some(error.to_string());
    } else {
        notice.happened = format!("{} {error}.", notice.happened);
    }
    let what = match trouble {
        Trouble::TargetToken => {
            "create a new token in the application, put it where `secret_token` or `oauth` says, \
             and check it"
        }
        Trouble::Graph | Trouble::Target | Trouble::State | Trouble::TooManyFailures => {
            "the next cycle tries again; what stands in the way is shown by"
        }
        Trouble::TimeUp => {
            "the next cycle goes on by itself; if it does so every time, raise `cycle_time_max`, or \
             see whether the application throttles:"
        }
        Trouble::SignIn
        | Trouble::Permission
        | Trouble::EnterpriseApplication
        | Trouble::TargetAddress
        | Trouble::Rebound
        | Trouble::PropertyVanished
        | Trouble::FilterName
        | Trouble::Stopped => "see what is missing and where to click",
    };
    let notice = notice.then(NextStep::run(what, format!("entra-scim check {app}")));
    Some(notice.then(NextStep::run("see the last cycle", format!("entra-scim status {app}"))))
}

/// So many objects fail for this reason.
pub(super) fn objects_fail(app: &str, code: &str, count: u64, now: Timestamp) -> Notice {
    let noun = counted(count, "person", "people");
    let verb = if count == 1 { "fails" } else { "fail" };
    let problem = format!("{noun} {verb} with {code}");
    let happened = format!(
        "{noun} of application `{app}` {verb} with {code}. Everybody else is provisioned as usual."
    );
    let key = format!("{OBJECT}{code}");
    let notice = Notice::new((app, NoticeKind::Failure, &key), (count, now), problem, happened);
    let advice = serde_json::from_value::<Reason>(code.into())
        .map(Reason::recommended_action)
        .ok()
        .filter(|advice| !advice.starts_with("Nothing"));
    let notice = match advice {
        Some(advice) => notice.then(NextStep::by_hand(advice)),
        None => notice,
    };
    notice.then(NextStep::run(
        "see who they are and what the application answered",
        format!("entra-scim log {app} --status failure"),
    ))
}

/// So many removals failed three times or more.
pub(super) fn removals_fail(app: &str, count: u64, now: Timestamp) -> Notice {
    let noun = counted(count, "removal", "removals");
    let verb = if count == 1 { "fails" } else { "fail" };
    let problem = format!("{noun} {verb} again and again");
    let happened = format!(
        "{noun} of application `{app}` {verb} since {REMOVAL_FAILURES_TOLD} cycles or more: people \
         who should have no access still have it. Each is tried in every cycle and never given up."
    );
    let key = (app, NoticeKind::Failure, REMOVALS_FAIL);
    Notice::new(key, (count, now), problem, happened)
        .then(NextStep::run(
            "see who they are and what the application answered",
            format!("entra-scim log {app} --status failure"),
        ))
        .then(NextStep::by_hand("until that is mended, remove their access in the application"))
}

/// So many objects were given up.
pub(super) fn given_up(app: &str, count: u64, now: Timestamp) -> Notice {
    let noun = counted(count, "person", "people");
    let verb = if count == 1 { "was" } else { "were" };
    let problem = format!("{noun} {verb} given up");
    let happened = format!(
        "{noun} of application `{app}` failed for four weeks and {verb} given up: nothing is sent \
         for them any more until they change in the directory or a person asks for it."
    );
    Notice::new((app, NoticeKind::Failure, GIVEN_UP), (count, now), problem, happened)
        .then(NextStep::run("see who they are", format!("entra-scim status {app}")))
        .then(NextStep::run(
            "once the cause is mended, try them again",
            format!("entra-scim restart {app} --escrows"),
        ))
}

/// The job is in quarantine.
pub(super) fn quarantine(app: &str, quarantine: &Quarantine, now: Timestamp) -> Notice {
    let refused = quarantine.code == Reason::Unauthorized;
    let (problem, what) = match quarantine.reason {
        QuarantineReason::EncounteredQuarantineException if refused => (
            "in quarantine: the application refuses the token",
            "create a new token in the application, put it where `secret_token` or `oauth` says, \
             and check it",
        ),
        QuarantineReason::EncounteredQuarantineException => (
            "in quarantine: what answers is no SCIM service",
            "compare `tenant_url` with what the application shows, and check it",
        ),
        QuarantineReason::EncounteredEscrowProportionThreshold
        | QuarantineReason::EncounteredTotalEscrowThreshold => {
            ("in quarantine: too many changes fail", "see whether the application can be used")
        }
    };
    let cause = quarantine.cause();
    let happened = format!(
        "Application `{app}` is in quarantine ({cause}). Nothing more is sent but one try at a \
         time, less and less often, at last once a day; a try that ends well ends the quarantine. \
         After four weeks the application is paused."
    );
    let mut notice =
        Notice::new((app, NoticeKind::Quarantine, &cause), (1, now), problem, happened)
            .then(NextStep::run(what, format!("entra-scim check {app}")));
    if quarantine.reason != QuarantineReason::EncounteredQuarantineException {
        notice = notice.then(NextStep::run(
            "see what fails and why",
            format!("entra-scim log {app} --status failure"),
        ));
    }
    notice.personal = Some(quarantine.message.clone());
    notice.then(NextStep::run(
        "once that is mended, try at once",
        format!("entra-scim restart {app} --quarantine"),
    ))
}

/// A quarantine lasted so long that the job is paused.
pub(super) fn paused(app: &str, quarantine: &Quarantine, now: Timestamp) -> Notice {
    let cause = quarantine.cause();
    let problem = "paused after four weeks in quarantine";
    let happened = format!(
        "Application `{app}` was in quarantine ({cause}) since {} and is paused now: no further \
         cycle starts by itself, and nobody gets or loses access through it.",
        quarantine.series_began.format("%Y-%m-%d")
    );
    let mut notice = Notice::new((app, NoticeKind::Paused, &cause), (1, now), problem, happened)
        .then(NextStep::run("see what stands in the way", format!("entra-scim check {app}")))
        .then(NextStep::run("once that is mended, go on", format!("entra-scim resume {app}")));
    notice.personal = Some(quarantine.message.clone());
    notice
}

/// A safeguard holds removals, or creates.
pub(super) fn held(app: &str, held: &HeldReport, cause: &str, now: Timestamp) -> Notice {
    let removals = counted(held.removals, "removal", "removals");
    let members = counted(held.membership_removals, "membership removal", "membership removals");
    let (count, noun, does) = if cause == CREATES {
        (held.creates, counted(held.creates, "create", "creates"), "creates")
    } else {
        let noun = match (held.removals, held.membership_removals) {
            (_, 0) => removals,
            (0, _) => members,
            (_, _) => format!("{removals} and {members}"),
        };
        (held.removals + held.membership_removals, noun, "removes")
    };
    let verb = if count == 1 { "is" } else { "are" };
    let problem = format!("{noun} {verb} held");
    let happened = format!(
        "{noun} of application `{app}` {verb} held and nothing of that was sent: {}.",
        held.reason.trim_end_matches('.')
    );
    Notice::new((app, NoticeKind::RemovalsHeld, cause), (count, now), problem, happened)
        .then(NextStep::run("read the list", format!("entra-scim plan {app} --held")))
        .then(NextStep::by_hand(format!(
            "if this is a mistake, restore the assignments or the scope; the next cycle then \
             {does} nobody by it"
        )))
        .then(NextStep::run(
            "if it is meant, release exactly this list",
            format!("entra-scim approve {app} {}", held.plan),
        ))
}

/// A comparison found accounts that are not as they were left.
pub(super) fn drift(app: &str, mode: DriftMode, counts: DriftCounts, now: Timestamp) -> Notice {
    let noun = counted(counts.all(), "account", "accounts");
    let verb = if counts.all() == 1 { "is" } else { "are" };
    let problem = format!(
        "{noun} {verb} not as {} left",
        if counts.all() == 1 { "it was" } else { "they were" }
    );
    let DriftCounts { changed, missing, added } = counts;
    let then = match mode {
        DriftMode::Repair => {
            "The next cycle plans the corrections; where an account may have become somebody \
             else's, nothing is done."
        }
        DriftMode::Report | DriftMode::Off => "Nothing was corrected (`drift`).",
    };
    let happened = format!(
        "Somebody changed accounts at application `{app}`: {changed} changed, {missing} gone, \
         {added} came to be that nobody is linked to. {then}"
    );
    let key = (app, NoticeKind::Drift, "found");
    Notice::new(key, (counts.all(), now), problem, happened)
        .then(NextStep::run("see each account and value", format!("entra-scim drift {app}")))
}

/// A credential ends soon, or has ended.
pub(super) fn expires(
    (app, cause): (&str, &str),
    what: &str,
    ends: Timestamp,
    (stage, now): (u64, Timestamp),
) -> Notice {
    let day = ends.format("%Y-%m-%d");
    let days = (ends - now).num_days();
    let (problem, happened) = if ends <= now {
        (format!("{what} has expired"), format!("{what} expired on {day}."))
    } else {
        let left = match days {
            0 => "less than a day".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        (
            format!("{what} expires in {left}"),
            format!("{what} expires on {day}, in {left}. Then provisioning stops."),
        )
    };
    Notice::new((app, NoticeKind::CredentialExpiry, cause), (stage, now), problem, happened)
}

/// A number with its noun.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
