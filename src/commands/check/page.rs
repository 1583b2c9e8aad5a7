//! The sections of what `check` prints for a person, below the settings.
//!
//! Pure.

use std::fmt::Write as _;

use super::cost::{Estimate, Prices};
use super::permissions::Rights;
use super::report::{Cost, Followed, Journal, Metric, Report};
use super::targets::NotAsked;
use crate::config::shown;
use crate::service::glance::{bytes, count, grouped};

/// So many groups that AWS was not asked about are named; of more there is only the number.
const MAX_NOT_ASKED: usize = 20;

/// All sections that there is something for.
pub fn sections(report: &Report) -> String {
    let mut text = String::new();
    if report.settings.is_some() {
        text.push_str(&files(&report.files));
        text.push_str(&metrics(&report.metrics, report.statsd.as_deref()));
    }
    if let Some(Cost { estimate, prices }) = &report.cost {
        text.push_str(&cost(estimate, prices));
        text.push_str(&measured_by(&report.files, &report.journals));
    }
    if let Some(rights) = &report.aws {
        text.push_str(&permissions(rights));
    }
    text
}

fn files(files: &[Followed]) -> String {
    if files.is_empty() {
        return "\nno file matches now; what appears is followed from its beginning\n".to_owned();
    }
    let mut text = format!("\n{} now; where no position is saved, reading begins as said:\n", matches(files.len()));
    for file in files {
        let from = match file.from {
            0 => "from its beginning".to_owned(),
            from => format!("from byte {} of {}", grouped(from), grouped(file.bytes)),
        };
        let _ = write!(text, "  {}\n    to {} {}, {from}", shown(&file.path), file.group, file.stream);
        if let Some(wanted) = &file.instead_of {
            let _ = write!(text, "\n    warning: another file has the stream {wanted}: two never share one");
        }
        text.push('\n');
    }
    text
}

fn matches(number: usize) -> String {
    if number == 1 { "1 file matches".to_owned() } else { format!("{number} files match") }
}

fn metrics(metrics: &[Metric], statsd: Option<&str>) -> String {
    let mut text = format!("\n{}:\n", count(u64::try_from(metrics.len()).unwrap_or(u64::MAX), "metric"));
    let widest = metrics.iter().map(|metric| metric.name.chars().count()).max().unwrap_or(0);
    for metric in metrics {
        let mut dimensions: Vec<String> =
            metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if dimensions.is_empty() {
            dimensions.push("no dimensions".to_owned());
        }
        let fast = if metric.high_resolution { ", high resolution" } else { "" };
        let _ = writeln!(text, "  {:widest$}  {} ({}{fast})", metric.name, dimensions.join(" "), metric.unit);
    }
    if let Some(address) = statsd {
        let _ =
            writeln!(text, "  and what programs send by StatsD to {address}: each name and set of tags is a metric");
    }
    text
}

fn cost(estimate: &Estimate, prices: &Prices) -> String {
    let mut text = format!("\nestimated cost of a month, in {} with prices of {}:\n", prices.region, prices.read);
    let mut line = |what: &str, how: String, usd: f64| {
        let _ = writeln!(text, "  {what:<10}{how:<58}{:>10}", dollars(usd));
    };
    line("metrics", format!("{} at {}", grouped(estimate.metrics), dollars(prices.metric)), estimate.metrics_usd);
    let requests = format!(
        "{} PutMetricData at {} a thousand",
        grouped(whole(estimate.requests)),
        dollars(prices.thousand_requests)
    );
    line("requests", requests, estimate.requests_usd);
    let logs = |gb: f64, price: f64| format!("{} of logs at {} a GB", gigabytes(gb), dollars(price));
    let standard = (estimate.ingested_gb - estimate.infrequent_gb).max(0.0);
    if standard > 0.0 || estimate.infrequent_gb <= 0.0 {
        line("ingest", logs(standard, prices.ingested_gb), estimate.ingested_usd - estimate.infrequent_usd);
    }
    if estimate.infrequent_gb > 0.0 {
        let how = logs(estimate.infrequent_gb, prices.ingested_infrequent_gb) + ", infrequent access";
        line("ingest", how, estimate.infrequent_usd);
    }
    let kept = if estimate.grows_for_ever { "kept after a year, and growing: no retention is set" } else { "kept" };
    line(
        "storage",
        format!("{} {kept}, at {} a GB", gigabytes(estimate.stored_gb), dollars(prices.stored_gb)),
        estimate.stored_usd,
    );
    line("in all", String::new(), estimate.total_usd);
    let _ = writeln!(
        text,
        "  free each month, once for the whole account and not taken off: {} metrics, {} requests, {} GB of logs",
        prices.free_metrics,
        grouped(prices.free_requests),
        prices.free_gb
    );
    text
}

/// What the estimate is made of, and what it does not know.
fn measured_by(files: &[Followed], journals: &[Journal]) -> String {
    let mut text =
        "  an estimate from above: by the files' sizes since they were begun, patterns and compression not taken off"
            .to_owned();
    if journals.iter().any(|journal| journal.bytes_a_day.is_some()) {
        text.push_str(", and by the journal's last hour");
    }
    text.push_str("\n  other regions cost up to half more\n");
    match files.iter().filter(|file| !file.is_begin_known).count() {
        0 => {}
        1 => text.push_str("  when 1 file was begun is not known: it counts by what came while `check` ran\n"),
        many => {
            let _ = writeln!(
                text,
                "  when {many} files were begun is not known: they count by what came while `check` ran"
            );
        }
    }
    if journals.iter().any(|journal| journal.bytes_a_day.is_none()) {
        text.push_str("  the journal's last hour could not be read: it is not in the estimate\n");
    }
    text
}

fn permissions(rights: &Rights) -> String {
    let mut text = match &rights.identity {
        Some(identity) => format!("\nsigned in as {identity}; AWS was asked, and nothing written:\n"),
        None => "\nsigned in; AWS was asked, and nothing written:\n".to_owned(),
    };
    for right in &rights.rights {
        let need = if right.is_needed { "" } else { " (not needed now)" };
        let _ = writeln!(
            text,
            "  {:<12}{} on {}{need}\n              {}",
            right.verdict, right.action, right.on, right.because
        );
    }
    for NotAsked { group, because } in rights.not_asked.iter().take(MAX_NOT_ASKED) {
        let _ = writeln!(text, "  {:<12}{group}\n              {because}", "not asked");
    }
    if let Some(more @ 1..) = rights.not_asked.len().checked_sub(MAX_NOT_ASKED) {
        let _ = writeln!(text, "  {:<12}and {more} more", "not asked");
    }
    text
}

fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "< $0.01".to_owned() } else { format!("${usd:.2}") }
}

fn gigabytes(gb: f64) -> String {
    if gb >= 1.0 {
        return format!("{gb:.1} GB");
    }
    bytes(whole(gb * 1_073_741_824.0))
}

/// Of a count that is not negative and far below 2^53, so neither sign nor digits are lost.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::super::cost::{Logged, PRICES, estimate};
    use super::*;

    #[test]
    fn each_line_of_the_ingest_has_the_price_that_it_was_counted_with() {
        let logged = |is_infrequent| Logged { rate: 1_000.0, is_infrequent, retention_days: Some(7) };
        let page = |logged: &[Logged]| cost(&estimate(&PRICES, &[], 60, logged), &PRICES);
        let infrequent = page(&[logged(true)]);
        assert!(infrequent.contains("2.4 GB of logs at $0.25 a GB, infrequent access"), "{infrequent}");
        assert!(!infrequent.contains("at $0.50"), "{infrequent}");
        let both = page(&[logged(true), logged(false), logged(false)]);
        assert!(both.contains("4.9 GB of logs at $0.50 a GB  ") && both.contains("2.4 GB of logs at $0.25"), "{both}");
    }

    #[test]
    fn a_group_that_was_not_asked_about_is_told() {
        let open = |number: usize| NotAsked { group: format!("/g/{number}"), because: "why".to_owned() };
        let rights = Rights { identity: None, rights: Vec::new(), not_asked: (0..25).map(open).collect() };
        let said = permissions(&rights);
        assert!(said.contains("not asked   /g/19\n              why\n  not asked   and 5 more\n"), "{said}");
    }

    #[test]
    fn a_metric_without_dimensions_says_so() {
        let metric = Metric {
            name: "heartbeat".to_owned(),
            unit: "Count",
            dimensions: std::collections::BTreeMap::new(),
            high_resolution: false,
            interval: std::time::Duration::from_secs(60),
        };
        assert_eq!(metrics(&[metric], None), "\n1 metric:\n  heartbeat  no dimensions (Count)\n");
    }
}
