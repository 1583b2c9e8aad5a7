//! The agent on a machine, something that it reads, and the endpoint on this computer that it delivers to.

use cloudwatch_publisher::local::{Endpoint, Options, Series};
use serde_json::{Value, json};

use crate::agent::{PATIENCE, first_ones, poll};
use crate::machine::{Machine, Network};

pub const UNIT: &str = "amazon-cloudwatch-publisher.service";
pub const HOME: &str = "/opt/aws/amazon-cloudwatch-publisher";
pub const CONFIG: &str = "/opt/aws/amazon-cloudwatch-publisher/etc/amazon-cloudwatch-publisher.json";
pub const PROGRAM: &str = "/opt/aws/amazon-cloudwatch-publisher/bin/cloudwatch-publisher";
/// Where log records go, but for the part that is the instance's own.
pub const GROUP: &str = "/test/machine";
pub const NAMESPACE: &str = "Test/Machine";
/// The file that the writer writes, and the stream that comes of it.
pub const FILE: &str = "writer.log";
/// The stream of the journal.
pub const JOURNAL: &str = "journal";

/// Writes numbered lines to a file and, with the same text, to the journal, and goes on for a while after it was told to end.
const WRITER: &str = r#"#!/bin/bash
file=/var/log/writer.log
touch $file
number=$(wc -l <$file)
left=-1
trap 'left=20' TERM
while ((left != 0)); do
    ((left > 0)) && ((left -= 1))
    echo "line $number" >>$file
    echo "line $number"
    ((number += 1))
    sleep 0.05
done
"#;
/// It begins before the publisher and ends after it.
const WRITER_UNIT: &str = "[Unit]
Before=amazon-cloudwatch-publisher.service
[Service]
ExecStart=/usr/local/bin/writer
KillMode=process
[Install]
WantedBy=multi-user.target
";
/// Keys that the endpoint takes for ones of AWS, and a service that is not waited for.
const ENVIRONMENT: &str = "[Service]
RestartSec=1
Environment=AWS_ACCESS_KEY_ID=made-up AWS_SECRET_ACCESS_KEY=made-up-too AWS_EC2_METADATA_DISABLED=true
";

/// The agent's machine and its endpoint.
pub struct Scene {
    pub machine: Machine,
    pub endpoint: Endpoint,
    pub config: Value,
}

impl Scene {
    /// A machine that was not started yet, with a writer, and with nothing of the agent's; none where this computer cannot.
    pub fn bare(name: &str) -> Option<Self> {
        let machine = Machine::new(name)?;
        let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
        machine.write("/usr/local/bin/writer", WRITER, 0o755);
        machine.write("/etc/systemd/system/writer.service", WRITER_UNIT, 0o644);
        let config = json!({
            "agent": {
                "instance": {"prefix": "test", "serial": "machine"},
                "region": "eu-west-1",
                "metrics_collection_interval": 2,
                "logs_collection_interval": 1,
                "endpoint_override": endpoint.url(),
            },
            "metrics": {"namespace": NAMESPACE, "force_flush_interval": 1},
            "logs": {
                "log_group_name": GROUP,
                "logs_collected": {
                    "files": {"collect_list": [
                        {"file_path": format!("/var/log/{FILE}"), "initial_position": "beginning"},
                    ]},
                },
            },
        });
        Some(Self { machine, endpoint, config })
    }

    /// The same with the agent's files where they belong, as the installer would put them, and booted.
    pub fn booted(name: &str) -> Option<Self> {
        let mut scene = Self::bare(name)?;
        scene.place();
        scene.machine.boot(Network::Shared);
        Some(scene)
    }

    /// Puts the agent's files where the installer would.
    pub fn place(&self) {
        let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/installers/service/");
        let source = |name: &str| std::path::PathBuf::from(format!("{repository}{name}"));
        let machine = &self.machine;
        machine.copy(env!("CARGO_BIN_EXE_cloudwatch-publisher").as_ref(), PROGRAM, 0o755);
        machine.copy(&source(UNIT), &format!("/etc/systemd/system/{UNIT}"), 0o644);
        machine.copy(&source("sysusers.conf"), "/etc/sysusers.d/cloudwatch-publisher.conf", 0o644);
        self.drop_in("50-groups.conf", &std::fs::read_to_string(source("drop-ins/50-groups.conf")).unwrap());
        self.keys();
        self.configure();
    }

    /// Gives the agent keys to sign with.
    pub fn keys(&self) {
        self.drop_in("99-test.conf", ENVIRONMENT);
    }

    /// Writes the configuration.
    pub fn configure(&self) {
        self.machine.write(CONFIG, &format!("{:#}\n", self.config), 0o644);
    }

    /// Writes a drop-in of the unit.
    pub fn drop_in(&self, name: &str, text: &str) {
        self.machine.write(&format!("/etc/systemd/system/{UNIT}.d/{name}"), text, 0o644);
    }

    /// Sets a key of the configuration, by JSON pointer.
    pub fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.config.pointer_mut(parent).unwrap()[key] = value.into();
    }

    /// Starts the writer and the agent, now and at every boot.
    pub fn start(&self) {
        self.enable();
        self.machine.run(&format!("systemctl start writer && systemctl start {UNIT}"));
    }

    /// Has them start at every boot.
    pub fn enable(&self) {
        self.machine.run(&format!("systemd-sysusers && systemctl daemon-reload && systemctl enable -q writer {UNIT}"));
    }

    /// What the writer has written to its file.
    pub fn written(&self) -> Vec<String> {
        self.machine.read(&format!("/var/log/{FILE}")).lines().map(str::to_owned).collect()
    }

    /// What it has written to the journal.
    pub fn journaled(&self) -> Vec<String> {
        let entries = self.machine.journal(&["-u", "writer", "-t", "writer", "-o", "cat"]);
        entries.lines().map(str::to_owned).collect()
    }

    /// The records of a stream as they came.
    pub fn records(&self, stream: &str) -> Vec<String> {
        self.endpoint.events(GROUP, stream).into_iter().map(|(_, text)| text).collect()
    }

    /// Waits until `more` records of a stream have come since now.
    pub fn wait_for_more(&self, stream: &str, more: u64) {
        let taken = || self.endpoint.taken(GROUP, stream);
        let before = taken();
        let came = poll(PATIENCE, || (taken() >= before + more).then_some(()));
        assert!(came.is_some(), "{stream}: {} of {more} more records came", taken() - before);
    }

    /// Waits until samples have come since now.
    pub fn wait_for_samples(&self) {
        let before = self.endpoint.counts().datums;
        let came = poll(PATIENCE, || (self.endpoint.counts().datums > before).then_some(()));
        assert!(came.is_some(), "no sample came in {PATIENCE:?}");
    }

    /// Waits until all that was written came; proves that nothing came twice and nothing in another order.
    pub fn assert_exactly(&self, stream: &str, written: &[String]) {
        self.wait_for_all(stream, written, |came| came);
    }

    /// Waits until all that was written came in its order, some of it perhaps twice.
    pub fn assert_all(&self, stream: &str, written: &[String]) {
        self.wait_for_all(stream, written, first_ones);
    }

    fn wait_for_all(&self, stream: &str, written: &[String], view: impl Fn(Vec<String>) -> Vec<String>) {
        let mut came = Vec::new();
        poll(PATIENCE, || {
            came = view(self.records(stream));
            (came.len() >= written.len()).then_some(())
        });
        let differs = came.iter().zip(written).position(|(came, written)| came != written);
        if let Some(at) = differs {
            panic!("{stream}: record {at} should be {:?} and is {:?}", written[at], came[at]);
        }
        assert_eq!(came.len(), written.len(), "{stream}: that many came (left) of those that were written (right)");
    }

    /// The metric of that name.
    pub fn metric(&self, name: &str) -> Option<Series> {
        self.endpoint.metrics().into_iter().find(|series| series.namespace == NAMESPACE && series.name == name)
    }

    /// A property of the agent's unit, as systemd tells it.
    pub fn property(&self, name: &str) -> String {
        self.machine.run(&format!("systemctl show -P {name} {UNIT}"))
    }
}
