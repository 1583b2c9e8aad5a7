//! Section `cpu`: where the processors' time went.
//!
//! | field | value |
//! |---|---|
//! | time_… | seconds since the machine started, summed up over the processors: they grow |
//! | usage_… | percent of all time since the last look |
//!
//! As telegraf has it: all time is user + nice + system + idle + iowait + irq + softirq + steal; active is all but idle, so
//! waiting for a disk is active (our own `CPUUtilization` differs there). The time of guests is in user and nice already:
//! usage_user and usage_nice are without it, time_user and time_nice are with it.
//!
//! A share that needs two looks is left out at the first, where no time passed, and where the counters started again.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use super::super::reading::Reading;
use crate::config::Resources;
use crate::delivery::dimension::value_of;

/// Clock ticks in a second, whatever the kernel's own rate is (USER_HZ of proc(5): 100 wherever this program runs).
const TICKS_PER_SECOND: f64 = 100.0;

/// The parts of `/proc/stat`, in its order.
const PARTS: usize = 10;
/// Those that add up to all time: the guests' are in user and nice.
const OF_ALL_TIME: usize = 8;
const USER: usize = 0;
const NICE: usize = 1;
const IDLE: usize = 3;
const IOWAIT: usize = 4;
const GUEST: usize = 8;
const GUEST_NICE: usize = 9;

const TIMES: [&str; PARTS] = [
    "time_user",
    "time_nice",
    "time_system",
    "time_idle",
    "time_iowait",
    "time_irq",
    "time_softirq",
    "time_steal",
    "time_guest",
    "time_guest_nice",
];

const USAGES: [&str; PARTS] = [
    "usage_user",
    "usage_nice",
    "usage_system",
    "usage_idle",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// Ticks since the machine started, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks([u64; PARTS]);

impl Ticks {
    fn parse<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut ticks = [0; PARTS];
        let mut read = 0;
        for (tick, field) in ticks.iter_mut().zip(fields) {
            *tick = field.parse().ok()?;
            read += 1;
        }
        (read > IDLE).then_some(Self(ticks))
    }

    fn total(&self) -> u64 {
        self.0[..OF_ALL_TIME].iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    /// The ticks since `before`; `None` where the counters started again.
    ///
    /// Idle and iowait alone may fall: the kernel moves ticks between the two in hindsight, and rounds.
    fn since(&self, before: &Self) -> Option<Self> {
        let mut grown = [0; PARTS];
        for (part, grown) in grown.iter_mut().enumerate() {
            let (now, before) = (self.0[part], before.0[part]);
            let is_adjusted = part == IDLE || part == IOWAIT;
            *grown = if is_adjusted { now.saturating_sub(before) } else { now.checked_sub(before)? };
        }
        (self.total() >= before.total()).then_some(Self(grown))
    }
}

/// The section at work.
#[derive(Debug)]
pub struct Cpu {
    has_each: bool,
    has_total: bool,
    before: BTreeMap<String, Ticks>,
}

impl Cpu {
    /// As the configuration wants it.
    pub fn new(each: &Resources, has_total: bool) -> Self {
        Self { has_each: *each == Resources::All, has_total, before: BTreeMap::new() }
    }

    /// Reads `/proc/stat`; `None` where it tells no processor's times.
    pub fn readings(&mut self, stat: &str) -> Option<Vec<Reading>> {
        let mut readings = Vec::new();
        let mut now = BTreeMap::new();
        // The `cpu` lines come first; the long `intr` line behind them is not looked at.
        for line in stat.lines().take_while(|line| line.starts_with("cpu")) {
            let mut fields = line.split_ascii_whitespace();
            let Some(label) = fields.next() else { continue };
            let Some(ticks) = Ticks::parse(fields) else { continue };
            let is_total = label == "cpu";
            let name = if is_total { "cpu-total".to_owned() } else { value_of(label.as_bytes()) };
            let is_wanted = if is_total { self.has_total } else { self.has_each };
            if is_wanted {
                let grown = self.before.get(&name).and_then(|before| ticks.since(before));
                push(&mut readings, &name, &ticks, grown.as_ref());
            }
            now.insert(name, ticks);
        }
        if now.is_empty() {
            return None;
        }
        self.before = now;
        Some(readings)
    }
}

fn push(readings: &mut Vec<Reading>, name: &str, ticks: &Ticks, grown: Option<&Ticks>) {
    let mut push = |field, value| readings.push(Reading { field, dimensions: vec![("cpu", name.to_owned())], value });
    let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
    push("time_active", seconds(ticks.total() - ticks.0[IDLE]));
    for (field, ticks) in TIMES.into_iter().zip(ticks.0) {
        push(field, seconds(ticks));
    }
    let Some(grown) = grown.filter(|grown| grown.total() > 0) else { return };
    let percent = |ticks: u64| (100.0 * ticks as f64 / grown.total() as f64).min(100.0);
    push("usage_active", percent(grown.total() - grown.0[IDLE]));
    for (part, field) in USAGES.into_iter().enumerate() {
        let guests = match part {
            USER => grown.0[GUEST],
            NICE => grown.0[GUEST_NICE],
            _ => 0,
        };
        push(field, percent(grown.0[part].saturating_sub(guests)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: &str = "cpu  100 10 50 1000 40 5 15 80 60 7\ncpu0 50 5 25 500 20 2 7 40 30 3\nintr 1 2 3\nctxt 9\n";
    const SECOND: &str =
        "cpu  200 20 90 1800 60 5 35 90 90 12\ncpu0 150 5 25 1000 20 2 7 40 30 3\nintr 1 2 3\nctxt 9\n";

    fn find(readings: &[Reading], cpu: &str, field: &str) -> Option<f64> {
        let is_it = |reading: &&Reading| reading.field == field && reading.dimensions == [("cpu", cpu.to_owned())];
        readings.iter().find(is_it).map(|reading| reading.value)
    }

    #[test]
    fn shares_are_those_of_the_ticks_in_between_and_guests_are_counted_once() {
        let mut cpu = Cpu::new(&Resources::Unset, true);
        assert_eq!(find(&cpu.readings(FIRST).unwrap(), "cpu-total", "usage_active"), None);
        let readings = cpu.readings(SECOND).unwrap();
        // 1,000 ticks: 100 user (30 guests'), 10 nice (5 guests'), 40 system, 800 idle, 20 iowait, 20 softirq, 10 steal.
        let shares = [
            ("usage_active", 20.0),
            ("usage_user", 7.0),
            ("usage_guest", 3.0),
            ("usage_nice", 0.5),
            ("usage_guest_nice", 0.5),
            ("usage_system", 4.0),
            ("usage_idle", 80.0),
            ("usage_iowait", 2.0),
            ("usage_irq", 0.0),
            ("usage_softirq", 2.0),
            ("usage_steal", 1.0),
        ];
        for (field, share) in shares {
            assert_eq!(find(&readings, "cpu-total", field), Some(share), "{field}");
        }
        assert_eq!(find(&readings, "cpu-total", "time_user"), Some(2.0));
        assert_eq!(find(&readings, "cpu-total", "time_active"), Some(5.0));
        assert_eq!(find(&readings, "cpu0", "time_user"), None);
    }

    #[test]
    fn each_processor_is_told_where_that_is_wanted() {
        let mut cpu = Cpu::new(&Resources::All, false);
        cpu.readings(FIRST).unwrap();
        let readings = cpu.readings(SECOND).unwrap();
        assert_eq!(find(&readings, "cpu0", "usage_active"), Some(100.0 * 100.0 / 600.0));
        assert_eq!(find(&readings, "cpu-total", "usage_active"), None);
    }

    #[test]
    fn a_line_that_is_not_understood_costs_its_own_processor_only() {
        let mut cpu = Cpu::new(&Resources::All, true);
        let broken = FIRST.replace("cpu0 50", "cpu0 x\ncpu1 50");
        let readings = cpu.readings(&broken).unwrap();
        assert_eq!(find(&readings, "cpu0", "time_user"), None);
        assert_eq!(find(&readings, "cpu1", "time_user"), Some(0.5));
        assert_eq!(find(&readings, "cpu-total", "time_user"), Some(1.0));
    }

    #[test]
    fn counters_that_started_again_and_time_that_stood_still_give_no_share() {
        let mut cpu = Cpu::new(&Resources::Unset, true);
        cpu.readings(SECOND).unwrap();
        assert_eq!(find(&cpu.readings(FIRST).unwrap(), "cpu-total", "usage_active"), None);
        assert_eq!(find(&cpu.readings(FIRST).unwrap(), "cpu-total", "usage_active"), None);
        assert_eq!(find(&cpu.readings(SECOND).unwrap(), "cpu-total", "usage_active"), Some(20.0));
    }

    #[test]
    fn iowait_that_falls_in_hindsight_is_no_share_below_zero() {
        let mut cpu = Cpu::new(&Resources::Unset, true);
        cpu.readings("cpu 0 0 0 100 50\n").unwrap();
        let readings = cpu.readings("cpu 10 0 0 190 45\n").unwrap();
        assert_eq!(find(&readings, "cpu-total", "usage_iowait"), Some(0.0));
        assert_eq!(find(&readings, "cpu-total", "usage_idle"), Some(90.0));
    }

    #[test]
    fn a_stat_without_processors_is_refused() {
        for stat in ["", "intr 5\n", "cpu 1 2 3\n", "cpu 1 2 x 4\n"] {
            assert_eq!(Cpu::new(&Resources::All, true).readings(stat), None, "{stat:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_ticks_do_a_share_is_a_percentage(looks in proptest::collection::vec(any::<[u64; PARTS]>(), 1..6)) {
            let mut cpu = Cpu::new(&Resources::Unset, true);
            for ticks in looks {
                let ticks: String = ticks.iter().map(|tick| format!(" {}", tick >> (tick & 63))).collect();
                for reading in cpu.readings(&format!("cpu {ticks}\n")).unwrap() {
                    let limit = if reading.field.starts_with("usage") { 100.0 } else { f64::MAX };
                    prop_assert!((0.0..=limit).contains(&reading.value), "{:?}", reading);
                }
            }
        }
    }
}
