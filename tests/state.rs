//! The state store's promises: what is committed survives, what is damaged is set aside, one process at a time.
//!
//! Power cuts are simulated on a disk in memory: a cut keeps everything that was synced, and of what was written since, any
//! part, in any order, torn in sectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cloudwatch_publisher::record::{
    BootId, Fingerprint, Mark, Monotonic, Offset, Round, Sample, SavedFile, SavedJournal, StreamName, Unit, Value, Wall,
};
use cloudwatch_publisher::state::{Changes, Disk, FileKey, OpenError, Opened, RoundId, Store, StoreError};

fn position(number: u64, offset: u64) -> SavedFile {
    SavedFile {
        entry: "/var/log/*.log".to_owned(),
        device: 8,
        inode: number,
        path: PathBuf::from(format!("/var/log/application-{number}.log")),
        first_path: PathBuf::from(format!("/var/log/application-{number}.log")),
        stream: StreamName { group: "device-0001".into(), stream: format!("application-{number}.log").into() },
        head: Fingerprint { length: 1024, hash: number },
        settled: Mark { offset, tail: offset },
        skipped: 0,
    }
}

fn round(at: u64) -> Round {
    let dimensions: Arc<[(String, String)]> = Arc::from([("InstanceId".to_owned(), "device-0001".to_owned())]);
    let sample = |i: usize| Sample {
        name: format!("mem_used_percent_{i}"),
        unit: Unit::Percent,
        value: Value::One(at as f64),
        dimensions: dimensions.clone(),
        is_high_resolution: false,
    };
    Round { boot: BootId("b0".to_owned()), at: Monotonic(at), system: Wall(0), samples: (0..13).map(sample).collect() }
}

fn open(dir: &Path) -> (Store, Opened) {
    Store::open(dir).expect("the store opens")
}

fn lost(dir: &Path) -> (Store, String) {
    match open(dir) {
        (store, Opened::Lost { reason }) => (store, reason),
        (_, other) => panic!("not lost: {other:?}"),
    }
}

/// A store with positions, entries and some hundred KiB of rounds; closed again.
fn filled(dir: &Path) {
    let (store, _) = open(dir);
    for i in 0..300 {
        let changes = Changes {
            save: vec![position(i % 10, i)],
            entries: vec!["/var/log/*.log".to_owned()],
            add_rounds: vec![(store.waiting().next, round(i))],
            boot_offset: Some((BootId("b0".to_owned()), Offset(5))),
            ..Changes::default()
        };
        store.commit(&changes).unwrap();
    }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("made/on/the/way");
    let (store, opened) = open(&state);
    assert_eq!(opened, Opened::First);
    let mut odd = position(2, 7);
    odd.first_path = PathBuf::from("/elsewhere");
    let changes = Changes {
        save: vec![position(1, 5), odd.clone()],
        entries: vec!["one".to_owned(), "two".to_owned()],
        add_rounds: vec![(RoundId(3), round(30)), (RoundId(4), round(40))],
        boot_offset: Some((BootId("b0".to_owned()), Offset(-77))),
        ..Changes::default()
    };
    store.commit(&changes).unwrap();
    let forget = vec![FileKey::from(&position(1, 0))];
    store.commit(&Changes { forget, remove_rounds: vec![RoundId(3)], ..Changes::default() }).unwrap();
    drop(store);

    let (store, opened) = open(&state);
    assert_eq!(opened, Opened::Resumed);
    assert_eq!(store.files().unwrap(), [odd]);
    assert_eq!(store.entries().unwrap().into_iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(store.rounds(RoundId(0), 10, 1 << 20).unwrap().rounds, [(RoundId(4), round(40))]);
    assert_eq!(store.boots().unwrap(), BTreeMap::from([("b0".to_owned(), Offset(-77))]));
    let waiting = store.waiting();
    assert_eq!((waiting.count, waiting.oldest, waiting.next), (1, Some(RoundId(4)), RoundId(5)));
}

#[test]
fn only_the_owner_may_read_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    drop(open(&state));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("state.redb")), 0o600);
    assert_eq!(mode(&state.join("lock")), 0o600);
}

#[test]
fn waiting_rounds_are_counted_and_come_oldest_first_in_bounded_pages() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (store, _) = open(dir.path());
    let waiting = store.waiting();
    assert_eq!((waiting.count, waiting.oldest, waiting.newest), (300, Some(RoundId(0)), Some(RoundId(299))));
    let each = waiting.bytes / 300;
    assert!((200..700).contains(&each), "a round of 13 samples takes {each} bytes");

    let page = store.rounds(RoundId(7), 5, 1 << 20).unwrap();
    assert_eq!(page.rounds.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
    assert_eq!(store.rounds(RoundId(7), 100, 3 * 700).unwrap().rounds.len() / 3, 1, "bounded by bytes");
    assert_eq!(store.rounds(RoundId(7), 100, 0).unwrap().rounds.len(), 1, "one at least: nothing may block the rest");
    assert!(store.rounds(RoundId(300), 100, 1 << 20).unwrap().is_empty());

    store.commit(&Changes { remove_rounds: (0..300).map(RoundId).collect(), ..Changes::default() }).unwrap();
    let waiting = store.waiting();
    assert_eq!((waiting.count, waiting.bytes, waiting.oldest, waiting.next), (0, 0, None, RoundId(300)));
}

#[test]
fn a_boot_is_forgotten_at_the_next_start_when_no_round_of_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let (store, _) = open(dir.path());
    let other = Some((BootId("b1".to_owned()), Offset(9)));
    store.commit(&Changes { boot_offset: other, ..Changes::default() }).unwrap();
    assert_eq!(store.boots().unwrap().len(), 2);
    drop(store);
    assert_eq!(open(dir.path()).0.boots().unwrap().into_keys().collect::<Vec<_>>(), ["b0"]);
}

#[test]
fn merged_changes_do_what_they_do_in_turn() {
    let saved_forgotten = position(1, 1);
    let forgotten_saved = position(2, 2);
    let steps = [
        Changes {
            save: vec![saved_forgotten.clone(), position(3, 1)],
            forget: vec![FileKey::from(&forgotten_saved)],
            add_rounds: vec![(RoundId(1), round(1)), (RoundId(2), round(2))],
            boot_offset: Some((BootId("b0".to_owned()), Offset(1))),
            ..Changes::default()
        },
        Changes {
            save: vec![forgotten_saved.clone(), position(3, 2)],
            forget: vec![FileKey::from(&saved_forgotten)],
            remove_rounds: vec![RoundId(1)],
            entries: vec!["e".to_owned()],
            ..Changes::default()
        },
    ];
    let mut merged = Changes::default();
    assert!(merged.is_empty());
    let stores = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [in_turn, at_once] = stores.each_ref().map(|dir| open(dir.path()).0);
    for step in steps {
        in_turn.commit(&step).unwrap();
        merged.merge(step);
    }
    assert_eq!(merged.save.len(), 2, "what is overtaken is not written");
    at_once.commit(&merged).unwrap();
    for store in [in_turn, at_once] {
        assert_eq!(store.files().unwrap(), [position(2, 2), position(3, 2)]);
        assert_eq!(store.rounds(RoundId(0), 9, 1 << 20).unwrap().rounds, [(RoundId(2), round(2))]);
        assert_eq!(store.boots().unwrap().len(), 1);
    }
}

// ── two programs on one folder ──────────────────────────────────────────────────────────────────────────────────────────────

/// Not a test of its own: the other process of the test below.
#[test]
fn other_process() {
    let Some(dir) = std::env::var_os("STATE_TEST_DIR") else {
        return;
    };
    match Store::open(Path::new(&dir)) {
        Err(e @ OpenError::Held { pid, .. }) => print!("held by {pid:?}\n{e}\n"),
        other => print!("opened {:?}\n", other.map(|(_, opened)| opened)),
    }
}

#[test]
fn a_second_process_is_refused_with_the_pid_of_the_first_until_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    let other = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "other_process", "--nocapture"]).env("STATE_TEST_DIR", dir.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let held = open(dir.path()).0;
    let refused = other();
    assert!(refused.contains(&format!("held by Some({})", std::process::id())), "{refused}");
    assert!(refused.contains("agent.state_directory"), "{refused}");
    held.commit(&Changes { save: vec![position(1, 1)], ..Changes::default() }).unwrap();
    drop(held);
    assert!(other().contains("opened Ok(Resumed)"));
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("state")).unwrap_err();
    assert!(matches!(&error, OpenError::Folder { doing: "make", .. }), "{error:?}");
    assert!(error.to_string().contains("file/state"), "{error}");
}

// ── damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

type Damage = fn(&Path);

#[test]
fn a_store_that_is_emptied_cut_garbage_or_gone_is_set_aside_and_a_new_one_begins() {
    let damages: [(&str, Damage); 7] = [
        ("emptied", |path| fs::write(path, "").unwrap()),
        ("cut in half", |path| {
            let length = fs::metadata(path).unwrap().len();
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length / 2).unwrap();
        }),
        ("garbage", |path| fs::write(path, "hello".repeat(10_000)).unwrap()),
        ("zeroes", |path| fs::write(path, vec![0; 1 << 20]).unwrap()),
        ("another's", |path| fs::write(path, "SQLite format 3\0").unwrap()),
        ("garbage in the middle", |path| {
            let mut bytes = fs::read(path).unwrap();
            for (i, byte) in bytes.iter_mut().enumerate().skip(4096) {
                *byte ^= u8::try_from(i % 251).unwrap();
            }
            fs::write(path, bytes).unwrap();
        }),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let path = dir.path().join("state.redb");
        damage(&path);
        let size = |path: &Path| fs::metadata(path).ok().map(|found| found.len());
        let damaged = size(&path);
        let (store, reason) = lost(dir.path());
        assert!(!reason.is_empty(), "{name}");
        assert_eq!(size(&dir.path().join("state.redb.damaged")), damaged, "{name}");
        assert_eq!((store.files().unwrap(), store.waiting().count), (vec![], 0), "{name}");
        store.commit(&Changes { save: vec![position(1, 1)], ..Changes::default() }).unwrap();
        drop(store);
        let (store, opened) = open(dir.path());
        assert_eq!((opened, store.files().unwrap()), (Opened::Resumed, vec![position(1, 1)]), "{name}");
    }
}

#[test]
fn only_the_newest_damaged_store_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["first", "second"] {
        drop(open(dir.path()));
        fs::write(dir.path().join("state.redb"), text).unwrap();
        lost(dir.path());
    }
    assert_eq!(fs::read(dir.path().join("state.redb.damaged")).unwrap(), b"second");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "lock, store and the damaged one");
}

#[test]
fn a_start_that_was_cut_before_the_store_was_made_is_still_a_first_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lock"), "123\n\n").unwrap();
    fs::write(dir.path().join("state.redb.new"), "half of it").unwrap();
    assert_eq!(open(dir.path()).1, Opened::First);
}

/// Any damage: one bit or many, the header, whole pages zeroed or swapped, a cut. What opens reads and writes, and holds what
/// was committed at some time, never garbage; what does not open says so. A panic would end the agent at each start.
/// `STATE_DAMAGES` and `STATE_CUTS` ask for more than the usual number of them.
#[test]
fn no_damage_to_the_file_makes_opening_or_using_it_panic() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let sound = fs::read(dir.path().join("state.redb")).unwrap();
    let runs = std::env::var("STATE_DAMAGES").ok().and_then(|runs| runs.parse().ok()).unwrap_or(400);
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..runs {
        let mut random = fastrand::Rng::with_seed(seed);
        let disk = Arc::new(CutDisk::of(damaged(&sound, &mut random)));
        let Ok(store) = Store::on_disk(disk) else {
            refused += 1;
            continue;
        };
        opened += 1;
        for file in store.files().unwrap() {
            assert_eq!(file, position(file.inode, file.settled.offset), "seed {seed}");
            assert_eq!(file.settled.offset % 10, file.inode, "seed {seed}");
        }
        for (id, found) in store.rounds(RoundId(0), 1000, 1 << 30).unwrap().rounds {
            assert_eq!(found, round(id.0), "seed {seed}");
        }
        for i in 0..20 {
            let add_rounds = vec![(store.waiting().next, round(i))];
            let remove_rounds = vec![RoundId(i * 9)];
            let save = vec![position(i, 1)];
            store.commit(&Changes { save, add_rounds, remove_rounds, ..Changes::default() }).unwrap();
        }
    }
    assert!(
        opened > runs / 20 && refused > runs / 10,
        "{opened} opened, {refused} refused: the damage is too small or too great"
    );
}

fn damaged(sound: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    let size = bytes.len();
    match random.u8(..8) {
        0 => bytes[random.usize(..size)] ^= 1 << random.u8(..8),
        1 => (0..8).for_each(|_| bytes[random.usize(..size)] = random.u8(..)),
        2 => (0..random.usize(1..4)).for_each(|_| bytes[random.usize(..320)] = random.u8(..)),
        3 => {
            // The flags say that all is well, and a page is not.
            bytes[9] = random.u8(..8);
            let page = random.usize(1..size / 4096) * 4096;
            bytes[page..page + 4096].fill(random.u8(..2) * 255);
        }
        4 => {
            let (from, to) = (random.usize(1..size / 4096) * 4096, random.usize(1..size / 4096) * 4096);
            bytes.copy_within(from..from + 4096, to);
        }
        5 => bytes.truncate(random.usize(..size)),
        6 => {
            let from = random.usize(..size / 512) * 512;
            let to = size.min(from + 512 * random.usize(1..64));
            bytes[from..to].fill_with(|| random.u8(..));
        }
        _ => bytes[320..].fill_with(|| random.u8(..)),
    }
    bytes
}

// ── failed writes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_commit_on_a_full_disk_is_an_error_and_the_next_one_with_room_works() {
    let disk = Arc::new(CutDisk::of(Vec::new()));
    let store = Store::on_disk(disk.clone()).unwrap();
    store.commit(&Changes { save: vec![position(1, 1)], ..Changes::default() }).unwrap();
    let more = Changes { save: vec![position(1, 2), position(2, 2)], ..Changes::default() };
    for operations in 0..12 {
        disk.fail_after(operations);
        for _ in 0..2 {
            let failed = store.commit(&more);
            assert!(matches!(failed, Ok(()) | Err(StoreError::Failed { .. })), "{failed:?}");
        }
        disk.fail_after(u64::MAX);
        let found = store.files().unwrap();
        assert!(found == [position(1, 1)] || found == more.save, "{found:?}");
        store.commit(&more).unwrap();
        assert_eq!(store.files().unwrap(), more.save);
        store
            .commit(&Changes {
                save: vec![position(1, 1)],
                forget: vec![FileKey::from(&position(2, 0))],
                ..Changes::default()
            })
            .unwrap();
    }
}

#[test]
fn a_store_deleted_under_the_agent_is_made_again_and_the_caller_is_told_to_save_all() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    store.commit(&Changes { save: vec![position(1, 1)], ..Changes::default() }).unwrap();
    fs::remove_file(dir.path().join("state.redb")).unwrap();
    let moved = Changes { save: vec![position(1, 2)], ..Changes::default() };
    assert!(matches!(store.commit(&moved), Err(StoreError::Failed { .. })));
    assert!(matches!(store.commit(&moved), Err(StoreError::Lost { .. })));
    store.commit(&moved).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).0.files().unwrap(), moved.save);
}

#[test]
fn a_commit_that_changes_nothing_writes_nothing() {
    let disk = Arc::new(CutDisk::of(Vec::new()));
    let store = Store::on_disk(disk.clone()).unwrap();
    let changes = Changes { save: vec![position(1, 1)], entries: vec!["e".to_owned()], ..Changes::default() };
    store.commit(&changes).unwrap();
    let before = disk.writes.load(Ordering::Relaxed);
    store.commit(&changes).unwrap();
    store.commit(&Changes { remove_rounds: vec![RoundId(7)], ..Changes::default() }).unwrap();
    assert_eq!(disk.writes.load(Ordering::Relaxed), before);
}

// ── size ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_file_does_not_grow_with_time_and_gives_back_what_an_outage_took() {
    let dir = tempfile::tempdir().unwrap();
    let size = || fs::metadata(dir.path().join("state.redb")).unwrap().len();
    let (store, _) = open(dir.path());
    let minute = |store: &Store, at: u64| {
        let id = store.waiting().next;
        store
            .commit(&Changes {
                save: vec![position(at % 10, at)],
                add_rounds: vec![(id, round(at))],
                ..Changes::default()
            })
            .unwrap();
        store.commit(&Changes { remove_rounds: vec![id], ..Changes::default() }).unwrap();
    };
    (0..500).for_each(|at| minute(&store, at));
    let early = size();
    (500..3000).for_each(|at| minute(&store, at));
    assert!(size() <= early.max(128 * 1024), "{early} bytes became {}", size());

    let outage = 20_160;
    for first in (0..outage).step_by(500) {
        let next = store.waiting().next.0;
        let add_rounds = (0..500).map(|i| (RoundId(next + i), round(first + i))).collect();
        store.commit(&Changes { add_rounds, ..Changes::default() }).unwrap();
    }
    let peak = size();
    assert!(peak < 4 * store.waiting().bytes, "{} bytes of rounds take {peak}", store.waiting().bytes);
    let first = store.waiting().oldest.unwrap().0;
    for begin in (first..first + outage + 500).step_by(500) {
        store
            .commit(&Changes { remove_rounds: (begin..begin + 500).map(RoundId).collect(), ..Changes::default() })
            .unwrap();
    }
    assert_eq!(store.waiting().count, 0);
    drop(store);
    drop(open(dir.path()));
    assert!(size() < peak / 4, "after the outage {peak} bytes became {}", size());
}

// ── power cuts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Bytes in memory that a power cut can be made of at any write.
#[derive(Debug, Default)]
struct CutDisk {
    bytes: Mutex<Bytes>,
    writes: AtomicU64,
    /// Writes, resizes and syncs that still succeed.
    left: AtomicU64,
}

#[derive(Clone, Debug, Default)]
struct Bytes {
    /// What reads see.
    now: Vec<u8>,
    /// What is safe.
    synced: Vec<u8>,
    /// What was done since, in order.
    pending: Vec<Pending>,
}

#[derive(Clone, Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl CutDisk {
    fn of(bytes: Vec<u8>) -> Self {
        let bytes = Bytes { now: bytes.clone(), synced: bytes, pending: Vec::new() };
        Self { bytes: Mutex::new(bytes), writes: AtomicU64::new(0), left: AtomicU64::new(u64::MAX) }
    }

    /// From here on, `operations` writes succeed and no more.
    fn fail_after(&self, operations: u64) {
        self.left.store(operations, Ordering::Relaxed);
    }

    fn spend(&self) -> io::Result<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.left.store(left.saturating_sub(u64::from(left != u64::MAX)), Ordering::Relaxed);
        Ok(())
    }

    /// What the disk may hold after a power cut now: all that was synced, and of each later write no sector, all, or some.
    fn cut(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        let bytes = self.bytes.lock().unwrap();
        let mut after = bytes.synced.clone();
        let style = random.u8(..4);
        for pending in &bytes.pending {
            match pending {
                Pending::Resize(size) if random.u8(..4) > 0 => after.resize(*size, 0),
                Pending::Resize(_) => {}
                Pending::Write(offset, written) => {
                    for (i, sector) in written.chunks(512).enumerate() {
                        let kept = match style {
                            0 => true,
                            1 => random.bool(),
                            2 => random.u8(..10) == 0,
                            _ => random.u8(..10) != 0,
                        };
                        let from = offset + i * 512;
                        if kept {
                            let end = after.len().max(from + sector.len());
                            after.resize(end, 0);
                            after[from..from + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        after
    }
}

impl Disk for CutDisk {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let found = from.checked_add(out.len()).and_then(|to| bytes.now.get(from..to));
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, offset: u64, written: &[u8]) -> io::Result<()> {
        self.spend()?;
        let mut bytes = self.bytes.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let to = from + written.len();
        assert!(to <= bytes.now.len(), "a write beyond the end");
        bytes.now[from..to].copy_from_slice(written);
        bytes.pending.push(Pending::Write(from, written.to_vec()));
        Ok(())
    }

    fn resize(&self, size: u64) -> io::Result<()> {
        self.spend()?;
        let mut bytes = self.bytes.lock().unwrap();
        let size = usize::try_from(size).unwrap();
        bytes.now.resize(size, 0);
        bytes.pending.push(Pending::Resize(size));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.spend()?;
        let mut bytes = self.bytes.lock().unwrap();
        bytes.synced = bytes.now.clone();
        bytes.pending.clear();
        Ok(())
    }
}

/// What a store holds, in a shape that compares.
type Held = (BTreeMap<u64, SavedFile>, BTreeMap<u64, Round>);

fn held(store: &Store) -> Held {
    let files = store.files().unwrap().into_iter().map(|file| (file.inode, file)).collect();
    let page = store.rounds(RoundId(0), usize::MAX, usize::MAX).unwrap();
    assert!(page.unreadable.is_empty());
    (files, page.rounds.into_iter().map(|(id, round)| (id.0, round)).collect())
}

fn apply(held: &mut Held, changes: &Changes) {
    changes.forget.iter().for_each(|file| drop(held.0.remove(&file.inode)));
    changes.save.iter().for_each(|file| drop(held.0.insert(file.inode, file.clone())));
    changes.add_rounds.iter().for_each(|(id, round)| drop(held.1.insert(id.0, round.clone())));
    changes.remove_rounds.iter().for_each(|id| drop(held.1.remove(&id.0)));
}

fn some_changes(random: &mut fastrand::Rng, held: &Held, next: RoundId) -> Changes {
    let mut changes = Changes::default();
    for _ in 0..random.usize(..6) {
        changes.save.push(position(random.u64(..30), random.u64(..)));
    }
    if random.u8(..5) == 0 {
        changes.forget.push(FileKey::from(&position(random.u64(..30), 0)));
    }
    for i in 0..random.u64(..3) {
        changes.add_rounds.push((RoundId(next.0 + i), round(random.u64(..1000))));
    }
    changes.remove_rounds.extend(held.1.keys().take(random.usize(..3)).map(|id| RoundId(*id)));
    changes
}

/// After a cut at any write the state is that of the last commit that returned, or of the one under way: never older, never
/// garbage. The next life goes on from there, and is cut again, also while it opens.
#[test]
fn after_a_power_cut_at_any_moment_the_last_commit_or_the_one_under_way_is_there() {
    let lives = std::env::var("STATE_CUTS").ok().and_then(|lives| lives.parse().ok()).unwrap_or(1500);
    let mut random = fastrand::Rng::with_seed(7);
    let mut bytes = Vec::new();
    let mut before = Held::default();
    let mut under_way: Option<Held> = None;
    let (mut cut_in_commit, mut cut_in_open, mut went_through) = (0, 0, 0);
    for life in 0..lives {
        // Opening is a dozen writes, a commit some eight.
        let disk = Arc::new(CutDisk::of(std::mem::take(&mut bytes)));
        if life > 0 {
            disk.fail_after(random.u64(..120));
        }
        match Store::on_disk(disk.clone()) {
            Ok(store) => {
                let found = held(&store);
                match under_way.take() {
                    Some(done) if found == done => went_through += u64::from(done != before),
                    _ => assert_eq!(found, before, "life {life}: not the last commit"),
                }
                before = found;
                for _ in 0..random.usize(..20) {
                    let changes = some_changes(&mut random, &before, store.waiting().next);
                    let mut after = before.clone();
                    apply(&mut after, &changes);
                    if store.commit(&changes).is_err() {
                        under_way = Some(after);
                        cut_in_commit += 1;
                        break;
                    }
                    before = after;
                }
                disk.fail_after(0);
                bytes = disk.cut(&mut random);
            }
            Err(StoreError::Failed { .. }) => {
                cut_in_open += 1;
                bytes = disk.cut(&mut random);
            }
            Err(e) => panic!("life {life}: {e}"),
        }
    }
    assert!(
        cut_in_commit > lives / 4 && cut_in_open > lives / 50 && went_through > 0,
        "{cut_in_commit} {cut_in_open} {went_through}"
    );
}

fn place(entry: &str, cursor: &str) -> SavedJournal {
    SavedJournal {
        entry: entry.to_owned(),
        cursor: cursor.to_owned(),
        is_past: true,
        time: Wall(1),
        boot: BootId("b".to_owned()),
    }
}

#[test]
fn a_place_in_a_journal_survives_and_the_later_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (store, _) = Store::open(folder.path()).unwrap();
        let mut changes = Changes { journals: vec![place("a", "1"), place("b", "1")], ..Changes::default() };
        changes.merge(Changes { journals: vec![place("a", "2")], ..Changes::default() });
        store.commit(&changes).unwrap();
        store.commit(&Changes { journals: vec![place("b", "3")], ..Changes::default() }).unwrap();
    }
    let (store, _) = Store::open(folder.path()).unwrap();
    assert_eq!(store.journals().unwrap(), [place("a", "2"), place("b", "3")]);
}

#[test]
fn a_place_in_a_journal_that_is_forgotten_is_gone_and_one_that_comes_back_after_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(folder.path()).unwrap();
    let saved = |names: &[&str]| Changes {
        journals: names.iter().map(|name| place(name, "1")).collect(),
        ..Changes::default()
    };
    let forgotten = |name: &str| Changes { forget_journals: vec![name.to_owned()], ..Changes::default() };
    store.commit(&saved(&["a", "b"])).unwrap();
    store.commit(&forgotten("a")).unwrap();
    assert_eq!(store.journals().unwrap(), [place("b", "1")]);
    for changes in [[saved(&["c"]), forgotten("c")], [forgotten("b"), saved(&["b"])]] {
        let mut merged = Changes::default();
        changes.into_iter().for_each(|later| merged.merge(later));
        store.commit(&merged).unwrap();
        assert_eq!(store.journals().unwrap(), [place("b", "1")]);
    }
}
