//! The seam against a model of the unified log that is cut at random places.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000;

#[test]
fn an_entry_is_handed_over_once() {
    let mut seam = Seam::new(&Saved::default());
    assert!(seam.take(7, 10 * SECOND, 1));
    assert!(!seam.take(7, 10 * SECOND + 16_000, 2));
    assert!(seam.take(8, 10 * SECOND, 2));
}

#[test]
fn a_position_does_not_pass_what_is_not_settled() {
    let mut seam = Seam::new(&Saved::default());
    seam.take(1, 20 * SECOND, 1);
    seam.take(2, 13 * SECOND, 2);
    assert_eq!(seam.settle(1, None), Saved { time_us: 13 * SECOND, around: vec![(1, 20 * SECOND)] });
    assert_eq!(seam.show_from(i64::MAX), 8 * SECOND);
    assert_eq!(seam.settle(2, None).around, [(1, 20 * SECOND), (2, 13 * SECOND)]);
}

#[test]
fn a_position_does_not_pass_what_was_read_and_not_handed_over() {
    let mut seam = Seam::new(&Saved::default());
    seam.take(1, 20 * SECOND, 1);
    assert_eq!(seam.settle(1, Some(11 * SECOND)).time_us, 11 * SECOND);
    assert_eq!(seam.settle(1, None).time_us, 20 * SECOND);
}

#[test]
fn what_was_not_settled_comes_again_after_a_rewind() {
    let mut seam = Seam::new(&Saved::default());
    assert!(seam.take(1, SECOND, 1) && seam.take(2, SECOND, 2));
    seam.settle(1, None);
    seam.rewind();
    assert!(!seam.take(1, SECOND, 3));
    assert!(seam.take(2, SECOND, 3));
}

#[test]
fn a_clock_that_was_set_back_hides_nothing() {
    let mut seam = Seam::new(&Saved { time_us: 5000 * SECOND, around: vec![] });
    assert_eq!(seam.show_from(1000 * SECOND), 995 * SECOND);
    seam.take(1, 1000 * SECOND, 1);
    assert_eq!(seam.settle(1, None).time_us, 1000 * SECOND);
}

#[test]
fn memory_has_a_ceiling_whatever_comes() {
    let mut seam = Seam::new(&Saved::default());
    for number in 0..3 * MAX_SETTLED as u64 {
        seam.take(number, 10 * SECOND, number);
        if number % 10_000 == 0 {
            seam.settle(number, None);
            assert!(seam.len() <= MAX_SETTLED + 10_000);
        }
    }
    let last = 3 * MAX_SETTLED as u64 - 1;
    assert_eq!(seam.settle(last, None).around.len(), MAX_SAVED);
    assert_eq!((seam.len(), seam.known.len()), (MAX_SETTLED, MAX_SETTLED));
    seam.take(u64::MAX, 100 * SECOND, last + 1);
    seam.settle(last + 1, None);
    assert_eq!((seam.len(), seam.known.len()), (1, 1));
}

#[test]
fn what_is_saved_is_read_again_and_nothing_else_is() {
    for saved in [Saved::default(), Saved { time_us: -7, around: vec![(0, 1), (u64::MAX, -1)] }] {
        assert_eq!(Saved::from_text(&saved.to_text()), Some(saved));
    }
    for wrong in ["", "x", "1", "1.?", "1.AAAA", ".", "99999999999999999999."] {
        assert_eq!(Saved::from_text(wrong), None, "{wrong}");
    }
}

/// A unified log: entries in the order in which they reach the store, with times that are somewhat out of order.
#[derive(Debug)]
struct Store {
    times: Vec<i64>,
    /// When each reached the store.
    nows: Vec<i64>,
}

impl Store {
    /// What `log show --start` tells of the first `there` entries: by time, from a whole second on, a few milliseconds off.
    fn show(&self, from_us: i64, there: usize) -> Vec<usize> {
        let from = from_us.div_euclid(SECOND) * SECOND;
        let mut found: Vec<usize> = (0..there).filter(|&entry| self.times[entry] >= from).collect();
        found.sort_by_key(|&entry| self.times[entry] + i64::try_from(entry % 7).unwrap_or(0) * 3000);
        found
    }
}

/// What happens to a reader. A number is a share of what there is, in 256ths.
#[derive(Clone, Debug)]
enum Event {
    /// So many more entries come into being, and the stream is read.
    Streamed(u8),
    /// So many come into being and the stream leaves them out: the gap is filled.
    Dropped(u8),
    /// The answer to a share of what is under way.
    Settled(u8),
    /// The destination is put aside.
    Rewound,
    /// The program ends at once, and starts again.
    Killed,
    /// A show is cut in the middle by the end of its child, and asked for again.
    Cut(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<u8>().prop_map(Event::Streamed),
        2 => any::<u8>().prop_map(Event::Dropped),
        4 => any::<u8>().prop_map(Event::Settled),
        1 => Just(Event::Rewound),
        1 => Just(Event::Killed),
        1 => any::<u8>().prop_map(Event::Cut),
    ]
}

struct Reader<'a> {
    store: &'a Store,
    seam: Seam,
    saved: Saved,
    /// Entries under way, with their offsets.
    under_way: VecDeque<(u64, usize)>,
    offset: u64,
    /// How many entries there are by now.
    there: usize,
    /// How often each was settled.
    settled: Vec<usize>,
}

impl Reader<'_> {
    fn give(&mut self, entries: impl IntoIterator<Item = usize>) {
        for entry in entries {
            if self.seam.take(entry as u64, self.store.times[entry], self.offset + 1) {
                self.offset += 1;
                self.under_way.push_back((self.offset, entry));
            }
        }
    }

    fn fill(&mut self) {
        let from = self.seam.show_from(i64::MAX);
        self.give(self.store.show(from, self.there));
        self.handed();
    }

    /// What comes later is at most so late.
    fn handed(&mut self) {
        if let Some(last) = self.there.checked_sub(1) {
            self.seam.handed(self.store.nows[last]);
        }
    }

    fn more(&mut self, share: u8) -> std::ops::Range<usize> {
        let before = self.there;
        self.there = (before + usize::from(share) / 16).min(self.store.times.len());
        before..self.there
    }

    fn settle(&mut self, share: u8) {
        let count = (self.under_way.len() * (usize::from(share) + 1)).div_ceil(256);
        let settled: Vec<_> = self.under_way.drain(..count).collect();
        settled.iter().for_each(|(_, entry)| self.settled[*entry] += 1);
        if let Some((offset, _)) = settled.last() {
            self.saved = self.seam.settle(*offset, None);
        }
    }

    fn meet(&mut self, event: &Event) {
        match *event {
            Event::Streamed(share) => {
                let entries = self.more(share);
                self.give(entries);
                self.handed();
            }
            Event::Dropped(share) => {
                self.more(share);
                self.fill();
            }
            Event::Settled(share) => self.settle(share),
            Event::Rewound => {
                self.under_way.clear();
                self.seam.rewind();
                self.fill();
            }
            Event::Killed => {
                self.under_way.clear();
                self.offset = 0;
                let text = self.saved.to_text();
                self.seam = Seam::new(&Saved::from_text(&text).unwrap_or_default());
                self.fill();
            }
            Event::Cut(share) => {
                let shown = self.store.show(self.seam.show_from(i64::MAX), self.there);
                let count = shown.len() * usize::from(share) / 256;
                self.give(shown.into_iter().take(count));
                self.fill();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn wherever_it_is_cut_every_entry_is_settled_once(
        steps in prop::collection::vec((0..2 * SECOND, -2 * SECOND..2 * SECOND), 1..400),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut now = 1_000 * SECOND;
        let (times, nows) = steps.into_iter().map(|(step, late)| { now += step; (now + late, now) }).unzip();
        let store = Store { times, nows };
        let mut reader = Reader {
            store: &store,
            seam: Seam::new(&Saved::default()),
            saved: Saved::default(),
            under_way: VecDeque::new(),
            offset: 0,
            there: 0,
            settled: vec![0; store.times.len()],
        };
        events.iter().for_each(|event| reader.meet(event));
        reader.settle(u8::MAX);
        prop_assert!(reader.settled[..reader.there].iter().all(|&times| times == 1), "{:?}", reader.settled);
    }
}
