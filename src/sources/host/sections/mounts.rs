//! Reads which file systems are mounted, and decides which of them are told of.
//!
//! Without `resources`, and with `*`: every file system once. A bind mount, a subvolume of btrfs and what systemd mounts for
//! the namespace of a service show the same blocks again; of all mounts of one file system the one with the shortest path
//! stays. What holds no data of its own (proc, tmpfs, overlay, …) or is always full (squashfs, …) is left out: seven metrics each
//! to pay for, for nothing. With names: just those, whatever they are, in the order of their mounting.
//!
//! `autofs` is never asked: that would mount what nobody wanted.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::Resources;

/// File systems that are told of where they are named only.
const UNASKED: [&str; 49] = [
    "aufs",
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.fuse-overlayfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "none",
    "nsfs",
    "overlay",
    "overlayfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "romfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "usbfs",
    "vmblock",
];

/// A file system where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: PathBuf,
    /// Its type.
    pub kind: String,
    /// What is mounted: `/dev/sda1`, `server:/export`, `tank/home`.
    pub source: Vec<u8>,
    /// The kernel's number of the file system, `8:1`: the same in all its mounts.
    pub number: String,
}

impl Mount {
    /// Whether asking it for its space needs another machine, or a program of this one: it may never answer.
    pub fn may_hang(&self) -> bool {
        let has_disk = self.source.starts_with(b"/dev/") && !self.kind.starts_with("fuse");
        !has_disk && !["zfs", "tmpfs", "devtmpfs", "ramfs"].contains(&self.kind.as_str())
    }
}

/// Reads `/proc/self/mountinfo`. A line that is not understood is passed over.
pub fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// id parent major:minor root point options tags… - type source options
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = fields.nth(2)?;
    let point = fields.nth(1)?;
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = fields.next().filter(|kind| !kind.is_empty())?;
    let source = fields.next()?;
    point.starts_with(b"/").then(|| Mount {
        point: path(&unescaped(point)),
        kind: String::from_utf8_lossy(kind).into_owned(),
        source: unescaped(source),
        number: String::from_utf8_lossy(number).into_owned(),
    })
}

fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned()
}

/// Blanks, line ends and backslashes are written as a backslash and three octal digits (proc(5)).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (byte, next) = match after.split_at_checked(3).and_then(|(code, next)| Some((octal(code)?, next))) {
            Some(escaped) if *first == b'\\' => escaped,
            _ => (*first, after),
        };
        plain.push(byte);
        rest = next;
    }
    plain
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()
}

/// Those that are told of.
pub fn select(all: Vec<Mount>, asked: &Resources, ignored_types: &[String]) -> Vec<Mount> {
    let mut mounts = uppermost(all);
    mounts.retain(|mount| mount.kind != "autofs" && !ignored_types.contains(&mount.kind));
    if let Resources::Named(names) = asked {
        // Paths are compared by their parts: `/data/` is `/data`.
        mounts.retain(|mount| names.iter().any(|name| Path::new(name) == mount.point));
        return mounts;
    }
    mounts.retain(|mount| !UNASKED.contains(&mount.kind.as_str()));
    let mut shortest: BTreeMap<String, usize> = BTreeMap::new();
    for mount in &mounts {
        let length = mount.point.as_os_str().len();
        let least = shortest.entry(mount.number.clone()).or_insert(length);
        *least = length.min(*least);
    }
    // The first of those that are equally short takes the entry away from the others.
    mounts.retain(|mount| {
        let is_it = shortest.get(&mount.number) == Some(&mount.point.as_os_str().len());
        is_it && shortest.remove(&mount.number).is_some()
    });
    mounts
}

/// Where several are mounted on one point, the last covers the others.
fn uppermost(all: Vec<Mount>) -> Vec<Mount> {
    let last: BTreeMap<PathBuf, usize> =
        all.iter().enumerate().map(|(place, mount)| (mount.point.clone(), place)).collect();
    let is_last = |place: usize, mount: &Mount| last.get(&mount.point) == Some(&place);
    all.into_iter().enumerate().filter(|(place, mount)| is_last(*place, mount)).map(|(_, mount)| mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOUNTINFO: &str = r"22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 179:1 / /boot/firmware rw - vfat /dev/mmcblk0p1 rw
25 22 8:1 / /media/My\040Stick\134 rw master:2 propagate_from:1 - exfat /dev/sda1 rw
26 22 179:2 /var/lib/x /x rw - ext4 /dev/mmcblk0p2 rw
27 22 0:50 / /mnt/nas rw - nfs4 nas:/export rw
28 22 0:51 / /auto rw - autofs systemd-1 rw
29 22 0:52 / /tmp rw - tmpfs tmpfs rw
30 22 8:17 / /tmp rw - ext4 /dev/sdb1 rw
31 22 8:17 /b /opt rw - ext4 /dev/sdb1 rw
";

    fn points(asked: &Resources, ignored: &[&str]) -> Vec<String> {
        let ignored: Vec<String> = ignored.iter().map(|kind| (*kind).to_owned()).collect();
        let mounts = select(parse(MOUNTINFO.as_bytes()), asked, &ignored);
        mounts.iter().map(|mount| mount.point.display().to_string()).collect()
    }

    fn named(names: &[&str]) -> Resources {
        Resources::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn each_file_system_that_holds_data_is_told_of_once() {
        let expected = ["/", "/boot/firmware", r"/media/My Stick\", "/mnt/nas", "/tmp"];
        assert_eq!(points(&Resources::Unset, &[]), expected);
        assert_eq!(points(&Resources::All, &["nfs4", "ext4"]), ["/boot/firmware", r"/media/My Stick\"]);
    }

    #[test]
    fn what_is_named_is_told_of_whatever_it_is_but_for_ignored_types_and_autofs() {
        assert_eq!(points(&named(&["/x/", "/proc", "/auto", "/none"]), &[]), ["/proc", "/x"]);
        assert_eq!(points(&named(&["/x", "/proc"]), &["proc"]), ["/x"]);
    }

    #[test]
    fn what_is_mounted_last_on_a_point_covers_the_others() {
        let mounts = select(parse(MOUNTINFO.as_bytes()), &named(&["/tmp"]), &[]);
        assert_eq!(mounts.iter().map(|mount| mount.kind.as_str()).collect::<Vec<_>>(), ["ext4"]);
    }

    #[test]
    fn a_line_that_is_not_understood_costs_itself_only() {
        let lines = b"x\n\n1 2 8:1 / /a rw\n1 2 8:2 / b rw - ext4 /dev/b rw\n1 2 8:3 / /c rw - ext4 /dev/c rw\n";
        assert_eq!(parse(lines).iter().map(|mount| mount.source.as_slice()).collect::<Vec<_>>(), [b"/dev/c"]);
    }

    #[test]
    fn a_point_may_be_called_anything() {
        let mounts = parse(b"1 2 8:1 / /m\\011\\012\xff\\0\\999 rw - ext4 /dev/a rw\n");
        assert_eq!(mounts[0].point, path(b"/m\t\n\xff\\0\\999"));
    }

    #[test]
    fn only_what_needs_somebody_else_may_hang() {
        let may_hang = |kind: &str, source: &str| {
            Mount { point: "/".into(), kind: kind.to_owned(), source: source.into(), number: String::new() }.may_hang()
        };
        for (kind, source) in [("ext4", "/dev/sda1"), ("btrfs", "/dev/dm-0"), ("zfs", "tank/home"), ("tmpfs", "tmpfs")]
        {
            assert!(!may_hang(kind, source), "{kind}");
        }
        for (kind, source) in [
            ("nfs", "nas:/x"),
            ("nfs4", "nas:/x"),
            ("cifs", "//nas/x"),
            ("fuse.sshfs", "me@nas:"),
            ("fuseblk", "/dev/sdb1"),
            ("9p", "x"),
            ("ceph", "1.2.3.4:/"),
        ] {
            assert!(may_hang(kind, source), "{kind}");
        }
    }

    #[test]
    fn the_list_of_types_has_none_twice() {
        assert!(UNASKED.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            select(parse(&text), &Resources::Unset, &[]);
        }
    }
}
