//! Has a thread write what others say, so that nobody waits who says something: a journal that hangs or a disk that is stuck holds
//! up the own log and nothing else.
//!
//! What is said while too much waits is dropped and counted; the count is told once all that waited is written. The lock is
//! never held while something is written.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem, thread};

/// How much may wait: a few hundred kilobytes of the own log.
const MAX_WAITING: usize = 1_000;

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<T> {
    /// What was said.
    Said(T),
    /// So much was said and is not written.
    Dropped(u64),
}

/// What was said and is not written yet.
pub struct Backlog<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<T>,
    dropped: u64,
    is_writing: bool,
}

impl<T: Send + 'static> Backlog<T> {
    /// Has `write` write on a thread of its own, for the rest of the program's life.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut write: impl FnMut(Item<T>) + Send + 'static) -> io::Result<Arc<Self>> {
        let state = State { waiting: VecDeque::new(), dropped: 0, is_writing: false };
        let backlog = Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() });
        let its = Arc::clone(&backlog);
        let work = move || {
            loop {
                write(its.next());
            }
        };
        thread::Builder::new().name("own-log".to_owned()).spawn(work)?;
        Ok(backlog)
    }

    /// Says something; never waits.
    pub fn say(&self, item: T) {
        let mut state = self.lock();
        if state.waiting.len() < MAX_WAITING {
            state.waiting.push_back(item);
        } else {
            state.dropped += 1;
        }
        self.changed.notify_all();
    }

    /// Waits until all is written, but no longer than `limit`.
    pub fn flush(&self, limit: Duration) {
        let is_busy = |state: &mut State<T>| state.is_writing || !state.waiting.is_empty() || state.dropped > 0;
        // Either way there is nothing more to be done.
        let _ = self.changed.wait_timeout_while(self.lock(), limit, is_busy);
    }

    /// What is written next, where there is something; what was before it is written.
    fn next(&self) -> Item<T> {
        let mut state = self.lock();
        state.is_writing = false;
        self.changed.notify_all();
        let is_idle = |state: &mut State<T>| state.waiting.is_empty() && state.dropped == 0;
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        let said = state.waiting.pop_front().map(Item::Said);
        said.unwrap_or_else(|| Item::Dropped(mem::take(&mut state.dropped)))
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_hangs_keeps_nobody_waiting_and_what_was_dropped_is_told_behind_what_was_not() {
        let (written, seen) = channel();
        let (go_on, may_go_on) = channel::<()>();
        let backlog = Backlog::start(move |item| {
            written.send(item).unwrap();
            // Fails where the test is over.
            let _ = may_go_on.recv();
        })
        .unwrap();
        backlog.say(0);
        assert_eq!(seen.recv_timeout(LONG).unwrap(), Item::Said(0));
        // It hangs with the first one.
        (1..=MAX_WAITING + 7).for_each(|number| backlog.say(number));
        let began = Instant::now();
        backlog.flush(Duration::from_millis(20));
        assert!((20..10_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        drop(go_on);
        let rest: Vec<_> = (0..=MAX_WAITING).map(|_| seen.recv_timeout(LONG).unwrap()).collect();
        let expected = (1..=MAX_WAITING).map(Item::Said).chain([Item::Dropped(7)]);
        assert_eq!(rest, expected.collect::<Vec<_>>());
        backlog.flush(LONG);
        assert!(seen.try_recv().is_err(), "that was all");
    }
}
