//! Sums up what programs send until it is asked for.
//!
//! Counters are summed, gauges keep their last value, sets count their members, timings and histograms become distributions. Easy to
//! break: memory has a ceiling, whatever programs send, and what does not fit is counted.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::parse::{Heard, Kind, Measured, Named};
use crate::delivery::datums::{MAX_VALUE, MAX_VALUES};
use crate::record::{Distribution, Monotonic, Sample, Unit, Value};

/// Metrics that are told apart, tags included. Each costs money at AWS: more are a mistake of a program.
pub const MAX_METRICS: usize = 10_000;
/// What their names and tags weigh together: as long as CloudWatch takes them, 10,000 would be 250 MB.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Members of all sets together.
const MAX_MEMBERS: usize = 250_000;
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
    /// What the names and tags of `metrics` weigh.
    bytes: usize,
    /// At most so many of `metrics` are gauges that are only remembered.
    silent: usize,
    members: usize,
    left_out: LeftOut,
}

/// Values that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// There was no room for their metric, or for the member of a set.
    pub crowded: u64,
    /// With them the sum would be more than CloudWatch takes, and be lost with all that is in it.
    pub too_great: u64,
}

#[derive(Debug)]
enum Sum {
    Counter(f64),
    Gauge {
        value: f64,
        /// None where it was set since the last taking.
        silent_since: Option<Monotonic>,
    },
    Set(HashSet<u64>),
    Many(Many),
}

impl Sums {
    /// Adds the values of one metric.
    pub fn add(&mut self, measured: Measured) {
        let Measured { metric, values } = measured;
        if !self.metrics.contains_key(&metric) {
            let bytes = metric.bytes();
            if !self.makes_room(bytes) {
                self.left_out.crowded += values.len() as u64;
                return;
            }
            self.bytes += bytes;
        }
        let most = (ALL_VALUES / self.metrics.len().max(1)).clamp(LEAST_VALUES, MAX_VALUES);
        let kind = metric.kind;
        let sum = self.metrics.entry(metric).or_insert_with(|| Sum::new(kind));
        for (heard, weight) in values {
            match (&mut *sum, heard) {
                (Sum::Set(members), Heard::Member(member)) => {
                    let member = xxhash_rust::xxh3::xxh3_64(member.as_bytes());
                    if self.members < MAX_MEMBERS {
                        self.members += usize::from(members.insert(member));
                    } else if !members.contains(&member) {
                        self.left_out.crowded += 1;
                    }
                }
                (sum, heard) => self.left_out.too_great += u64::from(!sum.add(&heard, weight, most)),
            }
        }
    }

    /// Whether there is room for one metric more, which gauges that are only remembered make.
    fn makes_room(&mut self, bytes: usize) -> bool {
        loop {
            if self.metrics.len() < MAX_METRICS && self.bytes + bytes <= MAX_BYTES {
                return true;
            }
            if self.silent == 0 {
                return false;
            }
            self.forget_half();
        }
    }

    /// Forgets half of the gauges that were not set since the last taking, those that are silent longest. Half, so that a flood does
    /// not search them all for each metric.
    fn forget_half(&mut self) {
        let mut silent: Vec<Monotonic> = self.metrics.values().filter_map(Sum::silent_since).collect();
        silent.sort_unstable();
        let going = silent.len().div_ceil(2);
        self.silent = silent.len() - going;
        let Some(last) = going.checked_sub(1).and_then(|place| silent.get(place)) else { return };
        let mut of_last = going - silent.partition_point(|since| since < last);
        self.metrics.retain(|_, sum| match sum.silent_since() {
            Some(since) if since == *last && of_last > 0 => {
                of_last -= 1;
                false
            }
            Some(since) => since >= *last,
            None => true,
        });
        self.bytes = self.metrics.keys().map(Named::bytes).sum();
    }

    /// What was summed up, each metric once, sorted; what comes from now on is summed up anew. Gauges are told where they were set,
    /// and kept: a change counts from the last value.
    pub fn take(&mut self, now: Monotonic) -> Vec<Sample> {
        let mut samples: Vec<(Named, Value)> = Vec::new();
        let mut kept = HashMap::new();
        for (named, sum) in std::mem::take(&mut self.metrics) {
            match sum {
                Sum::Gauge { value, silent_since } => {
                    if silent_since.is_none() {
                        samples.push((named.clone(), Value::One(value)));
                    }
                    let since = silent_since.unwrap_or(now);
                    if now.since(since) < FORGOTTEN {
                        kept.insert(named, Sum::Gauge { value, silent_since: Some(since) });
                    }
                }
                Sum::Counter(sum) => samples.push((named, Value::One(sum))),
                #[allow(clippy::cast_precision_loss, reason = "at most `MAX_MEMBERS`")]
                Sum::Set(members) => samples.push((named, Value::One(members.len() as f64))),
                Sum::Many(many) => samples.extend(many.told().map(|many| (named, Value::Distribution(many)))),
            }
        }
        (self.bytes, self.silent, self.members) = (kept.keys().map(Named::bytes).sum(), kept.len(), 0);
        self.metrics = kept;
        samples.sort_by(|one, other| one.0.cmp(&other.0));
        samples.into_iter().map(|(named, value)| sample(named, value)).collect()
    }

    /// What was left out since this was asked last.
    pub fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}

impl Sum {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(0.0),
            Kind::Gauge => Self::Gauge { value: 0.0, silent_since: None },
            Kind::Set => Self::Set(HashSet::new()),
            Kind::Timing | Kind::Histogram => Self::Many(Many::default()),
        }
    }

    /// Adds a value; false where CloudWatch would not take the sum, which stays as it was.
    fn add(&mut self, heard: &Heard, weight: f64, most: usize) -> bool {
        match (self, heard) {
            (Self::Counter(sum), Heard::Value(value)) => grows(sum, value * weight),
            (Self::Many(many), Heard::Value(value)) => many.add(*value, weight, most),
            (Self::Gauge { value, silent_since }, heard) => {
                *silent_since = None;
                match heard {
                    Heard::Value(new) => *value = *new,
                    Heard::Change(change) => return grows(value, *change),
                    Heard::Member(_) => {}
                }
                true
            }
            _ => true,
        }
    }

    /// Since when a gauge is only remembered.
    fn silent_since(&self) -> Option<Monotonic> {
        match self {
            Self::Gauge { silent_since, .. } => *silent_since,
            _ => None,
        }
    }
}

/// Adds to a sum as far as CloudWatch takes it.
fn grows(sum: &mut f64, by: f64) -> bool {
    let grown = *sum + by;
    let is_taken = grown.abs() <= MAX_VALUE;
    if is_taken {
        *sum = grown;
    }
    is_taken
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
    fn add(&mut self, value: f64, weight: f64, most: usize) -> bool {
        if !grows(&mut self.sum, value * weight) {
            return false;
        }
        let is_first = self.count == 0.0;
        self.minimum = if is_first { value } else { self.minimum.min(value) };
        self.maximum = if is_first { value } else { self.maximum.max(value) };
        self.count += weight;
        self.put(value, value * weight, weight);
        while self.buckets.len() > most {
            self.coarseness = Some(self.coarseness.map_or(0, |coarseness| coarseness + 1));
            for ((..), (sum, weight)) in std::mem::take(&mut self.buckets) {
                self.put(sum / weight, sum, weight);
            }
        }
        true
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

    use super::super::parse::{Oddities, Rules, packet};
    use super::*;

    /// The machine is up for ten days.
    const NOW: Monotonic = Monotonic(10 * 86_400_000);

    fn hear(sums: &mut Sums, text: &str) {
        let rules = Rules { separator: "_", max_tags: 20 };
        packet(text.as_bytes(), rules, &mut Oddities::default(), |it| sums.add(it));
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
        assert_eq!((sums.left_out().crowded, sums.left_out()), (5, LeftOut::default()));
        assert_eq!(sums.take(NOW).len(), MAX_METRICS);
        for number in 0..MAX_MEMBERS + 7 {
            hear(&mut sums, &format!("a:{number}|s"));
        }
        assert_eq!((sums.left_out().crowded, told(&mut sums)), (7, vec![("a".into(), 250_000.0)]));
    }

    #[test]
    fn long_names_and_tags_have_a_ceiling_of_their_own() {
        let mut sums = Sums::default();
        let tags: Vec<String> = (0..20).map(|number| format!("{number:0255}:{}", "v".repeat(1_024))).collect();
        let tags = tags.join(",");
        for number in 0..300 {
            hear(&mut sums, &format!("a{number}:1:2|c|#{tags}"));
        }
        let crowded = sums.left_out().crowded;
        let samples = sums.take(NOW);
        let texts =
            |sample: &Sample| sample.dimensions.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        assert!(samples.iter().map(texts).sum::<usize>() <= MAX_BYTES);
        assert!((150..300).contains(&samples.len()), "{}", samples.len());
        assert_eq!(crowded, 2 * (300 - samples.len() as u64), "each value of a metric without room");
        hear(&mut sums, &format!("a:1|c|#{tags}"));
        assert_eq!(sums.take(NOW).len(), 1, "there is room again");
    }

    #[test]
    fn gauges_that_are_only_remembered_make_room_for_others_the_longest_silent_first() {
        let mut sums = Sums::default();
        let half = MAX_METRICS / 2;
        (0..half).for_each(|number| hear(&mut sums, &format!("old{number}:5|g")));
        sums.take(NOW);
        (0..half).for_each(|number| hear(&mut sums, &format!("new{number}:5|g")));
        sums.take(NOW.after(Duration::from_secs(60)));
        hear(&mut sums, "requests:1|c");
        let (changed, forgotten) = (["new0:+1|g", "new4999:+1|g"], ["old0:+1|g", "old4999:+1|g"]);
        changed.iter().chain(&forgotten).for_each(|line| hear(&mut sums, line));
        let expected = [("requests", 1.0), ("new0", 6.0), ("new4999", 6.0), ("old0", 1.0), ("old4999", 1.0)];
        assert_eq!(told(&mut sums), expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(sums.left_out(), LeftOut::default());
        // Those that were set in this interval are no room.
        (0..MAX_METRICS).for_each(|number| hear(&mut sums, &format!("flood{number}:5|g")));
        hear(&mut sums, "requests:1|c");
        assert_eq!(sums.left_out().crowded, 1);
    }

    #[test]
    fn a_value_that_would_spoil_a_sum_is_left_out_of_it() {
        let mut sums = Sums::default();
        for kind in ["c", "ms", "h"] {
            hear(&mut sums, &format!("a:1:2e108:2e108|{kind}\na:3|{kind}"));
        }
        hear(&mut sums, "a:2e108:+2e108|g");
        assert_eq!(sums.left_out(), LeftOut { crowded: 0, too_great: 4 });
        assert!(sums.take(NOW).into_iter().all(|sample| {
            let datum = crate::delivery::datums::Datum { sample, at: crate::record::Wall(0) };
            crate::delivery::datums::problem(&datum, None).is_none()
        }));
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
