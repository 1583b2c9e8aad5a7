//! `provision rotate`: a new password for systems, and an end to the sessions of the old one.

use std::rc::Rc;

use tokio::sync::watch;

use super::super::Failure;
use super::board::Board;
use super::fleet;
use crate::cli::provision::Rotate;
use crate::provision::users::Pool;
use crate::provision::worker::{Outcome, Worker};

/// Performs the command.
#[allow(clippy::print_stderr, reason = "what a rotation does not end")]
pub async fn perform(options: &Rotate) -> Result<(), Failure> {
    let ids = fleet::each_once(&options.systems);
    fleet::refuse_strange(&ids)?;
    let template = fleet::template(&options.configs)?;
    let (sdk, stack) = fleet::reach(&options.target).await?;
    let pool = Pool::new(&sdk, &stack.user_pool_id);
    let (blank, folder) = fleet::configs(&options.configs, template, stack, &ids)?;
    let journal = fleet::journal(pool.id())?;
    let stop = watch::Sender::new(false);
    let board = Rc::new(Board::new(&options.target, Some(&options.configs), "New password", ids.len()));
    let told = Rc::clone(&board);
    let configs = folder.map(|folder| (folder, blank));
    let tell = Box::new(move |name: &str, password: &_| told.tell(name, password));
    let worker = Rc::new(Worker::new(pool, fleet::road(Some(&options.rates), &stop), journal, configs, tell));
    let jobs = ids.into_iter().map(|id| {
        let worker = Rc::clone(&worker);
        async move {
            let result = worker.rotate(&id).await;
            (id, result)
        }
    });
    let mut is_rotated = false;
    fleet::each(&stop, &worker.road, jobs, |(id, result)| {
        is_rotated |= matches!(result, Ok(Outcome::Rotated));
        board.note(&id, &result, worker.config_of(&id))
    })
    .await?;
    if is_rotated {
        eprintln!("what a device was given before lives on for an hour at the most; then it needs the new password");
    }
    board.close(&worker.road, worker.journal.borrow().begun())
}
