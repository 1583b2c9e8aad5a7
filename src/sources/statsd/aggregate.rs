//! Sums up what programs send until it is asked for.
//!
//! Counters are summed, gauges keep their last value, sets count their members, timings and histograms become distributions. Easy to
//! break: memory has a ceiling, whatever programs send, and what does not fit is counted.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::parse::{Heard, Kind, Measured, Named};
use crate::record::{Distribution, Monotonic, Sample, Unit, Value};

/// Metrics that are told apart, tags included. Each costs money at AWS: more are a mistake of a program.
pub const MAX_METRICS: usize = 10_000;
/// Members of all sets together.
const MAX_MEMBERS: usize = 250_000;
/// Distinct values of one distribution: what one datum takes (PutMetricData).
const MAX_VALUES: usize = 150;
/// Distinct values of all distributions together, as far as each still has [`LEAST_VALUES`].
const ALL_VALUES: usize = 200_000;
const LEAST_VALUES: usize = 16;
/// How far the first bucket of near values goes: 2 %.
const GROWTH: f64 = 1.02;
/// A gauge that was silent for so long is forgotten: a change counts from 0 again.
const FORGOTTEN: Duration = Duration::from_secs(86_400);

/// What was summed up since it was asked for last.
#[derive(Debug, Default)]
pub struct Sums {
    metrics: HashMap<Named, Sum>,
    members: usize,
    /// Values of metrics, and members of sets, for which there was no room.
    crowded: u64,
}

#[derive(Debug)]
enum Sum {
    Counter(f64),
    Gauge { value: f64, at: Monotonic, is_fresh: bool },
    Set(HashSet<u64>),
    Many(Many),
}

impl Sums {
    /// Adds one value.
    pub fn add(&mut self, measured: Measured, now: Monotonic) {
        let Measured { metric, heard, weight } = measured;
        let metrics = self.metrics.len();
        let values = (ALL_VALUES / metrics.max(1)).clamp(LEAST_VALUES, MAX_VALUES);
        let sum = match self.metrics.get_mut(&metric) {
            Some(sum) => sum,
            None if metrics >= MAX_METRICS => {
                self.crowded += 1;
                return;
            }
            None => {
                let kind = metric.kind;
                self.metrics.entry(metric).or_insert_with(|| Sum::new(kind, now))
            }
        };
        match (sum, heard) {
            (Sum::Counter(sum), Heard::Value(value)) => *sum += value * weight,
            (Sum::Many(many), Heard::Value(value)) => many.add(value, weight, values),
            (Sum::Gauge { value, at, is_fresh }, heard) => {
                (*at, *is_fresh) = (now, true);
                match heard {
                    Heard::Value(new) => *value = new,
                    Heard::Change(change) => *value += change,
                    Heard::Member(_) => {}
                }
            }
            (Sum::Set(members), Heard::Member(member)) => {
                let member = xxhash_rust::xxh3::xxh3_64(member.as_bytes());
                if members.contains(&member) {
                    return;
                }
                if self.members < MAX_MEMBERS {
                    self.members += usize::from(members.insert(member));
                } else {
                    self.crowded += 1;
                }
            }
            _ => {}
        }
    }

    /// What was summed up, each metric once, sorted; what comes from now on is summed up anew. Gauges are told where they were set,
    /// and kept: a change counts from the last value.
    pub fn take(&mut self, now: Monotonic) -> Vec<Sample> {
        let mut samples: Vec<(Named, Value)> = Vec::new();
        let mut kept = HashMap::new();
        for (named, sum) in std::mem::take(&mut self.metrics) {
            match sum {
                Sum::Gauge { value, at, is_fresh } => {
                    if is_fresh {
                        samples.push((named.clone(), Value::One(value)));
                    }
                    if now.since(at) < FORGOTTEN {
                        kept.insert(named, Sum::Gauge { value, at, is_fresh: false });
                    }
                }
                Sum::Counter(sum) => samples.push((named, Value::One(sum))),
                #[allow(clippy::cast_precision_loss, reason = "at most `MAX_MEMBERS`")]
                Sum::Set(members) => samples.push((named, Value::One(members.len() as f64))),
                Sum::Many(many) => samples.extend(many.told().map(|many| (named, Value::Distribution(many)))),
            }
        }
        (self.metrics, self.members) = (kept, 0);
        samples.sort_by(|one, other| one.0.cmp(&other.0));
        samples.into_iter().map(|(named, value)| sample(named, value)).collect()
    }

    /// How many values had no room since this was asked last.
    pub fn crowded(&mut self) -> u64 {
        std::mem::take(&mut self.crowded)
    }
}

impl Sum {
    fn new(kind: Kind, now: Monotonic) -> Self {
        match kind {
            Kind::Counter => Self::Counter(0.0),
            Kind::Gauge => Self::Gauge { value: 0.0, at: now, is_fresh: true },
            Kind::Set => Self::Set(HashSet::new()),
            Kind::Timing | Kind::Histogram => Self::Many(Many::default()),
        }
    }
}

fn sample(named: Named, value: Value) -> Sample {
    let kind = ("metric_type".to_string(), named.kind.name().to_string());
    let tags = named.tags.into_iter().filter(|(name, _)| name != "metric_type");
    Sample {
        name: named.name,
        unit: Unit::None,
        value,
        dimensions: std::iter::once(kind).chain(tags).collect(),
        is_high_resolution: false,
    }
}

/// Many values: each distinct one, or, where they are too many, near ones as one.
#[derive(Debug, Default)]
struct Many {
    /// Sum and weight of the values in each bucket, in the order of values.
    buckets: BTreeMap<(i64, u64), (f64, f64)>,
    /// How many times each bucket was doubled; none while each value has its own.
    coarseness: Option<u32>,
    minimum: f64,
    maximum: f64,
    sum: f64,
    count: f64,
}

impl Many {
    fn add(&mut self, value: f64, weight: f64, most: usize) {
        let is_first = self.count == 0.0;
        self.minimum = if is_first { value } else { self.minimum.min(value) };
        self.maximum = if is_first { value } else { self.maximum.max(value) };
        (self.sum, self.count) = (self.sum + value * weight, self.count + weight);
        self.put(value, value * weight, weight);
        while self.buckets.len() > most {
            self.coarseness = Some(self.coarseness.map_or(0, |coarseness| coarseness + 1));
            for ((..), (sum, weight)) in std::mem::take(&mut self.buckets) {
                self.put(sum / weight, sum, weight);
            }
        }
    }

    fn put(&mut self, value: f64, sum: f64, weight: f64) {
        let bucket = self.buckets.entry(bucket(value, self.coarseness)).or_default();
        (bucket.0, bucket.1) = (bucket.0 + sum, bucket.1 + weight);
    }

    /// None where nothing was added.
    fn told(self) -> Option<Distribution> {
        // A mean may lie outside by a rounding error.
        let mean = |(sum, weight): &(f64, f64)| ((sum / weight).clamp(self.minimum, self.maximum), *weight);
        (self.count > 0.0).then(|| Distribution {
            counted: self.buckets.values().map(mean).collect(),
            minimum: self.minimum,
            maximum: self.maximum,
            sum: self.sum,
            count: self.count,
        })
    }
}

/// The bucket of a value: its own bits while each has one, else how many steps of [`GROWTH`] it is from 1, by sign.
fn bucket(value: f64, coarseness: Option<u32>) -> (i64, u64) {
    let value = if value == 0.0 { 0.0 } else { value };
    let Some(coarseness) = coarseness else {
        // Bits of negative numbers count backwards.
        let bits = value.to_bits();
        return if value < 0.0 { (-1, !bits) } else { (1, bits) };
    };
    if value == 0.0 {
        return (0, 0);
    }
    #[allow(clippy::cast_possible_truncation, reason = "a logarithm of an f64 is within ±40,000")]
    let steps = (value.abs().ln() / GROWTH.ln()).floor() as i64;
    let steps = (steps + 40_000).unsigned_abs() >> coarseness.min(63);
    if value < 0.0 { (-1, u64::MAX - steps) } else { (1, steps) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::{Oddities, packet};
    use super::*;

    const NOW: Monotonic = Monotonic(1_000);

    fn hear(sums: &mut Sums, text: &str) {
        packet(text.as_bytes(), "_", &mut Oddities::default(), |it| sums.add(it, NOW));
    }

    /// Name and value of each, the sum of a distribution.
    fn told(sums: &mut Sums) -> Vec<(String, f64)> {
        sums.take(NOW).into_iter().map(|sample| (sample.name, sample.value.sum())).collect()
    }

    fn distribution(sums: &mut Sums) -> Distribution {
        match sums.take(NOW).remove(0).value {
            Value::Distribution(many) => many,
            Value::One(value) => panic!("{value}"),
        }
    }

    #[test]
    fn counters_are_summed_by_their_rates_and_begin_anew() {
        let mut sums = Sums::default();
        hear(&mut sums, "a:1|c\na:2|c|@0.1\na:-3|c\nb:1:1:1|c");
        assert_eq!(told(&mut sums), [("a".into(), 18.0), ("b".into(), 3.0)]);
        assert_eq!(told(&mut sums), []);
    }

    #[test]
    fn gauges_are_told_where_they_were_set_and_changes_count_from_the_last_value() {
        let mut sums = Sums::default();
        hear(&mut sums, "a:10|g\na:-4|g\na:+1|g\nnegative:0|g\nnegative:-7|g");
        assert_eq!(told(&mut sums), [("a".into(), 7.0), ("negative".into(), -7.0)]);
        assert_eq!(told(&mut sums), []);
        hear(&mut sums, "a:+1|g");
        assert_eq!(told(&mut sums), [("a".into(), 8.0)]);
        assert!(sums.take(NOW.after(FORGOTTEN)).is_empty());
        hear(&mut sums, "a:+1|g");
        assert_eq!(told(&mut sums), [("a".into(), 1.0)], "it was forgotten");
    }

    #[test]
    fn sets_count_each_member_once() {
        let mut sums = Sums::default();
        hear(&mut sums, "a:bob|s\na:eve|s\na:bob|s");
        assert_eq!(told(&mut sums), [("a".into(), 2.0)]);
    }

    #[test]
    fn timings_and_histograms_keep_their_values_negative_ones_too() {
        let mut sums = Sums::default();
        hear(&mut sums, "a:3|h\na:-1|h\na:3|h|@0.5\na:0|h");
        let many = distribution(&mut sums);
        assert_eq!(many.counted, [(-1.0, 1.0), (0.0, 1.0), (3.0, 3.0)]);
        assert_eq!((many.minimum, many.maximum, many.sum, many.count), (-1.0, 3.0, 8.0, 5.0));
    }

    #[test]
    fn tags_and_kinds_tell_metrics_apart() {
        let mut sums = Sums::default();
        hear(&mut sums, "a:1|c|#x:1,y:2\na:1|c|#y:2,x:1\na:1|c|#x:2\na:1|g\na:1|ms\na:1|h\na:1|s");
        let samples = sums.take(NOW);
        let shown: Vec<String> = samples
            .iter()
            .map(|it| it.dimensions.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>())
            .collect();
        let expected = [
            "metric_type=counter x=1 y=2 ",
            "metric_type=counter x=2 ",
            "metric_type=gauge ",
            "metric_type=timing ",
            "metric_type=histogram ",
            "metric_type=set ",
        ];
        assert_eq!(shown, expected);
        assert_eq!(samples[0].value, Value::One(2.0));
    }

    #[test]
    fn memory_has_a_ceiling_and_what_does_not_fit_is_counted() {
        let mut sums = Sums::default();
        for number in 0..MAX_METRICS + 5 {
            hear(&mut sums, &format!("a{number}:1|c"));
        }
        hear(&mut sums, "a1:1|c");
        assert_eq!((sums.crowded(), sums.crowded()), (5, 0));
        assert_eq!(sums.take(NOW).len(), MAX_METRICS);
        for number in 0..MAX_MEMBERS + 7 {
            hear(&mut sums, &format!("a:{number}|s"));
        }
        assert_eq!((sums.crowded(), told(&mut sums)), (7, vec![("a".into(), 250_000.0)]));
    }

    proptest! {
        #[test]
        fn many_values_become_few_and_what_they_come_to_stays_the_same(
            values in prop::collection::vec((-1e6..1e6_f64, 1..4_u8), 1..2_000),
        ) {
            let (mut sums, mut sum, mut count) = (Sums::default(), 0.0, 0.0);
            for (value, times) in &values {
                let rate = 1.0 / f64::from(*times);
                hear(&mut sums, &format!("a:{value}|h|@{rate}"));
                (sum, count) = (sum + value / rate, count + 1.0 / rate);
            }
            let many = distribution(&mut sums);
            prop_assert!(many.counted.len() <= MAX_VALUES);
            let weights: f64 = many.counted.iter().map(|(_, weight)| weight).sum();
            let weighted: f64 = many.counted.iter().map(|(value, weight)| value * weight).sum();
            prop_assert!((weights - count).abs() < 1e-6 && (many.count - count).abs() < 1e-6);
            prop_assert!((weighted - sum).abs() < 1e-3 && (many.sum - sum).abs() < 1e-3, "{weighted} {sum}");
            let least = values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min);
            prop_assert_eq!(many.minimum, least);
            prop_assert!(many.counted.is_sorted_by(|one, other| one.0 <= other.0));
        }
    }
}
