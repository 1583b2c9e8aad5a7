//! What Cognito said no with, what that means, and the sentence for the one who has to mend it.
//!
//! Codes and texts: service models of both Cognito services in botocore 1.43.11 and the Cognito developer guide, read
//! 2026-11-21. A sentence names the user and the pool and says what to do; nothing secret is ever a part of it, since
//! Cognito's own words hold none.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::flow::Step;
use crate::auth::error::{SignInError, beginning};
use crate::delivery::outcome::SendError;

/// A request that was not answered as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's code; empty where there was no answer, or one that is not AWS's.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// The HTTP status; none where there was no answer.
    pub status: Option<u16>,
    /// What the table of all services makes of it.
    pub reaction: SendError,
}

/// Who signs in where: for the sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user's name.
    pub user: String,
    /// The user pool.
    pub user_pool: String,
    /// The identity pool.
    pub identity_pool: String,
    /// The app client.
    pub client: String,
    /// Where the password lies.
    pub password: String,
    /// Whether another password there is seen by a new process only.
    pub needs_restart: bool,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Busy,
    No,
}

impl Refusal {
    /// Whether it is about this request, not about the moment.
    pub fn is_no(&self) -> bool {
        self.kind() == Kind::No
    }

    /// Whether the endpoint may not know the operation at all: it is newer than some stand-ins. Without a code even a fault of
    /// the server may mean that.
    pub fn is_unknown_operation(&self) -> bool {
        match self.code.as_str() {
            "UnknownOperationException"
            | "UnsupportedOperationException"
            | "OperationNotEnabledException"
            | "FeatureUnavailableInTierException"
            | "InvalidAction"
            | "NotImplemented" => true,
            "" => matches!(self.status, Some(404 | 500 | 501)),
            _ => false,
        }
    }

    /// Whether the app client offers no SRP.
    pub fn is_srp_not_enabled(&self) -> bool {
        self.code == "InvalidParameterException"
            && self.message.contains("USER_SRP_AUTH")
            && self.message.contains("not enabled")
    }

    /// Whether another identity id may help: this one is of a user who was deleted and made again, or is gone; or the user
    /// belongs to another one by now.
    pub fn may_be_about_identity(&self) -> bool {
        let codes = ["NotAuthorizedException", "ResourceNotFoundException", "ResourceConflictException"];
        codes.contains(&self.code.as_str()) && !self.is_about_id_token()
    }

    /// Whether it is the id token that the identity pool does not take.
    pub fn is_about_id_token(&self) -> bool {
        self.code == "NotAuthorizedException" && self.message.starts_with("Invalid login token")
    }

    fn kind(&self) -> Kind {
        match (self.code.as_str(), &self.reaction) {
            (
                "InternalErrorException"
                | "ExternalServiceException"
                | "ResourceConflictException"
                | "ConcurrentModificationException"
                | "UnexpectedLambdaException"
                // A web ACL: its rule may be one of rate, which passes.
                | "ForbiddenException",
                _,
            )
            | (_, SendError::Busy { .. }) => Kind::Busy,
            // Whatever it is, it is not AWS that says it: a portal, a proxy.
            ("", _) => Kind::Unreachable,
            _ => Kind::No,
        }
    }

    /// The sentence, as the failure of the attempt.
    pub fn explain(&self, step: Step, who: &Who) -> SignInError {
        let doing = who.doing(step);
        match self.kind() {
            Kind::Unreachable => {
                let detail = detail(&self.reaction);
                SignInError::Unreachable(format!("{doing}: no answer from AWS: {}", beginning(detail)))
            }
            Kind::Busy if self.code == "ForbiddenException" => {
                let pool = &who.user_pool;
                let words = self.words();
                SignInError::Busy(format!(
                    "{doing}: Cognito says `{words}`: a web ACL of the user pool `{pool}` (AWS WAF) is in the way"
                ))
            }
            Kind::Busy => SignInError::Busy(format!("{doing}: Cognito asks for patience: {}", self.words())),
            Kind::No => {
                SignInError::Rejected(format!("{doing}: Cognito says `{}`: {}", self.words(), self.advice(step, who)))
            }
        }
    }

    fn words(&self) -> Cow<'_, str> {
        if self.message.is_empty() { self.code.as_str().into() } else { beginning(&self.message) }
    }

    /// What to do.
    fn advice(&self, step: Step, who: &Who) -> String {
        let Who { user, user_pool, identity_pool, client, password, .. } = who;
        match (self.code.as_str(), step) {
            ("NotAuthorizedException", Step::Identify | Step::Exchange) => format!(
                "the identity pool `{identity_pool}` has to take users of `{user_pool}` with the app client `{client}`; check \
                 the ids in agent.authentication against those that `provision deploy` prints"
            ),
            ("NotAuthorizedException", _) if self.message.contains("attempts exceeded") => {
                format!("too many wrong passwords; {}", who.right_password())
            }
            ("NotAuthorizedException", _) if self.message.contains("disabled") => {
                format!(
                    "enable the user (`aws cognito-idp admin-enable-user --user-pool-id {user_pool} --username {user}`)"
                )
            }
            ("NotAuthorizedException", _) if self.message.to_lowercase().contains("secret") => {
                format!("the app client `{client}` must be one without a secret")
            }
            ("NotAuthorizedException", _) => {
                format!("the password in {password} is wrong, or there is no such user; {}", who.right_password())
            }
            ("UserNotFoundException", _) => {
                format!("add the user with `cloudwatch-publisher provision users`, or check the instance id `{user}`")
            }
            ("PasswordResetRequiredException", _) => {
                format!("an administrator wants another password; {}", who.right_password())
            }
            ("UserNotConfirmedException", _) => format!(
                "confirm the user (`aws cognito-idp admin-confirm-sign-up --user-pool-id {user_pool} --username {user}`)"
            ),
            ("ResourceNotFoundException", Step::Identify | Step::Exchange) => {
                format!("check identityPoolId `{identity_pool}` in agent.authentication")
            }
            ("ResourceNotFoundException", _) => {
                format!("check userPoolId `{user_pool}` and appClientId `{client}` in agent.authentication")
            }
            ("InvalidIdentityPoolConfigurationException", _) => format!(
                "the identity pool `{identity_pool}` has no role for those who signed in, or one that does not trust it; \
                 `cloudwatch-publisher provision deploy` sets it up"
            ),
            ("InvalidParameterException", Step::SendPassword) if self.message.contains("not enabled") => {
                format!("turn on ALLOW_USER_SRP_AUTH for the app client `{client}`")
            }
            ("LimitExceededException", _) => "a quota of the AWS account is used up; ask AWS for more".to_owned(),
            (code, _) => format!("it is a {code}; check the ids in agent.authentication and the set-up of the pools"),
        }
    }
}

impl Who {
    /// What is being done.
    pub fn doing(&self, step: Step) -> String {
        let Self { user, user_pool, identity_pool, .. } = self;
        match step {
            Step::Identify | Step::Exchange => {
                format!("asking the identity pool `{identity_pool}` for credentials of `{user}`")
            }
            _ => format!("signing in as `{user}` to the user pool `{user_pool}`"),
        }
    }

    /// What a challenge that no program can answer needs.
    pub fn challenged(&self, step: Step, challenge: &str) -> SignInError {
        let Self { user, user_pool, .. } = self;
        let doing = self.doing(step);
        let advice = match challenge {
            "NEW_PASSWORD_REQUIRED" => format!(
                "the password is a temporary one; make a lasting one with `cloudwatch-publisher provision rotate {user}`, or \
                 with `aws cognito-idp admin-set-user-password --permanent`"
            ),
            _ => format!(
                "a device cannot answer it; turn multi-factor authentication and the like off for the user pool `{user_pool}`"
            ),
        };
        SignInError::Rejected(format!("{doing}: Cognito asks for {challenge}: {advice}"))
    }

    fn right_password(&self) -> String {
        let Self { user, password, .. } = self;
        let restart = if self.needs_restart { " and restart the service, which does not see it before" } else { "" };
        format!(
            "set the right one in {password}{restart}, or make another with `cloudwatch-publisher provision rotate {user}`"
        )
    }
}

fn detail(reaction: &SendError) -> &str {
    match reaction {
        SendError::Busy { detail, .. }
        | SendError::Unreachable { detail }
        | SendError::Unauthorised { detail }
        | SendError::Forbidden { detail }
        | SendError::MissingDestination { detail }
        | SendError::Refused { detail } => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(needs_restart: bool) -> Who {
        Who {
            user: "rpi-1".into(),
            user_pool: "eu-west-1_Abc".into(),
            identity_pool: "eu-west-1:1-2".into(),
            client: "client".into(),
            password: "`/etc/password`".into(),
            needs_restart,
        }
    }

    fn refusal(code: &str, message: &str) -> Refusal {
        let detail = "no route to host".to_owned();
        let reaction = match code {
            "TooManyRequestsException" => SendError::Busy { retry_after: None, detail },
            "" => SendError::Unreachable { detail },
            _ => SendError::Forbidden { detail },
        };
        Refusal { code: code.into(), message: message.into(), status: Some(400), reaction }
    }

    #[test]
    fn each_refusal_says_who_where_and_what_to_do() {
        let cases = [
            (Step::Prove, "NotAuthorizedException", "Incorrect username or password.", "`/etc/password` is wrong"),
            (Step::Prove, "NotAuthorizedException", "Password attempts exceeded", "too many wrong passwords"),
            (Step::Prove, "NotAuthorizedException", "User is disabled.", "admin-enable-user"),
            (
                Step::Prove,
                "NotAuthorizedException",
                "Client c is configured with secret but SECRET_HASH was not received",
                "without a secret",
            ),
            (Step::Prove, "UserNotFoundException", "User does not exist.", "provision users"),
            (Step::Prove, "PasswordResetRequiredException", "Password reset required", "provision rotate rpi-1"),
            (Step::Prove, "UserNotConfirmedException", "User is not confirmed.", "admin-confirm-sign-up"),
            (Step::Prove, "ResourceNotFoundException", "User pool does not exist.", "userPoolId `eu-west-1_Abc`"),
            (Step::Identify, "ResourceNotFoundException", "IdentityPool not found.", "identityPoolId `eu-west-1:1-2`"),
            (Step::Exchange, "NotAuthorizedException", "Logins don't match.", "has to take users"),
            (Step::Exchange, "InvalidIdentityPoolConfigurationException", "Invalid", "no role"),
            (Step::SendPassword, "InvalidParameterException", "flow not enabled", "ALLOW_USER_SRP_AUTH"),
            (Step::Identify, "LimitExceededException", "", "quota"),
            (Step::Prove, "SomethingNew", "x", "SomethingNew"),
        ];
        for (step, code, message, advice) in cases {
            let SignInError::Rejected(text) = refusal(code, message).explain(step, &who(false)) else {
                panic!("{code} is for a person to mend");
            };
            assert!(text.contains(advice), "{code}: {text}");
            assert!(text.contains("`rpi-1`") && text.contains("eu-west-1"), "{text}");
            assert!(!text.contains('\n') && !text.contains("restart"), "{text}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_not_for_a_person() {
        for code in ["TooManyRequestsException", "InternalErrorException", "ExternalServiceException"] {
            let error = refusal(code, "later").explain(Step::Exchange, &who(false));
            assert!(matches!(error, SignInError::Busy(_)), "{code}: {error}");
        }
        let error = refusal("ForbiddenException", "Forbidden").explain(Step::Prove, &who(false));
        assert!(matches!(&error, SignInError::Busy(text) if text.contains("AWS WAF")), "{error}");
        let error = refusal("", "").explain(Step::Prove, &who(false));
        assert!(matches!(&error, SignInError::Unreachable(text) if text.contains("no route to host")), "{error}");
    }

    #[test]
    fn a_password_that_only_a_new_process_sees_asks_for_a_restart() {
        let error =
            refusal("NotAuthorizedException", "Incorrect username or password.").explain(Step::Prove, &who(true));
        assert!(error.to_string().contains("restart the service"), "{error}");
    }

    #[test]
    fn a_challenge_is_named_with_what_to_do() {
        let error = who(false).challenged(Step::Prove, "NEW_PASSWORD_REQUIRED").to_string();
        assert!(error.contains("provision rotate rpi-1") && error.contains("--permanent"), "{error}");
        assert!(who(false).challenged(Step::Prove, "SMS_MFA").to_string().contains("asks for SMS_MFA"));
    }

    #[test]
    fn long_words_are_cut_and_stay_on_one_line() {
        let error = refusal("SomethingNew", &"a\nb".repeat(1000)).explain(Step::Prove, &who(false)).to_string();
        assert!(error.len() < 800 && !error.contains('\n'), "{error}");
    }
}
