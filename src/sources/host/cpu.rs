//! Reads processor times and says how busy the processors were.
//!
//! Busy is every tick that is neither idle nor waiting for a disk (iowait): the predecessor's share, and psutil's. So time
//! the hypervisor gave to others (steal) is busy: this machine had work and could not do it. Time lent to guests is in
//! user and nice already (proc(5), `/proc/stat`), so it is not added a second time.
//!
//! Pure: no I/O, no clock, no tasks.

/// Ticks since the machine started, all processors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// user + nice (both with their guests' time) + system + irq + softirq + steal.
    pub busy: u64,
    /// idle + iowait. One sum: the kernel moves ticks between the two in hindsight, so that iowait alone may fall.
    pub idle: u64,
}

/// One look at the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Where their time went.
    pub times: CpuTimes,
    /// How many are online.
    pub processors: u32,
}

/// Reads `/proc/stat`; `None` where it holds no `cpu` line with at least user, nice, system and idle.
pub fn parse(stat: &str) -> Option<Cpu> {
    let mut times = None;
    let mut processors: u32 = 0;
    // The `cpu` lines come first; the long `intr` line behind them is not looked at.
    for line in stat.lines().take_while(|line| line.starts_with("cpu")) {
        let mut fields = line.split_ascii_whitespace();
        match fields.next() {
            Some("cpu") => times = parse_times(fields),
            Some(_) => processors = processors.saturating_add(1),
            None => {}
        }
    }
    let times = times?;
    (processors > 0).then_some(Cpu { times, processors })
}

/// user nice system idle \[iowait irq softirq steal …guest guest_nice\]: kernels before 2.6 end after four.
fn parse_times<'a>(fields: impl Iterator<Item = &'a str>) -> Option<CpuTimes> {
    let mut ticks = [0u64; 8];
    let mut read = 0;
    for (tick, field) in ticks.iter_mut().zip(fields) {
        *tick = field.parse().ok()?;
        read += 1;
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal] = ticks;
    let sum = |parts: &[u64]| parts.iter().fold(0, |sum: u64, part| sum.saturating_add(*part));
    (read >= 4).then(|| CpuTimes { busy: sum(&[user, nice, system, irq, softirq, steal]), idle: sum(&[idle, iowait]) })
}

/// 100 × busy / (busy + idle), of the ticks since `before`.
///
/// `None` where none passed or the counters restarted. Idle ticks may fall by a rounding while everything is busy, which
/// is 100 and no restart: then their sum with the busy ones has grown all the same.
pub fn utilization(before: &CpuTimes, after: &CpuTimes) -> Option<f64> {
    let busy = after.busy.checked_sub(before.busy)?;
    let total_before = u128::from(before.busy) + u128::from(before.idle);
    let total_after = u128::from(after.busy) + u128::from(after.idle);
    if total_after <= total_before {
        return None;
    }
    let idle = after.idle.saturating_sub(before.idle);
    let total = u128::from(busy) + u128::from(idle);
    Some((busy as f64 / total as f64 * 100.0).clamp(0.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAT: &str = "cpu  100 10 50 1000 40 5 15 80 60 7\ncpu0 50 5 25 500 20 2 7 40 30 3\ncpu1 50 5 25 500 20 3 8 40 30 4\nintr 1 2 3\nctxt 9\n";

    #[test]
    fn guests_are_counted_once_and_iowait_is_idle_and_steal_is_busy() {
        let cpu = parse(STAT).unwrap();
        assert_eq!(cpu.times, CpuTimes { busy: 100 + 10 + 50 + 5 + 15 + 80, idle: 1000 + 40 });
        assert_eq!(cpu.processors, 2);
    }

    #[test]
    fn a_stat_without_processors_is_refused() {
        for stat in [
            "",
            "intr 5\n",
            "cpu  1 2 3\ncpu0 1 2 3\n",
            "cpu  1 2 x 4\ncpu0 1 2 3 4\n",
            "cpu  1 2 3 4\n",
            "cpu0 1 2 3 4\n",
        ] {
            assert_eq!(parse(stat), None, "{stat:?}");
        }
    }

    #[test]
    fn the_share_is_that_of_the_ticks_in_between() {
        let share = utilization(&CpuTimes { busy: 1_000, idle: 9_000 }, &CpuTimes { busy: 1_025, idle: 9_075 });
        assert_eq!(share, Some(25.0));
    }

    #[test]
    fn no_tick_is_no_share_rather_than_zero() {
        let times = CpuTimes { busy: 10, idle: 20 };
        assert_eq!(utilization(&times, &times), None);
    }

    #[test]
    fn counters_that_restarted_give_no_share() {
        assert_eq!(utilization(&CpuTimes { busy: 100, idle: 900 }, &CpuTimes { busy: 5, idle: 10 }), None);
        assert_eq!(utilization(&CpuTimes { busy: 100, idle: 900 }, &CpuTimes { busy: 120, idle: 10 }), None);
        assert_eq!(utilization(&CpuTimes { busy: 100, idle: 900 }, &CpuTimes { busy: 50, idle: 5_000 }), None);
    }

    #[test]
    fn idle_ticks_that_fall_by_a_rounding_leave_a_busy_machine_at_100() {
        assert_eq!(utilization(&CpuTimes { busy: 100, idle: 900 }, &CpuTimes { busy: 300, idle: 899 }), Some(100.0));
    }

    proptest! {
        #[test]
        fn a_share_is_a_percentage(busy in any::<[u64; 2]>(), idle in any::<[u64; 2]>()) {
            let [before, after] = [0, 1].map(|i| CpuTimes { busy: busy[i], idle: idle[i] });
            if let Some(percent) = utilization(&before, &after) {
                prop_assert!((0.0..=100.0).contains(&percent));
            }
        }

        #[test]
        fn any_text_is_survived(text in "(cpu[0-9]? [0-9x ]{0,60}\n){0,4}") {
            parse(&text);
        }
    }
}
