//! Judges which metrics of a section are published, under which names and units.
//!
//! Pure.

use super::Judge;
use super::metrics::Section;
use crate::config::catalogue::{self, Metric, Plugin};
use crate::config::file;
use crate::config::key::Key;
use crate::config::problem::nearest;
use crate::config::settings::MeasurementConfig;
use crate::delivery::datums::MAX_NAME_BYTES;
use crate::record::Unit;

/// Whether CloudWatch takes it as the name of a metric or of a dimension.
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && !text.trim().is_empty()
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

fn is_measured_here(metric: &Metric) -> bool {
    metric.is_on_macos || !cfg!(target_os = "macos")
}

impl Judge<'_> {
    /// What the section names, each once; all of it where it names nothing.
    pub(super) fn measurements(&mut self, section: &Section<'_>) -> Vec<MeasurementConfig> {
        if section.measurement.is_absent() {
            return self.all(section);
        }
        let Some((id, list)) = section.measurement.placed() else { return Vec::new() };
        if list.is_empty() {
            self.wrong(id, " is empty", "name the metrics, or leave the key out for all of the section");
        }
        let mut measurements: Vec<MeasurementConfig> = Vec::new();
        for (id, shape) in list.iter().filter_map(Key::placed) {
            let Some(measurement) = self.measurement(id, section.plugin, shape) else { continue };
            if measurements.iter().any(|other| other.metric == measurement.metric) {
                self.wrong(id, &format!(" names `{}` a second time", measurement.metric.field), "keep one of them");
            } else if let Some(other) = same_name(&measurements, &measurement) {
                self.wrong(
                    id,
                    &format!(" is sent under the name of `{}`", other.metric.field),
                    "under one name two metrics become one",
                );
            } else {
                measurements.push(measurement);
            }
        }
        measurements.retain(|measurement| is_measured_here(measurement.metric));
        measurements
    }

    fn all(&mut self, section: &Section<'_>) -> Vec<MeasurementConfig> {
        let all: Vec<_> = catalogue::metrics_of(section.plugin)
            .filter(|metric| is_measured_here(metric))
            .map(|metric| MeasurementConfig { metric, rename: None, unit: None })
            .collect();
        if section.plugin.is_agents() && !section.means_all {
            let each = if section.plugin.dimensions().is_empty() { "" } else { ", of each device" };
            let says =
                format!(" has no `measurement`: all {} metrics of it are published{each}; each costs", all.len());
            self.remark(section.id, &says);
        }
        all
    }

    fn measurement(&mut self, id: usize, plugin: Plugin, shape: &file::Measurement) -> Option<MeasurementConfig> {
        let rename = self.new_name(&shape.rename);
        let Some((id, name)) = shape.name.placed() else {
            if !shape.name.is_wrong() {
                self.wrong(id, " has no `name`", "it is the name of a metric of this section");
            }
            return None;
        };
        let Some(metric) = catalogue::find(plugin, name) else {
            self.no_metric(id, plugin, name);
            return None;
        };
        if !is_measured_here(metric) {
            self.remark(id, &format!(" is `{name}`, which macOS does not tell: it is not published"));
        }
        Some(MeasurementConfig { metric, rename, unit: self.unit(&shape.unit, metric) })
    }

    fn no_metric(&mut self, id: usize, plugin: Plugin, name: &str) {
        if name.trim().is_empty() {
            self.wrong(id, " is empty", "it is the name of a metric of this section");
        } else if catalogue::is_unsupported(plugin, name) {
            self.remark(id, &format!(" is `{name}`, which is known to the CloudWatch Agent and not supported here"));
        } else {
            let hint = meant(plugin, name);
            self.wrong(id, &format!(" is `{name}`, which is no metric of `{}`", plugin.name()), &hint);
        }
    }

    fn new_name(&mut self, key: &Key<String>) -> Option<String> {
        let (id, name) = key.placed()?;
        if !is_name(name) {
            let hint = "1 to 255 visible ASCII characters and spaces";
            self.wrong(id, &format!(" is `{}`, which is no name of a metric", name.escape_debug()), hint);
        }
        Some(name.clone())
    }

    /// The CloudWatch Agent lets any text stand there: its own examples say `unit`.
    fn unit(&mut self, key: &Key<String>, metric: &Metric) -> Option<Unit> {
        let (id, name) = key.placed()?;
        let found = Unit::ALL.iter().find(|unit| unit.name().eq_ignore_ascii_case(name)).copied();
        if found.is_none() {
            let meant = nearest(name, Unit::ALL.iter().map(|unit| unit.name()));
            let meant = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
            let own = metric.unit.name();
            self.remark(id, &format!(" is `{name}`, which is no unit of CloudWatch{meant}: `{own}` is sent"));
        }
        found
    }

    /// Metrics of which only the sums are sent.
    pub(super) fn dropped(&mut self, section: &Section<'_>, measured: &[MeasurementConfig]) -> Vec<&'static str> {
        let mut dropped = Vec::new();
        for (id, name) in section.drop_original_metrics.get().into_iter().flatten().filter_map(Key::placed) {
            let renamed = measured.iter().find(|measured| measured.rename.as_ref() == Some(name));
            let Some(metric) = renamed.map(|it| it.metric).or_else(|| catalogue::find(section.plugin, name)) else {
                self.no_metric(id, section.plugin, name);
                continue;
            };
            if !measured.iter().any(|measured| measured.metric == metric) {
                self.remark(id, &format!(" is `{name}`, which `measurement` does not name: there is nothing to drop"));
            } else if !dropped.contains(&metric.field) {
                dropped.push(metric.field);
            }
        }
        dropped
    }
}

/// The measurement that is sent under the same name.
fn same_name<'a>(all: &'a [MeasurementConfig], one: &MeasurementConfig) -> Option<&'a MeasurementConfig> {
    all.iter().find(|other| other.sent_as() == one.sent_as())
}

fn meant(plugin: Plugin, name: &str) -> String {
    let short = name.strip_prefix(plugin.name()).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name);
    let fields = || catalogue::metrics_of(plugin).map(|metric| metric.field).filter(|field| !field.is_empty());
    match nearest(short, fields()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if plugin == Plugin::Heartbeat => "there is `heartbeat`".to_string(),
        None => format!("there are: {}", fields().collect::<Vec<_>>().join(", ")),
    }
}
