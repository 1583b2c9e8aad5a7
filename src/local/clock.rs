//! Turns times into the spellings of HTTP and of SigV4, and back.
//!
//! Only UTC and the proleptic Gregorian calendar: both spellings know nothing else.
//!
//! Pure: no I/O, no clock, no tasks.

use crate::record::Wall;

const DAY_MS: i64 = 86_400_000;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The form that HTTP's `Date` header takes: `Sat, 21 Nov 2026 04:00:28 GMT` (RFC 9110, IMF-fixdate).
pub fn http_date(at: Wall) -> String {
    let days = at.0.div_euclid(DAY_MS);
    let seconds = at.0.rem_euclid(DAY_MS) / 1000;
    let (year, month, day) = civil(days);
    let pick = |names: &[&'static str], index: i64| usize::try_from(index).ok().and_then(|i| names.get(i).copied());
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        pick(&WEEKDAYS, days.rem_euclid(7)).unwrap_or_default(),
        pick(&MONTHS, month - 1).unwrap_or_default(),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

/// Reads the form of `x-amz-date`, `20261121T040028Z`; none where it is anything else.
pub fn amz_date(text: &str) -> Option<Wall> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_epoch(number(0, 4)?, month, day);
    Some(Wall(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000))
}

/// Days since 1970-01-01 of a date. The year is thought to begin in March, so that the leap day is its last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month (1–12) and day (1–31) of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_names_the_right_day_of_the_week() {
        let known = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_827_696_000, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (1_795_233_628_000, "Sat, 21 Nov 2026 04:00:28 GMT"),
            (-1000, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ];
        for (at, text) in known {
            assert_eq!(http_date(Wall(at)), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_survives_both_ways() {
        for days in -1000..146_097 {
            let (year, month, day) = civil(days);
            assert_eq!(days_since_epoch(year, month, day), days);
        }
    }

    #[test]
    fn a_signing_date_is_read_and_anything_else_is_not() {
        assert_eq!(amz_date("20261121T040028Z"), Some(Wall(1_795_233_628_000)));
        for wrong in
            ["", "20261121T040028", "20261321T040028Z", "2026112aT040028Z", "20261121 040028Z", "+0261121T040028Z"]
        {
            assert_eq!(amz_date(wrong), None, "{wrong}");
        }
    }
}
