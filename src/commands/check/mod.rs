//! `check`: every problem of a config, or how it is understood: what is followed and published, what it costs, and what AWS permits.

mod cost;
mod growth;
mod journal_rate;
mod page;
mod permissions;
mod remarks;
mod report;
mod targets;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use growth::Watch;
use remarks::{Remark, remarks, unread};
use report::{Cost, FORMAT, Followed, Journal, Metric, Report, Settings, Told, Unreadable};

use super::print::print;
use super::{CONFIG, Failure, access, known, start};
use crate::agent::{self, MetricsPreview};
use crate::cli::Check;
use crate::clock::Clock;
use crate::config::{
    self, Collected, Config, DEFAULT_LOG_FILE, Facts, GroupClass, JournalConfig, Loaded, SignIn, describe,
    warnings_text,
};
use crate::delivery::filter::Pattern;
use crate::identity;
use crate::sources::file::barred::{Barred, barred};
use crate::sources::file::preview::Preview;

/// What stands for the instance id where that is not known.
const NO_ID: &str = "{instance_id}";

/// Prints what is wrong, or what the configuration comes to.
pub fn perform(path: &Path, wish: &Check) -> Result<(), Failure> {
    let loaded = match start::read(path) {
        Ok(loaded) => loaded,
        Err(failure) if wish.json => return print_refusal(path, &failure),
        Err(failure) => return Err(Failure::new(CONFIG, failure.to_string().trim_end())),
    };
    let Here { mut facts, no_sign_in, problems, said } = Here::of(&loaded.config, path);
    let is_asked = wish.aws && problems.is_empty();
    let (mut report, refused) = if is_asked {
        start::block_on(judged_by_aws(path, &loaded, &mut facts))?
    } else {
        (look(path, &loaded, &facts)?, None)
    };
    if wish.aws && !is_asked {
        report.aws_error = Some("AWS was not asked: the problems come first".to_owned());
    }
    (report.ok, report.problems) = (problems.is_empty(), problems);
    let mut remarks = remarks(&loaded.config, &facts, no_sign_in.as_deref());
    remarks.extend(silent(&report).map(|said| Remark { said, hint: String::new() }));
    let told = |remark: &Remark| Told { hint: remark.hint.clone(), ..Told::general(&remark.said) };
    report.warnings.extend(remarks.iter().map(told));
    if wish.json {
        print(&serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?)?;
    } else {
        print(&text(path, &loaded, &facts, &report, &remarks))?;
    }
    match refused {
        Some(refused) => Err(refused),
        None if report.ok => Ok(()),
        None => Err(Failure::new(CONFIG, if wish.json { String::new() } else { said.join("\n\n") })),
    }
}

/// What this machine is to the configuration, and what keeps `run` from starting here though the file is right.
struct Here {
    facts: Facts,
    /// Why `run` would start and not sign in.
    no_sign_in: Option<String>,
    problems: Vec<Told>,
    /// The same for a person.
    said: Vec<String>,
}

impl Here {
    fn of(config: &Config, path: &Path) -> Self {
        let id = identity::instance_id(&config.agent.instance);
        let name = id.as_ref().map_or(NO_ID.to_owned(), Clone::clone);
        let facts = start::of_this_machine(config, name);
        let mut here = Self { facts, no_sign_in: None, problems: Vec::new(), said: Vec::new() };
        match id.map(|_| config::check_for(config, &here.facts)) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => here.add(told_of(path, &failure), failure.to_string()),
            Err(error) => here.add(vec![Told::general(error.to_string())], format!("error: {error}")),
        }
        match access::check(config) {
            Ok(found) => (here.facts.region, here.no_sign_in) = (found.region, found.trouble),
            Err(failure) => here.add(vec![Told::general(first_line(&failure.text))], failure.text),
        }
        here
    }

    fn add(&mut self, problems: Vec<Told>, said: String) {
        self.problems.extend(problems);
        self.said.push(said.trim_end().to_owned());
    }
}

/// Signs in first: what AWS knows of this machine stands in names.
async fn judged_by_aws(path: &Path, loaded: &Loaded, facts: &mut Facts) -> Result<(Report, Option<Failure>), Failure> {
    let config = &loaded.config;
    let signed_in = permissions::sign_in(config, facts).await;
    if let Ok(signed_in) = &signed_in {
        known::complete(config, facts, &signed_in.logs).await;
    }
    let mut report = look(path, loaded, facts)?;
    let rights = match signed_in {
        Ok(signed_in) => {
            let targets = targets::targets(&report, config, facts, Clock::default().wall());
            let publishes = !report.metrics.is_empty() || report.statsd.is_some();
            permissions::ask(config, facts, &signed_in, targets, publishes).await
        }
        Err(failure) => Err(failure),
    };
    let refused = match rights {
        Ok(rights) => {
            let refused = rights.failure();
            report.aws = Some(rights);
            refused
        }
        Err(failure) => {
            report.aws_error = Some(first_line(&failure.text));
            Some(failure)
        }
    };
    Ok((report, refused))
}

/// The problems as JSON, on standard output: nothing else is printed.
fn print_refusal(path: &Path, failure: &config::Failure) -> Result<(), Failure> {
    let problems = told_of(path, failure);
    let report = Report { format: FORMAT, configuration: absolute(path), problems, ..Report::default() };
    print(&serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?)?;
    Err(Failure::new(CONFIG, ""))
}

fn told_of(path: &Path, failure: &config::Failure) -> Vec<Told> {
    match failure {
        config::Failure::Wrong(_, problems) => {
            problems.iter().map(|problem| Told::new(problem, &absolute(path))).collect()
        }
        other => vec![Told::general(first_line(&other.to_string()))],
    }
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
    let mut files = followed(config, facts)?;
    let watch = Watch::begin(files.iter().map(|file| file.path.clone()));
    let journals: Vec<Journal> = config.logs.journals.iter().map(|journal| reading(journal, facts)).collect();
    let (samples, silent) = metrics(config, facts);
    let grown = watch.end();
    for file in &mut files {
        if let Some(growth) = grown.get(&file.path) {
            (file.bytes_a_day, file.is_begin_known) = (growth.rate * 86_400.0, growth.is_begin_known);
        }
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
        unreadable: unreadable(config),
        journals,
        metrics: samples,
        silent,
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
        region: facts.region.clone(),
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

/// The files that a first start would follow.
fn followed(config: &Config, facts: &Facts) -> Result<Vec<Followed>, Failure> {
    let mut files = Vec::new();
    for found in agent::preview(config, facts, vec![own_log(config)])? {
        let Preview::Followed { entry: index, path, stream, wanted, from, size } = found else { continue };
        let entry = config.logs.entries.get(index);
        // A brace is none of the characters of a group: what is not known would be told as `-account_id-`.
        let open = entry.map(|entry| entry.group.resolve_for(facts, &path)).filter(|name| targets::is_open(name));
        files.push(Followed {
            entry: index,
            path,
            group: open.unwrap_or_else(|| stream.group.to_string()),
            stream: stream.stream.to_string(),
            instead_of: wanted,
            from,
            bytes: size,
            bytes_a_day: 0.0,
            is_begin_known: false,
            retention_days: entry.and_then(|entry| entry.retention_days),
            is_infrequent: entry.is_some_and(|entry| entry.group_class == GroupClass::InfrequentAccess),
        });
    }
    Ok(files)
}

fn own_log(config: &Config) -> PathBuf {
    config.agent.log_file.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_LOG_FILE))
}

fn reading(journal: &JournalConfig, facts: &Facts) -> Journal {
    let name = agent::stream_of(facts, journal);
    Journal {
        key: journal.key.clone(),
        group: name.group.to_string(),
        stream: name.stream.to_string(),
        bytes_a_day: journal_rate::last_hour(journal).map(|rate| rate * 86_400.0),
        retention_days: journal.retention_days,
        is_infrequent: journal.group_class == GroupClass::InfrequentAccess,
    }
}

/// Each metric once, by name and dimensions, with the shortest of its intervals; and the sections that have nothing to measure here.
fn metrics(config: &Config, facts: &Facts) -> (Vec<Metric>, Vec<&'static str>) {
    let mut seen: BTreeMap<(String, BTreeMap<String, String>), Metric> = BTreeMap::new();
    let mut silent = Vec::new();
    for MetricsPreview { section, interval, samples } in agent::metrics_preview(config, facts, Path::new("/")) {
        if samples.is_empty() {
            silent.push(section);
        }
        for sample in samples {
            let dimensions: BTreeMap<String, String> =
                sample.dimensions.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            let (name, unit) = (sample.name.to_string(), sample.unit.name());
            let high_resolution = sample.is_high_resolution;
            let key = (name.clone(), dimensions.clone());
            let metric = seen.entry(key).or_insert(Metric { name, unit, dimensions, high_resolution, interval });
            metric.interval = interval.min(metric.interval);
        }
    }
    silent.dedup();
    (seen.into_values().collect(), silent)
}

/// What is asked for and not there to be measured.
fn silent(report: &Report) -> impl Iterator<Item = String> {
    report.silent.iter().map(|section| format!("{section}: nothing to measure here now"))
}

fn statsd(config: &Config) -> Option<String> {
    match &config.metrics.collected {
        Collected::Chosen { statsd, .. } => statsd.as_ref().map(|statsd| statsd.address.to_string()),
        Collected::Standard => None,
    }
}

fn cost(config: &Config, files: &[Followed], journals: &[Journal], metrics: &[Metric]) -> Cost {
    let mut by_interval: BTreeMap<u64, u64> = BTreeMap::new();
    for metric in metrics {
        *by_interval.entry(metric.interval.as_secs()).or_default() += 1;
    }
    let sampled: Vec<cost::Sampled> =
        by_interval.into_iter().map(|(every, metrics)| cost::Sampled { metrics, every }).collect();
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

/// What is printed for a person.
fn text(path: &Path, loaded: &Loaded, facts: &Facts, report: &Report, remarks: &[Remark]) -> String {
    let mut text = describe(&loaded.config, facts);
    text.push_str(&page::sections(report));
    let warnings = warnings_text(path, &loaded.warnings);
    if !warnings.is_empty() {
        text.push_str(&format!("\n{}\n", warnings.trim_end()));
    }
    text.push_str(&unread(&report.unreadable));
    for Remark { said, hint } in remarks {
        text.push_str(&format!("\nwarning: {said}"));
        hint.lines().for_each(|line| text.push_str(&format!("\n         {line}")));
    }
    text
}

/// What is collected, is there, and cannot be read with the rights that this process has.
fn unreadable(config: &Config) -> Vec<Unreadable> {
    let own_log = own_log(config);
    let of_entry = |entry: &crate::config::FileEntryConfig| {
        let blacklist = entry.blacklist.as_deref().and_then(|list| Pattern::new(list).ok());
        // A glob that cannot be read is taken as a plain path when it is followed; `load` has refused it before.
        barred(&entry.pattern, blacklist.as_ref(), std::slice::from_ref(&own_log)).unwrap_or_default()
    };
    let mut found: Vec<Barred> = config.logs.entries.iter().flat_map(of_entry).collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found.dedup_by(|one, other| one.path == other.path);
    found.into_iter().map(|Barred { path, error }| Unreadable { path, reason: why(&error) }).collect()
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
