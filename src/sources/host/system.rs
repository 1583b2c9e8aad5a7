//! Asks `sysinfo` for the figures: all of them on macOS, the memory on Linux.
//!
//! `sysinfo` answers a failed question with zero or with its last answer. So each question is put to a fresh value, and a
//! zero that cannot be is trouble.
//!
//! Decides nothing but which of its answers count.

use std::path::Path;
use std::time::Duration;

use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, Networks};

use super::cpu::{Cpu, CpuTimes};
use super::memory::Memory;
use super::network;
use super::rate::{Counters, Devices};
use super::trouble::Trouble;
use crate::record::Monotonic;

/// `sysinfo` leaves a question after the CPU unanswered that follows within `sysinfo::MINIMUM_CPU_UPDATE_INTERVAL` (200
/// ms on macOS and Linux), by its own clock; a little more by ours is never that.
const MIN_CPU_INTERVAL: Duration = Duration::from_millis(250);

/// What has to be kept from one look at the CPU to the next.
pub struct System {
    system: Option<sysinfo::System>,
    asked: Monotonic,
    times: CpuTimes,
}

/// Parts of a percent in which a share is kept.
const PARTS_PER_PERCENT: f64 = 1_000.0;

impl System {
    /// Asks for the CPU for the first time, which gives no share yet.
    pub fn new(now: Monotonic) -> Self {
        let mut system = new_system().ok();
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        Self { system, asked: now, times: CpuTimes::default() }
    }

    /// `sysinfo` gives the busy share since it was last asked: weighed by that time, it is turned back into counters.
    /// They stand still where it was asked too soon.
    pub fn cpu(&mut self, now: Monotonic) -> Result<Cpu, Trouble> {
        let Some(system) = &mut self.system else {
            return Err(Trouble::unanswered("the processors", "the system tells nothing of itself"));
        };
        let passed = now.since(self.asked);
        if passed >= MIN_CPU_INTERVAL {
            system.refresh_cpu_usage();
            self.asked = now;
            self.times = self.times.after(passed, f64::from(system.global_cpu_usage()));
        }
        let processors = u32::try_from(system.cpus().len()).unwrap_or(u32::MAX);
        if processors == 0 {
            return Err(Trouble::unanswered("the processors", "the system names none"));
        }
        Ok(Cpu { times: self.times, processors })
    }
}

impl CpuTimes {
    /// These times and `passed` more, `percent` of it busy.
    fn after(self, passed: Duration, percent: f64) -> Self {
        let parts = if percent.is_finite() { percent.clamp(0.0, 100.0) * PARTS_PER_PERCENT } else { 0.0 };
        // Between 0 and 100 × 1,000 parts.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let busy = parts.round() as u64;
        let idle = 100_000_u64.saturating_sub(busy);
        let weight = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        Self {
            busy: self.busy.saturating_add(busy.saturating_mul(weight)),
            idle: self.idle.saturating_add(idle.saturating_mul(weight)),
        }
    }
}

/// Total and available memory.
pub fn memory() -> Result<Memory, Trouble> {
    let mut system = new_system()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    Memory::new(system.total_memory(), system.available_memory())
        .ok_or_else(|| Trouble::unanswered("the memory", "the system names no size; is `/proc/meminfo` hidden?"))
}

/// The bytes read from and written to the drive that holds `/`.
///
/// `sysinfo` knows volumes, and gives each the counters of the drive under it without naming that drive: summed, a drive
/// would count as often as it has volumes. It does not know operations, so there are none.
pub fn boot_disk() -> Result<Devices, Trouble> {
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_io_usage())
        .map_err(|error| Trouble::unanswered("the disks", error))?;
    let boot = disks.iter().find(|disk| disk.mount_point() == Path::new("/"));
    let usage = boot.map(|disk| disk.usage());
    let counters =
        usage.map(|usage| Counters([Some(usage.total_read_bytes), Some(usage.total_written_bytes), None, None]));
    Ok(Devices(counters.map(|counters| ("/".to_owned(), counters)).into_iter().collect()))
}

/// The counters of the interfaces that count on macOS.
pub fn interfaces() -> Result<Devices, Trouble> {
    let networks =
        Networks::new_with_refreshed_list().map_err(|error| Trouble::unanswered("the network interfaces", error))?;
    let counted = networks.iter().filter_map(|(name, network)| {
        let name = name.to_string_lossy();
        network::is_macos_hardware_name(&name).then(|| {
            let bytes = [network.total_received(), network.total_transmitted()];
            let packets = [network.total_packets_received(), network.total_packets_transmitted()];
            (name.into_owned(), Counters::from([bytes[0], bytes[1], packets[0], packets[1]]))
        })
    });
    Ok(Devices(counted.collect()))
}

fn new_system() -> Result<sysinfo::System, Trouble> {
    sysinfo::System::new().map_err(|error| Trouble::unanswered("the system", error))
}

#[cfg(test)]
mod tests {
    use super::super::cpu::utilization;
    use super::*;

    #[test]
    fn shares_become_counters_weighed_by_the_time_they_cover() {
        let start = CpuTimes::default();
        let end = start.after(Duration::from_secs(1), 100.0).after(Duration::from_secs(3), 20.0);
        assert_eq!(utilization(&start, &end), Some(40.0));
    }

    #[test]
    fn a_share_out_of_range_or_no_number_does_no_harm() {
        let start = CpuTimes::default();
        for (given, kept) in [(100.02, 100.0), (-1.0, 0.0), (f64::NAN, 0.0)] {
            assert_eq!(utilization(&start, &start.after(Duration::from_secs(1), given)), Some(kept));
        }
    }

    #[test]
    fn a_second_question_that_comes_too_soon_gives_no_share() {
        let mut system = System::new(Monotonic(1_000));
        let first = system.cpu(Monotonic(1_000)).unwrap();
        let second = system.cpu(Monotonic(1_249)).unwrap();
        assert_eq!(utilization(&first.times, &second.times), None);
        assert!(second.processors > 0);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(memory().unwrap().available_bytes() > 0);
    }
}
