//! The main loop: the agent's work under one configuration, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::deliver::{Delivered, WRITERS, Way, deliver};
use super::metrics::Metrics;
use super::retention::Retention;
use super::saver::Urgency;
use super::{Agent, LAST_COMMIT_LIMIT, STOP_LIMIT, Setup, Stop, logs, metrics, setup};
use crate::auth::Session;
use crate::config::Compression;
use crate::record::{FileId, Phase, SavedFile};
use crate::sinks::cloudwatch_logs::CloudWatchLogs;
use crate::sinks::cloudwatch_metrics::CloudWatchMetrics;
use crate::state::Changes;

/// How long the log thread may take to end where nothing can be sent, since nobody has signed in yet.
const UNSIGNED_STOP_LIMIT: Duration = Duration::from_secs(1);
/// How long what is in flight may take before a new configuration takes over: more than any request may (`aws/requests.rs`).
const HAND_OVER_LIMIT: Duration = Duration::from_secs(180);
/// How long the log thread may take to let go once no answer is waited for: a look at a disk that hangs may never end.
const LET_GO_LIMIT: Duration = Duration::from_secs(60);
/// How often the status is told.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// A shift: the parts that a configuration asks for.
pub struct Shift<'a> {
    agent: &'a mut Agent,
    logs: logs::Logs,
    sink: CloudWatchLogs,
    session: Session,
    turns: Arc<Semaphore>,
    retention: Retention,
    sends: JoinSet<Delivered>,
    logs_told: logs::Told,
    metrics_told: watch::Receiver<metrics::Told>,
    stop: watch::Receiver<Stop>,
}

/// The parts that work beside the loop.
pub struct UnderWay {
    actions: mpsc::UnboundedReceiver<logs::Action>,
    metrics: JoinHandle<Metrics>,
}

impl<'a> Shift<'a> {
    /// Starts the parts.
    pub fn begin(agent: &'a mut Agent, setup: Setup, stop: watch::Receiver<Stop>) -> anyhow::Result<(Self, UnderWay)> {
        let config = &setup.config;
        let compresses = config.logs.compression == Compression::Gzip;
        let (endpoint, clock) = (config.logs.endpoint.as_deref(), agent.clock.clone());
        let sink = CloudWatchLogs::new(&setup.logs.sdk, endpoint, &clock, compresses);
        let namespace = config.metrics.namespace.resolve(&setup.facts);
        let endpoint = config.metrics.endpoint.as_deref();
        let metrics_sink = CloudWatchMetrics::new(&setup.metrics.sdk, endpoint, &clock, namespace);
        let parts = setup::parts(&setup, agent)?;
        agent.is_lost = false;
        agent.known.extend(config.logs.entries.iter().map(|entry| entry.key.clone()));
        agent.tally.begin();
        agent.status.send_modify(|status| status.instance_id.clone_from(&setup.facts.instance_id));
        let logs_told = logs::Told { at: clock.now(), ..logs::Told::default() };
        let (logs, actions) = logs::start(parts.logs, clock)?;
        let way = metrics::Way { sink: metrics_sink, session: setup.metrics.session };
        let metrics = match agent.left.metrics.take() {
            Some(metrics) => metrics.go_on(parts.metrics, way),
            None => Metrics::new(parts.metrics, way, agent.store.clone(), agent.saver.clone()),
        };
        let metrics_told = metrics.told();
        let metrics = tokio::spawn(metrics.run(stop.clone()));
        let session = setup.logs.session;
        let (turns, retention, sends) = (Arc::new(Semaphore::new(WRITERS)), Retention::default(), JoinSet::new());
        let shift = Self { agent, logs, sink, session, turns, retention, sends, logs_told, metrics_told, stop };
        Ok((shift, UnderWay { actions, metrics }))
    }

    /// Works until it is to stop.
    pub async fn work(mut self, UnderWay { mut actions, metrics }: UnderWay) {
        log::info!("{}", if self.agent.has_worked { "a new configuration is in force" } else { "started" });
        let mut ticks = tokio::time::interval(STATUS_PAUSE);
        let mut asked = Stop::No;
        let (mut deadline, mut has_let_go) = (None, false);
        loop {
            tokio::select! {
                biased;
                more = further(&mut self.stop, asked) => {
                    asked = more;
                    match asked {
                        Stop::Now => break,
                        Stop::Soon => deadline = Some(self.stop_soon()),
                        Stop::HandOver | Stop::No => deadline = Some(self.hand_over()),
                    }
                }
                () = sleep_until(deadline), if deadline.is_some() => {
                    if has_let_go && asked == Stop::HandOver {
                        log::error!("what reads logs does not let go: the new configuration begins without it");
                        deadline = None;
                        break;
                    }
                    log::info!("stopped waiting for answers: what was not sent is still in its files");
                    if asked > Stop::HandOver {
                        break;
                    }
                    (deadline, has_let_go) = (Some(Instant::now() + LET_GO_LIMIT), true);
                    self.logs.tell(logs::Event::LetGo);
                }
                Some(sent) = self.sends.join_next(), if !self.sends.is_empty() => self.sent(sent),
                action = actions.recv() => match action {
                    Some(action) => self.perform(action),
                    None => break,
                },
                () = self.agent.saver.lost() => self.logs.tell(logs::Event::SaveAll),
                Some(identity) = self.agent.identities.recv() => {
                    self.agent.saver.save(Changes { identity: Some(identity), ..Changes::default() }, Urgency::Later);
                }
                _ = ticks.tick() => self.tell(),
            }
        }
        self.end(metrics, asked, deadline).await;
    }

    /// Has everything that is open sent; until when that is waited for. Before the first sign-in nothing will be.
    fn stop_soon(&mut self) -> Instant {
        log::info!("stopping: sending what is open");
        self.tell();
        self.logs.tell(logs::Event::Stop);
        let limit = if self.session.has_answered() { STOP_LIMIT - LAST_COMMIT_LIMIT } else { UNSIGNED_STOP_LIMIT };
        Instant::now() + limit
    }

    /// Has nothing more sent; until when what is in flight is waited for.
    fn hand_over(&mut self) -> Instant {
        log::info!("a new configuration takes over: waiting for what is in flight");
        self.logs.tell(logs::Event::HandOver);
        if !self.session.has_answered() && self.session.number() == 0 {
            // Nothing was ever signed, so nothing is in flight: what seems so waits for the first sign-in.
            self.sends.abort_all();
            self.logs.tell(logs::Event::LetGo);
        }
        Instant::now() + HAND_OVER_LIMIT
    }

    /// Waits for the metrics, which heard of the end too, and leaves to the next shift what it needs.
    async fn end(mut self, mut metrics: JoinHandle<Metrics>, mut asked: Stop, deadline: Option<Instant>) {
        let mut until = deadline.unwrap_or_else(|| Instant::now() + LAST_COMMIT_LIMIT);
        let mut ticks = tokio::time::interval(STATUS_PAUSE);
        let over = loop {
            tokio::select! {
                metrics = &mut metrics => break metrics.ok(),
                more = further(&mut self.stop, asked), if asked < Stop::Now => {
                    asked = more;
                    until = until.min(Instant::now() + STOP_LIMIT - LAST_COMMIT_LIMIT);
                }
                () = tokio::time::sleep_until(until) => break None,
                _ = ticks.tick() => self.tell(),
            }
            if asked == Stop::Now {
                break None;
            }
        };
        // One that did not come back has left everything on disk.
        metrics.abort();
        self.agent.left.metrics = over;
        self.tell();
        self.agent.tally.end(self.logs_told.counts, self.logs_told.removed);
    }

    fn perform(&mut self, action: logs::Action) {
        match action {
            logs::Action::Send(batch, to) => {
                let (sink, session, clock) = (self.sink.clone(), self.session.clone(), self.agent.clock.clone());
                let way = Way { sink, session, clock, turns: self.turns.clone() };
                self.sends.spawn(deliver(way, batch, to));
            }
            logs::Action::Save(changes, urgency) => self.agent.saver.save(changes, urgency),
            logs::Action::Retire(file, saved) => self.retire(file, saved),
            logs::Action::Tell(told) => self.logs_told = told,
            logs::Action::Leave(left) => self.agent.left.logs = left,
        }
    }

    /// Has a file's position saved, and tells when that is done: only then it may be deleted.
    fn retire(&self, file: FileId, saved: SavedFile) {
        let (saver, logs) = (self.agent.saver.clone(), self.logs.clone());
        saver.save(Changes { save: vec![saved], ..Changes::default() }, Urgency::Now);
        tokio::spawn(async move {
            if saver.is_flushed().await {
                logs.tell(logs::Event::Remove(file));
            }
        });
    }

    fn sent(&mut self, sent: Result<Delivered, tokio::task::JoinError>) {
        // A task that panicked took its batch along: its lines are still in their files, and are read again at the next
        // start. In a release the whole program ends with it.
        let Ok(sent) = sent else { return };
        if sent.has_made_group {
            self.retention.forget(&sent.to.stream.group);
        }
        let now = self.agent.clock.now();
        match &sent.result {
            Ok(_) => {
                self.agent.tally.succeeded();
                self.retention.accepted(&self.sink, &sent.to, now);
            }
            Err(error) => {
                self.agent.tally.failed(error.to_string(), now);
                // What keeps it from signing in the session says by itself, once.
                if self.session.told().trouble.is_none() {
                    log::warn!(stream:% = sent.to.stream, cause = error.kind(), error:% = error; "records were not taken");
                }
                if error.is_unauthorised() {
                    self.session.refused(sent.credentials);
                }
            }
        }
        self.logs.tell(logs::Event::Outcome(sent.batch, sent.result));
    }

    fn tell(&mut self) {
        let agent = &self.agent;
        let metrics = self.metrics_told.borrow().clone();
        let mut status =
            agent.tally.status(&agent.status.borrow(), &self.logs_told, metrics, &self.session, &agent.clock);
        status.phase = match *self.stop.borrow() {
            Stop::No => Phase::Running,
            Stop::HandOver => Phase::Starting,
            Stop::Soon | Stop::Now => Phase::Stopping,
        };
        agent.status.send_replace(status);
    }
}

/// Comes back when more is asked than `than`. Where nobody is left who could ask, it is time to end.
async fn further(stop: &mut watch::Receiver<Stop>, than: Stop) -> Stop {
    stop.wait_for(|stop| *stop > than).await.map_or(Stop::Now, |stop| *stop)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
