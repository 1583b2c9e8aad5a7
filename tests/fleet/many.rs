//! Ten thousand systems, and a Cognito that throttles.
//!
//! At Cognito's own rates this takes minutes, so both sides go twenty times as fast; what is printed at the end is what it would
//! be for a real account.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::{Category, Operation};

use crate::scene::Scene;

const SYSTEMS: usize = 10_000;
const TIMES: u32 = 20;
/// Of those that were made, so many are signed in.
const TRIED: usize = 100;

fn names() -> Vec<String> {
    (0..SYSTEMS).map(|number| format!("rpi-{number:05}")).collect()
}

fn throttle(scene: &Scene, share: f64) {
    let quota = |per_second: u32| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let scaled = (f64::from(per_second * TIMES) * share) as u32;
        scaled
    };
    let quotas: BTreeMap<_, _> = Category::OF_AWS.into_iter().map(|(category, each)| (category, quota(each))).collect();
    scene.endpoint.set_up_cognito(|settings| settings.quotas = quotas);
}

#[test]
fn ten_thousand_systems_are_provisioned_within_the_quotas_over_a_crash_in_the_middle() {
    let scene = Scene::new();
    throttle(&scene, 1.0);
    let list = scene.list(&names().join("\n"));
    let folder = scene.path("devices").display().to_string();
    let (creation, password) = ((50 * TIMES).to_string(), (30 * TIMES).to_string());
    let arguments =
        ["users", &list, "--output", &folder, "--json", "--creation-rate", &creation, "--password-rate", &password];
    let began = Instant::now();
    let mut child = scene.start(&arguments, &scene.path("results"));
    while scene.endpoint.users(&scene.pool.user_pool) < SYSTEMS / 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the middle");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let first = began.elapsed();
    let listed = scene.run(&["list"]).out;
    let (half_made, ready) = (listed.matches("half made").count(), listed.matches(" ready ").count());
    let began = Instant::now();
    let ran = scene.run(&arguments);
    let second = began.elapsed();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(scene.endpoint.users(&scene.pool.user_pool), SYSTEMS);
    for name in names().iter().step_by(SYSTEMS / TRIED) {
        scene.sign_in(name, &scene.written("devices", name).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let counts = scene.endpoint.counts();
    let set = counts.requests_to(Operation::AdminSetUserPassword);
    println!(
        "killed at {ready} ready, {half_made} half made, after {first:?}; the rest took {second:?}: {}",
        ran.err.trim()
    );
    println!("requests {:?}, refused {:?}, peaks {:?}", counts.requests, counts.refused, scene.endpoint.peaks());
    // Twenty times as fast, this machine is what takes time: `pace` says how long it is where Cognito alone is.
    println!(
        "at Cognito's own rates: 370 s by the pace, at the most {:.0} s",
        (first + second).as_secs_f64() * f64::from(TIMES)
    );
    assert!(half_made <= 32, "{half_made} half made");
    // Who was half made got the password of its file, at the most once more.
    assert!(set <= (SYSTEMS + 32) as u64 + refusals(&scene), "{set} passwords were set");
    // A machine that stood still for a moment may send what it owes in one second; as a rule nothing is refused.
    assert!(refusals(&scene) <= SYSTEMS as u64 / 100, "{} requests were over the quotas", refusals(&scene));
}

fn refusals(scene: &Scene) -> u64 {
    scene.endpoint.counts().refused.get("TooManyRequestsException").copied().unwrap_or_default()
}

#[test]
fn an_account_that_grants_half_of_what_was_hoped_loses_nobody() {
    let scene = Scene::new();
    throttle(&scene, 0.5);
    let systems = 2_000;
    let list = scene.list(&names()[..systems].join("\n"));
    let folder = scene.path("devices").display().to_string();
    let (creation, password) = ((50 * TIMES).to_string(), (30 * TIMES).to_string());
    let began = Instant::now();
    let ran =
        scene.run(&["users", &list, "--output", &folder, "--creation-rate", &creation, "--password-rate", &password]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(scene.endpoint.users(&scene.pool.user_pool), systems);
    for name in names()[..systems].iter().step_by(systems / 20) {
        scene.sign_in(name, &scene.written("devices", name).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let requests = scene.endpoint.counts().all_requests();
    println!(
        "{systems} systems at half the quota: {:?}, {requests} requests, {} throttled",
        began.elapsed(),
        refusals(&scene)
    );
    assert!(refusals(&scene) > 0, "nothing was throttled: nothing was proved");
    assert!(refusals(&scene) < requests / 4, "it slowed down too little");
}
