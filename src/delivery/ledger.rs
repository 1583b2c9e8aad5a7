//! Knows up to where each file is settled without a gap.
//!
//! What is read becomes tickets, in the order of reading; they settle in any order, and a file's position follows the
//! longest run of settled tickets from its front. Easy to break: a ticket that is never settled stops its file's position
//! for ever.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{HashMap, VecDeque};

use crate::record::{FileId, Mark};

/// The right and the duty to settle one stretch of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    file: FileId,
    number: u64,
}

impl Ticket {
    /// The file it belongs to.
    pub fn file(self) -> FileId {
        self.file
    }
}

#[derive(Debug)]
struct Stretch {
    end: Mark,
    settled: bool,
}

#[derive(Debug, Default)]
struct Account {
    /// Number of the front stretch.
    first: u64,
    stretches: VecDeque<Stretch>,
}

/// The accounts of all files that have something open.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: HashMap<FileId, Account>,
}

impl Ledger {
    /// Opens a ticket for what was read of `file` up to `end`, behind all that was opened before.
    pub fn open(&mut self, file: FileId, end: Mark) -> Ticket {
        let account = self.accounts.entry(file).or_default();
        let number = account.first + account.stretches.len() as u64;
        account.stretches.push_back(Stretch { end, settled: false });
        Ticket { file, number }
    }

    /// Lets a ticket cover what follows it, up to `end`. Only a file's newest ticket, unsettled, can grow; else `false`.
    pub fn extend(&mut self, ticket: Ticket, end: Mark) -> bool {
        let Some(account) = self.accounts.get_mut(&ticket.file) else {
            return false;
        };
        let newest = account.first + account.stretches.len() as u64 == ticket.number + 1;
        match account.stretches.back_mut() {
            Some(stretch) if newest && !stretch.settled => {
                stretch.end = end;
                true
            }
            _ => false,
        }
    }

    /// Lets what is open of `file` reach to `end`, where anything is: what lies between has nothing to settle.
    pub fn reach(&mut self, file: FileId, end: Mark) -> bool {
        let newest = self.accounts.get_mut(&file).and_then(|account| account.stretches.back_mut());
        newest.map(|stretch| stretch.end = end).is_some()
    }

    /// Settles a ticket; answers the file's new position where the settled run grew.
    pub fn settle(&mut self, ticket: Ticket) -> Option<Mark> {
        let account = self.accounts.get_mut(&ticket.file)?;
        let index = usize::try_from(ticket.number.checked_sub(account.first)?).ok()?;
        account.stretches.get_mut(index)?.settled = true;
        let mut position = None;
        while account.stretches.front().is_some_and(|stretch| stretch.settled) {
            position = account.stretches.pop_front().map(|stretch| stretch.end);
            account.first += 1;
        }
        position
    }

    /// Gives up what is open of a file: it will be read again from its settled position. Its old tickets are void.
    pub fn abandon(&mut self, file: FileId) {
        if let Some(account) = self.accounts.get_mut(&file) {
            account.first += account.stretches.len() as u64;
            account.stretches.clear();
        }
    }

    /// Drops the account of a file that is gone.
    pub fn forget(&mut self, file: FileId) {
        self.accounts.remove(&file);
    }

    /// Whether it keeps no account at all.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether nothing of `file` is open.
    pub fn is_settled(&self, file: FileId) -> bool {
        self.accounts.get(&file).is_none_or(|account| account.stretches.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: FileId = FileId(1);

    fn mark(offset: u64) -> Mark {
        Mark { offset, tail: 0 }
    }

    #[test]
    fn a_position_waits_for_the_gap_before_it() {
        let mut ledger = Ledger::default();
        let (first, second) = (ledger.open(FILE, mark(10)), ledger.open(FILE, mark(20)));
        assert_eq!(ledger.settle(second), None);
        assert_eq!(ledger.settle(first), Some(mark(20)));
        assert!(ledger.is_settled(FILE));
    }

    #[test]
    fn only_the_newest_unsettled_ticket_grows() {
        let mut ledger = Ledger::default();
        let first = ledger.open(FILE, mark(10));
        assert!(ledger.extend(first, mark(15)));
        let second = ledger.open(FILE, mark(20));
        assert!(!ledger.extend(first, mark(30)));
        assert_eq!(ledger.settle(second), None);
        assert!(!ledger.extend(second, mark(30)));
        assert_eq!(ledger.settle(first), Some(mark(20)));
    }

    #[test]
    fn what_needs_no_settling_moves_the_position_with_what_is_open_before_it() {
        let mut ledger = Ledger::default();
        assert!(!ledger.reach(FILE, mark(5)), "nothing is open");
        let (first, second) = (ledger.open(FILE, mark(10)), ledger.open(FILE, mark(20)));
        assert_eq!(ledger.settle(second), None);
        assert!(ledger.reach(FILE, mark(30)));
        assert_eq!(ledger.settle(first), Some(mark(30)));
        assert!(!ledger.reach(FILE, mark(40)));
    }

    #[test]
    fn abandoned_tickets_settle_nothing() {
        let mut ledger = Ledger::default();
        let old = ledger.open(FILE, mark(10));
        ledger.abandon(FILE);
        let new = ledger.open(FILE, mark(10));
        assert_eq!(ledger.settle(old), None);
        assert_eq!(ledger.settle(new), Some(mark(10)));
    }

    proptest! {
        #[test]
        fn the_position_is_the_end_of_the_longest_settled_run(order in Just((0..40u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut ledger = Ledger::default();
            let tickets: Vec<_> = (1..=40).map(|end| ledger.open(FILE, mark(end))).collect();
            let mut settled = [false; 40];
            let mut position = 0;
            for index in order {
                let index = usize::try_from(index).unwrap();
                settled[index] = true;
                let expected = settled.iter().take_while(|is_settled| **is_settled).count() as u64;
                if let Some(mark) = ledger.settle(tickets[index]) {
                    prop_assert!(mark.offset > position);
                    position = mark.offset;
                }
                prop_assert_eq!(position, expected);
            }
        }
    }
}
