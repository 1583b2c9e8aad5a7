//! What the log thread does with a look at the folders: takes up what appeared, lets go of what is gone, deletes what is settled.

use std::time::Duration;

use super::super::{Action, Urgency};
use super::{Going, LogThread};
use crate::record::{FileId, Monotonic};
use crate::sources::file::{Change, SavedKey};
use crate::state::{Changes, FileKey};

/// A look at least this often: a new file is noticed within it, whatever becomes of notifications.
pub(super) const LOOK_PAUSE: Duration = Duration::from_secs(2);
/// Between two looks at the least, however many notifications come.
const LOOK_PAUSE_BUSY: Duration = Duration::from_millis(200);
/// A look may take a share of the time of one in this.
const LOOK_SHARE: u32 = 50;
/// But the pause before the next is no longer than this, or than the look itself: a new file is to be found.
pub(super) const LONGEST_LOOK_PAUSE: Duration = Duration::from_secs(60);
impl LogThread {
    pub(super) fn look(&mut self, now: Monotonic) {
        let changes = self.files.look(now);
        let took = self.clock.now().since(now);
        self.rest_after_look(now, took);
        let mut to_save = Changes::default();
        if !std::mem::replace(&mut self.has_looked, true) {
            // From now on a file that was not there is a new one, also when it comes while nobody looks.
            to_save.entries.clone_from(&self.keys);
        }
        for change in changes {
            self.take_in(change, &mut to_save);
        }
        if !to_save.is_empty() {
            self.save(to_save, Urgency::Now);
        }
    }

    /// Deletes a file of which everything is acknowledged and saved, unless something became of it since.
    pub(super) fn remove(&mut self, file: FileId) {
        if self.going != Going::On || !self.pipeline.is_settled(file) {
            return;
        }
        let Some(removed) = self.files.remove(file) else { return };
        match removed {
            Ok(change) => {
                self.removed += 1;
                self.take_in(change, &mut Changes::default());
            }
            Err((path, error)) => {
                log::warn!(path:% = path.display(), error:%; "cannot delete a rotated file; it is tried again");
            }
        }
    }

    pub(super) fn rest_after_look(&mut self, now: Monotonic, took: Duration) {
        let share = took.saturating_mul(LOOK_SHARE).min(LONGEST_LOOK_PAUSE.max(took));
        self.looks_not_before = now.after(took + LOOK_PAUSE_BUSY.max(share));
        self.next_look = now.after(took + LOOK_PAUSE.max(share));
    }

    pub(super) fn take_in(&mut self, change: Change, to_save: &mut Changes) {
        match change {
            Change::Appeared { file, entry, path, stream, from } => {
                log::info!(path:% = path.display(), stream:% = stream, from; "following a file");
                let stream = self.stream(stream, entry);
                self.pipeline.follow(file, stream, entry);
            }
            Change::Replaced { old, new, entry, path, stream } => {
                self.pipeline.retire(old);
                log::info!(path:% = path.display(); "a file began anew");
                let stream = self.stream(stream, entry);
                self.pipeline.follow(new, stream, entry);
            }
            Change::Moved { from, to, .. } => {
                let to = to.as_ref().map_or_else(|| "elsewhere".into(), |to| to.display().to_string());
                log::debug!(path:% = from.display(), to; "a file was moved");
            }
            Change::Gone { file, path, forget } => {
                log::info!(path:% = path.display(); "a file is followed no more");
                file.into_iter().for_each(|file| self.pipeline.forget(file));
                let key = |key: SavedKey| FileKey { entry: key.entry, device: key.device, inode: key.inode };
                to_save.forget.extend(forget.map(key));
            }
            Change::Save(saved) => to_save.save.push(saved),
            Change::Retire { file, saved } => {
                let _ = self.outbox.send(Action::Retire(file, saved));
            }
            Change::Removed { path, bytes } => {
                log::info!(path:% = path.display(), bytes; "deleted a rotated file: all of it is acknowledged");
            }
            Change::LetGo { path, bytes, .. } => {
                log::error!(path:% = path.display(), bytes; "a deleted file was let go before all of it was sent");
            }
            Change::Unreadable { path, error } => {
                log::warn!(path:% = path.display(), error; "cannot read; it is tried again on every look");
            }
        }
    }
}
