//! How many packets the system dropped at a socket, because those before had not been read in time.
//!
//! Linux counts them in the last column of `/proc/net/udp` and `/proc/net/udp6` (Documentation/networking/proc_net_tcp and the
//! kernel's `udp4_format_sock`, read 2026-11-21), macOS tells nobody.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// What tells `socket` from others: the number of its inode. None where the system has none.
pub fn name_of(socket: &UdpSocket) -> Option<String> {
    let link = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
}

/// Packets that were dropped at the socket of this name since it was made.
pub fn packets(socket: &str) -> Option<u64> {
    let tables = ["/proc/net/udp", "/proc/net/udp6"];
    tables.iter().find_map(|table| in_table(&fs::read_to_string(table).ok()?, socket))
}

fn in_table(table: &str, socket: &str) -> Option<u64> {
    const INODE: usize = 9;
    const DROPS: usize = 12;
    let mut columns = table.lines().map(|line| line.split_ascii_whitespace());
    columns.find_map(|mut columns| {
        (columns.nth(INODE)? == socket).then(|| columns.nth(DROPS - INODE - 1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_a_socket_are_those_of_its_line() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            1: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 8123 2 0000000000000000 4711\n \
            2: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 81234 2 0000000000000000 0\n";
        let drops = ["8123", "81234", "1", "inode"].map(|socket| in_table(table, socket));
        assert_eq!(drops, [Some(4711), Some(0), None, None]);
    }
}
