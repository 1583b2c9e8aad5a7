//! The table of times: what is found, where, and what is no time.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// 2026-11-21T18:00:00Z.
const NOW: &str = "2026-11-21T18:00:00Z";

fn wall(rfc3339: &str) -> Wall {
    Wall(rfc3339.parse::<Timestamp>().unwrap().as_millisecond())
}

/// The rules as they are in force since 1996 and 2008, so that no test needs the machine's files.
fn zone(name: &str) -> TimeZone {
    TimeZone::posix(match name {
        "Berlin" => "CET-1CEST,M3.5.0,M10.5.0/3",
        "New York" => "EST5EDT,M3.2.0,M11.1.0",
        "Sydney" => "AEST-10AEDT,M10.1.0,M4.1.0/3",
        "Kolkata" => "IST-5:30",
        _ => "UTC0",
    })
    .unwrap()
}

fn find_in(format: &str, text: &str, now: &str, zone_name: &str) -> Option<Found> {
    TimeFormat::new(format, zone(zone_name)).unwrap().find(text, wall(now))
}

/// The time that is found, as RFC 3339; empty where there is none.
fn found(format: &str, text: &str) -> String {
    at(find_in(format, text, NOW, "UTC"))
}

fn at(found: Option<Found>) -> String {
    found.map(|found| Timestamp::from_millisecond(found.at.0).unwrap().to_string()).unwrap_or_default()
}

/// Format, text, time: at least two formats for every directive.
const TABLE: &[(&str, &str, &str)] = &[
    // %Y %m %d %H %M %S
    ("%Y-%m-%d %H:%M:%S", "2026-11-20 10:00:01 INFO up", "2026-11-20T10:00:01Z"),
    ("%Y-%m-%d %H:%M:%S", "x=1 [2026-11-20\t10:00:01] up", "2026-11-20T10:00:01Z"),
    ("%Y%m%d%H%M%S", "20261120100001 up", "2026-11-20T10:00:01Z"),
    ("%Y-%m-%d %H:%M:%S", "2026-1-2 9:00:01 one digit will do", "2026-01-02T09:00:01Z"),
    ("%Y-%m-%dT%H:%M:%SZ", "2026-11-20T10:00:01Z", "2026-11-20T10:00:01Z"),
    ("%Y-%m-%d", "2026-11-20 day only", "2026-11-20T00:00:00Z"),
    // %y
    ("%y/%m/%d %H:%M:%S", "26/11/20 10:00:01 spark", "2026-11-20T10:00:01Z"),
    ("%d.%m.%y %H:%M", "20.11.26 10:01", "2026-11-20T10:01:00Z"),
    ("%y%m%d %H:%M:%S", "691120 10:00:01", "1969-11-20T10:00:01Z"),
    ("%H:%M:%S %y %b %d", "10:00:01 26 Nov 20 the agent's own example", "2026-11-20T10:00:01Z"),
    // %b %B
    ("%b %d %H:%M:%S", "Nov 20 10:00:01 host", "2026-11-20T10:00:01Z"),
    ("%d %b %Y %H:%M:%S", "20 NOV 2026 10:00:01", "2026-11-20T10:00:01Z"),
    ("%B %d %Y %H:%M:%S", "november 20 2026 10:00:01", "2026-11-20T10:00:01Z"),
    ("%d %B %Y %H:%M:%S", "20 May 2026 10:00:01", "2026-05-20T10:00:01Z"),
    ("%b %d %Y %H:%M:%S", "Sept 9 2026 10:00:01", "2026-09-09T10:00:01Z"),
    ("%b %d %Y %H:%M:%S", "September 9 2026 10:00:01", "2026-09-09T10:00:01Z"),
    // %m %-m %d %-d %e, padded with a space or not
    ("%b %-d %H:%M:%S", "Nov  1 02:03:04 host", "2026-11-01T02:03:04Z"),
    ("%b %d %H:%M:%S", "Nov  1 02:03:04 host", "2026-11-01T02:03:04Z"),
    ("%b %e %H:%M:%S", "Nov 1 02:03:04 host", "2026-11-01T02:03:04Z"),
    ("%e %b %Y %H:%M:%S", " 1 Nov 2026 02:03:04", "2026-11-01T02:03:04Z"),
    ("%-m/%-d/%Y %H:%M:%S", "1/2/2026 02:03:04", "2026-01-02T02:03:04Z"),
    ("%-m/%-d/%Y %H:%M:%S", "11/ 2/2026 02:03:04", "2026-11-02T02:03:04Z"),
    ("%m/%d/%Y %H:%M:%S", "01/02/2026 02:03:04", "2026-01-02T02:03:04Z"),
    ("%Y%-m%-d-%H", "2026112-05 gives a digit back", "2026-11-02T05:00:00Z"),
    // %A %a
    ("%a %b %d %H:%M:%S %Y", "Fri Nov 20 10:00:01 2026", "2026-11-20T10:00:01Z"),
    ("%A, %d %B %Y %H:%M:%S", "Friday, 20 November 2026 10:00:01", "2026-11-20T10:00:01Z"),
    ("%A %d %b %Y %H:%M:%S", "wed 18 Nov 2026 10:00:01", "2026-11-18T10:00:01Z"),
    ("%a, %d %b %Y %H:%M:%S", "Wednesday, 18 Nov 2026 10:00:01", "2026-11-18T10:00:01Z"),
    // %j
    ("%Y-%j %H:%M:%S", "2026-324 10:00:01", "2026-11-20T10:00:01Z"),
    ("%Y%j%H%M%S", "2024366235959", "2024-12-31T23:59:59Z"),
    ("%j %H:%M:%S", "324 10:00:01", "2026-11-20T10:00:01Z"),
    ("%Y-%j %H:%M:%S", "2026-366 10:00:01", ""),
    ("%Y-%j %H:%M:%S", "2026-000 10:00:01", ""),
    // %-H %I %-I %-M %-S %p
    ("%Y-%m-%d %-H:%-M:%-S", "2026-11-20 9:5:1", "2026-11-20T09:05:01Z"),
    ("%-d.%-m.%Y %-H.%-M.%-S", "20.11.2026 19.5.1 x", "2026-11-20T19:05:01Z"),
    ("%Y-%m-%d %I:%M:%S %p", "2026-11-20 10:00:01 PM", "2026-11-20T22:00:01Z"),
    ("%Y-%m-%d %I:%M %p", "2026-11-20 12:05 am", "2026-11-20T00:05:00Z"),
    ("%Y-%m-%d %I:%M %p", "2026-11-20 12:05 p.m.", "2026-11-20T12:05:00Z"),
    ("%m/%d/%Y %-I:%M:%S%p", "11/20/2026 9:00:01PM", "2026-11-20T21:00:01Z"),
    ("%p %-I:%M:%S %Y-%m-%d", "AM 9:00:01 2026-11-20", "2026-11-20T09:00:01Z"),
    ("%Y-%m-%d %I:%M:%S", "2026-11-20 13:00:01 is no hour of twelve", ""),
    // %z %:z %Z
    ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T10:00:01+0530", "2026-11-20T04:30:01Z"),
    ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T10:00:01+05:30", "2026-11-20T04:30:01Z"),
    ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T10:00:01Z", "2026-11-20T10:00:01Z"),
    ("%Y-%m-%dT%H:%M:%S%:z", "2026-11-20T10:00:01-08:00", "2026-11-20T18:00:01Z"),
    ("%d/%b/%Y:%H:%M:%S %z", "20/Nov/2026:10:00:01 -0700", "2026-11-20T17:00:01Z"),
    ("%H:%M:%S%:z %Y-%m-%d", "10:00:01-08 2026-11-20", "2026-11-20T18:00:01Z"),
    ("%Y-%m-%d %H:%M:%S %Z", "2026-11-20 10:00:01 CET", "2026-11-20T09:00:01Z"),
    ("%Y-%m-%d %H:%M:%S %Z", "2026-11-20 10:00:01 GMT", "2026-11-20T10:00:01Z"),
    ("%a %b %d %H:%M:%S %Z %Y", "Fri Nov 20 10:00:01 EST 2026", "2026-11-20T15:00:01Z"),
    ("%Y-%m-%d %H:%M:%S %Z", "2026-11-20 10:00:01 XYZ is nobody's", "2026-11-20T10:00:01Z"),
    ("%Y-%m-%d %H:%M:%S %Z", "2026-11-20 10:00:01 +03", "2026-11-20T07:00:01Z"),
    // %f
    ("%Y-%m-%d %H:%M:%S,%f", "2026-11-20 10:00:01,123 python", "2026-11-20T10:00:01.123Z"),
    ("%Y-%m-%d %H:%M:%S.%f", "2026-11-20 10:00:01.1", "2026-11-20T10:00:01.1Z"),
    ("%Y-%m-%d %H:%M:%S.%f", "2026-11-20 10:00:01,123 either mark", "2026-11-20T10:00:01.123Z"),
    ("%Y-%m-%d %H:%M:%S.%fZ", "2026-11-20 10:00:01.123456789Z", "2026-11-20T10:00:01.123Z"),
    ("%Y-%m-%d %H:%M:%S%f", "2026-11-20 10:00:01.25", "2026-11-20T10:00:01.25Z"),
    ("%Y%m%d%H%M%S%f", "20261120100001250", "2026-11-20T10:00:01.25Z"),
    ("%Y-%m-%d %H:%M:%S:%f", "2026-11-20 10:00:01:007", "2026-11-20T10:00:01.007Z"),
    // %s
    ("%s", "1795168801 up", "2026-11-20T10:00:01Z"),
    ("%s.%f", "[1795168801.250] up", "2026-11-20T10:00:01.25Z"),
    ("ts=%s", "a=1795168800 ts=1795168801", "2026-11-20T10:00:01Z"),
    ("%s", "1795168801123 in milliseconds", "2026-11-20T10:00:01.123Z"),
    ("%s", "1795168801123456 in microseconds", "2026-11-20T10:00:01.123Z"),
    ("%s", "1795168801123456789 in nanoseconds", "2026-11-20T10:00:01.123Z"),
    ("%s", "job 17951688 of a1795168801", ""),
    // %%, literals, white space
    ("%%%Y-%m-%d %H:%M:%S", "%2026-11-20 10:00:01", "2026-11-20T10:00:01Z"),
    ("100%% %Y-%m-%d %H", "at 100%  2026-11-20 10", "2026-11-20T10:00:00Z"),
    ("[%d/%b/%Y:%H:%M:%S %z]", "::1 - - [20/Nov/2026:10:00:01 +0000] \"GET /\"", "2026-11-20T10:00:01Z"),
    ("um %H.%M Uhr, %d.%m.%Y", "Größe um 10.01 Uhr, 20.11.2026", "2026-11-20T10:01:00Z"),
    // The first that is a time; what is no day is none.
    ("%Y-%m-%d", "2026-02-31 2026-02-28", "2026-02-28T00:00:00Z"),
    ("%Y-%m-%d %H:%M:%S", "2026-11-20 24:00:01", ""),
    ("%Y-%m-%d %H:%M:%S", "2026-13-20 10:00:01", ""),
    ("%Y-%m-%d %H:%M:%S", "no time\n2026-11-20 10:00:01", ""),
    ("%b %d %H:%M:%S", "Denov 20 10:00:01", ""),
    // The leap second is the one after it.
    ("%Y-%m-%d %H:%M:%S", "2016-12-31 23:59:60", "2017-01-01T00:00:00Z"),
    ("%Y-%m-%dT%H:%M:%S.%fZ", "2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
];

#[test]
fn every_directive_is_read() {
    for (format, text, expected) in TABLE {
        assert_eq!(found(format, text), *expected, "`{format}` in `{text}`");
    }
    for directive in format::directives() {
        let formats: std::collections::HashSet<&str> =
            TABLE.iter().map(|(format, ..)| *format).filter(|format| format.contains(directive)).collect();
        assert!(formats.len() >= 2, "{directive} has {formats:?}");
    }
}

/// Lines as programs write them, and what `auto` finds.
const LINES: &[(&str, &str)] = &[
    ("2026-11-20T10:00:01Z RFC 3339", "2026-11-20T10:00:01Z"),
    ("2026-11-20T10:00:01.123456789+01:00 RFC 3339", "2026-11-20T09:00:01.123Z"),
    ("2026-11-20t10:00:01z lower case", "2026-11-20T10:00:01Z"),
    ("2026-11-20T10:00:01,123 ISO 8601 with a comma", "2026-11-20T10:00:01.123Z"),
    ("2026-11-20T10:00:01+0530 basic zone", "2026-11-20T04:30:01Z"),
    ("2026-11-20T10:00:01-08 hours only", "2026-11-20T18:00:01Z"),
    ("20261120T100001Z basic", "2026-11-20T10:00:01Z"),
    ("20261120T100001.25+0100 basic", "2026-11-20T09:00:01.25Z"),
    ("2026-11-20 10:00:01,123 - root - INFO - Python logging", "2026-11-20T10:00:01.123Z"),
    ("2026-11-20 10:00:01.123 INFO 1 --- [main] c.e.App : Spring Boot", "2026-11-20T10:00:01.123Z"),
    ("[2026-11-20 10:00:01,123] INFO [KafkaServer id=0] started (kafka.server)", "2026-11-20T10:00:01.123Z"),
    ("2026/11/20 10:00:01 Go's log", "2026-11-20T10:00:01Z"),
    ("2026/11/20 10:00:01.123456 main.go:23: Go's log", "2026-11-20T10:00:01.123Z"),
    ("2026/11/20 10:00:01 [error] 31#31: *1 open() failed, nginx", "2026-11-20T10:00:01Z"),
    ("2026/11/20-10:00:01.123456 7f1c LevelDB", "2026-11-20T10:00:01.123Z"),
    ("2026-11-20 10:00:01.123 UTC [71] LOG:  PostgreSQL", "2026-11-20T10:00:01.123Z"),
    ("2026-11-20 10:00:01.123 CET [71] LOG:  PostgreSQL", "2026-11-20T09:00:01.123Z"),
    ("2026-11-20 10:00:01 -0700 Ruby", "2026-11-20T17:00:01Z"),
    ("2026-11-20 10:00:01.5 +0100 CET m=+0.01 Go", "2026-11-20T09:00:01.5Z"),
    ("2026-11-20T10:00:01.123456Z 8 [Note] MySQL", "2026-11-20T10:00:01.123Z"),
    ("<34>1 2026-11-20T10:00:01.003Z host su - ID47 - RFC 5424", "2026-11-20T10:00:01.003Z"),
    ("<34>Nov  1 02:03:04 host su: RFC 3164", "2026-11-01T02:03:04Z"),
    ("Nov  1 02:03:04 host sshd[1]: syslog", "2026-11-01T02:03:04Z"),
    ("Nov 20 10:00:01 2024 is a host's name", "2026-11-20T10:00:01Z"),
    ("*Nov 20 2026 10:00:01.123: %LINK-3-UPDOWN: Cisco", "2026-11-20T10:00:01.123Z"),
    ("Nov 20 10:00:01.123 UTC: %SYS-5: Cisco", "2026-11-20T10:00:01.123Z"),
    ("127.0.0.1 - - [20/Nov/2026:10:00:01 -0700] \"GET / HTTP/1.0\" 200 2326", "2026-11-20T17:00:01Z"),
    ("[Fri Nov 20 10:00:01.123456 2026] [core:error] [pid 1] Apache", "2026-11-20T10:00:01.123Z"),
    ("Fri Nov 20 10:00:01 UTC 2026 date", "2026-11-20T10:00:01Z"),
    ("Fri Nov 20 10:00:01 EST 2026 date", "2026-11-20T15:00:01Z"),
    ("Fri, 20 Nov 2026 10:00:01 +0200 RFC 5322", "2026-11-20T08:00:01Z"),
    ("Date: Fri, 20 Nov 2026 10:00:01 GMT", "2026-11-20T10:00:01Z"),
    ("20-Nov-2026 10:00:01.123 INFO [main] org.apache.catalina Tomcat", "2026-11-20T10:00:01.123Z"),
    ("20 Nov 2026 10:00:01,123 log4j", "2026-11-20T10:00:01.123Z"),
    ("1:M 20 Nov 2026 10:00:01.123 * Ready Redis", "2026-11-20T10:00:01.123Z"),
    ("Nov 20, 2026 10:00:01 PM java.util.logging.LogManager", "2026-11-20T22:00:01Z"),
    ("I1120 10:00:01.123456   1234 controller.go:12] klog", "2026-11-20T10:00:01.123Z"),
    ("20.11.2026 10:00:01 dotted", "2026-11-20T10:00:01Z"),
    ("time=\"2026-11-20T10:00:01+01:00\" level=info msg=logrus", "2026-11-20T09:00:01Z"),
    ("{\"level\":30,\"time\":1795168801123,\"msg\":\"pino\"}", "2026-11-20T10:00:01.123Z"),
    ("{\"ts\": 1795168801.25, \"msg\": \"zap\"}", "2026-11-20T10:00:01.25Z"),
    ("1795168801.123    67 10.1.2.3 TCP_MISS/200 squid", "2026-11-20T10:00:01.123Z"),
    ("type=SYSCALL msg=audit(1795168801.243:24287): arch=c000003e", "2026-11-20T10:00:01.243Z"),
    ("[1795168801] NAGIOS", "2026-11-20T10:00:01Z"),
    ("1795168801123 milliseconds", "2026-11-20T10:00:01.123Z"),
    ("2026-11-20 10:00 without seconds", "2026-11-20T10:00:00Z"),
    // Near misses.
    ("10.0.0.1 is an address", ""),
    ("fe80::1:10:00:01 is one too", ""),
    ("version 2026.11.20 and 1.2.3-4", ""),
    ("Linux 6.1.0-27-rpi 2026-11-20 is a day", ""),
    ("10:00:01 has no day", ""),
    ("11/12/2026 10:00:01 is two days", ""),
    ("took 1795168801 steps", ""),
    ("id 1795168801123 of many", ""),
    ("1234567890 is too long ago to be meant", ""),
    ("0049171234567 calls", ""),
    ("12345678901234567890", ""),
    ("-rw-r--r-- 1 root root 42 Nov  1 02:03 ls", ""),
    ("/var/log/app-2026-11-20.log", ""),
    ("2026-02-31T10:00:01Z is no day", ""),
    ("2026-11-20T25:00:01Z is no time", ""),
    ("9999-11-20T10:00:01Z is no year of ours", ""),
    ("MAC 00:11:22:33:44:55", ""),
    ("Mayor 20 10:00:01", ""),
    ("", ""),
];

#[test]
fn auto_finds_what_programs_write_and_takes_nothing_else_for_a_time() {
    for (line, expected) in LINES {
        assert_eq!(found("auto", line), *expected, "{line}");
    }
}

#[test]
fn a_name_of_a_zone_is_first_what_the_configured_zone_calls_itself() {
    let format = "%Y-%m-%d %H:%M:%S %Z";
    let found = |text, zone| at(find_in(format, text, NOW, zone));
    assert_eq!(found("2026-11-20 10:00:00 IST", "Kolkata"), "2026-11-20T04:30:00Z");
    assert_eq!(found("2026-11-20 10:00:00 IST", "Berlin"), "2026-11-20T09:00:00Z", "unknown: the configured zone's");
    assert_eq!(found("2026-11-01 01:30:00 EDT", "New York"), "2026-11-01T05:30:00Z");
    assert_eq!(found("2026-11-01 01:30:00 EST", "New York"), "2026-11-01T06:30:00Z", "the second time it was 01:30");
}

/// Zone, what the clock showed, what is meant.
const CHANGES: &[(&str, &str, &str)] = &[
    ("Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
    ("Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
    ("Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"),
    ("Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"),
    ("Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
    ("Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"),
    ("Sydney", "2026-04-05 01:59:59", "2026-04-04T14:59:59Z"),
    ("Sydney", "2026-04-05 02:30:00", "2026-04-04T15:30:00Z"),
    ("Sydney", "2026-04-05 03:00:00", "2026-04-04T17:00:00Z"),
    ("Sydney", "2026-10-04 01:59:59", "2026-10-03T15:59:59Z"),
    ("Sydney", "2026-10-04 02:30:00", "2026-10-03T16:30:00Z"),
    ("Sydney", "2026-10-04 03:00:00", "2026-10-03T16:00:00Z"),
    ("New York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"),
    ("New York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"),
    ("Berlin", "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
    ("Sydney", "2026-07-01 12:00:00", "2026-07-01T02:00:00Z"),
];

#[test]
fn clocks_that_change_have_one_answer() {
    for (zone, shown, expected) in CHANGES {
        assert_eq!(at(find_in("%Y-%m-%d %H:%M:%S", shown, NOW, zone)), *expected, "{shown} in {zone}");
        assert_eq!(at(find_in("auto", shown, NOW, zone)), *expected, "{shown} in {zone}");
    }
}

#[test]
fn in_the_hour_that_comes_twice_order_is_kept() {
    let format = TimeFormat::new("%Y-%m-%d %H:%M:%S", zone("Berlin")).unwrap();
    let mut before = None;
    let mut times = Vec::new();
    for shown in ["01:59", "02:00", "02:30", "02:59", "02:00", "02:15", "02:59", "03:00"] {
        let found = format.find_after(&format!("2026-10-25 {shown}:00"), wall(NOW), before).unwrap();
        before = Some(found.at);
        times.push(Timestamp::from_millisecond(found.at.0).unwrap().strftime("%H:%M").to_string());
    }
    assert_eq!(times, ["23:59", "00:00", "00:30", "00:59", "01:00", "01:15", "01:59", "02:00"]);
}

#[test]
fn a_date_without_a_year_is_the_latest_that_is_not_ahead() {
    let cases = [
        ("2026-01-01T00:00:05Z", "Dec 31 23:59:58", "2025-12-31T23:59:58Z"),
        ("2025-12-31T23:59:58Z", "Jan  1 00:00:01", "2026-01-01T00:00:01Z"),
        ("2026-11-21T18:00:00Z", "Nov 22 17:00:00", "2026-11-22T17:00:00Z"),
        ("2026-11-21T18:00:00Z", "Nov 23 17:00:00", "2025-11-23T17:00:00Z"),
        ("2026-11-21T18:00:00Z", "Feb 29 10:00:00", "2024-02-29T10:00:00Z"),
        ("2024-02-28T18:00:00Z", "Feb 29 10:00:00", "2024-02-29T10:00:00Z"),
        ("2024-02-20T18:00:00Z", "Feb 29 10:00:00", "2020-02-29T10:00:00Z"),
        ("2103-11-21T18:00:00Z", "Feb 29 10:00:00", "2096-02-29T10:00:00Z"),
        ("1970-01-01T00:01:00Z", "Nov 20 10:00:00", "1969-11-20T10:00:00Z"),
        ("2026-11-21T18:00:00Z", "Feb 30 10:00:00", ""),
    ];
    for (now, shown, expected) in cases {
        for format in ["%b %e %H:%M:%S", "auto"] {
            assert_eq!(at(find_in(format, shown, now, "UTC")), expected, "{shown} read at {now}");
        }
    }
    let late = at(find_in("%b %e %H:%M:%S", "Dec 31 23:30:00", "2026-12-31T22:31:00Z", "Berlin"));
    assert_eq!(late, "2026-12-31T22:30:00Z", "the year is that of the zone");
}

#[test]
fn a_time_without_a_date_is_of_today_or_yesterday() {
    let cases = [
        ("2026-11-21T18:00:00Z", "17:59:59", "UTC", "2026-11-21T17:59:59Z"),
        ("2026-11-21T18:00:00Z", "18:30:00", "UTC", "2026-11-21T18:30:00Z"),
        ("2026-11-21T18:00:00Z", "19:30:00", "UTC", "2026-11-20T19:30:00Z"),
        ("2026-11-21T00:00:05Z", "23:59:58", "UTC", "2026-11-20T23:59:58Z"),
        ("2026-11-20T23:59:58Z", "00:00:01", "UTC", "2026-11-21T00:00:01Z"),
        ("2026-11-21T23:30:00Z", "00:29:59", "Berlin", "2026-11-21T23:29:59Z"),
        ("2026-11-21T20:00:00Z", "07:00:00", "Sydney", "2026-11-21T20:00:00Z"),
    ];
    for (now, shown, zone, expected) in cases {
        assert_eq!(at(find_in("%H:%M:%S", shown, now, zone)), expected, "{shown} in {zone} read at {now}");
    }
}

#[test]
fn what_is_no_format_says_what_would_be_right() {
    let cases = [
        ("%Y-%m-%dQ%Q", "has `%Q`, which is no directive\nknown are %y %Y"),
        ("%Y-%m-%d %T", "has `%T`, which is no directive\nwrite `%H:%M:%S`; known are"),
        ("%Y-%m-%d %_H", "has `%_H`, which is no directive\ndid you mean `%H`? known are"),
        ("%Y-%m-%d %-y", "has `%-y`, which is no directive\ndid you mean `%y`? known are"),
        ("%Y-%m-%d %", "has `%`, which is no directive\nknown are"),
        ("", "names neither a date nor a time of day\n"),
        ("Auto", "names neither a date nor a time of day\n"),
        ("%A %Y", "names neither a date nor a time of day\n"),
        (&"%Y".repeat(200), "is longer than 200 bytes\n"),
    ];
    for (format, expected) in cases {
        let error = TimeFormat::new(format, TimeZone::UTC).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    let lacks = |format| TimeFormat::new(format, TimeZone::UTC).unwrap().lacks().unwrap_or_default();
    assert!(lacks("%H:%M").starts_with("has no date") && lacks("%d %H:%M").starts_with("has no date"));
    assert!(lacks("%Y-%m-%d").starts_with("has no time of day") && lacks("%j").starts_with("has no time of day"));
    assert_eq!((lacks("%s"), lacks("auto"), lacks("%b %d %I"), lacks("%j %H")), ("", "", "", ""));
}

#[test]
fn a_time_that_is_cut_off_takes_its_brackets_and_white_space_along() {
    let cases = [
        ("2026-11-20 10:00:01 up", "up"),
        ("[2026-11-20 10:00:01] up", "up"),
        ("<2026-11-20 10:00:01>\tup\nsecond  line", "up\nsecond  line"),
        ("host 2026-11-20 10:00:01 up", "host up"),
        ("host [2026-11-20 10:00:01] up", "host up"),
        ("  2026-11-20 10:00:01   up", "up"),
        ("[2026-11-20 10:00:01 main] up", "[ main] up"),
        ("t=2026-11-20 10:00:01 up", "t= up"),
        ("2026-11-20 10:00:01", ""),
        ("(2026-11-20 10:00:01)\n", "\n"),
    ];
    let format = TimeFormat::new("%Y-%m-%d %H:%M:%S", TimeZone::UTC).unwrap();
    for (text, expected) in cases {
        let found = format.find(text, wall(NOW)).unwrap();
        assert_eq!(&text[found.range.clone()], "2026-11-20 10:00:01");
        assert_eq!(without(text, &found.range), expected);
    }
}

/// Formats that say all of a moment to the second, and two that say it to the millisecond: ours, and jiff's spelling of it.
const WHOLE: &[(&str, &str)] = &[
    ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"),
    ("%y%m%d %H%M%S", "%y%m%d %H%M%S"),
    ("%b %-d, %Y %-I:%M:%S %p", "%b %-d, %Y %-I:%M:%S %p"),
    ("%A, %d %B %Y %-H:%-M:%-S", "%A, %d %B %Y %-H:%-M:%-S"),
    ("%a %b %e %H:%M:%S %Y", "%a %b %e %H:%M:%S %Y"),
    ("%j of %Y %I:%M:%S%p", "%j of %Y %I:%M:%S%p"),
    ("%-m/%-d/%Y %H:%M:%S %z", "%-m/%-d/%Y %H:%M:%S %z"),
    ("%Y%m%dT%H%M%S%:z", "%Y%m%dT%H%M%S%:z"),
    ("%d %b %Y %H:%M:%S %Z", "%d %b %Y %H:%M:%S UTC"),
    ("%s", "%s"),
    ("%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%d %H:%M:%S,%3f"),
    ("%H:%M:%S.%f %d%%%m%%%Y", "%H:%M:%S.%6f %d%%%m%%%Y"),
    ("auto", "%Y-%m-%dT%H:%M:%S.%3fZ"),
    ("auto", "%d/%b/%Y:%H:%M:%S +0000"),
    ("auto", "%a %b %e %H:%M:%S UTC %Y"),
];

proptest! {
    #[test]
    fn a_moment_that_is_written_is_found_again(millis in 1_420_070_400_000_i64..3_000_000_000_000, before in "[ a-z:=]{0,12}") {
        let moment = Timestamp::from_millisecond(millis).unwrap();
        for (format, written) in WHOLE {
            // Two digits of a year end with 2068.
            if format.contains("%y") && millis >= 3_124_224_000_000 { continue; }
            let text = format!("{before} {} and on", moment.strftime(written));
            let found = find_in(format, &text, NOW, "UTC");
            let expected = if written.contains("3f") || written.contains("6f") { millis } else { millis - millis % 1_000 };
            prop_assert_eq!(found.map(|found| found.at), Some(Wall(expected)), "`{}` in `{}`", format, text);
        }
    }

    #[test]
    fn whatever_stands_in_a_text_nothing_panics_and_what_is_found_lies_in_it(
        text in "(\\PC|[0-9TZ:./ ,+-]|Nov|Sat|[ -~]){0,60}",
        format in prop::sample::select(&["auto", "%b%-d%-H%Z%z%f", "%Y-%m-%d %H:%M:%S", "%s", "%j%y%p%I", "%-d.%-m. %A%B"][..]),
        now in any::<i64>(),
        before in any::<Option<i64>>(),
    ) {
        let time = TimeFormat::new(format, zone("Berlin"));
        if let Ok(time) = time {
            let found = time.find_after(&text, Wall(now), before.map(Wall));
            if let Some(found) = found {
                prop_assert!(text.get(found.range.clone()).is_some_and(|part| !part.is_empty()));
                without(&text, &found.range);
            }
            time.finds(&text);
        }
    }

    #[test]
    fn whatever_is_given_as_a_format_nothing_panics(format in "(%[-:]?[a-zA-Z%]|\\PC){0,12}", text in "\\PC{0,40}") {
        if let Ok(time) = TimeFormat::new(&format, zone("Sydney")) {
            time.find(&text, wall(NOW));
        }
    }
}
