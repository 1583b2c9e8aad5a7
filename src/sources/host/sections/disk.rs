//! Section `disk`: how full file systems are.
//!
//! As telegraf has it: free is what users can still get, used is what is not free at all, and between the two lies what the
//! file system keeps for root. So used_percent is used / (used + free), what `df` shows, and 100 when users can write no more.
//! A file system without any size is none. Ours: one that has no fixed number of inodes (btrfs, FAT) says 0, and has no inode
//! figures here: an alarm on few free inodes would go off for ever.
//!
//! Dimensions: `path`, `device` (without `/dev/`), `fstype`.
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;
use super::mounts::Mount;
use crate::delivery::dimension::value_of;

/// What a file system says of itself: statvfs(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in a block.
    pub block_bytes: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that nothing uses.
    pub blocks_free: u64,
    /// Blocks that users can get.
    pub blocks_available: u64,
    /// All inodes.
    pub inodes: u64,
    /// Inodes that nothing uses.
    pub inodes_free: u64,
}

/// The figures of a file system on `device`; none where it has no size.
pub fn readings(mount: &Mount, device: Option<&[u8]>, usage: &Usage) -> Vec<Reading> {
    if usage.blocks == 0 {
        return Vec::new();
    }
    let dimensions = dimensions(mount, device);
    let bytes = |blocks: u64| blocks as f64 * usage.block_bytes as f64;
    let free = bytes(usage.blocks_available);
    let used = bytes(usage.blocks.saturating_sub(usage.blocks_free));
    let percent = if used + free > 0.0 { 100.0 * used / (used + free) } else { 0.0 };
    let mut figures =
        vec![("free", free), ("total", bytes(usage.blocks)), ("used", used), ("used_percent", percent.min(100.0))];
    if usage.inodes > 0 {
        figures.push(("inodes_free", usage.inodes_free as f64));
        figures.push(("inodes_total", usage.inodes as f64));
        figures.push(("inodes_used", usage.inodes.saturating_sub(usage.inodes_free) as f64));
    }
    figures.into_iter().map(|(field, value)| Reading { field, dimensions: dimensions.clone(), value }).collect()
}

fn dimensions(mount: &Mount, device: Option<&[u8]>) -> Vec<(&'static str, String)> {
    use std::os::unix::ffi::OsStrExt;
    let mut dimensions = vec![("path", value_of(mount.point.as_os_str().as_bytes()))];
    if let Some(device) = device {
        dimensions.push(("device", value_of(device.strip_prefix(b"/dev/").unwrap_or(device))));
    }
    dimensions.push(("fstype", value_of(mount.kind.as_bytes())));
    dimensions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mount() -> Mount {
        Mount {
            point: "/data".into(),
            kind: "ext4".to_owned(),
            source: b"/dev/sda1".to_vec(),
            number: "8:1".to_owned(),
        }
    }

    const USAGE: Usage = Usage {
        block_bytes: 4_096,
        blocks: 1_000,
        blocks_free: 500,
        blocks_available: 450,
        inodes: 90,
        inodes_free: 60,
    };

    fn figures(usage: &Usage) -> Vec<(&'static str, f64)> {
        readings(&mount(), None, usage).into_iter().map(|it| (it.field, it.value)).collect()
    }

    #[test]
    fn what_is_kept_for_root_is_neither_free_nor_used() {
        let expected = [
            ("free", 450.0 * 4_096.0),
            ("total", 1_000.0 * 4_096.0),
            ("used", 500.0 * 4_096.0),
            ("used_percent", 50_000.0 / 950.0),
            ("inodes_free", 60.0),
            ("inodes_total", 90.0),
            ("inodes_used", 30.0),
        ];
        assert_eq!(figures(&USAGE), expected);
    }

    #[test]
    fn a_full_one_is_100_percent_used_although_root_can_still_write() {
        assert_eq!(figures(&Usage { blocks_available: 0, ..USAGE })[3], ("used_percent", 100.0));
    }

    #[test]
    fn without_a_fixed_number_of_inodes_there_are_no_inode_figures() {
        assert_eq!(figures(&Usage { inodes: 0, inodes_free: 0, ..USAGE }).len(), 4);
    }

    #[test]
    fn without_a_size_there_are_no_figures() {
        assert_eq!(figures(&Usage { blocks: 0, ..USAGE }), []);
    }

    #[test]
    fn the_device_is_a_dimension_unless_it_is_dropped() {
        let of = |device| readings(&mount(), device, &USAGE)[0].dimensions.clone();
        let [path, fstype] = [("path", "/data".to_owned()), ("fstype", "ext4".to_owned())];
        assert_eq!(of(None), [path.clone(), fstype.clone()]);
        assert_eq!(of(Some(b"/dev/sda1")), [path.clone(), ("device", "sda1".to_owned()), fstype.clone()]);
        assert_eq!(of(Some(b"nas:/x")), [path, ("device", "nas:/x".to_owned()), fstype]);
    }

    proptest! {
        #[test]
        fn any_answer_gives_finite_figures(numbers in any::<[u64; 6]>()) {
            let [block_bytes, blocks, blocks_free, blocks_available, inodes, inodes_free] = numbers;
            let usage = Usage { block_bytes, blocks, blocks_free, blocks_available, inodes, inodes_free };
            for (field, value) in figures(&usage) {
                prop_assert!(value.is_finite() && value >= 0.0 && (field != "used_percent" || value <= 100.0));
            }
        }
    }
}
