//! How many samples wait on disk alone.
//!
//! What this run left there is counted. Of what was there before it only the number of rounds is known: how many samples each has is the
//! mean of those that were read last, as rounds differ with the sections that are due.
//!
//! Pure: no I/O, no clock, no tasks.

use crate::record::Round;
use crate::state::RoundId;

/// Samples on disk that are in no memory.
pub struct OnDisk {
    /// The first round of this run.
    first_own: RoundId,
    own_samples: u64,
    earlier_rounds: u64,
    /// Samples of an earlier round.
    mean: f64,
}

impl OnDisk {
    /// `rounds` wait since before this run, `some` of them at the least.
    pub fn new(first_own: RoundId, rounds: u64, some: &[(RoundId, Round)]) -> Self {
        let mut it = Self { first_own, own_samples: 0, earlier_rounds: rounds, mean: 0.0 };
        it.learn(some);
        it
    }

    /// These are left there.
    pub fn put<'a>(&mut self, rounds: impl IntoIterator<Item = &'a (RoundId, Round)>) {
        for (id, round) in rounds {
            if self.is_own(*id) {
                self.own_samples += round.samples.len() as u64;
            } else {
                self.earlier_rounds += 1;
            }
        }
    }

    /// These were read to be sent, or are given up.
    pub fn take(&mut self, rounds: &[(RoundId, Round)]) {
        self.learn(rounds);
        for (id, round) in rounds {
            if self.is_own(*id) {
                self.own_samples = self.own_samples.saturating_sub(round.samples.len() as u64);
            } else {
                self.earlier_rounds = self.earlier_rounds.saturating_sub(1);
            }
        }
    }

    /// All that was there is read.
    pub fn clear(&mut self) {
        (self.own_samples, self.earlier_rounds) = (0, 0);
    }

    /// How many samples these are.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of lengths, times a number of rounds"
    )]
    pub fn samples(&self) -> u64 {
        self.own_samples + (self.earlier_rounds as f64 * self.mean).round() as u64
    }

    fn is_own(&self, id: RoundId) -> bool {
        id >= self.first_own
    }

    fn learn(&mut self, rounds: &[(RoundId, Round)]) {
        let lengths = rounds.iter().filter(|(id, _)| !self.is_own(*id)).map(|(_, round)| round.samples.len());
        let (count, sum) = lengths.fold((0_u32, 0_usize), |(count, sum), length| (count + 1, sum + length));
        if count > 0 {
            self.mean = sum as f64 / f64::from(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BootId, Dimensions, Monotonic, Sample, Unit, Value, Wall};

    /// Rounds from a number on, with so many samples each.
    fn rounds(from: u64, lengths: &[usize]) -> Vec<(RoundId, Round)> {
        let sample = Sample {
            name: "x".to_owned(),
            unit: Unit::Count,
            value: Value::One(1.0),
            dimensions: Dimensions::default(),
            is_high_resolution: false,
        };
        let round = |length: usize| Round {
            boot: BootId("b".to_owned()),
            at: Monotonic(0),
            system: Wall(0),
            samples: vec![sample.clone(); length],
        };
        (from..).map(RoundId).zip(lengths.iter().map(|length| round(*length))).collect()
    }

    #[test]
    fn what_this_run_left_is_counted_however_its_rounds_differ() {
        let mut on_disk = OnDisk::new(RoundId(7), 0, &[]);
        let left = rounds(7, &[1, 1, 100, 1]);
        on_disk.put(&left);
        assert_eq!(on_disk.samples(), 103);
        on_disk.take(&left[..3]);
        assert_eq!(on_disk.samples(), 1);
        on_disk.put(&left[1..3]);
        assert_eq!(on_disk.samples(), 102);
        on_disk.clear();
        assert_eq!(on_disk.samples(), 0);
    }

    #[test]
    fn what_an_earlier_run_left_is_estimated_by_the_mean_of_what_was_read() {
        let mut on_disk = OnDisk::new(RoundId(100), 10, &rounds(90, &[1, 1, 4, 2]));
        assert_eq!(on_disk.samples(), 20);
        on_disk.put(&rounds(100, &[50]));
        on_disk.take(&rounds(90, &[4, 4]));
        assert_eq!(on_disk.samples(), 8 * 4 + 50);
        on_disk.put(&rounds(91, &[4]));
        assert_eq!(on_disk.samples(), 9 * 4 + 50);
    }
}
