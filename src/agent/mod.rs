//! Joins sources, delivery and sinks: the only module that sees both ends.
//!
//! The runtime's thread (the loop of `shift`, sends, metrics), the log thread (files and the pipeline), and some that block
//! (compression, commits, names). They speak through channels, and share the clock and the store. An [`Agent`] lives as long as the
//! program; a *shift* is its work under one configuration. A shift ends in the order of the flow: reading stops, what is open is sent
//! until the deadline (or, before a new configuration, what is in flight is waited for), positions and waiting metrics are saved.

mod deliver;
mod logs;
mod metrics;
mod resources;
mod retention;
mod saver;
mod setup;
mod shift;
mod tally;
mod treatments;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::{mpsc, watch};

use crate::auth::Session;
use crate::clock::Clock;
use crate::config::{Config, Facts};
use crate::record::{BootId, Identity, Phase, Status};
use crate::sources::file::StartAt;
use crate::state::{Opened, Store};
use metrics::Metrics;
pub use metrics::{FULL_SAMPLES, MAX_FRESH as MAX_SAMPLINGS, Previewed as MetricsPreview, preview as metrics_preview};
use saver::Saver;
pub use setup::{preview, stream_of};
use shift::Shift;
use tally::Tally;

/// How long what is open may take to be sent after the first signal.
pub const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What the last commit and the closing line may take of it.
const LAST_COMMIT_LIMIT: Duration = Duration::from_secs(2);
/// The program has run for less than this when there is an agent. No other process has had its number within it.
const BEFORE_AGENT_US: u64 = 10_000_000;

/// What an agent works by: it changes with the configuration.
pub struct Setup {
    /// What to do.
    pub config: Config,
    /// What names this machine.
    pub facts: Facts,
    /// How CloudWatch Logs is reached.
    pub logs: Access,
    /// How CloudWatch's metrics are reached.
    pub metrics: Access,
    /// Files never to be followed: the own log.
    pub never: Vec<std::path::PathBuf>,
    /// Where reading begins in files that are there already, where it is not as the config says.
    pub start_at: Option<StartAt>,
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
    /// For a new configuration: what is in flight is waited for, all else is left where it is.
    HandOver,
    /// After sending what is open.
    Soon,
    /// At once.
    Now,
}

/// What lives as long as the program, whatever configuration is in force.
pub struct Agent {
    clock: Clock,
    boot: BootId,
    /// Nothing that this program wrote is older, on the kernel's monotonic clock.
    began_us: u64,
    store: Arc<Store>,
    saver: Saver,
    saving: tokio::task::JoinHandle<()>,
    tell_identity: mpsc::Sender<Identity>,
    identities: mpsc::Receiver<Identity>,
    status: watch::Sender<Status>,
    /// Keys of entries that are no news: files of theirs that appear are read from the beginning.
    known: BTreeSet<String>,
    /// The state of the last run is lost, and this one has not begun yet.
    is_lost: bool,
    /// This is not the first shift.
    has_worked: bool,
    tally: Tally,
    left: Left,
}

/// What a shift leaves to the next one.
#[derive(Default)]
struct Left {
    metrics: Option<Metrics>,
    logs: logs::Left,
}

impl Agent {
    /// An agent on `store`, in which `opened` was found. How it fares is told to `status` every second.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn new(
        (store, opened): (Store, Opened),
        clock: &Clock,
        boot: BootId,
        status: watch::Sender<Status>,
    ) -> anyhow::Result<Self> {
        if let Opened::Lost { reason } = &opened {
            log::error!(reason; "the state was lost: every file is read again from its beginning, and the journal of the last 14 days");
        }
        let store = Arc::new(store);
        let (saver, saving) = saver::start(Arc::clone(&store));
        // An identity is told once a sign-in; one that is not taken in time is told again at the next start.
        let (tell_identity, identities) = mpsc::channel(1);
        Ok(Self {
            clock: clock.clone(),
            boot,
            began_us: clock.kernel_us().saturating_sub(BEFORE_AGENT_US),
            known: store.entries()?,
            store,
            saver,
            saving,
            tell_identity,
            identities,
            status,
            is_lost: matches!(opened, Opened::Lost { .. }),
            has_worked: false,
            tally: Tally::default(),
            left: Left::default(),
        })
    }

    /// The identities that Cognito gave in earlier runs. One that is not known is asked for again.
    pub fn known_identities(&self) -> Vec<Identity> {
        self.store.identities().unwrap_or_else(|error| {
            log::warn!(error:%; "the identities of earlier runs cannot be read: they are asked for anew");
            Vec::new()
        })
    }

    /// Where an identity that is worth keeping is told.
    pub fn identities(&self) -> mpsc::Sender<Identity> {
        self.tell_identity.clone()
    }

    /// Works as `setup` says until `stop` says otherwise. After a [`Stop::HandOver`] it can be called again.
    ///
    /// # Errors
    /// When the state cannot be read, or the log thread cannot be started.
    pub async fn run(&mut self, setup: Setup, stop: watch::Receiver<Stop>) -> anyhow::Result<()> {
        let (shift, under_way) = Shift::begin(self, setup, stop)?;
        shift.work(under_way).await;
        self.has_worked = true;
        // What the next shift reads is what this one left.
        if tokio::time::timeout(LAST_COMMIT_LIMIT, self.saver.flush()).await.is_err() {
            log::debug!("the positions of the last shift are not saved yet");
        }
        Ok(())
    }

    /// Saves what is to be saved. Nothing of the agent is left after it.
    pub async fn close(self) {
        self.status.send_modify(|status| status.phase = Phase::Stopping);
        let status = self.status.borrow().clone();
        // Both hold a way to the saver, which ends when the last of them is gone.
        drop((self.saver, self.left));
        if tokio::time::timeout(LAST_COMMIT_LIMIT, self.saving).await.is_err() {
            log::warn!("the last positions could not be saved in time: some records will be sent twice");
        }
        log::info!(
            sent = status.records_sent, refused = status.records_refused, samples = status.samples_sent,
            waiting_samples = status.samples_waiting;
            "stopped"
        );
    }
}
