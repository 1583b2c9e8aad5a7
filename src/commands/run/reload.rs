//! Those who asked for a reload, and what they are told.

use std::path::Path;

use tokio::signal::unix::SignalKind;
use tokio::sync::{mpsc, oneshot};

use super::prepare::Refused;
use crate::commands::{Failure, start};
use crate::config;
use crate::service::control::{After, Outcome, Refusal, Wish};

/// More wishes than this need not be kept: one that waits stands for all.
const MAX_WISHES: usize = 16;

/// Has each SIGHUP be a wish for a reload. Answers where wishes go, and where they come.
pub fn listen() -> Result<(mpsc::Sender<Wish>, mpsc::Receiver<Wish>), Failure> {
    let (wish, wishes) = mpsc::channel(MAX_WISHES);
    let (mut hangup, sender) = (start::listen(SignalKind::hangup())?, wish.clone());
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // Where it is full, one that waits stands for this one too.
            let _ = sender.try_send(None);
        }
    });
    Ok((wish, wishes))
}

/// Those who wait to hear what became of a reload.
#[derive(Default)]
pub struct Askers(Vec<oneshot::Sender<Outcome>>);

impl Askers {
    /// Takes in a wish, and all that wait behind it.
    pub fn take_in(&mut self, first: Wish, wishes: &mut mpsc::Receiver<Wish>) {
        self.0.extend(first);
        while let Ok(wish) = wishes.try_recv() {
            self.0.extend(wish);
        }
    }

    /// Tells all of them. Who went away has nothing to hear.
    pub fn tell(&mut self, config: &Path, refusal: Option<&Refusal>) {
        for asker in self.0.drain(..) {
            let _ = asker.send(Outcome { config: config.to_path_buf(), refusal: refusal.cloned() });
        }
    }
}

/// Logs why a configuration is not taken over, a line for each problem; answers the same for those who asked, and in a line.
pub fn refuse(refused: &Refused) -> (Refusal, String) {
    let text = refused.text();
    let head = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let message = "the new configuration is refused: the one before goes on";
    match refused {
        Refused::Config(config::Failure::Wrong(path, problems)) => {
            for problem in problems {
                let line = problem.place.map_or(0, |place| place.line);
                let path = problem.file.as_ref().map_or_else(|| path.clone(), |file| path.with_file_name(file));
                log::error!(path:% = path.display(), cause = problem.message, line, hint = problem.hint; "{message}");
            }
        }
        _ => log::error!(cause = head; "{message}"),
    }
    (Refusal { code: refused.code(), text, after: After::GoesOn }, head)
}
