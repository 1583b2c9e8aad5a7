//! Section `netstat`: how many sockets there are, by state; IPv4 and IPv6 together.
//!
//! Ours, and why it differs from the agent: the agent counts local (Unix) sockets too, streams as `tcp_none` and datagrams as
//! `udp_socket`, and counts listeners that share a port once. Here a socket of TCP is one of TCP, and each counts: what `ss`
//! shows. `tcp_none` is a TCP socket in none of the other states.
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;

/// The states in the order of the kernel's numbers, from 1 (Linux, `include/net/tcp_states.h`).
const STATES: [&str; 11] = [
    "tcp_established",
    "tcp_syn_sent",
    "tcp_syn_recv",
    "tcp_fin_wait1",
    "tcp_fin_wait2",
    "tcp_time_wait",
    "tcp_close",
    "tcp_close_wait",
    "tcp_last_ack",
    "tcp_listen",
    "tcp_closing",
];

/// TCP sockets, counted.
#[derive(Debug, Default)]
pub struct Tcp {
    by_state: [u32; STATES.len()],
    others: u32,
}

impl Tcp {
    /// Counts what a line of `/proc/net/tcp` or `tcp6` tells of, if it is a socket: the heading is none.
    pub fn add(&mut self, line: &str) {
        let Some(state) = state_of(line) else { return };
        let place = state.checked_sub(1).and_then(|place| self.by_state.get_mut(usize::from(place)));
        *place.unwrap_or(&mut self.others) += 1;
    }

    /// The figures.
    pub fn readings(&self) -> Vec<Reading> {
        let known = STATES.into_iter().zip(self.by_state);
        known.chain([("tcp_none", self.others)]).map(|(field, count)| reading(field, count)).collect()
    }
}

/// UDP sockets, counted.
#[derive(Debug, Default)]
pub struct Udp(u32);

impl Udp {
    /// Counts what a line of `/proc/net/udp` or `udp6` tells of, if it is a socket.
    pub fn add(&mut self, line: &str) {
        self.0 += u32::from(state_of(line).is_some());
    }

    /// The figure.
    pub fn reading(&self) -> Reading {
        reading("udp_socket", self.0)
    }
}

/// sl: local remote state …
fn state_of(line: &str) -> Option<u8> {
    let mut fields = line.split_ascii_whitespace();
    let is_socket = fields.next()?.strip_suffix(':')?.bytes().all(|byte| byte.is_ascii_digit());
    let state = fields.nth(2).filter(|_| is_socket)?;
    u8::from_str_radix(state, 16).ok()
}

fn reading(field: &'static str, count: u32) -> Reading {
    Reading { field, dimensions: Vec::new(), value: f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADING: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    fn line(state: &str) -> String {
        format!("   1: 0100007F:1F90 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 2 1")
    }

    fn counts(lines: &[String]) -> Vec<(&'static str, f64)> {
        let mut tcp = Tcp::default();
        lines.iter().for_each(|line| tcp.add(line));
        tcp.readings().into_iter().filter(|it| it.value > 0.0).map(|it| (it.field, it.value)).collect()
    }

    #[test]
    fn every_state_has_its_name() {
        let states = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "0A", "0B"];
        for (state, field) in states.iter().zip(STATES) {
            assert_eq!(counts(&[line(state)]), [(field, 1.0)]);
        }
        assert_eq!(counts(&[line("0C"), line("00"), line("FF")]), [("tcp_none", 3.0)]);
    }

    #[test]
    fn a_line_that_is_no_socket_is_passed_over() {
        let lines = [HEADING.to_owned(), line("0A"), "   2: broken".to_owned(), String::new(), line("zz"), line("0A")];
        assert_eq!(counts(&lines), [("tcp_listen", 2.0)]);
    }

    #[test]
    fn a_udp_socket_is_one_whatever_its_state() {
        let mut udp = Udp::default();
        [HEADING, &line("07"), &line("01"), "x"].into_iter().for_each(|line| udp.add(line));
        assert_eq!(udp.reading().value, 2.0);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "[0-9A-F: x]{0,60}") {
            Tcp::default().add(&text);
            Udp::default().add(&text);
        }
    }
}
