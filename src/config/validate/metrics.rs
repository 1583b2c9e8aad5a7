//! Judges `metrics`: what is measured and how often, with which dimensions, and over which of them it is summed up.
//!
//! What the CloudWatch Agent takes is taken with its meaning; what it would take and we cannot do is a remark by name. A file that
//! names sections is sampled every 60 s where it says nothing else, as the agent does; one without them every 300 s, as the
//! Python publisher did.
//!
//! Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::measurement::is_name;
use super::{Judge, MAX_INTERVAL_SECONDS};
use crate::config::catalogue::Plugin;
use crate::config::file;
use crate::config::key::{Key, List, Texts};
use crate::config::settings::{Collected, CollectorConfig, Metrics, PluginConfig, Resources, defaults};
use crate::config::template::{Purpose, Template};
use crate::delivery::datums::MAX_DIMENSIONS;

/// What sections and entries of `procstat` have in common.
pub(super) struct Section<'a> {
    /// Where it stands.
    pub id: usize,
    pub plugin: Plugin,
    /// `true` in place of the object: all of its metrics are meant.
    pub means_all: bool,
    pub measurement: &'a List<file::Measurement>,
    pub append_dimensions: &'a Texts,
    pub drop_original_metrics: &'a List<String>,
    pub metrics_collection_interval: &'a Key<i64>,
}

/// The dimensions of every metric where the file names none: `InstanceId` and the name of the host.
const COMMON_DIMENSIONS: usize = 2;

type Pairs = Vec<(String, Template)>;

impl Judge<'_> {
    /// The metrics' settings. `endpoint` is that of all services, `interval` of all sections that name none.
    pub(super) fn metrics(&mut self, shape: &file::Metrics, endpoint: Option<String>, interval: Duration) -> Metrics {
        let append_dimensions = self.common_dimensions(&shape.append_dimensions);
        let common = append_dimensions.as_ref().map_or(COMMON_DIMENSIONS, Vec::len);
        let collected = self.collected(&shape.metrics_collected, interval, common);
        let metrics = Metrics {
            namespace: self
                .template(&shape.namespace, Purpose::Namespace)
                .unwrap_or_else(|| Template::known(defaults::NAMESPACE, Purpose::Namespace)),
            flush_interval: self
                .seconds(&shape.force_flush_interval, MAX_INTERVAL_SECONDS)
                .unwrap_or(defaults::METRICS_FLUSH),
            role: self.role(&shape.credentials),
            endpoint: self.endpoint(&shape.endpoint_override).or(endpoint),
            collected,
            append_dimensions,
            aggregation_dimensions: self.aggregation_dimensions(&shape.aggregation_dimensions),
        };
        self.too_many_dimensions(shape, &metrics);
        self.sums_of_nothing(&shape.aggregation_dimensions, &metrics);
        self.dropped_without_sums(shape, &metrics);
        metrics
    }

    fn collected(&mut self, key: &Key<file::MetricsCollected>, interval: Duration, common: usize) -> Collected {
        let Some((id, shape)) = key.placed() else { return Collected::Standard };
        let path = self.path(id);
        if !self.places.has_below(&path) {
            self.wrong(id, " names nothing", "leave the key out for the 13 default metrics, or name a section");
        }
        let before = [
            (Plugin::Cpu, &shape.cpu),
            (Plugin::Disk, &shape.disk),
            (Plugin::Diskio, &shape.diskio),
            (Plugin::Mem, &shape.mem),
            (Plugin::Net, &shape.net),
            (Plugin::Netstat, &shape.netstat),
            (Plugin::Swap, &shape.swap),
            (Plugin::Processes, &shape.processes),
        ];
        let after = [
            (Plugin::Load, &shape.load),
            (Plugin::Uptime, &shape.uptime),
            (Plugin::Temperature, &shape.temperature),
            (Plugin::Throttled, &shape.throttled),
            (Plugin::Itself, &shape.itself),
            (Plugin::Heartbeat, &shape.heartbeat),
        ];
        let mut collectors: Vec<CollectorConfig> = Vec::new();
        collectors.extend(before.iter().filter_map(|(plugin, key)| self.section(*plugin, key, interval)));
        for (id, entry) in shape.procstat.get().into_iter().flatten().filter_map(Key::placed) {
            collectors.extend(self.procstat(id, entry, interval));
        }
        collectors.extend(after.iter().filter_map(|(plugin, key)| self.section(*plugin, key, interval)));
        let statsd = self.statsd(&shape.statsd, common);
        if collectors.is_empty() && statsd.is_none() && self.places.has_below(&path) {
            self.remark(id, " has nothing that is measured here: no metrics are published");
        }
        Collected::Chosen { collectors, statsd }
    }

    fn section(&mut self, plugin: Plugin, key: &Key<file::Collector>, interval: Duration) -> Option<CollectorConfig> {
        let (id, shape) = key.placed()?;
        if shape.collect.get() == Some(&false) {
            return None;
        }
        let looks_at = self.plugin(id, plugin, shape);
        let section = Section {
            id,
            plugin,
            means_all: shape.collect.get() == Some(&true),
            measurement: &shape.measurement,
            append_dimensions: &shape.append_dimensions,
            drop_original_metrics: &shape.drop_original_metrics,
            metrics_collection_interval: &shape.metrics_collection_interval,
        };
        self.collector(&section, looks_at, interval)
    }

    /// None where nothing of the section is published.
    pub(super) fn collector(
        &mut self,
        section: &Section<'_>,
        plugin: PluginConfig,
        interval: Duration,
    ) -> Option<CollectorConfig> {
        let measurements = self.measurements(section);
        let config = CollectorConfig {
            plugin,
            interval: self.seconds(section.metrics_collection_interval, MAX_INTERVAL_SECONDS).unwrap_or(interval),
            append_dimensions: self.dimensions(section.append_dimensions),
            drop_original: self.dropped(section, &measurements),
            measurements,
        };
        (!config.measurements.is_empty()).then_some(config)
    }

    fn plugin(&mut self, id: usize, plugin: Plugin, shape: &file::Collector) -> PluginConfig {
        let resources = self.resources(&shape.resources);
        self.without_effect(plugin, shape);
        match plugin {
            Plugin::Cpu => {
                if let (Resources::Named(_), Some((id, _))) = (&resources, shape.resources.placed()) {
                    self.wrong(
                        id,
                        " names processors",
                        "`[\"*\"]` tells each apart; without the key they are told together",
                    );
                }
                let has_total = shape.totalcpu.get().copied().unwrap_or(true);
                if !has_total && resources == Resources::Unset {
                    self.remark(id, " measures nothing: `totalcpu` is false, and `resources` is not `[\"*\"]`");
                }
                PluginConfig::Cpu { each: resources, has_total }
            }
            Plugin::Disk => PluginConfig::Disk {
                mounts: resources,
                ignored_types: self.distinct(&shape.ignore_file_system_types),
                drops_device: shape.drop_device.get().copied().unwrap_or(false),
            },
            Plugin::Diskio => PluginConfig::Diskio { devices: resources },
            Plugin::Net => PluginConfig::Net { interfaces: resources },
            Plugin::Netstat => PluginConfig::Netstat,
            Plugin::Swap => PluginConfig::Swap,
            Plugin::Processes => PluginConfig::Processes,
            Plugin::Load => PluginConfig::Load,
            Plugin::Uptime => PluginConfig::Uptime,
            Plugin::Temperature => PluginConfig::Temperature { sensors: resources },
            Plugin::Throttled => PluginConfig::Throttled,
            Plugin::Itself => PluginConfig::Itself,
            Plugin::Heartbeat => PluginConfig::Heartbeat,
            // `procstat` is a list, and judged by itself.
            Plugin::Mem | Plugin::Procstat => PluginConfig::Mem,
        }
    }

    /// Keys that have a meaning in another section.
    fn without_effect(&mut self, plugin: Plugin, shape: &file::Collector) {
        let has_devices =
            matches!(plugin, Plugin::Cpu | Plugin::Disk | Plugin::Diskio | Plugin::Net | Plugin::Temperature);
        let keys = [
            (shape.resources.placed().map(|(id, _)| id), has_devices),
            (shape.totalcpu.placed().map(|(id, _)| id), plugin == Plugin::Cpu),
            (shape.ignore_file_system_types.placed().map(|(id, _)| id), plugin == Plugin::Disk),
            (shape.drop_device.placed().map(|(id, _)| id), plugin == Plugin::Disk),
        ];
        for (id, _) in keys.into_iter().filter(|(_, has_effect)| !has_effect) {
            id.into_iter().for_each(|id| self.remark(id, " has no effect in this section"));
        }
    }

    fn resources(&mut self, key: &List<String>) -> Resources {
        let names = self.distinct(key);
        if names.iter().any(|name| name == "*") {
            Resources::All
        } else if names.is_empty() {
            Resources::Unset
        } else {
            Resources::Named(names)
        }
    }

    /// Texts of a list, each once, none empty.
    pub(super) fn distinct(&mut self, key: &List<String>) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (id, text) in key.get().into_iter().flatten().filter_map(Key::placed) {
            if text.trim().is_empty() {
                self.wrong(id, " is empty", "leave it out");
            } else if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        texts
    }

    /// Dimensions of every metric; none where the default ones are meant.
    fn common_dimensions(&mut self, key: &Texts) -> Option<Pairs> {
        let (id, _) = key.placed()?;
        let pairs = self.dimensions(key);
        if pairs.is_empty() {
            return None;
        }
        let tells_apart = ["{instance_id}", "hostname}", "{ip_address}", "{aws:InstanceId}"];
        if !pairs.iter().any(|(_, value)| tells_apart.iter().any(|placeholder| value.text().contains(placeholder))) {
            self.remark(
                id,
                " does not tell this machine from others: their metrics become one; `\"InstanceId\": \"{instance_id}\"` tells",
            );
        }
        Some(pairs)
    }

    fn dimensions(&mut self, key: &Texts) -> Pairs {
        let mut pairs = Vec::new();
        for (name, value) in key.get().into_iter().flatten() {
            let Some((id, _)) = value.placed() else { continue };
            if !is_name(name) || name.starts_with(':') {
                self.wrong(
                    id,
                    &format!(": `{}` is no name of a dimension", name.escape_debug()),
                    "1 to 255 visible ASCII characters and spaces, not beginning with `:`",
                );
            }
            if let Some((id, text)) = value.placed().filter(|(_, text)| text.starts_with("${!")) {
                // What CloudFormation makes `${…}` of; the CloudWatch Agent takes it, and fills nothing in.
                self.remark(id, &format!(" is `{text}`, which nobody fills in: the dimension is left out"));
                continue;
            }
            pairs.extend(self.template(value, Purpose::Dimension).map(|value| (name.clone(), value)));
        }
        pairs
    }

    fn aggregation_dimensions(&mut self, key: &List<Vec<String>>) -> Vec<Vec<String>> {
        let mut sets: Vec<Vec<String>> = Vec::new();
        for (id, names) in key.get().into_iter().flatten().filter_map(Key::placed) {
            let set: BTreeSet<&String> = names.iter().collect();
            if names.iter().any(|name| !is_name(name)) {
                self.wrong(
                    id,
                    " has a name that no dimension can have",
                    "1 to 255 visible ASCII characters and spaces",
                );
            } else if set.len() < names.len() {
                self.wrong(id, " names a dimension twice", "once is enough");
            } else if names.len() > MAX_DIMENSIONS {
                self.wrong(id, &format!(" names {} dimensions", names.len()), "a metric has 30 at the most");
            } else if sets.iter().any(|other| other.iter().collect::<BTreeSet<_>>() == set) {
                self.wrong(id, " stands there twice", "keep one of them: each is counted");
            } else {
                sets.push(names.clone());
            }
        }
        sets
    }

    /// CloudWatch takes 30 dimensions of a metric.
    fn too_many_dimensions(&mut self, shape: &file::Metrics, metrics: &Metrics) {
        let common = metrics.append_dimensions.as_ref().map_or(COMMON_DIMENSIONS, Vec::len);
        let of_one = |collector: &CollectorConfig| {
            // The most that one metric of `procstat` has of its own.
            let own = collector.plugin.plugin().dimensions().len().min(3);
            own + collector.append_dimensions.len()
        };
        let most = match &metrics.collected {
            Collected::Standard => 0,
            // What programs send has its kind at the least; the tags get what room there is.
            Collected::Chosen { collectors, statsd } => {
                collectors.iter().map(of_one).chain(statsd.iter().map(|_| 1)).max().unwrap_or(0)
            }
        };
        let id = shape.append_dimensions.placed().map(|(id, _)| id);
        let id = id.or(shape.metrics_collected.placed().map(|(id, _)| id));
        if let (true, Some(id)) = (common + most > MAX_DIMENSIONS, id) {
            self.wrong(
                id,
                &format!(" gives a metric {} dimensions, its own included", common + most),
                "CloudWatch takes 30 at the most",
            );
        }
    }

    /// Sets of dimensions that no metric has.
    fn sums_of_nothing(&mut self, key: &List<Vec<String>>, metrics: &Metrics) {
        let mut known: BTreeSet<&str> = ["InstanceId", "host", "Hostname"].into();
        known.extend(metrics.append_dimensions.iter().flatten().map(|(name, _)| name.as_str()));
        if let Collected::Chosen { collectors, statsd } = &metrics.collected {
            if statsd.is_some() {
                // Programs send what tags they like.
                return;
            }
            for collector in collectors {
                known.extend(collector.plugin.plugin().dimensions());
                known.extend(collector.append_dimensions.iter().map(|(name, _)| name.as_str()));
            }
        }
        for (id, names) in key.get().into_iter().flatten().filter_map(Key::placed) {
            if let Some(name) = names.iter().find(|name| !known.contains(name.as_str())) {
                self.remark(
                    id,
                    &format!(" has `{name}`, a dimension that no metric has: nothing is summed up over it"),
                );
            }
        }
    }

    fn dropped_without_sums(&mut self, shape: &file::Metrics, metrics: &Metrics) {
        let Some((id, collected)) = shape.metrics_collected.placed() else { return };
        let Collected::Chosen { collectors, statsd } = &metrics.collected else { return };
        let drops = collectors.iter().any(|collector| !collector.drop_original.is_empty())
            || statsd.as_ref().is_some_and(|statsd| !statsd.drop_original.is_empty());
        if drops && metrics.aggregation_dimensions.is_empty() {
            let id = collected.cpu.get().and_then(|cpu| cpu.drop_original_metrics.placed()).map_or(id, |(id, _)| id);
            self.remark(id, ": there is no metrics.aggregation_dimensions, so what `drop_original_metrics` names is not sent at all");
        }
    }
}
