//! Reads disk counters and decides which disks count.
//!
//! Each physical disk counts once. What stands on top of one (a partition, a dm or md volume, a loop, a zvol) or in
//! memory (ram, zram) would count the same bytes again, or bytes that no disk ever saw. The kernel says which is which:
//! only what has hardware under it has `/sys/block/<name>/device`, whether it is called sd, nvme, mmcblk, vd or xvd. Where
//! `/sys/block` is missing, as in some containers, the name has to do.
//!
//! Pure: no I/O, no clock, no tasks.

use super::rate::{Counters, Devices};
use crate::record::Unit;

/// The metrics, in the order of a device's counters.
pub const METRICS: [(&str, Unit); Counters::KINDS] = [
    ("DiskReadBytes", Unit::Bytes),
    ("DiskWriteBytes", Unit::Bytes),
    ("DiskReadOps", Unit::Count),
    ("DiskWriteOps", Unit::Count),
];

/// The unit of the sector counters, whatever the disk's own sectors are (Linux, admin-guide/iostats).
const SECTOR_BYTES: u64 = 512;

/// Reads `/proc/diskstats`: every block device there is, partitions too. A line that is not understood is passed over.
pub fn parse(diskstats: &str) -> Devices {
    Devices(diskstats.lines().filter_map(parse_line).collect())
}

/// major minor name, then reads, merged, sectors read, ms, writes, merged, sectors written, ms, …
fn parse_line(line: &str) -> Option<(String, Counters)> {
    let mut fields = line.split_ascii_whitespace().skip(2);
    let name = fields.next()?;
    let mut numbers = [0u64; 7];
    for number in &mut numbers {
        *number = fields.next()?.parse().ok()?;
    }
    let [reads, _, read_sectors, _, writes, _, written_sectors] = numbers;
    let bytes = |sectors: u64| sectors.saturating_mul(SECTOR_BYTES);
    Some((name.to_owned(), Counters::from([bytes(read_sectors), bytes(written_sectors), reads, writes])))
}

/// Leaves the disks that `is_physical` says are, each once.
///
/// An NVMe disk on several controllers shows its paths too (`nvme0c1n1` under `nvme0n1`). The paths are what every kernel
/// counts on, the disk above them only newer ones (Linux 6.4): so the paths stay and the disk goes.
pub fn select(all: Devices, is_physical: impl Fn(&str) -> bool) -> Devices {
    let mut disks = all;
    disks.0.retain(|name, _| is_physical(name));
    let heads: Vec<String> = disks.0.keys().filter_map(|name| head_of_path(name)).collect();
    disks.0.retain(|name, _| !heads.contains(name));
    disks
}

/// `nvme0c1n2` → `nvme0n2`.
fn head_of_path(name: &str) -> Option<String> {
    let (subsystem, path) = name.strip_prefix("nvme")?.split_once('c')?;
    let (controller, namespace) = path.split_once('n')?;
    let is_path = [subsystem, controller, namespace].into_iter().all(is_number);
    is_path.then(|| format!("nvme{subsystem}n{namespace}"))
}

/// Is this what whole physical disks are called? `sda`, `hda`, `vda`, `xvda`, `nvme0n1`, `mmcblk0`; not `sda1`.
pub fn is_whole_disk_name(name: &str) -> bool {
    let lettered = ["sd", "hd", "vd", "xvd"].iter().any(|prefix| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase()))
    });
    let nvme = || name.strip_prefix("nvme")?.split_once('n').map(|(disk, space)| is_number(disk) && is_number(space));
    lettered
        || name.strip_prefix("mmcblk").is_some_and(is_number)
        || nvme() == Some(true)
        || head_of_path(name).is_some()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(devices: &Devices) -> Vec<&str> {
        devices.0.keys().map(String::as_str).collect()
    }

    #[test]
    fn sectors_become_bytes_and_operations_are_completed_ones() {
        let devices = parse("   8       0 sda 100 7 2000 30 50 9 4000 60 0 80 90 1 2 3 4 5 6\n");
        assert_eq!(devices.0["sda"], Counters::from([2000 * 512, 4000 * 512, 100, 50]));
    }

    #[test]
    fn a_line_that_is_not_understood_is_passed_over() {
        let devices = parse("8 0 sda 1 2\n\n8 16 sdb 1 2 3 4 5 6 x 8\n8 32 sdc 1 2 3 4 5 6 7 8\n");
        assert_eq!(names(&devices), ["sdc"]);
    }

    #[test]
    fn whole_disks_are_known_by_name_where_nothing_else_tells() {
        for disk in ["sda", "sdaa", "hdb", "vda", "xvdf", "nvme0n1", "nvme10n12", "nvme0c1n1", "mmcblk0"] {
            assert!(is_whole_disk_name(disk), "{disk}");
        }
        let others =
            ["sda1", "sd", "xvda1", "nvme0n1p2", "nvme0", "mmcblk0p1", "mmcblk0boot0", "loop0", "ram0", "zram0"];
        for other in others.into_iter().chain(["dm-0", "md127", "zd0", "sr0", "fd0", "nbd0", "drbd1", "bcache0", ""]) {
            assert!(!is_whole_disk_name(other), "{other}");
        }
    }

    #[test]
    fn an_nvme_disk_and_its_paths_count_once() {
        let line = |name: &str| format!("259 0 {name} 1 0 1 0 1 0 1 0\n");
        let all: String = ["nvme0n1", "nvme0c0n1", "nvme0c1n1", "nvme1n1", "nvme0n2"].map(line).concat();
        let disks = select(parse(&all), is_whole_disk_name);
        assert_eq!(names(&disks), ["nvme0c0n1", "nvme0c1n1", "nvme0n2", "nvme1n1"]);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([0-9]{1,3} [0-9] [a-z0-9/-]{0,9}( [0-9x]{1,21}){0,12}\n){0,4}") {
            select(parse(&text), is_whole_disk_name);
        }
    }
}
