//! Reads interface counters and decides which interfaces count.
//!
//! NetworkIn and NetworkOut are what passed between this machine and the network: the physical interfaces, those that
//! have hardware under them (`/sys/class/net/<name>/device`). Loopback never left the machine; a bridge, bond, VLAN,
//! tunnel or container's veth shows again what a physical interface carried, or what never left the machine either.
//! A member of a bond counts itself, as the bond does not; a member whose master counts its traffic already (the virtual
//! function behind a cloud's network card) does not.
//!
//! Where no interface is physical, as in a container, all count but loopback and those that are known by name to double
//! others.
//!
//! Known loss: a modem on a serial line is a `ppp0` without hardware under it, so beside a network card it is not counted.
//!
//! Pure: no I/O, no clock, no tasks.

use super::rate::{Counters, Devices};
use crate::record::Unit;

/// The metrics, in the order of an interface's counters.
pub const METRICS: [(&str, Unit); Counters::KINDS] = [
    ("NetworkIn", Unit::Bytes),
    ("NetworkOut", Unit::Bytes),
    ("NetworkPacketsIn", Unit::Count),
    ("NetworkPacketsOut", Unit::Count),
];

/// How interfaces are called that pass on what another one carries: containers, virtual machines, tunnels.
const DOUBLING: [&str; 13] =
    ["docker", "br-", "veth", "virbr", "vnet", "cni", "flannel", "cali", "vxlan", "tun", "tap", "wg", "ifb"];

/// Reads `/proc/net/dev`: every interface there is. A line that is not understood (the headings) is passed over.
pub fn parse(dev: &str) -> Devices {
    Devices(dev.lines().filter_map(parse_line).collect())
}

/// name: bytes, packets and six more received, then bytes, packets and six more sent.
fn parse_line(line: &str) -> Option<(String, Counters)> {
    let (name, numbers) = line.rsplit_once(':')?;
    let mut fields = [0u64; 10];
    let mut text = numbers.split_ascii_whitespace();
    for field in &mut fields {
        *field = text.next()?.parse().ok()?;
    }
    let [bytes_in, packets_in, _, _, _, _, _, _, bytes_out, packets_out] = fields;
    Some((name.trim().to_owned(), Counters::from([bytes_in, bytes_out, packets_in, packets_out])))
}

/// Leaves the interfaces that count. `master_of` names the interface that one is a member of.
pub fn select(all: Devices, is_physical: impl Fn(&str) -> bool, master_of: impl Fn(&str) -> Option<String>) -> Devices {
    let physical: Vec<String> = all.0.keys().filter(|name| is_physical(name)).cloned().collect();
    let counts = |name: &str| {
        if physical.is_empty() {
            name != "lo" && !DOUBLING.iter().any(|prefix| name.starts_with(prefix))
        } else {
            let is_counted = |other: &str| physical.iter().any(|name| name == other);
            is_counted(name) && !master_of(name).is_some_and(|master| is_counted(&master))
        }
    };
    let mut counted = all;
    counted.0.retain(|name, _| counts(name));
    counted
}

/// Is this what macOS calls an interface with hardware under it? `en0` and up: Ethernet, Wi-Fi, Thunderbolt, USB.
///
/// The others there (lo, bridge, utun, awdl, llw, ap, anpi, gif, stf) double these or never leave the machine.
pub fn is_macos_hardware_name(name: &str) -> bool {
    name.strip_prefix("en").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(devices: &Devices) -> Vec<&str> {
        devices.0.keys().map(String::as_str).collect()
    }

    fn devices(names: &[&str]) -> Devices {
        Devices(names.iter().map(|name| ((*name).to_owned(), Counters::default())).collect())
    }

    #[test]
    fn both_directions_are_read_and_headings_are_not_interfaces() {
        let dev = "Inter-|   Receive |  Transmit\n face |bytes packets |bytes packets\n  eth0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n";
        let read = parse(dev);
        assert_eq!(names(&read), ["eth0"]);
        assert_eq!(read.0["eth0"], Counters::from([1000, 2000, 10, 20]));
    }

    #[test]
    fn only_hardware_counts_where_there_is_some() {
        let all = devices(&["lo", "eth0", "wlan0", "docker0", "veth1234", "br0", "wg0", "eth0.7"]);
        assert_eq!(names(&select(all, |name| ["eth0", "wlan0"].contains(&name), |_| None)), ["eth0", "wlan0"]);
    }

    #[test]
    fn members_of_a_bond_count_and_the_bond_does_not() {
        let is_physical = |name: &str| name.starts_with("eno");
        let master = |name: &str| is_physical(name).then(|| "bond0".to_owned());
        assert_eq!(names(&select(devices(&["lo", "bond0", "eno1", "eno2"]), is_physical, master)), ["eno1", "eno2"]);
    }

    #[test]
    fn a_member_whose_master_is_hardware_too_is_not_counted_again() {
        let master = |name: &str| (name == "enP1").then(|| "eth0".to_owned());
        assert_eq!(names(&select(devices(&["lo", "enP1", "eth0"]), |name| name != "lo", master)), ["eth0"]);
    }

    #[test]
    fn without_hardware_all_count_but_loopback_and_what_doubles() {
        let all = devices(&["lo", "eth0", "net1", "docker0", "veth1234", "br-5f", "tun0"]);
        assert_eq!(names(&select(all, |_| false, |_| None)), ["eth0", "net1"]);
    }

    #[test]
    fn on_macos_only_en_interfaces_have_hardware() {
        assert!(is_macos_hardware_name("en0") && is_macos_hardware_name("en12"));
        for other in ["en", "lo0", "utun3", "bridge0", "awdl0", "llw0", "enc0"] {
            assert!(!is_macos_hardware_name(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-z0-9:.]{0,9}:( [0-9x]{1,21}){0,16}\n){0,4}") {
            select(parse(&text), |_| false, |_| None);
        }
    }
}
