//! One seed's story: churn and cycles in bad weather, then quiet until nothing is left to do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;

use entra_scim::{
    cycle::{CycleEnd, CycleError, CycleOptions, Stop},
    model::{AppRoleId, Clock as _, DEFAULT_ACCESS, SourceId, Timestamp},
    provisioning::Write,
    sandbox::{application::Quirks, tenant::UserSpec},
    store::Reader,
};
use serde_json::{Map, Value, json};

use super::{
    churn,
    judge::Judge,
    ledger::Ledger,
    office::Office,
    setup::Setup,
    weather::{Allowed, Blow, Weather},
};
use crate::support::world::World;

/// Quiet cycles within which the application must have come to what the tenant says.
const QUIET_CYCLES_MAX: u32 = 20;

/// How long a cycle may take on the true clock, whatever the engine's own does.
const CYCLE_TIME_MAX: TimeDelta = TimeDelta::hours(2);

/// A token of the target: a text that stands nowhere else.
fn token(number: u32) -> String {
    format!("tOken-0f-The-appl1cation-{number}")
}

/// What a story has told so far.
#[derive(Clone, Default)]
pub(super) struct Trace {
    lines: Arc<Mutex<Vec<String>>>,
    log: Log,
}

/// What the program logged, at every level, since somebody last read it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Trace {
    /// Takes down what this thread logs, until the guard is dropped.
    pub(super) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// What the program logged since the last call.
    pub(super) fn take_log(&self) -> String {
        let log = std::mem::take(&mut *self.log.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(super) fn tell(&self, line: impl Into<String>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    /// When one access was last replaced by another, and nobody should notice.
    pub(super) swapped_at: Timestamp,
    /// When it was last seen in scope, disabled or not.
    pub(super) in_scope_at: Timestamp,
    /// Whether it ever had an assignment that counts, and whether a scoping filter ever let it in.
    /// A replica that lags shows somebody as both who never was both at once.
    pub(super) ever_granted: bool,
    pub(super) ever_passed: bool,
    /// Its rename frees a name that another takes: it may not leave before that is done.
    pub(super) awaits_rename: bool,
}

/// Everything that one seed is about.
#[expect(clippy::struct_excessive_bools, reason = "each is remembered by itself")]
pub(super) struct Story {
    pub(super) rng: fastrand::Rng,
    pub(super) world: World,
    pub(super) setup: Setup,
    pub(super) people: Vec<Person>,
    pub(super) groups: Vec<SourceId>,
    /// Groups of the application that nobody in the tenant has, as they were.
    pub(super) local_groups: Vec<Map<String, Value>>,
    pub(super) roles: [AppRoleId; 3],
    pub(super) trace: Trace,
    pub(super) judge: Judge,
    /// When assignments were last changed.
    assignments_changed: Timestamp,
    assignments: Vec<(SourceId, AppRoleId)>,
    /// No round of changes will begin anew in the next cycle.
    pub(super) rounds_stand: bool,
    was_stale: bool,
    /// Whether this cycle reads assignments or groups from a replica that lags.
    pub(super) is_lagging: bool,
    /// When the last cycle began that ended well and read from no such replica.
    pub(super) read_at: Timestamp,
    was_empty: bool,
    /// The engine's clock was wrong once.
    pub(super) was_skewed: bool,
    /// Decides what is changed at the application; drawn apart from everything else.
    pub(super) meddler: fastrand::Rng,
    /// Something was changed at the application.
    pub(super) was_meddled_with: bool,
    /// Tokens of the application so far.
    tokens: u32,
    /// Moments of the last cycle at which the program can die.
    pub(super) moments: u32,
    /// After each calm cycle everything is decided again.
    pub(super) is_thorough: bool,
    pub(super) office: Office,
    pub(super) ledger: Ledger,
    seed: u64,
}

impl Story {
    pub(super) fn begin(seed: u64, trace: Trace) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let setup = Setup::draw(&mut rng);
        let quirks = setup.quirks(&mut rng);
        let flip = |rng: &mut fastrand::Rng| rng.u8(..3) == 0;
        let switches = [flip(&mut rng), flip(&mut rng), flip(&mut rng), flip(&mut rng)];
        let mut story = Self::empty((seed, rng), setup, quirks, trace);
        story.world.tenant.switch(|tenant| {
            tenant.expired_delta_token_is_gone = switches[0];
            tenant.lists_assignments_of_deleted = switches[1];
            tenant.purge_ends_memberships = switches[2];
            tenant.initial_round_names_deleted = switches[3];
            tenant.initial_round_names_former_members = switches[3];
        });
        story.populate();
        story
    }

    /// A story in which nobody is yet.
    pub(super) fn empty(
        (seed, rng): (u64, fastrand::Rng),
        setup: Setup,
        quirks: Quirks,
        trace: Trace,
    ) -> Self {
        let mut world = World::with_config(&setup.lines(setup.is_repaired));
        world.expects_violations();
        world.tenant.observe(Arc::new(|_| {}));
        world.change_target_token(&token(0));
        world.quirks(quirks);
        let office = Office::of(&world);
        watch_writes(&world);
        trace.tell(format!("seed {seed}: {setup:?}, {:?}", world.application.quirks()));
        let viewer = AppRoleId::derive(&["role", "Viewer"]);
        let roles = [world.editor, viewer, DEFAULT_ACCESS];
        let assignments_changed = world.clock.now();
        Self {
            rng,
            world,
            setup,
            people: Vec::new(),
            groups: Vec::new(),
            local_groups: Vec::new(),
            roles,
            trace,
            judge: Judge::default(),
            assignments_changed,
            assignments: Vec::new(),
            rounds_stand: false,
            was_stale: false,
            is_lagging: false,
            read_at: Timestamp::default(),
            was_empty: false,
            was_skewed: false,
            meddler: fastrand::Rng::with_seed(seed ^ 0xd71f),
            was_meddled_with: false,
            tokens: 0,
            moments: 0,
            is_thorough: true,
            office,
            ledger: Ledger::default(),
            seed,
        }
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
        self.seed_local_group();
        self.judge.strangers(&self.world);
        // Until then a filter may not show what is new.
        self.pass(Duration::from_secs(120));
    }

    pub(super) fn say(&self, line: impl std::fmt::Display) {
        self.trace.tell(format!("{}  {line}", self.world.clock.now().format("%m-%d %H:%M:%S")));
    }

    /// Churn, bad weather and deaths; then quiet; then the reckoning.
    pub(super) async fn tell(mut self) -> Result<Ledger, String> {
        for _ in 0..self.rng.usize(6..=12) {
            for _ in 0..self.rng.usize(0..=5) {
                churn::happen(&mut self);
                let pause = self.rng.u64(1..=400);
                self.pass(Duration::from_secs(pause));
            }
            if self.setup.is_repaired {
                churn::meddle(&mut self);
            }
            self.approve(0.3);
            // A manager whose account is lost and who is disabled before anybody looks stays a
            // reference to nothing.
            let is_told = !self.setup.managers && !self.setup.is_repaired;
            if self.rng.u8(..40) == 0 && is_told {
                churn::empty_application(&mut self);
                self.cycle(&Weather::default(), CycleOptions::default()).await?;
            }
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
        Box::pin(self.end()).await
    }

    /// Quiet, and the reckoning.
    pub(super) async fn end(mut self) -> Result<Ledger, String> {
        self.become_quiet().await?;
        self.reckon().await?;
        Ok(self.ledger)
    }

    pub(super) fn pass(&mut self, time: Duration) {
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
        let granted = self.granted();
        let in_scope = self.in_scope();
        let passing: BTreeSet<SourceId> =
            self.people.iter().filter(|person| self.passes(person)).map(|p| p.id).collect();
        for person in &mut self.people {
            if in_scope.contains(&person.id) {
                person.in_scope_at = now;
            }
            person.ever_granted |= granted.contains(&person.id);
            person.ever_passed |= passing.contains(&person.id);
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
            right_clock: self.world.engine_clock.ahead().is_zero(),
        };
        let weather = Weather::draw(&mut self.rng, allowed);
        let is = |path: &str| weather.once.iter().any(|(part, _)| *part == path);
        self.was_stale = is("appRoleAssignedTo");
        self.was_empty |= self.was_stale;
        let initial = self.rng.u8(..12) == 0 && !is("/users/delta") && !is("/groups/delta");
        let seed = self.rng.u64(..);
        weather.gather(seed, &self.world.tenant, &self.world.application);
        if weather.old_token {
            self.tokens += 1;
            self.world.application.set_token(token(self.tokens));
        }
        let options = CycleOptions { initial, ..CycleOptions::default() };
        let end = self.cycle(&weather, options).await?;
        self.world.use_target_token(&token(self.tokens));
        if !self.world.engine_clock.ahead().is_zero() && self.rng.bool() {
            self.say("the clock is set right");
            self.world.engine_clock.set_ahead(TimeDelta::zero());
        }
        let ran_out = end.as_ref().is_some_and(ran_out_of_time);
        let ended_well = end.is_some_and(|end| end.error.is_none());
        // Groups that a stale list did not name are followed from the next cycle on.
        self.rounds_stand = ended_well && !self.was_stale;
        if weather.is_calm() && !ended_well && !ran_out {
            return Err("a cycle in calm weather did not end well".to_owned());
        }
        Ok(())
    }

    /// One cycle; none where the program died in it.
    pub(super) async fn cycle(
        &mut self,
        weather: &Weather,
        options: CycleOptions,
    ) -> Result<Option<CycleEnd>, String> {
        self.note_entitlements();
        if !weather.is_calm() {
            self.say(format!("weather: {}", weather.tell()));
        }
        let began = self.world.clock.now();
        self.is_lagging = !weather.once.is_empty();
        let end = self.run(weather.blow, options).await;
        self.ledger.count(weather, &self.world);
        self.moments = self.world.wire.moments();
        self.world.wire.live();
        self.world.tenant.clear_faults();
        self.world.application.clear_faults();
        for request in self.world.tenant.take_requests() {
            let query: Vec<String> =
                request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let (path, query) = (&request.path, query.join("&"));
            let status = request.status.unwrap_or_default();
            self.trace
                .tell(format!("                  {status} {} {path}?{query}", request.method));
        }
        let took = self.world.clock.now() - began;
        if took > CYCLE_TIME_MAX {
            return Err(format!("a cycle took {took}"));
        }
        match &end {
            None => {}
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
        self.judge_cycle(began, weather, end.as_ref())?;
        if !self.is_lagging && end.as_ref().is_some_and(|end| end.error.is_none()) {
            self.read_at = began;
        }
        if let Some(end) = &end {
            self.ledger.messages += self.office.tell(&self.world, end).await?;
        }
        if self.is_thorough
            && weather.is_calm()
            && end.as_ref().is_some_and(|end| end.error.is_none())
        {
            self.judge_clean_rows().await?;
        }
        Ok(end)
    }

    /// Runs a cycle in which this happens; none where the program did not come to its end.
    async fn run(&mut self, blow: Option<Blow>, options: CycleOptions) -> Option<CycleEnd> {
        let (wire, stop) = (self.world.wire.clone(), Arc::new(Stop::default()));
        wire.live();
        let mut dies = None;
        match blow {
            None => {}
            Some(Blow::Death { moment }) => dies = Some(wire.die_at(moment)),
            Some(Blow::FullDisk { commit, commits }) => wire.fill_disk(commit, commits),
            Some(Blow::Stop { exchange }) => {
                let stop = Arc::clone(&stop);
                wire.at_exchange(exchange, move || stop.request());
            }
            Some(Blow::Clock { exchange, ahead }) => {
                let clock = self.world.engine_clock.clone();
                wire.at_exchange(exchange, move || clock.set_ahead(ahead));
            }
        }
        let never = Arc::new(tokio::sync::Notify::new());
        let dies = dies.unwrap_or(never);
        let end = tokio::select! {
            biased;
            end = self.world.try_sync(options, &stop) => Some(end),
            () = dies.notified() => None,
        };
        self.was_skewed |= !self.world.engine_clock.ahead().is_zero();
        if let Some(moment) = wire.died_at() {
            self.say(format!("the program dies ({moment:?}) and starts again"));
            self.world.restart();
            return None;
        }
        match end.expect("who does not die comes to an end") {
            Ok(end) => Some(end),
            Err(error) => {
                // Where the file is differs from run to run.
                let folder = self.world.folder.path().display().to_string();
                let told = error.to_string().replace(&folder, "…");
                self.say(format!("the cycle could not be kept: {told}"));
                // Somebody makes room, and starts the program again or not.
                if self.rng.bool() {
                    self.world.restart();
                }
                None
            }
        }
    }

    /// The administrator looks at what is held, and releases it with this probability.
    pub(super) fn approve(&mut self, probability: f64) {
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

    /// Quiet, and a look at everybody.
    pub(super) async fn end_soon(mut self) -> Result<Ledger, String> {
        self.is_thorough = false;
        self.become_quiet().await?;
        self.judge_projection()?;
        self.judge_redraft().await?;
        Ok(self.ledger)
    }

    async fn become_quiet(&mut self) -> Result<(), String> {
        self.say("the weather clears");
        self.world.engine_clock.set_ahead(TimeDelta::zero());
        self.world.reconfigure(&self.setup.lines(false));
        self.come_to_rest().await?;
        if self.setup.is_repaired {
            self.world.reconfigure(&self.setup.lines(true));
            self.be_repaired().await?;
            self.world.reconfigure(&self.setup.lines(false));
            self.come_to_rest().await?;
        }
        Ok(())
    }

    /// Compares and repairs until a comparison finds nothing to put back.
    async fn be_repaired(&mut self) -> Result<(), String> {
        for _ in 0..QUIET_CYCLES_MAX {
            self.pass(Duration::from_secs(61 * 60));
            self.approve(1.0);
            let began = self.world.clock.now();
            self.cycle(&Weather::default(), CycleOptions::default()).await?;
            let found = self.world.state().read(|view| {
                let Some(check) = view.last_drift_check()? else { return Ok(None) };
                let counts = view.drift_counts(check.id)?;
                Ok((check.began >= began).then_some((check, counts)))
            });
            let found = found.map_err(|error| error.to_string())?;
            let Some((check, counts)) = found else { continue };
            self.say(format!("compared: {counts:?}, {check:?}"));
            if counts.changed + counts.missing == 0 && check.users.left_out == 0 {
                return Ok(());
            }
        }
        Err(format!("{QUIET_CYCLES_MAX} quiet cycles did not put back what was changed"))
    }

    async fn come_to_rest(&mut self) -> Result<(), String> {
        let now = self.world.clock.now();
        if let Some(ahead) = self.setup.turns_at.and_then(|at| (at - now).to_std().ok()) {
            self.pass(ahead);
        }
        self.rest().await?;
        if let Some(days) = self.setup.delete_after {
            // Whoever left last is due too by then.
            self.pass(Duration::from_secs(days.unsigned_abs() * 86_400 + 3_600));
            self.rest().await?;
        }
        Ok(())
    }

    /// Lets time pass until removals are sent.
    fn wait_for_window(&mut self) {
        while !self.setup.is_open(self.world.clock.now()) {
            self.pass(Duration::from_secs(20 * 60));
        }
    }

    async fn rest(&mut self) -> Result<(), String> {
        let most = match self.setup.cycle_time_max {
            Some(_) => 10 * QUIET_CYCLES_MAX,
            None => QUIET_CYCLES_MAX,
        };
        for _ in 0..most {
            let pause = if self.rng.bool() { 61 * 60 } else { 25 * 3_600 };
            self.pass(Duration::from_secs(pause));
            self.wait_for_window();
            self.approve(1.0);
            let end = self.cycle(&Weather::default(), CycleOptions::default()).await?;
            let end = end.ok_or("nothing died")?;
            if ran_out_of_time(&end) {
                continue;
            }
            if let Some(error) = end.report.error {
                return Err(format!("a quiet cycle ended early: {error}"));
            }
            let escrows = self.world.state().read(|view| view.escrow_counts());
            let is_done = escrows.is_ok_and(|escrows| escrows.all == 0);
            if is_done && end.report.requests.target == 0 && end.report.held.is_none() {
                return Ok(());
            }
        }
        Err(format!("{most} quiet cycles did not bring it to rest"))
    }

    async fn reckon(&mut self) -> Result<(), String> {
        // The last quiet cycle may have been the one that first missed somebody purged.
        for _ in 0..2 {
            self.pass(Duration::from_secs(61 * 60));
            self.wait_for_window();
            self.approve(1.0);
            self.cycle(&Weather::default(), CycleOptions::default()).await?;
        }
        self.judge_projection()?;
        self.pass(Duration::from_secs(61 * 60));
        self.wait_for_window();
        let end = self.cycle(&Weather::default(), CycleOptions::default()).await?;
        let end = end.ok_or("nothing died")?;
        if end.report.requests.target != 0 {
            return Err(format!("a cycle without a change asks the application: {end:?}"));
        }
        self.judge_redraft().await?;
        self.trace.tell(format!("seed {}: all is well", self.seed));
        Ok(())
    }

    /// Nothing is left to do for anybody.
    async fn judge_redraft(&self) -> Result<(), String> {
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
        Ok(())
    }
}

/// Whether a cycle ended because it took as long as it may.
fn ran_out_of_time(end: &CycleEnd) -> bool {
    matches!(end.error, Some(CycleError::TimeUp { .. }))
}

/// Lets nothing be written whose row was not committed as sent before.
fn watch_writes(world: &World) {
    let path = world.state().path().to_owned();
    world.wire.witness(move |request| {
        let is_write = request.method() != http::Method::GET;
        if !is_write || request.uri().host() != Some("app.sandbox.example") {
            return None;
        }
        // Members may follow into a group that was made by the same plan.
        let rows = Reader::open(&path).and_then(|reader| {
            reader.read(|view| {
                let mut rows = view.sent_rows()?;
                for (_, row) in rows.iter_mut().filter(|(_, row)| row.target.is_none()) {
                    row.target = view.linked_target(row.source)?;
                }
                Ok(rows)
            })
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return Some(format!("the state cannot be read: {error}")),
        };
        let path = request.uri().path();
        let id = path.rsplit_once("/Users/").or_else(|| path.rsplit_once("/Groups/"));
        let id = id.map(|(_, id)| {
            percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned()
        });
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let is_planned = rows.iter().any(|(_, row)| match (&row.write, &id) {
            (Write::Create(values), None) => values.iter().any(|(path, value)| {
                (path.is_user_name() || path.to_string() == "displayName")
                    && *value == body[path.to_string()]
            }),
            (Write::Patch { .. } | Write::Delete | Write::Members, Some(id)) => {
                row.target.as_ref().is_some_and(|target| target.as_str() == id)
            }
            (Write::Create(_) | Write::Nothing, Some(_))
            | (Write::Patch { .. } | Write::Delete | Write::Nothing | Write::Members, None) => {
                false
            }
        });
        (!is_planned).then(|| format!("{} {path} left before its row was sent", request.method()))
    });
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
