//! Section `processes`: how many there are, by what they do.
//!
//! | field | letters of the state (proc(5)) |
//! |---|---|
//! | running | R |
//! | sleeping | S: waits, and a signal wakes it |
//! | blocked | D: waits for a disk, and no signal wakes it |
//! | idle | I: a thread of the kernel without work |
//! | stopped | T, t |
//! | zombies | Z |
//! | dead | X, x |
//! | paging | W |
//! | wait | none: Linux has no such state, so it is always 0 (the CloudWatch Agent does not send it there) |
//! | total | each process once, whatever its state |
//! | total_threads | the threads of all of them |
//!
//! Where `/proc` is mounted with `hidepid`, a program without rights sees its own user's processes only, and counts those.
//!
//! Pure: no I/O, no clock, no tasks.

use super::super::reading::Reading;

const STATES: [(&str, &[u8]); 9] = [
    ("blocked", b"D"),
    ("dead", b"Xx"),
    ("idle", b"I"),
    ("paging", b"W"),
    ("running", b"R"),
    ("sleeping", b"S"),
    ("stopped", b"Tt"),
    ("wait", b""),
    ("zombies", b"Z"),
];

/// How many fields of a `stat` lie between the state and the number of threads.
const FROM_STATE_TO_THREADS: usize = 16;

/// Processes, counted.
#[derive(Debug, Default)]
pub struct Processes {
    by_state: [u32; STATES.len()],
    total: u32,
    threads: u64,
}

impl Processes {
    /// Counts the process whose `/proc/<pid>/stat` this is. One that is not understood is passed over.
    pub fn add(&mut self, stat: &[u8]) {
        // The program's name stands in parentheses and may hold any byte, so only the last one closes it.
        let Some(end) = stat.iter().rposition(|byte| *byte == b')') else { return };
        let mut fields = stat[end + 1..].split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
        let Some([state]) = fields.next() else { return };
        self.total += 1;
        if let Some(place) = STATES.iter().position(|(_, letters)| letters.contains(state)) {
            self.by_state[place] += 1;
        }
        let threads = fields.nth(FROM_STATE_TO_THREADS).and_then(|field| str::from_utf8(field).ok()?.parse().ok());
        self.threads = self.threads.saturating_add(threads.unwrap_or(0));
    }

    /// The figures; `None` where there is no process, which cannot be.
    pub fn readings(&self) -> Option<Vec<Reading>> {
        let states = STATES.into_iter().zip(self.by_state).map(|((field, _), count)| (field, f64::from(count)));
        let sums = [("total", f64::from(self.total)), ("total_threads", self.threads as f64)];
        let readings = states.chain(sums).map(|(field, value)| Reading { field, dimensions: Vec::new(), value });
        (self.total > 0).then(|| readings.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stat(name: &str, state: char, threads: u32) -> Vec<u8> {
        format!("7 ({name}) {state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 {threads} 0 99 1000 2 3\n").into_bytes()
    }

    fn counts(stats: &[Vec<u8>]) -> Vec<(&'static str, f64)> {
        let mut processes = Processes::default();
        stats.iter().for_each(|stat| processes.add(stat));
        let readings = processes.readings().unwrap();
        readings.into_iter().filter(|it| it.value > 0.0).map(|it| (it.field, it.value)).collect()
    }

    #[test]
    fn each_state_has_its_name_and_each_process_counts_once() {
        let letters = "DXxIWRSTtZ".chars().map(|letter| stat("a", letter, 2)).collect::<Vec<_>>();
        let expected = [
            ("blocked", 1.0),
            ("dead", 2.0),
            ("idle", 1.0),
            ("paging", 1.0),
            ("running", 1.0),
            ("sleeping", 1.0),
            ("stopped", 2.0),
            ("zombies", 1.0),
            ("total", 10.0),
            ("total_threads", 20.0),
        ];
        assert_eq!(counts(&letters), expected);
    }

    #[test]
    fn a_name_may_hold_anything() {
        let names = ["a) Z (b", ") R 1", "x y", "\n"].map(|name| stat(name, 'S', 1));
        assert_eq!(counts(&names), [("sleeping", 4.0), ("total", 4.0), ("total_threads", 4.0)]);
        assert_eq!(counts(&[b"7 (\xff\xfe) S 1".to_vec()]), [("sleeping", 1.0), ("total", 1.0)]);
    }

    #[test]
    fn one_that_is_not_understood_costs_itself_only() {
        let stats = [b"".to_vec(), b"7 (gone".to_vec(), b"7 (a) ".to_vec(), stat("b", 'R', 3)];
        assert_eq!(counts(&stats), [("running", 1.0), ("total", 1.0), ("total_threads", 3.0)]);
    }

    #[test]
    fn a_state_without_a_name_counts_in_the_total() {
        assert_eq!(counts(&[stat("parked", 'P', 1)]), [("total", 1.0), ("total_threads", 1.0)]);
    }

    #[test]
    fn no_process_at_all_is_no_figure() {
        assert_eq!(Processes::default().readings(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(stat in proptest::collection::vec(any::<u8>(), 0..80)) {
            Processes::default().add(&stat);
        }
    }
}
