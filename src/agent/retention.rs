//! Sees to it that log groups are as the configuration wants them: their retention is set, once a run, and again when a group had to be
//! made again; one that is of another class than it would have been made of is left, with one warning.
//!
//! That it is refused must not stop records: it is a warning, and tried again later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::logs::Destination;
use crate::record::Monotonic;
use crate::sinks::cloudwatch_logs::CloudWatchLogs;
use tokio::task::JoinSet;

/// How long after a refusal it is tried again.
const PAUSE: Duration = Duration::from_secs(600);

/// What is asked for all groups.
#[derive(Default)]
pub struct Retention {
    /// Groups of which the class is known, or was asked in vain.
    classes: HashSet<Arc<str>>,
    done: HashSet<Arc<str>>,
    tried: HashMap<Arc<str>, Monotonic>,
    setting: JoinSet<(Arc<str>, bool)>,
}

impl Retention {
    /// `group` was made anew: it has no retention yet.
    pub fn forget(&mut self, group: &Arc<str>) {
        self.collect();
        self.classes.remove(group);
        self.done.remove(group);
        self.tried.remove(group);
    }

    /// Records for `to` were accepted: the retention of its group is set where that is still to be done.
    pub fn accepted(&mut self, sink: &CloudWatchLogs, to: &Destination, now: Monotonic) {
        let group = &to.stream.group;
        self.collect();
        if to.group.is_infrequent && self.classes.insert(Arc::clone(group)) {
            tokio::spawn(warn_of_another_class(sink.clone(), Arc::clone(group)));
        }
        let Some(days) = to.group.retention_days.filter(|_| !self.done.contains(group)) else {
            return;
        };
        if self.tried.get(group).is_some_and(|tried| now < tried.after(PAUSE)) {
            return;
        }
        self.tried.insert(Arc::clone(group), now);
        let (sink, group) = (sink.clone(), Arc::clone(group));
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
            if is_set {
                self.done.insert(group);
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
