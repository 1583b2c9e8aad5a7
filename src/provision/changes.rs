//! What is to be done with a stack: its state and the wish in, the next step out.
//!
//! Easy to break: a stack of another template is never touched, whatever its state. The old tool's stack has a user pool
//! under another logical id; an update would replace it and lock every device out.
//!
//! Pure: no I/O, no clock, no tasks.

use super::outputs::TEMPLATE;

/// A stack, as far as a decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// CloudFormation's word for its state.
    pub status: String,
    /// Which template it was made from, where it says so.
    pub template: Option<String>,
}

/// What comes next on the way to a stack as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deploying {
    /// There is none: make it.
    Create,
    /// It is there: change it.
    Update,
    /// What is there never worked, and nothing is in it: delete it, then make it.
    DeleteFirst,
    /// Something goes on already: wait for its end, then look again.
    Wait,
    /// A person has to decide.
    Refuse(String),
}

/// What comes next on the way to no stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destroying {
    /// There is none.
    Nothing,
    /// It holds users: let the user pool be deleted, then delete it.
    Unprotect,
    /// It holds none that could be kept: delete it.
    Delete,
    /// Something goes on already: wait for its end, then look again.
    Wait,
    /// It is not ours.
    Refuse(String),
}

/// The next step towards the stack.
pub fn deploying(seen: Option<&Seen>) -> Deploying {
    let Some(seen) = seen else { return Deploying::Create };
    match seen.status.as_str() {
        "DELETE_COMPLETE" => Deploying::Create,
        // Nothing is in it, and nothing says whose it is.
        "REVIEW_IN_PROGRESS" => Deploying::Refuse(seen.proposed()),
        _ if !seen.is_ours() => Deploying::Refuse(seen.foreign()),
        status if status.ends_with("_IN_PROGRESS") => Deploying::Wait,
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "UPDATE_FAILED"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => Deploying::Update,
        "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "ROLLBACK_FAILED" => Deploying::DeleteFirst,
        status => Deploying::Refuse(seen.stuck(status)),
    }
}

/// The next step towards no stack.
pub fn destroying(seen: Option<&Seen>) -> Destroying {
    let Some(seen) = seen else { return Destroying::Nothing };
    match seen.status.as_str() {
        "DELETE_COMPLETE" => Destroying::Nothing,
        "REVIEW_IN_PROGRESS" => Destroying::Delete,
        _ if !seen.is_ours() => Destroying::Refuse(seen.foreign()),
        status if status.ends_with("_IN_PROGRESS") => Destroying::Wait,
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "UPDATE_FAILED"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => Destroying::Unprotect,
        _ => Destroying::Delete,
    }
}

impl Seen {
    fn is_ours(&self) -> bool {
        self.template.as_deref() == Some(TEMPLATE)
    }

    fn foreign(&self) -> String {
        let is = match &self.template {
            Some(template) => format!("is made from the template `{template}`"),
            None => "is not of this program".to_owned(),
        };
        format!(
            "stack `{}` {is}, and is left alone\n  changing it could replace its user pool and lock every device out; \
             choose another name with --stack\n  `cloudwatch-publisher provision users --stack {}` can use its user pool \
             as it is",
            self.name, self.name
        )
    }

    fn proposed(&self) -> String {
        let name = &self.name;
        format!(
            "stack `{name}` is REVIEW_IN_PROGRESS: somebody proposed it and made nothing of it yet\n  that is another \
             `deploy` at this moment, one that was cut short, or another tool; if it is nobody's any more, \
             `cloudwatch-publisher provision destroy --stack {name}` removes it, for nothing is in it"
        )
    }

    fn stuck(&self, status: &str) -> String {
        let name = &self.name;
        let way = match status {
            "UPDATE_ROLLBACK_FAILED" => {
                format!("`aws cloudformation continue-update-rollback --stack-name {name}` mends it")
            }
            "DELETE_FAILED" => {
                format!(
                    "its deletion was begun: `cloudwatch-publisher provision destroy --stack {name}` goes on with it"
                )
            }
            _ => "CloudFormation's console tells more".to_owned(),
        };
        format!("stack `{name}` is {status} and cannot be changed\n  {way}")
    }
}

/// One change of a change set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Change {
    /// `Add`, `Modify`, `Remove`.
    pub action: String,
    /// The name in the template.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// `True`, `False` or `Conditional`; none where nothing is modified.
    pub replacement: Option<String>,
}

/// Why a change set must not be executed: it takes away what devices sign in with.
pub fn forbids(changes: &[Change]) -> Option<String> {
    let loses = |change: &&Change| {
        let replacement = change.replacement.as_deref();
        let is_replaced = match change.kind.as_str() {
            // Not even perhaps.
            "AWS::Cognito::UserPool" => matches!(replacement, Some("True" | "Conditional")),
            "AWS::Cognito::UserPoolClient" | "AWS::Cognito::IdentityPool" => replacement == Some("True"),
            _ => return false,
        };
        is_replaced || change.action == "Remove"
    };
    changes.iter().find(loses).map(|change| {
        format!(
            "this would replace or remove {} ({}) and lock every device out: nothing was changed",
            change.resource, change.kind
        )
    })
}

/// An event of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name for this event.
    pub id: String,
    /// The name in the template, or the stack's.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// CloudFormation's word for what happened.
    pub status: String,
    /// Why, where it says so.
    pub reason: String,
}

/// The reasons of a failure: what failed by itself, not what was cancelled or rolled back in its wake.
pub fn causes(events: &[Event]) -> Vec<&Event> {
    let failed = |event: &&Event| {
        event.status.ends_with("_FAILED")
            && event.kind != "AWS::CloudFormation::Stack"
            && !event.reason.contains("cancelled")
            && !event.reason.is_empty()
    };
    let mut causes: Vec<&Event> = events.iter().filter(failed).collect();
    // What fails while it is taken back again failed for the first failure's sake.
    let first = causes.first().map(|event| event.status.clone());
    causes.retain(|event| Some(&event.status) == first.as_ref());
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: &str, template: Option<&str>) -> Seen {
        Seen { name: "x".to_owned(), status: status.to_owned(), template: template.map(ToOwned::to_owned) }
    }

    fn kind(step: &Deploying) -> &'static str {
        match step {
            Deploying::Create => "create",
            Deploying::Update => "update",
            Deploying::DeleteFirst => "delete first",
            Deploying::Wait => "wait",
            Deploying::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn every_state_leads_to_its_step() {
        let cases = [
            ("REVIEW_IN_PROGRESS", "refuse", Destroying::Delete),
            ("CREATE_IN_PROGRESS", "wait", Destroying::Wait),
            ("CREATE_COMPLETE", "update", Destroying::Unprotect),
            ("CREATE_FAILED", "delete first", Destroying::Delete),
            ("ROLLBACK_IN_PROGRESS", "wait", Destroying::Wait),
            ("ROLLBACK_COMPLETE", "delete first", Destroying::Delete),
            ("ROLLBACK_FAILED", "delete first", Destroying::Delete),
            ("UPDATE_IN_PROGRESS", "wait", Destroying::Wait),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait", Destroying::Wait),
            ("UPDATE_COMPLETE", "update", Destroying::Unprotect),
            ("UPDATE_ROLLBACK_COMPLETE", "update", Destroying::Unprotect),
            ("UPDATE_ROLLBACK_FAILED", "refuse", Destroying::Delete),
            ("DELETE_IN_PROGRESS", "wait", Destroying::Wait),
            ("DELETE_FAILED", "refuse", Destroying::Delete),
            ("DELETE_COMPLETE", "create", Destroying::Nothing),
            ("SOMETHING_NEW", "refuse", Destroying::Delete),
        ];
        for (status, expected, destroyed) in cases {
            let seen = seen(status, Some(TEMPLATE));
            assert_eq!(kind(&deploying(Some(&seen))), expected, "{status}");
            assert_eq!(destroying(Some(&seen)), destroyed, "{status}");
        }
        assert_eq!(deploying(None), Deploying::Create);
        assert_eq!(destroying(None), Destroying::Nothing);
    }

    #[test]
    fn a_foreign_stack_is_never_touched() {
        for template in [None, Some("cloudwatch-publisher/1"), Some("else")] {
            for status in ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS", "DELETE_FAILED"] {
                let seen = seen(status, template);
                assert!(matches!(deploying(Some(&seen)), Deploying::Refuse(_)), "{status} {template:?}");
                assert!(matches!(destroying(Some(&seen)), Destroying::Refuse(_)), "{status} {template:?}");
            }
        }
    }

    #[test]
    fn a_change_that_costs_the_users_is_refused() {
        let change = |action: &str, kind: &str, replacement: Option<&str>| Change {
            action: action.to_owned(),
            resource: "UserPool".to_owned(),
            kind: kind.to_owned(),
            replacement: replacement.map(ToOwned::to_owned),
        };
        let pool = "AWS::Cognito::UserPool";
        assert!(forbids(&[change("Modify", pool, Some("True"))]).is_some());
        assert!(forbids(&[change("Remove", pool, None)]).is_some());
        assert!(forbids(&[change("Modify", pool, Some("Conditional"))]).is_some());
        for kind in ["AWS::Cognito::UserPoolClient", "AWS::Cognito::IdentityPool"] {
            assert!(forbids(&[change("Modify", kind, Some("True"))]).is_some(), "{kind}");
            assert!(forbids(&[change("Remove", kind, None)]).is_some(), "{kind}");
            // CloudFormation says so of what refers to a pool that it changes in place.
            assert_eq!(forbids(&[change("Modify", kind, Some("Conditional"))]), None, "{kind}");
        }
        assert_eq!(
            forbids(&[change("Modify", pool, Some("False")), change("Remove", "AWS::IAM::RolePolicy", None)]),
            None
        );
    }

    #[test]
    fn of_a_failure_the_first_cause_is_told_and_not_what_followed() {
        let event = |resource: &str, status: &str, reason: &str| Event {
            id: String::new(),
            resource: resource.to_owned(),
            kind: "AWS::IAM::Role".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
        };
        let events = [
            event("UserPool", "CREATE_COMPLETE", ""),
            event("Role", "CREATE_FAILED", "not authorized to perform: iam:CreateRole"),
            event("Client", "CREATE_FAILED", "Resource creation cancelled"),
            event("UserPool", "DELETE_FAILED", "is protected"),
        ];
        let told: Vec<&str> = causes(&events).into_iter().map(|event| event.resource.as_str()).collect();
        assert_eq!(told, ["Role"]);
    }
}
