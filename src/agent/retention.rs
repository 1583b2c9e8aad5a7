//! Sees to it that log groups are as the configuration wants them: their retention is set, once a run, and again when a group had to be
//! made again; one that is of another class than it would have been made of is left, with one warning.
//!
//! That it is refused must not stop records: it is a warning, and tried again later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::logs::Destination;
use crate::record::Monotonic;
use crate::sinks::cloudwatch_logs::CloudWatchLogs;
use tokio::task::JoinSet;

/// How long after a refusal it is tried again.
const PAUSE: Duration = Duration::from_secs(600);

/// A group that took no record for so long is known no more: with `{date}` in its name there is a new one each day. One that comes back
/// has its retention set again, which does nothing.
const REMEMBERED: Duration = Duration::from_secs(3 * 86_400);

/// What is asked for all groups.
#[derive(Default)]
pub struct Retention {
    groups: Groups,
    setting: JoinSet<(Arc<str>, bool)>,
}

/// The groups that took records of late.
#[derive(Debug, Default)]
struct Groups(HashMap<Arc<str>, Group>);

#[derive(Debug, Default)]
struct Group {
    /// When it took records last.
    accepted: Monotonic,
    /// Its class is known, or was asked in vain.
    is_class_asked: bool,
    /// When its retention was set last, or tried to.
    tried: Option<Monotonic>,
    is_set: bool,
}

impl Groups {
    /// The group, which took records just now.
    fn accepted(&mut self, name: &Arc<str>, now: Monotonic) -> &mut Group {
        if !self.0.contains_key(name) {
            self.0.retain(|_, group| now < group.accepted.after(REMEMBERED));
        }
        let group = self.0.entry(Arc::clone(name)).or_default();
        group.accepted = now;
        group
    }
}

impl Group {
    /// Whether its retention is to be set now; that it is tried is noted.
    fn is_to_be_set(&mut self, now: Monotonic) -> bool {
        let is_due = !self.is_set && self.tried.is_none_or(|tried| now >= tried.after(PAUSE));
        if is_due {
            self.tried = Some(now);
        }
        is_due
    }
}

impl Retention {
    /// `group` was made anew: it has no retention yet.
    pub fn forget(&mut self, group: &Arc<str>) {
        self.collect();
        self.groups.0.remove(group);
    }

    /// Records for `to` were accepted: the retention of its group is set where that is still to be done.
    pub fn accepted(&mut self, sink: &CloudWatchLogs, to: &Destination, now: Monotonic) {
        self.collect();
        let name = &to.stream.group;
        let group = self.groups.accepted(name, now);
        if to.group.is_infrequent && !std::mem::replace(&mut group.is_class_asked, true) {
            tokio::spawn(warn_of_another_class(sink.clone(), Arc::clone(name)));
        }
        let Some(days) = to.group.retention_days.filter(|_| group.is_to_be_set(now)) else {
            return;
        };
        let (sink, group) = (sink.clone(), Arc::clone(name));
        self.setting.spawn(async move {
            let result = sink.set_retention(&group, days).await;
            if let Err(error) = &result {
                log::warn!(cause:% = group, days, error:% = error; "the retention of a log group was not set");
            }
            (group, result.is_ok())
        });
    }

    /// Takes in what was set since.
    fn collect(&mut self) {
        while let Some(Ok((group, is_set))) = self.setting.try_join_next() {
            if let Some(group) = self.groups.0.get_mut(&group).filter(|_| is_set) {
                group.is_set = true;
            }
        }
    }
}

/// A group's class is fixed when it is made. Who may not ask has no warning: records go on either way.
async fn warn_of_another_class(sink: CloudWatchLogs, group: Arc<str>) {
    match sink.class_of(&group).await {
        Ok(Some(class)) if class != "INFREQUENT_ACCESS" => {
            log::warn!(cause:% = group, class; "a log group is there already and of another class than log_group_class says: it stays as it is");
        }
        Ok(_) => {}
        Err(error) => log::debug!(cause:% = group, error:%; "the class of a log group is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn over_years_the_groups_of_days_leave_nothing_behind_and_one_that_goes_on_stays_known() {
        let (mut groups, mut now) = (Groups::default(), Monotonic(1));
        let steady: Arc<str> = "steady".into();
        groups.accepted(&steady, now).is_set = true;
        for day in 0..1_000 {
            now = now.after(DAY);
            assert!(groups.accepted(&format!("of-{day}").into(), now).is_to_be_set(now));
            assert!(!groups.accepted(&steady, now).is_to_be_set(now), "it was set already");
        }
        assert!(groups.0.len() <= 5, "{}", groups.0.len());
    }

    #[test]
    fn a_retention_that_was_not_set_is_tried_again_after_a_pause() {
        let (mut groups, now) = (Groups::default(), Monotonic(1));
        let name: Arc<str> = "g".into();
        assert!(groups.accepted(&name, now).is_to_be_set(now));
        let soon = now.after(PAUSE / 2);
        assert!(!groups.accepted(&name, soon).is_to_be_set(soon));
        let later = now.after(PAUSE);
        assert!(groups.accepted(&name, later).is_to_be_set(later));
    }
}
