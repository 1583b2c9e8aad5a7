//! Why a reading is not what it should be: tells each cause once, and keeps it for the status.

use std::time::Duration;

/// How journalctl begins to say that it shows a part only (systemd 252); more lines follow.
const HINT: &str = "not seeing messages";
const LACKS_RIGHTS: &str = "it shows this user's entries only: add the user to the group systemd-journal or adm";

/// The troubles of a reading.
#[derive(Debug, Default)]
pub struct Troubles {
    /// The one that was told last, until it is over.
    told: String,
    /// journalctl has said that it shows this user's entries only. Rights come with a start, so it stays so.
    lacks_rights: bool,
}

impl Troubles {
    /// The reading `journal` does not work, and is tried again after `pause`; told once for each cause.
    pub fn tell(&mut self, journal: &str, cause: &str, pause: Duration) {
        log::debug!(journal, trouble = cause, pause_s = pause.as_secs(); "journalctl is started again later");
        if self.told != cause {
            cause.clone_into(&mut self.told);
            log::warn!(journal, cause; "the journal cannot be read as it should; it is tried again");
        }
    }

    /// It works.
    pub fn are_over(&mut self, journal: &str) {
        if !std::mem::take(&mut self.told).is_empty() {
            log::info!(journal; "the journal is read again");
        }
    }

    /// Tells once that a part is hidden: where journalctl has nothing to show it does not say so again.
    pub fn hear_of_rights(&mut self, journal: &str, said: &[String]) {
        let is_told = said.iter().any(|line| line.contains(HINT));
        if is_told && !std::mem::replace(&mut self.lacks_rights, true) {
            log::warn!(journal, cause = LACKS_RIGHTS; "a part of the journal cannot be read");
        }
    }

    /// What keeps it from being read, while that is so.
    pub fn told(&self) -> Option<&str> {
        Some(self.told.as_str()).filter(|told| !told.is_empty())
    }

    /// Why a part of it is not read, where that is so.
    pub fn hidden(&self) -> Option<&str> {
        self.lacks_rights.then_some(LACKS_RIGHTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_from_this_user_is_known_from_any_line_and_for_good() {
        let mut troubles = Troubles::default();
        let hint =
            ["Hint: You are currently not seeing messages from other users and the system.", "Pass -q to turn it off."];
        for said in [hint.as_slice(), &["No entries"], &[]] {
            let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
            troubles.hear_of_rights("journal", &said);
            troubles.are_over("journal");
            assert_eq!((troubles.told(), troubles.hidden()), (None, Some(LACKS_RIGHTS)), "{said:?}");
        }
    }
}
