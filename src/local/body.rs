//! The body of an answer: whole, or cut off in the middle on purpose.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::http::Lost;

/// How long the first part of an answer that is cut has to arrive before the connection is closed.
const CUT_AFTER: Duration = Duration::from_millis(20);
/// How many bytes a cut answer promises beyond those that it has.
const MISSING_BYTES: u64 = 64;

/// The bytes of an answer.
pub(super) struct Body {
    bytes: Bytes,
    cut: Option<Pin<Box<Sleep>>>,
}

impl Body {
    /// All of it.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), cut: None }
    }

    /// Promises more than it has, sends half of that, and fails.
    pub fn cut(self) -> Self {
        let half = self.bytes.len() / 2;
        Self { bytes: self.bytes.slice(..half), cut: Some(Box::pin(sleep(CUT_AFTER))) }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        match &mut self.cut {
            None => Poll::Ready(None),
            Some(cut) => cut.as_mut().poll(context).map(|()| Some(Err(Lost))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let missing = if self.cut.is_some() { MISSING_BYTES } else { 0 };
        SizeHint::with_exact(self.bytes.len() as u64 + missing)
    }
}
