//! By how much a device's counters grew between two looks.
//!
//! Devices come and go, and counters start again: a driver reloaded, a stick replugged. Then nothing is said of that device
//! this once, and of its neighbours everything: growth is never negative and never made up. A counter of 32 bits that ran
//! over went on all the same, and its growth is known.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

/// A counter that fell ran over 32 bits if it stood in the last quarter of them and now stands in the first: a growth below
/// 2^31. Whatever fell otherwise started again.
const LAST_QUARTER: u64 = 3 << 30;
const FIRST_QUARTER: u64 = 1 << 30;
const WRAP: u64 = 1 << 32;

/// The counters of each device at the last look.
#[derive(Debug)]
pub struct Before<const N: usize>(BTreeMap<String, [u64; N]>);

impl<const N: usize> Default for Before<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<const N: usize> Before<N> {
    fn grown(&self, name: &str, now: &[u64; N]) -> Option<[u64; N]> {
        let before = self.0.get(name)?;
        let mut grown = [0; N];
        for ((grown, now), before) in grown.iter_mut().zip(now).zip(before) {
            *grown = grown_by(*before, *now)?;
        }
        Some(grown)
    }

    /// Takes all counters as they are now, and answers by how much those of each device grew. A device that is new, or of
    /// which a counter started again, has no growth this once.
    pub fn step(&mut self, now: BTreeMap<String, [u64; N]>) -> BTreeMap<String, [u64; N]> {
        let grown = now.iter().filter_map(|(name, now)| Some((name.clone(), self.grown(name, now)?))).collect();
        self.0 = now;
        grown
    }
}

fn grown_by(before: u64, now: u64) -> Option<u64> {
    let ran_over = (LAST_QUARTER..WRAP).contains(&before) && now < FIRST_QUARTER;
    now.checked_sub(before).or_else(|| ran_over.then(|| WRAP - before + now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn devices(list: &[(&str, [u64; 2])]) -> BTreeMap<String, [u64; 2]> {
        list.iter().map(|(name, counters)| ((*name).to_owned(), *counters)).collect()
    }

    #[test]
    fn the_first_look_at_a_device_says_nothing_and_costs_its_neighbours_nothing() {
        let mut before = Before::default();
        assert_eq!(before.step(devices(&[("a", [5, 5])])), devices(&[]));
        assert_eq!(before.step(devices(&[("a", [6, 9]), ("b", [900, 900])])), devices(&[("a", [1, 4])]));
        assert_eq!(before.step(devices(&[("b", [901, 900])])), devices(&[("b", [1, 0])]));
        assert_eq!(before.step(devices(&[("a", [7, 9]), ("b", [901, 900])])), devices(&[("b", [0, 0])]));
    }

    #[test]
    fn counters_that_started_again_are_left_out_once() {
        let mut before = Before::default();
        before.step(devices(&[("a", [500, 5]), ("b", [1, 1])]));
        assert_eq!(before.step(devices(&[("a", [3, 6]), ("b", [2, 1])])), devices(&[("b", [1, 0])]));
        assert_eq!(before.step(devices(&[("a", [4, 6]), ("b", [2, 1])])), devices(&[("a", [1, 0]), ("b", [0, 0])]));
    }

    #[test]
    fn a_counter_of_32_bits_that_ran_over_went_on() {
        let mut before = Before::default();
        before.step(devices(&[("eth0", [u64::from(u32::MAX) - 9, 7])]));
        assert_eq!(before.step(devices(&[("eth0", [90, 8])])), devices(&[("eth0", [100, 1])]));
    }

    #[test]
    fn a_restart_is_not_taken_for_an_overrun() {
        // All counters fall at a restart, and the smaller one cannot have run over.
        let mut before = Before::default();
        before.step(devices(&[("eth0", [u64::from(u32::MAX) - 9, 4_000_000])]));
        assert_eq!(before.step(devices(&[("eth0", [90, 3])])), devices(&[]));
        assert_eq!(grown_by(1 << 31, 5), None);
        assert_eq!(grown_by(1 << 40, 5), None);
    }

    proptest! {
        #[test]
        fn growth_is_never_more_than_a_counter_could_count(before in any::<u64>(), now in any::<u64>()) {
            if let Some(grown) = grown_by(before, now) {
                prop_assert!(grown <= now.max(1 << 31));
            }
        }
    }
}
