//! The daemon as a service: what the service manager hears, and what `status` and the own log tell.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use cloudwatch_publisher::local::Fault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::scene::{PATIENCE, Scene, Written, poll, wait_until};

/// The service manager: what it was told, in order.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn new(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, told: Vec::new() }
    }

    fn hear(&mut self) {
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            self.told.push(String::from_utf8_lossy(&message[..length]).into_owned());
        }
    }

    /// Waits for a message that begins like `wanted`; how many there are of it.
    fn wait_for(&mut self, wanted: &str, limit: Duration) -> usize {
        let count = |told: &[String]| told.iter().filter(|told| told.starts_with(wanted)).count();
        let found = poll(limit, || {
            self.hear();
            Some(count(&self.told)).filter(|count| *count > 0)
        });
        found.unwrap_or_else(|| panic!("`{wanted}` was not told: {:#?}", self.told))
    }

    /// Where a message that begins like `wanted` came first.
    fn place(&self, wanted: &str) -> usize {
        self.told.iter().position(|told| told.starts_with(wanted)).unwrap()
    }
}

fn ask(scene: &Scene, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = scene.program(arguments).arg(scene.path("config.json")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

fn signal(agent: &crate::scene::Agent, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(agent.pid()).unwrap()).unwrap(), signal).unwrap();
}

fn is_waiting_for_the_id(scene: &Scene) -> bool {
    ask(scene, &["status"]).1.contains("waiting for the instance id")
}

#[test]
fn the_service_manager_hears_that_it_is_ready_alive_reloading_and_stopping_in_that_order() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    let mut app = Written::open(&scene, "app.log");
    let mut manager = Manager::new(&scene.path("notify"));
    let mut command = scene.program(&["run"]);
    command.arg(scene.config()).env("NOTIFY_SOCKET", scene.path("notify")).env("WATCHDOG_USEC", "4000000");
    let mut agent = scene.spawn(command);
    app.lines(3);
    manager.wait_for("READY=1", PATIENCE);
    manager.wait_for("STATUS=delivering: ", PATIENCE);
    manager.wait_for("WATCHDOG=1", PATIENCE);
    assert!(manager.place("READY=1") < manager.place("STATUS=delivering"));

    // Stopped it gives no sign of life; let go on it does again.
    signal(&agent, Signal::STOP);
    manager.hear();
    manager.told.clear();
    std::thread::sleep(Duration::from_secs(3));
    manager.hear();
    assert_eq!(manager.told, Vec::<String>::new(), "it spoke while it was stopped");
    signal(&agent, Signal::CONT);
    manager.wait_for("WATCHDOG=1", PATIENCE);

    signal(&agent, Signal::HUP);
    manager.wait_for("RELOADING=1\nMONOTONIC_USEC=", PATIENCE);
    manager.wait_for("READY=1", PATIENCE);
    assert!(manager.place("RELOADING=1") < manager.place("READY=1"));

    agent.terminate();
    let (status, _) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    manager.wait_for("STOPPING=1", PATIENCE);
    assert!(!scene.path("state/control").exists(), "the control socket is still there");
}

#[test]
fn no_child_hears_of_the_service_manager() {
    let mut scene = Scene::new(&["app.log"]);
    let seen = scene.path("seen");
    scene.set("/agent/instance", json!({"command": format!("env > {}; echo it", seen.display())}));
    let mut manager = Manager::new(&scene.path("notify"));
    let mut command = scene.program(&["run"]);
    command.arg(scene.config()).env("NOTIFY_SOCKET", scene.path("notify")).env("WATCHDOG_USEC", "60000000");
    let agent = scene.spawn(command);
    manager.wait_for("READY=1", PATIENCE);
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("HOME=") && !seen.contains("NOTIFY_SOCKET") && !seen.contains("WATCHDOG"), "{seen}");
    agent.stop();
}

#[test]
fn status_says_whether_it_delivers_and_if_not_why() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    let mut app = Written::open(&scene, "app.log");
    scene.config();
    let (code, said) = ask(&scene, &["status"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("no agent answers at") && said.contains("state/control"), "{said}");

    scene.endpoint.go_offline();
    let agent = scene.start();
    app.lines(100);
    wait_until("a failure is known", PATIENCE, || ask(&scene, &["status"]).1.starts_with("not delivering"));
    let (code, said) = ask(&scene, &["status", "--wait", "1"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("cannot be reached") && said.contains("wait"), "{said}");

    scene.endpoint.go_online();
    let (code, said) = ask(&scene, &["status", "--wait", "60"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("delivering: "), "{said}");
    for expected in ["version ", "test-agent", "config.json", "from 1 file", "answered"] {
        assert!(said.contains(expected), "`{expected}` is not in {said}");
    }
    scene.wait_for_exactly(&app);
    wait_until("the records are counted", PATIENCE, || {
        let figures: Value = serde_json::from_str(&ask(&scene, &["status", "--json"]).1).unwrap();
        assert_eq!(figures["delivering"], true);
        figures["status"]["records_sent"] == 100
    });
    agent.stop();
    assert_eq!(ask(&scene, &["status"]).0, Some(69));
}

#[test]
fn a_killed_agent_leaves_a_socket_that_the_next_one_replaces() {
    let scene = Scene::new(&["app.log"]);
    scene.config();
    let agent = scene.start();
    wait_until("the agent answers", PATIENCE, || ask(&scene, &["status", "--json"]).1.contains("\"pid\""));
    agent.kill();
    assert!(scene.path("state/control").exists());
    let (code, said) = ask(&scene, &["status"]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("no agent answers"), "{said}");
    let agent = scene.start();
    wait_until("the next one answers", PATIENCE, || ask(&scene, &["status", "--json"]).1.contains("\"pid\""));
    agent.stop();
}

#[test]
fn a_state_folder_too_long_for_a_socket_is_a_warning() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/state_directory", scene.path(&"long".repeat(30)).to_str().unwrap());
    let mut app = Written::open(&scene, "app.log");
    app.lines(1);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    assert!(scene.own_log().contains("cannot make the control socket"), "{}", scene.own_log());
    agent.stop();
}

#[test]
fn an_instance_command_that_fails_is_run_again_until_it_succeeds() {
    let mut scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    app.lines(5);
    let serial = scene.path("serial");
    scene.set("/agent/instance", json!({"prefix": "test", "command": format!("cat {}", serial.display())}));
    let mut manager = Manager::new(&scene.path("notify"));
    let mut command = scene.program(&["run"]);
    command.arg(scene.config()).env("NOTIFY_SOCKET", scene.path("notify"));
    let agent = scene.spawn(command);
    manager.wait_for("READY=1", PATIENCE);
    manager.wait_for("STATUS=waiting for the instance id: agent.instance.command `cat", PATIENCE);
    assert!(is_waiting_for_the_id(&scene));
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
    fs::write(&serial, "late\n").unwrap();
    scene.wait_for_exactly(&app);
    assert!(ask(&scene, &["status"]).1.contains("test-late"));
    assert_eq!(
        scene.own_log().matches("what names this machine is not known: nothing is published").count(),
        1,
        "{}",
        scene.own_log()
    );
    agent.stop();
}

#[test]
fn while_the_instance_command_fails_sigterm_ends_it_and_a_reload_takes_another_command() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/instance", json!({"prefix": "test", "command": "exit 3"}));
    let mut agent = scene.start();
    wait_until("it waits for the id", PATIENCE, || is_waiting_for_the_id(&scene));
    agent.terminate();
    let (status, took) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(3), "SIGTERM took {took:?}");

    let agent = scene.start();
    wait_until("it waits for the id", PATIENCE, || is_waiting_for_the_id(&scene));
    scene.set("/agent/instance", json!({"prefix": "test", "command": "exit 4"}));
    scene.config();
    let (code, said) = ask(&scene, &["reload"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("exit code 4") && said.contains("has taken the file over"), "{said}");
    scene.set("/agent/regoin", "eu-west-1");
    scene.config();
    assert!(ask(&scene, &["reload"]).1.contains("nothing was changed"));
    wait_until("the refusal is told", PATIENCE, || ask(&scene, &["status"]).1.contains("reload was refused"));
    scene.unset("/agent/regoin");
    scene.set("/agent/debug", true);
    scene.config();
    assert_eq!(ask(&scene, &["reload"]).0, Some(78));
    let said = ask(&scene, &["status"]).1;
    assert!(said.contains("exit code 4") && !said.contains("reload was refused"), "{said}");
    scene.set("/agent/instance", json!({"prefix": "test", "command": "echo now"}));
    scene.config();
    let (code, said) = ask(&scene, &["reload"]);
    assert_eq!(code, Some(0), "{said}");
    let mut app = Written::open(&scene, "app.log");
    app.lines(5);
    scene.wait_for_exactly(&app);
    assert!(scene.own_log().contains("DEBUG"), "debugging, which came while there was no id");
    agent.stop();
}

#[test]
fn a_logfile_that_cannot_be_written_is_a_warning_and_the_agent_delivers() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("plain"), "").unwrap();
    scene.set("/agent/logfile", scene.path("plain/own.log").to_str().unwrap());
    let mut app = Written::open(&scene, "app.log");
    app.lines(1);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
    assert!(scene.own_log().contains("cannot write the own log's file"), "{}", scene.own_log());
}

#[test]
fn a_sign_in_that_fails_is_the_reason_that_status_gives() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave(Fault::Code { code: "UnrecognizedClientException", status: 400 }, None);
    let agent = scene.start();
    wait_until("the refusal is known", PATIENCE, || {
        let (code, said) = ask(&scene, &["status"]);
        code == Some(69) && said.starts_with("not delivering")
    });
    agent.stop();
}

/// Starts a journal of its own in a mount namespace, has the program (`"$@"`) log to it until a line says that records were not taken,
/// ends it, and prints the entries.
const WITH_A_JOURNAL: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nReadKMsg=no\nRateLimitIntervalSec=0\n' >/run/systemd/journald.conf.d/test.conf
/lib/systemd/systemd-journald 2>/dev/null & journald=$!
until [ -S /run/systemd/journal/socket ] && [ -S /run/systemd/journal/stdout ]; do sleep .1; done
systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); export JOURNAL_STREAM; exec "$@"' - "$@" & agent=$!
for _ in $(seq 300); do
    journalctl --sync
    journalctl -q -t cloudwatch-publisher | grep -q 'records were not taken' && break
    sleep .2
done
kill $agent
wait $agent || true
journalctl --sync
journalctl -q -o json --all
kill $journald
wait $journald || true
"#;

/// Whether this machine can have a journal in a test; says so where it cannot.
fn has_journal() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    let is_there = is_root && Path::new("/lib/systemd/systemd-journald").exists();
    assert!(is_there || std::env::var_os("CI").is_none(), "no systemd-journald, and CI does without no test");
    if !is_there {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: no systemd-journald, or not root\n");
    }
    is_there
}

#[test]
fn under_systemd_the_own_log_goes_to_the_journal_with_priorities_and_facts_as_fields() {
    if !has_journal() {
        return;
    }
    let mut scene = Scene::new(&["app.log"]);
    scene.unset("/agent/logfile");
    scene.set("/agent/debug", true);
    scene.endpoint.misbehave(Fault::Code { code: "InvalidParameterException", status: 400 }, None);
    let mut app = Written::open(&scene, "app.log");
    app.lines(1);
    let program = scene.program(&["run"]);
    let mut unshare = scene.program(&[]);
    unshare = {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--fork", "bash", "-c", WITH_A_JOURNAL, "-"]).arg(program.get_program()).arg("run");
        command.arg(scene.config()).env_clear();
        command.envs(unshare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    };
    let output = unshare.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let entries: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let entry = |message: &str| {
        let found =
            entries.iter().find(|entry| entry["MESSAGE"].as_str().is_some_and(|text| text.starts_with(message)));
        found.unwrap_or_else(|| panic!("no `{message}` in {said}{}", String::from_utf8_lossy(&output.stderr)))
    };
    let path = scene.path("app.log").display().to_string();
    let following = entry("following a file path=");
    assert_eq!((&following["PRIORITY"], &following["PATH"]), (&json!("5"), &json!(path)));
    assert_eq!(following["SYSLOG_IDENTIFIER"], "cloudwatch-publisher");
    let failed = entry("records were not taken stream=");
    assert_eq!((&failed["PRIORITY"], &failed["CAUSE"]), (&json!("4"), &json!("refused")));
    assert_eq!(entry("sending ")["PRIORITY"], "6");
}
