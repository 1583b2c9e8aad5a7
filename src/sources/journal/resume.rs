//! Decides where reading goes on, from what is saved and what the journal answers.
//!
//! journalctl seeks a cursor by its number within one series of files, else by the time within its boot, else by wall time; and
//! with `--follow` it shows the current boot only, or before systemd 250 all of them: it is told which one to follow. So a cursor
//! whose files are gone, of a machine whose clock has gone back since (no clock chip, a volatile journal, a power cut before
//! journald had synced), would show nothing for ever, or skip what the new boot wrote. The rule: everything of the current boot is
//! new where the saved place is of another boot and not surely before it; what is left of that other boot is read first, then
//! each boot that the journal has between the two (the agent may have run in it without a network), one by one and whole.
//!
//! Which boot is the current one is for the journal to say: in a container a hardened unit (`ProtectKernelTunables=`,
//! `ProtectControlGroups=`) gets a `/proc` of its own, and with it the host's boot. Where the journal holds nothing of the boot
//! that this process sees, its newest one is taken.
//!
//! Pure: no I/O, no clock, no tasks.

use std::time::Duration;

use super::cursor::{Cursor, is_same_or_next};
use crate::config::Since;
use crate::record::{BootId, SavedJournal, Wall};

/// An entry that the journal was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its place.
    pub cursor: String,
    /// When it was written.
    pub time: Wall,
    /// In which boot.
    pub boot: String,
}

/// What the journal is asked before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The newest entry.
    Newest,
    /// The first entry of the current boot.
    FirstOfBoot,
    /// The first entry at or after a time.
    FirstSince(Wall),
    /// The first of so many newest entries that the filters let pass.
    Recent(u32),
    /// The entry at this cursor, or the next one.
    At(String),
    /// The last entry of this boot.
    LastOf(String),
    /// The first entry of the boot after this one.
    BootAfter(String),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This entry.
    Entry(Seen),
    /// There is none.
    Nothing,
    /// It does not understand the cursor.
    BadCursor,
    /// It was not asked: the entry was seen in this run.
    Known,
}

/// Where a journal that was never read begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind what is there.
    Now,
    /// With the current boot.
    Boot,
    /// At a time.
    Since(Wall),
    /// So many entries before the end.
    Recent(u32),
}

impl Start {
    /// What `since` means at the time `now`.
    pub fn of(since: Since, now: Wall) -> Self {
        match since {
            Since::Now => Self::Now,
            Since::Boot => Self::Boot,
            Since::Ago(ago) => {
                let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Self::Since(Wall(now.0.saturating_sub(ago)))
            }
        }
    }
}

/// Where a reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// At an entry; `is_past`: behind it.
    Cursor {
        /// Its place.
        cursor: String,
        /// That entry itself is settled.
        is_past: bool,
    },
    /// At a time.
    Since(Wall),
    /// With the first entry that there is.
    Head,
}

/// One run of journalctl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leg {
    /// All that is there of earlier boots, or of one of them alone; then it ends.
    Catch {
        /// Where it begins.
        from: From,
        /// The boot, where later ones are read in another way.
        only: Option<String>,
    },
    /// The current boot, and what comes.
    Follow {
        /// Where it begins.
        from: From,
        /// The boot; none where all are followed.
        boot: Option<String>,
    },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask.
    Ask(Question),
    /// Take this for the current boot.
    Adopt(String),
    /// Save that reading begins here.
    Begin(Beginning),
    /// Read.
    Read(Leg),
}

/// Where reading begins for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The place; empty where the journal holds nothing.
    pub cursor: String,
    /// The entry there is not to be read.
    pub is_past: bool,
    /// Its time.
    pub time: Wall,
    /// Its boot.
    pub boot: BootId,
}

impl Beginning {
    /// As it is saved for the reading `entry`.
    pub fn saved(self, entry: &str) -> SavedJournal {
        let Self { cursor, is_past, time, boot } = self;
        SavedJournal { entry: entry.to_owned(), cursor, is_past, time, boot }
    }
}

/// What was answered so far.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// To where reading begins.
    pub start: Option<Answer>,
    /// To the newest entry.
    pub newest: Option<Answer>,
    /// To the first entry of this boot.
    pub first_of_boot: Option<Answer>,
    /// To the last entry of the boot in which the saved place is.
    pub last_of_saved: Option<Answer>,
    /// To the saved cursor.
    pub at_cursor: Option<Answer>,
    /// To the first entry of the boot after the one that was read out last.
    pub next_boot: Option<Answer>,
}

impl Answers {
    /// Takes in the answer to `question`.
    pub fn take(&mut self, question: &Question, answer: Answer) {
        match question {
            Question::Newest => self.newest = Some(answer),
            Question::FirstOfBoot => self.first_of_boot = Some(answer),
            Question::FirstSince(_) | Question::Recent(_) => self.start = Some(answer),
            Question::LastOf(_) => self.last_of_saved = Some(answer),
            Question::At(_) => self.at_cursor = Some(answer),
            Question::BootAfter(_) => self.next_boot = Some(answer),
        }
    }
}

/// What is known of a journal that is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Where it begins if nothing is saved.
    pub start: Start,
    /// The current boot, as the journal writes it: the one that this process sees, unless another was adopted.
    pub boot: &'a str,
    /// It is a folder of files, perhaps of another machine: its boots are not ours.
    pub is_folder: bool,
    /// It is a namespace of its own, in which nobody may have written for whole boots.
    pub is_namespace: bool,
    /// What there was of earlier boots is read.
    pub is_caught_up: bool,
    /// The earlier boot that was read out last, where they are read one by one.
    pub read_out: Option<&'a str>,
    /// What was answered.
    pub answers: &'a Answers,
    /// The time, for a journal that holds none.
    pub now: Wall,
}

/// What to do next, where reading got to `saved`.
pub fn next_step(saved: Option<&SavedJournal>, situation: &Situation<'_>) -> Step {
    find_boot(saved, situation).unwrap_or_else(|| match saved {
        None => begin(situation),
        Some(saved) => go_on(saved, situation),
    })
}

/// What is to be done before it is known which boot is the current one.
fn find_boot(saved: Option<&SavedJournal>, situation: &Situation<'_>) -> Option<Step> {
    let is_needed = match saved {
        None => situation.start == Start::Boot && !situation.is_namespace,
        Some(saved) => saved.boot.0 != situation.boot || saved.cursor.is_empty(),
    };
    if !is_needed || situation.is_folder {
        return None;
    }
    match (&situation.answers.first_of_boot, &situation.answers.newest) {
        (None, _) => Some(Step::Ask(Question::FirstOfBoot)),
        (Some(Answer::Nothing), None) => Some(Step::Ask(Question::Newest)),
        (Some(Answer::Nothing), Some(Answer::Entry(newest))) if newest.boot != situation.boot => {
            Some(Step::Adopt(newest.boot.clone()))
        }
        _ => None,
    }
}

fn begin(situation: &Situation<'_>) -> Step {
    let (question, answer) = match situation.start {
        Start::Now => (Question::Newest, &situation.answers.newest),
        Start::Boot => (Question::FirstOfBoot, &situation.answers.first_of_boot),
        Start::Since(time) => (Question::FirstSince(time), &situation.answers.start),
        Start::Recent(count) => (Question::Recent(count), &situation.answers.start),
    };
    let is_past = question == Question::Newest;
    match (answer, &situation.answers.newest) {
        (None, _) => Step::Ask(question),
        (Some(Answer::Entry(seen)), _) => Step::Begin(beginning(seen, is_past)),
        (Some(_), None) => Step::Ask(Question::Newest),
        (Some(_), Some(Answer::Entry(newest))) => Step::Begin(beginning(newest, true)),
        (Some(_), Some(_)) => Step::Begin(Beginning {
            cursor: String::new(),
            is_past: false,
            time: situation.now,
            boot: BootId(situation.boot.to_owned()),
        }),
    }
}

fn beginning(seen: &Seen, is_past: bool) -> Beginning {
    Beginning { cursor: seen.cursor.clone(), is_past, time: seen.time, boot: BootId(seen.boot.clone()) }
}

fn go_on(saved: &SavedJournal, situation: &Situation<'_>) -> Step {
    let answers = situation.answers;
    let from = match &answers.at_cursor {
        _ if saved.cursor.is_empty() => From::Head,
        None => return Step::Ask(Question::At(saved.cursor.clone())),
        Some(Answer::BadCursor) => From::Since(saved.time),
        Some(_) => From::Cursor { cursor: saved.cursor.clone(), is_past: saved.is_past },
    };
    if situation.is_folder {
        return go_on_in_folder(saved, from, answers);
    }
    if saved.boot.0 == situation.boot {
        return follow(from, situation);
    }
    if situation.is_caught_up {
        return follow(From::Head, situation);
    }
    if let Some(read_out) = situation.read_out {
        return go_on_behind(read_out, saved, from, situation);
    }
    match &answers.first_of_boot {
        None => Step::Ask(Question::FirstOfBoot),
        Some(Answer::Entry(first)) => match is_all_in_order(saved, first, answers) {
            None => Step::Ask(Question::LastOf(saved.boot.0.clone())),
            Some(true) => Step::Read(Leg::Catch { from, only: None }),
            Some(false) => Step::Read(Leg::Catch { from, only: Some(saved.boot.0.clone()) }),
        },
        Some(_) => Step::Read(Leg::Catch { from, only: None }),
    }
}

fn follow(from: From, situation: &Situation<'_>) -> Step {
    Step::Read(Leg::Follow { from, boot: Some(situation.boot.to_owned()) })
}

/// The boot behind one that was read out, which is a whole one unless reading stands in it.
fn go_on_behind(read_out: &str, saved: &SavedJournal, from: From, situation: &Situation<'_>) -> Step {
    match &situation.answers.next_boot {
        None => Step::Ask(Question::BootAfter(read_out.to_owned())),
        Some(Answer::Entry(first)) if first.boot != situation.boot && first.boot != read_out => {
            let from = if first.boot == saved.boot.0 { from } else { From::Head };
            Step::Read(Leg::Catch { from, only: Some(first.boot.clone()) })
        }
        Some(_) => follow(From::Head, situation),
    }
}

/// Boots tell nothing here. Where nothing follows the cursor, it must not lie in the future of all that there is.
fn go_on_in_folder(saved: &SavedJournal, from: From, answers: &Answers) -> Step {
    let follow = |from| Step::Read(Leg::Follow { from, boot: None });
    if answers.at_cursor != Some(Answer::Nothing) {
        return follow(from);
    }
    match &answers.newest {
        None => Step::Ask(Question::Newest),
        Some(Answer::Entry(newest)) if !is_surely_before(saved, newest) => {
            follow(From::Cursor { cursor: newest.cursor.clone(), is_past: false })
        }
        Some(_) => follow(from),
    }
}

/// Whether journalctl, sent to the saved place, shows the rest of its boot before the `first` entry of the current one, so that all can
/// be read in one go; none where that is to be asked. By time alone both may be mingled: after a clock that went back a little the current
/// boot began before the other one ended.
fn is_all_in_order(saved: &SavedJournal, first: &Seen, answers: &Answers) -> Option<bool> {
    by_number(saved, first).or_else(|| match &answers.last_of_saved {
        _ if saved.time > first.time => Some(false),
        Some(Answer::Entry(last)) => Some(last.time <= first.time),
        // Nothing of that boot is left.
        Some(_) => Some(true),
        None => None,
    })
}

fn by_number(saved: &SavedJournal, entry: &Seen) -> Option<bool> {
    let (saved, entry) = Cursor::parse(&saved.cursor).zip(Cursor::parse(&entry.cursor))?;
    saved.is_before(&entry)
}

/// Whether journalctl, sent to the saved place, shows `entry`.
fn is_surely_before(saved: &SavedJournal, entry: &Seen) -> bool {
    by_number(saved, entry).unwrap_or(saved.time <= entry.time)
}

/// What is gone behind the saved place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// What was written in this time of one boot.
    Of(Duration),
    /// The rest of a boot. How long that was is not known: the machine may have been off for most of the time.
    RestOfBoot,
}

/// What is gone behind the saved place, where the entry at the place itself is. The journal was asked without filters. `boot` is the
/// current one; none where boots tell nothing, in a folder that may be of another machine.
pub fn gap(saved: &SavedJournal, answer: &Answer, boot: Option<&str>) -> Option<Gap> {
    match answer {
        _ if saved.cursor.is_empty() => None,
        Answer::Entry(next) if is_same_or_next(&saved.cursor, &next.cursor) => None,
        Answer::Entry(next) if next.boot == saved.boot.0 => {
            let gap = next.time.0.saturating_sub(saved.time.0);
            Some(Gap::Of(Duration::from_millis(u64::try_from(gap).unwrap_or_default())))
        }
        Answer::Entry(_) | Answer::Nothing => boot.is_some_and(|boot| saved.boot.0 != boot).then_some(Gap::RestOfBoot),
        Answer::BadCursor | Answer::Known => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(series: &str, number: u64, boot: &str, time: i64) -> String {
        format!("s={series};i={number:x};b={boot};m={number:x};t={time:x};x={number:x}")
    }

    fn seen(series: &str, number: u64, boot: &str, time: i64) -> Answer {
        Answer::Entry(Seen { cursor: cursor(series, number, boot, time), time: Wall(time), boot: boot.to_owned() })
    }

    fn saved(series: &str, number: u64, boot: &str, time: i64) -> SavedJournal {
        SavedJournal {
            entry: "journal".to_owned(),
            cursor: cursor(series, number, boot, time),
            is_past: true,
            time: Wall(time),
            boot: BootId(boot.to_owned()),
        }
    }

    fn situation(start: Start, answers: &Answers) -> Situation<'_> {
        Situation {
            start,
            boot: "now",
            is_folder: false,
            is_namespace: false,
            is_caught_up: false,
            read_out: None,
            answers,
            now: Wall(5_000),
        }
    }

    /// Asks the journal that `answers` describes until there is something to read or to save.
    fn decided(saved: Option<&SavedJournal>, start: Start, journal: &Answers) -> (Step, usize) {
        let (mut answers, mut questions) = (Answers::default(), 0);
        loop {
            match next_step(saved, &situation(start, &answers)) {
                Step::Ask(question) => {
                    let known = match question {
                        Question::Newest => &journal.newest,
                        Question::FirstOfBoot => &journal.first_of_boot,
                        Question::FirstSince(_) | Question::Recent(_) => &journal.start,
                        Question::LastOf(_) => &journal.last_of_saved,
                        Question::At(_) => &journal.at_cursor,
                        Question::BootAfter(_) => &journal.next_boot,
                    };
                    answers.take(&question, known.clone().unwrap());
                    questions += 1;
                    assert!(questions < 5, "it asks for ever");
                }
                step => return (step, questions),
            }
        }
    }

    fn follow(from: From) -> Leg {
        Leg::Follow { from, boot: Some("now".to_owned()) }
    }

    fn past(saved: &SavedJournal) -> From {
        From::Cursor { cursor: saved.cursor.clone(), is_past: true }
    }

    #[test]
    fn now_begins_behind_the_newest_entry_and_an_empty_journal_is_all_new() {
        let newest = Answers { newest: Some(seen("a", 9, "now", 4_000)), ..Answers::default() };
        let expected = Beginning {
            cursor: cursor("a", 9, "now", 4_000),
            is_past: true,
            time: Wall(4_000),
            boot: BootId("now".to_owned()),
        };
        assert_eq!(decided(None, Start::Now, &newest).0, Step::Begin(expected));
        let empty = Answers { newest: Some(Answer::Nothing), ..Answers::default() };
        let (Step::Begin(beginning), _) = decided(None, Start::Now, &empty) else { panic!() };
        assert_eq!((beginning.cursor.as_str(), beginning.is_past, beginning.time), ("", false, Wall(5_000)));
    }

    #[test]
    fn a_boot_and_a_time_begin_with_their_first_entry_or_behind_the_newest() {
        for start in [Start::Boot, Start::Since(Wall(3)), Start::Recent(7)] {
            let first = Some(seen("a", 2, "now", 3));
            let journal = Answers { start: first.clone(), first_of_boot: first, ..Answers::default() };
            let (Step::Begin(begun), _) = decided(None, start, &journal) else { panic!() };
            assert_eq!((begun.cursor, begun.is_past), (cursor("a", 2, "now", 3), false));
            let journal = Answers {
                start: Some(Answer::Nothing),
                first_of_boot: Some(Answer::Nothing),
                newest: Some(seen("a", 9, "now", 1)),
                ..Answers::default()
            };
            let (Step::Begin(begun), _) = decided(None, start, &journal) else { panic!() };
            assert_eq!((begun.cursor, begun.is_past), (cursor("a", 9, "now", 1), true));
        }
    }

    #[test]
    fn where_the_journal_has_nothing_of_the_boot_that_is_seen_its_newest_is_the_current_one() {
        let journal = Answers {
            first_of_boot: Some(Answer::Nothing),
            newest: Some(seen("a", 9, "inside", 4_000)),
            ..Answers::default()
        };
        let adopted = Step::Adopt("inside".to_owned());
        let in_another = saved("a", 5, "old", 1_000);
        let mut in_an_empty_one = saved("a", 5, "now", 1_000);
        in_an_empty_one.cursor.clear();
        assert_eq!(decided(None, Start::Boot, &journal), (adopted.clone(), 2));
        assert_eq!(decided(Some(&in_another), Start::Now, &journal), (adopted.clone(), 2));
        assert_eq!(decided(Some(&in_an_empty_one), Start::Now, &journal), (adopted, 2));
        // With nothing in it at all there is nothing to adopt.
        let empty = Answers { newest: Some(Answer::Nothing), ..journal };
        assert_eq!(decided(Some(&in_an_empty_one), Start::Now, &empty).0, Step::Read(follow(From::Head)));
    }

    #[test]
    fn a_namespace_that_is_silent_in_this_boot_begins_behind_its_newest_entry() {
        let answers = Answers {
            first_of_boot: Some(Answer::Nothing),
            newest: Some(seen("a", 9, "before", 4_000)),
            ..Answers::default()
        };
        let silent = Situation { is_namespace: true, ..situation(Start::Boot, &answers) };
        let Step::Begin(begun) = next_step(None, &silent) else { panic!() };
        assert_eq!((begun.cursor, begun.is_past), (cursor("a", 9, "before", 4_000), true));
    }

    #[test]
    fn in_the_same_boot_the_cursor_is_good_whatever_the_clock_did() {
        for at in [seen("a", 5, "now", 99_000), seen("b", 1, "now", 10), Answer::Nothing] {
            let saved = saved("a", 5, "now", 99_000);
            let journal = Answers { at_cursor: Some(at), ..Answers::default() };
            let (step, questions) = decided(Some(&saved), Start::Now, &journal);
            assert_eq!((step, questions), (Step::Read(follow(past(&saved))), 1));
        }
    }

    #[test]
    fn after_a_boot_the_rest_of_the_old_one_comes_first() {
        let saved = saved("a", 5, "old", 1_000);
        // By number; by time, where the old one had ended by then; where nothing of the old one is left.
        for (first, last_of_saved) in [
            (seen("a", 8, "now", 10), None),
            (seen("b", 1, "now", 2_000), Some(seen("a", 7, "old", 1_500))),
            (seen("b", 1, "now", 2_000), Some(Answer::Nothing)),
        ] {
            let at_cursor = Some(seen("a", 5, "old", 1_000));
            let journal = Answers { at_cursor, first_of_boot: Some(first), last_of_saved, ..Answers::default() };
            assert_eq!(
                decided(Some(&saved), Start::Now, &journal).0,
                Step::Read(Leg::Catch { from: past(&saved), only: None })
            );
        }
        let first_of_boot = Some(Answer::Known);
        let (answers, caught_up) =
            (Answers { at_cursor: Some(Answer::Nothing), first_of_boot, ..Answers::default() }, true);
        let step = next_step(Some(&saved), &Situation { is_caught_up: caught_up, ..situation(Start::Now, &answers) });
        assert_eq!(step, Step::Read(follow(From::Head)), "nothing of the current boot was read yet");
    }

    #[test]
    fn a_cursor_from_the_future_shows_the_whole_current_boot() {
        let saved = saved("a", 500, "old", 90_000);
        // A volatile journal and a clock that went back; a power cut before journald had synced; nothing left of the old one.
        for (first, at) in [
            (seen("b", 1, "now", 10), Answer::Nothing),
            (seen("a", 400, "now", 95_000), seen("a", 500, "now", 96_000)),
            (seen("b", 1, "now", 10), seen("a", 500, "old", 90_000)),
            // The old boot went on until after the current one had begun: by time its end would come between.
            (seen("b", 1, "now", 91_000), seen("a", 500, "old", 90_000)),
        ] {
            let last_of_saved = Some(seen("a", 600, "old", 93_000));
            let journal =
                Answers { at_cursor: Some(at), first_of_boot: Some(first), last_of_saved, ..Answers::default() };
            let step = decided(Some(&saved), Start::Now, &journal).0;
            assert_eq!(step, Step::Read(Leg::Catch { from: past(&saved), only: Some("old".to_owned()) }));
        }
    }

    #[test]
    fn a_cursor_that_is_not_understood_gives_way_to_its_time() {
        let mut saved = saved("a", 5, "now", 1_000);
        saved.cursor = "of another kind".to_owned();
        let journal = Answers { at_cursor: Some(Answer::BadCursor), ..Answers::default() };
        let step = decided(Some(&saved), Start::Now, &journal).0;
        assert_eq!(step, Step::Read(follow(From::Since(Wall(1_000)))));
    }

    #[test]
    fn in_a_folder_a_cursor_from_the_future_gives_way_to_the_newest_entry() {
        let saved = saved("a", 500, "theirs", 90_000);
        let step = |at: Answer, newest: Answer| {
            let answers = Answers { at_cursor: Some(at), newest: Some(newest), ..Answers::default() };
            next_step(Some(&saved), &Situation { is_folder: true, ..situation(Start::Now, &answers) })
        };
        let newest = seen("b", 3, "x", 10);
        let from = From::Cursor { cursor: cursor("b", 3, "x", 10), is_past: false };
        assert_eq!(step(Answer::Nothing, newest.clone()), Step::Read(Leg::Follow { from, boot: None }));
        let good = Step::Read(Leg::Follow { from: past(&saved), boot: None });
        assert_eq!(step(seen("a", 500, "theirs", 90_000), newest), good);
        assert_eq!(step(Answer::Nothing, Answer::Nothing), good);
    }

    #[test]
    fn a_gap_is_told_by_time_and_only_where_there_is_one() {
        let saved = saved("a", 5, "now", 1_000);
        assert_eq!(gap(&saved, &seen("b", 77, "now", 61_000), Some("now")), Some(Gap::Of(Duration::from_secs(60))));
        assert_eq!(gap(&saved, &seen("a", 5, "now", 1_000), Some("now")), None);
        assert_eq!(gap(&saved, &Answer::Nothing, Some("now")), None);
        // Vacuuming took the very file that ends with the place.
        for next in [seen("a", 6, "now", 61_000), seen("a", 6, "later", 61_000)] {
            assert_eq!(gap(&saved, &next, Some("later")), None);
        }
    }

    #[test]
    fn the_rest_of_an_earlier_boot_that_is_gone_is_a_gap_of_no_known_length() {
        let saved = saved("a", 5, "old", 1_000);
        assert_eq!(gap(&saved, &seen("a", 5, "old", 1_000), Some("now")), None);
        assert_eq!(gap(&saved, &seen("a", 9, "old", 3_000), Some("now")), Some(Gap::Of(Duration::from_secs(2))));
        for answer in [seen("b", 1, "now", 86_400_000), Answer::Nothing] {
            assert_eq!(gap(&saved, &answer, Some("now")), Some(Gap::RestOfBoot));
        }
        assert_eq!(gap(&saved, &Answer::BadCursor, Some("now")), None);
        assert_eq!(gap(&saved, &Answer::Nothing, None), None, "in a folder boots tell nothing");
    }

    #[test]
    fn boots_between_the_saved_one_and_the_current_are_read_one_by_one() {
        // Reading stands in `a`, the clock went back, and the agent ran in `b` and `c` without a network.
        let saved_in = |boot: &str| saved(boot, 5, boot, 90_000);
        let step = |saved: &SavedJournal, read_out: Option<&str>, next: Option<Answer>| {
            let answers = Answers {
                at_cursor: Some(Answer::Known),
                first_of_boot: Some(seen("z", 1, "now", 10)),
                next_boot: next,
                ..Answers::default()
            };
            next_step(Some(saved), &Situation { read_out, ..situation(Start::Now, &answers) })
        };
        let catch = |from: From, boot: &str| Step::Read(Leg::Catch { from, only: Some(boot.to_owned()) });
        let ask = |boot: &str| Step::Ask(Question::BootAfter(boot.to_owned()));
        let (in_a, in_b) = (saved_in("a"), saved_in("b"));
        assert_eq!(step(&in_a, None, None), catch(past(&in_a), "a"));
        assert_eq!(step(&in_a, Some("a"), None), ask("a"));
        assert_eq!(step(&in_a, Some("a"), Some(seen("b", 1, "b", 20))), catch(From::Head, "b"));
        assert_eq!(step(&in_b, Some("a"), Some(seen("b", 1, "b", 20))), catch(past(&in_b), "b"), "it died in it");
        assert_eq!(step(&in_b, Some("b"), None), ask("b"));
        assert_eq!(step(&in_b, Some("b"), Some(seen("c", 1, "c", 30))), catch(From::Head, "c"));
        let follow = Step::Read(follow(From::Head));
        for end in [seen("z", 1, "now", 10), Answer::Nothing, seen("c", 1, "c", 30)] {
            assert_eq!(step(&in_b, Some("c"), Some(end)), follow);
        }
    }
}
