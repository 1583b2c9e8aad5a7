//! The users of a pool: what is asked of Cognito, one request a function.
//!
//! Nothing here waits or tries again: `road` does. The rule that is easy to break: what Cognito lists is a moment old; before
//! something is done that would be wrong for another state, a user is asked for by name.

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_sdk_cognitoidentityprovider::types::{
    AdminCreateUserConfigType, DeletionProtectionType, MessageActionType, UserStatusType,
};

use super::call::CallError;
use super::enrolment::User;
use super::pace::Category;
use super::road::Road;
use crate::config::Secret;

/// The most that `ListUsers` gives at once (model of cognito-idp in botocore 1.43.11, read 2026-11-21).
const PAGE: i32 = 60;

/// A user pool.
#[derive(Clone, Debug)]
pub struct Pool {
    client: Client,
    id: String,
}

/// A user as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The instance id of its system.
    pub name: String,
    /// What it is ready for.
    pub user: User,
    /// Cognito's word for that.
    pub state: String,
    /// Seconds since 1970 at which it was made.
    pub made: Option<i64>,
    /// Whether it may sign in.
    pub is_enabled: bool,
}

impl Pool {
    /// The pool of that id.
    pub fn new(sdk: &SdkConfig, id: &str) -> Self {
        // A request that fails goes back into the queue with its category's pace: the SDK would try again past it.
        let settings = Builder::from(sdk).retry_config(RetryConfig::disabled());
        Self { client: Client::from_conf(settings.build()), id: id.to_string() }
    }

    /// The pool's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A page of its users, and the token of the next page where there is one.
    ///
    /// # Errors
    /// What Cognito says.
    pub async fn page(&self, token: Option<String>) -> Result<(Vec<Listed>, Option<String>), CallError> {
        let asked = self.client.list_users().user_pool_id(&self.id).limit(PAGE).set_pagination_token(token);
        // Their attributes are nobody's business here.
        let answer = asked.set_attributes_to_get(Some(Vec::new())).send().await;
        let answer = answer.map_err(|error| CallError::new("listing the users", error))?;
        let listed = answer.users.unwrap_or_default().into_iter().map(|user| Listed {
            name: user.username.unwrap_or_default(),
            user: user_of(user.user_status.as_ref()),
            state: user.user_status.as_ref().map(ToString::to_string).unwrap_or_default(),
            made: user.user_create_date.map(|made| made.secs()),
            is_enabled: user.enabled,
        });
        Ok((listed.collect(), answer.pagination_token))
    }

    /// How one user stands now.
    ///
    /// # Errors
    /// What Cognito says, unless it is that there is no such user.
    pub async fn user(&self, name: &str) -> Result<User, CallError> {
        match self.client.admin_get_user().user_pool_id(&self.id).username(name).send().await {
            Ok(answer) => Ok(user_of(answer.user_status.as_ref())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_user_not_found_exception()) => {
                Ok(User::Absent)
            }
            Err(error) => Err(CallError::new(format!("looking for user {name}"), error)),
        }
    }

    /// Makes a user without a password. Whether there was none before.
    ///
    /// # Errors
    /// What Cognito says, unless it is that there is one.
    pub async fn create(&self, name: &str) -> Result<bool, CallError> {
        let asked = self.client.admin_create_user().user_pool_id(&self.id).username(name);
        match asked.message_action(MessageActionType::Suppress).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_username_exists_exception()) => {
                Ok(false)
            }
            Err(error) => Err(CallError::new(format!("making user {name}"), error)),
        }
    }

    /// Sets a user's password, for good.
    ///
    /// # Errors
    /// What Cognito says.
    pub async fn set_password(&self, name: &str, password: &Secret) -> Result<(), CallError> {
        let asked = self.client.admin_set_user_password().user_pool_id(&self.id).username(name);
        let answer = asked.password(password.reveal()).permanent(true).send().await;
        answer.map(drop).map_err(|error| CallError::new(format!("setting the password of {name}"), error))
    }

    /// Ends every session of a user: its refresh tokens serve no more.
    ///
    /// # Errors
    /// What Cognito says.
    pub async fn sign_out(&self, name: &str) -> Result<(), CallError> {
        let answer = self.client.admin_user_global_sign_out().user_pool_id(&self.id).username(name).send().await;
        answer.map(drop).map_err(|error| CallError::new(format!("ending the sessions of {name}"), error))
    }

    /// Lets the pool itself be deleted. Whether it could not be before, and is there at all.
    ///
    /// # Errors
    /// What Cognito says.
    pub async fn unprotect(&self) -> Result<bool, CallError> {
        let answer = match self.client.describe_user_pool().user_pool_id(&self.id).send().await {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                return Ok(false);
            }
            answer => answer.map_err(|error| CallError::new(format!("looking at user pool {}", self.id), error))?,
        };
        let Some(pool) = answer.user_pool else { return Ok(false) };
        if pool.deletion_protection != Some(DeletionProtectionType::Active) {
            return Ok(false);
        }
        // What an update leaves out is reset, and strangers could sign up until the pool is gone.
        let only_admin = pool.admin_create_user_config.map(|config| config.allow_admin_create_user_only);
        let only_admin = AdminCreateUserConfigType::builder().allow_admin_create_user_only(only_admin.unwrap_or(true));
        let asked = self.client.update_user_pool().user_pool_id(&self.id).admin_create_user_config(only_admin.build());
        let asked = asked.set_policies(pool.policies).set_account_recovery_setting(pool.account_recovery_setting);
        let asked = asked.set_mfa_configuration(pool.mfa_configuration).set_user_pool_tags(pool.user_pool_tags);
        let answer = asked.deletion_protection(DeletionProtectionType::Inactive).send().await;
        answer.map_err(|error| CallError::new(format!("letting user pool {} be deleted", self.id), error))?;
        Ok(true)
    }

    /// Deletes a user. Whether there was one.
    ///
    /// # Errors
    /// What Cognito says, unless it is that there is no such user.
    pub async fn delete(&self, name: &str) -> Result<bool, CallError> {
        match self.client.admin_delete_user().user_pool_id(&self.id).username(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_user_not_found_exception()) => {
                Ok(false)
            }
            Err(error) => Err(CallError::new(format!("deleting user {name}"), error)),
        }
    }
}

/// Every user of a pool.
///
/// # Errors
/// What Cognito says.
pub async fn all(pool: &Pool, road: &Road) -> Result<Vec<Listed>, CallError> {
    let mut users = Vec::new();
    let mut token = None;
    loop {
        let page = road.send("ListUsers", Category::UserList, || pool.page(token.clone())).await;
        let (listed, next) = page?;
        users.extend(listed);
        token = next;
        if token.is_none() {
            return Ok(users);
        }
    }
}

fn user_of(state: Option<&UserStatusType>) -> User {
    match state {
        Some(UserStatusType::ForceChangePassword) => User::HalfMade,
        Some(UserStatusType::Confirmed) => User::Complete,
        Some(other) => User::Stuck(other.to_string()),
        None => User::Stuck("of no state".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cognito_calls_a_state_is_what_may_be_done() {
        assert_eq!(user_of(Some(&UserStatusType::ForceChangePassword)), User::HalfMade);
        assert_eq!(user_of(Some(&UserStatusType::Confirmed)), User::Complete);
        assert_eq!(user_of(Some(&UserStatusType::ResetRequired)), User::Stuck("RESET_REQUIRED".to_string()));
    }
}
