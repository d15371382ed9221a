//! One seed's story: churn and cycles in bad weather, then quiet until nothing is left to do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use entra_scim::{
    cycle::{CycleEnd, CycleOptions},
    model::{AppRoleId, Clock as _, DEFAULT_ACCESS, SourceId, Timestamp},
    sandbox::tenant::UserSpec,
};
use serde_json::json;

use super::{
    churn,
    judge::Judge,
    setup::Setup,
    weather::{Allowed, Weather},
};
use crate::support::world::World;

/// Quiet cycles within which the application must have come to what the tenant says.
const QUIET_CYCLES_MAX: u32 = 12;

/// The target's token: a text that stands nowhere else.
const TARGET_TOKEN: &str = "tOken-0f-The-appl1cation";

/// What a story has told so far.
#[derive(Clone, Default)]
pub(super) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(super) fn tell(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody in the tenant.
pub(super) struct Person {
    /// Never changes, and is mapped to `externalId`: it tells whose account one is.
    pub(super) key: String,
    pub(super) id: SourceId,
    /// Every user principal name it ever had.
    pub(super) names: BTreeSet<String>,
    /// When it was last seen not to be entitled and enabled.
    pub(super) unentitled_at: Timestamp,
    pub(super) ever_entitled: bool,
    /// Its rename frees a name that another takes: it may not leave before that is done.
    pub(super) awaits_rename: bool,
}

/// Everything that one seed is about.
pub(super) struct Story {
    pub(super) rng: fastrand::Rng,
    pub(super) world: World,
    pub(super) setup: Setup,
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<SourceId>,
    pub(super) roles: [AppRoleId; 3],
    pub(super) trace: Trace,
    pub(super) judge: Judge,
    /// When assignments were last changed.
    assignments_changed: Timestamp,
    assignments: Vec<(SourceId, AppRoleId)>,
    /// No round of changes will begin anew in the next cycle.
    pub(super) rounds_stand: bool,
    was_stale: bool,
    was_empty: bool,
    seed: u64,
}

impl Story {
    pub(super) fn begin(seed: u64, trace: Trace) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let setup = Setup::draw(&mut rng);
        let mut world = World::with_config(&setup.lines());
        world.expects_violations();
        world.tenant.observe(Arc::new(|_| {}));
        world.change_target_token(TARGET_TOKEN);
        world.quirks(setup.quirks(&mut rng));
        let flip = |rng: &mut fastrand::Rng| rng.u8(..3) == 0;
        let switches = [flip(&mut rng), flip(&mut rng), flip(&mut rng), flip(&mut rng)];
        world.tenant.switch(|tenant| {
            tenant.expired_delta_token_is_gone = switches[0];
            tenant.lists_assignments_of_deleted = switches[1];
            tenant.purge_ends_memberships = switches[2];
            tenant.initial_round_names_deleted = switches[3];
            tenant.initial_round_names_former_members = switches[3];
        });
        trace.tell(format!("seed {seed}: {setup:?}, {:?}", world.application.quirks()));
        let viewer = AppRoleId::derive(&["role", "Viewer"]);
        let roles = [world.editor, viewer, DEFAULT_ACCESS];
        let assignments_changed = world.clock.now();
        let mut story = Self {
            rng,
            world,
            setup,
            people: Vec::new(),
            groups: Vec::new(),
            roles,
            trace,
            judge: Judge::default(),
            assignments_changed,
            assignments: Vec::new(),
            rounds_stand: false,
            was_stale: false,
            was_empty: false,
            seed,
        };
        story.populate();
        story
    }

    fn populate(&mut self) {
        for number in 0..self.rng.usize(2..=4) {
            let group = self.world.tenant.add_group(&format!("Group {number}"));
            self.groups.push(group);
        }
        let count = self.rng.usize(8..=22);
        for _ in 0..count {
            churn::hire(self);
        }
        // One person never changes: a property that vanished from everybody would be a fault.
        let anchor = self.people[0].id;
        self.world.tenant.assign(self.world.enterprise_app, anchor, self.world.editor);
        for _ in 0..self.rng.usize(1..=3) {
            let stranger = json!({
                "userName": format!("local.{}@crm.example", self.rng.u32(..)),
                "displayName": "Local", "active": self.rng.bool(),
            });
            self.world.seed_account(stranger);
        }
        for _ in 0..self.rng.usize(0..=3) {
            let who = self.rng.usize(1..self.people.len());
            let Some(name) = self.people[who].names.first().cloned() else { continue };
            if self.world.account(&name).is_some() {
                continue;
            }
            let name = if self.rng.bool() { name.to_uppercase() } else { name };
            self.say(format!("{name} has an account already"));
            self.world.seed_account(json!({
                "userName": name, "displayName": "As it was", "title": "Local title",
                "active": self.rng.bool(),
                "emails": [{"type": "home", "value": "home@crm.example"}],
            }));
        }
        self.judge.strangers(&self.world);
    }

    pub(super) fn say(&self, line: impl std::fmt::Display) {
        self.trace.tell(format!("{}  {line}", self.world.clock.now().format("%m-%d %H:%M:%S")));
    }

    /// Churn, bad weather and deaths; then quiet; then the reckoning.
    pub(super) async fn tell(mut self) -> Result<(), String> {
        for _ in 0..self.rng.usize(6..=12) {
            for _ in 0..self.rng.usize(0..=5) {
                churn::happen(&mut self);
                let pause = self.rng.u64(1..=400);
                self.pass(Duration::from_secs(pause));
            }
            self.approve(0.3);
            self.stormy_cycle().await?;
            let pause = match self.rng.u8(..20) {
                0 => Duration::from_secs(7 * 86_400 + 3_600),
                1..=4 => Duration::from_secs(26 * 3_600),
                5..=8 => Duration::from_secs(2 * 3_600),
                9..=12 => Duration::from_secs(5 * 60),
                _ => Duration::from_secs(40 * 60),
            };
            self.pass(pause);
        }
        self.become_quiet().await?;
        self.reckon().await
    }

    fn pass(&mut self, time: Duration) {
        self.note_entitlements();
        self.world.pass(time);
        // Deleted items are purged as time passes, and so end assignments.
        self.note_entitlements();
        if time >= Duration::from_secs(86_400) {
            self.rounds_stand = false;
        }
    }

    pub(super) fn note_entitlements(&mut self) {
        let now = self.world.clock.now();
        let active = self.active();
        let mut assignments = self.world.tenant.assignments(self.world.enterprise_app);
        assignments.sort();
        if self.assignments != assignments {
            self.assignments = assignments;
            self.assignments_changed = now;
        }
        let in_scope = self.in_scope();
        for person in &mut self.people {
            // A replica that lags may show somebody enabled and still assigned, who is only one of
            // the two by now.
            person.ever_entitled |= in_scope.contains(&person.id);
            if !active.contains(&person.id) {
                person.unentitled_at = now;
            }
        }
    }

    async fn stormy_cycle(&mut self) -> Result<(), String> {
        let now = self.world.clock.now();
        self.note_entitlements();
        let allowed = Allowed {
            stale_assignments: !self.setup.everybody
                && !self.was_stale
                && (now - self.assignments_changed).num_minutes() < 50,
            empty_assignments: !self.setup.everybody && !self.was_empty && !self.was_stale,
            late_rows: self.rounds_stand,
        };
        let weather = Weather::draw(&mut self.rng, allowed);
        let is = |path: &str| weather.once.iter().any(|(part, _)| *part == path);
        self.was_stale = is("appRoleAssignedTo");
        self.was_empty |= self.was_stale;
        let initial = self.rng.u8(..12) == 0 && !is("/users/delta") && !is("/groups/delta");
        let seed = self.rng.u64(..);
        weather.gather(seed, &self.world.tenant, &self.world.application);
        let options = CycleOptions { initial, ..CycleOptions::default() };
        let end = self.cycle(&weather, options).await?;
        self.world.tenant.clear_faults();
        self.world.application.clear_faults();
        let ended_well = end.is_some_and(|end| end.error.is_none());
        self.rounds_stand = ended_well;
        if weather.is_calm() && !ended_well {
            return Err("a cycle in calm weather did not end well".to_owned());
        }
        Ok(())
    }

    /// One cycle; none where the program died in it.
    async fn cycle(
        &mut self,
        weather: &Weather,
        options: CycleOptions,
    ) -> Result<Option<CycleEnd>, String> {
        self.note_entitlements();
        if !weather.is_calm() {
            let mut told = weather.clone();
            told.graph.retain(|_| false);
            self.say(format!(
                "weather: {} faults of the directory, {:?}, {:?}, {:?}",
                weather.graph.len(),
                told.once,
                told.target,
                told.death
            ));
        }
        let began = self.world.clock.now();
        let end = match weather.death {
            None => Some(self.world.sync_with(options).await),
            Some((exchange, death)) => {
                let dies = self.world.wire.die_at(exchange, death);
                tokio::select! {
                    biased;
                    end = self.world.sync_with(options) => Some(end),
                    () = dies.notified() => None,
                }
            }
        };
        self.world.wire.live();
        match &end {
            None => {
                self.say("the program dies and starts again");
                self.world.restart();
            }
            Some(end) => {
                let totals = end.report.totals;
                let held = end.report.held.as_ref().map(|held| held.reason.as_str());
                self.say(format!(
                    "{:?} cycle: {totals:?}, {:?}{}{}",
                    end.report.kind,
                    end.report.requests,
                    held.map(|reason| format!(", held: {reason}")).unwrap_or_default(),
                    end.report.error.as_ref().map(|e| format!(", ended: {e}")).unwrap_or_default(),
                ));
                for line in self.world.last_plan().lines().filter(|line| *line != "nothing to do") {
                    self.trace.tell(format!("                  {line}"));
                }
            }
        }
        self.judge_cycle(began, weather.is_calm(), end.as_ref())?;
        Ok(end)
    }

    /// The administrator looks at what is held, and releases it with this probability.
    fn approve(&mut self, probability: f64) {
        let held = self.world.state().read(|view| view.held_changes()).expect("held changes");
        let Some(first) = held.first() else { return };
        if self.rng.f64() >= probability {
            return;
        }
        let plan = first.plan.clone();
        let now = self.world.clock.now();
        let count = self.world.state().write(|tx| tx.approve(&plan, "admin", now));
        self.say(format!("the administrator approves {count:?} rows"));
        for change in held {
            self.judge.approve(&change, now);
        }
    }

    async fn become_quiet(&mut self) -> Result<(), String> {
        self.say("the weather clears");
        let now = self.world.clock.now();
        if let Some(ahead) = self.setup.turns_at.and_then(|at| (at - now).to_std().ok()) {
            self.pass(ahead);
        }
        for _ in 0..QUIET_CYCLES_MAX {
            let pause = if self.rng.bool() { 61 * 60 } else { 25 * 3_600 };
            self.pass(Duration::from_secs(pause));
            self.approve(1.0);
            let end = self.cycle(&Weather::default(), CycleOptions::default()).await?;
            let end = end.ok_or("nothing died")?;
            if let Some(error) = end.report.error {
                return Err(format!("a quiet cycle ended early: {error}"));
            }
            if end.report.requests.target == 0 && end.report.held.is_none() {
                return Ok(());
            }
        }
        Err(format!("{QUIET_CYCLES_MAX} quiet cycles did not bring it to rest"))
    }

    async fn reckon(&mut self) -> Result<(), String> {
        // The last quiet cycle may have been the one that first missed somebody purged.
        for _ in 0..2 {
            self.pass(Duration::from_secs(61 * 60));
            self.approve(1.0);
            self.cycle(&Weather::default(), CycleOptions::default()).await?;
        }
        self.judge_projection()?;
        self.pass(Duration::from_secs(61 * 60));
        let end = self.cycle(&Weather::default(), CycleOptions::default()).await?;
        let end = end.ok_or("nothing died")?;
        if end.report.requests.target != 0 {
            return Err(format!("a cycle without a change asks the application: {end:?}"));
        }
        let (rows, end) =
            self.world.pending(CycleOptions { initial: true, ..CycleOptions::default() }).await;
        if let Some(error) = end.error {
            return Err(format!("the full redraft ended early: {error}"));
        }
        if !rows.is_empty() {
            let told: Vec<String> = rows
                .iter()
                .map(|row| {
                    format!("{} {}: {}", row.action.as_str(), row.source_display, row.detail)
                })
                .collect();
            return Err(format!("a full redraft finds something to do: {told:?}"));
        }
        self.trace.tell(format!("seed {}: all is well", self.seed));
        Ok(())
    }
}

/// A person as Entra would have it, complete.
pub(super) fn spec(key: &str, name: &str) -> UserSpec {
    let capital = key[..1].to_uppercase() + &key[1..];
    UserSpec::named(name, &format!("{capital} Example"))
        .with("mail", name)
        .with("givenName", capital)
        .with("surname", "Example")
        .with("mailNickname", key)
        .with("jobTitle", "Engineer")
        .with("department", "Sales")
}
