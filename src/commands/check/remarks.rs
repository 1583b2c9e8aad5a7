//! What `check` says of this machine: what is missing, and what cannot be read.

use std::ffi::OsStr;

use super::report::Unreadable;
use crate::config::{Collected, CollectorConfig, Config, Facts, JournalConfig, PluginConfig, Resources, shown};
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
    remarks.extend(unnamed_devices(config));
    remarks
}

/// Sections that publish whatever device comes by, each metric of it paid for.
fn unnamed_devices(config: &Config) -> Vec<Remark> {
    let Collected::Chosen { collectors, .. } = &config.metrics.collected else { return Vec::new() };
    let remark = |name: &str, others: &str, example: &str| Remark {
        said: format!(
            "metrics.metrics_collected.{name} has no `resources`: {others} are metrics, too, each of which costs"
        ),
        hint: format!("such as `\"resources\": [{example}]`, or `[\"*\"]` where all are meant"),
    };
    let of = |collector: &CollectorConfig| match &collector.plugin {
        PluginConfig::Diskio { devices: Resources::Unset } => {
            Some(remark("diskio", "partitions, RAID and LVM volumes", r#""sd?", "nvme?n?""#))
        }
        PluginConfig::Net { interfaces: Resources::Unset } => {
            Some(remark("net", "bridges, tunnels, and each container's `veth…`,", r#""eth*", "en*", "wl*""#))
        }
        _ => None,
    };
    collectors.iter().filter_map(of).collect()
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
    use crate::config;

    #[test]
    fn devices_that_nobody_named_are_remarked_on_and_the_examples_name_theirs() {
        let said = |text: &str| -> Vec<String> {
            let config = config::parse(text, Path::new("/x.json"), &|_| None).unwrap().config;
            unnamed_devices(&config).into_iter().map(|remark| remark.said).collect()
        };
        let unnamed = said(r#"{"metrics": {"metrics_collected": {"diskio": {}, "net": {}, "disk": {}, "cpu": {}}}}"#);
        assert!(unnamed.len() == 2 && unnamed[0].contains(".diskio ") && unnamed[1].contains(".net "), "{unnamed:?}");
        for named in [
            r#"{"metrics": {"metrics_collected": {"diskio": {"resources": ["*"]}, "net": {"resources": ["eth0"]}}}}"#,
            "{}",
            include_str!("../../../configs/linux-server.json"),
            include_str!("../../../configs/raspberry-pi.json"),
            include_str!("../../../configs/iot-device.json"),
            include_str!("../../../configs/macos.json"),
            include_str!("../../provision/device.json"),
        ] {
            assert_eq!(said(named), [] as [&str; 0], "{named}");
        }
    }

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
