//! Joins sources, delivery and sinks: the only module that sees both ends.
//!
//! The runtime's thread (this loop, sends, metrics), the log thread (files and the pipeline), and some that block (compression,
//! commits, names). They speak through channels, and share the clock and the store. Ends in the order of the flow: reading stops, what is
//! open is sent until the deadline, positions and waiting metrics are saved.

mod deliver;
mod logs;
mod metrics;
mod records;
mod resources;
mod retention;
mod saver;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::auth::Session;
use crate::clock::Clock;
use crate::config::{Compression, Config, Facts};
use crate::record::{Identity, Status};
use crate::sinks::cloudwatch_logs::CloudWatchLogs;
use crate::sinks::cloudwatch_metrics::CloudWatchMetrics;
use crate::sources::file::StartAt;
use crate::state::{Changes, Opened, Store};
use deliver::{Delivered, Way, deliver};
use retention::Retention;
use saver::Urgency;

/// How long what is open may take to be sent after the first signal.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What the last commit and the closing line may take of it.
const LAST_COMMIT_LIMIT: Duration = Duration::from_secs(2);
/// How long the log thread may take to end where nothing can be sent, since nobody has signed in yet.
const UNSIGNED_STOP_LIMIT: Duration = Duration::from_secs(1);
/// How often the status is told.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// What an agent is made of.
pub struct Setup {
    /// What to do.
    pub config: Config,
    /// What names this machine.
    pub facts: Facts,
    /// The boot that this is.
    pub boot: crate::record::BootId,
    /// How CloudWatch Logs is reached.
    pub logs: Access,
    /// How CloudWatch's metrics are reached.
    pub metrics: Access,
    /// Tells an identity that is worth keeping.
    pub identities: mpsc::Receiver<Identity>,
    /// The clock that the SDK signs by, too.
    pub clock: Clock,
    /// What survives.
    pub store: Store,
    /// What was found in it.
    pub opened: Opened,
    /// Files never to be followed: the own log.
    pub never: Vec<std::path::PathBuf>,
    /// Where reading begins in files that are there already, where it is not as the config says.
    pub start_at: Option<StartAt>,
    /// Where the status is told.
    pub status: watch::Sender<Status>,
}

/// How a service is reached.
#[derive(Clone)]
pub struct Access {
    /// The SDK's settings, signing with what the session gives.
    pub sdk: SdkConfig,
    /// What signs in.
    pub session: Session,
}

/// How far an agent is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Not at all.
    No,
    /// After sending what is open.
    Soon,
    /// At once.
    Now,
}

/// Runs until `stop` says so.
///
/// # Errors
/// When the state cannot be read, or the log thread cannot be started.
pub async fn run(setup: Setup, stop: watch::Receiver<Stop>) -> anyhow::Result<()> {
    let logs_sink = CloudWatchLogs::new(
        &setup.logs.sdk,
        setup.config.logs.endpoint.as_deref(),
        &setup.clock,
        setup.config.logs.compression == Compression::Gzip,
    );
    let namespace = setup.config.metrics.namespace.resolve(&setup.facts);
    let metrics_sink =
        CloudWatchMetrics::new(&setup.metrics.sdk, setup.config.metrics.endpoint.as_deref(), &setup.clock, namespace);
    let parts = setup::parts(&setup)?;
    let store = Arc::new(setup.store);
    let (saver, saving) = saver::start(Arc::clone(&store));
    let (logs, actions) = logs::start(parts.logs, setup.clock.clone())?;
    saver.on_loss({
        let logs = logs.clone();
        move || logs.tell(logs::Event::SaveAll)
    });
    let (metrics_status, metrics_told) = watch::channel(metrics::Told::default());
    let metrics = metrics::Metrics::new(
        parts.metrics,
        metrics::Way { sink: metrics_sink, session: setup.metrics.session },
        store,
        saver.clone(),
        metrics_status,
    );
    let agent = Agent {
        clock: setup.clock,
        logs,
        logs_sink,
        session: setup.logs.session,
        identities: setup.identities,
        logs_told: logs::Told::default(),
        metrics_told,
        saver,
        retention: Retention::default(),
        sends: JoinSet::new(),
        requests: Requests::default(),
        status: setup.status,
    };
    agent.run(actions, tokio::spawn(metrics.run(stop.clone())), saving, stop).await;
    Ok(())
}

#[derive(Debug, Default)]
struct Requests {
    ok: u64,
    failed: u64,
    trouble: Option<String>,
}

struct Agent {
    clock: Clock,
    logs: logs::Logs,
    logs_sink: CloudWatchLogs,
    session: Session,
    identities: mpsc::Receiver<Identity>,
    logs_told: logs::Told,
    metrics_told: watch::Receiver<metrics::Told>,
    saver: saver::Saver,
    retention: Retention,
    sends: JoinSet<Delivered>,
    requests: Requests,
    status: watch::Sender<Status>,
}

impl Agent {
    async fn run(
        mut self,
        mut actions: mpsc::UnboundedReceiver<logs::Action>,
        mut metrics: tokio::task::JoinHandle<()>,
        saving: tokio::task::JoinHandle<()>,
        mut stop: watch::Receiver<Stop>,
    ) {
        log::info!("started");
        let mut ticks = tokio::time::interval(STATUS_PAUSE);
        let mut deadline = None;
        loop {
            tokio::select! {
                biased;
                changed = stop.changed() => {
                    if changed.is_err() || *stop.borrow() == Stop::Now {
                        break;
                    }
                    log::info!("stopping: sending what is open");
                    deadline = Some(tokio::time::Instant::now() + self.stop_limit());
                    self.logs.tell(logs::Event::Stop);
                }
                () = sleep_until(deadline), if deadline.is_some() => {
                    log::info!("stopped waiting for answers: what was not sent is still in its files");
                    break;
                }
                Some(sent) = self.sends.join_next(), if !self.sends.is_empty() => self.sent(sent),
                action = actions.recv() => match action {
                    Some(action) => self.perform(action),
                    None => break,
                },
                Some(identity) = self.identities.recv() => {
                    self.saver.save(Changes { identity: Some(identity), ..Changes::default() }, Urgency::Later);
                }
                _ = ticks.tick() => self.tell(),
            }
        }
        let left = deadline.unwrap_or_else(|| tokio::time::Instant::now() + LAST_COMMIT_LIMIT);
        tokio::select! {
            _ = &mut metrics => {}
            _ = stop.wait_for(|stop| *stop == Stop::Now) => metrics.abort(),
            () = tokio::time::sleep_until(left) => metrics.abort(),
        }
        self.tell();
        self.close(saving).await;
    }

    /// How long answers are waited for at the end. Before the first sign-in there will be none.
    fn stop_limit(&self) -> Duration {
        if self.session.has_answered() { STOP_LIMIT - LAST_COMMIT_LIMIT } else { UNSIGNED_STOP_LIMIT }
    }

    async fn close(self, saving: tokio::task::JoinHandle<()>) {
        let status = self.status.borrow().clone();
        // Both hold a way to the saver, which ends when the last of them is gone.
        drop((self.saver, self.logs));
        if tokio::time::timeout(LAST_COMMIT_LIMIT, saving).await.is_err() {
            log::warn!("the last positions could not be saved in time: some records will be sent twice");
        }
        log::info!(
            sent = status.records_sent, refused = status.records_refused, samples = status.samples_sent,
            waiting_samples = status.samples_waiting;
            "stopped"
        );
    }

    fn perform(&mut self, action: logs::Action) {
        match action {
            logs::Action::Send(batch, to) => {
                let way =
                    Way { sink: self.logs_sink.clone(), session: self.session.clone(), clock: self.clock.clone() };
                self.sends.spawn(deliver(way, batch, to));
            }
            logs::Action::Save(changes, urgency) => self.saver.save(changes, urgency),
            logs::Action::Tell(told) => self.logs_told = told,
        }
    }

    fn sent(&mut self, sent: Result<Delivered, tokio::task::JoinError>) {
        // A task that panicked took its batch along: its lines are still in their files, and are read again at the next
        // start. In a release the whole program ends with it.
        let Ok(sent) = sent else { return };
        if sent.has_made_group {
            self.retention.forget(&sent.to.stream.group);
        }
        match &sent.result {
            Ok(_) => {
                self.requests.ok += 1;
                self.requests.trouble = None;
                self.retention.accepted(&self.logs_sink, &sent.to, self.clock.now());
            }
            Err(error) => {
                self.requests.failed += 1;
                self.requests.trouble = Some(error.to_string());
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

    /// What went wrong last; a sign-in that fails is at the root of all else.
    fn trouble(&self) -> Option<String> {
        let sign_in = self.session.told().trouble.map(|trouble| trouble.to_string());
        sign_in.or_else(|| self.requests.trouble.clone())
    }

    fn tell(&mut self) {
        let metrics = self.metrics_told.borrow().clone();
        let logs = self.logs_told;
        let now = self.clock.now();
        self.status.send_replace(Status {
            records_sent: logs.counts.sent,
            records_refused: logs.counts.refused,
            records_filtered: logs.counts.filtered,
            bytes_sent: logs.counts.bytes_sent,
            records_waiting: logs.counts.waiting,
            lag_bytes: logs.lag_bytes,
            lag_ms: logs.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0)),
            files: logs.files,
            samples_sent: metrics.sent,
            samples_refused: metrics.refused,
            samples_waiting: metrics.waiting,
            requests_ok: self.requests.ok + metrics.requests_ok,
            requests_failed: self.requests.failed + metrics.requests_failed,
            trouble: self.trouble().or(metrics.trouble),
            clock_skew_ms: self.clock.skew_ms(),
            resident_bytes: resources::resident_bytes(),
        });
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
