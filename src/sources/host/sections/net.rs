//! Section `net`: what each interface passed on since the last look.
//!
//! As the agent has it: without `resources`, and with `*`, every interface that is up, but for the loopback; with names, just
//! those, whatever state they are in.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use super::super::reading::Reading;
use super::growth::Before;
use crate::delivery::dimension::value_of;

const FIELDS: [&str; 8] =
    ["bytes_sent", "bytes_recv", "drop_in", "drop_out", "err_in", "err_out", "packets_sent", "packets_recv"];

/// `IFF_UP` and `IFF_LOOPBACK` of `<linux/if.h>`.
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;

/// The section at work.
#[derive(Debug, Default)]
pub struct Net {
    before: Before<{ FIELDS.len() }>,
}

impl Net {
    /// Reads `/proc/net/dev`, of the interfaces that are wanted by their names.
    pub fn readings(&mut self, dev: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<Reading> {
        // What is not told of now may be again: one that was down for a moment loses nothing of what it passed on.
        let now: BTreeMap<_, _> = dev.lines().filter_map(parse_line).collect();
        let mut readings = Vec::new();
        for (name, grown) in self.before.step(now).into_iter().filter(|(name, _)| is_wanted(name)) {
            let dimensions = vec![("interface", value_of(name.as_bytes()))];
            for (field, grown) in FIELDS.into_iter().zip(grown) {
                readings.push(Reading { field, dimensions: dimensions.clone(), value: grown as f64 });
            }
        }
        readings
    }
}

/// Is an interface up, and not the loopback? `flags` is what `/sys/class/net/<name>/flags` says; where that is not to be had,
/// as in some containers, the name has to do.
pub fn is_asked(name: &str, flags: Option<&str>) -> bool {
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok());
    flags.map_or(name != "lo", |flags| flags & UP != 0 && flags & LOOPBACK == 0)
}

/// name: bytes, packets, errors, drops and four more received, then bytes, packets, errors, drops and four more sent.
fn parse_line(line: &str) -> Option<(String, [u64; FIELDS.len()])> {
    let (name, numbers) = line.rsplit_once(':')?;
    let mut fields = [0; 12];
    let mut text = numbers.split_ascii_whitespace();
    for field in &mut fields {
        *field = text.next()?.parse().ok()?;
    }
    let [bytes_in, packets_in, errors_in, drops_in, _, _, _, _, bytes_out, packets_out, errors_out, drops_out] = fields;
    let counters = [bytes_out, bytes_in, drops_in, drops_out, errors_in, errors_out, packets_out, packets_in];
    Some((name.trim().to_owned(), counters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(readings: &[Reading]) -> Vec<String> {
        readings.iter().map(|it| format!("{} {} {}", it.dimensions[0].1, it.field, it.value)).collect()
    }

    #[test]
    fn what_passed_in_between_is_told_of_each_interface() {
        let mut net = Net::default();
        let head = "Inter-|   Receive |  Transmit\n face |bytes packets |bytes packets\n";
        let first = format!("{head}  eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n");
        let second = format!("{head}  eth0:1100 11 3 5 0 0 0 0 2400 25 9 11 0 0 0 0\n");
        assert_eq!(lines(&net.readings(&first, |_| true)), [""; 0]);
        let expected = [
            "eth0 bytes_sent 400",
            "eth0 bytes_recv 100",
            "eth0 drop_in 3",
            "eth0 drop_out 7",
            "eth0 err_in 2",
            "eth0 err_out 6",
            "eth0 packets_sent 5",
            "eth0 packets_recv 1",
        ];
        assert_eq!(lines(&net.readings(&second, |_| true)), expected);
    }

    #[test]
    fn an_interface_that_was_not_told_of_once_loses_nothing() {
        let mut net = Net::default();
        let text = |bytes: u32| format!("eth0: {bytes} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        net.readings(&text(1_000), |_| true);
        assert_eq!(net.readings(&text(1_100), |_| false), []);
        assert!(lines(&net.readings(&text(1_150), |_| true)).contains(&"eth0 bytes_recv 50".to_owned()));
    }

    #[test]
    fn a_line_that_is_not_understood_costs_its_own_interface_only() {
        let mut net = Net::default();
        let text = "eth0: 1 2 3\neth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nwlan0: 1 2 3 4 5 6 7 8 9 x 11 12\n";
        net.readings(text, |_| true);
        assert!(net.readings(text, |_| true).iter().all(|it| it.dimensions[0].1 == "eth1"));
        assert_eq!(net.readings(text, |_| true).len(), 8);
    }

    #[test]
    fn an_interface_counts_unasked_where_it_is_up_and_no_loopback() {
        // up|broadcast|multicast, up|loopback, down, up|loopback under another name, and no flags at all.
        let cases = [
            ("eth0", Some("0x1003\n"), true),
            ("lo", Some("0x9\n"), false),
            ("wlan0", Some("0x1002\n"), false),
            ("lo2", Some("0x9"), false),
            ("eth0", None, true),
            ("lo", None, false),
            ("eth0", Some("?"), true),
        ];
        for (name, flags, is_wanted) in cases {
            assert_eq!(is_asked(name, flags), is_wanted, "{name} {flags:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-z0-9:.]{0,9}:( [0-9x]{1,21}){0,16}\n){0,4}") {
            Net::default().readings(&text, |_| true);
        }
    }
}
