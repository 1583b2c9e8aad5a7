//! The administrator's commands, declared.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The stack where none is named.
pub const DEFAULT_STACK: &str = "cloudwatch-publisher";

/// What an administrator sets up in AWS.
#[derive(Debug, Subcommand)]
pub enum Provision {
    /// Create or update the stack: user pool, identity pool, role, dashboard.
    Deploy(Deploy),
    /// Add a user for every system of a list that has none, and write its configuration.
    Users(Users),
    /// List the systems that have a user.
    List(List),
    /// Give systems a new password.
    Rotate(Rotate),
    /// Remove the users of systems.
    Remove(Remove),
    /// Delete the stack, with every user in it.
    Destroy(Destroy),
    /// Print the fleet's dashboard as JSON.
    Dashboard(Dashboard),
}

/// Which stack, where, and how the answer is written.
#[derive(Debug, Args)]
pub struct Target {
    /// The CloudFormation stack
    #[arg(long, default_value = DEFAULT_STACK)]
    pub stack: String,
    /// The AWS region [default: the environment's or the profile's]
    #[arg(long)]
    pub region: Option<String>,
    /// The AWS profile to sign in with [default: the environment's]
    #[arg(long)]
    pub profile: Option<String>,
    /// Write the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `provision deploy`
#[derive(Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// A device may write logs to PREFIX/ITS-ID; may be given several times, and then is the whole list [default: as it is;
    /// for a new stack /system/default and five more]
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    pub log_group_prefix: Option<Vec<String>>,
    /// A device may write metrics to this namespace; may be given several times, and then is the whole list [default: as it
    /// is; for a new stack System/Default and three more]
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespace: Option<Vec<String>>,
    /// Devices keep their logs so long [default: as it is; for a new stack 30]
    #[arg(long, value_name = "DAYS")]
    pub retention: Option<u32>,
    /// Whether the stack has a dashboard [default: as it is; for a new stack true]
    #[arg(long, value_name = "true|false")]
    pub dashboard: Option<bool>,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `provision users`
#[derive(Debug, Args)]
#[command(after_help = USERS_HELP)]
pub struct Users {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The list of systems: an instance id a line, `#` begins a comment; `-` reads it from the standard input
    #[arg(default_value = "systems.txt")]
    pub systems: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub configs: Configs,
    /// Make three alarms for each system (heartbeat missing, disk full, agent refusing); the price is shown first
    #[arg(long)]
    pub alarms: bool,
    /// The SNS topic that the alarms tell
    #[arg(long, value_name = "ARN", requires = "alarms")]
    pub topic: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rates: Rates,
}

const USERS_HELP: &str = "\
Without --output each new password is printed once, as soon as Cognito has it, and kept nowhere. With
--output it is in DIR/NAME.json (0600), written before Cognito has it: a run that was cut short is
resumed by the same command with the same DIR, and loses none.

$XDG_STATE_HOME/cloudwatch-publisher/POOL.journal (default: ~/.local/state/...) holds the names, never
the passwords, of systems whose password was about to be set and was not printed yet: whatever ended
the run, the next one on this machine names them for `provision rotate`.

Exit codes: 0 every system is set up; 65 the list is wrong; 66 there is no list; 69 some system is not
set up, or is named for `provision rotate`: see the message, and run again; 75 another run is at it;
77 AWS or the disk does not permit it; 78 no config can be made from the template.";

/// Where passwords go.
#[derive(Debug, Args)]
pub struct Configs {
    /// Write a ready config for each system, DIR/NAME.json, in place of printing its password
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// What the configs are made from: any config of a device; region, sign-in and id are filled in [default: built in]
    #[arg(long, value_name = "CONFIG")]
    pub template: Option<PathBuf>,
}

/// What AWS allows in a second.
#[derive(Debug, Args)]
pub struct Rates {
    /// Users that may be made in a second: the quota `UserCreation` of the account
    #[arg(long, value_name = "PER_SECOND", default_value_t = 50.0, value_parser = rate)]
    pub creation_rate: f64,
    /// Passwords that may be set in a second: the quota `UserAccountRecovery` of the account
    #[arg(long, value_name = "PER_SECOND", default_value_t = 30.0, value_parser = rate)]
    pub password_rate: f64,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("a number from 0.1 to 10000 is right".to_string()),
    }
}

/// `provision list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
}

/// `provision rotate`
#[derive(Debug, Args)]
#[command(after_help = ROTATE_HELP)]
pub struct Rotate {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The systems
    #[arg(required = true)]
    pub systems: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub configs: Configs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rates: Rates,
}

const ROTATE_HELP: &str = "\
The sessions of the old password end: what signed in with it needs the new one within an hour. With
--output the new config is in DIR/NAME.json.new before Cognito has its password, and takes the place of
DIR/NAME.json after; a run that was cut short is resumed by the same command. The config is made anew
from the template.";

/// `provision remove`
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The systems
    #[arg(required = true)]
    pub systems: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `provision destroy`
#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// `provision dashboard`
#[derive(Debug, Args)]
pub struct Dashboard {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The namespaces to look in; with --region as well, no AWS account is asked [default: the stack's]
    #[arg(long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub namespace: Option<Vec<String>>,
    /// Where to look for errors [default: the stack's, or a new stack's]
    #[arg(long, value_name = "PREFIX", value_delimiter = ',')]
    pub log_group_prefix: Option<Vec<String>>,
}
