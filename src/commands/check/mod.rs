//! `check`: every problem of a config, or how it is understood: what is followed and published, what it costs, and what AWS permits.

mod cost;
mod growth;
mod journal_rate;
mod page;
mod permissions;
mod report;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use growth::Watch;
use page::shown;
use permissions::Target;
use report::{Cost, FORMAT, Followed, Journal, Metric, Report, Settings, Told, Unreadable};

use super::print::print;
use super::{CONFIG, Failure, access, start};
use crate::agent;
use crate::cli::Check;
use crate::config::{
    self, Collected, CollectorConfig, Config, DEFAULT_LOG_FILE, Facts, GroupClass, JournalConfig, Loaded, PluginConfig,
    Resources, SignIn, describe, warnings_text,
};
use crate::delivery::filter::Pattern;
use crate::identity;
use crate::record::{Sample, StreamName};
use crate::sources::file::barred::{Barred, barred};
use crate::sources::file::preview::Preview;

/// So many files and folders that cannot be read are named; of more there is only the number.
const MAX_NAMED: usize = 20;

/// Prints what is wrong, or what the configuration comes to.
pub fn perform(path: &Path, wish: &Check) -> Result<(), Failure> {
    let loaded = match start::read(path) {
        Ok(loaded) => loaded,
        Err(failure) if wish.json => return print_refusal(path, &failure),
        Err(failure) => return Err(start::refused(failure)),
    };
    let facts = match start::facts(&loaded.config).and_then(|facts| Ok((facts, access::check(&loaded.config)?))) {
        Ok(found) => found,
        Err(failure) if wish.json => return print_failure(path, &loaded, failure),
        Err(failure) => return Err(failure),
    };
    let (facts, sign_in) = facts;
    let mut report = look(path, &loaded, &facts)?;
    let remarks = remarks(&loaded.config, &facts, sign_in.as_deref());
    let told = |remark: &Remark| Told { hint: remark.hint.clone(), ..Told::general(&remark.said) };
    report.warnings.extend(remarks.iter().map(told));
    let mut refused = None;
    if wish.aws {
        let targets = targets(&report, &loaded.config, &facts);
        match start::block_on(permissions::ask(&loaded.config, &facts, targets)) {
            Ok(rights) => (refused, report.aws) = (rights.failure(), Some(rights)),
            Err(failure) => (report.aws_error, refused) = (Some(first_line(&failure.text)), Some(failure)),
        }
    }
    if wish.json {
        print(&serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?)?;
    } else {
        print(&text(path, &loaded, &facts, &report, &remarks))?;
    }
    refused.map_or(Ok(()), Err)
}

/// The problems as JSON, on standard output: nothing else is printed.
fn print_refusal(path: &Path, failure: &config::Failure) -> Result<(), Failure> {
    let problems = match failure {
        config::Failure::Wrong(main, problems) => problems.iter().map(|problem| Told::new(problem, main)).collect(),
        other => vec![Told::general(first_line(&other.to_string()))],
    };
    print_wrong(path, problems, Vec::new())
}

fn print_failure(path: &Path, loaded: &Loaded, failure: Failure) -> Result<(), Failure> {
    let told = |warning| Told::new(warning, &absolute(path));
    let warnings = loaded.warnings.iter().map(told).collect();
    print_wrong(path, vec![Told::general(first_line(&failure.text))], warnings)
}

fn print_wrong(path: &Path, problems: Vec<Told>, warnings: Vec<Told>) -> Result<(), Failure> {
    let report = Report { format: FORMAT, configuration: absolute(path), problems, warnings, ..Report::default() };
    print(&serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?)?;
    Err(Failure::new(CONFIG, ""))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// What the configuration comes to here and now.
fn look(path: &Path, loaded: &Loaded, facts: &Facts) -> Result<Report, Failure> {
    let config = &loaded.config;
    let main = config.origin.clone().unwrap_or_else(|| absolute(path));
    let (mut files, unreadable) = followed(config, facts)?;
    let watch = Watch::begin(files.iter().map(|file| file.path.clone()));
    let journals: Vec<Journal> = config.logs.journals.iter().map(|journal| reading(journal, facts)).collect();
    let samples = metrics(config, facts);
    let rates = watch.end();
    for file in &mut files {
        file.bytes_a_day = rates.get(&file.path).map_or(0.0, |rate| rate * 86_400.0);
    }
    let cost = cost(config, &files, &journals, &samples);
    Ok(Report {
        format: FORMAT,
        ok: true,
        merged: config.fragments.iter().map(|name| main.with_file_name(name)).collect(),
        warnings: loaded.warnings.iter().map(|warning| Told::new(warning, &main)).collect(),
        configuration: main,
        problems: Vec::new(),
        settings: Some(settings(config, facts)),
        files,
        unreadable,
        journals,
        metrics: samples,
        statsd: statsd(config),
        cost: Some(cost),
        aws: None,
        aws_error: None,
    })
}

fn settings(config: &Config, facts: &Facts) -> Settings {
    Settings {
        instance_id: facts.instance_id.clone(),
        host_name: facts.hostname.clone(),
        region: config.agent.region.clone(),
        credentials: match &config.agent.sign_in {
            None => "chain",
            Some(SignIn::Cognito(_)) => "cognito",
            Some(SignIn::Iot(_)) => "iot",
        },
        namespace: config.metrics.namespace.resolve(facts),
        state_directory: config.agent.state_directory.clone(),
        metrics_collection_interval: config.agent.metrics_interval.as_secs(),
        metrics_flush_interval: config.metrics.flush_interval.as_secs(),
        logs_collection_interval: config.agent.logs_interval.as_secs(),
    }
}

/// The files that a first start would follow, and what it could not read.
fn followed(config: &Config, facts: &Facts) -> Result<(Vec<Followed>, Vec<Unreadable>), Failure> {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    for found in agent::preview(config, facts, vec![own_log(config)])? {
        match found {
            Preview::Followed { entry, path, stream, wanted, from, size } => {
                let (group, stream) = (stream.group.to_string(), stream.stream.to_string());
                let entry = config.logs.entries.get(entry);
                files.push(Followed {
                    path,
                    group,
                    stream,
                    instead_of: wanted,
                    from,
                    bytes: size,
                    bytes_a_day: 0.0,
                    retention_days: entry.and_then(|entry| entry.retention_days),
                    is_infrequent: entry.is_some_and(|entry| entry.group_class == GroupClass::InfrequentAccess),
                });
            }
            Preview::Unreadable { path, error } => unreadable.push(Unreadable { path, reason: error }),
        }
    }
    Ok((files, unreadable))
}

fn own_log(config: &Config) -> PathBuf {
    config.agent.log_file.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_LOG_FILE))
}

fn reading(journal: &JournalConfig, facts: &Facts) -> Journal {
    Journal {
        key: journal.key.clone(),
        group: journal.group.resolve(facts),
        stream: agent::stream_of(facts, journal).stream.to_string(),
        bytes_a_day: journal_rate::last_hour(journal).map(|rate| rate * 86_400.0),
        retention_days: journal.retention_days,
        is_infrequent: journal.group_class == GroupClass::InfrequentAccess,
    }
}

/// Each metric once, by name and dimensions.
fn metrics(config: &Config, facts: &Facts) -> Vec<Metric> {
    let mut seen: BTreeMap<(String, BTreeMap<String, String>), Metric> = BTreeMap::new();
    let samples: Vec<Sample> = agent::metrics_preview(config, facts, Path::new("/"));
    for sample in samples {
        let dimensions: BTreeMap<String, String> =
            sample.dimensions.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let (name, unit) = (sample.name.to_string(), sample.unit.name());
        let high_resolution = sample.is_high_resolution;
        let key = (name.clone(), dimensions.clone());
        seen.entry(key).or_insert(Metric { name, unit, dimensions, high_resolution });
    }
    seen.into_values().collect()
}

fn statsd(config: &Config) -> Option<String> {
    match &config.metrics.collected {
        Collected::Chosen { statsd, .. } => statsd.as_ref().map(|statsd| statsd.address.to_string()),
        Collected::Standard => None,
    }
}

/// The shortest interval counts for all metrics: an estimate from above, of what costs least.
fn shortest_interval(config: &Config) -> u64 {
    let Collected::Chosen { collectors, .. } = &config.metrics.collected else {
        return config.agent.metrics_interval.as_secs();
    };
    let shortest = collectors.iter().map(|collector| collector.interval).min();
    shortest.unwrap_or(config.agent.metrics_interval).as_secs()
}

fn cost(config: &Config, files: &[Followed], journals: &[Journal], metrics: &[Metric]) -> Cost {
    let metrics = u64::try_from(metrics.len()).unwrap_or(u64::MAX);
    let sampled = [cost::Sampled { metrics, every: shortest_interval(config) }];
    let logged = |bytes_a_day: f64, is_infrequent: bool, retention_days: Option<u16>| cost::Logged {
        rate: bytes_a_day / 86_400.0,
        is_infrequent,
        retention_days,
    };
    let of_files = files.iter().map(|file| logged(file.bytes_a_day, file.is_infrequent, file.retention_days));
    let of_journal =
        |journal: &Journal| Some(logged(journal.bytes_a_day?, journal.is_infrequent, journal.retention_days));
    let logged: Vec<cost::Logged> = of_files.chain(journals.iter().filter_map(of_journal)).collect();
    let flush = config.metrics.flush_interval.as_secs();
    Cost { estimate: cost::estimate(&cost::PRICES, &sampled, flush, &logged), prices: cost::PRICES }
}

/// What `--aws` asks about: each group, by one of its streams; where no file matches yet, by a stream that nobody has.
fn targets(report: &Report, config: &Config, facts: &Facts) -> Vec<Target> {
    let target = |group: &str, stream: &str, retention_days: Option<u16>| Target {
        stream: StreamName { group: group.into(), stream: stream.into() },
        retention_days,
    };
    let files = report.files.iter().map(|file| target(&file.group, &file.stream, file.retention_days));
    let journals =
        report.journals.iter().map(|journal| target(&journal.group, &journal.stream, journal.retention_days));
    let entries = config.logs.entries.iter().map(|entry| (entry.group.resolve(facts), entry.retention_days));
    // A group that is named after a file is known once there is one.
    let unmatched = entries.filter(|(group, _)| !group.contains('{'));
    let unmatched = unmatched.map(|(group, days)| target(&group, "cloudwatch-publisher-check", days));
    permissions::targets(files.chain(journals).chain(unmatched))
}

/// What is printed for a person.
fn text(path: &Path, loaded: &Loaded, facts: &Facts, report: &Report, remarks: &[Remark]) -> String {
    let mut text = describe(&loaded.config, facts);
    text.push_str(&page::sections(report));
    let warnings = warnings_text(path, &loaded.warnings);
    if !warnings.is_empty() {
        text.push_str(&format!("\n{}\n", warnings.trim_end()));
    }
    text.push_str(&unread(&unreadable(&loaded.config)));
    for Remark { said, hint } in remarks {
        text.push_str(&format!("\nwarning: {said}"));
        hint.lines().for_each(|line| text.push_str(&format!("\n         {line}")));
    }
    text
}

/// Something about this machine that is worth a word.
struct Remark {
    said: String,
    hint: String,
}

fn remarks(config: &Config, facts: &Facts, sign_in: Option<&str>) -> Vec<Remark> {
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

/// What is collected, is there, and cannot be read with the rights that this process has.
fn unreadable(config: &Config) -> Vec<Barred> {
    let own_log = own_log(config);
    let of_entry = |entry: &crate::config::FileEntryConfig| {
        let blacklist = entry.blacklist.as_deref().and_then(|list| Pattern::new(list).ok());
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

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
