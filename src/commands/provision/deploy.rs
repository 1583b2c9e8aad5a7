//! `provision deploy`: makes the stack or changes it, by a change set, and prints what devices need of it.
//!
//! Easy to break: a new stack is made with a user pool that can be deleted, and protected in a second step. A failure on the
//! way would otherwise leave a pool that CloudFormation cannot take back.

use aws_sdk_cloudformation::Client;

use super::progress::Progress;
use super::{interruptible, print_json, print_outputs};
use crate::cli::provision::Deploy;
use crate::commands::print::print;
use crate::commands::{Failure, UNAVAILABLE, USAGE};
use crate::provision::changes::{self, Change, Deploying};
use crate::provision::stack::{self, ChangeKind, Followed, Follower, Found};
use crate::provision::template::Template;
use crate::provision::wish::{Protection, Wish, bad_region};

/// Performs the command.
pub async fn perform(options: &Deploy) -> Result<(), Failure> {
    let template = Template::read().map_err(anyhow::Error::from)?;
    let wish = Wish {
        prefixes: options.log_group_prefix.clone(),
        namespaces: options.namespace.clone(),
        retention_in_days: options.retention,
        has_dashboard: options.dashboard,
    };
    refuse(&wish.problems(&template))?;
    let sdk = super::connect(&options.target).await?;
    let region = sdk.region().map(AsRef::as_ref).unwrap_or_default();
    if let Some(problem) = bad_region(region) {
        return Err(Failure::new(UNAVAILABLE, format!("error: {problem}")));
    }
    let work = Deployment { client: Client::new(&sdk), template, wish, options, progress: Progress::new() };
    interruptible(&options.target.stack, work.perform()).await
}

/// Everything that is wrong with what was asked for, before anything is touched.
pub(super) fn refuse(problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    let count = if problems.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", problems.len()) };
    let list: Vec<String> = problems.iter().map(|problem| format!("  {}", problem.replace('\n', "\n    "))).collect();
    Err(Failure::new(
        USAGE,
        format!("error: {count} in what the stack should be\n\n{}\n\nnothing was changed", list.join("\n")),
    ))
}

struct Deployment<'a> {
    client: Client,
    template: Template,
    wish: Wish,
    options: &'a Deploy,
    progress: Progress,
}

impl Deployment<'_> {
    async fn perform(self) -> Result<(), Failure> {
        let name = &self.options.target.stack;
        let mut is_new = false;
        loop {
            let found = stack::find(&self.client, name).await?;
            match (changes::deploying(found.as_ref().map(|found| &found.seen)), found) {
                (Deploying::Refuse(text), _) => return Err(Failure::new(UNAVAILABLE, format!("error: {text}"))),
                (Deploying::Wait, Some(found)) => {
                    self.progress.say(&format!("stack `{name}` is {}: waiting for its end", found.seen.status));
                    Follower::new(&self.client, &found.id)
                        .await?
                        .follow(true, |event| self.progress.event(event))
                        .await?;
                }
                (Deploying::DeleteFirst, Some(found)) => self.delete(&found).await?,
                (Deploying::Create, _) => {
                    if self.change(ChangeKind::Create, Protection::Inactive, None).await? == Outcome::Shown {
                        return Ok(());
                    }
                    is_new = true;
                }
                (Deploying::Update, Some(found)) => {
                    let outcome = self.change(ChangeKind::Update, Protection::Active, Some(&found)).await?;
                    return if outcome == Outcome::Shown { Ok(()) } else { self.tell(is_new, outcome).await };
                }
                // A decision other than to create one is about a stack that was found.
                (Deploying::Wait | Deploying::DeleteFirst | Deploying::Update, None) => {}
            }
        }
    }

    async fn change(
        &self,
        kind: ChangeKind,
        protection: Protection,
        found: Option<&Found>,
    ) -> Result<Outcome, Failure> {
        let name = &self.options.target.stack;
        let known = found.map(|found| found.parameters.as_slice()).unwrap_or_default();
        let parameters = self.wish.parameters(&self.template, protection, known);
        self.progress.now(&format!("asking what would change in stack `{name}`"));
        let proposal = stack::propose(&self.client, name, kind, &self.template.body(), &parameters).await?;
        let Some(proposal) = proposal else {
            if self.options.dry_run {
                self.show(&[])?;
                return Ok(Outcome::Shown);
            }
            return Ok(Outcome::Unchanged);
        };
        let forbidden = changes::forbids(&proposal.changes);
        if self.options.dry_run || forbidden.is_some() {
            stack::withdraw(&self.client, &proposal).await?;
            self.show(&proposal.changes)?;
            return forbidden.map_or(Ok(Outcome::Shown), |why| Err(Failure::new(UNAVAILABLE, format!("error: {why}"))));
        }
        let follower = Follower::new(&self.client, &proposal.stack_id).await?;
        let what = match proposal.changes.len() {
            0 => format!("changing what stack `{name}` says of itself"),
            1 => format!("changing 1 resource of stack `{name}`"),
            count => format!("changing {count} resources of stack `{name}`"),
        };
        self.progress.now(&what);
        stack::execute(&self.client, &proposal).await?;
        let followed = follower.follow(false, |event| self.progress.event(event)).await?;
        match (kind, followed.status.as_str()) {
            (ChangeKind::Create, "CREATE_COMPLETE") | (ChangeKind::Update, "UPDATE_COMPLETE") => Ok(Outcome::Changed),
            _ => Err(failed(name, &followed)),
        }
    }

    /// Takes away what is left of a stack that never came to be.
    async fn delete(&self, found: &Found) -> Result<(), Failure> {
        let name = &found.seen.name;
        let status = &found.seen.status;
        if self.options.dry_run {
            let text = format!(
                "error: stack `{name}` is {status}: `provision deploy` deletes it first, and then makes it anew"
            );
            return Err(Failure::new(UNAVAILABLE, text));
        }
        self.progress.say(&format!("stack `{name}` is {status}, and nothing is in it: it is deleted first"));
        let follower = Follower::new(&self.client, &found.id).await?;
        stack::delete(&self.client, &found.id).await?;
        let followed = follower.follow(false, |event| self.progress.event(event)).await?;
        if followed.status == "DELETE_COMPLETE" { Ok(()) } else { Err(failed(name, &followed)) }
    }

    /// What a dry run is for.
    fn show(&self, changes: &[Change]) -> Result<(), Failure> {
        if self.options.target.json {
            return print_json(&changes);
        }
        if changes.is_empty() {
            return print(&format!("nothing would change in stack `{}`", self.options.target.stack));
        }
        let width = changes.iter().map(|change| change.resource.len()).max().unwrap_or_default();
        let line = |change: &Change| {
            let replaced = if change.replacement.as_deref() == Some("True") { "  (replaced by a new one)" } else { "" };
            format!("{:<7} {:<width$}  {}{replaced}", change.action, change.resource, change.kind)
        };
        print(&changes.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    async fn tell(&self, is_new: bool, outcome: Outcome) -> Result<(), Failure> {
        let name = &self.options.target.stack;
        let outputs = crate::provision::outputs::outputs(&self.client, name).await?;
        let what = match (is_new, outcome) {
            (true, _) => "is there",
            (false, Outcome::Unchanged) => "is as it should be: nothing changed",
            (false, _) => "is changed",
        };
        self.progress.say(&format!("stack `{name}` {what}"));
        if self.options.target.json { print_json(&outputs) } else { print_outputs(&outputs) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Changed,
    Unchanged,
    /// A dry run.
    Shown,
}

/// The stack's own reasons, without what only followed from them.
pub(super) fn failed(name: &str, followed: &Followed) -> Failure {
    let causes = changes::causes(&followed.events);
    let mut text = format!("error: stack `{name}` ended as {}", followed.status);
    for cause in causes {
        text.push_str(&format!("\n  {} ({}): {}", cause.resource, cause.kind, cause.reason));
    }
    Failure::new(UNAVAILABLE, text)
}
