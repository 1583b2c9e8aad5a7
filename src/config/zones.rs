//! Which time zones the system knows by name.
//!
//! The only part of reading a configuration that asks the system: the database of zones is the machine's (package `tzdata`), and a
//! device may have none.

use jiff::tz::TimeZone;

use super::problem::nearest;

/// The zone's name as the database spells it; else what would be right.
pub fn find(name: &str) -> Result<String, String> {
    if let Some(known) = TimeZone::get(name).ok().as_ref().and_then(TimeZone::iana_name) {
        return Ok(known.to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    if known.len() < 2 {
        return Err("this system has no time zone database (package `tzdata`); `Local` and `UTC` need none".to_owned());
    }
    let also = "`Local`, `UTC` and names such as `Europe/Berlin` are known";
    Err(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? {also}"),
        None => also.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_the_system_does_not_know_has_its_nearest_named() {
        let wrong = find("Europe/Berlim").unwrap_err();
        if TimeZone::get("Europe/Berlin").is_err() {
            assert!(wrong.starts_with("this system has no time zone database"), "{wrong}");
            return;
        }
        assert!(wrong.starts_with("did you mean `Europe/Berlin`?"), "{wrong}");
        assert!(find("nowhere at all").unwrap_err().starts_with("`Local`, `UTC` and names"));
        assert_eq!(find("europe/berlin").as_deref(), Ok("Europe/Berlin"));
    }
}
