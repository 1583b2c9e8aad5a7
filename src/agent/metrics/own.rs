//! What the agent says of itself: the figures of the section `self`.

use tokio::sync::watch;

use crate::record::Status;
use crate::sources::host::reading::Reading;

/// Looks at how the agent fares.
pub struct Own {
    _status: watch::Receiver<Status>,
}

impl Own {
    /// What is told from now on counts.
    pub fn new(status: watch::Receiver<Status>) -> Self {
        Self { _status: status }
    }

    /// The figures of this moment.
    pub fn readings(&mut self) -> Vec<Reading> {
        Vec::new()
    }
}
