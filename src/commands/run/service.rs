//! The daemon as a service: from the instance id over one configuration after the other to the end.
//!
//! An agent lives as long as the daemon and works in shifts, one a configuration. While a shift goes on the next configuration is made
//! ready; only what is ready ends the shift. A wish to stop wins over everything.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::prepare::{self, InForce, Means, Prepared, Refused};
use super::reload::{self, Askers};
use crate::agent::{Agent, Setup, Stop};
use crate::clock::Clock;
use crate::commands::access::Identities;
use crate::commands::{Failure, start};
use crate::config::{Config, Loaded};
use crate::identity;
use crate::record::{Phase, Status};
use crate::service::control::{self, Control, Desk, Report, Wish};
use crate::service::herald::Herald;
use crate::service::log::OwnLog;
use crate::service::notify::{self, Notifier};
use crate::service::watchdog;
use crate::state::{Opened, Store};

/// After an instance command that failed it is run again, later each time, up to the longest pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often a status is told while there is no agent that does.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// The main loop may stand still for so long where no service manager says for how long.
const WATCHDOG_LIMIT: Duration = Duration::from_secs(60);

/// What lives as long as the program.
pub struct Daemon {
    path: PathBuf,
    own_log: OwnLog,
    clock: Clock,
    stop: watch::Sender<Stop>,
    wishes: mpsc::Receiver<Wish>,
    askers: Askers,
    status: watch::Sender<Status>,
    notifier: Arc<Notifier>,
    /// Answers `status` and `reload` as long as it is there.
    _control: Option<Control>,
}

impl Daemon {
    /// Listens to signals and to the control socket in `directory`, which is ours.
    pub fn new(path: &Path, directory: &Path, own_log: OwnLog) -> Result<Self, Failure> {
        let (stop, status, clock) = (start::signals()?, watch::Sender::new(Status::default()), Clock::default());
        let (wish, wishes) = reload::listen()?;
        let notifier = Arc::new(Notifier::from_environment());
        herald(&notifier, status.subscribe(), clock.clone());
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let control = open_control(directory, &path, wish, &status, &clock);
        let askers = Askers::default();
        Ok(Self { path, own_log, clock, stop, wishes, askers, status, notifier, _control: control })
    }

    /// Publishes until it is stopped.
    pub async fn run(mut self, loaded: Loaded, state: (Store, Opened)) -> Result<(), Failure> {
        let mut agent = Agent::new(state, &self.clock, identity::boot_id(), self.status.clone())?;
        let mut next = self.first(loaded, &agent).await?;
        let mut before = None;
        while let Some(prepared) = next {
            self.announce(&prepared.loaded, before.as_ref());
            before = Some(prepared.loaded.config.clone());
            next = self.shift(&mut agent, prepared).await?;
        }
        agent.close().await;
        Ok(())
    }

    /// The configuration of the start, once this machine has a name and all is known that stands in names; none where it was stopped before.
    async fn first(&mut self, mut loaded: Loaded, agent: &Agent) -> Result<Option<Prepared>, Failure> {
        let means = self.means(agent);
        let (mut pause, mut told) = (FIRST_PAUSE, None);
        loop {
            let (mut stop, mut ticks) = (self.stop.subscribe(), tokio::time::interval(STATUS_PAUSE));
            let mut preparing = pin!(named(loaded.clone(), &means));
            // Where the region is looked up, or an instance role, that may take a while.
            let prepared = loop {
                tokio::select! {
                    prepared = &mut preparing => break prepared,
                    _ = stop.wait_for(|stop| *stop > Stop::No) => return Ok(None),
                    // One that was told that this machine waits is told that it still does.
                    _ = ticks.tick(), if told.is_some() => self.status.send_modify(|_| {}),
                }
            };
            match prepared {
                Ok(prepared) => return Ok(Some(prepared)),
                Err(Refused::Unknown(cause)) => self.say_nameless(&cause, &mut told, pause),
                Err(other) => return Err(other.into_failure()),
            }
            match self.wait_nameless(pause).await {
                Next::Stop => return Ok(None),
                Next::Again => pause = (pause * 2).min(LONGEST_PAUSE),
                Next::Config(new) => (loaded, pause) = (*new, FIRST_PAUSE),
            }
        }
    }

    /// Says that something is not known without which nothing can be published: to everybody, and of each cause once to the own log.
    fn say_nameless(&mut self, cause: &str, told: &mut Option<String>, pause: Duration) {
        let (code, text) = (crate::commands::CONFIG, format!("error: {cause}"));
        let refusal = control::Refusal { code, text, after: control::After::WaitsForId };
        self.askers.tell(&self.path, Some(&refusal));
        let cause = cause.trim_start_matches("finding the instance id: ").to_owned();
        if told.as_ref() != Some(&cause) {
            log::error!(cause, pause_s = pause.as_secs(); "what names this machine is not known: nothing is published; it is looked for again");
        }
        self.status.send_modify(|status| {
            (status.phase, status.trouble) = (Phase::WaitingForId, Some(cause.clone()));
        });
        if told.replace(cause).is_none() {
            self.notifier.ready();
        }
    }

    /// Waits for the next attempt.
    async fn wait_nameless(&mut self, pause: Duration) -> Next {
        let mut stop = self.stop.subscribe();
        let mut ticks = tokio::time::interval(STATUS_PAUSE);
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop > Stop::No) => return Next::Stop,
                () = &mut over => return Next::Again,
                Some(wish) = self.wishes.recv() => {
                    self.askers.take_in(wish, &mut self.wishes);
                    match prepare::load(&self.path).await {
                        Ok(loaded) => {
                            self.own_log.set(&loaded.config.agent);
                            self.status.send_modify(|status| status.reload_trouble = None);
                            return Next::Config(Box::new(loaded));
                        }
                        Err(refused) => self.refuse(&refused),
                    }
                }
                _ = ticks.tick() => self.status.send_modify(|_| {}),
            }
        }
    }

    /// Has the agent work under a configuration; answers the one that follows, none where it was stopped.
    async fn shift(&mut self, agent: &mut Agent, prepared: Prepared) -> Result<Option<Prepared>, Failure> {
        let (means, in_force, path) = (self.means(agent), prepared.in_force(), self.path.clone());
        let Prepared { loaded: Loaded { config, .. }, facts, access } = prepared;
        let never = self.own_log.files();
        let setup = Setup { config, facts, logs: access.logs, metrics: access.metrics, never, start_at: None };
        let mut working = pin!(agent.run(setup, self.stop.subscribe()));
        let mut status = self.status.subscribe();
        let (mut is_announced, mut is_preparing, mut next) = (false, false, None);
        let mut preparing = pin!(None);
        loop {
            tokio::select! {
                ended = &mut working => {
                    ended?;
                    break;
                }
                _ = status.wait_for(|status| status.phase == Phase::Running), if !is_announced => {
                    is_announced = true;
                    self.askers.tell(&path, None);
                    self.notifier.ready();
                }
                Some(wish) = self.wishes.recv(), if is_announced && !is_preparing && next.is_none() => {
                    self.askers.take_in(wish, &mut self.wishes);
                    self.notifier.reloading(self.clock.kernel_us());
                    is_preparing = true;
                    preparing.set(Some(ready(&path, &means, &in_force)));
                }
                ready = of(preparing.as_mut()), if is_preparing => {
                    is_preparing = false;
                    match ready {
                        Ok(prepared) => {
                            next = Some(prepared);
                            self.wish_for(Stop::HandOver);
                        }
                        Err(refused) => {
                            self.refuse(&refused);
                            self.notifier.ready();
                        }
                    }
                }
            }
        }
        self.stop.send_if_modified(|stop| (*stop == Stop::HandOver).then(|| *stop = Stop::No).is_some());
        let is_stopped = *self.stop.borrow() > Stop::No;
        Ok(next.filter(|_| !is_stopped))
    }

    /// Asks the agent for more than it was asked for before.
    fn wish_for(&self, wish: Stop) {
        self.stop.send_if_modified(|stop| {
            let is_more = wish > *stop;
            *stop = wish.max(*stop);
            is_more
        });
    }

    /// A configuration that cannot take over changes nothing.
    fn refuse(&mut self, refused: &Refused) {
        let (refusal, head) = reload::refuse(refused);
        self.askers.tell(&self.path, Some(&refusal));
        self.status.send_modify(|status| status.reload_trouble = Some(head));
    }

    /// A configuration takes over: says what is worth saying of it.
    fn announce(&self, loaded: &Loaded, before: Option<&Config>) {
        self.status.send_modify(|status| status.reload_trouble = None);
        start::log_warnings(loaded, &self.path);
        let Some(before) = before else { return };
        self.own_log.set(&loaded.config.agent);
        let (new, old) = (&loaded.config.agent, &before.agent);
        let fixed = [
            ("agent.state_directory", new.state_directory != old.state_directory),
            ("agent.logfile", new.log_file != old.log_file),
        ];
        for (cause, _) in fixed.iter().filter(|(_, has_changed)| *has_changed) {
            log::warn!(cause; "a changed setting takes effect at the next start");
        }
    }

    fn means(&self, agent: &Agent) -> Means {
        let identities = Identities { known: agent.known_identities(), tell: agent.identities() };
        Means { clock: self.clock.clone(), identities }
    }
}

/// What follows a wait for the instance id.
enum Next {
    Stop,
    Again,
    Config(Box<Loaded>),
}

/// Makes the file as it is now ready to take over.
async fn ready(path: &Path, means: &Means, in_force: &InForce) -> Result<Prepared, Refused> {
    let loaded = prepare::load(path).await?;
    let id = prepare::instance_id(&loaded.config.agent.instance).await.map_err(Refused::Other)?;
    let id = id.map_err(|error| Refused::Other(Failure::new(crate::commands::CONFIG, format!("error: {error}"))))?;
    prepare::prepare(loaded, id, means, Some(in_force)).await
}

/// Makes the configuration of the start ready. What a command fails to tell may be told later.
async fn named(loaded: Loaded, means: &Means) -> Result<Prepared, Refused> {
    let instance = &loaded.config.agent.instance;
    let can_change = instance.command.is_some() && instance.serial.is_none();
    match prepare::instance_id(instance).await.map_err(Refused::Other)? {
        Ok(id) => prepare::prepare(loaded, id, means, None).await,
        Err(error) if can_change => Err(Refused::Unknown(error.to_string())),
        Err(error) => Err(Refused::Other(start::nameless(&error))),
    }
}

/// What comes of a future that is there.
async fn of<T>(future: std::pin::Pin<&mut Option<impl Future<Output = T>>>) -> T {
    match future.as_pin_mut() {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Has the service manager told of every status.
fn herald(notifier: &Arc<Notifier>, mut status: watch::Receiver<Status>, clock: Clock) {
    let limit = notify::watchdog_limit().filter(|_| notifier.is_heard());
    let beat = limit.is_none().then(|| watchdog::start(WATCHDOG_LIMIT));
    let mut herald = Herald::new(Arc::clone(notifier), limit).with_beat(beat);
    tokio::spawn(async move {
        while status.changed().await.is_ok() {
            let told = status.borrow_and_update().clone();
            herald.hear(&told, clock.now());
        }
    });
}

/// The control socket, where there can be one.
fn open_control(
    directory: &Path,
    config: &Path,
    wishes: mpsc::Sender<Wish>,
    status: &watch::Sender<Status>,
    clock: &Clock,
) -> Option<Control> {
    let (began, clock) = (clock.now(), clock.clone());
    let uptime_ms = Arc::new(move || clock.now().0.saturating_sub(began.0));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let report = Report { version, pid: std::process::id(), config: config.to_path_buf(), ..Report::default() };
    let path = control::path_in(directory);
    match Control::open(path.clone(), Desk { report, status: status.subscribe(), uptime_ms, wishes }) {
        Ok(control) => Some(control),
        Err(error) => {
            log::warn!(path:% = path.display(), error:%; "cannot make the control socket: `status` and `reload` do not work, SIGHUP does");
            None
        }
    }
}
