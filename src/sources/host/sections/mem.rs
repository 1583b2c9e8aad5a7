//! Section `mem`: where the memory went.
//!
//! As telegraf has it: cached is the page cache with what the kernel can reclaim of its own (Cached + SReclaimable); used is
//! total − free − buffered − cached. So what lies in tmpfs is cached, not used, and used + available is not total. Available is
//! the kernel's own estimate.
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;

/// The unit of `/proc/meminfo`: written kB, and meant KiB (proc(5)).
const KIB: u64 = 1_024;

/// What one key of `/proc/meminfo` says, in bytes.
pub fn bytes_of(meminfo: &str, key: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib.saturating_mul(KIB))
}

/// Reads `/proc/meminfo`; `None` where it does not say how much memory there is.
pub fn readings(meminfo: &str) -> Option<Vec<Reading>> {
    let bytes = |key| bytes_of(meminfo, key);
    let total = bytes("MemTotal").filter(|total| *total > 0)?;
    let free = bytes("MemFree").map(|free| free.min(total));
    let buffered = bytes("Buffers");
    let reclaimable = bytes("SReclaimable").unwrap_or(0);
    let cached = bytes("Cached").map(|cached| cached.saturating_add(reclaimable));
    let shared = bytes("Shmem");
    let caches = cached.map(|cached| cached.saturating_add(buffered.unwrap_or(0)));
    // Some containers are shown caches that are not theirs and exceed the rest: then nothing can be taken off.
    let used = free.zip(caches).map(|(free, caches)| (total - free).checked_sub(caches).unwrap_or(total - free));
    // Before Linux 3.14 there is no estimate: what is free and what could be, but for what lives in memory alone.
    let without_estimate = || Some(free?.saturating_add(caches?).saturating_sub(shared.unwrap_or(0)));
    let available = bytes("MemAvailable").or_else(without_estimate).map(|available| available.min(total));
    let percent = |part: u64| (100.0 * part as f64 / total as f64).min(100.0);
    let figures = [
        ("active", bytes("Active").map(|it| it as f64)),
        ("available", available.map(|it| it as f64)),
        ("available_percent", available.map(percent)),
        ("buffered", buffered.map(|it| it as f64)),
        ("cached", cached.map(|it| it as f64)),
        ("free", free.map(|it| it as f64)),
        ("inactive", bytes("Inactive").map(|it| it as f64)),
        ("shared", shared.map(|it| it as f64)),
        ("total", Some(total as f64)),
        ("used", used.map(|it| it as f64)),
        ("used_percent", used.map(percent)),
    ];
    Some(
        figures
            .into_iter()
            .filter_map(|(field, value)| Some(Reading { field, dimensions: Vec::new(), value: value? }))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(meminfo: &str, field: &str) -> Option<f64> {
        readings(meminfo).unwrap().into_iter().find(|reading| reading.field == field).map(|reading| reading.value)
    }

    const MEMINFO: &str = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 700 kB\nBuffers: 50 kB\nCached: 380 kB\nSwapCached: 999 kB\nActive: 300 kB\nInactive: 200 kB\nActive(anon): 77 kB\nShmem: 20 kB\nSReclaimable: 70 kB\n";

    #[test]
    fn caches_are_not_used_memory_and_what_the_kernel_can_reclaim_is_cache() {
        assert_eq!(find(MEMINFO, "cached"), Some(450.0 * 1_024.0));
        assert_eq!(find(MEMINFO, "used"), Some(400.0 * 1_024.0));
        assert_eq!(find(MEMINFO, "used_percent"), Some(40.0));
        assert_eq!(find(MEMINFO, "available_percent"), Some(70.0));
        assert_eq!(find(MEMINFO, "active"), Some(300.0 * 1_024.0));
        assert_eq!(find(MEMINFO, "shared"), Some(20.0 * 1_024.0));
    }

    #[test]
    fn an_old_kernel_without_an_estimate_gets_the_sum_of_what_it_could_give_up() {
        let old = MEMINFO.replace("MemAvailable: 700 kB\n", "");
        assert_eq!(find(&old, "available"), Some(580.0 * 1_024.0));
    }

    #[test]
    fn a_line_that_is_not_understood_costs_only_what_needs_it() {
        let broken = MEMINFO.replace("Cached: 380", "Cached: x");
        for field in ["cached", "used", "used_percent"] {
            assert_eq!(find(&broken, field), None, "{field}");
        }
        assert_eq!(find(&broken, "free"), Some(100.0 * 1_024.0));
    }

    #[test]
    fn caches_that_exceed_the_memory_make_no_figure_below_zero() {
        assert_eq!(find(&MEMINFO.replace("Cached: 380", "Cached: 3800"), "used"), Some(900.0 * 1_024.0));
    }

    #[test]
    fn no_memory_is_no_figure() {
        for meminfo in ["", "MemTotal: 0 kB\n", "MemTotal: x kB\n"] {
            assert_eq!(readings(meminfo), None, "{meminfo:?}");
        }
    }

    proptest! {
        #[test]
        fn figures_are_within_the_memory(total in 1..u64::MAX, rest in any::<[u64; 5]>()) {
            let keys = ["MemFree", "MemAvailable", "Buffers", "Cached", "SReclaimable"];
            let lines: String = keys.iter().zip(rest).map(|(key, kib)| format!("{key}: {kib} kB\n")).collect();
            for reading in readings(&format!("MemTotal: {total} kB\n{lines}")).unwrap() {
                prop_assert!(reading.value.is_finite() && reading.value >= 0.0);
                prop_assert!(!reading.field.ends_with("percent") || reading.value <= 100.0);
            }
        }
    }
}
