//! Section `diskio`: what each block device did since the last look.
//!
//! As telegraf has it: every device of `/proc/diskstats`, partitions, RAID and LVM volumes too, so figures of several devices
//! are not to be summed up. A device that never did anything is left out. Ours: so are loop, ram and zram devices, which
//! only pass on or keep in memory; each would be eight metrics to pay for. Who wants them names them.
//!
//! Times are in milliseconds; read_time and write_time sum up over requests that ran at once, io_time does not.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use super::super::reading::Reading;
use super::growth::Before;
use crate::delivery::dimension::value_of;

/// The unit of the sector counters, whatever the disk's own sectors are (Linux, admin-guide/iostats).
const SECTOR_BYTES: u64 = 512;

const GROWING: [&str; 7] = ["io_time", "reads", "read_bytes", "read_time", "writes", "write_bytes", "write_time"];

/// One look at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Device {
    /// In the order of [`GROWING`]; sectors for bytes, as those are what runs over on a kernel of 32 bits.
    counters: [u64; GROWING.len()],
    in_progress: u64,
}

/// The section at work.
#[derive(Debug, Default)]
pub struct Diskio {
    before: Before<{ GROWING.len() }>,
}

impl Diskio {
    /// Reads `/proc/diskstats`, of the devices that `is_wanted` by their names there.
    pub fn readings(&mut self, diskstats: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Reading> {
        let devices: BTreeMap<String, Device> =
            diskstats.lines().filter_map(parse_line).filter(|(name, _)| is_wanted(name)).collect();
        let mut grown = self.before.step(devices.iter().map(|(name, it)| (name.clone(), it.counters)).collect());
        let mut readings = Vec::new();
        for (name, device) in devices {
            let dimensions = vec![("name", value_of(name.as_bytes()))];
            let value = device.in_progress as f64;
            readings.push(Reading { field: "iops_in_progress", dimensions: dimensions.clone(), value });
            for (field, grown) in GROWING.into_iter().zip(grown.remove(&name).into_iter().flatten()) {
                let value = if field.ends_with("_bytes") { grown.saturating_mul(SECTOR_BYTES) } else { grown };
                readings.push(Reading { field, dimensions: dimensions.clone(), value: value as f64 });
            }
        }
        readings
    }
}

/// Is this one left out unless it is named?
pub fn is_unasked(name: &str) -> bool {
    let is_numbered = |prefix| {
        let rest: Option<&str> = name.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    ["loop", "ram", "zram"].into_iter().any(is_numbered)
}

/// major minor name; reads, merged, sectors read, ms; writes, merged, sectors written, ms; in progress, ms, weighted ms; …
///
/// `None` of a line that is not understood, and of a device that never did anything.
fn parse_line(line: &str) -> Option<(String, Device)> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let name = fields.next()?;
    let mut numbers = [0; 11];
    for number in &mut numbers {
        *number = fields.next()?.parse::<u64>().ok()?;
    }
    let [reads, _, sectors_read, read_ms, writes, _, sectors_written, write_ms, in_progress, io_ms, _] = numbers;
    let counters = [io_ms, reads, sectors_read, read_ms, writes, sectors_written, write_ms];
    numbers.iter().any(|number| *number > 0).then(|| (name.to_owned(), Device { counters, in_progress }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(readings: &[Reading]) -> Vec<String> {
        readings.iter().map(|it| format!("{} {} {}", it.dimensions[0].1, it.field, it.value)).collect()
    }

    #[test]
    fn what_happened_in_between_is_told_of_each_device() {
        let mut diskio = Diskio::default();
        let first = diskio.readings("8 0 sda 100 7 2000 30 50 9 4000 60 3 80 90\n", |_| true);
        assert_eq!(lines(&first), ["sda iops_in_progress 3"]);
        let second = diskio.readings("8 0 sda 101 7 2002 34 55 9 4010 66 0 87 90 1 2 3 4 5 6\n", |_| true);
        let expected = [
            "sda iops_in_progress 0",
            "sda io_time 7",
            "sda reads 1",
            "sda read_bytes 1024",
            "sda read_time 4",
            "sda writes 5",
            "sda write_bytes 5120",
            "sda write_time 6",
        ];
        assert_eq!(lines(&second), expected);
    }

    #[test]
    fn a_line_that_is_not_understood_costs_its_own_device_only() {
        let text = "8 0 sda 1 2\n\n8 16 sdb 1 2 3 4 5 6 x 8 9 10 11\n8 32 sdc 1 2 3 4 5 6 7 8 9 10 11\n";
        assert_eq!(lines(&Diskio::default().readings(text, |_| true)), ["sdc iops_in_progress 9"]);
    }

    #[test]
    fn a_device_that_never_did_anything_or_is_not_wanted_is_left_out() {
        let text = "1 0 ram0 0 0 0 0 0 0 0 0 0 0 0\n8 0 sda 1 0 0 0 0 0 0 0 0 0 0\n8 1 sda1 1 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(lines(&Diskio::default().readings(text, |name| name != "sda1")), ["sda iops_in_progress 0"]);
    }

    #[test]
    fn a_device_that_started_again_is_silent_once_and_its_neighbour_is_not() {
        let text = |a: u64, b: u64| format!("8 0 sda {a} 0 0 0 0 0 0 0 0 0 0\n8 1 sdb {b} 0 0 0 0 0 0 0 0 0 0\n");
        let mut diskio = Diskio::default();
        diskio.readings(&text(500, 10), |_| true);
        let reads = |readings: Vec<Reading>| {
            let reads = readings.into_iter().filter(|it| it.field == "reads");
            reads.map(|it| (it.dimensions[0].1.clone(), it.value)).collect::<Vec<_>>()
        };
        assert_eq!(reads(diskio.readings(&text(4, 11), |_| true)), [("sdb".to_owned(), 1.0)]);
        let both = [("sda".to_owned(), 2.0), ("sdb".to_owned(), 1.0)];
        assert_eq!(reads(diskio.readings(&text(6, 12), |_| true)), both);
    }

    #[test]
    fn sectors_that_ran_over_32_bits_went_on() {
        let text = |sectors: u32| format!("8 0 sda 1 0 {sectors} 0 0 0 0 0 0 0 0\n");
        let mut diskio = Diskio::default();
        diskio.readings(&text(u32::MAX), |_| true);
        let readings = diskio.readings(&text(1), |_| true);
        assert!(lines(&readings).contains(&"sda read_bytes 1024".to_owned()), "{readings:?}");
    }

    #[test]
    fn devices_that_only_pass_on_or_live_in_memory_are_known() {
        assert!(["loop0", "loop12", "ram3", "zram0"].into_iter().all(is_unasked));
        assert!(!["sda", "ramdisk", "loops", "dm-0", "md0", "nvme0n1p2", "zd0", "mmcblk0"].into_iter().any(is_unasked));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([0-9]{1,3} [0-9] [a-z0-9/-]{0,9}( [0-9x]{1,21}){0,12}\n){0,4}") {
            Diskio::default().readings(&text, |_| true);
        }
    }
}
