//! What a person sees while CloudFormation works: a line for each resource that is done, and on a terminal below them one
//! that moves. All of it goes to standard error: standard output belongs to the result.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::provision::changes::Event;

const TICK: Duration = Duration::from_millis(120);

/// The progress of one stack.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows nothing yet.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        if let Some(bar) = &bar {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
        }
        Self { bar }
    }

    /// A sentence that stays.
    #[allow(clippy::print_stderr, reason = "what the command is for")]
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    /// What happens right now.
    pub fn now(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.say(text),
        }
    }

    /// Something happened to the stack.
    pub fn event(&self, event: &Event) {
        let is_stack = event.kind == "AWS::CloudFormation::Stack";
        if event.status.ends_with("_IN_PROGRESS") {
            if let Some(bar) = &self.bar {
                bar.set_message(format!("{} {}", event.resource, event.status));
            }
        } else if !is_stack || event.status.ends_with("_FAILED") {
            let reason = if event.reason.is_empty() { String::new() } else { format!(": {}", event.reason) };
            self.say(&format!("  {:<16} {:<28} {}{reason}", event.status, event.resource, event.kind));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
