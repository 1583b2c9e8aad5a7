//! What is sampled and when: each section at its own interval, all on one grid of time, so that those that fall together travel
//! together.
//!
//! Two rules are easy to break. What a section compares with belongs to it for as long as it looks at the same: a reload that changes
//! an interval or a name doubles and loses nothing. And a sampling that was missed, for a sleep or a machine too busy, is not made
//! up for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use super::own::Own;
use super::plan::{Common, Plan, Planning, is_high_resolution};
use crate::config::{Collected, Config, Facts, PluginConfig, StatsdConfig};
use crate::record::{Dimensions, Monotonic, Sample, Status};
use crate::sources::host::Host;
use crate::sources::host::collector::Collector;
use crate::sources::host::scan::Scan;
use crate::sources::statsd::Statsd;

/// The first sampling comes this soon after the start, so that a new machine shows up at once.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// What a configuration has sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    common: Common,
    parts: Vec<Part>,
}

/// One section of it.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    subject: Subject,
    interval: Duration,
}

/// What is looked at, and what becomes of what is found.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// The 13 metrics.
    Standard,
    /// A section of `metrics_collected`.
    Section(PluginConfig, Plan),
    /// What programs send.
    Statsd(StatsdConfig),
}

impl Sampling {
    /// What `config` asks for on this machine.
    pub fn of(config: &Config, facts: &Facts) -> Self {
        let parts = match &config.metrics.collected {
            Collected::Standard => {
                vec![Part { subject: Subject::Standard, interval: config.agent.metrics_interval }]
            }
            Collected::Chosen { collectors, statsd } => {
                let sections = collectors.iter().map(|collector| Part {
                    subject: Subject::Section(collector.plugin.clone(), Plan::of(collector, facts)),
                    interval: collector.interval,
                });
                let statsd = statsd
                    .iter()
                    .map(|statsd| Part { subject: Subject::Statsd(statsd.clone()), interval: statsd.pause() });
                sections.chain(statsd).collect()
            }
        };
        Self { common: Common::of(config, facts), parts }
    }

    /// The same without what programs send: nothing is listened for.
    pub fn of_this_machine(mut self) -> Self {
        self.parts.retain(|part| !matches!(part.subject, Subject::Statsd(_)));
        self
    }

    /// The shortest of all intervals.
    pub fn shortest(&self) -> Option<Duration> {
        self.parts.iter().map(|part| part.interval).min()
    }

    /// When all of it is sampled first, begun `now`.
    pub fn first(&self, now: Monotonic) -> Monotonic {
        now.after(FIRST_PAUSE.min(self.shortest().unwrap_or_default()))
    }

    /// What answers at once, and what has to ask somebody who may never answer.
    pub fn divided(self) -> (Self, Self) {
        let (at_once, slow) = self.parts.into_iter().partition(|part| part.subject.answers_at_once());
        (Self { common: self.common.clone(), parts: at_once }, Self { common: self.common, parts: slow })
    }
}

/// All that is sampled.
pub struct Sections {
    root: PathBuf,
    status: watch::Receiver<Status>,
    common: Common,
    all: Vec<Section>,
    /// The intervals of every section are counted from here.
    base: Monotonic,
}

struct Section {
    part: Part,
    /// None until it has looked once.
    eyes: Option<Eyes>,
    next: Monotonic,
}

/// What looks, with what it compares with.
enum Eyes {
    Host(Box<Host>),
    Collector(Box<Collector>),
    Itself(Box<Own>),
    Programs(Statsd),
}

impl Sections {
    /// Nothing is looked at yet: the first [`Sections::sample`] does it, and has nothing to tell.
    pub fn new(sampling: Sampling, root: &Path, status: watch::Receiver<Status>, base: Monotonic) -> Self {
        let Sampling { common, parts } = sampling;
        let all = parts.into_iter().map(|part| Section { part, eyes: None, next: base }).collect();
        Self { root: root.to_owned(), status, common, all, base }
    }

    /// None yet, on the same grid.
    pub fn beside(&self) -> Self {
        let common = self.common.clone();
        Self { root: self.root.clone(), status: self.status.clone(), common, all: Vec::new(), base: self.base }
    }

    /// Another configuration from `now` on. Who looks at the same as before goes on with what it knows. Answers what programs sent
    /// to those who do not go on.
    pub fn go_on(&mut self, sampling: Sampling, now: Monotonic) -> Planning {
        let Sampling { common, parts } = sampling;
        let mut before = std::mem::take(&mut self.all);
        for part in parts {
            let same = before.iter().position(|old| old.part.subject.looks_at_the_same(&part.subject));
            let same = same.map(|place| before.swap_remove(place));
            let next = match &same {
                Some(old) if old.part.interval == part.interval => old.next,
                _ => following(self.base, part.interval, now),
            };
            self.all.push(Section { part, eyes: same.and_then(|old| old.eyes), next });
        }
        before.retain(|section| matches!(section.eyes, Some(Eyes::Programs(_))));
        let mut left = Self { common: std::mem::replace(&mut self.common, common), all: before, ..self.beside() };
        left.rest(now)
    }

    /// When there is something to do; none where there never is.
    pub fn next(&self) -> Option<Monotonic> {
        self.all.iter().map(|section| if section.eyes.is_some() { section.next } else { Monotonic(0) }).min()
    }

    /// Has those look that are due at `now`. Before each, `begin` hears its name and says what time it is: one that takes long must
    /// not make the next one's rates wrong.
    pub fn sample(&mut self, now: Monotonic, begin: &dyn Fn(&'static str) -> Monotonic) -> Planning {
        let (mut all, mut scan) = (Planning::default(), Scan::new(&self.root));
        for section in &mut self.all {
            let Some(eyes) = &mut section.eyes else {
                let now = begin(section.part.subject.name());
                section.eyes = Some(section.part.subject.open(&self.root, &self.status, now));
                continue;
            };
            if section.next <= now {
                section.next = following(self.base, section.part.interval, now);
                let now = begin(section.part.subject.name());
                all.add(section.part.look(eyes, &self.common, &mut scan, now));
            }
        }
        all
    }

    /// Has all look that were opened, whether it is time or not, each for itself.
    fn look_all(&mut self, now: Monotonic) -> Vec<Previewed> {
        let mut scan = Scan::new(&self.root);
        let look = |section: &mut Section| {
            let samples = section.part.look(section.eyes.as_mut()?, &self.common, &mut scan, now).samples;
            let section_name = match &section.part.subject {
                Subject::Section(plugin, _) => plugin.plugin().name(),
                Subject::Standard | Subject::Statsd(_) => "metrics",
            };
            Some(Previewed { section: section_name, interval: section.part.interval, samples })
        };
        self.all.iter_mut().filter_map(look).collect()
    }

    /// What keeps programs from being heard.
    pub fn trouble(&self) -> Option<String> {
        self.all.iter().find_map(|section| match &section.eyes {
            Some(Eyes::Programs(programs)) => programs.trouble(),
            _ => None,
        })
    }

    /// What programs sent that was not taken yet, and how the agent fares: what it counts is of its last interval, too.
    pub fn rest(&mut self, now: Monotonic) -> Planning {
        let (mut all, mut scan) = (Planning::default(), Scan::new(&self.root));
        for section in &mut self.all {
            if let Some(eyes @ (Eyes::Programs(_) | Eyes::Itself(_))) = &mut section.eyes {
                all.add(section.part.look(eyes, &self.common, &mut scan, now));
            }
        }
        all
    }
}

impl Subject {
    fn looks_at_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Standard, Self::Standard) => true,
            (Self::Section(one, _), Self::Section(other, _)) => one == other,
            (Self::Statsd(one), Self::Statsd(other)) => one.is_heard_alike(other),
            _ => false,
        }
    }

    fn answers_at_once(&self) -> bool {
        matches!(self, Self::Statsd(_) | Self::Section(PluginConfig::Itself | PluginConfig::Heartbeat, _))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Standard => "the standard metrics",
            Self::Section(plugin, _) => plugin.plugin().name(),
            Self::Statsd(_) => "statsd",
        }
    }

    fn open(&self, root: &Path, status: &watch::Receiver<Status>, now: Monotonic) -> Eyes {
        match self {
            Self::Standard => Eyes::Host(Box::new(Host::new(root, Dimensions::default(), now))),
            Self::Section(PluginConfig::Itself, _) => Eyes::Itself(Box::new(Own::new(status.clone()))),
            Self::Section(plugin, _) => Eyes::Collector(Box::new(Collector::new(root, plugin.clone(), now))),
            Self::Statsd(config) => Eyes::Programs(Statsd::listen(config)),
        }
    }
}

impl Part {
    fn look(&self, eyes: &mut Eyes, common: &Common, scan: &mut Scan, now: Monotonic) -> Planning {
        let readings = match eyes {
            Eyes::Host(host) => return self.named(host.sample(now), common),
            Eyes::Programs(programs) => return self.named(programs.take(now), common),
            Eyes::Collector(collector) => collector.collect_with(now, scan),
            Eyes::Itself(own) => own.readings(),
        };
        match &self.subject {
            Subject::Section(_, plan) => plan.samples(common, readings),
            Subject::Standard | Subject::Statsd(_) => Planning::default(),
        }
    }

    /// Samples that bring their names along.
    fn named(&self, mut found: Vec<Sample>, common: &Common) -> Planning {
        let is_high_resolution = is_high_resolution(self.interval);
        match &self.subject {
            Subject::Statsd(config) => {
                found.iter_mut().for_each(|sample| sample.is_high_resolution = is_high_resolution);
                common.samples(found, |name| config.drop_original.iter().any(|dropped| dropped == name))
            }
            // Of the predecessor's metrics none was of high resolution, however often it was sampled.
            Subject::Standard | Subject::Section(..) => common.samples(found, |_| false),
        }
    }
}

/// What one section gives.
pub struct Previewed {
    /// Its name in `metrics_collected`.
    pub section: &'static str,
    /// How often it is sampled.
    pub interval: Duration,
    /// One sampling of it.
    pub samples: Vec<Sample>,
}

/// What one sampling of each section gives under `config` on the machine whose `proc` and `sys` are under `root`, without what programs
/// send. Looks twice, a second apart: what is counted is told by comparison.
pub fn preview(config: &Config, facts: &Facts, root: &Path) -> Vec<Previewed> {
    const BETWEEN: Duration = Duration::from_secs(1);
    let (_, status) = watch::channel(Status::default());
    let begin = Monotonic(0);
    let mut sections = Sections::new(Sampling::of(config, facts).of_this_machine(), root, status, begin);
    sections.sample(begin, &|_| begin);
    std::thread::sleep(BETWEEN);
    sections.look_all(begin.after(BETWEEN))
}

/// The next time on the grid that begins at `base`, at least half an interval from `now` on.
fn following(base: Monotonic, interval: Duration, now: Monotonic) -> Monotonic {
    let step = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let earliest = now.0.saturating_add(step / 2);
    let steps = earliest.saturating_sub(base.0).div_ceil(step);
    Monotonic(base.0.saturating_add(steps.saturating_mul(step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Sections {
        let sampling = sampling(text);
        let base = sampling.first(Monotonic(0));
        Sections::new(sampling, Path::new("/nowhere"), watch::channel(Status::default()).1, base)
    }

    fn sampling(text: &str) -> Sampling {
        let text = format!(r#"{{"metrics": {{"metrics_collected": {text}}}}}"#);
        let loaded = crate::config::parse(&text, Path::new("/x.json"), &|_| None).unwrap();
        Sampling::of(&loaded.config, &Facts::default())
    }

    /// When there is something to do until `end`, and how many heartbeats come of it.
    fn times(sections: &mut Sections, begin: u64, end: u64) -> Vec<(u64, usize)> {
        let mut times = Vec::new();
        let mut now = Monotonic(begin);
        while let Some(next) = sections.next().filter(|next| next.0.max(now.0) < end) {
            now = now.max(next);
            times.push((now.0 / 1000, sections.sample(now, &|_| now).samples.len()));
        }
        times
    }

    #[test]
    fn sections_that_fall_on_one_moment_are_sampled_together() {
        let mut all = sections(
            r#"{"heartbeat": {"metrics_collection_interval": 10}, "uptime": {"metrics_collection_interval": 30}}"#,
        );
        let seconds: Vec<u64> = times(&mut all, 0, 70_000).into_iter().map(|(at, _)| at).collect();
        assert_eq!(seconds, [0, 5, 15, 25, 35, 45, 55, 65], "the 30 s fall on times of the 10 s");
    }

    #[test]
    fn missed_samplings_are_not_made_up_for() {
        let mut all = sections(r#"{"heartbeat": {"metrics_collection_interval": 10}}"#);
        assert_eq!(times(&mut all, 0, 20_000), [(0, 0), (5, 1), (15, 1)]);
        // The machine slept for nearly two hours.
        assert_eq!(times(&mut all, 7_002_000, 7_030_000), [(7002, 1), (7015, 1), (7025, 1)]);
    }

    #[test]
    fn a_new_configuration_keeps_what_looks_at_the_same_and_its_times() {
        let mut all = sections(
            r#"{"heartbeat": {"metrics_collection_interval": 10}, "mem": {"measurement": ["used"]}, "swap": true}"#,
        );
        times(&mut all, 0, 20_000);
        let new = r#"{"heartbeat": {"metrics_collection_interval": 10}, "mem": {"measurement": ["free"],
            "metrics_collection_interval": 20}, "load": true}"#;
        all.go_on(sampling(new), Monotonic(20_000));
        let state: Vec<(bool, u64)> = all.all.iter().map(|section| (section.eyes.is_some(), section.next.0)).collect();
        // Memory's next is on the new grid, load has not looked yet, and the heartbeat's is as before.
        assert_eq!(state, [(true, 45_000), (false, 65_000), (true, 25_000)]);
    }

    #[test]
    fn the_grid_never_stands_still_and_never_runs_twice() {
        for (interval, now) in [(1, 0), (1, 4_999), (300, 299_999), (172_800, 1), (10, 5_000)] {
            let interval = Duration::from_secs(interval);
            let next = following(Monotonic(5_000), interval, Monotonic(now));
            assert!(next.0 >= now + u64::try_from(interval.as_millis()).unwrap() / 2 || next.0 == 5_000);
            assert!(next > Monotonic(now), "{interval:?} {now}");
        }
    }
}
