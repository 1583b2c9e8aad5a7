//! The command line through the real program: exit codes, messages, and `local`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::scene::{PATIENCE, Scene, Written, poll, wait_until};

fn run(scene: &Scene, command: &str) -> Output {
    scene.program(&[command]).arg(scene.config()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_second_agent_on_the_same_state_ends_with_75_and_says_why() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let mut first = scene.start();
    app.lines(1);
    scene.wait_for_exactly(&app);
    let output = run(&scene, "run");
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains(&scene.path("state").display().to_string()), "which folder? {said}");
    assert!(said.contains(&first.pid().to_string()), "held by whom? {said}");
    assert!(first.is_running());
    app.lines(10);
    scene.wait_for_exactly(&app);
    first.stop();
}

#[test]
fn without_a_configuration_it_ends_with_78_and_names_the_path() {
    let scene = Scene::new(&[]);
    for command in ["run", "check"] {
        let output = scene.program(&[command, "/nowhere/at/all.json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{command}");
        assert!(stderr(&output).contains("/nowhere/at/all.json"), "{command}: {}", stderr(&output));
    }
    let without_command = scene.program(&["/nowhere/at/all.json"]).output().unwrap();
    assert_eq!(without_command.status.code(), Some(78));
}

#[test]
fn a_state_folder_that_cannot_be_made_ends_with_77_and_is_named() {
    let mut scene = Scene::new(&["app.log"]);
    fs::write(scene.path("plain"), "a file").unwrap();
    scene.set("/agent/state_directory", scene.path("plain/state").to_str().unwrap());
    let output = run(&scene, "run");
    assert_eq!(output.status.code(), Some(77), "{}", stderr(&output));
    assert!(stderr(&output).contains("plain/state"), "{}", stderr(&output));
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    let scene = Scene::new(&[]);
    assert_eq!(scene.program(&["run", "--no-such-flag"]).output().unwrap().status.code(), Some(64));
    assert_eq!(scene.program(&["--help"]).output().unwrap().status.code(), Some(0));
    assert_eq!(scene.program(&["--version"]).output().unwrap().status.code(), Some(0));
}

#[test]
fn check_says_how_a_good_configuration_is_understood() {
    let scene = Scene::new(&["app.log"]);
    let output = run(&scene, "check");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    for expected in ["test-agent", crate::scene::GROUP, crate::scene::NAMESPACE, "app.log"] {
        assert!(said.contains(expected), "`{expected}` is not in:\n{said}");
    }
    assert!(!scene.path("state").exists() && !scene.path("agent.log").exists(), "check leaves traces");
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn check_and_run_name_every_problem_and_the_nearest_known_name() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/regoin", "eu-west-1");
    scene.set("/logs/retention_in_days", 10);
    for command in ["check", "run"] {
        let output = run(&scene, command);
        assert_eq!(output.status.code(), Some(78), "{command}");
        let said = stderr(&output);
        assert!(said.contains("agent.regoin") && said.contains("did you mean `region`?"), "{command}: {said}");
        assert!(said.contains("retention_in_days") && said.contains("10"), "{command}: {said}");
        assert_eq!(said.contains("nothing was started"), command == "run", "{command}: {said}");
        assert!(!scene.path("state").exists());
    }
}

#[test]
fn an_instance_command_that_fails_is_wrong_for_check_and_local() {
    let mut scene = Scene::new(&["app.log"]);
    for command in ["exit 3", "true", "printf 'a\\nb\\n'"] {
        scene.set("/agent/instance", serde_json::json!({"command": command}));
        for what in ["check", "local"] {
            let output = run(&scene, what);
            assert_eq!(output.status.code(), Some(78), "{command}: {}", stderr(&output));
            assert!(stderr(&output).contains("instance"), "{}", stderr(&output));
        }
    }
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn local_serves_its_page_and_leaves_the_configs_state_log_and_endpoint_alone() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    app.lines(1_000);
    fs::create_dir(scene.path("tmp")).unwrap();
    let mut command = scene.program(&["local", "--port", "0"]);
    command.arg(scene.config()).env("TMPDIR", scene.path("tmp")).stdout(Stdio::piped());
    let mut agent = scene.spawn(command);
    let mut line = String::new();
    let mut stdout = BufReader::new(agent.stdout());
    stdout.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    let page = get(&address, "/");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<html"), "{page}");

    // A quiet file shows its last lines at once, and then what is new.
    wait_until("the last lines are on the page", PATIENCE, || {
        get(&address, "/api/lines").contains("record 999 of app.log")
    });
    assert!(!get(&address, "/api/lines").contains("record 100 of app.log"), "the whole file was read");
    app.line("a line that is new");
    wait_until("a new line is on the page", PATIENCE, || get(&address, "/api/lines").contains("a line that is new"));
    let has_metrics = || get(&address, "/api/metrics").contains("CPUUtilization");
    wait_until("metrics are on the page", PATIENCE, has_metrics);

    agent.terminate();
    let (status, took) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took <= Duration::from_secs(11), "SIGTERM took {took:?}");
    assert!(!scene.path("state").exists(), "the config's state was used");
    assert!(!scene.path("agent.log").exists(), "the config's log was written");
    assert_eq!(scene.endpoint.counts().all_requests(), 0, "the config's endpoint was spoken to");
    let left: Vec<_> = fs::read_dir(scene.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "the temporary state is still there: {left:?}");
}

#[test]
fn local_takes_another_port_where_its_own_is_taken() {
    let scene = Scene::new(&[]);
    let taken = scene.endpoint.address().port().to_string();
    let mut command = scene.program(&["local", "--port", &taken]);
    let mut agent = scene.spawn({
        command.stdout(Stdio::piped());
        command
    });
    let mut line = String::new();
    BufReader::new(agent.stdout()).read_line(&mut line).unwrap();
    assert!(line.contains("http://127.0.0.1:") && !line.contains(&format!(":{taken} ")), "{line}");
    agent.terminate();
    assert_eq!(agent.wait(PATIENCE).0.code(), Some(0));
}

/// The whole answer to a GET.
fn get(address: &str, path: &str) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    poll(PATIENCE, || ask().ok()).unwrap_or_else(|| panic!("{address}{path} does not answer"))
}
