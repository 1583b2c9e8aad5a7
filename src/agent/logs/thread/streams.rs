//! What the log thread calls each stream, and sends to it.
//!
//! Easy to break: an agent runs for years and sees a name for each file that ever was. What nothing goes to any more is dropped here and
//! in the pipeline together, for its number is used again.

use std::collections::HashMap;

use super::super::{Action, Destination};
use super::LogThread;
use crate::delivery::outcome::SendError;
use crate::delivery::retry::Chance;
use crate::record::{Monotonic, StreamId, StreamName};

/// With so many streams at the least it is looked which are over.
const MANY: usize = 64;

/// The streams that anything goes to, and some that nothing goes to any more.
#[derive(Default)]
pub(super) struct Streams {
    ids: HashMap<StreamName, StreamId>,
    destinations: HashMap<StreamId, Destination>,
    /// With so many it is looked again.
    many: usize,
}

impl LogThread {
    /// The number of the stream, which the first entry that goes there gives its group's wishes.
    pub(super) fn stream(&mut self, name: StreamName, entry: usize) -> StreamId {
        let Streams { ids, destinations, .. } = &mut self.streams;
        let (pipeline, groups) = (&mut self.pipeline, &self.groups);
        *ids.entry(name).or_insert_with_key(|name| {
            let id = pipeline.open_stream(name.is_dated());
            let group = groups.get(entry).copied().unwrap_or_default();
            destinations.insert(id, Destination { stream: name.clone(), group });
            id
        })
    }

    /// Drops the streams that nothing goes to any more, once there are many.
    pub(super) fn end_streams(&mut self) {
        let Streams { ids, destinations, many } = &mut self.streams;
        if ids.len() < MANY.max(*many) {
            return;
        }
        let over = self.pipeline.end_streams();
        ids.retain(|_, id| !over.contains(id));
        destinations.retain(|id, _| !over.contains(id));
        *many = ids.len() * 2;
    }

    pub(super) fn name_of(&self, stream: StreamId) -> String {
        self.streams.destinations.get(&stream).map_or_else(String::new, |to| to.stream.to_string())
    }

    pub(super) fn send_due(&mut self, now: Monotonic) {
        while let Some(batch) = self.pipeline.take(now) {
            let Some(to) = self.streams.destinations.get(&self.pipeline.opened_as(batch.stream)).cloned() else {
                // Whatever was taken has an outcome: without one its stream would stand still for ever. This one is read again.
                let error = SendError::MissingDestination { detail: "the stream has no name".to_owned() };
                self.pipeline.outcome(batch, Err(error), now, Chance(fastrand::f64()));
                continue;
            };
            log::debug!(stream:% = to.stream, records = batch.len(), bytes = batch.bytes(); "sending");
            self.in_flight += 1;
            let _ = self.outbox.send(Action::Send(batch, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::thread_reading;
    use super::*;
    use crate::delivery::lines::Block;
    use crate::delivery::outcome::Receipt;
    use crate::record::FileId;
    use crate::sources::file::Change;
    use crate::state::Changes;

    const NOW: Monotonic = Monotonic(1_000_000);
    /// The interval of the threads of these tests, over.
    const DUE: Monotonic = Monotonic(1_020_000);

    fn appeared(file: u64, stream: &str) -> Change {
        let stream = StreamName { group: "g".into(), stream: stream.into() };
        Change::Appeared { file: FileId(file), entry: 0, path: "/x".into(), stream, from: 0 }
    }

    #[test]
    fn over_years_of_dated_files_each_has_its_stream_and_those_that_are_gone_leave_nothing_behind() {
        let (mut thread, mut actions) = thread_reading(&["journal"], 1_000_000);
        for file in 1_000..6_000 {
            let name = format!("log-{file}");
            thread.take_in(appeared(file, &name), &mut Changes::default());
            thread.pipeline.push(FileId(file), Block::of(b"x\n"), NOW);
            thread.send_due(DUE);
            let Ok(Action::Send(batch, to)) = actions.try_recv() else { panic!("nothing was sent for {name}") };
            assert_eq!(&*to.stream.stream, name);
            let gone = Change::Gone { file: Some(FileId(file)), path: "/x".into(), forget: None };
            thread.take_in(gone, &mut Changes::default());
            thread.pipeline.outcome(batch, Ok(Receipt::default()), DUE, Chance(0.5));
            thread.perform_effects();
            thread.end_streams();
        }
        let Streams { ids, destinations, .. } = &thread.streams;
        assert!(ids.len() <= 2 * MANY && destinations.len() == ids.len(), "{} {}", ids.len(), destinations.len());
        let source = thread.records[0].file;
        assert!(thread.pipeline.may_read(source, DUE), "what is still followed is there");
        assert_eq!(ids.values().filter(|id| thread.name_of(**id) == "g s").count(), 1);
    }

    #[test]
    fn a_batch_that_has_no_way_is_settled_and_its_file_read_again() {
        let (mut thread, mut actions) = thread_reading(&["journal"], 1_000_000);
        thread.take_in(appeared(1_000, "a"), &mut Changes::default());
        thread.pipeline.push(FileId(1_000), Block::of(b"x\n"), NOW);
        thread.streams.destinations.clear();
        thread.send_due(DUE);
        assert!(actions.try_recv().is_err() && thread.pipeline.is_empty() && thread.in_flight == 0);
        assert_eq!(thread.pipeline.effects().rewind, [FileId(1_000)]);
    }
}
