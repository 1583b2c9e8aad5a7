//! What `check` says of this machine: what is missing, and what cannot be read.

use std::ffi::OsStr;

use super::report::Unreadable;
use crate::config::{Config, Facts, JournalConfig, shown};
use crate::identity;

/// So many files and folders that cannot be read are named; of more there is only the number.
const MAX_NAMED: usize = 20;

/// Something about this machine that is worth a word.
pub struct Remark {
    /// What is as it is.
    pub said: String,
    /// What follows, or what to do; may be empty.
    pub hint: String,
}

/// All of them. `sign_in`: why nobody would sign in.
pub fn remarks(config: &Config, facts: &Facts, sign_in: Option<&str>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    if let Some(reason) = sign_in {
        let hint = "`run` would start and not sign in; check as the user of the service, who may have other rights";
        remarks.push(Remark { said: reason.to_owned(), hint: hint.to_owned() });
    }
    if identity::is_nameless(&config.agent.instance) {
        let said = "neither agent.instance.serial nor agent.instance.command is set";
        let hint = format!("every such machine has the id `{}`", facts.instance_id);
        remarks.push(Remark { said: said.to_owned(), hint });
    }
    let of_journals = journal_remarks(&config.logs.journals, std::env::var_os("PATH").as_deref());
    remarks.extend(of_journals.into_iter().map(|said| Remark { said, hint: String::new() }));
    remarks
}

/// What is missing here that the journal is read by. It is tried again as long as it is missing.
fn journal_remarks(journals: &[JournalConfig], path: Option<&OsStr>) -> Vec<String> {
    if cfg!(target_os = "macos") {
        return Vec::new();
    }
    let is_there = |folder: std::path::PathBuf| folder.join("journalctl").is_file();
    let has_program = path.is_some_and(|path| std::env::split_paths(path).any(is_there));
    let program = (!journals.is_empty() && !has_program)
        .then(|| "journalctl is not in PATH: without it the journal is not read".to_owned());
    let folders = journals.iter().filter_map(|journal| journal.directory.as_deref()).filter(|folder| !folder.is_dir());
    let folders = folders.map(|folder| {
        format!("the journal's directory `{}` is no folder here: until there is one nothing is read", folder.display())
    });
    program.into_iter().chain(folders).collect()
}

/// A warning for each, and what to do. The installers read these lines.
pub fn unread(found: &[Unreadable]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let line = |one: &Unreadable| format!("\nwarning: cannot read `{}`: {}", shown(&one.path), one.reason);
    let mut text: String = found.iter().take(MAX_NAMED).map(line).collect();
    if found.len() > MAX_NAMED {
        text.push_str(&format!("\n         … and {} more", found.len() - MAX_NAMED));
    }
    text.push_str(
        "\n         `run` would go on without them. Let the user of the service read them, best by a group (`chgrp`, `chmod g+r`; folders \
         `g+rx`),\n         or install with `--read-all-logs`; check as that user, who may have other rights\n",
    );
    text
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_the_journal_cannot_be_read_without_is_remarked_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = || Some(folder.path().as_os_str());
        let in_folder =
            |folder: &Path| JournalConfig { directory: Some(folder.into()), ..JournalConfig::new("journal") };
        let missing = in_folder(&folder.path().join("missing"));
        let said = journal_remarks(std::slice::from_ref(&missing), path());
        assert!(
            said[0].contains("journalctl is not in PATH") && said[1].contains("/missing` is no folder"),
            "{said:?}"
        );
        assert_eq!(journal_remarks(&[], path()), [] as [&str; 0]);
        std::fs::write(folder.path().join("journalctl"), "").unwrap();
        let journals = [JournalConfig::new("journal"), in_folder(folder.path())];
        assert_eq!(journal_remarks(&journals, path()), [] as [&str; 0]);
    }
}
