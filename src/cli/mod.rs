//! The command line, declared.

#[cfg(feature = "provision")]
pub mod provision;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Follows logs and measures this machine, and publishes both to Amazon CloudWatch.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do; without a command, `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The configuration [default: /opt/aws/amazon-cloudwatch-publisher/etc/amazon-cloudwatch-publisher.json]
    pub config: Option<PathBuf>,
}

const AFTER_HELP: &str = "Exit codes: 0 done, 64 wrong usage, 65 a wrong list, 66 no list, 69 not delivering, no agent runs, or AWS did not do it, 70 defect, 75 another agent uses the \
                          state, 77 not permitted, 78 wrong configuration, 130 interrupted.";

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish until SIGTERM: the daemon.
    Run {
        /// The configuration [default: as without a command]
        config: Option<PathBuf>,
    },
    /// Say whether the daemon delivers, and if not, why.
    Status {
        /// The configuration of the daemon [default: as without a command]
        config: Option<PathBuf>,
        /// Wait up to so many seconds until something was delivered
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u32>,
        /// Print all figures as JSON
        #[arg(long)]
        json: bool,
    },
    /// Have the daemon take a changed configuration over.
    Reload {
        /// The configuration of the daemon [default: as without a command]
        config: Option<PathBuf>,
    },
    /// Say everything that is wrong with a configuration, or how it is understood.
    Check(Check),
    /// Publish to an endpoint in this process and show it on a page: no AWS account, no costs.
    Local {
        /// A configuration to try [default: this machine's metrics, and the logs under /var/log that can be read]
        config: Option<PathBuf>,
        /// The port of the page on 127.0.0.1; 0 takes any that is free
        #[arg(long, default_value_t = 4580)]
        port: u16,
    },
    /// Set values of a configuration; what is not named stays as it is, to the byte.
    Configure(Configure),
    /// Print the instance id, and nothing else.
    InstanceId {
        /// The configuration [default: as without a command]
        config: Option<PathBuf>,
        /// Only its second part
        #[arg(long)]
        serial: bool,
    },
    /// Set up AWS for a fleet: the stack, and a user for every system.
    #[cfg(feature = "provision")]
    #[command(subcommand)]
    Provision(provision::Provision),
}

/// What `check` tells.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 right, 78 wrong; with --aws also 69 where AWS cannot be reached or the sign-in fails, 77 where AWS \
                  denies what is needed. Nothing is written, neither here nor at AWS."
)]
pub struct Check {
    /// The configuration [default: as without a command]
    pub config: Option<PathBuf>,
    /// Print all of it as JSON
    #[arg(long)]
    pub json: bool,
    /// Sign in, too, and ask AWS for each right that the configuration needs
    #[arg(long)]
    pub aws: bool,
}

/// What `configure` changes.
#[derive(Debug, Args)]
#[command(
    after_help = "A PATH is keys with dots between them, `[0]` for an entry of a list, `[+]` for a new one at its end:\n  \
                        logs.logs_collected.files.collect_list[+].file_path=/var/log/app.log\n\
                        First --unset is done, then --set, then --set-json. A password is never taken from the command line."
)]
pub struct Configure {
    /// The configuration to change
    pub file: PathBuf,
    /// Make it, from one of the ready ones: iot-device, linux-server, macos, minimal, raspberry-pi
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// Set a value to a text
    #[arg(long, value_name = "PATH=TEXT")]
    pub set: Vec<String>,
    /// Set a value to a number, true, false, a list or an object
    #[arg(long, value_name = "PATH=JSON")]
    pub set_json: Vec<String>,
    /// Take a value out
    #[arg(long, value_name = "PATH")]
    pub unset: Vec<String>,
    /// Print what would be written, passwords in it too, and write nothing
    #[arg(long)]
    pub print: bool,
}
