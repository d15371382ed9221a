//! What a seed decides before the story begins: the configuration and the kind of services.

use chrono::{TimeDelta, Timelike as _};
use entra_scim::{
    model::Timestamp,
    sandbox::application::{FilterSupport, Quirks},
};

/// What becomes of accounts whose people left the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Disable,
    Delete,
    Keep,
}

/// Who of those in scope belongs to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Nobody,
    /// Not of this department; somebody without one does not pass either.
    Department(&'static str),
    /// A member of the first group, which may be assigned or not.
    FirstGroup,
}

impl Filter {
    fn lines(self) -> String {
        let (attribute, operator, value) = match self {
            Self::Nobody => return String::new(),
            Self::Department(department) => ("department", "NOT EQUALS", department),
            Self::FirstGroup => ("memberOf", "EQUALS", "Group 0"),
        };
        format!(
            "[[apps.crm.users.scoping_filters]]\nclauses = [{{ attribute = \"{attribute}\", \
             operator = \"{operator}\", value = \"{value}\" }}]\n"
        )
    }
}

/// The drawn configuration, as far as the expectations depend on it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(super) struct Setup {
    pub(super) everybody: bool,
    pub(super) excludes_default: bool,
    pub(super) managers: bool,
    pub(super) filter: Filter,
    /// When a mapping turns that compares the clock with it; a drawn value is mapped too then.
    pub(super) turns_at: Option<Timestamp>,
    pub(super) leaving: Leaving,
    pub(super) removals_max: u64,
    pub(super) legacy: bool,
    pub(super) concurrency: u16,
    /// Groups are objects at the application, with their members.
    pub(super) groups: bool,
    /// The members of groups inside a group count as its own.
    pub(super) nested: bool,
    /// Accounts of leavers are deleted after so many days.
    pub(super) delete_after: Option<i64>,
    /// Removals are sent from the first of these hours on and before the second.
    pub(super) window: Option<(u32, u32)>,
    /// How long a cycle may take, in seconds.
    pub(super) cycle_time_max: Option<u32>,
    /// Somebody changes accounts behind our back, and what was changed is put back.
    pub(super) is_repaired: bool,
}

impl Setup {
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
        // Drawn apart, so that the other draws of a seed stay what they are.
        let mut apart = rng.clone();
        let filter = match apart.u8(..5) {
            1 => Filter::Department("Department 3"),
            2 => Filter::FirstGroup,
            _ => Filter::Nobody,
        };
        let begins: Timestamp = "2026-11-23T08:00:00Z".parse().expect("a time");
        let turns_at = (apart.u8(..3) == 0)
            .then(|| begins + TimeDelta::minutes(90) + TimeDelta::hours(apart.i64(0..240)));
        let is_repaired = apart.u8(..3) == 0;
        let everybody = rng.u8(..4) == 0;
        let leaving = match rng.u8(..6) {
            0 | 1 => Leaving::Delete,
            2 => Leaving::Keep,
            _ => Leaving::Disable,
        };
        let is_deleted_later = leaving == Leaving::Disable && apart.u8(..3) == 0;
        let opens = apart.u32(..24);
        let window = (opens, (opens + apart.u32(6..=18)) % 24);
        Self {
            groups: apart.u8(..3) > 0 && !is_repaired,
            nested: apart.u8(..3) == 0,
            // What is changed behind our back and put back again is another story.
            delete_after: (is_deleted_later && !is_repaired).then(|| apart.i64(1..=6)),
            window: (apart.u8(..5) == 0 && !is_repaired).then_some(window),
            cycle_time_max: (apart.u8(..6) == 0 && !is_repaired).then(|| apart.u32(5..=60)),
            filter,
            turns_at,
            everybody,
            excludes_default: !everybody && rng.bool(),
            managers: rng.bool(),
            leaving,
            // Five is also what the default says for so few accounts.
            removals_max: if rng.bool() { 5 } else { rng.u64(1..=6) },
            legacy: rng.u8(..4) == 0,
            concurrency: rng.u16(1..=6),
            is_repaired,
        }
    }

    /// The configuration as a world wants it; accounts are compared every six hours while they are
    /// to be repaired, and never otherwise.
    pub(super) fn lines(&self, repairs: bool) -> String {
        let drift = if repairs {
            "drift = \"repair\"\ndrift_cron = \"0 */6 * * *\""
        } else {
            "drift = \"off\""
        };
        let scope = if self.everybody { "all" } else { "assigned" };
        let default_access = if self.everybody {
            String::new()
        } else {
            format!("exclude_default_access = {}\n", self.excludes_default)
        };
        let leaving = match self.leaving {
            Leaving::Disable => "disable",
            Leaving::Delete => "delete",
            Leaving::Keep => "keep",
        };
        let removals = match self.removals_max {
            5 => String::new(),
            count => format!("max_removals = {count}\n"),
        };
        let dialect = if self.legacy { "entra-legacy" } else { "rfc7644" };
        let mut text = format!(
            "scope = \"{scope}\"\n{drift}\n{default_access}nested_groups = {}\n---\n\
             concurrency = {}\ndialect = \"{dialect}\"\nmax_members_per_request = 3\n\
             [apps.crm.safeguards]\non_out_of_scope = \"{leaving}\"\n{removals}",
            self.nested, self.concurrency
        );
        if let Some(days) = self.delete_after {
            text.extend(["delete_after = \"", &days.to_string(), "d\"\n"]);
        }
        if let Some((from, until)) = self.window {
            let hours = format!("{from:02}:00-{until:02}:00");
            text.extend(["removals_between = \"", &hours, "\"\n"]);
        }
        if let Some(seconds) = self.cycle_time_max {
            text.extend(["cycle_time_max = \"", &seconds.to_string(), "s\"\n"]);
        }
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let mut row = |target: &str, source: &str| {
            text.extend(["[[apps.crm.users.attributes]]\ntarget = '", target, "'\n", source, "\n"]);
        };
        row("userName", "source = \"userPrincipalName\"\nmatch = 1");
        row("active", "expression = 'Not([IsSoftDeleted])'");
        row("externalId", "source = \"mailNickname\"");
        row("displayName", "source = \"displayName\"");
        row("title", "expression = 'Redact([jobTitle])'");
        row("emails[type eq \"work\"].value", "source = \"mail\"");
        row("name.givenName", "source = \"givenName\"");
        row("name.familyName", "source = \"surname\"");
        row(&format!("{enterprise}:department"), "source = \"department\"");
        if let Some(at) = self.turns_at {
            let at = at.format("%FT%TZ");
            let source = format!(r#"IIF(Now() >= CDate("{at}"), "late", "early")"#);
            row("userType", &format!("expression = '{source}'"));
            // It names the department, with which it is drawn anew.
            let name = "IIF(IsPresent([department]), [mailNickname], [mailNickname])";
            let source = format!(r#"{name} & "-" & RandomString(6, 2, 0, 0, 4)"#);
            row("nickName", &format!("expression = '{source}'"));
        }
        if self.managers {
            row(&format!("{enterprise}:manager"), "source = \"manager\"");
        }
        text.push_str(&self.filter.lines());
        if self.groups {
            text.push_str("[apps.crm.groups]\nenabled = true\n");
        }
        text
    }

    /// Whether removals are sent at this moment.
    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        let hour = at.hour();
        self.window.is_none_or(|(from, until)| {
            if from < until { (from..until).contains(&hour) } else { hour >= from || hour < until }
        })
    }

    /// Departures that a service may have and an engine must bear.
    pub(super) fn quirks(&self, rng: &mut fastrand::Rng) -> Quirks {
        let mut one_in = |count: u8| rng.u8(..count) == 0;
        let mut quirks = Quirks {
            entra_legacy: self.legacy,
            patch_no_content: one_in(3),
            hides_external_id: one_in(4),
            lowercases_user_name: one_in(4),
            duplicates_allowed: one_in(5),
            repeats_last_page: one_in(5),
            plain_errors: one_in(5),
            awkward_ids: one_in(5),
            ..Quirks::default()
        };
        // Together they would hide accounts from any client.
        match rng.u8(..10) {
            0 | 1 => quirks.filter = FilterSupport::Ignored,
            2..=4 => quirks.page_size_max = Some(3),
            _ => {}
        }
        let mut one_in = |count: u8| rng.u8(..count) == 0;
        if one_in(6) {
            quirks.list_refused = Some(403);
        }
        if one_in(5) {
            quirks.requests_per_second_max = Some(6);
        }
        // A filter that shows new accounts late, but within the minute that a lost create waits.
        if one_in(4) {
            quirks.settle = std::time::Duration::from_secs(50);
        }
        if one_in(5) {
            quirks.latency = std::time::Duration::from_millis(200);
        }
        let mut apart = rng.clone();
        quirks.hides_members = apart.u8(..5) == 0;
        quirks.group_names_repeat = apart.u8(..3) == 0;
        quirks
    }
}
