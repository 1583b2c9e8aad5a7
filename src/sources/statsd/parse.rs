//! Reads the lines of StatsD, with what DogStatsD added.
//!
//! `name:value|type|@rate|#tag:value,tag`, several values (`name:1:2|c`, and the older `name:1|c:2|ms`), tags in the name
//! (`name,tag=value`). Easy to break: one wrong value or line must not take its neighbours with it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use crate::delivery::datums::{MAX_NAME_BYTES, MAX_VALUE};
use crate::delivery::dimension::value_of;

/// What kind of metric a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `c`
    Counter,
    /// `g`
    Gauge,
    /// `ms`
    Timing,
    /// `h`, and `d`: a distribution
    Histogram,
    /// `s`
    Set,
}

impl Kind {
    /// The value of the dimension `metric_type`, as the CloudWatch Agent has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Timing => "timing",
            Self::Histogram => "histogram",
            Self::Set => "set",
        }
    }

    fn of(text: &str) -> Option<Self> {
        match text {
            "c" => Some(Self::Counter),
            "g" => Some(Self::Gauge),
            "ms" => Some(Self::Timing),
            "h" | "d" => Some(Self::Histogram),
            "s" => Some(Self::Set),
            _ => None,
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A gauge is set, or another kind has this value.
    Value(f64),
    /// A gauge is changed by so much: `+1`, `-1`.
    Change(f64),
    /// A member of a set.
    Member(String),
}

/// A metric as a program names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Named {
    /// What kind it is.
    pub kind: Kind,
    /// As CloudWatch takes it.
    pub name: String,
    /// Its tags as CloudWatch takes them, sorted by name, each once.
    pub tags: Vec<(String, String)>,
}

impl Named {
    /// What it weighs in memory, roughly: its texts, and for each tag what two texts cost beside their bytes.
    pub fn bytes(&self) -> usize {
        const OF_TAG: usize = 64;
        let tags = self.tags.iter().map(|(name, value)| name.len() + value.len() + OF_TAG);
        self.name.len() + tags.sum::<usize>()
    }
}

/// All values of one metric in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Which.
    pub metric: Named,
    /// Each with how many values it stands for: 10 at a rate of 0.1.
    pub values: Vec<(Heard, f64)>,
}

/// How lines are read.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// What stands for a dot in a name.
    pub separator: &'a str,
    /// The most tags of a metric.
    pub max_tags: usize,
}

/// What lines held beside values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Lines and values that are none.
    pub malformed: u64,
    /// Events and checks of services, which are no metrics.
    pub foreign: u64,
    /// Tags beyond [`Rules::max_tags`].
    pub tags: u64,
}

/// A value that stands for more than a billion others is a mistake.
const LEAST_RATE: f64 = 1e-9;
/// The CloudWatch Agent's value of a tag without one: CloudWatch wants some.
const NO_VALUE: &str = "<empty>";

/// Reads all lines of a packet. A line gives each metric once, however many values it has: names are long, values are not.
pub fn packet(bytes: &[u8], rules: Rules<'_>, oddities: &mut Oddities, mut each: impl FnMut(Measured)) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.starts_with("_e{") || line.starts_with("_sc|") {
            oddities.foreign += 1;
        } else if !line.is_empty() && read_line(line, rules, oddities, &mut each).is_none() {
            oddities.malformed += 1;
        }
    }
}

/// Reads one line; none where it is none, or ends in what is none.
fn read_line(line: &str, rules: Rules<'_>, oddities: &mut Oddities, each: &mut impl FnMut(Measured)) -> Option<()> {
    let (bucket, rest) = line.split_once(':')?;
    let mut tags = BTreeMap::new();
    let mut options = line.split('|').filter_map(|part| part.strip_prefix('#'));
    options.by_ref().flat_map(|all| all.split(',')).for_each(|tag| add_tag(&mut tags, tag.split_once(':'), tag));
    let mut parts = bucket.split(',');
    let name = clean_name(parts.next()?, rules.separator)?;
    parts.for_each(|tag| add_tag(&mut tags, tag.split_once('='), tag));
    oddities.tags += tags.len().saturating_sub(rules.max_tags) as u64;
    let tags: Vec<_> = tags.into_iter().take(rules.max_tags).collect();
    let mut kinds = BTreeMap::new();
    let read = read_values(rest, &mut kinds, oddities);
    for (kind, values) in kinds {
        each(Measured { metric: Named { kind, name: name.clone(), tags: tags.clone() }, values });
    }
    read
}

/// Reads what stands behind the name, as far as it can be read.
fn read_values(mut rest: &str, kinds: &mut BTreeMap<Kind, Vec<(Heard, f64)>>, oddities: &mut Oddities) -> Option<()> {
    loop {
        let (values, after) = rest.split_once('|')?;
        let end = after.find(['|', ':']).unwrap_or(after.len());
        let (kind, options) = after.split_at(end);
        let kind = Kind::of(kind)?;
        let (weight, next) = rate(options)?;
        // A member of a set may hold a colon.
        let values: Vec<&str> = if kind == Kind::Set { vec![values] } else { values.split(':').collect() };
        for value in values {
            match heard(kind, value, weight) {
                Some(heard) => kinds.entry(kind).or_default().push((heard, weight)),
                None => oddities.malformed += 1,
            }
        }
        let Some(next) = next else { return Some(()) };
        rest = next;
    }
}

/// What a value stands for by the options behind its kind, and what goes on behind them: `|@0.1:2|ms`. Containers (`|c:…`) and times
/// (`|T…`) of DogStatsD are read over.
fn rate(options: &str) -> Option<(f64, Option<&str>)> {
    if let Some(next) = options.strip_prefix(':') {
        return Some((1.0, Some(next)));
    }
    let Some(option) = options.split('|').find_map(|option| option.strip_prefix('@')) else {
        return Some((1.0, None));
    };
    let (text, next) = match option.split_once(':') {
        Some((text, _)) => (text, options.split_once('@')?.1.split_once(':').map(|(_, next)| next)),
        None => (option, None),
    };
    let rate: f64 = text.parse().ok()?;
    (LEAST_RATE..=1.0).contains(&rate).then_some((1.0 / rate, next))
}

fn heard(kind: Kind, text: &str, weight: f64) -> Option<Heard> {
    if kind == Kind::Set {
        return (!text.is_empty()).then(|| Heard::Member(text.to_string()));
    }
    let value: f64 = text.parse().ok()?;
    let is_change = kind == Kind::Gauge && text.starts_with(['+', '-']);
    ((value * weight).abs() <= MAX_VALUE).then_some(if is_change { Heard::Change(value) } else { Heard::Value(value) })
}

fn add_tag(tags: &mut BTreeMap<String, String>, pair: Option<(&str, &str)>, alone: &str) {
    let (name, value) = pair.unwrap_or((alone, ""));
    let (name, value) = (name.trim().trim_start_matches(':'), value.trim());
    if !name.is_empty() {
        let value = if value.is_empty() { NO_VALUE.to_string() } else { value_of(value.as_bytes()) };
        tags.insert(short_name(name), value);
    }
}

/// A name with the separator in place of dots; none where nothing is left of it.
fn clean_name(name: &str, separator: &str) -> Option<String> {
    let parts: Vec<&str> = name.trim().split('.').filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| short_name(&parts.join(separator)))
}

/// A name of a metric or a tag as CloudWatch takes it.
fn short_name(name: &str) -> String {
    let mut name = value_of(name.as_bytes());
    name.truncate(MAX_NAME_BYTES);
    name
}

#[cfg(test)]
mod tests {
    use super::Heard::{Change, Member, Value};
    use super::*;

    const RULES: Rules<'_> = Rules { separator: "_", max_tags: 20 };

    /// Kind, value and weight of each value of a packet, and the lines that are none.
    fn read(packet_text: &str) -> (Vec<(String, Kind, Heard, f64)>, u64) {
        let (mut all, mut oddities) = (Vec::new(), Oddities::default());
        packet(packet_text.as_bytes(), RULES, &mut oddities, |it| {
            let tags = it.metric.tags.iter().map(|(name, value)| format!(",{name}={value}"));
            let name = it.metric.name + &tags.collect::<String>();
            all.extend(it.values.into_iter().map(|(heard, weight)| (name.clone(), it.metric.kind, heard, weight)));
        });
        (all, oddities.malformed)
    }

    #[test]
    fn every_kind_of_line_is_read() {
        use Kind::{Counter, Gauge, Histogram, Set, Timing};
        let table: [(&str, &str, Kind, Heard, f64); 18] = [
            ("a:1|c", "a", Counter, Value(1.0), 1.0),
            ("a.b..c:1|c|@0.1", "a_b_c", Counter, Value(1.0), 10.0),
            ("a:-3|c", "a", Counter, Value(-3.0), 1.0),
            ("a:1.5|g", "a", Gauge, Value(1.5), 1.0),
            ("a:+2|g", "a", Gauge, Change(2.0), 1.0),
            ("a:-2|g", "a", Gauge, Change(-2.0), 1.0),
            ("a:320|ms", "a", Timing, Value(320.0), 1.0),
            ("a:320|ms|@0.5", "a", Timing, Value(320.0), 2.0),
            ("a:1|h", "a", Histogram, Value(1.0), 1.0),
            ("a:-1e3|d", "a", Histogram, Value(-1000.0), 1.0),
            ("a:bob:x|s", "a", Set, Member("bob:x".into()), 1.0),
            ("a:1|c|#k:v,k2", "a,k=v,k2=<empty>", Counter, Value(1.0), 1.0),
            ("a:1|c|#k:v:w|@0.5", "a,k=v:w", Counter, Value(1.0), 2.0),
            ("a,k=v,x=:1|c", "a,k=v,x=<empty>", Counter, Value(1.0), 1.0),
            ("a:1|c|c:ci-0123|T1700000000|e:it-x", "a", Counter, Value(1.0), 1.0),
            ("a:1|c|@0.5|#k:ä\u{7}|c:in-1", "a,k=%C3%A4%07", Counter, Value(1.0), 2.0),
            (" a b:1|c\r", "a b", Counter, Value(1.0), 1.0),
            ("ä.x:1|c", "%C3%A4_x", Counter, Value(1.0), 1.0),
        ];
        for (line, name, kind, heard, weight) in table {
            assert_eq!(read(line), (vec![(name.to_string(), kind, heard, weight)], 0), "{line}");
        }
    }

    #[test]
    fn a_line_may_hold_several_values() {
        let values = |line: &str| -> Vec<(Kind, Heard, f64)> {
            read(line).0.into_iter().map(|(_, kind, heard, weight)| (kind, heard, weight)).collect()
        };
        let one = |value| (Kind::Counter, Value(value), 1.0);
        assert_eq!(values("a:1:2:3|c"), [one(1.0), one(2.0), one(3.0)]);
        assert_eq!(values("a:1|c:2|ms"), [one(1.0), (Kind::Timing, Value(2.0), 1.0)]);
        assert_eq!(values("a:1|c|@0.1:2|ms"), [(Kind::Counter, Value(1.0), 10.0), (Kind::Timing, Value(2.0), 1.0)]);
        assert_eq!(values("a:1:x:3|c"), [one(1.0), one(3.0)]);
    }

    #[test]
    fn a_line_names_each_metric_once_however_many_values_it_has() {
        let line = format!("a{}|#t:{}", ":1|c:2|ms".repeat(1_000), "x".repeat(900));
        let mut all = Vec::new();
        packet(line.as_bytes(), RULES, &mut Oddities::default(), |it| all.push((it.metric.kind, it.values.len())));
        assert_eq!(all, [(Kind::Counter, 1_000), (Kind::Timing, 1_000)]);
    }

    #[test]
    fn names_that_differ_stay_apart() {
        let names: Vec<String> = read("m:1|c|#k:ä\nm:1|c|#k:ö\nm:1|c|#k:_").0.into_iter().map(|it| it.0).collect();
        assert_eq!(names, ["m,k=%C3%A4", "m,k=%C3%B6", "m,k=_"]);
    }

    #[test]
    fn what_is_no_line_is_counted_and_takes_no_neighbour_along() {
        let wrong = [
            "a",
            "a:",
            "a:1",
            "a:|c",
            "a:x|c",
            "a:1|",
            "a:1|q",
            ":1|c",
            "...:1|c",
            "a:1|c|@0",
            "a:1|c|@2",
            "a:1|c|@x",
            "a:nan|g",
            "a:inf|g",
            "a:1e200|g",
            "a:|s",
            "a:1|c|@-1",
            "a:1|c|@1e-200",
            "a:2e108|c|@0.5",
        ];
        for line in wrong {
            let (all, malformed) = read(&format!("x:1|c\n{line}\n\n y:2|c\n"));
            assert_eq!((all.len(), malformed), (2, 1), "{line}");
        }
    }

    #[test]
    fn events_and_checks_are_counted_and_no_metrics() {
        let mut oddities = Oddities::default();
        packet(b"_e{5,4}:title|text\n_sc|name|0\na:1|c", RULES, &mut oddities, |_| {});
        assert_eq!(oddities, Oddities { malformed: 0, foreign: 2, tags: 0 });
    }

    #[test]
    fn names_and_tags_are_what_cloudwatch_takes() {
        let (mut all, mut oddities) = (Vec::new(), Oddities::default());
        let tags: Vec<String> = (0..25).map(|number| format!("t{number:02}:{}", "v".repeat(2000))).collect();
        let line = format!("{}:1|c|#{}", "n".repeat(400), tags.join(","));
        packet(line.as_bytes(), RULES, &mut oddities, |it| all.push(it.metric));
        assert_eq!((all[0].name.len(), all[0].tags.len(), oddities.tags), (255, RULES.max_tags, 5));
        assert!(all[0].tags.iter().all(|(_, value)| value.len() == 1024));
    }

    #[test]
    fn any_bytes_can_be_read() {
        for bytes in [&b"\xff\xfe:1|c"[..], b"\0\0\0", b"a:1|c|#", b"|||", b":::", b"a:1|c|@", b"#"] {
            packet(bytes, RULES, &mut Oddities::default(), |_| {});
        }
    }
}
