//! Shows the settings as they were resolved: what `check` prints when nothing is wrong.
//!
//! Pure.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::settings::{
    Compression, Config, FileEntryConfig, FilterConfig, GroupClass, InitialPosition, JournalConfig, JournalFormat,
    JournalLevel, MaskConfig, MultiLineConfig, Network, PasswordSource, SignIn, Since, ZoneConfig,
};
use super::template::Facts;
use super::{DEFAULT_LOG_FILE, DEFAULT_STATE_DIRECTORY};
use crate::delivery::encoding::Encoding;

/// The settings for this machine, a line each, ending in a newline.
pub fn describe(config: &Config, facts: &Facts) -> String {
    let agent = &config.agent;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<16} {value}");
    };
    if let Some(origin) = &config.origin {
        line("configuration", &origin.display().to_string());
    }
    for fragment in &config.fragments {
        line("  merged", &fragment.display().to_string());
    }
    line("instance id", &facts.instance_id);
    line("host name", &facts.hostname);
    line("credentials", &credentials(config));
    line("region", &region(config, facts));
    for (name, value) in reach(&agent.network) {
        line(name, &value);
    }
    line("state", &state(config));
    line("own log", &own_log(config));
    line("metrics", &metrics(config, facts));
    line("logs", &logs(config));
    for entry in &config.logs.entries {
        text.push_str(&describe_entry(entry, facts));
    }
    for journal in &config.logs.journals {
        text.push_str(&describe_journal(journal, facts));
    }
    text
}

fn region(config: &Config, facts: &Facts) -> String {
    match (&config.agent.region, &facts.region) {
        (Some(region), _) => region.clone(),
        (None, Some(region)) => format!("{region} (the credential chain's)"),
        (None, None) => "none is set".to_string(),
    }
}

fn credentials(config: &Config) -> String {
    let mut text = match &config.agent.sign_in {
        None => "the standard AWS credential chain".to_string(),
        Some(SignIn::Cognito(user)) => {
            let flow = if user.sends_password { "by password" } else { "by SRP" };
            let password = match &user.password {
                PasswordSource::Config(_) => "this configuration's password".to_string(),
                PasswordSource::File(path) => format!("the password in {}", path.display()),
                PasswordSource::Outside => {
                    "the password of the systemd credential cognito-password or $CLOUDWATCH_PUBLISHER_PASSWORD"
                        .to_string()
                }
            };
            format!("Cognito user pool {}, {flow}, with {password}", user.user_pool_id)
        }
        Some(SignIn::Iot(thing)) => {
            format!("AWS IoT thing {} at {}, role alias {}", thing.thing_name, thing.url, thing.role_alias)
        }
    };
    let roles = [("", &config.agent.role), (" for logs", &config.logs.role), (" for metrics", &config.metrics.role)];
    for (what, role) in roles.iter().filter_map(|(what, role)| Some((what, role.as_ref()?))) {
        let _ = write!(text, "; assumes {role}{what}");
    }
    text
}

/// What differs from AWS's own addresses, reached directly. A proxy may hold a password: its host is shown alone.
fn reach(network: &Network) -> Vec<(&'static str, String)> {
    let host = |url: &String| url.rsplit(['@', '/']).find(|part| !part.is_empty()).unwrap_or("none").to_string();
    let mut lines = Vec::new();
    if network.is_dual_stack {
        lines.push(("endpoints", "dual stack".to_string()));
    }
    if let Some(path) = &network.ca_bundle {
        lines.push(("CA bundle", path.display().to_string()));
    }
    lines.extend(network.http_proxy.iter().map(|url| ("proxy for http", host(url))));
    lines.extend(network.https_proxy.iter().map(|url| ("proxy for https", host(url))));
    lines.extend(network.no_proxy.iter().map(|hosts| ("no proxy for", hosts.clone())));
    lines
}

fn state(config: &Config) -> String {
    match &config.agent.state_directory {
        Some(path) => path.display().to_string(),
        None => format!("$STATE_DIRECTORY, else {DEFAULT_STATE_DIRECTORY}"),
    }
}

fn own_log(config: &Config) -> String {
    let file = match &config.agent.log_file {
        Some(path) => path.display().to_string(),
        None => format!("stderr under systemd, else {DEFAULT_LOG_FILE}"),
    };
    let level = if config.agent.debug { ", with debugging" } else { "" };
    format!("{file} (stderr where it cannot be written){level}")
}

fn metrics(config: &Config, facts: &Facts) -> String {
    format!(
        "namespace {}, sampled every {}, sent within {}{}; kept up to {} and {} MiB when they cannot be sent",
        config.metrics.namespace.resolve(facts),
        seconds(config.agent.metrics_interval),
        seconds(config.metrics.flush_interval),
        endpoint(config.metrics.endpoint.as_deref()),
        days(config.agent.metrics_buffer_age.as_secs() / 86_400),
        config.agent.metrics_buffer_bytes / 1_048_576,
    )
}

fn logs(config: &Config) -> String {
    let logs = &config.logs;
    let count = logs.entries.len() + logs.journals.len();
    if count == 0 {
        return "none".to_string();
    }
    let noun = if count == 1 { "entry" } else { "entries" };
    let body = match logs.compression {
        Compression::Gzip => "gzip",
        Compression::None => "uncompressed",
    };
    format!(
        "{count} {noun}, sent within {}, {} requests at once, {body}{}",
        seconds(config.agent.logs_interval),
        logs.concurrency,
        endpoint(logs.endpoint.as_deref()),
    )
}

fn describe_entry(entry: &FileEntryConfig, facts: &Facts) -> String {
    let mut text =
        format!("  {}\n    to {} / {}", entry.pattern, entry.group.resolve(facts), entry.stream.resolve(facts));
    text.push_str(&group_settings(entry.retention_days, entry.group_class));
    text.push_str(match entry.initial_position {
        InitialPosition::Beginning => "; at the first start from the beginning\n",
        InitialPosition::End => "; at the first start from the end\n",
    });
    text.push_str(&framing(entry));
    text.push_str(&patterns(&entry.include_patterns, &entry.exclude_patterns, &entry.filters));
    text.push_str(&masks(&entry.mask));
    if let Some(blacklist) = &entry.blacklist {
        let _ = writeln!(text, "    no files named like `{blacklist}`");
    }
    if entry.is_newest_only {
        text.push_str("    only the newest file that matches\n");
    }
    if entry.is_removed {
        text.push_str("    rotated files are deleted once CloudWatch has all of them\n");
    }
    text
}

/// What makes a record of bytes, and where its time comes from.
fn framing(entry: &FileEntryConfig) -> String {
    let mut text = String::new();
    if entry.encoding != Encoding::UTF_8 {
        let _ = writeln!(text, "    read as {}", entry.encoding.name());
    }
    let _ = match &entry.multi_line {
        None => Ok(()),
        Some(MultiLineConfig::Pattern(pattern)) => writeln!(text, "    a record begins at a line with `{pattern}`"),
        Some(MultiLineConfig::Time) => writeln!(text, "    a record begins at a line with its time"),
    };
    if let Some(time) = &entry.time {
        let zone = match &time.zone {
            ZoneConfig::Local => "this machine's zone",
            ZoneConfig::Utc => "UTC",
            ZoneConfig::Named(name) => name,
        };
        let trimmed = if time.is_trimmed { ", which is left out" } else { "" };
        let _ = writeln!(text, "    times as `{}`, without a zone in {zone}{trimmed}", time.format);
    }
    text
}

/// What a group is made with.
fn group_settings(retention_days: Option<u16>, class: GroupClass) -> String {
    let kept = retention_days.map(|kept| format!(", kept {}", days(u64::from(kept)))).unwrap_or_default();
    match class {
        GroupClass::Standard => kept,
        GroupClass::InfrequentAccess => format!("{kept}, class INFREQUENT_ACCESS"),
    }
}

fn masks(masks: &[MaskConfig]) -> String {
    let shown: Vec<String> = masks
        .iter()
        .map(|mask| match mask {
            MaskConfig::BuiltIn(name) => name.clone(),
            MaskConfig::Pattern { pattern, replace } => format!("`{pattern}` becomes `{replace}`"),
        })
        .collect();
    if shown.is_empty() { String::new() } else { format!("    masked: {}\n", shown.join(", ")) }
}

fn describe_journal(journal: &JournalConfig, facts: &Facts) -> String {
    let stream = journal.stream.resolve_for(facts, Path::new("journal"));
    let mut text =
        format!("  {}\n    to {} / {stream}", journal.key, journal.group.resolve_for(facts, Path::new("journal")));
    text.push_str(&group_settings(journal.retention_days, journal.group_class));
    let _ = match journal.since {
        Since::Now => write!(text, "; at the first start from now on"),
        Since::Boot => write!(text, "; at the first start from the boot on"),
        Since::Ago(ago) => write!(text, "; at the first start from {} ago", span(ago)),
    };
    text.push_str("; then from where it got to\n");
    if let Some(predicate) = &journal.predicate {
        let level = match journal.level {
            JournalLevel::Default => "default",
            JournalLevel::Info => "info",
            JournalLevel::Debug => "debug",
        };
        let _ = writeln!(text, "    macOS: entries with `{predicate}`, level {level}");
    }
    let matches = |all: &[Vec<(String, String)>]| -> Vec<String> {
        let one =
            |pairs: &Vec<(String, String)>| pairs.iter().map(|(field, value)| format!("{field}={value}")).collect();
        all.iter().map(one).map(|pairs: Vec<String>| pairs.join(" ")).collect()
    };
    let priority: Vec<String> = journal.priority.iter().cloned().collect();
    let lists = [
        ("only units", journal.units.clone()),
        ("no units", journal.exclude_units.clone()),
        ("only identifiers", journal.identifiers.clone()),
        ("only priority", priority),
        ("only entries with", matches(&journal.matches)),
        ("no entries with", matches(&journal.exclude_matches)),
    ];
    for (what, texts) in lists.iter().filter(|(_, texts)| !texts.is_empty()) {
        let _ = writeln!(text, "    {what} {}", quoted(texts));
    }
    match journal.format {
        JournalFormat::Text => {}
        JournalFormat::Json => text.push_str("    as objects of all fields\n"),
        JournalFormat::Message => text.push_str("    the message alone\n"),
    }
    text.push_str(&patterns(&journal.include_patterns, &journal.exclude_patterns, &journal.filters));
    text.push_str(&masks(&journal.mask));
    text
}

fn patterns(include: &[String], exclude: &[String], filters: &[FilterConfig]) -> String {
    let mut text = String::new();
    for (what, patterns) in [("only records with", include), ("no records with", exclude)] {
        if !patterns.is_empty() {
            let _ = writeln!(text, "    {what} {}", quoted(patterns));
        }
    }
    for filter in filters {
        let what = if filter.is_exclude { "no records with" } else { "only records with" };
        let _ = writeln!(text, "    {what} `{}`", filter.expression);
    }
    text
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

fn endpoint(url: Option<&str>) -> String {
    url.map(|url| format!(" to {url}")).unwrap_or_default()
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// A span in the largest unit that divides it.
fn span(duration: Duration) -> String {
    match duration.as_secs() {
        whole if whole > 0 && whole.is_multiple_of(86_400) => days(whole / 86_400),
        whole if whole > 0 && whole.is_multiple_of(3_600) => format!("{} h", whole / 3_600),
        whole if whole > 0 && whole.is_multiple_of(60) => format!("{} min", whole / 60),
        whole => format!("{whole} s"),
    }
}

fn days(count: u64) -> String {
    format!("{count} day{}", if count == 1 { "" } else { "s" })
}
