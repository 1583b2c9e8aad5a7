//! `provision destroy`: deletes the stack, with every user in it.
//!
//! Easy to break: nothing is begun before the answer is there, and the user pool is unprotected by an update of the stack, so
//! that CloudFormation knows of it.

use std::io::BufRead;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use serde_json::json;
use tokio::sync::watch;

use super::deploy::failed;
use super::progress::Progress;
use super::{fleet, interruptible, print_json};
use crate::cli::provision::Destroy;
use crate::commands::print::print;
use crate::commands::{Failure, UNAVAILABLE, USAGE};
use crate::provision::alarms::Alarms;
use crate::provision::changes::{self, Destroying};
use crate::provision::outputs::Outputs;
use crate::provision::stack::{self, Follower, Found};
use crate::provision::users::{self, Pool};

/// Performs the command.
pub async fn perform(options: &Destroy) -> Result<(), Failure> {
    let sdk = super::connect(&options.target).await?;
    let client = Client::new(&sdk);
    let name = &options.target.stack;
    let found = stack::find(&client, name).await?;
    let (first, outputs) = match (changes::destroying(found.as_ref().map(|found| &found.seen)), found) {
        (Destroying::Refuse(text), _) => return Err(Failure::new(UNAVAILABLE, format!("error: {text}"))),
        (Destroying::Nothing, _) | (_, None) => return tell(options, None, None),
        (_, Some(found)) => (found.seen.status.clone(), found.outputs().ok()),
    };
    let users = match &outputs {
        Some(outputs) => count_users(&sdk, outputs).await,
        None => None,
    };
    if !options.yes {
        ask(name, &first, users)?;
    }
    interruptible(name, async {
        let progress = Progress::new();
        if let Some(outputs) = &outputs {
            delete_alarms(&sdk, outputs, &progress).await;
        }
        destroy(&client, &sdk, name, &progress).await
    })
    .await?;
    tell(options, users, outputs.as_ref())
}

/// How many devices could sign in; none where Cognito does not say.
async fn count_users(sdk: &SdkConfig, outputs: &Outputs) -> Option<i32> {
    let client = aws_sdk_cognitoidentityprovider::Client::new(sdk);
    let answer = client.describe_user_pool().user_pool_id(&outputs.user_pool_id).send().await.ok()?;
    Some(answer.user_pool()?.estimated_number_of_users())
}

/// Has the name typed in: a `y` would be typed too easily.
#[allow(clippy::print_stderr, reason = "a question")]
fn ask(name: &str, status: &str, users: Option<i32>) -> Result<(), Failure> {
    let lost = match users {
        Some(1) => "1 system loses its access".to_owned(),
        Some(users) => format!("{users} systems lose their access"),
        None => "every system in it loses its access".to_owned(),
    };
    eprint!(
        "stack `{name}` ({status}) will be deleted with its user pool: {lost}, for good\ntype the stack's name to go on: "
    );
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) if answer.trim() == name => Ok(()),
        _ => Err(Failure::new(USAGE, "nothing was deleted: that is not the stack's name (`--yes` asks nothing)")),
    }
}

/// The alarms of its systems go first: without the users nobody knows any more whose they were. That they cannot be deleted
/// keeps nobody from what he asked for.
async fn delete_alarms(sdk: &SdkConfig, outputs: &Outputs, progress: &Progress) {
    let pool = Pool::new(sdk, &outputs.user_pool_id);
    let road = fleet::road(None, &watch::Sender::new(false));
    let systems = async {
        let users = users::all(&pool, &road).await?;
        Ok(users.into_iter().map(|user| user.name).collect())
    };
    progress.now("deleting the systems' alarms");
    match Alarms::new(sdk, None).delete_all(&road, systems).await {
        Ok(0) => {}
        Ok(count) => progress.say(&format!("  {count} alarms of its systems are deleted")),
        Err(error) => progress.say(&format!("  the systems' alarms stay, and cost, if there are any: {error}")),
    }
}

async fn destroy(client: &Client, sdk: &SdkConfig, name: &str, progress: &Progress) -> Result<(), Failure> {
    while let Some(found) = stack::find(client, name).await? {
        match changes::destroying(Some(&found.seen)) {
            Destroying::Nothing => return Ok(()),
            Destroying::Refuse(text) => return Err(Failure::new(UNAVAILABLE, format!("error: {text}"))),
            Destroying::Wait => {
                progress.say(&format!("stack `{name}` is {}: waiting for its end", found.seen.status));
                Follower::new(client, &found.id).await?.follow(true, |event| progress.event(event)).await?;
            }
            Destroying::Unprotect => {
                unprotect(client, &found, progress).await?;
                return delete(client, &found, progress).await;
            }
            Destroying::Delete => {
                unprotect_by_hand(sdk, &found, progress).await?;
                return delete(client, &found, progress).await;
            }
        }
    }
    Ok(())
}

async fn unprotect(client: &Client, found: &Found, progress: &Progress) -> Result<(), Failure> {
    progress.now("letting the user pool be deleted");
    let follower = Follower::new(client, &found.id).await?;
    if !stack::set(client, found, "DeletionProtection", "INACTIVE").await? {
        return Ok(());
    }
    let followed = follower.follow(false, |event| progress.event(event)).await?;
    if followed.status == "UPDATE_COMPLETE" { Ok(()) } else { Err(failed(&found.seen.name, &followed)) }
}

/// A stack that cannot be updated any more may hold a pool that is protected still: a deletion that was begun elsewhere, or an
/// update that could not be taken back.
async fn unprotect_by_hand(sdk: &SdkConfig, found: &Found, progress: &Progress) -> Result<(), Failure> {
    let Ok(outputs) = found.outputs() else { return Ok(()) };
    if Pool::new(sdk, &outputs.user_pool_id).unprotect().await? {
        progress.say(&format!("  the user pool {} can be deleted now", outputs.user_pool_id));
    }
    Ok(())
}

async fn delete(client: &Client, found: &Found, progress: &Progress) -> Result<(), Failure> {
    progress.now("deleting the stack");
    let follower = Follower::new(client, &found.id).await?;
    stack::delete(client, &found.id).await?;
    let has_begun = found.seen.status == "REVIEW_IN_PROGRESS";
    let followed = follower.follow(has_begun, |event| progress.event(event)).await?;
    if followed.status == "DELETE_COMPLETE" { Ok(()) } else { Err(failed(&found.seen.name, &followed)) }
}

fn tell(options: &Destroy, users: Option<i32>, outputs: Option<&Outputs>) -> Result<(), Failure> {
    let name = &options.target.stack;
    if options.target.json {
        return print_json(&json!({ "stack": name, "deleted": outputs.is_some(), "users": users }));
    }
    let Some(outputs) = outputs else {
        return print(&format!("there is no stack `{name}` any more"));
    };
    let groups: Vec<String> = outputs.log_group_prefixes.iter().map(|prefix| format!("{prefix}/…")).collect();
    print(&format!(
        "stack `{name}` is deleted, with its users\nwhat the devices wrote stays: metrics, and the log groups {}",
        groups.join(", ")
    ))
}
