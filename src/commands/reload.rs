//! `reload`: has the daemon take a changed configuration over, and says what became of it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::print::print;
use super::{CONFIG, Failure, status};
use crate::config;
use crate::service::control::{Outcome, Question};

const NOTHING_CHANGED: &str = "nothing was changed; the agent goes on with the configuration it has";

/// More than the instance command and the requests in flight may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Checks the file, and waits until the daemon has taken it over.
pub fn perform(path: &Path) -> Result<(), Failure> {
    if File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        let text = format!("error: only root and the user of the service may read {}; use sudo", path.display());
        return Err(Failure::new(super::NOT_PERMITTED, text));
    }
    config::load(path).map_err(|failure| refused(CONFIG, &failure.to_string()))?;
    let outcome: Outcome = status::ask(&status::state_folders(Some(path))?, Question::Reload, LIMIT)?;
    match outcome.refusal {
        None => print(&format!("the agent works by {} as it is now", outcome.config.display())),
        Some(refusal) => Err(refused(refusal.code, &refusal.text)),
    }
}

fn refused(code: u8, text: &str) -> Failure {
    Failure::new(code, format!("{}\n\n{NOTHING_CHANGED}", text.trim_end()))
}
