//! The real program signs in to Cognito, as a device does: with a configuration, a password in it, and nothing else.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use cloudwatch_publisher::local::{Endpoint, Operation, PoolIds, PoolSetup};
use serde_json::json;

use crate::scene::{Agent, GROUP, PATIENCE, Scene, Written, poll, wait_until};

const USER: &str = "test-agent";
const PASSWORD: &str = "Kept9!between_the-2of+us*XyZ~012";
const GROUP_OF_USER: &str = "/test/agent/test-agent";

/// A scene whose agent has to sign in, and its pool.
fn scene() -> (Scene, PoolIds) {
    let mut scene = Scene::new(&["app.log"]);
    let pool = scene.endpoint.add_user_pool(&PoolSetup { server_side_check: true, ..PoolSetup::default() });
    scene.endpoint.add_user(&pool, USER, PASSWORD);
    // What the role of the stack allows: its own group, and nothing else.
    scene.endpoint.set_up_cognito(|cognito| cognito.isolation = vec![GROUP.to_owned()]);
    scene.set("/agent/authentication", authentication(&pool, PASSWORD));
    scene.set("/logs/log_group_name", format!("{GROUP}/{{instance_id}}"));
    (scene, pool)
}

fn authentication(pool: &PoolIds, password: &str) -> serde_json::Value {
    json!({
        "accountId": "123456789012",
        "userPoolId": pool.user_pool,
        "identityPoolId": pool.identity_pool,
        "appClientId": pool.client,
        "password": password,
    })
}

/// Starts the agent with nothing in its environment that could sign in for it.
fn start(scene: &Scene) -> Agent {
    let mut command = scene.program(&["run"]);
    command.arg(scene.config());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    scene.spawn(command)
}

fn asked(endpoint: &Endpoint, operation: Operation) -> u64 {
    endpoint.counts().requests_to(operation)
}

fn wait_for(scene: &Scene, count: u64) {
    let taken = || scene.endpoint.taken(GROUP_OF_USER, "app.log");
    let enough = poll(PATIENCE, || (taken() >= count).then_some(()));
    assert!(enough.is_some(), "{} of {count} records came; the agent says\n{}", taken(), scene.own_log());
}

#[test]
fn the_predecessors_configuration_signs_in_delivers_and_gives_no_secret_away() {
    let (mut scene, pool) = scene();
    scene.set("/agent/debug", true);
    let mut app = Written::open(&scene, "app.log");
    app.lines(100);
    let agent = start(&scene);
    wait_for(&scene, 100);
    wait_until("samples came", PATIENCE, || scene.endpoint.counts().datums >= 13);

    // The password is read at the start and proved at the sign-in; after that it is nowhere.
    match memory_holds(agent.pid(), PASSWORD.as_bytes()) {
        Some(found) => assert!(!found, "the password is still in the agent's memory"),
        None => eprintln!("skipped: looking into the agent's memory needs root"),
    }
    let identity = pool.identity_pool.as_bytes();
    assert!(memory_holds(agent.pid(), identity) != Some(false), "what is in memory is not found");
    agent.stop();
    let mut written = scene.own_log();
    for file in ["state/state.redb", "state/lock"] {
        written.push_str(&String::from_utf8_lossy(&fs::read(scene.path(file)).unwrap_or_default()));
    }
    assert!(written.contains("signed in"), "{written}");
    for secret in [PASSWORD, "eyJ"] {
        assert!(!written.contains(secret), "{secret} was written down");
    }
}

#[test]
fn after_a_restart_the_identity_is_known_and_nothing_comes_twice() {
    let (scene, _) = scene();
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = start(&scene);
    wait_for(&scene, 10);
    agent.stop();
    app.lines(10);
    let agent = start(&scene);
    wait_for(&scene, 20);
    agent.stop();
    assert_eq!(asked(&scene.endpoint, Operation::InitiateAuth), 2);
    assert_eq!(asked(&scene.endpoint, Operation::GetId), 1, "the identity was not kept");
    assert_eq!(scene.endpoint.taken(GROUP_OF_USER, "app.log"), 20);
}

#[test]
fn a_wrong_password_is_said_once_tried_rarely_and_mended_without_a_restart() {
    let (mut scene, pool) = scene();
    scene.set("/agent/authentication", authentication(&pool, "wrong"));
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = start(&scene);
    wait_until("the agent says what is wrong", PATIENCE, || scene.own_log().contains("cannot sign in"));
    // Long enough for an agent that hammers.
    std::thread::sleep(Duration::from_secs(5));
    let said = scene.own_log();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("cannot sign in")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains(USER) && lines[0].contains("provision rotate"), "{}", lines[0]);
    assert_eq!(asked(&scene.endpoint, Operation::RespondToAuthChallenge), 1, "Cognito locks after five");

    scene.set("/agent/authentication", authentication(&pool, PASSWORD));
    scene.config();
    wait_for(&scene, 10);
    agent.stop();
    assert!(scene.own_log().contains("signed in again"), "{}", scene.own_log());
    assert_eq!(scene.endpoint.taken(GROUP_OF_USER, "app.log"), 10);
}

#[test]
fn with_cognito_down_at_the_start_everything_is_sent_once_it_is_back() {
    let (scene, _) = scene();
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    scene.endpoint.go_offline();
    let agent = start(&scene);
    wait_until("the agent says that it cannot sign in", PATIENCE, || scene.own_log().contains("cannot sign in"));
    app.lines(10);
    scene.endpoint.go_online();
    wait_for(&scene, 20);
    agent.stop();
    assert_eq!(scene.endpoint.taken(GROUP_OF_USER, "app.log"), 20);
}

#[test]
fn short_lived_credentials_are_renewed_under_way_and_nothing_is_refused() {
    let (scene, _) = scene();
    // Renewed a twelfth of it before the end, at the latest: time enough for a machine that is busy.
    scene.endpoint.set_up_cognito(|cognito| cognito.credential_lifetime = Duration::from_secs(18));
    let mut app = Written::open(&scene, "app.log");
    let agent = start(&scene);
    let mut written = 0;
    wait_until("the credentials were renewed", PATIENCE, || {
        app.lines(10);
        written += 10;
        wait_for(&scene, written);
        asked(&scene.endpoint, Operation::GetCredentialsForIdentity) >= 2
    });
    app.lines(10);
    wait_for(&scene, written + 10);
    agent.stop();
    assert_eq!(asked(&scene.endpoint, Operation::InitiateAuth), 1, "the password was used again");
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn a_clock_that_is_a_day_off_signs_in_and_records_get_the_endpoints_time() {
    for ahead_ms in [86_400_000, -86_400_000] {
        let (scene, _) = scene();
        scene.endpoint.misbehave(cloudwatch_publisher::local::Fault::ClockAhead(ahead_ms), None);
        let mut app = Written::open(&scene, "app.log");
        app.lines(10);
        let agent = start(&scene);
        wait_for(&scene, 10);
        agent.stop();
        let now = crate::scene::now_ms() + ahead_ms;
        for (at, text) in scene.endpoint.events(GROUP_OF_USER, "app.log") {
            assert!((at - now).abs() < 120_000, "{text} has a time {} s off", (at - now) / 1000);
        }
    }
}

#[test]
fn a_rotated_password_ends_the_session_and_the_new_one_is_taken_up_from_the_configuration() {
    let (mut scene, pool) = scene();
    scene.endpoint.set_up_cognito(|cognito| cognito.credential_lifetime = Duration::from_secs(4));
    scene.set("/agent/authentication", authentication(&pool, PASSWORD));
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = start(&scene);
    wait_for(&scene, 10);
    // `provision rotate`: another password, and every token ended.
    scene.endpoint.set_user_password(&pool, USER, "Another9!password_of-the+same*len");
    sign_out(&scene.endpoint, &pool);
    wait_until("the agent says that it cannot sign in", PATIENCE, || scene.own_log().contains("cannot sign in"));
    app.lines(10);
    scene.set("/agent/authentication", authentication(&pool, "Another9!password_of-the+same*len"));
    scene.config();
    wait_for(&scene, 20);
    agent.stop();
    assert_eq!(scene.endpoint.taken(GROUP_OF_USER, "app.log"), 20);
}

/// Ends every token of the user, as an administrator does.
fn sign_out(endpoint: &Endpoint, pool: &PoolIds) {
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_cognitoidentityprovider::config::Region::new("eu-west-1"))
        .endpoint_url(endpoint.url())
        .credentials_provider(aws_credential_types::Credentials::new("made-up", "made-up", None, None, "made up"));
    let client = aws_sdk_cognitoidentityprovider::Client::from_conf(config.build());
    let send = client.admin_user_global_sign_out().user_pool_id(&pool.user_pool).username(USER).send();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(send).unwrap();
}

/// Whether a process has `needle` in memory that it can write; none where that may not be looked at.
fn memory_holds(pid: u32, needle: &[u8]) -> Option<bool> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let writable = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw")));
    let found = writable.filter_map(|line| line.split(' ').next()?.split_once('-')).any(|(from, to)| {
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        let read = memory.read_at(&mut bytes, from).unwrap_or_default();
        memchr::memmem::find(&bytes[..read], needle).is_some()
    });
    Some(found)
}
