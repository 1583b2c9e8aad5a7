//! The own log in systemd's journal: an entry with a priority and its facts as fields, where stderr leads there.
//!
//! The message shows the facts too: who reads `journalctl -u` sees no fields. Connecting and sending may wait for a journal that
//! hangs: only the thread that writes the own log does either.

#[cfg(target_os = "linux")]
use systemd_journal_logger::{JournalLog, connected_to_journal};

#[cfg(target_os = "linux")]
use log::Record;

use super::log::Line;

/// The name under which `journalctl -t` finds the entries.
#[cfg(target_os = "linux")]
const IDENTIFIER: &str = "cloudwatch-publisher";

/// A way to the journal.
pub struct Journal {
    #[cfg(target_os = "linux")]
    way: Option<JournalLog>,
}

impl Journal {
    /// The journal, where stderr leads to it.
    #[cfg(target_os = "linux")]
    pub fn of_stderr() -> Option<Self> {
        connected_to_journal().then_some(Self { way: None })
    }

    /// Only systemd has one.
    #[cfg(not(target_os = "linux"))]
    pub fn of_stderr() -> Option<Self> {
        None
    }

    /// Sends a line with its facts.
    ///
    /// # Errors
    /// When the journal does not take it: it is being restarted, or gone.
    #[cfg(target_os = "linux")]
    pub fn send(&mut self, line: &Line) -> std::io::Result<()> {
        let way = match &mut self.way {
            Some(way) => way,
            none => none.insert(JournalLog::empty()?.with_syslog_identifier(IDENTIFIER.to_owned())),
        };
        let mut entry = Record::builder();
        entry.level(line.level).target(&line.target).key_values(&line.facts);
        let (module, file, number) = line.place;
        entry.module_path(module).file(file).line(number);
        way.journal_send(&entry.args(format_args!("{}", line.text)).build())
    }

    /// There is none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn send(&mut self, _: &Line) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
