//! `provision rotate`: a new password for systems, and an end to the sessions of the old one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::watch;

use super::super::Failure;
use super::board::Board;
use super::fleet;
use crate::cli::provision::Rotate;
use crate::provision::folder::Place;
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
    let worker = Rc::new(Worker {
        pool,
        road: fleet::road(Some(&options.rates), &stop),
        journal: RefCell::new(journal),
        configs: folder.map(|folder| (folder, blank)),
        tell: Box::new(move |name, password| told.tell(name, password)),
        is_mute: Cell::new(false),
    });
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
        let config = worker.configs.as_ref().map(|(folder, _)| folder.path_of(&id, Place::InUse));
        board.note(&id, &result, config)
    })
    .await?;
    if is_rotated {
        eprintln!("what a device was given before lives on for an hour at the most; then it needs the new password");
    }
    board.close(&worker.road, worker.journal.borrow().begun())
}
