//! Makes a configuration ready to take over: everything that can be wrong with it is found before anything else changes.

use std::path::Path;

use crate::clock::Clock;
use crate::commands::access::{self, Identities, SignedIn};
use crate::commands::{CONFIG, Failure, SOFTWARE, known, start};
use crate::config::{self, Config, Facts, Instance, Loaded};
use crate::identity::{self, IdentityError};

/// A configuration that can take over.
pub struct Prepared {
    /// What it says, with remarks.
    pub loaded: Loaded,
    /// What names this machine under it.
    pub facts: Facts,
    /// How AWS is reached.
    pub access: SignedIn,
}

/// What is in force: what a new configuration may have in common with it.
pub struct InForce {
    config: Config,
    facts: Facts,
    access: SignedIn,
}

/// Why a configuration cannot take over.
pub enum Refused {
    /// It is wrong.
    Config(config::Failure),
    /// Something stands in a name that is not known, or not yet.
    Unknown(String),
    /// Something that it needs is not to be had.
    Other(Failure),
}

/// What is needed to sign in.
#[derive(Clone)]
pub struct Means {
    /// The clock that the SDK signs by, too.
    pub clock: Clock,
    /// The identities that Cognito gave.
    pub identities: Identities,
}

/// Reads the file anew.
pub async fn load(path: &Path) -> Result<Loaded, Refused> {
    let path = path.to_path_buf();
    off_thread(move || start::read(&path)).await?.map_err(Refused::Config)
}

/// The instance id, off this thread: a command may take its time.
pub async fn instance_id(instance: &Instance) -> Result<Result<String, IdentityError>, Failure> {
    let instance = instance.clone();
    off_thread(move || identity::instance_id(&instance)).await.map_err(Refused::into_failure)
}

/// Makes what was read ready to take over; what is in force is gone on with where it does not differ.
pub async fn prepare(
    loaded: Loaded,
    instance_id: String,
    means: &Means,
    in_force: Option<&InForce>,
) -> Result<Prepared, Refused> {
    let mut loaded = loaded;
    let mut facts = start::of_this_machine(&loaded.config, instance_id);
    config::check_for(&loaded.config, &facts).map_err(Refused::Config)?;
    let access = match in_force.filter(|in_force| in_force.signs_in_as(&loaded.config, &facts)) {
        Some(in_force) => in_force.access.clone(),
        None => {
            access::sign_in(&loaded.config, &facts, &means.clock, &means.identities).await.map_err(Refused::Other)?
        }
    };
    known::complete(&loaded.config, &mut facts, &access.logs).await;
    config::check_for(&loaded.config, &facts).map_err(Refused::Config)?;
    config::check_known(&loaded.config, &facts).map_err(|failure| Refused::Unknown(failure.to_string()))?;
    loaded.warnings.extend(config::left_out(&loaded.config, &facts));
    Ok(Prepared { loaded, facts, access })
}

impl Prepared {
    /// What is in force once this is.
    pub fn in_force(&self) -> InForce {
        InForce { config: self.loaded.config.clone(), facts: self.facts.clone(), access: self.access.clone() }
    }
}

impl InForce {
    /// Whether signing in is the same under `config`, and goes well. What lies outside of the configuration (profiles, the environment)
    /// may have changed, so the standard chain is asked anew.
    fn signs_in_as(&self, config: &Config, facts: &Facts) -> bool {
        let agent = |config: &Config| {
            let agent = &config.agent;
            (agent.sign_in.clone(), agent.region.clone(), agent.role.clone(), agent.network.clone())
        };
        let roles = |config: &Config| (config.logs.role.clone(), config.metrics.role.clone());
        let is_well = |access: &crate::agent::Access| access.session.told().trouble.is_none();
        config.agent.sign_in.is_some()
            && agent(config) == agent(&self.config)
            && roles(config) == roles(&self.config)
            && facts.instance_id == self.facts.instance_id
            && is_well(&self.access.logs)
            && is_well(&self.access.metrics)
    }
}

impl Refused {
    /// What `reload` prints, without what became of it.
    pub fn text(&self) -> String {
        match self {
            Self::Config(failure) => failure.to_string().trim_end().to_owned(),
            Self::Unknown(cause) => format!("error: {}", cause.trim_start_matches("error: ").trim_end()),
            Self::Other(failure) => failure.text.trim_end().to_owned(),
        }
    }

    /// The exit code that says so.
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Unknown(_) => CONFIG,
            Self::Other(failure) => failure.code,
        }
    }

    /// The same as the end of a command.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Config(failure) => start::refused(failure),
            Self::Unknown(_) => Failure::new(CONFIG, self.text()),
            Self::Other(failure) => failure,
        }
    }
}

/// Does what blocks on a thread for it.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refused::Other(Failure::new(SOFTWARE, format!("error: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_tells_of_a_configuration_what_a_start_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let text = r#"{"agent": {"region": "eu-west-1"}, "logs": {"logs_collected": {"journal": true}}}"#;
        std::fs::write(&path, text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reloaded = runtime.block_on(load(&path)).unwrap_or_else(|refused| panic!("{}", refused.text()));
        let started = start::load(&path).unwrap_or_else(|failure| panic!("{}", failure.text));
        assert_eq!(reloaded.warnings, started.warnings);
        // Nothing is read of macOS's unified log without a predicate.
        let is_told = reloaded.warnings.iter().any(|warning| warning.message.contains("unified log"));
        assert_eq!(is_told, cfg!(target_os = "macos"), "{:?}", reloaded.warnings);
    }
}
