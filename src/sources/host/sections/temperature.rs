//! Decides what the temperature sensors of a machine are called, which of them count, and what of them to believe.
//!
//! The kernel shows many a sensor twice: as a thermal zone, and as a chip of hwmon that stands for the same zone. Each counts once.
//! A name has to be the same after the next start, so that no number of the kernel's is part of it: those are given in the order
//! in which drivers happen to load. Where several of a kind are there, they are told apart by where they sit (an address on a bus).
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeSet;

use super::super::reading::Reading;
use super::wanted::Wanted;
use crate::config::Resources;

/// A chip of hwmon with sensors of temperature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chip {
    /// Its driver's name for it.
    pub name: String,
    /// Where it sits: the last part of its device's path; empty where it has none.
    pub place: String,
    /// It stands for a thermal zone.
    pub is_zone: bool,
    /// Its sensors.
    pub inputs: Vec<Input>,
}

/// A sensor of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its number within the chip, which its driver gives.
    pub number: u32,
    /// What the driver calls it; empty where it does not.
    pub label: String,
    /// What was read of it.
    pub read: Read,
}

/// A thermal zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its number.
    pub number: u32,
    /// What it is the temperature of.
    pub kind: String,
    /// What was read of it.
    pub read: Read,
}

/// Thousandths of a degree Celsius as they were read, or why they were not.
pub type Read = Result<i64, String>;

/// A sensor under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// What it is called, the same after each start.
    pub name: String,
    /// What was read of it.
    pub read: Read,
}

/// Each sensor once.
pub fn sensors(zones: Vec<Zone>, chips: Vec<Chip>) -> Vec<Sensor> {
    // Intel's package has a zone and a chip, of drivers that do not know of each other.
    let has_package = chips
        .iter()
        .any(|chip| chip.name == "coretemp" && chip.inputs.iter().any(|input| input.label.starts_with("Package id")));
    let mut zones: Vec<_> = zones.into_iter().filter(|zone| !(has_package && zone.kind == "x86_pkg_temp")).collect();
    zones.sort_by_key(|zone| zone.number);
    let chips: Vec<_> = chips
        .into_iter()
        .filter(|chip| !chip.is_zone && !zones.iter().any(|zone| word(&zone.kind) == word(&chip.name)))
        .collect();
    let mut sensors = name_zones(zones);
    sensors.extend(name_chips(chips));
    // What is called the same all the same: the first counts.
    let mut named = BTreeSet::new();
    sensors.retain(|sensor| named.insert(sensor.name.clone()));
    sensors
}

/// By their kind; where several are of a kind, with their place among those.
fn name_zones(zones: Vec<Zone>) -> Vec<Sensor> {
    let kinds: Vec<_> = zones.iter().map(|zone| word(&zone.kind)).collect();
    let name = |at: usize| {
        let is_same = |other: &&String| **other == kinds[at];
        let nth = kinds[..at].iter().filter(is_same).count();
        if kinds.iter().filter(is_same).count() > 1 { format!("{}_{nth}", kinds[at]) } else { kinds[at].clone() }
    };
    let names: Vec<_> = (0..zones.len()).map(name).collect();
    names.into_iter().zip(zones).map(|(name, zone)| Sensor { name, read: zone.read }).collect()
}

/// By chip and label; where several chips have a name, with the place of each; where the label is all that tells, by it.
fn name_chips(mut chips: Vec<Chip>) -> Vec<Sensor> {
    chips.sort_by(|a, b| (&a.name, &a.place).cmp(&(&b.name, &b.place)));
    let names: Vec<_> = chips.iter().map(|chip| chip.name.clone()).collect();
    let mut sensors = Vec::new();
    for chip in chips {
        let is_alone = names.iter().filter(|name| **name == chip.name).count() == 1;
        let chip_name = if is_alone || chip.place.is_empty() {
            word(&chip.name)
        } else {
            word(&format!("{} {}", chip.name, chip.place))
        };
        let is_only = chip.inputs.len() == 1;
        for input in chip.inputs {
            let name = match (input.label.is_empty(), is_only) {
                (true, true) => chip_name.clone(),
                (true, false) => format!("{chip_name}_temp{}", input.number),
                (false, _) => format!("{chip_name}_{}", word(&input.label)),
            };
            sensors.push(Sensor { name, read: input.read });
        }
    }
    sensors
}

/// A driver's word for a sensor as we call it: `Core 0` → `core_0`: what is easy to type, the same for a zone (`cpu-thermal`) and a chip (`cpu_thermal`), and within ASCII.
pub fn word(text: &str) -> String {
    let word: String = text
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | ':') { c.to_ascii_lowercase() } else { '_' })
        .take(200)
        .collect();
    // CloudWatch takes no value that is empty, and a colon must not come first.
    let word = word.trim_start_matches(':');
    if word.is_empty() { "unnamed".to_owned() } else { word.to_owned() }
}

/// Which sensors are asked for, which were believed, and which were complained of.
#[derive(Debug, Default)]
pub struct Trust {
    wanted: Wanted,
    proven: BTreeSet<String>,
    doubted: BTreeSet<String>,
}

/// A sensor that gives no figure, told for the first time since it last gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Its name.
    pub sensor: String,
    /// What is wrong.
    pub cause: String,
}

impl Trust {
    /// Of the sensors that `resources` names.
    pub fn new(resources: &Resources) -> Self {
        Self { wanted: Wanted::new(resources), ..Self::default() }
    }

    /// The figures to believe, and what is to be told of the others.
    pub fn judge(&mut self, mut sensors: Vec<Sensor>) -> (Vec<Reading>, Vec<Doubt>) {
        sensors.retain(|sensor| self.wanted.takes(&sensor.name));
        let (mut readings, mut doubts) = (Vec::new(), Vec::new());
        for Sensor { name, read } in sensors {
            match self.believe(&name, read) {
                Ok(celsius) => {
                    self.doubted.remove(&name);
                    let dimensions = vec![("sensor", name)];
                    readings.push(Reading { field: "celsius", dimensions, value: celsius });
                }
                Err(cause) if self.doubted.insert(name.clone()) => doubts.push(Doubt { sensor: name, cause }),
                Err(_) => {}
            }
        }
        (readings, doubts)
    }

    /// Many a driver says −40, −128 or 255 °C for "not known", and 0 for "never measured": a sensor is believed at 0 only once it gave
    /// another figure.
    fn believe(&mut self, name: &str, read: Read) -> Result<f64, String> {
        let thousandths = read?;
        if thousandths <= -40_000 || thousandths >= 200_000 {
            return Err(format!("{} °C cannot be", thousandths as f64 / 1_000.0));
        }
        if thousandths != 0 {
            self.proven.insert(name.to_owned());
        } else if !self.proven.contains(name) {
            return Err("0 °C, and never another figure".to_owned());
        }
        Ok(thousandths as f64 / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(number: u32, kind: &str) -> Zone {
        Zone { number, kind: kind.to_owned(), read: Ok(50_000) }
    }

    fn chip(name: &str, place: &str, labels: &[&str]) -> Chip {
        let input = |(at, label): (usize, &&str)| Input {
            number: u32::try_from(at).unwrap() + 1,
            label: (*label).to_owned(),
            read: Ok(40_000),
        };
        let inputs = labels.iter().enumerate().map(input).collect();
        Chip { name: name.to_owned(), place: place.to_owned(), is_zone: false, inputs }
    }

    fn names(sensors: &[Sensor]) -> Vec<&str> {
        sensors.iter().map(|sensor| sensor.name.as_str()).collect()
    }

    #[test]
    fn a_zone_and_the_chip_that_stands_for_it_are_one_sensor() {
        let same_name = sensors(vec![zone(0, "cpu-thermal")], vec![chip("cpu_thermal", "", &[""])]);
        assert_eq!(names(&same_name), ["cpu_thermal"]);
        let same_device = Chip { is_zone: true, ..chip("pch", "", &[""]) };
        assert_eq!(names(&sensors(vec![zone(0, "pch_cannonlake")], vec![same_device])), ["pch_cannonlake"]);
    }

    #[test]
    fn a_package_of_intels_is_one_sensor() {
        let all = sensors(
            vec![zone(0, "acpitz"), zone(1, "x86_pkg_temp")],
            vec![chip("coretemp", "coretemp.0", &["Package id 0", "Core 0"])],
        );
        assert_eq!(names(&all), ["acpitz", "coretemp_package_id_0", "coretemp_core_0"]);
    }

    #[test]
    fn several_of_a_kind_are_told_apart_by_where_they_sit_and_not_by_the_order_in_which_they_came() {
        let (a, b) = (chip("nvme", "0000:01:00.0", &["Composite"]), chip("nvme", "0000:02:00.0", &["Composite"]));
        let expected = ["nvme_0000:01:00.0_composite", "nvme_0000:02:00.0_composite"];
        assert_eq!(names(&sensors(Vec::new(), vec![a.clone(), b.clone()])), expected);
        assert_eq!(names(&sensors(Vec::new(), vec![b, a.clone()])), expected);
        assert_eq!(names(&sensors(Vec::new(), vec![a])), ["nvme_composite"]);
        assert_eq!(names(&sensors(vec![zone(3, "acpitz"), zone(1, "acpitz")], Vec::new())), ["acpitz_0", "acpitz_1"]);
    }

    #[test]
    fn a_sensor_without_a_label_is_called_by_its_number_where_it_has_neighbours() {
        assert_eq!(names(&sensors(Vec::new(), vec![chip("rp1_adc", "", &[""])])), ["rp1_adc"]);
        assert_eq!(names(&sensors(Vec::new(), vec![chip("it8620", "", &["", ""])])), ["it8620_temp1", "it8620_temp2"]);
    }

    #[test]
    fn what_cannot_be_is_left_out_and_told_once_until_it_is_well_again() {
        let mut trust = Trust::default();
        let read = |read: Read| vec![Sensor { name: "s".to_owned(), read }];
        for broken in [Err("invalid argument".to_owned()), Ok(-40_000), Ok(-274_000), Ok(255_000), Ok(0)] {
            let (readings, doubts) = trust.judge(read(broken.clone()));
            assert_eq!((readings.len(), doubts.len()), (0, 1), "{broken:?}");
            assert_eq!(trust.judge(read(broken)), (Vec::new(), Vec::new()));
            trust.doubted.clear();
        }
        let (readings, _) = trust.judge(read(Ok(-39_500)));
        assert_eq!(readings[0].value, -39.5);
        let (readings, doubts) = trust.judge(read(Ok(0)));
        assert_eq!((readings[0].value, doubts.len()), (0.0, 0), "one that has measured may be at the freezing point");
    }

    proptest! {
        #[test]
        fn any_chips_give_names_that_cloudwatch_takes_each_once(
            found in proptest::collection::vec(("\\PC{0,8}", "\\PC{0,8}", proptest::collection::vec("\\PC{0,8}", 0..4)), 0..5),
            kinds in proptest::collection::vec("\\PC{0,8}", 0..5),
        ) {
            let chips = found.iter().map(|(name, place, labels)| {
                chip(name, place, &labels.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let zones = kinds.iter().enumerate().map(|(at, kind)| zone(u32::try_from(at).unwrap(), kind));
            let all = sensors(zones.collect(), chips.collect());
            let distinct: BTreeSet<_> = names(&all).into_iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
            for name in distinct {
                prop_assert!(!name.is_empty() && !name.starts_with(':') && name.bytes().all(|byte| byte.is_ascii_graphic()), "{}", name);
            }
        }
    }
}
