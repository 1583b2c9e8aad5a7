//! Samples the host at its interval and sends what was sampled, fresh samples first.
//!
//! A round is handed to the saver the moment it is taken, and forgotten when CloudWatch has it. What could not be sent waits
//! on disk and goes, oldest first, between the fresh ones. Easy to break: sending must never hold up sampling, and a request
//! that fails must leave its rounds where they are found again.

mod backlog;
mod looks;
mod on_disk;
mod over;
mod own;
mod plan;
mod rounds;
mod sections;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Stop;
use super::deliver::not_signed_in;
use super::saver::{Saver, Urgency};
use crate::auth::Session;
use crate::clock::{Clock, TOLERANCE_MS};
use crate::delivery::datums::{Datum, MAX_DATUMS, Requests, requests};
use crate::delivery::outcome::{Receipt, SendError};
use crate::delivery::retry::{Chance, Gate};
use crate::record::{BootId, Monotonic, Offset, Round, Status, Wall};
use crate::sinks::Sink;
use crate::sinks::cloudwatch_metrics::{CloudWatchMetrics, MetricsRequest};
use crate::state::{Changes, RoundId, Store};
use looks::Looks;
use on_disk::OnDisk;
pub use sections::{Previewed, Sampling, preview};
use work::{Rest, Work};

/// Between two requests with samples that waited: a fleet that comes back must not flood its region's quota.
const BACKLOG_PAUSE: Duration = Duration::from_millis(500);
/// How long after the start what is fresh is waited for: the first sampling comes after 5 s, unless only programs send.
const PROBE_PAUSE: Duration = Duration::from_secs(10);
/// Permissions are given by people: asking more often helps nobody.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(120);
/// So many samples wait for no others: five full requests, beside which the last, which is hardly ever full, costs little.
pub const FULL_SAMPLES: usize = 5 * MAX_DATUMS;
/// Rounds kept in memory until they are sent; beyond it they wait on disk alone.
pub const MAX_FRESH: usize = 100;
/// Samples kept in memory, likewise, as soon as they are on disk: some 2 MB.
const MAX_FRESH_SAMPLES: usize = 10_000;
/// How often what waits is looked through for what is too old or too much.
const TIDY_PAUSE: Duration = Duration::from_secs(600);
/// The same, where something was given up. Longer than a commit takes to come.
const TIDY_PAUSE_AFTER_LOSS: Duration = Duration::from_secs(60);
/// Rounds read from disk at a time.
const PAGE_ROUNDS: usize = 64;
const PAGE_BYTES: usize = 256 * 1024;
/// A change of the measured offset that is worth a write.
const OFFSET_STEP_MS: i64 = 5_000;

/// What the metrics are started with.
pub struct Parts {
    pub clock: Clock,
    pub boot: BootId,
    /// What earlier boots learned of their clocks.
    pub offsets: BTreeMap<String, Offset>,
    pub sampling: Sampling,
    /// How the agent as a whole fares.
    pub status: watch::Receiver<Status>,
    /// The longest a sample waits for others.
    pub flush: Duration,
    /// Samples that waited longer are given up.
    pub max_age: Duration,
    /// Samples on disk take at most this.
    pub max_bytes: u64,
}

/// What the metrics tell of themselves.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub sent: u64,
    pub refused: u64,
    pub waiting: u64,
    pub requests_ok: u64,
    pub requests_failed: u64,
    pub trouble: Option<String>,
    /// Since when no request got through.
    pub stuck_since: Option<Monotonic>,
}

type Answer = (Vec<Datum>, Result<Receipt, SendError>);

/// What samples are sent with.
#[derive(Clone)]
pub struct Way {
    /// Takes them.
    pub sink: CloudWatchMetrics,
    /// Signs them.
    pub session: Session,
}

/// Sampling and sending of host metrics.
pub struct Metrics {
    parts: Parts,
    /// What is sampled.
    looks: Looks,
    way: Way,
    store: Arc<Store>,
    saver: Saver,
    gate: Gate,
    /// Taken in this run and not sent yet, oldest first.
    fresh: VecDeque<(RoundId, Round)>,
    /// What is being sent; its next request goes when the one under way is answered.
    work: Option<Work>,
    under_way: JoinSet<Answer>,
    /// The number of the credentials that sign it.
    credentials: u64,
    next_id: RoundId,
    /// Rounds on disk that are not known to be sent: from here
    backlog: RoundId,
    /// to before here.
    backlog_end: RoundId,
    backlog_at: Monotonic,
    /// Until when what is fresh is waited for, so that the endpoint tells the time by that.
    probe_at: Monotonic,
    next_flush: Monotonic,
    next_tidy: Monotonic,
    saved_offset: Option<Offset>,
    on_disk: OnDisk,
    told: Told,
    status: watch::Sender<Told>,
}

impl Metrics {
    /// Takes the baseline, and takes up what waits in `store`.
    pub fn new(parts: Parts, way: Way, store: Arc<Store>, saver: Saver) -> Self {
        let now = parts.clock.now();
        let waiting = store.waiting();
        let backlog = waiting.oldest.unwrap_or(waiting.next);
        let some = store.rounds(backlog, PAGE_ROUNDS, PAGE_BYTES).map(|page| page.rounds).unwrap_or_default();
        Self {
            looks: Looks::new(parts.sampling.clone(), Path::new("/"), parts.status.clone(), now),
            on_disk: OnDisk::new(waiting.next, waiting.count, &some),
            way,
            store,
            saver,
            gate: Gate::default(),
            fresh: VecDeque::new(),
            work: None,
            under_way: JoinSet::new(),
            credentials: 0,
            next_id: waiting.next,
            backlog,
            backlog_end: waiting.next,
            backlog_at: now,
            probe_at: now.after(PROBE_PAUSE),
            next_flush: now,
            next_tidy: now,
            saved_offset: None,
            told: Told::default(),
            status: watch::Sender::new(Told::default()),
            parts,
        }
    }

    /// Where it tells how it fares.
    pub fn told(&self) -> watch::Receiver<Told> {
        self.status.subscribe()
    }

    /// What earlier boots learned of their clocks.
    pub fn offsets(&self) -> BTreeMap<String, Offset> {
        self.parts.offsets.clone()
    }

    /// Runs until `stop` says so; then sends once more what is fresh. For a new configuration it only waits for what is in flight,
    /// and goes on with the rest.
    pub async fn run(mut self, mut stop: watch::Receiver<Stop>) -> Self {
        loop {
            let now = self.parts.clock.now();
            self.tidy(now);
            self.sample(now);
            self.send(now);
            self.tell();
            let pause = self.pause(now);
            tokio::select! {
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
                Some(Ok((datums, result))) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                    self.answered(datums, result);
                }
                looked = self.looks.back() => self.looked(looked),
                () = self.way.session.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let is_end = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop > Stop::HandOver) => true,
            () = self.settle() => false,
        };
        if is_end {
            self.finish().await;
        }
        self
    }

    fn pause(&self, now: Monotonic) -> Duration {
        let mut next = self.looks.next().unwrap_or(self.next_tidy).min(self.next_tidy);
        if self.under_way.is_empty() && self.way.session.has_answered() {
            let waiting = || self.fresh_due().into_iter().chain(self.backlog_due()).min();
            let send = self.work.as_ref().map(|_| now).or_else(waiting);
            let send = send.map(|send| send.max(self.gate.opens_at().unwrap_or_default()));
            next = next.min(send.unwrap_or(next));
        }
        next.since(now).max(Duration::from_millis(10))
    }

    /// When what is fresh goes: at once where waiting spares no requests or it would not stay in memory, else in its turn.
    fn fresh_due(&self) -> Option<Monotonic> {
        let is_full = self.fresh_samples() >= FULL_SAMPLES || self.fresh.len() >= MAX_FRESH;
        let due = if is_full { Monotonic(0) } else { self.next_flush };
        (!self.fresh.is_empty()).then_some(due)
    }

    fn fresh_samples(&self) -> usize {
        self.fresh.iter().map(|(_, round)| round.samples.len()).sum()
    }

    fn give_up(&mut self, count: usize, cause: &str) {
        self.told.refused += count as u64;
        log::warn!(count, cause; "samples were given up");
    }

    fn send(&mut self, now: Monotonic) {
        // The first sign-in learns the time, by which the samples' times are made.
        if !self.under_way.is_empty() || !self.gate.may_send(now) || !self.way.session.has_answered() {
            return;
        }
        if self.work.is_none() && self.fresh_due().is_some_and(|due| now >= due) {
            self.next_flush = now.after(self.parts.flush);
            let rounds = self.fresh.drain(..).collect();
            self.begin(rounds, true);
        } else if self.work.is_none() && self.backlog_due().is_some_and(|due| now >= due) {
            self.backlog_at = now.after(BACKLOG_PAUSE);
            self.load_backlog();
        }
        let Some(work) = &mut self.work else { return };
        let Some(datums) = work.next() else { return };
        let request = MetricsRequest { datums, offset: work.offset };
        self.gate.started();
        let Way { sink, session } = self.way.clone();
        self.credentials = session.number();
        self.under_way.spawn(async move {
            let result = match session.credentials().await {
                Ok(_) => sink.send(request.clone()).await,
                Err(trouble) => Err(not_signed_in(trouble)),
            };
            (request.datums, result)
        });
    }

    /// Makes requests of rounds, with their times as they are known now.
    fn begin(&mut self, mut rounds: Vec<(RoundId, Round)>, is_fresh: bool) {
        let offset = self.parts.clock.offset();
        let timed = rounds.iter_mut().map(|(_, round)| {
            let at = self.wall(round);
            (&mut round.samples, at)
        });
        let is_known = self.is_clock_known();
        let Requests { requests, given_up } = requests(timed, is_known.then(|| self.parts.clock.wall()));
        given_up.into_iter().for_each(|(cause, count)| self.give_up(count, cause));
        self.work = Some(Work::new(rounds, requests, is_fresh, offset).blind(!is_known));
        self.settle_work(0);
    }

    /// The next `count` samples of the work were taken or given up: forgets the rounds of which nothing is left.
    fn settle_work(&mut self, count: usize) {
        let done = self.work.as_mut().map(|work| work.settle(count)).unwrap_or_default();
        self.forget(done);
        self.work.take_if(|work| work.is_over());
    }

    /// Puts back to where it came from what of the work is not sent.
    fn abandon_work(&mut self) {
        let Some(work) = self.work.take() else { return };
        let is_fresh = work.is_fresh;
        let Rest { cut, whole } = work.into_rest();
        if is_fresh {
            whole.into_iter().rev().for_each(|round| self.fresh.push_front(round));
        } else if let Some((first, _)) = whole.front() {
            self.backlog = *first;
            self.on_disk.put(&whole);
        }
        if let Some(cut) = cut {
            // On disk it is whole as yet, so it must not be read there.
            self.saver.save(Changes { add_rounds: vec![cut.clone()], ..Changes::default() }, Urgency::Later);
            self.fresh.push_front(cut);
        }
        self.make_room();
    }

    fn wall(&self, round: &Round) -> Wall {
        self.parts.clock.wall_of(round, &self.parts.boot, &self.parts.offsets)
    }

    fn answered(&mut self, datums: Vec<Datum>, result: Result<Receipt, SendError>) {
        match result {
            Ok(_) => {
                self.gate.answered();
                self.told.requests_ok += 1;
                self.told.sent += datums.len() as u64;
                (self.told.trouble, self.told.stuck_since) = (None, None);
                self.settle_work(datums.len());
            }
            Err(SendError::Refused { .. }) if self.has_clock_changed() => {
                self.gate.answered();
                self.told.requests_failed += 1;
                self.abandon_work();
                self.next_flush = Monotonic(0);
            }
            Err(SendError::Refused { detail }) => {
                self.gate.answered();
                self.told.requests_failed += 1;
                self.refused(datums, &detail);
            }
            Err(error) => {
                let retry_after = match &error {
                    SendError::Busy { retry_after, .. } => *retry_after,
                    SendError::Forbidden { .. } => Some(FORBIDDEN_PAUSE),
                    _ => None,
                };
                self.gate.failed(self.parts.clock.now(), retry_after, Chance(fastrand::f64()));
                self.told.requests_failed += 1;
                self.told.trouble = Some(error.to_string());
                self.told.stuck_since.get_or_insert(self.parts.clock.now());
                // What keeps it from signing in the session says by itself, once.
                if self.way.session.told().trouble.is_none() {
                    log::warn!(cause = error.kind(), error:% = error; "samples were not taken");
                }
                if error.is_unauthorised() {
                    self.way.session.refused(self.credentials);
                }
                self.abandon_work();
                self.next_flush = Monotonic(0);
            }
        }
    }

    /// Whether the endpoint told what time it is, or took what was signed by this clock.
    fn is_clock_known(&self) -> bool {
        self.told.requests_ok > 0 || self.parts.clock.measured().is_some()
    }

    /// Whether more is known of the clock than when the times of the work were made: that they are wrong, or which are too old.
    fn has_clock_changed(&self) -> bool {
        let is_other = |made_with: Offset| (self.parts.clock.offset().0 - made_with.0).abs() > TOLERANCE_MS;
        self.work.as_ref().is_some_and(|work| is_other(work.offset) || (work.is_blind && self.is_clock_known()))
    }

    /// Sends the halves of what was refused, until the datum that is bad is alone; that one is given up.
    fn refused(&mut self, datums: Vec<Datum>, detail: &str) {
        if let [datum] = &datums[..] {
            log::warn!(cause = datum.sample.name, error = detail; "a sample was refused");
            self.told.refused += 1;
            self.settle_work(1);
        } else if let Some(work) = &mut self.work {
            work.halve(datums);
        }
    }

    fn forget(&self, rounds: Vec<RoundId>) {
        if !rounds.is_empty() {
            self.saver.save(Changes { remove_rounds: rounds, ..Changes::default() }, Urgency::Later);
        }
    }

    fn tell(&mut self) {
        let at_work = self.work.as_ref().map_or(0, Work::len);
        self.told.waiting = (self.fresh_samples() + at_work) as u64 + self.on_disk.samples();
        let trouble = self.told.trouble.clone().or_else(|| self.looks.trouble());
        self.status.send_replace(Told { trouble, ..self.told.clone() });
    }
}
