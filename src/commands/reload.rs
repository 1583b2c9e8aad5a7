//! `reload`: has the daemon take a changed configuration over, and says what became of it.
//!
//! The daemon judges the file, since it is the daemon's environment that `${NAME}` stands for; here it is judged only where no
//! daemon answers.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::print::print;
use super::{CONFIG, Failure, UNAVAILABLE, status};
use crate::config;
use crate::service::control::{After, Outcome, Question};

/// More than the instance command and the requests in flight may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Waits until the daemon has taken the file over, or says why it does not.
pub fn perform(path: &Path) -> Result<(), Failure> {
    if File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        let text = format!("error: only root and the user of the service may read {}; use sudo", path.display());
        return Err(Failure::new(super::NOT_PERMITTED, text));
    }
    let answer = status::ask::<Outcome>(&status::state_folders(Some(path))?, Question::Reload, LIMIT);
    let outcome = answer.map_err(|failure| match (failure.code, config::load(path)) {
        (UNAVAILABLE, Err(wrong)) => refused(CONFIG, &wrong.to_string(), "no agent answers: nothing was changed"),
        _ => failure,
    })?;
    match outcome.refusal {
        None => print(&format!("the agent works by {} as it is now", outcome.config.display())),
        Some(refusal) => Err(refused(refusal.code, &refusal.text, said_of(refusal.after))),
    }
}

/// What the agent does now, to be said behind the reason.
fn said_of(after: After) -> &'static str {
    match after {
        After::GoesOn => "nothing was changed; the agent goes on with the configuration it has",
        After::WaitsForId => "the agent has taken the file over, and publishes once the instance id is known",
        After::Ends => "it begins with the file as it is by then when it is started again",
    }
}

fn refused(code: u8, text: &str, after: &str) -> Failure {
    Failure::new(code, format!("{}\n\n{after}", text.trim_end()))
}
