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
