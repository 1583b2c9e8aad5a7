//! The own log in systemd's journal: an entry with a priority and its facts as fields, where stderr leads there.
//!
//! The message shows the facts too: who reads `journalctl -u` sees no fields.

#[cfg(target_os = "linux")]
use systemd_journal_logger::{JournalLog, connected_to_journal};

use log::Record;

/// The name under which `journalctl -t` finds the entries.
#[cfg(target_os = "linux")]
const IDENTIFIER: &str = "cloudwatch-publisher";

/// A way to the journal.
pub struct Journal {
    #[cfg(target_os = "linux")]
    way: JournalLog,
}

impl Journal {
    /// The journal, where stderr leads to it and it can be reached.
    #[cfg(target_os = "linux")]
    pub fn of_stderr() -> Option<Self> {
        let way = connected_to_journal().then(JournalLog::empty)?.ok()?;
        Some(Self { way: way.with_syslog_identifier(IDENTIFIER.to_owned()) })
    }

    /// Only systemd has one.
    #[cfg(not(target_os = "linux"))]
    pub fn of_stderr() -> Option<Self> {
        None
    }

    /// Sends an entry: the facts of `record`, under `message`.
    ///
    /// # Errors
    /// When the journal does not take it: it is being restarted, or gone.
    #[cfg(target_os = "linux")]
    pub fn send(&self, record: &Record<'_>, message: &str) -> std::io::Result<()> {
        let facts = record.key_values();
        let mut entry = Record::builder();
        entry.level(record.level()).target(record.target()).key_values(&facts);
        entry.module_path(record.module_path()).file(record.file()).line(record.line());
        self.way.journal_send(&entry.args(format_args!("{message}")).build())
    }

    /// There is none.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn send(&self, _: &Record<'_>, _: &str) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
