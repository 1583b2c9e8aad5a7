//! The administrator's commands, declared.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
    #[arg(long, default_value = "cloudwatch-publisher")]
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
pub struct Users {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The list of systems: an instance id a line, `#` begins a comment
    #[arg(default_value = "systems.txt")]
    pub systems: PathBuf,
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
pub struct Rotate {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub target: Target,
    /// The systems
    #[arg(required = true)]
    pub systems: Vec<String>,
}

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
