//! A place in a line, and what can be read from there.
//!
//! Each step answers whether it fits, and moves on only where it does.
//!
//! Pure: no I/O, no clock, no tasks.

/// English names of months.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// English names of days.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A place in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'t> {
    line: &'t [u8],
    /// Bytes before it.
    pub at: usize,
}

impl<'t> Cursor<'t> {
    /// The place behind the first `at` bytes.
    pub fn new(line: &'t str, at: usize) -> Self {
        Self { line: line.as_bytes(), at }
    }

    /// The byte here.
    pub fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// The byte before.
    pub fn previous(&self) -> Option<u8> {
        self.line.get(self.at.checked_sub(1)?).copied()
    }

    /// What stands from here on.
    pub fn rest(&self) -> &'t [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// One of these bytes.
    pub fn any(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// This text.
    pub fn literal(&mut self, text: &str) -> Option<()> {
        self.rest().starts_with(text.as_bytes()).then(|| self.at += text.len())
    }

    /// White space; how much.
    pub fn space(&mut self) -> usize {
        let length = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.at += length;
        length
    }

    /// White space, at least some.
    pub fn gap(&mut self) -> Option<()> {
        (self.space() > 0).then_some(())
    }

    /// How many digits stand here, up to `most`.
    pub fn digits_ahead(&self, most: usize) -> usize {
        self.rest().iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A number of exactly `length` digits, of which there are at most 18; more may follow it.
    pub fn number(&mut self, length: usize) -> Option<i64> {
        let digits = self.rest().get(..length)?;
        let mut value = 0_i64;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
        }
        self.at += length;
        Some(value)
    }

    /// A number of one or two digits within `range`, as long as it may be.
    pub fn short(&mut self, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        for length in [2, 1] {
            let mut ahead = *self;
            if let Some(value) = ahead.number(length).filter(|value| range.contains(value)) {
                *self = ahead;
                return Some(value);
            }
        }
        None
    }

    /// One to nine digits of a fraction, as milliseconds; digits behind the ninth are passed over.
    pub fn fraction(&mut self) -> Option<i64> {
        let length = self.digits_ahead(9);
        if length == 0 {
            return None;
        }
        let kept = length.min(3);
        let value = self.number(kept)?;
        self.at += length - kept;
        let scale = [100, 10, 1].get(kept - 1).copied()?;
        Some(value * scale)
    }

    /// `.` or `,` and a fraction, where that stands here.
    pub fn marked_fraction(&mut self) -> Option<i64> {
        let mut ahead = *self;
        ahead.any(b".,")?;
        let millis = ahead.fraction()?;
        *self = ahead;
        Some(millis)
    }

    /// A month's name, whole or its first three letters (September's four too), in any case: its number.
    pub fn month(&mut self) -> Option<i64> {
        self.name(&MONTHS, b"sept")
    }

    /// A day's name, whole or its first three letters (those of four too), in any case.
    pub fn weekday(&mut self) -> Option<()> {
        self.name(&WEEKDAYS, b"thur").map(drop)
    }

    fn name(&mut self, names: &[&str], four: &[u8]) -> Option<i64> {
        let rest = self.rest();
        let starts = |with: &[u8]| rest.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        let short: [u8; 3] = rest.get(..3)?.try_into().ok()?;
        let short = short.map(|byte| byte.to_ascii_lowercase());
        let index = names.iter().position(|name| name.as_bytes().first_chunk() == Some(&short))?;
        let name = names.get(index)?.as_bytes();
        self.at += if starts(name) {
            name.len()
        } else if name.starts_with(four) && starts(four) {
            four.len()
        } else {
            3
        };
        i64::try_from(index).ok().map(|index| index + 1)
    }

    /// A word of letters; none where it has fewer than `least` or more than `most`.
    pub fn word(&mut self, least: usize, most: usize) -> Option<std::ops::Range<usize>> {
        let length = self.rest().iter().take(most + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if length < least || length > most {
            return None;
        }
        self.at += length;
        Some(self.at - length..self.at)
    }

    /// `Z`, or hours east of Greenwich with or without minutes: `+05`, `+0530`, `+05:30`; in seconds.
    pub fn offset(&mut self) -> Option<i64> {
        let mut ahead = *self;
        if ahead.any(b"Zz").is_some() {
            *self = ahead;
            return Some(0);
        }
        let sign = if ahead.any(b"+-")? == b'-' { -1 } else { 1 };
        let hours = ahead.number(2).filter(|hours| *hours <= 15)?;
        let mut minutes_ahead = ahead;
        let _ = minutes_ahead.any(b":");
        let minutes = match minutes_ahead.number(2).filter(|minutes| *minutes < 60) {
            Some(minutes) => {
                ahead = minutes_ahead;
                minutes
            }
            None => 0,
        };
        *self = ahead;
        Some(sign * (hours * 3600 + minutes * 60))
    }

    /// `AM` or `PM`, also as `a.m.`, in any case: whether it is the latter.
    pub fn half_of_day(&mut self) -> Option<bool> {
        let mut ahead = *self;
        let is_afternoon = matches!(ahead.any(b"aApP")?, b'p' | b'P');
        let has_dots = ahead.any(b".").is_some();
        ahead.any(b"mM")?;
        if has_dots {
            ahead.any(b".")?;
        }
        *self = ahead;
        Some(is_afternoon)
    }
}
