//! Makes of the figures of one sampling the samples that are sent: what is published, under which name, with which dimensions,
//! and summed up over which.
//!
//! Dimensions stand in this order: what the figure was measured on, those of its section, those of every metric; of two with one
//! name the first counts. A sum is one more sample: the figures of this moment that agree in the dimensions of a set, as CloudWatch
//! would have them of each alone. Easy to break: a figure that cannot be sent never costs its neighbours, nor their sum.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::config::{CollectorConfig, Config, Facts, Template};
use crate::delivery::dimension;
use crate::record::{Dimensions, Distribution, Sample, Unit, Value};
use crate::sources::host::reading::Reading;

/// What is sampled more often than this is of high resolution.
const MINUTE: Duration = Duration::from_secs(60);

/// What all metrics have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    /// Names and values of the dimensions that every metric gets.
    pub dimensions: Vec<(String, String)>,
    /// Each metric that has these dimensions is published once more with them alone.
    pub sums: Vec<Vec<String>>,
}

/// What becomes of a section's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    metrics: BTreeMap<&'static str, Planned>,
    dimensions: Vec<(String, String)>,
    is_high_resolution: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Planned {
    name: String,
    unit: Unit,
    /// Only its sums are sent.
    is_dropped: bool,
}

/// What one sampling gave.
#[derive(Debug, Default, PartialEq)]
pub struct Planning {
    /// What is sent.
    pub samples: Vec<Sample>,
    /// How many figures were no numbers.
    pub left_out: usize,
}

impl Planning {
    /// This and another.
    pub fn add(&mut self, mut other: Self) {
        self.samples.append(&mut other.samples);
        self.left_out += other.left_out;
    }
}

/// A sample, and whether only its sums are sent.
type Single = (Sample, bool);

impl Common {
    /// What `config` says of this machine. With `metrics_collected` the host's name is called as the CloudWatch Agent does; the id
    /// is there, too, since the dashboard and the alarms look for it.
    pub fn of(config: &Config, facts: &Facts) -> Self {
        let given = config.metrics.append_dimensions.iter().flatten();
        let mut dimensions = resolved(given, facts);
        // Of the forms that only EC2 fills in nothing may be left.
        if dimensions.is_empty() {
            let hostname = if config.metrics.collected.is_standard() { "Hostname" } else { "host" };
            dimensions.push(("InstanceId".to_owned(), facts.instance_id.clone()));
            if !config.agent.omits_hostname {
                dimensions.push((hostname.to_owned(), facts.hostname.clone()));
            }
        }
        Self { dimensions, sums: config.metrics.aggregation_dimensions.clone() }
    }

    /// The samples of a look that names, units and values are given for: those of the 13 metrics, or of programs. Those that
    /// `is_dropped` names are sent as sums only.
    pub fn samples(&self, found: Vec<Sample>, is_dropped: impl Fn(&str) -> bool) -> Planning {
        let mut cache = Cache::default();
        let singles = found.into_iter().map(|sample| {
            let own = sample.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let dimensions = cache.dimensions(own.collect(), &[], &self.dimensions);
            let is_dropped = is_dropped(&sample.name);
            (Sample { dimensions, ..sample }, is_dropped)
        });
        let singles = singles.collect();
        Planning { samples: self.with_sums(singles), left_out: 0 }
    }

    /// The samples and their sums.
    fn with_sums(&self, singles: Vec<Single>) -> Vec<Sample> {
        let mut sums = Vec::new();
        for set in &self.sums {
            sums.extend(summed_up(set, &singles));
        }
        let mut samples: Vec<Sample> =
            singles.into_iter().filter(|(_, is_dropped)| !is_dropped).map(|(sample, _)| sample).collect();
        samples.append(&mut sums);
        samples
    }
}

impl Plan {
    /// The plan of a section.
    pub fn of(config: &CollectorConfig, facts: &Facts) -> Self {
        let metrics = config.measurements.iter().map(|measurement| {
            let planned = Planned {
                name: measurement.sent_as(),
                unit: measurement.unit.unwrap_or(measurement.metric.unit),
                is_dropped: config.drop_original.contains(&measurement.metric.field),
            };
            (measurement.metric.field, planned)
        });
        Self {
            metrics: metrics.collect(),
            dimensions: resolved(config.append_dimensions.iter(), facts),
            is_high_resolution: is_high_resolution(config.interval),
        }
    }

    /// The samples of a look at the machine.
    pub fn samples(&self, common: &Common, readings: Vec<Reading>) -> Planning {
        let (mut cache, mut left_out) = (Cache::default(), 0);
        let mut singles = Vec::with_capacity(readings.len());
        for reading in readings {
            let Some(planned) = self.metrics.get(reading.field) else { continue };
            if !reading.value.is_finite() {
                left_out += 1;
                continue;
            }
            let own = reading.dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let sample = Sample {
                name: planned.name.clone(),
                unit: planned.unit,
                value: Value::One(reading.value),
                dimensions: cache.dimensions(own, &self.dimensions, &common.dimensions),
                is_high_resolution: self.is_high_resolution,
            };
            singles.push((sample, planned.is_dropped));
        }
        Planning { samples: common.with_sums(singles), left_out }
    }
}

/// Whether what is taken at this interval is kept by the second.
pub fn is_high_resolution(interval: Duration) -> bool {
    interval < MINUTE
}

/// Dimensions without those that have no value on this machine.
fn resolved<'a>(pairs: impl Iterator<Item = &'a (String, Template)>, facts: &Facts) -> Vec<(String, String)> {
    let known = pairs.filter(|(_, value)| value.missing(facts).is_none());
    known.map(|(name, value)| (name.clone(), value.resolve(facts))).collect()
}

/// Sets of dimensions that were made: most figures of a look share a few.
#[derive(Default)]
struct Cache(HashMap<Vec<(String, String)>, Dimensions>);

impl Cache {
    fn dimensions(
        &mut self,
        own: Vec<(&str, &str)>,
        of_section: &[(String, String)],
        common: &[(String, String)],
    ) -> Dimensions {
        let further = of_section.iter().chain(common).map(|(name, value)| (name.as_str(), value.as_str()));
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(own.len() + of_section.len() + common.len());
        for (name, value) in own.into_iter().chain(further) {
            if !value.trim().is_empty() && !pairs.iter().any(|(other, _)| other == name) {
                pairs.push((name.to_owned(), dimension::value_of(value.as_bytes())));
            }
        }
        let made = self.0.entry(pairs).or_insert_with_key(|pairs| pairs.as_slice().into());
        Dimensions::clone(made)
    }
}

/// One sample for each metric and each combination of values that `set` has in `singles`.
fn summed_up(set: &[String], singles: &[Single]) -> Vec<Sample> {
    let mut groups: Vec<(&Sample, Vec<&Value>, Dimensions)> = Vec::new();
    let mut places: HashMap<(&str, Unit, Vec<&str>), usize> = HashMap::new();
    let wanted: HashSet<&str> = set.iter().map(String::as_str).collect();
    for (sample, is_dropped) in singles {
        // With all of its dimensions it is sent as it is.
        if wanted.len() > sample.dimensions.len() || (wanted.len() == sample.dimensions.len() && !is_dropped) {
            continue;
        }
        let Some(values) = set.iter().map(|name| value_of(&sample.dimensions, name)).collect::<Option<Vec<&str>>>()
        else {
            continue;
        };
        let pairs = || set.iter().zip(&values).map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let place = match places.get(&(sample.name.as_str(), sample.unit, values.clone())) {
            Some(place) => *place,
            None => {
                groups.push((sample, Vec::new(), pairs()));
                places.insert((sample.name.as_str(), sample.unit, values), groups.len() - 1);
                groups.len() - 1
            }
        };
        if let Some((_, members, _)) = groups.get_mut(place) {
            members.push(&sample.value);
        }
    }
    let summed = groups.into_iter().map(|(first, members, dimensions)| Sample {
        value: together(&members),
        dimensions,
        ..first.clone()
    });
    summed.collect()
}

fn value_of<'a>(dimensions: &'a Dimensions, name: &str) -> Option<&'a str> {
    dimensions.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

/// The figures of several samples as one.
fn together(values: &[&Value]) -> Value {
    if let [one] = values {
        return (*one).clone();
    }
    let mut all = Distribution { minimum: f64::INFINITY, maximum: f64::NEG_INFINITY, ..Distribution::default() };
    for value in values {
        let (minimum, maximum, sum, count) = match value {
            Value::One(value) => {
                all.counted.push((*value, 1.0));
                (*value, *value, *value, 1.0)
            }
            Value::Distribution(many) => {
                all.counted.extend(&many.counted);
                (many.minimum, many.maximum, many.sum, many.count)
            }
        };
        all.minimum = all.minimum.min(minimum);
        all.maximum = all.maximum.max(maximum);
        all.sum += sum;
        all.count += count;
    }
    all.counted.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.counted.dedup_by(|next, kept| {
        // A value that is there already is counted there. Zero has two signs and is one value.
        let is_same = next.0.total_cmp(&kept.0).is_eq() || (next.0 == 0.0 && kept.0 == 0.0);
        if is_same {
            kept.1 += next.1;
        }
        is_same
    });
    Value::Distribution(all)
}

#[cfg(test)]
mod tests;
