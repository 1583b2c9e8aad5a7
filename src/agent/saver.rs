//! Saves what is settled: one commit at a time, and as few of them as the promise allows, for the sake of SD cards.
//!
//! Changes that come while a commit runs go into the next one. A commit that fails is repeated with all that came since:
//! delivery goes on, and after a crash more is sent twice.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::state::{Changes, RoundId, Store, StoreError};

/// How long a change may wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A power cut now would send some records twice.
    Later,
    /// A power cut now would lose something.
    Now,
}

impl Urgency {
    fn pause(self) -> Duration {
        match self {
            Self::Now => Duration::ZERO,
            Self::Later => PAUSE,
        }
    }
}

/// Positions are saved this long after they moved: what a crash may send twice.
const PAUSE: Duration = Duration::from_secs(10);
/// After a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Rounds kept for a disk that takes none; who handed them over counts the older ones as given up.
const MAX_PENDING_ROUNDS: usize = 200;

/// What the saver is asked.
#[allow(clippy::large_enum_variant, reason = "nearly all are the large one")]
enum Order {
    Save(Box<Changes>, Urgency),
    /// To save at once, and to say whether that went well.
    Flush(oneshot::Sender<bool>),
}

/// What the next commit is about.
#[derive(Default)]
struct Pending {
    changes: Changes,
    flushes: Vec<oneshot::Sender<bool>>,
}

impl Pending {
    /// Takes an order in; how urgent it is.
    fn take_in(&mut self, order: Order) -> Urgency {
        match order {
            Order::Save(changes, urgency) => {
                self.changes.merge(*changes);
                urgency
            }
            Order::Flush(done) => {
                self.flushes.push(done);
                Urgency::Now
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.flushes.is_empty()
    }
}

/// A way to have changes saved; the saver ends when the last is gone.
#[derive(Clone)]
pub struct Saver {
    inbox: mpsc::UnboundedSender<Order>,
    lost: Arc<Notify>,
    saved: watch::Receiver<Option<RoundId>>,
}

impl Saver {
    /// Has `changes` saved.
    pub fn save(&self, changes: Changes, urgency: Urgency) {
        // The saver lives as long as anyone can speak to it.
        let _ = self.inbox.send(Order::Save(Box::new(changes), urgency));
    }

    /// Comes back when all that was handed over before is on disk, or a commit has failed.
    pub async fn flush(&self) {
        self.is_flushed().await;
    }

    /// The same; whether it is on disk.
    pub async fn is_flushed(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        let _ = self.inbox.send(Order::Flush(done));
        flushed.await.unwrap_or(false)
    }

    /// Comes back when the store had to be begun anew: everything is to be saved again.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Whether the round `id`, handed over before, is on disk.
    pub fn has_saved(&self, id: RoundId) -> bool {
        self.saved.borrow().is_some_and(|saved| id <= saved)
    }
}

/// Starts the saver.
#[allow(clippy::disallowed_methods, reason = "what is sent is merged at once, also while a commit runs")]
pub fn start(store: Arc<Store>) -> (Saver, JoinHandle<()>) {
    let (inbox, changes) = mpsc::unbounded_channel();
    let (told, saved) = watch::channel(None);
    let lost = Arc::new(Notify::new());
    let task = tokio::spawn(run(store, changes, told, Arc::clone(&lost)));
    (Saver { inbox, lost, saved }, task)
}

async fn run(
    store: Arc<Store>,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    saved: watch::Sender<Option<RoundId>>,
    lost: Arc<Notify>,
) {
    let mut pending = Pending::default();
    let mut commit_at = None;
    let mut is_last = false;
    loop {
        let mut is_open = gather(&mut inbox, &mut pending, commit_at).await;
        if pending.is_empty() && !is_open {
            return;
        }
        let newest_round = pending.changes.add_rounds.iter().map(|(id, _)| *id).max();
        let (store, Pending { changes, flushes }) = (Arc::clone(&store), std::mem::take(&mut pending));
        let mut commit = tokio::task::spawn_blocking(move || {
            let result = if changes.is_empty() { Ok(()) } else { store.commit(&changes) };
            (changes, result)
        });
        let mut pause = PAUSE;
        // What comes meanwhile is merged, not piled up: a slow card must not cost memory.
        let committed = loop {
            tokio::select! {
                committed = &mut commit => break committed,
                next = inbox.recv(), if is_open => match next {
                    Some(order) => pause = pause.min(pending.take_in(order).pause()),
                    None => is_open = false,
                },
            }
        };
        let Ok((mut changes, result)) = committed else { return };
        match result {
            Ok(()) => {
                saved.send_modify(|saved| *saved = (*saved).max(newest_round));
                // Who has stopped waiting has nothing to hear.
                for done in flushes {
                    let _ = done.send(true);
                }
            }
            Err(error) => {
                log::warn!(error:% = error; "the state cannot be saved: after a crash more would be sent twice");
                changes.merge(std::mem::take(&mut pending.changes));
                pending.changes = changes;
                let excess = pending.changes.add_rounds.len().saturating_sub(MAX_PENDING_ROUNDS);
                pending.changes.add_rounds.drain(..excess);
                pause = PAUSE_AFTER_FAILURE;
                if let StoreError::Lost { .. } = &error {
                    lost.notify_one();
                }
            }
        }
        if !is_open && (pending.is_empty() || is_last) {
            return;
        }
        is_last = !is_open;
        commit_at = (!pending.is_empty()).then(|| Instant::now() + pause);
    }
}

/// Takes in changes until they are to be committed, where there are any at `commit_at`; answers whether more can come.
async fn gather(
    inbox: &mut mpsc::UnboundedReceiver<Order>,
    pending: &mut Pending,
    mut commit_at: Option<Instant>,
) -> bool {
    loop {
        let next = match commit_at {
            Some(at) => timeout_at(at, inbox.recv()).await,
            None => Ok(inbox.recv().await),
        };
        match next {
            Ok(Some(order)) => {
                let at = Instant::now() + pending.take_in(order).pause();
                commit_at = Some(commit_at.map_or(at, |earlier| earlier.min(at)));
            }
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}
