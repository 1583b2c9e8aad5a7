//! `check`: every problem of a config, or how it is understood.

use std::path::Path;

use super::print::print;
use super::{Failure, access, start};
use crate::config::{describe, warnings_text};
use crate::identity;

/// Prints the resolved settings, with remarks behind them.
pub fn perform(path: &Path) -> Result<(), Failure> {
    let loaded = start::load(path)?;
    let facts = start::facts(&loaded.config)?;
    let sign_in = access::check(&loaded.config)?;
    let mut text = describe(&loaded.config, &facts);
    let remarks = warnings_text(path, &loaded.warnings);
    if !remarks.is_empty() {
        text.push_str(&format!("\n{}\n", remarks.trim_end()));
    }
    if let Some(reason) = sign_in {
        text.push_str(&format!(
            "\nwarning: {reason}\n         `run` would start and not sign in; check as the user of the service, who may have \
             other rights\n"
        ));
    }
    if identity::is_nameless(&loaded.config.agent.instance) {
        text.push_str(&format!(
            "\nwarning: neither agent.instance.serial nor agent.instance.command is set\n         every such machine has the id \
             `{}`",
            facts.instance_id
        ));
    }
    print(&text)
}
