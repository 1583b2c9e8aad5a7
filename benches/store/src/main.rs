//! Measures the stores that the agent could use: size, memory, bytes and syncs an hour, latency.
//!
//! `cargo run --release` builds itself once without a store and once with each, runs the last two, and prints a table. What is
//! counted are the bytes that this process made the file system write (`write_bytes` of /proc/self/io, in whole pages, after a
//! sync), not the journal of the file system itself, which is the same for both per sync.
//! The folder measured in is the first argument, or the one for temporary files: it must be on a real disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[cfg(feature = "redb")]
#[path = "redb_store.rs"]
mod store;
#[cfg(all(feature = "sqlite", not(feature = "redb")))]
#[path = "sqlite_store.rs"]
mod store;
#[cfg(not(any(feature = "redb", feature = "sqlite")))]
#[path = "none_store.rs"]
mod store;

/// A position of a followed file in its bytes, and a round of 13 samples in its.
const POSITION_BYTES: usize = 180;
const ROUND_BYTES: usize = 650;
const FILES: u64 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("measure") => measure(Path::new(&arguments.next().ok_or("no folder")?)),
        folder => drive(folder.map_or_else(std::env::temp_dir, PathBuf::from)),
    }
}

/// Builds each variant and runs it.
fn drive(folder: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let target = std::env::current_exe()?.with_file_name("variants");
    let mut without = 0;
    for variant in ["", "redb", "sqlite"] {
        let mut build = std::process::Command::new("cargo");
        build.args([
            "build",
            "--release",
            "--quiet",
            "--no-default-features",
            "--features",
            variant,
        ]);
        build
            .arg("--manifest-path")
            .arg(&manifest)
            .env("CARGO_TARGET_DIR", &target);
        if !build.status()?.success() {
            return Err(format!("building with `{variant}` failed").into());
        }
        let program = target.join("release/store-measure");
        let size = std::fs::metadata(&program)?.len();
        if variant.is_empty() {
            without = size;
            continue;
        }
        println!("\n== {variant}: adds {} KiB to the program", (size - without) / 1024);
        let folder = folder.join(format!("store-measure-{}-{variant}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let ran = std::process::Command::new(&program)
            .arg("measure")
            .arg(&folder)
            .status();
        std::fs::remove_dir_all(&folder)?;
        if !ran?.success() {
            return Err(format!("measuring `{variant}` failed").into());
        }
    }
    Ok(())
}

fn measure(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let before = resident()?;
    let mut store = store::Store::open(folder)?;
    store.commit(&(0..1000).map(|i| (i, position(i, 0))).collect::<Vec<_>>(), &[], &[])?;
    for first in (0..1000).step_by(100) {
        store.commit(
            &[],
            &(first..first + 100).map(|i| (i, round(i))).collect::<Vec<_>>(),
            &[],
        )?;
    }
    drop(store);
    let opening = Instant::now();
    let store = store::Store::open(folder)?;
    println!("open, 1,000 positions and 1,000 rounds: {:?}", opening.elapsed());
    println!(
        "resident then, above the empty program: {} KiB",
        (resident()? - before) / 1024
    );
    println!("on disk then: {} KiB", on_disk(folder)? / 1024);
    drop(store);
    // A device as most are: ten files, no round waits for longer than a minute.
    let folder = &folder.join("device");
    std::fs::create_dir(folder)?;
    let mut store = store::Store::open(folder)?;
    store.commit(&(0..FILES).map(|i| (i, position(i, 0))).collect::<Vec<_>>(), &[], &[])?;
    hour(
        &mut store,
        "positions every 10 s, round added and removed apart",
        10,
        false,
    )?;
    hour(&mut store, "the same, in one commit with positions", 10, true)?;
    hour(&mut store, "positions and rounds every 60 s, one commit", 60, true)?;
    println!(
        "resident after three hours: {} KiB above the empty program",
        (resident()? - before) / 1024
    );
    println!("on disk after three hours: {} KiB", on_disk(folder)? / 1024);
    Ok(())
}

/// An hour of a device's life, without the waiting.
fn hour(store: &mut store::Store, what: &str, every_s: u64, together: bool) -> Result<(), Box<dyn std::error::Error>> {
    let (mut commits, mut times) = (0u64, Vec::new());
    let before = written()?;
    let mut last = None;
    for second in (0..3600).step_by(every_s as usize) {
        let positions: Vec<_> = (0..FILES).map(|i| (i, position(i, second + 1))).collect();
        let minute = second % 60 == 0;
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        if minute {
            add.push((second + 5000, round(second)));
        } else if second % 60 == every_s {
            remove.extend(last.take());
        }
        // With one commit a minute the round of the last minute goes as the next one comes.
        if minute && every_s == 60 {
            remove.extend(last.take());
        }
        let steps: Vec<(&[_], &[_], &[_])> = if together {
            vec![(&positions[..], &add[..], &remove[..])]
        } else {
            vec![
                (&positions[..], &[][..], &[][..]),
                (&[][..], &add[..], &[][..]),
                (&[][..], &[][..], &remove[..]),
            ]
        };
        for (positions, add, remove) in steps {
            if positions.is_empty() && add.is_empty() && remove.is_empty() {
                continue;
            }
            let start = Instant::now();
            store.commit(positions, add, remove)?;
            times.push(start.elapsed());
            commits += 1;
        }
        last = add.first().map(|(id, _)| *id).or(last);
    }
    times.sort();
    let bytes = written()? - before;
    println!(
        "an hour, {what}: {commits} commits, {} KiB written ({} a commit), median {:?}, 99 % {:?}",
        bytes / 1024,
        bytes / commits,
        times[times.len() / 2],
        times[times.len() * 99 / 100].max(Duration::ZERO),
    );
    Ok(())
}

fn position(file: u64, at: u64) -> Vec<u8> {
    (0..POSITION_BYTES as u64)
        .map(|i| (i * 31 + file * 7 + at) as u8)
        .collect()
}

fn round(at: u64) -> Vec<u8> {
    (0..ROUND_BYTES as u64).map(|i| (i * 17 + at) as u8).collect()
}

fn line(path: &str, name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .ok_or("no such line")?;
    Ok(value.split_whitespace().next().ok_or("no value")?.parse()?)
}

fn written() -> Result<u64, Box<dyn std::error::Error>> {
    line("/proc/self/io", "write_bytes:")
}

fn resident() -> Result<u64, Box<dyn std::error::Error>> {
    Ok(line("/proc/self/status", "VmRSS:")? * 1024)
}

fn on_disk(folder: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    use std::os::unix::fs::MetadataExt;
    let mut blocks = 0;
    for entry in std::fs::read_dir(folder)? {
        blocks += entry?.metadata()?.blocks();
    }
    Ok(blocks * 512)
}
