//! Reads the journal of systemd through a supervised `journalctl`.
//!
//! [`Journal`] is owned by one thread that tends it ([`Journal::tend`]), takes what it has ([`Journal::read`],
//! [`Journal::advance`]) and passes on what is acknowledged ([`Journal::settle`]). A reading is one run of journalctl after
//! the other: questions first (`resume` decides which), then what is left of earlier boots, then the current boot for good. Easy
//! to break: a place is saved only when it is settled, but where reading begins is saved at once, so that nothing that comes
//! after it is lost if the program ends before the first entry.
//!
//! Never waits: the child has threads of its own.

mod answer;
pub mod arguments;
mod cursor;
pub mod export;
mod gaps;
mod resume;
mod rules;
mod text;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use self::answer::{answer_of, entry_seen, time_of, trouble};
use self::cursor::is_same_entry;
use self::export::Parser;
use self::gaps::Gaps;
pub use self::resume::Start;
use self::resume::{Answer, Answers, Leg, Question, Situation, Step, next_step};
pub use self::rules::Own;
use self::rules::Rules;
use self::troubles::Troubles;
use super::child::{Backoff, Child, Ending, Output, Wake};
use super::records::{Chunk, Track};
use crate::config::JournalConfig;
use crate::record::{BootId, Mark, Monotonic, SavedJournal, Wall};

/// Who reads the journal.
const PROGRAM: &str = "journalctl";
/// A run that has lasted this long worked, whatever it said.
const WORKED_AFTER: Duration = Duration::from_secs(60);
/// An answer takes a moment; where files are damaged or the disk hangs it may never come.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What journalctl is busy with.
enum Run {
    Nothing,
    Asking(Question, Child, Monotonic),
    Reading(Leg, Child, Monotonic),
}

/// One reading of the journal.
pub struct Journal {
    config: JournalConfig,
    rules: Rules,
    start: Option<Start>,
    /// The boot that this process sees.
    own_boot: String,
    /// The boot that the journal is written in.
    boot: String,
    wake: Wake,
    run: Run,
    backoff: Backoff,
    answers: Answers,
    is_caught_up: bool,
    /// The earlier boot that was read out last, where they are read one by one.
    read_out: Option<String>,
    is_stopped: bool,
    has_begun: bool,
    track: Track,
    parser: Parser,
    chunk: Chunk,
    /// The entry at which this run begins and that is not to be handed over, as long as none came.
    expected: Option<SavedJournal>,
    gaps: Gaps,
    to_save: Option<SavedJournal>,
    /// What the running journalctl complained of last.
    complaint: Option<String>,
    troubles: Troubles,
    record: String,
}

impl Journal {
    /// A reading that goes on at `saved`, and else begins as the config says, or `recent` entries before the end. `wake` is
    /// called when there is something to take.
    pub fn new(config: JournalConfig, own: Own, boot: &BootId, saved: Option<SavedJournal>, wake: Wake) -> Self {
        let rules = Rules::new(&config, own);
        let boot = boot.0.replace('-', "");
        Self {
            track: Track::new(&config.key, saved),
            rules,
            start: None,
            own_boot: boot.clone(),
            boot,
            wake,
            run: Run::Nothing,
            backoff: Backoff::default(),
            answers: Answers::default(),
            is_caught_up: false,
            read_out: None,
            is_stopped: false,
            has_begun: false,
            parser: Parser::default(),
            chunk: Chunk::default(),
            expected: None,
            gaps: Gaps::default(),
            to_save: None,
            complaint: None,
            troubles: Troubles::default(),
            record: String::new(),
            config,
        }
    }

    /// Where it begins where nothing is saved, in place of what the config says.
    pub fn begin_at(&mut self, start: Start) {
        self.start = Some(start);
    }

    /// Keeps journalctl running: to be called often. `wall` is the time of now.
    pub fn tend(&mut self, now: Monotonic, wall: Wall) {
        if self.is_stopped {
            return;
        }
        match &mut self.run {
            Run::Nothing if self.backoff.is_over(now) => self.go_on(now, wall),
            Run::Nothing => {}
            Run::Asking(.., since) if now.since(*since) >= ANSWER_LIMIT => {
                self.run = Run::Nothing;
                self.failed(&format!("{PROGRAM} gave no answer within {} s", ANSWER_LIMIT.as_secs()), now);
            }
            Run::Asking(..) => self.listen(now, wall),
            Run::Reading(leg, child, since) => {
                let (has_worked, is_following) = (now.since(*since) >= WORKED_AFTER, matches!(leg, Leg::Follow { .. }));
                while let Some(said) = child.complaint() {
                    if answer_of(Ending::Code(1), &said).is_none() {
                        log::warn!(journal = self.config.key, cause = said; "journalctl complains");
                    }
                    self.complaint = Some(said);
                }
                if has_worked {
                    self.worked();
                    if is_following && self.boot != self.own_boot {
                        // It may have held nothing of ours when it was asked.
                        self.forget();
                        self.go_on(now, wall);
                    }
                }
            }
        }
    }

    /// When it is to be tended at the latest.
    pub fn next_due(&self) -> Option<Monotonic> {
        (matches!(self.run, Run::Nothing) && !self.is_stopped).then(|| self.backoff.until())
    }

    /// Why it is not read, while that is so.
    pub fn complaint(&self) -> Option<&str> {
        self.troubles.told()
    }

    /// Why a part of it is not read, where that is so.
    pub fn hidden(&self) -> Option<&str> {
        self.troubles.hidden()
    }

    /// What it is called in the own log.
    pub fn key(&self) -> &str {
        &self.config.key
    }

    /// Where reading begins for the first time: to be saved at once.
    pub fn take_beginning(&mut self) -> Option<SavedJournal> {
        self.to_save.take()
    }

    /// The records that came next, and the offset at which the first begins. They are to be pushed and then passed by
    /// [`Journal::advance`]. None where there is nothing now; whoever does not ask keeps journalctl waiting.
    pub fn read(&mut self, now: Monotonic) -> Option<(u64, &Chunk)> {
        self.chunk.clear();
        let Run::Reading(_, child, _) = &mut self.run else {
            return None;
        };
        if !self.track.has_room() {
            return None;
        }
        match child.take()? {
            Output::Bytes(bytes) => self.take_in(&bytes),
            Output::Ended(ending) => self.ended(ending, now),
        }
        (!self.chunk.is_empty()).then_some((self.track.offset(), &self.chunk))
    }

    /// The pipeline took what was read; besides the last offset it may settle `ends`.
    pub fn advance(&mut self, ends: &[u64]) {
        self.track.advance(&self.chunk, ends);
        self.chunk.clear();
    }

    /// Everything up to `to` is acknowledged: what is to be saved of it.
    pub fn settle(&mut self, to: Mark) -> Option<SavedJournal> {
        self.track.settle(to)
    }

    /// What was read beyond the settled position will not be settled: it is read again from there.
    pub fn rewind(&mut self) {
        self.track.rewind();
        self.forget();
        self.backoff.skip();
    }

    /// When the oldest was written of what is known of and not settled.
    pub fn behind(&self) -> Option<Wall> {
        self.track.behind()
    }

    /// What is to be saved of it, for a state that began anew.
    pub fn saved(&self) -> Option<SavedJournal> {
        self.track.saved()
    }

    /// Reads no more.
    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.run = Run::Nothing;
    }

    /// Has everything asked anew, and reads from where reading got to.
    fn forget(&mut self) {
        self.run = Run::Nothing;
        (self.is_caught_up, self.read_out) = (false, None);
        self.boot.clone_from(&self.own_boot);
        self.answers = Answers::default();
    }

    /// Does what is next: asks, saves the beginning, or reads.
    fn go_on(&mut self, now: Monotonic, wall: Wall) {
        let start = *self.start.get_or_insert_with(|| Start::of(self.config.since, wall));
        loop {
            let saved = self.track.resume();
            let situation = Situation {
                start,
                boot: &self.boot,
                is_folder: self.config.directory.is_some(),
                is_namespace: self.config.namespace.is_some(),
                is_caught_up: self.is_caught_up,
                read_out: self.read_out.as_deref(),
                answers: &self.answers,
                now: wall,
            };
            match next_step(saved.as_ref(), &situation) {
                Step::Adopt(boot) => {
                    log::debug!(journal = self.config.key, boot, seen = self.own_boot; "the journal is of another boot");
                    (self.boot, self.answers.first_of_boot) = (boot, None);
                }
                Step::Begin(begun) => {
                    self.answers.at_cursor = Some(Answer::Known);
                    self.to_save = Some(self.track.begin(begun.saved(&self.config.key)));
                }
                Step::Ask(question) => {
                    let arguments = arguments::to_ask(&self.config, &self.boot, &question);
                    if let Some(child) = self.launch(&arguments, now) {
                        self.run = Run::Asking(question, child, now);
                    }
                    return;
                }
                Step::Read(leg) => return self.read_leg(leg, saved, now),
            }
        }
    }

    fn read_leg(&mut self, leg: Leg, saved: Option<SavedJournal>, now: Monotonic) {
        let arguments = arguments::to_read(&self.config, &self.rules, &leg);
        let Some(child) = self.launch(&arguments, now) else { return };
        if !std::mem::replace(&mut self.has_begun, true) {
            log::info!(journal = self.config.key; "reading the journal begins");
        }
        let (Leg::Catch { from, .. } | Leg::Follow { from, .. }) = &leg;
        let is_at_it = matches!(from, resume::From::Cursor { .. });
        (self.expected, self.complaint) = (saved.filter(|_| is_at_it), None);
        self.run = Run::Reading(leg, child, now);
    }

    fn launch(&mut self, arguments: &[String], now: Monotonic) -> Option<Child> {
        log::debug!(journal = self.config.key, arguments = arguments.join(" "); "starting journalctl");
        self.parser = Parser::default(); // Another may have been ended in the middle of an entry.
        match Child::start(PROGRAM, arguments, Arc::clone(&self.wake)) {
            Ok(child) => Some(child),
            Err(error) => {
                self.failed(&format!("{PROGRAM} cannot be started: {error}"), now);
                None
            }
        }
    }

    /// Takes in what journalctl answers to a question.
    fn listen(&mut self, now: Monotonic, wall: Wall) {
        let Run::Asking(question, child, _) = &mut self.run else { return };
        let (mut seen, mut ending) = (None, None);
        while seen.is_none() && ending.is_none() {
            match child.take() {
                Some(Output::Bytes(bytes)) => self.parser.push(&bytes, |entry| {
                    seen = seen.take().or_else(|| entry_seen(entry));
                }),
                Some(Output::Ended(ended)) => ending = Some(ended),
                None => return,
            }
        }
        let said = child.last_words();
        let question = question.clone();
        self.run = Run::Nothing;
        let answer = match (seen, ending) {
            (Some(seen), _) => Answer::Entry(seen),
            (None, Some(ending)) => match answer_of(ending, &said.join("\n")) {
                Some(answer) => answer,
                None => return self.failed(&trouble(ending, said.last().cloned()), now),
            },
            (None, None) => return,
        };
        self.troubles.hear_of_rights(&self.config.key, &said);
        self.hear(&question, answer);
        self.go_on(now, wall);
    }

    /// Notes an answer, and tells what it means for what was saved.
    fn hear(&mut self, question: &Question, answer: Answer) {
        if let (Question::At(_), Some(saved)) = (question, self.track.resume()) {
            if answer == Answer::BadCursor {
                log::warn!(journal = self.config.key; "the saved place in the journal is not understood: reading goes on by time");
            }
            let is_unfiltered = arguments::filters(&self.config).is_empty();
            let boot = self.config.directory.is_none().then_some(self.boot.as_str());
            let gap = resume::gap(&saved, &answer, boot);
            if gap.is_some_and(|gap| self.gaps.found(gap, saved.cursor)) && is_unfiltered {
                self.gaps.tell(&self.config.key);
            }
        }
        self.answers.take(question, answer);
    }

    /// Makes records of what was written.
    fn take_in(&mut self, bytes: &[u8]) {
        let Self { parser, chunk, rules, record, expected, config, .. } = self;
        parser.push(bytes, |entry| {
            let (Some(cursor), Some(time)) = (entry.text("__CURSOR"), time_of(entry)) else { return };
            let expected = expected.take().filter(|expected| expected.is_past);
            if expected.is_some_and(|expected| is_same_entry(&expected.cursor, cursor)) {
                return;
            }
            record.clear();
            if rules.keeps(entry) {
                text::write(entry, config.format, record);
            }
            chunk.push(record, time, cursor, entry.text("_BOOT_ID").unwrap_or_default());
        });
        if !self.chunk.is_empty() {
            self.gaps.tell(&self.config.key);
            self.answers.at_cursor = Some(Answer::Known);
            self.worked();
        }
    }

    fn worked(&mut self) {
        self.backoff.worked();
        self.troubles.are_over(&self.config.key);
    }

    /// journalctl ended while it read.
    fn ended(&mut self, ending: Ending, now: Monotonic) {
        let Run::Reading(leg, mut child, _) = std::mem::replace(&mut self.run, Run::Nothing) else { return };
        let complaint = child.last_complaint().or(self.complaint.take());
        let answer = answer_of(ending, complaint.as_deref().unwrap_or_default());
        let has_no_such_boot = answer == Some(Answer::Nothing);
        // What is there is asked again: it may be vacuumed by the time that reading goes on.
        self.answers.at_cursor = answer.clone().filter(|answer| *answer == Answer::BadCursor);
        (self.answers.newest, self.answers.last_of_saved) = (None, None);
        if let (Leg::Catch { only, .. }, true) = (leg, has_no_such_boot) {
            match only {
                Some(boot) => (self.read_out, self.answers.next_boot) = (Some(boot), None),
                None => self.is_caught_up = true,
            }
            self.backoff.skip();
            return (self.wake)();
        }
        if has_no_such_boot && !ending.is_good() {
            // Nothing was written in this boot yet.
            self.backoff.ended(now);
            return self.forget();
        }
        self.failed(&trouble(ending, complaint), now);
    }

    /// It is tried again later; told once for each cause.
    fn failed(&mut self, trouble: &str, now: Monotonic) {
        let pause = self.backoff.ended(now);
        self.troubles.tell(&self.config.key, trouble, pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_never_answered_is_asked_again_later() {
        let wake: Wake = Arc::new(|| ());
        let boot = BootId("b00t".to_owned());
        let mut journal = Journal::new(JournalConfig::new("journal"), Own::default(), &boot, None, Arc::clone(&wake));
        let began = Monotonic(1_000);
        let hung = Child::start("sleep", &["1000".to_owned()], wake).unwrap();
        journal.run = Run::Asking(Question::Newest, hung, began);
        journal.tend(began.after(ANSWER_LIMIT - Duration::from_millis(1)), Wall(0));
        assert!(matches!(journal.run, Run::Asking(..)));
        let over = began.after(ANSWER_LIMIT);
        journal.tend(over, Wall(0));
        assert!(matches!(journal.run, Run::Nothing) && journal.complaint().is_some());
        assert_eq!(journal.next_due(), Some(over.after(Duration::from_secs(1))));
        assert!(journal.complaint().is_some_and(|complaint| complaint.contains("no answer")), "the status says so");
        journal.worked();
        assert_eq!(journal.complaint(), None);
    }

    #[test]
    fn half_an_entry_of_a_run_that_was_ended_is_no_part_of_an_answer() {
        let boot = BootId("b00t".to_owned());
        let mut journal = Journal::new(JournalConfig::new("journal"), Own::default(), &boot, None, Arc::new(|| ()));
        journal.parser.push(b"__CURSOR=before\n__REALTIME_TIMESTAMP=1\n", |_| ());
        // Whether there is such a program here or not.
        drop(journal.launch(&["--version".to_owned()], Monotonic(0)));
        let mut cursors = Vec::new();
        let entry = b"__CURSOR=next\n__REALTIME_TIMESTAMP=2\n\n";
        journal.parser.push(entry, |entry| cursors.extend(entry.text("__CURSOR").map(str::to_owned)));
        assert_eq!(cursors, ["next"]);
    }

    #[test]
    fn while_too_little_is_settled_journalctl_is_kept_waiting_and_nothing_is_lost() {
        let (woken, wakes) = std::sync::mpsc::channel();
        let wake: Wake = Arc::new(move || {
            let _ = woken.send(());
        });
        let boot = BootId("b00t".to_owned());
        let mut journal = Journal::new(JournalConfig::new("journal"), Own::default(), &boot, None, Arc::clone(&wake));
        while journal.track.has_room() {
            let mut chunk = Chunk::default();
            chunk.push("", Wall(0), "before", "b00t");
            journal.track.advance(&chunk, &[]);
        }
        let entry = "__CURSOR=next\n__REALTIME_TIMESTAMP=1\n_BOOT_ID=b00t\nMESSAGE=one\n\n";
        let child = Child::start("printf", &["%s".to_owned(), entry.to_owned()], wake).unwrap();
        journal.run = Run::Reading(Leg::Follow { from: resume::From::Head, boot: None }, child, Monotonic(0));
        wakes.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(journal.read(Monotonic(0)).is_none());
        journal.settle(Mark { offset: 1, tail: 0 });
        assert_eq!(journal.read(Monotonic(0)).map(|(_, chunk)| chunk.len()), Some(1));
    }
}
