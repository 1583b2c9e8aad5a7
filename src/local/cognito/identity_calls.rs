//! The operations of identity pools: JSON in, JSON out (AWS JSON 1.1).
//!
//! Pure: no I/O, no clock, no tasks.

use serde_json::{Value, json};

use super::ask::Ask;
use super::chance::Chance;
use super::identity::{IdentityPool, Login};
use super::{Call, Cognito};
use crate::local::operation::Operation;
use crate::local::refusal::Refusal;

/// Does one operation. The answer's body.
pub fn call(cognito: &mut Cognito, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    match call.operation {
        Operation::CreateIdentityPool => {
            asked.text("IdentityPoolName")?;
            let pool = IdentityPool::new(call.region, asked, chance);
            let answer = pool.described();
            cognito.identity_pools.insert(pool.id.clone(), pool);
            Ok(answer)
        }
        Operation::DeleteIdentityPool => {
            let id = pool(cognito, asked)?.id.clone();
            cognito.identity_pools.remove(&id);
            Ok(json!({}))
        }
        Operation::GetCredentialsForIdentity => credentials(cognito, call, asked, chance),
        Operation::GetId => {
            let id = pool(cognito, asked)?.id.clone();
            let Cognito { user_pools, identity_pools, .. } = cognito;
            let pool = identity_pools.get_mut(&id).ok_or_else(|| not_found(&id))?;
            let login = Login::check(pool, user_pools, asked.inner("Logins"), call.now)?;
            Ok(json!({ "IdentityId": pool.identity(&login, chance) }))
        }
        operation => of_pool(pool(cognito, asked)?, operation, asked),
    }
}

fn not_found(id: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("IdentityPool '{id}' not found."))
}

fn pool<'a>(cognito: &'a mut Cognito, asked: Ask<'_>) -> Result<&'a mut IdentityPool, Refusal> {
    let id = asked.text("IdentityPoolId")?;
    cognito.identity_pools.get_mut(id).ok_or_else(|| not_found(id))
}

fn of_pool(pool: &mut IdentityPool, operation: Operation, asked: Ask<'_>) -> Result<Value, Refusal> {
    match operation {
        Operation::DescribeIdentityPool => Ok(pool.described()),
        Operation::UpdateIdentityPool => {
            pool.update(asked);
            Ok(pool.described())
        }
        Operation::SetIdentityPoolRoles => {
            pool.roles = asked.inner("Roles").all();
            Ok(json!({}))
        }
        Operation::GetIdentityPoolRoles => Ok(json!({ "IdentityPoolId": pool.id, "Roles": pool.roles })),
        Operation::SetPrincipalTagAttributeMap => {
            let provider = asked.text("IdentityProviderName")?;
            let mut map = asked.all();
            map.retain(|name, _| ["UseDefaults", "PrincipalTags"].contains(&name.as_str()));
            pool.tags.insert(provider.to_owned(), map);
            Ok(pool.tags_of(provider))
        }
        Operation::GetPrincipalTagAttributeMap => Ok(pool.tags_of(asked.text("IdentityProviderName")?)),
        _ => Err(crate::local::log_calls::unknown()),
    }
}

fn credentials(cognito: &mut Cognito, call: &Call<'_>, asked: Ask<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
    let identity = asked.text("IdentityId")?;
    let key = *cognito.key.get_or_insert_with(|| chance.bytes());
    let pool = cognito.identity_pools.values().find(|pool| pool.knows(identity));
    let not_found = || Refusal::new("ResourceNotFoundException", format!("Identity '{identity}' not found."));
    let pool = pool.ok_or_else(not_found)?;
    let login = Login::check(pool, &cognito.user_pools, asked.inner("Logins"), call.now)?;
    pool.credentials(identity, &login, cognito.settings.credential_lifetime, &key, call.now, chance)
}
