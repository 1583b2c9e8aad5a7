//! The calls to CloudFormation: look, propose a change, carry it out, follow what happens, delete. Decides nothing: what a
//! state leads to is in `changes`.
//!
//! Easy to break: a stack is followed by its id, since a deleted one has no name any more; and an operation counts as ended
//! only after an event says that it began, since for a moment the state is still the one before it.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{self, Capability, ChangeSetStatus, ChangeSetType, TemplateStage};

use super::call::CallError;
use super::changes::{Change, Event, Seen};
use super::outputs::{Outputs, OutputsError, describe, of};
use super::template::named_in;
use super::wish::Parameter;

/// The waits between two looks grow from the first to the last.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(4);
/// A change set that is not ready by then never will be: 75 looks, five minutes.
const CHANGE_SET_LOOKS: u32 = 75;

/// Why something about a stack did not work.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StackError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// CloudFormation does not make a change set of it.
    #[error("CloudFormation cannot work out what would change in stack `{stack}`: {reason}")]
    Proposal {
        /// The stack.
        stack: String,
        /// CloudFormation's words.
        reason: String,
    },
}

/// A stack as it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// What a decision needs of it.
    pub seen: Seen,
    /// Its id, by which it is known even when it is gone.
    pub id: String,
    /// The names of its parameters.
    pub parameters: Vec<String>,
    stack: types::Stack,
}

impl Found {
    /// What the stack says of itself.
    ///
    /// # Errors
    /// When it has not the outputs that a device needs.
    pub fn outputs(&self) -> Result<Outputs, OutputsError> {
        of(&self.stack)
    }
}

/// The stack named `name`, or with that id; none where there is none.
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub async fn find(client: &Client, name: &str) -> Result<Option<Found>, CallError> {
    let Some(stack) = describe(client, name).await? else { return Ok(None) };
    let status = stack.stack_status().map(ToString::to_string).unwrap_or_default();
    let said = stack.outputs().iter().find(|each| each.output_key() == Some("Template"));
    let template = match said.and_then(types::Output::output_value) {
        Some(template) => Some(template.to_owned()),
        // Such a stack has no template yet, and asking for one is an error.
        None if status == "REVIEW_IN_PROGRESS" => None,
        None => template_name(client, name).await?,
    };
    let keys = stack.parameters().iter().filter_map(types::Parameter::parameter_key);
    Ok(Some(Found {
        seen: Seen { name: stack.stack_name().unwrap_or(name).to_owned(), status, template },
        id: stack.stack_id().unwrap_or(name).to_owned(),
        parameters: keys.map(ToOwned::to_owned).collect(),
        stack,
    }))
}

async fn template_name(client: &Client, stack: &str) -> Result<Option<String>, CallError> {
    let answer = client.get_template_summary().stack_name(stack).send().await;
    let answer = answer.map_err(|error| CallError::new(format!("reading the template of stack `{stack}`"), error))?;
    Ok(answer.metadata().and_then(named_in))
}

/// Whether a change makes the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It does.
    Create,
    /// The stack is there.
    Update,
}

/// A change that CloudFormation worked out and did not make yet.
#[derive(Clone, Debug)]
pub struct Proposal {
    id: String,
    kind: ChangeKind,
    /// The stack that it is for.
    pub stack_id: String,
    /// What would change.
    pub changes: Vec<Change>,
}

/// Has CloudFormation work out what would change; none where nothing would.
///
/// # Errors
/// When CloudFormation does not answer, or does not take the template or the parameters; then nothing of it is left.
pub async fn propose(
    client: &Client,
    stack: &str,
    kind: ChangeKind,
    body: &str,
    parameters: &[Parameter],
) -> Result<Option<Proposal>, StackError> {
    let request = client
        .create_change_set()
        .stack_name(stack)
        .change_set_name(format!("deploy-{:016x}", fastrand::u64(..)))
        .change_set_type(match kind {
            ChangeKind::Create => ChangeSetType::Create,
            ChangeKind::Update => ChangeSetType::Update,
        })
        .template_body(body)
        .set_parameters(Some(parameters.iter().map(sdk_parameter).collect()))
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityAutoExpand);
    let failed = |error| CallError::new(format!("asking what would change in stack `{stack}`"), error);
    let answer = request.send().await.map_err(failed)?;
    let id = answer.id().unwrap_or_default().to_owned();
    let stack_id = answer.stack_id().unwrap_or(stack).to_owned();
    let mut proposal = Proposal { id, kind, stack_id, changes: Vec::new() };
    match worked_out(client, &mut proposal).await? {
        None => Ok(Some(proposal)),
        Some(reason) => {
            withdraw(client, &proposal).await?;
            let is_empty =
                reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
            if is_empty { Ok(None) } else { Err(StackError::Proposal { stack: stack.to_owned(), reason }) }
        }
    }
}

fn sdk_parameter(parameter: &Parameter) -> types::Parameter {
    let builder = types::Parameter::builder().parameter_key(&parameter.name);
    match &parameter.value {
        Some(value) => builder.parameter_value(value).build(),
        None => builder.use_previous_value(true).build(),
    }
}

/// Waits until the change set is ready, and reads it; the reason where it failed.
async fn worked_out(client: &Client, proposal: &mut Proposal) -> Result<Option<String>, CallError> {
    let failed = |error| CallError::new("reading what would change", error);
    let mut wait = FIRST_WAIT;
    for _ in 0..CHANGE_SET_LOOKS {
        let answer = client.describe_change_set().change_set_name(&proposal.id).send().await.map_err(failed)?;
        match answer.status() {
            Some(ChangeSetStatus::CreateComplete) => {
                let mut pages = client.describe_change_set().change_set_name(&proposal.id).into_paginator().send();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(failed)?;
                    proposal.changes.extend(page.changes().iter().filter_map(change));
                }
                return Ok(None);
            }
            Some(ChangeSetStatus::Failed) => {
                return Ok(Some(answer.status_reason().unwrap_or("it does not say why").to_owned()));
            }
            _ => pause(&mut wait).await,
        }
    }
    Ok(Some("no answer within five minutes".to_owned()))
}

fn change(change: &types::Change) -> Option<Change> {
    let change = change.resource_change()?;
    Some(Change {
        action: change.action().map(ToString::to_string).unwrap_or_default(),
        resource: change.logical_resource_id().unwrap_or_default().to_owned(),
        kind: change.resource_type().unwrap_or_default().to_owned(),
        replacement: change.replacement().map(ToString::to_string),
    })
}

/// Carries a proposal out; [`Follower::follow`] tells what becomes of it.
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub async fn execute(client: &Client, proposal: &Proposal) -> Result<(), CallError> {
    let answer = client.execute_change_set().change_set_name(&proposal.id).send().await;
    answer.map(|_| ()).map_err(|error| CallError::new("carrying out the change", error))
}

/// Takes a proposal back, and the empty stack that one for a new stack leaves, unless it became somebody else's meanwhile.
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub async fn withdraw(client: &Client, proposal: &Proposal) -> Result<(), CallError> {
    let failed = |error| CallError::new("taking back the proposed change", error);
    client.delete_change_set().change_set_name(&proposal.id).send().await.map_err(failed)?;
    if proposal.kind == ChangeKind::Update {
        return Ok(());
    }
    let failed = |error| CallError::new("looking whether others propose changes", error);
    let others = client.list_change_sets().stack_name(&proposal.stack_id).send().await.map_err(failed)?;
    let found = find(client, &proposal.stack_id).await?;
    let is_empty =
        others.summaries().is_empty() && found.is_some_and(|found| found.seen.status == "REVIEW_IN_PROGRESS");
    if is_empty { delete(client, &proposal.stack_id).await } else { Ok(()) }
}

/// Begins to set parameters of a stack and leaves all else, its template too, as it is. Says whether there is anything to do.
///
/// The template is sent again: with `UsePreviousTemplate` CloudFormation may not see what `Fn::ForEach` makes of it anew
/// (<https://github.com/aws-cloudformation/cfn-language-discussion/issues/146>, read 2026-11-21).
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub async fn set(client: &Client, found: &Found, name: &str, value: &str) -> Result<bool, CallError> {
    let doing = || format!("setting {name} of stack `{}`", found.seen.name);
    let template = client.get_template().stack_name(&found.id).template_stage(TemplateStage::Original).send().await;
    let template = template.map_err(|error| CallError::new(doing(), error))?;
    let value_of = |each: &String| (each == name).then(|| value.to_owned());
    let parameters =
        found.parameters.iter().map(|each| Parameter { name: each.clone(), value: value_of(each) }).collect::<Vec<_>>();
    let request = client
        .update_stack()
        .stack_name(&found.id)
        .template_body(template.template_body().unwrap_or_default())
        .set_parameters(Some(parameters.iter().map(sdk_parameter).collect()))
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityAutoExpand);
    match request.send().await.map_err(|error| CallError::new(doing(), error)) {
        Ok(_) => Ok(true),
        Err(error) if error.words.contains("No updates are to be performed") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Begins to delete a stack.
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub async fn delete(client: &Client, id: &str) -> Result<(), CallError> {
    let answer = client.delete_stack().stack_name(id).send().await;
    answer.map(|_| ()).map_err(|error| CallError::new("deleting the stack", error))
}

/// What a stack did while it was followed.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The state in which it rests.
    pub status: String,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// A stack, and what has happened to it so far.
#[derive(Debug)]
pub struct Follower<'a> {
    client: &'a Client,
    id: String,
    known: HashSet<String>,
}

impl<'a> Follower<'a> {
    /// Follows the stack from here on: to be made before the operation that is to be followed begins.
    ///
    /// # Errors
    /// When CloudFormation does not answer, or refuses.
    pub async fn new(client: &'a Client, id: &str) -> Result<Self, CallError> {
        let mut follower = Self { client, id: id.to_owned(), known: HashSet::new() };
        follower.news().await?;
        Ok(follower)
    }

    /// Waits for the end, and hands over each event as it comes. `has_begun`: the operation goes on already.
    ///
    /// # Errors
    /// When CloudFormation does not answer, or refuses; the stack goes on.
    pub async fn follow(mut self, has_begun: bool, mut hear: impl FnMut(&Event)) -> Result<Followed, CallError> {
        let mut begun = has_begun;
        let mut events = Vec::new();
        let mut wait = FIRST_WAIT;
        loop {
            // The state before the events: what has ended has told everything by then. And a state that was read before the
            // first event came may still be the one before the operation.
            let had_begun = begun;
            let status = self.status().await?;
            let news = self.news().await?;
            begun |= news.iter().any(|event| event.kind == "AWS::CloudFormation::Stack");
            news.iter().for_each(&mut hear);
            if !news.is_empty() {
                wait = FIRST_WAIT;
            }
            events.extend(news);
            if had_begun && !status.ends_with("_IN_PROGRESS") {
                return Ok(Followed { status, events });
            }
            pause(&mut wait).await;
        }
    }

    async fn status(&self) -> Result<String, CallError> {
        let answer = self.client.describe_stacks().stack_name(&self.id).send().await;
        match answer.map_err(|error| CallError::new("looking how far the stack is", error)) {
            // Never executed and deleted: such a stack leaves no trace.
            Err(error) if error.is_no_such_stack() => Ok("DELETE_COMPLETE".to_owned()),
            answer => {
                let status = answer?.stacks().first().and_then(types::Stack::stack_status).map(ToString::to_string);
                Ok(status.unwrap_or_default())
            }
        }
    }

    /// What is new, oldest first; CloudFormation tells the newest first.
    async fn news(&mut self) -> Result<Vec<Event>, CallError> {
        let (mut news, mut seen) = (Vec::new(), HashSet::new());
        let mut pages = self.client.describe_stack_events().stack_name(&self.id).into_paginator().send();
        'pages: while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| CallError::new("looking how far the stack is", error)) {
                Err(error) if error.is_no_such_stack() => break,
                page => page?,
            };
            for event in page.stack_events().iter().map(event) {
                if self.known.contains(&event.id) {
                    break 'pages;
                }
                // Pages shift while something happens: what comes twice is not yet the end of what is new.
                if seen.insert(event.id.clone()) {
                    news.push(event);
                }
            }
        }
        self.known.extend(seen);
        news.reverse();
        Ok(news)
    }
}

fn event(event: &types::StackEvent) -> Event {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Event {
        id: text(event.event_id()),
        resource: text(event.logical_resource_id()),
        kind: text(event.resource_type()),
        status: event.resource_status().map(ToString::to_string).unwrap_or_default(),
        reason: text(event.resource_status_reason()),
    }
}

/// Waits for a while, the next time longer.
async fn pause(wait: &mut Duration) {
    tokio::time::sleep(*wait).await;
    *wait = (*wait * 3 / 2).min(LAST_WAIT);
}
