//! Reads how much memory there is and how much of it programs can still get.
//!
//! Available is the kernel's own estimate (MemAvailable): free memory plus what it would give up without swapping. Caches
//! are not used memory in that sense, and a machine that reads many files is not full.
//!
//! Pure: no I/O, no clock, no tasks.

/// One look at the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    total_bytes: u64,
    available_bytes: u64,
}

impl Memory {
    /// `None` where there is no memory at all, as when nothing could be read. Available memory is at most the total.
    pub fn new(total_bytes: u64, available_bytes: u64) -> Option<Self> {
        (total_bytes > 0).then_some(Self { total_bytes, available_bytes: available_bytes.min(total_bytes) })
    }

    /// What programs can still get.
    pub fn available_bytes(&self) -> u64 {
        self.available_bytes
    }

    /// total − available.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes - self.available_bytes
    }

    /// 100 × used / total.
    pub fn utilization(&self) -> f64 {
        (self.used_bytes() as f64 / self.total_bytes as f64 * 100.0).clamp(0.0, 100.0)
    }
}

/// Reads `/proc/meminfo`; `None` where it does not say.
///
/// Without MemAvailable (before Linux 3.14): MemFree + Buffers + Cached + SReclaimable − Shmem, which is what `sysinfo`
/// takes for it too.
pub fn parse(meminfo: &str) -> Option<Memory> {
    let bytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
        // The unit is written kB and means KiB (proc(5)).
        Some(kib.saturating_mul(1024))
    };
    let available = bytes("MemAvailable").or_else(|| {
        let reclaimable = ["Buffers", "Cached", "SReclaimable"].into_iter().filter_map(bytes);
        let free = reclaimable.fold(bytes("MemFree")?, u64::saturating_add);
        Some(free.saturating_sub(bytes("Shmem").unwrap_or(0)))
    })?;
    Memory::new(bytes("MemTotal")?, available)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn caches_are_not_used_memory() {
        let memory = parse("MemTotal: 4000 kB\nMemFree: 500 kB\nMemAvailable: 3000 kB\nCached: 2600 kB\n").unwrap();
        assert_eq!(memory.available_bytes(), 3_000 * 1024);
        assert_eq!(memory.used_bytes(), 1_000 * 1024);
        assert_eq!(memory.utilization(), 25.0);
    }

    #[test]
    fn an_old_kernel_without_an_estimate_gets_the_sum_of_what_it_could_give_up() {
        let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 300 kB\nSwapCached: 999 kB\nShmem: 20 kB\nSReclaimable: 70 kB\n";
        assert_eq!(parse(text).unwrap().available_bytes(), 500 * 1024);
    }

    #[test]
    fn no_total_is_no_figure() {
        for text in [
            "",
            "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
            "MemAvailable: 5 kB\n",
            "MemTotal: 9 kB\n",
            "MemTotal: x kB\nMemAvailable: 1 kB\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn used_and_available_make_up_the_total(total in 1..=u64::MAX, available: u64) {
            let memory = Memory::new(total, available).unwrap();
            prop_assert_eq!(memory.used_bytes() + memory.available_bytes(), total);
            prop_assert!((0.0..=100.0).contains(&memory.utilization()));
        }
    }
}
