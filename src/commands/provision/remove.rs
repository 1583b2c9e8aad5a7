//! `provision remove`: the users of systems and their alarms go; what they have written stays.

use std::collections::BTreeSet;
use std::rc::Rc;

use tokio::sync::watch;

use super::super::Failure;
use super::board::Board;
use super::fleet;
use crate::cli::provision::Remove;
use crate::provision::alarms::Alarms;
use crate::provision::call::CallFailure;
use crate::provision::users::Pool;
use crate::provision::worker::Worker;

const STAYS: &str = "\
their log groups and metrics stay, and so do configs that were written for them. Credentials that a device was given before
live on for an hour at the most; to cut them off at once, deny them in the role of the stack: `Deny` on `*` where
`aws:PrincipalTag/username` is the system";

/// Performs the command.
#[allow(clippy::print_stderr, reason = "what removing does not end")]
pub async fn perform(options: &Remove) -> Result<(), Failure> {
    let ids = fleet::each_once(&options.systems);
    let (sdk, stack) = fleet::reach(&options.target).await?;
    let pool = Pool::new(&sdk, &stack.user_pool_id);
    let question = format!("remove from the pool {} of stack {}: {}", pool.id(), options.target.stack, ids.join(" "));
    fleet::confirm(&question, options.yes)?;
    let stop = watch::Sender::new(false);
    let board = Rc::new(Board::new(&options.target, None, "Removed user", ids.len()));
    let journal = fleet::journal(pool.id())?;
    let worker = Rc::new(Worker::new(pool, fleet::road(None, &stop), journal, None, Box::new(|_, _| Ok(()))));
    let jobs = ids.into_iter().map(|id| {
        let worker = Rc::clone(&worker);
        async move {
            let result = worker.remove(&id).await;
            (id, result)
        }
    });
    let mut gone = Vec::new();
    fleet::each(&stop, &worker.road, jobs, |(id, result)| {
        let verdict = board.note(&id, &result, None);
        gone.extend(result.is_ok().then_some(id));
        verdict
    })
    .await?;
    let alarms = Alarms::new(&sdk, None).delete(&worker.road, &gone).await;
    eprintln!("{STAYS}");
    let alarms = alarms.map(drop).or_else(|error| match error.kind {
        // Who may not look for alarms most likely has none; and nobody is let in again by one.
        CallFailure::NotPermitted => {
            eprintln!("whether they had alarms is not known, and such alarms would stay: {error}");
            Ok(())
        }
        _ => Err(error),
    });
    board.close(&worker.road, &BTreeSet::new())?;
    Ok(alarms?)
}
