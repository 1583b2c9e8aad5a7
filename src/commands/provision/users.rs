//! `provision users`: a user for every system of a list that has none, told or written into a config.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use tokio::sync::watch;

use super::super::{CONFIG, Failure};
use super::board::Board;
use super::fleet;
use crate::cli::provision::Users;
use crate::config;
use crate::provision::alarms::{self, Alarms};
use crate::provision::device::Blank;
use crate::provision::enrolment::User;
use crate::provision::systems::{self, Systems};
use crate::provision::users::{self, Pool};
use crate::provision::worker::{Outcome, Trouble, Worker};

/// The list is wrong.
const DATA: u8 = 65;
/// There is no list.
const NO_INPUT: u8 = 66;

/// Up to so many systems, each is asked for by name; more are looked up in the list of all.
const ASKED_BY_NAME: usize = 20;

/// Performs the command.
pub async fn perform(options: &Users) -> Result<(), Failure> {
    let systems = read_list(&options.systems)?;
    let template = fleet::template(&options.configs)?;
    let (sdk, stack) = fleet::reach(&options.target).await?;
    let pool = Pool::new(&sdk, &stack.user_pool_id);
    let (blank, folder) = fleet::configs(&options.configs, template, stack, &systems.ids)?;
    let journal = fleet::journal(pool.id())?;
    let alarms = options.alarms.then(|| Alarms::new(&sdk, options.topic.clone()));
    if alarms.is_some() {
        // Their configs differ in the id alone.
        let watched = systems.ids.first().map_or(Ok(()), |id| blank.watched(id).map(drop));
        watched.map_err(|problem| Failure::new(CONFIG, format!("error: {problem}")))?;
        fleet::confirm(&alarms::price(systems.ids.len()), options.yes)?;
    }
    let stop = watch::Sender::new(false);
    let board = Rc::new(Board::new(&options.target, Some(&options.configs), "Added user", systems.ids.len()));
    let told = Rc::clone(&board);
    let configs = folder.map(|folder| (folder, blank.clone()));
    let tell = Box::new(move |name: &str, password: &_| told.tell(name, password));
    let worker = Rc::new(Worker::new(pool, fleet::road(Some(&options.rates), &stop), journal, configs, tell));
    let known = known(&worker, systems.ids.len()).await?;
    let jobs = systems.ids.iter().map(|id| {
        let listed = known.as_ref().map(|known| known.get(id).cloned().unwrap_or(User::Absent));
        enrol(Rc::clone(&worker), id.clone(), listed, alarms.clone().map(|alarms| (alarms, blank.clone())))
    });
    let mut without_config = Vec::new();
    fleet::each(&stop, &worker.road, jobs, |(id, result)| {
        let verdict = board.note(&id, &result, worker.config_of(&id));
        without_config.extend(has_no_config(&worker, &id, &result).then_some(id));
        verdict
    })
    .await?;
    tell_without_config(&without_config);
    board.close(&worker.road, worker.journal.borrow().begun())
}

/// Whether a system was left as it was, and a folder is asked for in which it has no file.
fn has_no_config(worker: &Worker, id: &str, result: &Result<Outcome, Trouble>) -> bool {
    let is_left = matches!(result, Ok(Outcome::Left));
    is_left && worker.config_of(id).is_some_and(|config| !config.exists())
}

#[allow(clippy::print_stderr, reason = "a remark on what is not in the folder")]
fn tell_without_config(ids: &[String]) {
    if let Some(first) = ids.first() {
        let count = ids.len();
        eprintln!(
            "{count} of the systems had their user before and have no config in the folder (`{first}`…): only `provision rotate \
             --output` writes one, with a new password"
        );
    }
}

async fn enrol(
    worker: Rc<Worker>,
    id: String,
    listed: Option<User>,
    alarms: Option<(Alarms, Blank)>,
) -> (String, Result<Outcome, Trouble>) {
    let mut result = worker.enrol(&id, listed).await;
    if let (Some((alarms, blank)), Ok(_)) = (alarms, &result) {
        let put = async {
            let watched = blank.watched(&id).map_err(Trouble::Config)?;
            Ok(alarms.put(&worker.road, &id, &watched).await?)
        };
        if let Err(error) = put.await {
            result = Err(error);
        }
    }
    (id, result)
}

/// The list of systems, with its remarks told.
#[allow(clippy::print_stderr, reason = "remarks on the list")]
fn read_list(path: &Path) -> Result<Systems, Failure> {
    let is_standard_input = path == Path::new("-");
    let mut bytes = Vec::new();
    let read = match is_standard_input {
        true => io::stdin().read_to_end(&mut bytes).map(drop),
        false => std::fs::read(path).map(|read| bytes = read),
    };
    let name = if is_standard_input { Path::new("the standard input") } else { path };
    read.map_err(|error| {
        let right = "give the path of a file that names an instance id a line, or `-` for the standard input";
        Failure::new(NO_INPUT, format!("error: reading the list of systems `{}`: {error}\n  {right}", name.display()))
    })?;
    let systems = systems::parse(&bytes).map_err(|problems| {
        let failure = config::Failure::Wrong(name.to_path_buf(), problems);
        Failure::new(DATA, format!("{failure}\n\nnothing was done"))
    })?;
    let remarks = config::warnings_text(name, &systems.warnings);
    if !remarks.is_empty() {
        eprintln!("{}\n", remarks.trim_end());
    }
    Ok(systems)
}

/// Every user of the pool and how it stands; none where so few are wanted that each is asked for by name.
async fn known(worker: &Worker, wanted: usize) -> Result<Option<HashMap<String, User>>, Failure> {
    if wanted <= ASKED_BY_NAME {
        return Ok(None);
    }
    let listed = users::all(&worker.pool, &worker.road).await?;
    Ok(Some(listed.into_iter().map(|listed| (listed.name, listed.user)).collect()))
}
