//! `check`: every problem of a config, or how it is understood.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::print::print;
use super::{Failure, access, start};
use crate::config::{Config, DEFAULT_LOG_FILE, JournalConfig, describe, warnings_text};
use crate::identity;
use crate::sources::file::barred::{Barred, barred};

/// So many files and folders that cannot be read are named; of more there is only the number.
const MAX_NAMED: usize = 20;

/// Prints the resolved settings, with remarks behind them.
pub fn perform(path: &Path) -> Result<(), Failure> {
    let loaded = start::load(path)?;
    let facts = start::facts(&loaded.config)?;
    let sign_in = access::check(&loaded.config)?;
    let mut text = describe(&loaded.config, &facts);
    let remarks = warnings_text(path, &loaded.warnings);
    if !remarks.is_empty() {
        text.push_str(&format!("\n{}\n", remarks.trim_end()));
    }
    if let Some(reason) = sign_in {
        text.push_str(&format!(
            "\nwarning: {reason}\n         `run` would start and not sign in; check as the user of the service, who may have \
             other rights\n"
        ));
    }
    text.push_str(&unread(&unreadable(&loaded.config)));
    if identity::is_nameless(&loaded.config.agent.instance) {
        text.push_str(&format!(
            "\nwarning: neither agent.instance.serial nor agent.instance.command is set\n         every such machine has the id \
             `{}`",
            facts.instance_id
        ));
    }
    for remark in journal_remarks(&loaded.config.logs.journals, std::env::var_os("PATH").as_deref()) {
        text.push_str(&format!("\nwarning: {remark}"));
    }
    print(&text)
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

/// What is collected, is there, and cannot be read with the rights that this process has.
fn unreadable(config: &Config) -> Vec<Barred> {
    let own_log = config.agent.log_file.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_LOG_FILE));
    let of_entry = |entry: &crate::config::FileEntryConfig| {
        let blacklist = entry.blacklist.as_deref().and_then(|list| regex::Regex::new(list).ok());
        // A glob that cannot be read is taken as a plain path when it is followed; `load` has refused it before.
        barred(&entry.pattern, blacklist.as_ref(), std::slice::from_ref(&own_log)).unwrap_or_default()
    };
    let mut found: Vec<Barred> = config.logs.entries.iter().flat_map(of_entry).collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    found
}

/// A warning for each, and what to do. The installers read these lines.
fn unread(found: &[Barred]) -> String {
    if found.is_empty() {
        return String::new();
    }
    let line = |barred: &Barred| format!("\nwarning: cannot read `{}`: {}", shown(&barred.path), why(&barred.error));
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

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// A name is told on one line, whatever is in it: whoever may make files in the folder chose it.
fn shown(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
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
