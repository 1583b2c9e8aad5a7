//! Judges `procstat`, which says what processes are looked at, and `statsd`, which says where programs send to.
//!
//! Pure.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::metrics::Section;
use super::{Judge, MAX_INTERVAL_SECONDS};
use crate::config::catalogue::Plugin;
use crate::config::file;
use crate::config::key::Key;
use crate::config::settings::{CollectorConfig, PluginConfig, ProcessesOf, StatsdConfig};
use crate::delivery::datums::MAX_DIMENSIONS;

/// StatsD's port, on this machine alone: whoever can send there can cost money.
const STATSD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8125);
/// The CloudWatch Agent's defaults.
const STATSD_INTERVAL: Duration = Duration::from_secs(10);
const STATSD_AGGREGATION: Duration = Duration::from_secs(60);
const STATSD_PENDING: usize = 10_000;
/// The most tags, where the dimensions of all metrics leave room for so many.
const STATSD_TAGS: usize = 20;

impl Judge<'_> {
    /// One entry of `procstat`. With several ways to choose the processes, the first counts, as with the CloudWatch Agent.
    pub(super) fn procstat(
        &mut self,
        id: usize,
        shape: &file::Procstat,
        interval: Duration,
    ) -> Option<CollectorConfig> {
        let ways = [&shape.pid_file, &shape.exe, &shape.pattern];
        let given: Vec<usize> = ways.iter().filter_map(|key| key.placed()).map(|(id, _)| id).collect();
        given.iter().skip(1).for_each(|id| self.remark(*id, " has no effect: one way to choose processes is used"));
        if given.is_empty() && !ways.iter().any(|key| key.is_wrong()) {
            self.wrong(id, " has none of `pid_file`, `exe` and `pattern`", "one of them chooses the processes");
        }
        let of = if let Some(path) = self.text(&shape.pid_file) {
            Some(ProcessesOf::PidFile(self.absolute(&path)))
        } else if shape.exe.placed().is_some() {
            self.process_pattern(&shape.exe).map(ProcessesOf::Exe)
        } else {
            self.process_pattern(&shape.pattern).map(ProcessesOf::Pattern)
        };
        let section = Section {
            id,
            plugin: Plugin::Procstat,
            means_all: false,
            measurement: &shape.measurement,
            append_dimensions: &shape.append_dimensions,
            drop_original_metrics: &shape.drop_original_metrics,
            metrics_collection_interval: &shape.metrics_collection_interval,
        };
        let of = of.unwrap_or(ProcessesOf::Exe(String::new()));
        self.collector(&section, PluginConfig::Procstat(of), interval)
    }

    fn process_pattern(&mut self, key: &Key<String>) -> Option<String> {
        let (id, _) = key.placed()?;
        let text = self.text(key)?;
        self.regular_expression(id, &text)
    }

    /// `common` is how many dimensions all metrics have.
    pub(super) fn statsd(&mut self, key: &Key<file::Statsd>, common: usize) -> Option<StatsdConfig> {
        let (_, shape) = key.placed()?;
        if shape.collect.get() == Some(&false) {
            return None;
        }
        let interval = self.seconds(&shape.metrics_collection_interval, MAX_INTERVAL_SECONDS);
        let reason =
            "it is a number of seconds; with 0 nothing is summed up for longer than `metrics_collection_interval`";
        let aggregation = self.whole(&shape.metrics_aggregation_interval, 0, MAX_INTERVAL_SECONDS, reason);
        let pending = self.whole(&shape.allowed_pending_messages, 1, 10_000_000, "it is a number of messages");
        Some(StatsdConfig {
            address: self.address(&shape.service_address).unwrap_or(STATSD),
            aggregation: aggregation.map_or(STATSD_AGGREGATION, Duration::from_secs),
            interval: interval.unwrap_or(STATSD_INTERVAL),
            separator: shape
                .metric_separator
                .get()
                .filter(|text| !text.is_empty())
                .cloned()
                .unwrap_or_else(|| "_".to_string()),
            max_pending: pending.and_then(|count| usize::try_from(count).ok()).unwrap_or(STATSD_PENDING),
            max_tags: MAX_DIMENSIONS.saturating_sub(common + 1).min(STATSD_TAGS),
            drop_original: self.distinct(&shape.drop_original_metrics),
        })
    }

    /// `:8125` is every address of this machine, as with the CloudWatch Agent.
    fn address(&mut self, key: &Key<String>) -> Option<SocketAddr> {
        let (id, _) = key.placed()?;
        let text = self.text(key)?;
        let plain = text.strip_prefix("udp://").unwrap_or(&text);
        let full = match plain.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => plain.replace("localhost:", "127.0.0.1:"),
        };
        let address = full.parse().ok();
        if address.is_none() {
            self.wrong(
                id,
                &format!(" is `{text}`, which is no address"),
                "`127.0.0.1:8125`, or `:8125` for every address",
            );
        }
        address
    }
}
