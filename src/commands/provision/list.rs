//! `provision list`: the systems that have a user.

use serde_json::json;
use tokio::sync::watch;

use super::super::Failure;
use super::super::print::print;
use super::fleet;
use crate::cli::provision::List;
use crate::provision::enrolment::User;
use crate::provision::users::{Listed, Pool, all};

/// Performs the command.
pub async fn perform(options: &List) -> Result<(), Failure> {
    let (sdk, stack) = fleet::reach(&options.target).await?;
    let pool = Pool::new(&sdk, &stack.user_pool_id);
    let mut users = all(&pool, &fleet::road(None, &watch::Sender::new(false))).await?;
    users.sort_by(|a, b| a.name.cmp(&b.name));
    if options.target.json {
        let rows = users.iter().map(
            |user| json!({"system": user.name, "state": state(user), "made": made(user), "enabled": user.is_enabled}),
        );
        return super::print_json(&rows.collect::<serde_json::Value>());
    }
    let width = users.iter().map(|user| user.name.len()).max().unwrap_or_default().max("SYSTEM".len());
    let mut lines = vec![format!("{:width$}  {:<10}  {:<20}  ENABLED", "SYSTEM", "STATE", "MADE")];
    for user in &users {
        let enabled = if user.is_enabled { "yes" } else { "no" };
        let made = made(user).unwrap_or_default();
        lines.push(format!("{:width$}  {:<10}  {made:<20}  {enabled}", user.name, state(user)));
    }
    print(&lines.join("\n"))
}

fn state(user: &Listed) -> String {
    match &user.user {
        User::Complete => "ready".to_owned(),
        User::HalfMade => "half made".to_owned(),
        User::Absent | User::Stuck(_) => user.state.clone(),
    }
}

/// In UTC, to the second.
fn made(user: &Listed) -> Option<String> {
    jiff::Timestamp::from_second(user.made?).ok().map(|at| at.to_string())
}
