//! Makes a name, of this machine or from a program, fit for the value of a dimension.
//!
//! CloudWatch takes printable ASCII of 1 to 1,024 characters, not blanks alone (API reference, `Dimension`). Every byte that is
//! something else becomes `%` and two hexadecimal digits: `/media/Müll` is `/media/M%C3%BCll`, so that two names never become
//! one. A name that says nothing is `-`.
//!
//! Pure: no I/O, no clock, no tasks.

use std::fmt::Write;

use super::datums::MAX_DIMENSION_VALUE_BYTES;

/// What stands for a name in a dimension.
pub fn value_of(name: &[u8]) -> String {
    let mut value = String::with_capacity(name.len());
    for byte in name {
        if matches!(byte, b' '..=b'~') {
            value.push(char::from(*byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value.truncate(MAX_DIMENSION_VALUE_BYTES);
    if value.trim().is_empty() { "-".to_owned() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        for name in ["/", "eth0", "mapper/vg-root", "//server/share", "tank/home%1 x"] {
            assert_eq!(value_of(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_cloudwatch_does_not_take_is_written_byte_by_byte() {
        assert_eq!(value_of("/media/Müll\n".as_bytes()), "/media/M%C3%BCll%0A");
        assert_eq!(value_of(b"/mnt/\xff\x7f"), "/mnt/%FF%7F");
        assert_eq!(value_of(b"  "), "-");
        assert_eq!(value_of(b""), "-");
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_that_cloudwatch_takes(name in proptest::collection::vec(any::<u8>(), 0..600)) {
            let value = value_of(&name);
            prop_assert!((1..=1_024).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert!(!value.trim().is_empty());
        }
    }
}
