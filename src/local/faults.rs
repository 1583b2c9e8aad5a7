//! The ways in which the endpoint misbehaves on request, for tests: which fault meets which request.
//!
//! Faults are met in the order in which they were asked for; one that is used up makes way for the next.
//!
//! Pure: no I/O, no clock, no tasks.

use std::time::Duration;

use super::operation::Operation;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Takes the request and never answers. Nothing is applied.
    Hang,
    /// Applies the request and closes the connection in the middle of the answer.
    Reset,
    /// Applies the request and closes the connection without a word.
    LoseAnswer,
    /// Answers with this HTTP status. Nothing is applied.
    Status(u16),
    /// Answers `ThrottlingException`. Nothing is applied.
    Throttle,
    /// Waits before it treats the request as usual. A client that leaves meanwhile has sent nothing.
    Slow(Duration),
    /// Answers with this error. Nothing is applied, but for `DataAlreadyAcceptedException`, which says that it was.
    Code {
        /// The error's name, such as `ExpiredTokenException`.
        code: &'static str,
        /// The HTTP status it comes with.
        status: u16,
    },
    /// `InvalidParameterException` for every batch of log events that holds this text.
    Poison(String),
    /// `InvalidParameterValueException` for every PutMetricData that holds a datum of this name.
    PoisonMetric(String),
    /// The endpoint's clock is that many milliseconds ahead: in `Date`, for signatures, and for what is too old or too new.
    /// Lasts until the endpoint behaves again, however many times are asked for.
    ClockAhead(i64),
}

impl Fault {
    /// A short name for counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hang => "Hang",
            Self::Reset => "Reset",
            Self::LoseAnswer => "LoseAnswer",
            Self::Status(_) => "Status",
            Self::Throttle => "ThrottlingException",
            Self::Slow(_) => "Slow",
            Self::Code { code, .. } => code,
            Self::Poison(_) => "Poison",
            Self::PoisonMetric(_) => "PoisonMetric",
            Self::ClockAhead(_) => "ClockAhead",
        }
    }

    /// Whether it lies in wait for a certain content rather than for the next request.
    fn is_about_content(&self) -> bool {
        matches!(self, Self::Poison(_) | Self::PoisonMetric(_) | Self::ClockAhead(_))
    }
}

/// A fault that was asked for.
struct Planned {
    fault: Fault,
    /// The operation it is for; none: for all.
    operation: Option<Operation>,
    /// How many requests it still meets; none: every one.
    left: Option<u32>,
}

/// The faults that were asked for and are not used up.
#[derive(Default)]
pub struct Faults {
    planned: Vec<Planned>,
}

impl Faults {
    /// Plans a fault for the next `times` requests that it fits (none: until [`Faults::clear`]).
    pub fn plan(&mut self, fault: Fault, operation: Option<Operation>, times: Option<u32>) {
        self.planned.push(Planned { fault, operation, left: times });
    }

    /// Forgets every fault.
    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// How far the endpoint's clock is ahead, in milliseconds.
    pub fn clock_ahead_ms(&self) -> i64 {
        self.planned.iter().map(|planned| if let Fault::ClockAhead(ms) = planned.fault { ms } else { 0 }).sum()
    }

    /// The fault that the next request meets, whatever it holds.
    pub fn meet(&mut self, operation: Operation) -> Option<Fault> {
        self.take(operation, |fault| !fault.is_about_content())
    }

    /// Whether a batch holds a line that was declared poison.
    pub fn poisons<'a>(&mut self, messages: impl Iterator<Item = &'a str> + Clone) -> bool {
        let held = |fault: &Fault| matches!(fault, Fault::Poison(text) if messages.clone().any(|m| m.contains(text)));
        self.take(Operation::PutLogEvents, held).is_some()
    }

    /// Whether a request holds a metric that was declared poison.
    pub fn poisons_metric<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> bool {
        let held = |fault: &Fault| matches!(fault, Fault::PoisonMetric(text) if names.clone().any(|name| name == text));
        self.take(Operation::PutMetricData, held).is_some()
    }

    fn take(&mut self, operation: Operation, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let planned = self.planned.iter_mut().find(|planned| {
            planned.left != Some(0) && planned.operation.is_none_or(|only| only == operation) && fits(&planned.fault)
        })?;
        if let Some(left) = &mut planned.left {
            *left -= 1;
        }
        Some(planned.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_is_used_up_makes_way_for_the_next() {
        let mut faults = Faults::default();
        faults.plan(Fault::Throttle, None, Some(2));
        faults.plan(Fault::Hang, Some(Operation::PutMetricData), None);
        assert_eq!(faults.meet(Operation::PutLogEvents), Some(Fault::Throttle));
        assert_eq!(faults.meet(Operation::PutMetricData), Some(Fault::Throttle));
        assert_eq!(faults.meet(Operation::PutLogEvents), None);
        assert_eq!(faults.meet(Operation::PutMetricData), Some(Fault::Hang));
        faults.clear();
        assert_eq!(faults.meet(Operation::PutMetricData), None);
    }

    #[test]
    fn poison_waits_for_its_text() {
        let mut faults = Faults::default();
        faults.plan(Fault::Poison("bad".into()), None, Some(1));
        assert_eq!(faults.meet(Operation::PutLogEvents), None);
        assert!(!faults.poisons(["good"].into_iter()));
        assert!(faults.poisons(["good", "so bad"].into_iter()));
        assert!(!faults.poisons(["bad"].into_iter()), "it was asked for once");
    }
}
