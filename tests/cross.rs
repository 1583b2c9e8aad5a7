//! The agent that was built for another machine, under emulation: what differs there is the size of a word, the processor's
//! instructions below TLS and signatures, and what the system calls are.
//!
//! `just cross-test` builds it and names it in `CROSS_TARGET`. The rule that is easy to break: a run without it skips these
//! tests with a line that says so, but never where `CI` is set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "reach/authority.rs"]
#[allow(dead_code, reason = "devices' certificates are for the tests of AWS IoT")]
mod authority;
#[path = "support/agent.rs"]
#[allow(dead_code, reason = "what is tried under emulation is a part of what is tried without")]
mod scene;
#[path = "reach/server.rs"]
#[allow(dead_code, reason = "here it only passes on")]
mod server;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::{env, fs};

use cloudwatch_publisher::local::PoolSetup;
use serde_json::json;

use authority::{Authority, NOW};
use scene::{Agent, GROUP, PATIENCE, Scene, Written, wait_until};
use server::{Answer, Asked, Server};

const USER: &str = "test-agent";
const PASSWORD: &str = "Kept9!between_the-2of+us*XyZ~012";

/// The words that run the program that was built; none where there is none, which has been said then.
///
/// # Panics
/// Where there is none and `CI` is set, and where `CROSS_TARGET` names what was not built.
fn program() -> Option<Vec<OsString>> {
    let Some(target) = env::var_os("CROSS_TARGET") else {
        assert!(env::var_os("CI").is_none(), "CROSS_TARGET is not set, and CI does without no test");
        // Not `println!`: of a test that passes the harness swallows that.
        let _ =
            io::stderr().write_all(b"skipped: CROSS_TARGET names no build for another machine: `just cross-test`\n");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/cross");
    let output = Command::new(script).arg("runner").arg(target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(OsString::from).collect())
}

fn scene(words: &[OsString]) -> Scene {
    let mut scene = Scene::new(&["app.log"]);
    scene.take_program(words.to_vec());
    scene.set("/agent/metrics_collection_interval", 1);
    scene
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn it_says_its_version_and_judges_a_configuration() {
    let Some(words) = program() else { return };
    let mut scene = scene(&words);
    let output = scene.program(&["--version"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(said(&output).trim(), concat!("cloudwatch-publisher ", env!("CARGO_PKG_VERSION")));

    let check = |scene: &Scene| scene.program(&["check"]).arg(scene.config()).output().unwrap();
    let output = check(&scene);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("test-agent"), "{}", said(&output));
    scene.set("/logs/retention_in_days", 10);
    let output = check(&scene);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("nearest are 7 and 14"), "{}", said(&output));
}

#[test]
fn lines_and_metrics_arrive_once_over_sigterm_sigkill_and_a_rotation() {
    let Some(words) = program() else { return };
    let scene = scene(&words);
    let mut app = Written::open(&scene, "app.log");
    app.lines(1_000);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    wait_for_metrics(&scene);
    agent.stop();

    // The positions are read back from the store.
    app.rotate("app.log.1");
    app.lines(1_000);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.kill();
    app.lines(10);
    let agent = scene.start();
    scene.wait_for_all(&app, PATIENCE);
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
}

/// Waits for three samples of each metric, and proves that they are those of a machine that runs.
fn wait_for_metrics(scene: &Scene) {
    wait_until("three samples of each metric came", PATIENCE, || {
        let series = scene.endpoint.metrics();
        series.len() >= 13 && series.iter().all(|series| series.points.len() >= 3)
    });
    let series = scene.endpoint.metrics();
    let names: BTreeSet<&str> = series.iter().map(|series| series.name.as_str()).collect();
    assert_eq!(names.len(), 13, "{names:?}");
    let least = |name: &str| {
        let found = series.iter().find(|series| series.name == name).unwrap();
        found.points.iter().map(|point| point.minimum).fold(f64::INFINITY, f64::min)
    };
    for name in ["CPUCount", "MemoryAvailable", "MemoryUsed", "MemoryUtilization"] {
        assert!(least(name) > 0.0, "{name} is {}", least(name));
    }
}

#[test]
fn a_device_signs_in_with_its_password_and_delivers_over_tls() {
    let Some(words) = program() else { return };
    let mut scene = scene(&words);
    let authority = Authority::new("a network's own");
    let front = front(&scene, &authority);
    fs::write(scene.path("ca.pem"), &authority.pem).unwrap();
    let bundle = scene.path("ca.pem");
    scene.set("/agent/ca_bundle", bundle.to_str().unwrap());
    scene.set("/agent/endpoint_override", format!("https://localhost:{}", front.address.port()));

    let pool = scene.endpoint.add_user_pool(&PoolSetup { server_side_check: true, ..PoolSetup::default() });
    scene.endpoint.add_user(&pool, USER, PASSWORD);
    let authentication = json!({
        "accountId": "123456789012",
        "userPoolId": pool.user_pool,
        "identityPoolId": pool.identity_pool,
        "appClientId": pool.client,
        "password": PASSWORD,
    });
    scene.set("/agent/authentication", authentication);
    let mut app = Written::open(&scene, "app.log");
    app.lines(100);
    let agent = start_without_credentials(&scene);
    scene.wait_for_exactly(&app);
    agent.stop();
    assert!(scene.own_log().contains("signed in"), "{}", scene.own_log());
    assert!(front.asked().len() > 5, "it went another way");
    assert_eq!(scene.endpoint.events(GROUP, "app.log").len(), 100);
}

fn start_without_credentials(scene: &Scene) -> Agent {
    let mut command = scene.program(&["run"]);
    command.arg(scene.config());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
        command.env_remove(name);
    }
    scene.spawn(command)
}

/// A server with TLS that passes every request on to the scene's endpoint.
fn front(scene: &Scene, authority: &Authority) -> Server {
    let address = scene.endpoint.url().trim_start_matches("http://").to_owned();
    let identity = authority.server(&["localhost"], NOW);
    Server::tls(&identity, None, move |asked| pass_on(&address, asked).unwrap())
}

fn pass_on(address: &str, asked: &Asked) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    let mut head = format!("{} HTTP/1.1\r\nconnection: close\r\n", asked.line);
    for (name, value) in asked.headers.iter().filter(|(name, _)| *name != "connection") {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    stream.write_all(&asked.body)?;
    let head = server::head(&mut stream)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut body = Vec::new();
    stream.read_to_end(&mut body)?;
    let mut answer = Answer::new(status, body);
    let told = server::headers(&head);
    for name in ["content-type", "x-amzn-errortype", "date", "retry-after"] {
        if let Some(value) = told.get(name) {
            answer = answer.with(name, value);
        }
    }
    Ok(answer)
}
