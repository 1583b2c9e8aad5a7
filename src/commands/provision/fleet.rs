//! What `users`, `rotate` and `remove` have in common: the stack, the template, the journal, and many systems side by side.
//!
//! The rule that is easy to break: whatever can be wrong in the files of the administrator is told before anything is asked of
//! AWS, and whatever can be wrong with a config before anything is made.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::super::{CONFIG, Failure, HELD, NOT_PERMITTED, USAGE, start};
use crate::agent::Stop;
use crate::cli::provision::{Configs, Rates, Target};
use crate::config;
use crate::provision::device::{Blank, Template};
use crate::provision::folder::Folder;
use crate::provision::journal::{Journal, JournalError};
use crate::provision::outputs::{self, Outputs};
use crate::provision::pace::Quotas;
use crate::provision::road::{self, Road, Verdict};
use crate::provision::systems;

/// The time since the program asked first.
pub(super) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The stack, and how its services are reached.
pub(super) async fn reach(target: &Target) -> Result<(SdkConfig, Outputs), Failure> {
    let sdk = super::connect(target).await?;
    let client = aws_sdk_cloudformation::Client::new(&sdk);
    let outputs = outputs::outputs(&client, &target.stack).await?;
    // The pool is where the stack is, wherever the administrator's own settings point.
    let region = aws_config::Region::new(outputs.region.clone());
    Ok((sdk.to_builder().region(region).build(), outputs))
}

/// The template that was named, or the built-in one; judged before anything is asked of AWS, with the remarks on it told.
#[allow(clippy::print_stderr, reason = "remarks on the template")]
pub(super) fn template(configs: &Configs) -> Result<Template, Failure> {
    let Some(path) = &configs.template else { return Ok(Template::built_in()) };
    let wrong = |failure: config::Failure| Failure::new(CONFIG, failure.to_string());
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => config::Failure::Missing(path.clone()),
        _ => config::Failure::Unreadable(path.clone(), error.to_string()),
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(unreadable(error)))?;
    let origin = std::path::absolute(path).map_err(|error| wrong(unreadable(error)))?;
    let (template, warnings) = Template::parse(&text, &origin).map_err(wrong)?;
    let remarks = config::warnings_text(path, &warnings);
    if !remarks.is_empty() {
        eprintln!("{}\n", remarks.trim_end());
    }
    Ok(template)
}

/// The journal of a pool, held by this run.
pub(super) fn journal(user_pool: &str) -> Result<Journal, Failure> {
    let home = || std::env::home_dir().map(|home| home.join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let Some(state) = state.or_else(home) else {
        return Err(Failure::new(CONFIG, "error: keeping the journal: neither XDG_STATE_HOME nor HOME says where"));
    };
    Journal::open(&state.join("cloudwatch-publisher"), user_pool).map_err(|error| {
        let code = if matches!(error, JournalError::Held(_)) { HELD } else { NOT_PERMITTED };
        Failure::new(code, format!("error: {error}"))
    })
}

/// The folder of configs, and what they are made from; none where passwords are printed. Every problem of every system's
/// config at once, before anything is made.
pub(super) fn configs(
    configs: &Configs,
    template: Template,
    stack: Outputs,
    ids: &[String],
) -> Result<(Blank, Option<Folder>), Failure> {
    let user_pool = stack.user_pool_id.clone();
    let blank = template.for_stack(stack).map_err(|error| Failure::new(CONFIG, format!("error: {error}")))?;
    let Some(path) = &configs.output else { return Ok((blank, None)) };
    // They differ in the id alone: the first that cannot be is told with all that is wrong with it.
    if let Some(problems) = ids.iter().map(|id| blank.problems(id)).find(|problems| !problems.is_empty()) {
        let text = problems.iter().map(|problem| format!("\n  {}", problem.replace('\n', "\n  "))).collect::<String>();
        return Err(Failure::new(CONFIG, format!("error: no config can be made from the template\n{text}")));
    }
    let folder = Folder::open(path, &user_pool).map_err(|error| {
        Failure::new(NOT_PERMITTED, format!("error: making the folder `{}`: {error}", path.display()))
    })?;
    Ok((blank, Some(folder)))
}

/// The systems of a command line, none twice.
pub(super) fn each_once(systems: &[String]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    systems.iter().filter(|id| seen.insert(id.as_str())).cloned().collect()
}

/// Ids become names of files: one that no list could name is refused before anything is asked of AWS.
pub(super) fn refuse_strange(ids: &[String]) -> Result<(), Failure> {
    let strange: Vec<_> = ids.iter().filter_map(|id| systems::refusal(id)).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let lines: String = strange.iter().map(|(what, right)| format!("  {what}\n    {right}\n")).collect();
    Err(Failure::new(USAGE, format!("error: not every one of these is a system\n\n{lines}\nnothing was done")))
}

/// Within the account's quotas; ended by the first signal.
pub(super) fn road(rates: Option<&Rates>, stop: &watch::Sender<bool>) -> Road {
    let quotas = rates.map_or_else(Quotas::default, |rates| Quotas {
        user_creation: rates.creation_rate,
        user_account_recovery: rates.password_rate,
    });
    Road::new(&quotas, now, stop.subscribe())
}

/// Does a job for each system side by side, until all are done or a signal ends it: the first lets those under way come to
/// their end, the second does not.
#[allow(clippy::print_stderr, reason = "a word to whoever pressed Ctrl-C")]
pub(super) async fn each<F>(
    stop: &watch::Sender<bool>,
    road: &Road,
    jobs: impl Iterator<Item = F>,
    mut done: impl FnMut(F::Output) -> Verdict,
) -> Result<(), Failure>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut signals = start::signals()?.subscribe();
    let ending = async {
        let heard = |wish: Stop| move |stop: &Stop| *stop >= wish;
        // The channel outlives the runtime.
        let _ = signals.wait_for(heard(Stop::Soon)).await;
        stop.send_replace(true);
        eprintln!("ending: those under way come to their end; a second signal ends at once");
        let _ = signals.wait_for(heard(Stop::Now)).await;
    };
    let work = road::side_by_side(road, jobs, |result| {
        // What would fail for everybody is tried no further.
        if done(result) == Verdict::All {
            stop.send_replace(true);
        }
    });
    LocalSet::new()
        .run_until(async {
            tokio::select! {
                () = work => {}
                () = ending => {}
            }
        })
        .await;
    Ok(())
}

/// Asks a person; nobody there to answer is a no that says what to do.
#[allow(clippy::print_stderr, reason = "a question to a person")]
pub(super) fn confirm(question: &str, is_answered: bool) -> Result<(), Failure> {
    eprintln!("{question}");
    if is_answered {
        return Ok(());
    }
    let refused = |why: &str| Failure::new(USAGE, format!("nothing was done: {why}"));
    if !io::stdin().is_terminal() {
        return Err(refused("nobody is there to ask; --yes does without"));
    }
    eprint!("go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| refused(&error.to_string()))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(refused("the answer was no")) }
}
