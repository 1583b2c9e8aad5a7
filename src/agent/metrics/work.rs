//! Rounds on their way to CloudWatch, in one request or in several, and how far that is.
//!
//! Requests hold the samples in the order of the rounds and are answered in that order, so that a count says which samples are done with.
//! Easy to break: what CloudWatch has taken is never sent again, also where what is left fails: a figure that is told twice is wrong.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::VecDeque;

use crate::delivery::datums::Datum;
use crate::record::{Offset, Round};
use crate::state::RoundId;

/// Rounds that are being sent.
pub struct Work {
    /// What of them is neither taken nor given up: the samples of `requests`, and of the one that is under way.
    rounds: VecDeque<(RoundId, Round)>,
    requests: VecDeque<Vec<Datum>>,
    /// Some samples of the first round are done with, and some are not.
    is_first_cut: bool,
    /// They were taken in this run, and come from memory.
    pub is_fresh: bool,
    /// What the times were made with.
    pub offset: Offset,
    /// Nobody knew then what time it is.
    pub is_blind: bool,
}

/// What is left of work that is given up.
pub struct Rest {
    /// The round of which a part is done with: only here it stands without that.
    pub cut: Option<(RoundId, Round)>,
    /// Those of which nothing is.
    pub whole: VecDeque<(RoundId, Round)>,
}

impl Work {
    /// Work that is to be begun.
    pub fn new(rounds: Vec<(RoundId, Round)>, requests: VecDeque<Vec<Datum>>, is_fresh: bool, offset: Offset) -> Self {
        Self { rounds: rounds.into(), requests, is_first_cut: false, is_fresh, offset, is_blind: false }
    }

    /// The same, made while nobody knew what time it is.
    pub fn blind(self, is_blind: bool) -> Self {
        Self { is_blind, ..self }
    }

    /// The next request.
    pub fn next(&mut self) -> Option<Vec<Datum>> {
        self.requests.pop_front()
    }

    /// One bad datum fails a whole request: its halves are sent each alone.
    pub fn halve(&mut self, mut datums: Vec<Datum>) {
        let second = datums.split_off(datums.len() / 2);
        self.requests.push_front(second);
        self.requests.push_front(datums);
    }

    /// The next `count` samples are done with. Answers the rounds that are it as a whole.
    pub fn settle(&mut self, mut count: usize) -> Vec<RoundId> {
        let mut done = Vec::new();
        while let Some((id, round)) = self.rounds.front_mut() {
            let settled = count.min(round.samples.len());
            round.samples.drain(..settled);
            count -= settled;
            self.is_first_cut |= settled > 0;
            if !round.samples.is_empty() {
                break;
            }
            done.push(*id);
            self.rounds.pop_front();
            self.is_first_cut = false;
        }
        done
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.rounds.is_empty()
    }

    /// How many samples are left.
    pub fn len(&self) -> usize {
        self.rounds.iter().map(|(_, round)| round.samples.len()).sum()
    }

    /// What is left, where it is to be sent another time.
    pub fn into_rest(mut self) -> Rest {
        let cut = if self.is_first_cut { self.rounds.pop_front() } else { None };
        Rest { cut, whole: self.rounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::datums::requests;
    use crate::record::{BootId, Dimensions, Monotonic, Sample, Unit, Value, Wall};

    /// Work of three rounds of four samples each.
    fn work() -> Work {
        let sample = |value: u32| Sample {
            name: "CPU".to_owned(),
            unit: Unit::Count,
            value: Value::One(value.into()),
            dimensions: Dimensions::default(),
            is_high_resolution: false,
        };
        let round = |number: u32| Round {
            boot: BootId("b".to_owned()),
            at: Monotonic(0),
            system: Wall(0),
            samples: (number * 4..number * 4 + 4).map(sample).collect(),
        };
        let mut rounds: Vec<_> = (0..3).map(|number| (RoundId(number.into()), round(number))).collect();
        let made = requests(rounds.iter_mut().map(|(_, round)| (&mut round.samples, Wall(0))), None);
        Work::new(rounds, made.requests, false, Offset(0))
    }

    fn values<'a>(rounds: impl Iterator<Item = &'a (RoundId, Round)>) -> Vec<f64> {
        rounds.flat_map(|(_, round)| &round.samples).map(|sample| sample.value.sum()).collect()
    }

    #[test]
    fn what_was_taken_before_the_rest_failed_is_not_in_the_rest() {
        for taken in 0..=12 {
            let mut work = work();
            let done = work.settle(taken);
            assert_eq!(done.len(), taken / 4, "{taken}");
            assert_eq!((work.len(), work.is_over()), (12 - taken, taken == 12));
            let rest = work.into_rest();
            assert_eq!(rest.cut.is_some(), taken % 4 > 0, "{taken}");
            let left = values(rest.cut.iter().chain(&rest.whole));
            assert_eq!(left, (taken..12).map(|value| f64::from(u32::try_from(value).unwrap())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn halves_are_sent_in_the_order_of_the_rounds() {
        let mut work = work();
        let mut sent = Vec::new();
        while let Some(datums) = work.next() {
            if datums.len() > 1 {
                work.halve(datums);
            } else {
                sent.extend(datums.iter().map(|datum| datum.sample.value.sum()));
                work.settle(datums.len());
            }
        }
        assert_eq!(sent, (0..12).map(f64::from).collect::<Vec<_>>());
        assert!(work.is_over());
    }
}
