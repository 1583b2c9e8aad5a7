//! The installer on a machine as its users have it: installed, restarted, upgraded from the Python publisher, removed.

use std::collections::BTreeSet;
use std::path::Path;

use cloudwatch_publisher::local::{PoolIds, PoolSetup};
use serde_json::{Value, json};

use crate::agent::PATIENCE;
use crate::machine::{Machine, Network, Said, until};
use crate::scene::{CONFIG, FILE, GROUP, HOME, JOURNAL, NAMESPACE, Scene, UNIT};

/// With everything that a shell, sed or JSON could make something else of.
const PASSWORD: &str = "a&b\\1/$HOME'\"|`x`%s!#é 12345678";
const SOURCES: &str = "/root/cloudwatch-publisher";
/// The name and the password of a machine of the Python publisher.
pub const OLD_ID: &str = "rpi-00000000abcdef12";
const OLD_PASSWORD: &str = "Old-P4ssword!of&the-Device_(x)==";
const LINK: &str = "/usr/local/bin/cloudwatch-publisher";

/// Puts what an archive holds where somebody would unpack it.
fn unpack(machine: &Machine) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("installers");
    machine.copy(
        env!("CARGO_BIN_EXE_cloudwatch-publisher").as_ref(),
        &format!("{SOURCES}/cloudwatch-publisher"),
        0o755,
    );
    machine.copy(&repository.join("install-linux.sh"), &format!("{SOURCES}/install-linux.sh"), 0o755);
    machine.copy(&repository.join("service").join(UNIT), &format!("{SOURCES}/service/{UNIT}"), 0o644);
}

/// Runs the installer with nobody at the terminal.
fn install(machine: &Machine, arguments: &str) -> Said {
    machine.attempt(&format!("{SOURCES}/install-linux.sh --unattended --wait {} {arguments}", PATIENCE.as_secs()))
}

/// A pool with the machine's user.
fn pool(scene: &Scene, setup: &PoolSetup, user: &str, password: &str) -> PoolIds {
    let pool = scene.endpoint.add_user_pool(setup);
    scene.endpoint.add_user(&pool, user, password);
    pool
}

/// All that an installation from nothing needs.
fn from_nothing(scene: &Scene) -> String {
    let pool = pool(scene, &PoolSetup::default(), "test-machine", PASSWORD);
    scene.machine.write("/root/password", &format!("{PASSWORD}\n"), 0o600);
    let journal = json!({"since": "boot", "format": "json", "log_stream_name": JOURNAL});
    let files = json!({"collect_list": [{"file_path": format!("/var/log/{FILE}"), "initial_position": "beginning"}]});
    let collected = json!({"files": files, "journal": journal});
    [
        format!("--region {} --account-id 123456789012 --user-pool-id {}", pool.region, pool.user_pool),
        format!("--identity-pool-id {} --app-client-id {}", pool.identity_pool, pool.client),
        "--password-file /root/password --template minimal --prefix test --serial machine".to_owned(),
        format!("--set agent.endpoint_override={}", scene.endpoint.url()),
        format!("--set logs.log_group_name={GROUP} --set metrics.namespace={NAMESPACE}"),
        "--set-json agent.metrics_collection_interval=2 --set-json metrics.force_flush_interval=1".to_owned(),
        format!("--set-json 'logs.logs_collected={collected}'"),
    ]
    .join(" ")
}

#[test]
fn what_was_installed_unattended_delivers_on_over_a_restart_and_nothing_is_lost_or_doubled() {
    let Some(mut scene) = Scene::bare("installed") else { return };
    unpack(&scene.machine);
    scene.machine.boot(Network::Shared);
    scene.machine.run("systemctl enable -q --now writer");
    let said = install(&scene.machine, &from_nothing(&scene));
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("done: test-machine delivers"), "{}", said.text);
    scene.wait_for_more(FILE, 20);
    scene.wait_for_more(JOURNAL, 20);
    scene.wait_for_samples();

    let again = install(&scene.machine, "");
    assert_eq!(again.code, 0, "a second time: {}", again.text);

    scene.machine.reboot(Network::Shared);
    scene.wait_for_more(FILE, 60);
    scene.wait_for_more(JOURNAL, 60);
    scene.wait_for_samples();
    scene.machine.run("systemctl stop writer && journalctl --sync");
    scene.assert_exactly(FILE, &scene.written());
    let journaled = scene.journaled();
    assert!(journaled.len() > 80, "{} entries", journaled.len());
    until("all entries came", || writers_entries(&scene).len() >= journaled.len());
    assert_eq!(writers_entries(&scene), journaled);
    let entries = journal(&scene);
    assert!(entries.iter().any(|entry| entry["_SYSTEMD_UNIT"] == "writer.service"), "entries have their unit");
    let own: Vec<_> = entries.iter().filter(|entry| entry["_SYSTEMD_UNIT"] == UNIT).collect();
    assert!(own.is_empty(), "entries of its own: {own:?}");
    let password =
        scene.machine.run(&format!("grep -rlF '{}' {HOME} /etc /var/lib || true", PASSWORD.replace('\'', "'\\''")));
    assert_eq!(password, format!("{HOME}/etc/cognito-password"), "where the password is");
}

/// The journal as it came.
fn journal(scene: &Scene) -> Vec<Value> {
    scene.records(JOURNAL).iter().map(|record| serde_json::from_str(record).unwrap()).collect()
}

/// The texts of the writer's entries as they came.
fn writers_entries(scene: &Scene) -> Vec<String> {
    let entries = journal(scene).into_iter().filter(|entry| entry["SYSLOG_IDENTIFIER"] == "writer");
    entries.map(|entry| entry["MESSAGE"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn uninstalling_leaves_nothing_running_and_purging_nothing_at_all() {
    let Some(mut scene) = Scene::bare("removed") else { return };
    unpack(&scene.machine);
    scene.machine.boot(Network::Shared);
    let arguments = from_nothing(&scene);
    let before = everything(&scene.machine);
    let said = install(&scene.machine, &arguments);
    assert_eq!(said.code, 0, "{}", said.text);
    assert_ne!(everything(&scene.machine), before, "what is installed is seen");

    let removed = install(&scene.machine, "--uninstall");
    assert_eq!(removed.code, 0, "{}", removed.text);
    let units = scene.machine.run("systemctl list-units --all --no-legend; systemctl list-unit-files --no-legend");
    assert!(!units.contains(UNIT), "{units}");
    assert_eq!(scene.machine.attempt("pgrep -u cloudwatch-publisher").code, 1, "nothing of it runs");
    assert!(scene.machine.path(CONFIG).exists(), "the configuration stays");
    assert!(!scene.machine.path(LINK).is_symlink());

    let back = install(&scene.machine, "");
    assert_eq!(back.code, 0, "with what stayed it is there again: {}", back.text);
    let purged = install(&scene.machine, "--uninstall --purge");
    assert_eq!(purged.code, 0, "{}", purged.text);
    let after = everything(&scene.machine);
    let left: Vec<_> = after.difference(&before).collect();
    let gone: Vec<_> = before.difference(&after).collect();
    assert!(left.is_empty() && gone.is_empty(), "left behind: {left:#?}\ntaken away: {gone:#?}");
}

/// Every file of a machine with its rights, and every user and group, but for what a machine writes by itself.
fn everything(machine: &Machine) -> BTreeSet<String> {
    let files = "find / -xdev \\( -path /var/log/journal -o -path /var/tmp -o -path /root/password -o -path /var/log/writer.log \\) -prune -o -printf '%p %M %u:%g\\n'";
    let said = machine.run(&format!("{files}; cat /etc/passwd /etc/group; systemctl list-unit-files --no-legend"));
    // systemd gives each service that asks for them folders of random names.
    said.lines().filter(|line| !line.contains("systemd-private-")).map(str::to_owned).collect()
}

/// A pool as the Python publisher had it.
pub fn old_pool(scene: &Scene) -> PoolIds {
    let flows = vec!["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    pool(scene, &PoolSetup { flows, ..PoolSetup::default() }, OLD_ID, OLD_PASSWORD)
}

/// The Python publisher as its installer left it, running; `instance` names the machine, `endpoint` is where its successor sends.
pub fn install_predecessor(scene: &Scene, pool: &PoolIds, instance: &Value, endpoint: Option<String>) -> Value {
    let machine = &scene.machine;
    // Nothing of the original but what is known of it: a script of Python's, a user of its own, a group that Debian lacks.
    let program = "#!/usr/bin/env python3\nimport signal\nsignal.pause()\n";
    let unit = format!(
        "[Unit]\nDescription=The publisher in Python\n\n[Service]\nUser=cwpublisher\nGroup=wheel\n\
         ExecStart={HOME}/bin/amazon-cloudwatch-publisher\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    let mut config = json!({
        "agent": {
            "instance": instance,
            "authentication": {
                "accountId": "123456789012", "userPoolId": pool.user_pool, "identityPoolId": pool.identity_pool,
                "appClientId": pool.client, "password": OLD_PASSWORD,
            },
            "region": pool.region, "metrics_collection_interval": 2, "logs_collection_interval": 1,
            "logfile": format!("{HOME}/logs/amazon-cloudwatch-publisher.log"), "debug": false,
        },
        "metrics": {"namespace": NAMESPACE},
        "logs": {
            "logs_collected": {
                "files": {"collect_list": [{"file_path": format!("/var/log/{FILE}")}]},
                "journal": {"collect": true, "include_patterns": ["Accepted public key for"]},
            },
            "log_group_name": "/system/rpi/{instance_id}", "retention_in_days": 7,
        },
    });
    if let Some(endpoint) = endpoint {
        config["agent"]["endpoint_override"] = endpoint.into();
    }
    machine.write("/etc/serial", "Serial : 00000000ABCDEF12\n", 0o600);
    machine.write("/etc/sudoers.d/publisher", "cwpublisher ALL=(root) NOPASSWD: ALL\n", 0o440);
    machine.write(&format!("{HOME}/bin/amazon-cloudwatch-publisher"), program, 0o700);
    machine.write(CONFIG, &serde_json::to_string_pretty(&config).unwrap(), 0o600);
    machine.write(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log"), "written by the predecessor\n", 0o600);
    machine.write(&format!("/etc/systemd/system/{UNIT}"), &unit, 0o644);
    machine.run("groupadd wheel && useradd -g wheel -s /sbin/nologin cwpublisher");
    // What its installer ends with.
    machine.run(&format!("chown -R cwpublisher: {HOME} && chmod -R u+rwX,g-rwx,o-rwx {HOME}"));
    machine.run(&format!("systemctl daemon-reload && systemctl enable -q --now {UNIT}"));
    config
}

#[test]
fn the_python_publisher_is_replaced_and_its_machine_keeps_its_name_and_configuration() {
    let Some(mut scene) = Scene::bare("upgraded") else { return };
    unpack(&scene.machine);
    scene.machine.boot(Network::Shared);
    scene.machine.run("systemctl enable -q --now writer");
    let pool = old_pool(&scene);
    // Only root may read its serial number.
    let instance = json!({"prefix": "rpi", "command": "sudo -n cat /etc/serial | awk '{print $NF}'"});
    let old = install_predecessor(&scene, &pool, &instance, None);
    assert_eq!(scene.property("ActiveState"), "active");

    let said = install(&scene.machine, &format!("--set agent.endpoint_override={}", scene.endpoint.url()));
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(said.text.contains("done: rpi-00000000abcdef12 delivers"), "{}", said.text);
    let group = "/system/rpi/rpi-00000000abcdef12";
    until("records came", || scene.endpoint.taken(group, FILE) > 20);
    until("samples came", || scene.metric("CPUCount").is_some());
    assert_eq!(scene.metric("CPUCount").unwrap().dimension("InstanceId"), Some("rpi-00000000abcdef12"));
    assert_eq!(scene.endpoint.retention(group), Some(7));

    let mut new: Value = serde_json::from_str(&scene.machine.read(CONFIG)).unwrap();
    let agent = new["agent"].as_object_mut().unwrap();
    assert_eq!(agent.remove("endpoint_override"), Some(json!(scene.endpoint.url())));
    let serial = agent["instance"].as_object_mut().unwrap().remove("serial");
    assert_eq!(serial, Some(json!("00000000abcdef12")), "what only root can find out is stored");
    assert_eq!(new, old, "everything else is as it was");

    assert_eq!(scene.property("User"), "cloudwatch-publisher");
    assert_eq!(scene.property("Type"), "notify");
    let rights = scene.machine.run(&format!("stat -c '%a %U:%G' {HOME} {HOME}/bin"));
    assert_eq!(rights, "755 root:root\n755 root:root", "they were its user's alone");
    assert_eq!(scene.machine.attempt("pgrep -u cwpublisher").code, 1, "the old one does not run any more");
    assert!(
        scene.machine.path(&format!("{HOME}/bin/amazon-cloudwatch-publisher")).exists(),
        "its Python is left alone"
    );
    let log = scene.machine.read(&format!("{HOME}/logs/amazon-cloudwatch-publisher.log"));
    assert!(log.starts_with("written by the predecessor\n") && log.lines().count() > 1, "its log goes on: {log}");

    scene.machine.reboot(Network::Shared);
    let before = scene.endpoint.taken(group, FILE);
    until("it delivers after a restart", || scene.endpoint.taken(group, FILE) > before + 20);
}
