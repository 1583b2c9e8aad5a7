//! The release program as a process of its own, with a configuration, state and log in a folder that goes with it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use super::process::{self, Memory};

/// The group of all its streams.
pub const GROUP: &str = "/bench/million";

/// Settings of glibc's allocator for small devices (mallopt(3)): one arena for all threads, and freed memory given back. The
/// fixed threshold keeps glibc from raising it to the size of a batch.
pub const SMALL_DEVICE: &[(&str, &str)] =
    &[("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

/// The program under measurement: the one built along, or another build that the environment names.
pub fn program() -> PathBuf {
    let named = std::env::var_os("CLOUDWATCH_PUBLISHER").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_cloudwatch-publisher").into())
}

/// A running agent; killed where it was not ended.
pub struct Agent {
    child: Child,
    folder: TempDir,
}

impl Agent {
    /// Starts one that follows `files` from their beginning and publishes to `endpoint`.
    pub fn start(
        endpoint: &str,
        files: &[PathBuf],
        compression: &str,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let entries: Vec<_> =
            files.iter().map(|file| json!({ "file_path": file, "initial_position": "beginning" })).collect();
        let config = json!({
            "agent": {
                "instance": { "serial": "bench" },
                "region": "eu-central-1",
                "endpoint_override": endpoint,
                "state_directory": folder.path().join("state"),
                "logfile": folder.path().join("own.log"),
            },
            "logs": {
                "log_group_name": GROUP,
                "compression": compression,
                "logs_collected": { "files": { "collect_list": entries } },
            },
        });
        let path = folder.path().join("config.json");
        fs::write(&path, config.to_string())?;
        let child = Command::new(program())
            .arg(&path)
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "bench"),
                ("AWS_SECRET_ACCESS_KEY", "bench"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .env("HOME", folder.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()?;
        Ok(Self { child, folder })
    }

    /// Fails where it has ended by itself, with its own log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let own_log = fs::read_to_string(self.folder.path().join("own.log")).unwrap_or_default();
        anyhow::bail!("the agent ended with {status}; its log:\n{own_log}")
    }

    /// Memory now and at its highest.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        process::memory(&self.child)
    }

    /// CPU seconds so far.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        process::cpu_seconds(&self.child)
    }

    /// Has it end as a service manager would; the CPU seconds of its whole life.
    pub fn end(mut self) -> anyhow::Result<f64> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        process::wait(&mut self.child)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both do nothing to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
