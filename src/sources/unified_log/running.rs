//! `log` while it runs: whole lines of it, and since when it has been silent.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::record::Monotonic;
use crate::sources::child::{Child, Output, Wake};

/// A line longer than this is thrown away: no entry is.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// A child that tells of the log.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The beginning of a line.
    line: Vec<u8>,
    heard: Monotonic,
    looked: Monotonic,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Whole lines.
    Lines(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// Nothing any more; why, where it did not end well.
    End(Result<(), String>),
}

impl Running {
    /// Starts `program`.
    ///
    /// # Errors
    /// As of [`Child::start`].
    pub fn start(program: &str, words: &[String], wake: &Wake, now: Monotonic) -> io::Result<Self> {
        let child = Child::start(program, words, Arc::clone(wake))?;
        Ok(Self { child, line: Vec::new(), heard: now, looked: now })
    }

    /// The next whole lines. What the child leaves unfinished at its end is none: it is told again by the next.
    pub fn hear(&mut self, now: Monotonic) -> Heard {
        self.looked = now;
        while let Some(output) = self.child.take() {
            match output {
                Output::Bytes(piece) => {
                    self.heard = now;
                    self.line.extend_from_slice(&piece);
                    if let Some(end) = memchr::memrchr(b'\n', &self.line) {
                        let rest = self.line.split_off(end + 1);
                        return Heard::Lines(std::mem::replace(&mut self.line, rest));
                    }
                    if self.line.len() > MAX_LINE_BYTES {
                        // Its end will be a line that is bad, and counted.
                        self.line.clear();
                    }
                }
                Output::Ended(ending) if ending.is_good() => return Heard::End(Ok(())),
                Output::Ended(ending) => {
                    return Heard::End(Err(self.child.last_complaint().unwrap_or_else(|| ending.to_string())));
                }
            }
        }
        Heard::Nothing
    }

    /// For how long it has said nothing.
    pub fn silence(&self, now: Monotonic) -> Duration {
        now.since(self.heard)
    }

    /// When it has been silent for `patience`.
    pub fn silent_at(&self, patience: Duration) -> Monotonic {
        self.heard.after(patience)
    }

    /// When it was heard last, whether it said anything or not.
    pub fn looked(&self) -> Monotonic {
        self.looked
    }
}
