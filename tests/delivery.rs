//! Delivery as a whole: whatever the order of reads, answers, failures and deaths, nothing is lost, limits and order are kept,
//! memory is bounded, and after the last fault everything is delivered.
//!
//! Thousands of small worlds, each decided by its seed. A failure names its case: put the seed into
//! `one_world_again` to see it alone.

// A test that meets what it did not expect has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "support/model_endpoint.rs"]
mod model_endpoint;
#[path = "support/simulation.rs"]
mod simulation;

use std::time::Duration;

use cloudwatch_publisher::delivery::lines::Block;
use cloudwatch_publisher::delivery::outcome::SendError;
use cloudwatch_publisher::delivery::pipeline::{Pipeline, Settings};
use cloudwatch_publisher::delivery::retry::Chance;
use cloudwatch_publisher::delivery::treatment::Treatment;
use cloudwatch_publisher::record::{FileId, Monotonic, StreamId};
use simulation::{Case, World};

/// Runs `case` and names it where it fails.
fn run(case: Case) -> World {
    let result = std::panic::catch_unwind(|| {
        let mut world = World::new(case);
        world.run();
        world
    });
    result.unwrap_or_else(|failure| {
        eprintln!("in {case:?}");
        std::panic::resume_unwind(failure)
    })
}

/// A world of short lines and little memory.
fn small(seed: u64, has_faults: bool) -> Case {
    let max_bytes = [100, 2_000, 1_000_000][usize::try_from(seed % 3).unwrap()];
    Case { seed, steps: 600, has_faults, burst: 6, filler: 80, max_bytes }
}

#[test]
fn nothing_is_lost_whatever_happens_in_whatever_order() {
    for seed in 0..4_000 {
        run(small(seed, true));
    }
}

#[test]
fn without_faults_every_record_arrives_exactly_once() {
    for seed in 0..1_000 {
        run(small(seed, false));
    }
}

#[test]
fn long_lines_fill_batches_to_the_byte_and_no_further() {
    for seed in 0..40 {
        run(Case { seed, steps: 200, has_faults: true, burst: 4, filler: 500_000, max_bytes: 3_000_000 });
    }
}

#[test]
fn short_lines_fill_batches_to_their_number_and_no_further() {
    for seed in 0..40 {
        run(Case { seed, steps: 150, has_faults: seed % 2 == 0, burst: 9_000, filler: 3, max_bytes: 3_000_000 });
    }
}

#[test]
fn one_world_again() {
    run(small(0, true));
}

/// Requests within an hour in which every request to twenty streams with much to send fails as `error` says.
fn requests_in_an_hour_of(error: &SendError) -> u32 {
    let settings = Settings { interval: Duration::from_secs(5), concurrency: 4, max_bytes: 1_000 };
    let mut pipeline = Pipeline::new(settings, vec![Treatment::default()]);
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut requests, mut now) = (0, Monotonic(0));
    let ids: Vec<_> = (0..20).map(|number| (FileId(number), StreamId(u32::try_from(number).unwrap()))).collect();
    ids.iter().for_each(|(file, stream)| pipeline.follow(*file, *stream, 0));
    while now < Monotonic(3_600_000) {
        for (file, _) in &ids {
            if pipeline.may_read(*file, now) {
                pipeline.push(*file, Block::of(b"a line\n"), now);
            }
        }
        let batches: Vec<_> = std::iter::from_fn(|| pipeline.take(now)).collect();
        for batch in batches {
            requests += 1;
            pipeline.outcome(batch, Err(error.clone()), now, Chance(rng.f64()));
        }
        assert!(pipeline.counts().waiting_bytes < 2_000);
        now = now.after(Duration::from_millis(100));
    }
    requests
}

#[test]
fn an_hour_of_outage_costs_a_handful_of_requests_a_minute_however_many_streams_there_are() {
    let requests = requests_in_an_hour_of(&SendError::Unreachable { detail: String::new() });
    assert!((120..60 * 6).contains(&requests), "{requests} requests");
}

#[test]
fn a_stream_that_is_not_permitted_is_tried_every_few_minutes() {
    let requests = requests_in_an_hour_of(&SendError::Forbidden { detail: String::new() });
    assert!((20 * 12..20 * 30).contains(&requests), "{requests} requests for 20 streams");
}
