//! What `run`, `check` and `local` have in common: the config with this machine's names, the runtime, the signals.

use std::path::Path;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::{CONFIG, Failure, known};
use crate::agent::Stop;
use crate::config::{self, Config, Facts, JournalConfig, Loaded, Placeholder, Problem};
use crate::identity::{self, IdentityError};
use crate::sources::unified_log;

const NOTHING_STARTED: &str = "nothing was started; `cloudwatch-publisher check` repeats this test";

/// Threads that may block, started as they are needed and ended when they rest: compression, commits, and names that do not
/// resolve, which may take one each for as long as the resolver likes.
const BLOCKING_THREADS: usize = 16;

/// Reads a config at the start; all its problems at once where there are any.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    read(path).map_err(refused)
}

/// Reads a config, with remarks on what this system makes of it: whoever is to publish by it reads it here.
pub fn read(path: &Path) -> Result<Loaded, config::Failure> {
    let mut loaded = config::load(path)?;
    loaded.warnings.extend(unified_log_warnings(&loaded.config));
    loaded.warnings.extend(another_user(&loaded.config));
    Ok(loaded)
}

/// What is said where this process would read nothing of macOS's unified log.
fn unified_log_warnings(config: &Config) -> Vec<Problem> {
    if !cfg!(target_os = "macos") {
        return Vec::new();
    }
    let is_root = rustix::process::geteuid().is_root();
    let warning = |journal: &JournalConfig| unified_log::warning(journal.predicate.as_deref(), is_root);
    config.logs.journals.iter().filter_map(warning).map(Problem::general).collect()
}

/// A remark where the configuration names another user than the one who runs this program: it changes none.
fn another_user(config: &Config) -> Option<Problem> {
    let wanted = config.agent.run_as_user.as_deref()?;
    let own = identity::user_name();
    let manager = if cfg!(target_os = "macos") {
        "`UserName` in the property list of launchd"
    } else {
        "`User=` in the unit of systemd"
    };
    let message = format!("agent.run_as_user is `{wanted}`; this process runs as `{own}`: the program changes no user");
    (wanted != own).then(|| Problem::general(message).hint(format!("{manager} does")))
}

/// What names this machine under `config`.
pub fn facts(config: &Config) -> Result<Facts, Failure> {
    let instance_id = identity::instance_id(&config.agent.instance).map_err(|error| nameless(&error))?;
    let facts = of_this_machine(config, instance_id);
    config::check_for(config, &facts).map_err(refused)?;
    Ok(facts)
}

/// What is known of this machine without asking anybody.
pub fn of_this_machine(config: &Config, instance_id: String) -> Facts {
    let uses_address = config::uses(config, Placeholder::IpAddress);
    Facts {
        instance_id,
        hostname: identity::host_name(),
        ip_address: if uses_address { identity::ip_address().map(|address| address.to_string()) } else { None },
        account_id: known::account_in(config),
        region: config.agent.region.clone(),
        ..Facts::default()
    }
}

/// A machine without an instance id starts nothing.
pub fn nameless(error: &IdentityError) -> Failure {
    Failure::new(CONFIG, format!("error: {error}\n\n{NOTHING_STARTED}"))
}

/// A configuration that cannot be used starts nothing.
pub fn refused(failure: config::Failure) -> Failure {
    Failure::new(CONFIG, format!("{}\n\n{NOTHING_STARTED}", failure.to_string().trim_end()))
}

/// Logs the remarks on the config that was read from `path`, each by name.
pub fn log_warnings(loaded: &Loaded, path: &Path) {
    let main = Path::new(path.file_name().unwrap_or_default());
    for warning in &loaded.warnings {
        let line = warning.place.map(|place| place.line.to_string()).unwrap_or_default();
        let file = warning.file.as_deref().unwrap_or(main).display();
        log::warn!(cause = warning.message, file:%, line, hint = warning.hint; "configuration");
    }
    if identity::is_nameless(&loaded.config.agent.instance) {
        log::warn!(
            "neither agent.instance.serial nor agent.instance.command is set: every such machine has the same id"
        );
    }
}

/// Runs `work` on the one thread for everything that waits. A thread that blocks when it ends is left behind: it must not
/// keep the program from ending in time.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build();
    runtime.map_err(|error| anyhow::Error::from(error).context("starting the runtime").into())
}

/// Listens for a signal from now on.
pub fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| anyhow::Error::from(error).context("listening for signals").into())
}

/// Turns SIGTERM and SIGINT into a wish to stop; the second into an order.
pub fn signals() -> Result<watch::Sender<Stop>, Failure> {
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = watch::Sender::new(Stop::No);
    let wish = stop.clone();
    tokio::spawn(async move {
        for step in [Stop::Soon, Stop::Now] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            wish.send_replace(step);
        }
        // The channel must not close while somebody still looks at it.
        std::future::pending::<()>().await;
    });
    Ok(stop)
}
