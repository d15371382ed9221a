//! Fixed stories in which the program is killed at every moment at which it can be.
//!
//! A story is told once to its end, and the moments are counted: each request before it leaves and
//! after it was answered, each commit before it lasts and after it. Then it is told again for every
//! one of them, and the program dies there. It starts again two minutes later, does what it was
//! about to do, and the story goes on. The same judge as for the seeds looks on, and in the end the
//! application must be what the tenant says: nothing lost, nothing twice.

use std::time::Duration;

use entra_scim::{
    cycle::CycleOptions,
    sandbox::application::{Fault, Matcher, Moment, Quirks},
};
use http::Method;
use serde_json::{Value, json};

use super::{
    churn,
    ledger::Ledger,
    run::{Run, on_all_cores, tell},
    setup::{Filter, Leaving, Setup},
    story::{Story, Trace},
    weather::{Blow, Weather},
};

/// What a chapter leaves for its cycle to meet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sky {
    Clear,
    /// The chapter injected faults.
    Faulty,
}

/// What happens before one cycle.
type Chapter = fn(&mut Story) -> Sky;

/// A fixed story.
struct Tale {
    leaving: Leaving,
    removals_max: u64,
    quirks: fn() -> Quirks,
    is_repaired: bool,
    chapters: &'static [Chapter],
}

const SETUP: Setup = Setup {
    everybody: false,
    excludes_default: false,
    managers: true,
    filter: Filter::Nobody,
    turns_at: None,
    leaving: Leaving::Disable,
    removals_max: 5,
    legacy: false,
    concurrency: 2,
    groups: false,
    nested: false,
    delete_after: None,
    window: None,
    cycle_time_max: None,
    is_repaired: false,
};

/// Somebody assigned, with the person of this number as manager.
fn hire(story: &mut Story, manager: Option<usize>) {
    let key = format!("p{:02}", story.people.len());
    let who = churn::enter(story, &key, &format!("{key}.0@contoso.com"));
    let (id, app, role) = (story.people[who].id, story.world.enterprise_app, story.roles[0]);
    story.world.tenant.assign(app, id, role);
    if let Some(manager) = manager {
        story.world.tenant.set_manager(id, Some(story.people[manager].id));
    }
    story.note_entitlements();
}

/// An account that is there before somebody of this number comes.
fn account(story: &mut Story, number: usize, active: bool) {
    story.world.seed_account(json!({
        "userName": format!("p{number:02}.0@contoso.com"), "displayName": "As it was",
        "active": active, "emails": [{"type": "home", "value": "home@crm.example"}],
    }));
}

fn staff(story: &mut Story, count: usize) {
    for number in 0..count {
        hire(story, number.checked_sub(1));
    }
    story.judge.strangers(&story.world);
}

fn rename(story: &mut Story, who: usize, name: &str) {
    churn::give_name(story, who, &format!("{name}@contoso.com"));
}

fn set(story: &mut Story, who: usize, attribute: &str, value: impl Into<Value>) {
    story.world.tenant.set_attribute(story.people[who].id, attribute, value);
}

fn unassign(story: &mut Story, who: usize) {
    let (app, id) = (story.world.enterprise_app, story.people[who].id);
    story.world.tenant.unassign(app, id, None);
}

fn lose(story: &mut Story, method: Method) {
    let lost = Fault::Reset(Moment::AfterApplying);
    story.world.application.inject(lost, Matcher::method(method));
}

/// Accounts that are there already, one of them disabled, a stranger's, and people without any.
fn first_day(story: &mut Story) -> Sky {
    account(story, 1, false);
    account(story, 2, true);
    story.world.seed_account(json!({"userName": "local@crm.example", "active": true}));
    staff(story, 4);
    Sky::Clear
}

fn small_company(story: &mut Story) -> Sky {
    staff(story, 4);
    Sky::Clear
}

fn busy_day(story: &mut Story) -> Sky {
    rename(story, 1, "p01.1");
    story.world.tenant.disable_user(story.people[2].id);
    set(story, 3, "jobTitle", "Director");
    let (third, first) = (story.people[3].id, story.people[1].id);
    story.world.tenant.set_manager(third, Some(first));
    Sky::Clear
}

fn day_after(story: &mut Story) -> Sky {
    story.world.tenant.enable_user(story.people[2].id);
    set(story, 2, "department", "Research");
    unassign(story, 3);
    hire(story, Some(2));
    Sky::Clear
}

fn leavers(story: &mut Story) -> Sky {
    story.world.tenant.soft_delete_user(story.people[1].id);
    story.world.tenant.purge_user(story.people[3].id);
    Sky::Clear
}

fn many_leave(story: &mut Story) -> Sky {
    for who in 1..4 {
        unassign(story, who);
    }
    set(story, 0, "jobTitle", "Director");
    Sky::Clear
}

fn one_leaves(story: &mut Story) -> Sky {
    unassign(story, 2);
    Sky::Clear
}

fn approval(story: &mut Story) -> Sky {
    story.approve(1.0);
    Sky::Clear
}

fn create_is_lost(story: &mut Story) -> Sky {
    hire(story, Some(0));
    lose(story, Method::POST);
    Sky::Faulty
}

fn rename_is_lost(story: &mut Story) -> Sky {
    rename(story, 1, "p01.1");
    lose(story, Method::PATCH);
    Sky::Faulty
}

fn renamed_again(story: &mut Story) -> Sky {
    rename(story, 1, "p01.2");
    let newest = story.people.len() - 1;
    rename(story, newest, "new");
    Sky::Clear
}

fn removal_is_lost(story: &mut Story) -> Sky {
    unassign(story, 1);
    unassign(story, 2);
    lose(story, Method::PATCH);
    lose(story, Method::DELETE);
    Sky::Faulty
}

fn links_are_doubted(story: &mut Story) -> Sky {
    set(story, 2, "jobTitle", "Director");
    story.world.state().write(|tx| tx.rematch_links()).expect("a state");
    Sky::Clear
}

/// An administrator changes, disables, enables and deletes accounts at the application.
fn meddling(story: &mut Story) -> Sky {
    let application = story.world.application.clone();
    let accounts = application.users();
    let ids = accounts.iter().filter_map(|account| account["id"].as_str());
    // A death before this may have left fewer accounts.
    for (number, id) in ids.enumerate() {
        match number {
            0 => application.tamper(id, "displayName", Some("Meddled".into())),
            1 => application.tamper_deactivate(id),
            2 => application.tamper(id, "active", Some(true.into())),
            _ => application.tamper_delete(id),
        };
    }
    story.was_meddled_with = true;
    story.pass(Duration::from_secs(6 * 3_600));
    Sky::Clear
}

fn nothing(_: &mut Story) -> Sky {
    Sky::Clear
}

const TALES: [Tale; 6] = [
    Tale {
        leaving: Leaving::Disable,
        removals_max: 5,
        quirks: Quirks::default,
        is_repaired: false,
        chapters: &[first_day, busy_day],
    },
    Tale {
        leaving: Leaving::Disable,
        removals_max: 5,
        quirks: || Quirks { patch_no_content: true, ..Quirks::default() },
        is_repaired: false,
        chapters: &[small_company, busy_day, day_after, leavers],
    },
    Tale {
        leaving: Leaving::Disable,
        removals_max: 1,
        quirks: Quirks::default,
        is_repaired: false,
        chapters: &[small_company, many_leave, approval],
    },
    Tale {
        leaving: Leaving::Delete,
        removals_max: 5,
        quirks: || Quirks { settle: Duration::from_secs(50), ..Quirks::default() },
        is_repaired: false,
        chapters: &[small_company, create_is_lost, rename_is_lost, renamed_again, removal_is_lost],
    },
    Tale {
        leaving: Leaving::Keep,
        removals_max: 5,
        quirks: || Quirks { hides_external_id: true, ..Quirks::default() },
        is_repaired: false,
        chapters: &[small_company, one_leaves, links_are_doubted],
    },
    Tale {
        leaving: Leaving::Disable,
        removals_max: 5,
        quirks: Quirks::default,
        is_repaired: true,
        chapters: &[small_company, one_leaves, meddling, nothing],
    },
];

impl Tale {
    /// Tells it, with a death at this moment; returns the moments there were.
    fn tell(&'static self, death: Option<u32>) -> (Run, u32) {
        let mut moments = 0;
        let run = tell(|trace| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(self.story(trace, death, &mut moments))
        });
        (run, moments)
    }

    async fn story(
        &self,
        trace: Trace,
        death: Option<u32>,
        moments: &mut u32,
    ) -> Result<Ledger, String> {
        let Self { leaving, removals_max, quirks, is_repaired, chapters } = self;
        let (leaving, removals_max, is_repaired) = (*leaving, *removals_max, *is_repaired);
        let setup = Setup { leaving, removals_max, is_repaired, ..SETUP };
        let begin = (0, fastrand::Rng::with_seed(0));
        let mut story = Story::empty(begin, setup, quirks(), trace);
        story.is_thorough = false;
        for chapter in *chapters {
            let sky = chapter(&mut story);
            story.note_entitlements();
            // An hour and more, so that what the chapter ends was established.
            story.pass(Duration::from_secs(65 * 60));
            let left = death.and_then(|moment| moment.checked_sub(*moments)).filter(|n| *n > 0);
            let weather = Weather {
                blow: left.map(|moment| Blow::Death { moment }),
                scripted: sky == Sky::Faulty,
                ..Weather::default()
            };
            let end = story.cycle(&weather, CycleOptions::default()).await?;
            *moments += story.moments;
            if end.is_none() {
                story.pass(Duration::from_secs(120));
                story.cycle(&Weather::default(), CycleOptions::default()).await?;
                // The dead cycle's moments end the count, not the second try's.
                *moments = death.unwrap_or_default();
            }
        }
        Box::pin(story.end_soon()).await
    }
}

/// Kills the program at every moment of a story; returns how many there are.
fn check(number: usize) -> u32 {
    let tale = &TALES[number];
    let (run, moments) = tale.tell(None);
    assert_eq!(run.failure, None, "without a death:\n{}", run.trace.join("\n"));
    let outcomes = on_all_cores(1..=u64::from(moments), |moment| {
        let moment = u32::try_from(moment).expect("it was one");
        let (run, _) = tale.tell(Some(moment));
        assert_eq!(run.ledger.deaths, u64::from(run.failure.is_none()), "moment {moment}");
        run
    });
    let failed: Vec<&(u64, Run)> =
        outcomes.iter().filter(|(_, run)| run.failure.is_some()).collect();
    if let Some((moment, run)) = failed.first() {
        let numbers: Vec<u64> = failed.iter().map(|(number, _)| *number).collect();
        panic!(
            "{}\ntale {number}, death at moment {moment} of {moments}: {}\nfailed: {numbers:?}",
            run.trace.join("\n"),
            run.failure.as_deref().unwrap_or_default()
        );
    }
    moments
}

#[test]
fn a_death_at_any_moment_of_the_first_days_loses_and_doubles_nothing() {
    assert!(check(0) > 200);
}

#[test]
fn a_death_at_any_moment_of_a_changing_company_loses_and_doubles_nothing() {
    assert!(check(1) > 200);
}

#[test]
fn a_death_at_any_moment_of_a_held_plan_and_its_approval_loses_and_doubles_nothing() {
    assert!(check(2) > 100);
}

#[test]
fn a_death_at_any_moment_after_lost_answers_loses_and_doubles_nothing() {
    assert!(check(3) > 200);
}

#[test]
fn a_death_at_any_moment_of_a_new_matching_loses_and_doubles_nothing() {
    assert!(check(4) > 100);
}

#[test]
fn a_death_at_any_moment_of_a_comparison_and_its_repair_loses_and_doubles_nothing() {
    assert!(check(5) > 100);
}
