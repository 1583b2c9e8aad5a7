//! Who looks where: what answers at once looks here, the rest on a thread of its own, as often as it comes back.
//!
//! Easy to break: a look that hangs (a sensor, a server that is gone) must not keep the agent from telling that it lives, and what
//! programs send from being taken. What both find at one moment travels together, as long as the slow one is not awaited too long.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::plan::Planning;
use super::sections::{Sampling, Sections};
use crate::record::{Monotonic, Status};

/// How long what answered at once waits for the rest of its moment.
const HOLD: Duration = Duration::from_secs(2);
/// A look that takes longer is told of.
const LONG: Duration = Duration::from_secs(30);
/// Before another look where a thread could not be had.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long a look that was begun is waited for at the end.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// When looking began, and what was found.
pub type Looked = (Monotonic, Planning);

/// All who look.
pub struct Looks {
    at_once: Sections,
    /// Away while it looks.
    slow: Option<Sections>,
    /// What `slow` looks at.
    sampling: Sampling,
    under_way: Option<UnderWay>,
}

/// A look on its thread.
struct UnderWay {
    since: Monotonic,
    back: oneshot::Receiver<(Sections, Planning)>,
    /// Which section has its turn.
    turn: Arc<Mutex<&'static str>>,
    /// What was found at once at that moment.
    held: Option<Planning>,
    is_told: bool,
    /// It will never come back.
    is_lost: bool,
}

impl UnderWay {
    fn turn(&self) -> &'static str {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Looks {
    /// At the machine whose `proc` and `sys` are under `root`.
    pub fn new(sampling: Sampling, root: &Path, status: watch::Receiver<Status>, now: Monotonic) -> Self {
        let base = sampling.first(now);
        let (at_once, sampling) = sampling.divided();
        let at_once = Sections::new(at_once, root, status.clone(), base);
        let slow = Some(Sections::new(sampling.clone(), root, status, base));
        Self { at_once, slow, sampling, under_way: None }
    }

    /// Another configuration from `now` on. Answers what programs sent to whoever listens no more. Who hangs is left behind.
    pub fn go_on(&mut self, sampling: Sampling, now: Monotonic) -> Planning {
        let (at_once, sampling) = sampling.divided();
        self.sampling = sampling;
        let rest = self.at_once.go_on(at_once, now);
        match &mut self.slow {
            // Only what answers at once has a rest.
            Some(slow) => drop(slow.go_on(self.sampling.clone(), now)),
            None => self.begin_anew(now),
        }
        rest
    }

    fn begin_anew(&mut self, now: Monotonic) {
        let mut slow = self.at_once.beside();
        slow.go_on(self.sampling.clone(), now);
        (self.slow, self.under_way) = (Some(slow), None);
    }

    /// When there is something to do; none where there never is.
    pub fn next(&self) -> Option<Monotonic> {
        let under_way = self.under_way.as_ref().and_then(|under_way| match under_way {
            UnderWay { held: Some(_), since, .. } => Some(since.after(HOLD)),
            UnderWay { is_told: false, since, .. } => Some(since.after(LONG)),
            UnderWay { .. } => None,
        });
        let sections = [Some(&self.at_once), self.slow.as_ref()].into_iter().flatten().filter_map(Sections::next);
        sections.chain(under_way).min()
    }

    /// Has those look that are due at `now`. What is slow is told by [`Looks::back`].
    pub fn look(&mut self, now: Monotonic, clock: impl Fn() -> Monotonic + Send + 'static) -> Vec<Looked> {
        let mut found = Vec::from_iter(self.overdue(now));
        let at_once = is_due(&self.at_once, now).then(|| self.at_once.sample(now, &|_| clock()));
        if let Some(slow) = self.slow.take_if(|slow| is_due(slow, now)) {
            self.begin(slow, now, at_once, clock);
        } else {
            found.extend(at_once.map(|planning| (now, planning)));
        }
        found
    }

    fn begin(
        &mut self,
        mut slow: Sections,
        now: Monotonic,
        held: Option<Planning>,
        clock: impl Fn() -> Monotonic + Send + 'static,
    ) {
        let (tell, back) = oneshot::channel();
        let turn = Arc::new(Mutex::new(""));
        let whose = Arc::clone(&turn);
        let look = move || {
            let found = slow.sample(now, &|name| {
                *whose.lock().unwrap_or_else(PoisonError::into_inner) = name;
                clock()
            });
            // Nobody waits any more where another configuration came meanwhile.
            drop(tell.send((slow, found)));
        };
        // Not one of the runtime's few threads: one that hangs would be missing for ever.
        if let Err(error) = thread::Builder::new().name("look".to_owned()).spawn(look) {
            log::warn!(error:% = error; "cannot look at this machine");
        }
        self.under_way = Some(UnderWay { since: now, back, turn, held, is_told: false, is_lost: false });
    }

    /// What was held for too long; tells of a look that hangs.
    fn overdue(&mut self, now: Monotonic) -> Option<Looked> {
        let under_way = self.under_way.as_mut()?;
        let took = now.since(under_way.since);
        if took >= LONG && !under_way.is_told {
            under_way.is_told = true;
            log::warn!(section = under_way.turn(), seconds = took.as_secs(); "a look at this machine hangs: its metrics are missing until it comes back");
        }
        let held = if took >= HOLD { under_way.held.take() } else { None };
        held.map(|held| (under_way.since, held))
    }

    /// Waits for the look that is under way, for ever where there is none. May be given up and called again.
    pub async fn back(&mut self) -> Looked {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        let back = if under_way.is_lost { None } else { (&mut under_way.back).await.ok() };
        if back.is_none() {
            under_way.is_lost = true;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        let (since, held) = (under_way.since, under_way.held.take());
        if under_way.is_told {
            log::info!(section = under_way.turn(); "a look at this machine came back");
        }
        let mut all = held.unwrap_or_default();
        if let Some((slow, found)) = back {
            all.add(found);
            (self.slow, self.under_way) = (Some(slow), None);
        } else {
            self.begin_anew(since);
        }
        (since, all)
    }

    /// Waits a moment for the look that is under way, where it does not hang. After it nothing is held.
    pub async fn settle(&mut self) -> Option<Looked> {
        let is_awaited = self.under_way.as_ref().is_some_and(|under_way| !under_way.is_told);
        if is_awaited && let Ok(looked) = tokio::time::timeout(LAST_LIMIT, self.back()).await {
            return Some(looked);
        }
        let under_way = self.under_way.as_mut()?;
        Some((under_way.since, under_way.held.take()?))
    }

    /// What programs sent that was not taken yet, and how the agent fares at its end.
    pub fn rest(&mut self, now: Monotonic) -> Planning {
        self.at_once.rest(now)
    }

    /// What keeps programs from being heard, or this machine from being looked at.
    pub fn trouble(&self) -> Option<String> {
        let hanging = || {
            let hanging = self.under_way.as_ref().filter(|under_way| under_way.is_told)?;
            Some(format!(
                "the look at `{}` hangs: this machine's metrics are missing until it comes back",
                hanging.turn()
            ))
        };
        self.at_once.trouble().or_else(hanging)
    }
}

fn is_due(sections: &Sections, now: Monotonic) -> bool {
    sections.next().is_some_and(|next| next <= now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Facts;
    use std::net::UdpSocket;

    const MEMINFO: &str = "MemTotal: 10 kB\nMemFree: 4 kB\nMemAvailable: 5 kB\nBuffers: 1 kB\nCached: 1 kB\n";
    const PATIENCE: Duration = Duration::from_secs(20);

    fn looks(text: &str, root: &Path) -> Looks {
        Looks::new(sampling(text), root, watch::channel(Status::default()).1, Monotonic(0))
    }

    fn sampling(text: &str) -> Sampling {
        let text = format!(r#"{{"metrics": {{"metrics_collected": {text}}}}}"#);
        let loaded = crate::config::parse(&text, Path::new("/x.json"), &|_| None).unwrap();
        Sampling::of(&loaded.config, &Facts::default())
    }

    fn names(found: &[Looked]) -> Vec<(u64, String)> {
        let names =
            |(at, found): &Looked| found.samples.iter().map(|sample| (at.0, sample.name.clone())).collect::<Vec<_>>();
        found.iter().flat_map(names).collect()
    }

    async fn back(looks: &mut Looks) -> Looked {
        tokio::time::timeout(PATIENCE, looks.back()).await.expect("it comes back")
    }

    fn look(looks: &mut Looks, at: u64) -> Vec<(u64, String)> {
        names(&looks.look(Monotonic(at), move || Monotonic(at)))
    }

    fn make_fifo(path: &Path) {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    /// A machine whose memory may be looked at, with memory and the heartbeat that have both looked once.
    async fn machine() -> (tempfile::TempDir, Looks) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        std::fs::write(root.path().join("proc/meminfo"), MEMINFO).unwrap();
        let text = r#"{"mem": {"measurement": ["total"], "metrics_collection_interval": 60}, "heartbeat": {"metrics_collection_interval": 60}}"#;
        let mut looks = looks(text, root.path());
        assert_eq!(look(&mut looks, 0), []);
        assert_eq!(names(&[back(&mut looks).await]), []);
        (root, looks)
    }

    #[tokio::test]
    async fn what_is_found_at_one_moment_travels_together() {
        let (_root, mut looks) = machine().await;
        assert_eq!(looks.next(), Some(Monotonic(5_000)));
        assert_eq!(look(&mut looks, 5_000), []);
        let found = names(&[back(&mut looks).await]);
        assert_eq!(found, [(5_000, "heartbeat".to_owned()), (5_000, "mem_total".to_owned())]);
        assert_eq!(looks.next(), Some(Monotonic(65_000)));
    }

    #[tokio::test]
    async fn a_look_that_hangs_is_told_and_keeps_no_heartbeat_back() {
        let (root, mut looks) = machine().await;
        let meminfo = root.path().join("proc/meminfo");
        std::fs::remove_file(&meminfo).unwrap();
        // Whoever reads it waits until somebody writes.
        make_fifo(&meminfo);
        assert_eq!(look(&mut looks, 5_000), []);
        assert_eq!(looks.next(), Some(Monotonic(7_000)));
        let beat = |at: u64| [(at, "heartbeat".to_owned())];
        assert_eq!(look(&mut looks, 7_000), beat(5_000), "it is held for a moment only");
        assert_eq!((looks.next(), looks.trouble()), (Some(Monotonic(35_000)), None));
        assert_eq!(look(&mut looks, 35_000), []);
        assert!(looks.trouble().is_some_and(|trouble| trouble.contains("`mem` hangs")), "{:?}", looks.trouble());
        assert_eq!(looks.next(), Some(Monotonic(65_000)));
        assert_eq!(look(&mut looks, 65_000), beat(65_000));
        assert!(looks.settle().await.is_none());
        // The next look comes when this one is over.
        let writer = thread::spawn(move || std::fs::write(meminfo, MEMINFO));
        let found = names(&[back(&mut looks).await]);
        writer.join().unwrap().unwrap();
        assert_eq!((found, looks.trouble()), (vec![(5_000, "mem_total".to_owned())], None));
        assert_eq!(looks.next(), Some(Monotonic(65_000)));
    }

    #[tokio::test]
    async fn what_programs_sent_before_another_configuration_is_not_lost() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = |separator: &str| {
            format!(r#"{{"statsd": {{"service_address": "127.0.0.1:{port}", "metric_separator": "{separator}"}}}}"#)
        };
        let mut looks = looks(&text("_"), Path::new("/nowhere"));
        assert_eq!(look(&mut looks, 0), []);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"last.words:3|c", ("127.0.0.1", port)).unwrap();
        // It is in the socket already; the listener hears it as soon as it has a turn.
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(looks.go_on(sampling(&text("_")), Monotonic(1)).samples, [], "who goes on keeps its sums");
        let rest = looks.go_on(sampling(&text(".")), Monotonic(1));
        assert_eq!(names(&[(Monotonic(1), rest)]), [(1, "last_words".to_owned())]);
    }

    #[tokio::test]
    async fn a_look_under_way_is_waited_for_at_the_end() {
        let (_root, mut looks) = machine().await;
        assert_eq!(look(&mut looks, 5_000), []);
        let found = names(&Vec::from_iter(looks.settle().await));
        assert_eq!(found, [(5_000, "heartbeat".to_owned()), (5_000, "mem_total".to_owned())]);
    }

    #[tokio::test]
    async fn a_new_configuration_leaves_behind_who_hangs() {
        let (root, mut looks) = machine().await;
        let meminfo = root.path().join("proc/meminfo");
        std::fs::remove_file(&meminfo).unwrap();
        make_fifo(&meminfo);
        look(&mut looks, 5_000);
        look(&mut looks, 40_000);
        let uptime = root.path().join("proc/uptime");
        std::fs::write(&uptime, "100.0 50.0\n").unwrap();
        looks.go_on(sampling(r#"{"uptime": {"metrics_collection_interval": 60}}"#), Monotonic(41_000));
        assert_eq!((look(&mut looks, 41_000), looks.trouble()), (vec![], None));
        back(&mut looks).await;
        assert_eq!(look(&mut looks, 125_000), []);
        assert_eq!(names(&[back(&mut looks).await]), [(125_000, "uptime_seconds".to_owned())]);
        // Lets the thread go that waits.
        std::fs::write(meminfo, MEMINFO).unwrap();
    }
}
