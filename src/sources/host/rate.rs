//! Decides what may be said about counters that were read twice.
//!
//! Devices come and go, and a counter can start again (a driver reloaded, a stick replugged, 32 bits used up). A device
//! that was not there both times is left out of the sum; a counter that fell makes the whole sum unknown this time,
//! since what the device did in between is. Neither ever becomes a spike or a negative figure.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::Monotonic;

/// Two looks closer together than this say nothing: counters move in steps (a CPU's by 10 ms).
pub const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// The counters of a device: bytes in, bytes out, then operations or packets in and out (a read is in). One that the
/// platform does not keep is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub [Option<u64>; Counters::KINDS]);

impl Counters {
    /// How many counters a device has.
    pub const KINDS: usize = 4;
}

impl From<[u64; Counters::KINDS]> for Counters {
    fn from(counters: [u64; Counters::KINDS]) -> Self {
        Self(counters.map(Some))
    }
}

/// The counters of each device, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices(pub BTreeMap<String, Counters>);

impl Devices {
    /// By how much each counter grew, over the devices that are in both.
    ///
    /// `None` where no device is, or where a counter of one of them fell.
    pub fn grown_since(&self, before: &Self) -> Option<Counters> {
        let mut sum = Counters::default();
        let mut any = false;
        for (name, after) in &self.0 {
            let Some(before) = before.0.get(name) else { continue };
            any = true;
            for ((sum, after), before) in sum.0.iter_mut().zip(after.0).zip(before.0) {
                let (Some(after), Some(before)) = (after, before) else {
                    continue;
                };
                let grown = after.checked_sub(before)?;
                *sum = Some(sum.unwrap_or(0).saturating_add(grown));
            }
        }
        any.then_some(sum)
    }
}

/// What was read last, and when.
#[derive(Clone, Debug)]
pub struct Since<T> {
    last: Option<(Monotonic, T)>,
}

impl<T> Default for Since<T> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<T> Since<T> {
    /// Is it worth looking again?
    pub fn is_due(&self, now: Monotonic) -> bool {
        self.last.as_ref().is_none_or(|(at, _)| now.since(*at) >= MIN_INTERVAL)
    }

    /// Takes what was read `now`; answers what it is to be compared with, and how many seconds lie between.
    ///
    /// Where that is too short, the older reading stays: a caller in a hurry does not push the baseline ahead for ever.
    /// After readings that failed it is the last good one, with the time since then.
    pub fn step(&mut self, now: Monotonic, fresh: T) -> Option<(T, f64)> {
        if !self.is_due(now) {
            return None;
        }
        let (at, before) = self.last.replace((now, fresh))?;
        Some((before, now.since(at).as_secs_f64()))
    }

    /// What was read last.
    pub fn newest(&self) -> Option<&T> {
        self.last.as_ref().map(|(_, newest)| newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn devices(list: &[(&str, [u64; 4])]) -> Devices {
        Devices(list.iter().map(|(name, counters)| ((*name).to_owned(), Counters::from(*counters))).collect())
    }

    #[test]
    fn only_devices_present_both_times_are_summed() {
        let before = devices(&[("a", [100, 0, 0, 0]), ("gone", [1 << 40, 0, 0, 0])]);
        let after = devices(&[("a", [130, 0, 0, 0]), ("new", [1 << 50, 0, 0, 0])]);
        assert_eq!(after.grown_since(&before), Some(Counters::from([30, 0, 0, 0])));
    }

    #[test]
    fn a_counter_that_fell_leaves_the_sum_unknown() {
        let before = devices(&[("a", [100, 9, 9, 9]), ("b", [0, 0, 0, 0])]);
        let after = devices(&[("a", [99, 900, 90, 90]), ("b", [5, 5, 5, 5])]);
        assert_eq!(after.grown_since(&before), None);
    }

    #[test]
    fn no_device_in_common_is_no_figure_rather_than_zero() {
        assert_eq!(Devices::default().grown_since(&Devices::default()), None);
        assert_eq!(devices(&[("a", [1, 1, 1, 1])]).grown_since(&devices(&[("b", [0, 0, 0, 0])])), None);
    }

    #[test]
    fn a_counter_the_platform_does_not_keep_is_no_figure_rather_than_zero() {
        let with = |bytes| Devices([("a".to_owned(), Counters([Some(bytes), Some(bytes), None, None]))].into());
        assert_eq!(with(7).grown_since(&with(4)), Some(Counters([Some(3), Some(3), None, None])));
    }

    #[test]
    fn a_look_taken_too_soon_keeps_the_older_baseline() {
        let mut since = Since::default();
        assert_eq!(since.step(Monotonic(1_000), 'a'), None);
        assert_eq!(since.step(Monotonic(1_099), 'b'), None);
        assert_eq!(since.step(Monotonic(1_100), 'c'), Some(('a', 0.1)));
        assert_eq!(since.newest(), Some(&'c'));
    }

    #[test]
    fn a_time_before_the_baseline_gives_nothing() {
        let mut since = Since::default();
        since.step(Monotonic(5_000), 'a');
        assert_eq!(since.step(Monotonic(4_000), 'b'), None);
        assert_eq!(since.newest(), Some(&'a'));
    }

    fn any_devices() -> impl Strategy<Value = Devices> {
        let counters =
            proptest::array::uniform4(proptest::option::of(prop_oneof![0..50u64, any::<u64>()])).prop_map(Counters);
        proptest::collection::btree_map("[abc]", counters, 0..4).prop_map(Devices)
    }

    proptest! {
        #[test]
        fn rates_are_finite_and_not_negative(looks in proptest::collection::vec((0..500u64, any_devices()), 1..12)) {
            let (mut since, mut now) = (Since::default(), 0);
            for (pause, devices) in looks {
                now += pause;
                if let Some((before, seconds)) = since.step(Monotonic(now), devices.clone()) {
                    prop_assert!(seconds >= MIN_INTERVAL.as_secs_f64());
                    for grown in devices.grown_since(&before).into_iter().flat_map(|grown| grown.0).flatten() {
                        let rate = grown as f64 / seconds;
                        prop_assert!(rate.is_finite() && rate >= 0.0);
                    }
                }
            }
        }

        #[test]
        fn a_sum_never_exceeds_what_the_devices_counted(before in any_devices(), after in any_devices()) {
            if let Some(grown) = after.grown_since(&before) {
                for kind in 0..Counters::KINDS {
                    let counted = after.0.values().fold(0, |sum: u64, device| sum.saturating_add(device.0[kind].unwrap_or(0)));
                    prop_assert!(grown.0[kind].unwrap_or(0) <= counted);
                }
            }
        }
    }
}
