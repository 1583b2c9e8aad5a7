//! The operations of user pools: JSON in, JSON out (AWS JSON 1.1).
//!
//! Pure: no I/O, no clock, no tasks.

use serde_json::{Value, json};

use super::ask::Ask;
use super::chance::Chance;
use super::pools::{Client, UserPool, no_client};
use super::users::{self, Status, User, check_name};
use super::{Call, Cognito};
use crate::local::operation::Operation;
use crate::local::refusal::Refusal;

/// Does one operation. The answer's body.
pub fn call(cognito: &mut Cognito, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    match call.operation {
        Operation::CreateUserPool => {
            asked.text("PoolName")?;
            let pool = UserPool::new(call.region, asked, call.now, chance);
            let answer = pool.described();
            cognito.user_pools.insert(pool.id.clone(), pool);
            Ok(answer)
        }
        Operation::DeleteUserPool => {
            let pool = pool(cognito, asked)?;
            pool.check_protection()?;
            let id = pool.id.clone();
            cognito.user_pools.remove(&id);
            Ok(json!({}))
        }
        Operation::InitiateAuth
        | Operation::RespondToAuthChallenge
        | Operation::GetTokensFromRefreshToken
        | Operation::RevokeToken => of_client(cognito, call, asked, chance),
        _ => of_pool(pool(cognito, asked)?, call, asked, chance),
    }
}

fn pool<'a>(cognito: &'a mut Cognito, asked: Ask<'_>) -> Result<&'a mut UserPool, Refusal> {
    let id = asked.text("UserPoolId")?;
    let missing = || Refusal::new("ResourceNotFoundException", format!("User pool {id} does not exist."));
    cognito.user_pools.get_mut(id).ok_or_else(missing)
}

/// What names a client and no pool.
fn of_client(cognito: &mut Cognito, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    let id = asked.text("ClientId")?;
    let pool =
        cognito.user_pools.values_mut().find(|pool| pool.clients.contains_key(id)).ok_or_else(|| no_client(id))?;
    let client = pool.client(id)?.clone();
    match call.operation {
        Operation::InitiateAuth => pool.initiate(&client, asked, call.now, chance),
        Operation::RespondToAuthChallenge => pool.respond(&client, asked, call.now, chance),
        Operation::GetTokensFromRefreshToken => pool.refresh(&client, asked.text("RefreshToken")?, call.now, chance),
        _ => {
            pool.revoke(id, asked.text("Token")?);
            Ok(json!({}))
        }
    }
}

/// What names a pool that is there.
fn of_pool(pool: &mut UserPool, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    let now = call.now;
    match call.operation {
        Operation::DescribeUserPool => Ok(pool.described()),
        Operation::UpdateUserPool => {
            pool.update(asked, now);
            Ok(json!({}))
        }
        Operation::CreateUserPoolClient => {
            asked.text("ClientName")?;
            let client = Client::new(asked, now, chance)?;
            let answer = client.described(&pool.id);
            pool.clients.insert(client.id.clone(), client);
            Ok(answer)
        }
        Operation::DescribeUserPoolClient => Ok(pool.client(asked.text("ClientId")?)?.described(&pool.id)),
        Operation::UpdateUserPoolClient => {
            let id = asked.text("ClientId")?;
            let client = pool.clients.get_mut(id).ok_or_else(|| no_client(id))?;
            client.update(asked, now)?;
            Ok(client.described(&pool.id))
        }
        Operation::DeleteUserPoolClient => {
            let id = asked.text("ClientId")?;
            pool.clients.remove(id).ok_or_else(|| no_client(id))?;
            Ok(json!({}))
        }
        Operation::ListUsers => users::list(&pool.users, asked),
        Operation::AdminCreateUser => create_user(pool, call, asked, chance),
        _ => of_user(pool, call, asked, chance),
    }
}

fn create_user(pool: &mut UserPool, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    let name = asked.text("Username")?;
    check_name(name)?;
    let key = pool.key_of(name);
    let is_again = asked.given("MessageAction") == Some("RESEND");
    if !is_again && pool.users.contains_key(&key) {
        return Err(Refusal::new("UsernameExistsException", "User account already exists"));
    }
    let password = match asked.given("TemporaryPassword") {
        Some(password) => {
            pool.policy.check(password)?;
            password.to_owned()
        }
        None => chance.word::<32>(),
    };
    if is_again {
        let user = pool.user(name)?;
        if user.status != Status::ForceChangePassword {
            return Err(Refusal::new("UnsupportedUserStateException", "User is already confirmed."));
        }
        user.set_password(&password, false, call.now, chance);
        return Ok(json!({ "User": user.described("Attributes") }));
    }
    let attributes = asked.list("UserAttributes").map(Ask::of);
    let attributes = attributes.filter_map(|one| Some((one.given("Name")?.to_owned(), one.given("Value")?.to_owned())));
    let user = User::new(name, attributes.collect(), &password, call.now, chance);
    let answer = json!({ "User": user.described("Attributes") });
    pool.users.insert(key, user);
    Ok(answer)
}

/// What names a user who is there.
fn of_user(pool: &mut UserPool, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    let policy = pool.policy;
    let name = asked.text("Username")?;
    let key = pool.key_of(name);
    let user = pool.user(name)?;
    let sub = user.sub.clone();
    match call.operation {
        Operation::AdminGetUser => return Ok(user.described("UserAttributes")),
        Operation::AdminSetUserPassword => {
            let password = asked.text("Password")?;
            policy.check(password)?;
            user.set_password(password, asked.flag("Permanent") == Some(true), call.now, chance);
        }
        Operation::AdminEnableUser => user.is_enabled = true,
        Operation::AdminDisableUser => {
            user.is_enabled = false;
            pool.sign_out(&sub);
        }
        Operation::AdminUserGlobalSignOut => pool.sign_out(&sub),
        Operation::AdminDeleteUser => {
            pool.users.remove(&key);
            pool.sign_out(&sub);
        }
        _ => return Err(crate::local::log_calls::unknown()),
    }
    Ok(json!({}))
}
