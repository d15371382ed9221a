//! One application of the service: when its cycles start, and the orders it takes meanwhile.
//!
//! Other settings are taken over between two cycles, with the state kept open: a cycle under way
//! goes on to its end with those it began with.

use std::{sync::Arc, time::Duration};

use tracing::{error, info, warn};

use super::{
    Answer, OnDemand, Order, Trouble,
    heartbeat::Doing,
    once::{run_cycle, run_on_demand},
    order::execute,
    seat::{Change, Seat, Settings},
    upkeep::Upkeep,
};
use crate::{
    cycle::{CycleEnd, CycleError, CycleOptions},
    model::{Clock, SourceId, Timestamp},
    provisioning::Occasion,
    store::{Engine, Progress, StoreError},
};

/// How often orders are looked for: a person waits for the answer.
pub(super) const ORDERS_EVERY: Duration = Duration::from_millis(250);

/// How often the state is looked at between two cycles although nothing was written to it: the
/// clock may have been set.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Beyond the time-out of one request, how long a cycle may take to end once it is asked to. A
/// cycle that waits for a throttling service is cut short; what it sent is looked up next time.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);

/// Everything that keeps one application going.
pub(super) struct Service {
    pub(super) settings: Settings,
    pub(super) seat: Arc<Seat>,
    pub(super) engine: Engine,
    /// From before the lock was taken: an older order was given to somebody else.
    pub(super) started: Timestamp,
}

/// An order that was taken and waits for the end of the cycle under way.
struct Taken {
    id: i64,
    order: Order,
    by: String,
}

/// Why the wait between two cycles ended.
enum Wake {
    Due,
    Asked(Taken),
    Changed,
    Stop,
}

impl Service {
    /// Keeps the schedule until the service is asked to stop, or the application leaves it.
    pub(super) async fn keep(mut self) {
        let job = self.settings.app.job.app.to_string();
        if let Err(error) = self.refuse_old_orders() {
            warn!(job.name = %job, error = &error as &dyn std::error::Error, "old orders remain");
        }
        let mut waiting: Vec<Taken> = Vec::new();
        let mut last_began = None;
        while !self.seat.stop.is_requested() {
            match self.seat.take_change() {
                Some(Change::Leave) => break,
                Some(Change::Settings(settings)) => self = self.under(*settings),
                None => {}
            }
            let wake = if waiting.is_empty() {
                self.while_delivering(self.wait(last_began)).await
            } else {
                Wake::Asked(waiting.remove(0))
            };
            let (options, asked) = match wake {
                Wake::Stop => break,
                Wake::Changed => continue,
                Wake::Due => (CycleOptions::default(), None),
                Wake::Asked(taken) => match taken.order {
                    Order::Sync { initial } => {
                        (CycleOptions { initial, occasion: Occasion::Asked }, Some(taken.id))
                    }
                    Order::Provision { object } => {
                        let answer = Box::pin(self.on_demand(object, &mut waiting)).await;
                        self.answer(taken.id, &answer);
                        continue;
                    }
                    Order::Approve { .. }
                    | Order::Pause
                    | Order::Resume
                    | Order::Restart(_)
                    | Order::Forget { .. } => {
                        self.carry_out(&taken);
                        continue;
                    }
                },
            };
            last_began = Some(self.clock().now());
            let answer = Box::pin(self.cycle(options, &mut waiting)).await;
            if let Some(id) = asked {
                self.answer(id, &answer);
            }
        }
        for taken in waiting {
            let message = "the service is stopping".to_owned();
            self.answer(taken.id, &Answer::Refused { message });
        }
        self.upkeep().forward_last();
        info!(job.name = %job, "job `{job}` stopped");
    }

    fn upkeep(&self) -> Upkeep<'_> {
        Upkeep {
            engine: &self.engine,
            clock: self.clock(),
            log_retention: self.settings.log_retention,
            forwarder: self.settings.forwarder.as_deref(),
            origin: &self.settings.origin,
        }
    }

    /// The same application under other settings.
    fn under(self, mut settings: Settings) -> Self {
        let engine = self.engine.beside(std::mem::take(&mut settings.neighbours));
        engine.count_requests(settings.connection.meters());
        Self { settings, engine, ..self }
    }

    fn clock(&self) -> &dyn Clock {
        self.seat.clock.as_ref()
    }

    /// Does `work`, keeps the state up, and delivers notices meanwhile, once a minute. A delivery
    /// under way is brought to its end, so that no mail goes twice, unless the service is asked to
    /// stop.
    async fn while_delivering<T>(&self, work: impl Future<Output = T>) -> T {
        let gate = tokio::sync::Mutex::new(());
        let channels = &self.settings.channels;
        let delivering = channels.keep_delivering(&self.engine, self.clock(), &gate);
        let mut delivering = std::pin::pin!(delivering);
        let upkeep = self.upkeep();
        let done = tokio::select! {
            done = work => done,
            never = upkeep.keep() => match never {},
            never = &mut delivering => match never {},
        };
        tokio::select! {
            never = &mut delivering => match never {},
            () = self.cut_short() => {}
            _ = gate.lock() => {}
        }
        done
    }

    /// Tells people what the cycle leaves to tell, and takes orders meanwhile. Asked to stop, it
    /// leaves the rest in the outbox.
    async fn tell_people(&self, end: &CycleEnd, waiting: &mut Vec<Taken>) {
        let Settings { connection, channels, .. } = &self.settings;
        let directory = &connection.directory;
        tokio::select! {
            () = channels.after_cycle(directory, &self.engine, end, self.clock()) => {}
            () = self.take_orders(waiting) => {}
            () = self.cut_short() => {}
        }
    }

    /// Waits for the next start, for an order that needs a cycle, for other settings, or for the
    /// end.
    ///
    /// A cycle that could not even be recorded as begun counts as begun at `last_began`.
    async fn wait(&self, last_began: Option<Timestamp>) -> Wake {
        loop {
            if self.seat.stop.is_requested() {
                return Wake::Stop;
            }
            if self.seat.is_changed() {
                return Wake::Changed;
            }
            if let Some(taken) = self.next_order() {
                return Wake::Asked(taken);
            }
            let now = self.clock().now();
            let due = self.due(last_began, now);
            if due.is_some_and(|due| due <= now) {
                return Wake::Due;
            }
            self.seat.heartbeat.does(Doing::Waiting(due));
            let left = due.and_then(|due| (due - now).to_std().ok()).unwrap_or(LOOK_AGAIN);
            tokio::select! {
                () = self.seat.told() => {}
                () = self.seat.stop.requested() => {}
                () = self.clock().sleep(left.min(LOOK_AGAIN)) => {}
            }
        }
    }

    /// When the next cycle starts; where the state cannot say, as if it were without one.
    fn due(&self, last_began: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let schedule = &self.settings.app.schedule;
        self.engine.read(|view| view.due_at(schedule, last_began, now)).unwrap_or_else(|_| {
            Some(last_began.map_or(now, |began| schedule.next_after(began, now)))
        })
    }

    /// Runs one cycle; orders are carried out meanwhile, and those that cannot be go to `waiting`.
    async fn cycle(&self, options: CycleOptions, waiting: &mut Vec<Taken>) -> Answer {
        let job = self.settings.app.job.app.as_str();
        info!(job.name = job, initial = options.initial, "cycle of job `{job}` begins");
        let heartbeat = &self.seat.heartbeat;
        heartbeat.does(Doing::Working(None));
        let watch = |progress: &Progress| heartbeat.progress(progress);
        let Settings { app, connection, .. } = &self.settings;
        let stop = &self.seat.stop;
        let cycle = run_cycle(app, connection, &self.engine, options, stop, &watch);
        let ended = async {
            tokio::select! {
                ended = cycle => Some(ended),
                () = self.take_orders(waiting) => None,
                () = self.cut_short() => None,
            }
        };
        let ended = Box::pin(self.while_delivering(ended)).await;
        heartbeat.does(Doing::Waiting(None));
        match ended {
            Some(Ok(end)) => {
                tell(job, &end);
                self.tell_people(&end, waiting).await;
                let trouble = end.error.as_ref().map(Trouble::of);
                Answer::Cycle { id: end.report.id.to_string(), trouble }
            }
            Some(Err(failure)) => {
                let failed: &dyn std::error::Error = &failure;
                error!(job.name = job, error = failed, "cycle of job `{job}` could not be kept");
                Answer::Refused { message: format!("the cycle could not be kept: {failure}") }
            }
            None => {
                warn!(job.name = job, "cycle of job `{job}` was cut short while it waited");
                Answer::Refused { message: "the service is stopping".to_owned() }
            }
        }
    }

    /// Provisions one person or group; orders are carried out meanwhile, and those that cannot
    /// be go to `waiting`.
    async fn on_demand(&self, object: SourceId, waiting: &mut Vec<Taken>) -> Answer {
        let job = self.settings.app.job.app.as_str();
        let heartbeat = &self.seat.heartbeat;
        heartbeat.does(Doing::Working(None));
        let watch = |progress: &Progress| heartbeat.progress(progress);
        let Settings { app, connection, .. } = &self.settings;
        let stop = &self.seat.stop;
        let work = run_on_demand(app, connection, &self.engine, object, stop, &watch);
        let ended = async {
            tokio::select! {
                ended = work => Some(ended),
                () = self.take_orders(waiting) => None,
                () = self.cut_short() => None,
            }
        };
        let ended = Box::pin(self.while_delivering(ended)).await;
        heartbeat.does(Doing::Waiting(None));
        match ended {
            Some(Ok(done)) => {
                info!(job.name = job, source.id = %object, "provisioned on demand in job `{job}`");
                Answer::Provisioned(OnDemand::of(&done))
            }
            Some(Err(failure)) => {
                let failed: &dyn std::error::Error = &failure;
                error!(job.name = job, error = failed, "provisioning on demand was not kept");
                Answer::Refused { message: format!("it could not be kept: {failure}") }
            }
            None => Answer::Refused { message: "the service is stopping".to_owned() },
        }
    }

    /// Carries out orders for as long as it is polled.
    async fn take_orders(&self, waiting: &mut Vec<Taken>) {
        loop {
            self.seat.heartbeat.turn();
            while let Some(taken) = self.next_order() {
                if taken.order.waits_for_cycle() {
                    waiting.push(taken);
                } else {
                    self.carry_out(&taken);
                }
            }
            self.clock().sleep(ORDERS_EVERY).await;
        }
    }

    /// Completes where a cycle that was asked to stop has had time for the request under way.
    async fn cut_short(&self) {
        self.seat.stop.requested().await;
        self.clock().sleep(self.settings.app.job.pace.request_timeout + STOP_GRACE).await;
    }

    /// Takes the oldest order, if there is one and it is understood.
    fn next_order(&self) -> Option<Taken> {
        loop {
            let taken = self.engine.read(|view| view.next_command()).and_then(|command| {
                let Some(command) = command else { return Ok(None) };
                self.engine.write(|tx| tx.take_command(command.id, self.clock().now()))?;
                Ok(Some(command))
            });
            let command = match taken {
                Ok(command) => command?,
                Err(failure) => {
                    let failed: &dyn std::error::Error = &failure;
                    warn!(error = failed, "orders cannot be read");
                    return None;
                }
            };
            if let Some(order) = Order::parse(&command) {
                info!(command.id, verb = %command.verb, "took an order");
                return Some(Taken { id: command.id, order, by: command.given_by });
            }
            let message = format!("this version of the service knows no `{}`", command.verb);
            self.answer(command.id, &Answer::Refused { message });
        }
    }

    fn carry_out(&self, taken: &Taken) {
        let answer = execute(&self.engine, &taken.order, &taken.by, self.clock().now())
            .unwrap_or_else(|error| Answer::Refused { message: error.to_string() });
        self.answer(taken.id, &answer);
    }

    fn answer(&self, id: i64, answer: &Answer) {
        let written =
            serde_json::to_value(answer).map_err(|error| error.to_string()).and_then(|answer| {
                let now = self.clock().now();
                let stored = self.engine.write(|tx| tx.answer_command(id, &answer, now));
                stored.map_err(|error| error.to_string())
            });
        if let Err(problem) = written {
            warn!(command.id = id, problem, "an answer could not be written");
        }
    }

    /// An order that nobody took was meant for another time: whoever gave it is gone.
    fn refuse_old_orders(&self) -> Result<(), StoreError> {
        while let Some(command) = self.engine.read(|view| view.next_command())?
            && command.given_at.timestamp_millis() < self.started.timestamp_millis()
        {
            let message = "it was given to a process that has ended".to_owned();
            let answer = serde_json::to_value(Answer::Refused { message }).unwrap_or_default();
            let now = self.clock().now();
            self.engine.write(|tx| {
                tx.take_command(command.id, now)?;
                tx.answer_command(command.id, &answer, now)
            })?;
        }
        Ok(())
    }
}

/// One line per cycle; what happened to whom is in the provisioning log.
fn tell(job: &str, end: &CycleEnd) {
    let report = &end.report;
    let totals = &report.totals;
    match &end.error {
        None => info!(
            job.name = job,
            cycle.id = %report.id,
            created = totals.create,
            adopted = totals.adopt,
            updated = totals.update,
            disabled = totals.disable,
            enabled = totals.enable,
            deleted = totals.delete,
            failed = totals.failure,
            held = totals.held,
            duration_ms = report.duration_ms,
            "cycle of job `{job}` finished"
        ),
        Some(error @ CycleError::TimeUp { .. }) => warn!(
            job.name = job,
            cycle.id = %report.id,
            duration_ms = report.duration_ms,
            "{error}"
        ),
        Some(error) => error!(
            job.name = job,
            cycle.id = %report.id,
            duration_ms = report.duration_ms,
            "cycle of job `{job}` ended early: {error}"
        ),
    }
    for warning in &report.warnings {
        warn!(job.name = job, cycle.id = %report.id, "{warning}");
    }
}
