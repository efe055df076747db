//! Times that say themselves what they are.

use tillwatch_records::limits::{EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN};

use super::*;
use crate::value::number::{Excess, scaled};

/// 2026-01-05T08:01:04.966Z.
const MS: i64 = 1_767_600_064_966;

#[test]
fn reads_what_can_be_nothing_else() {
    const WHOLE_SECOND: i64 = MS / 1000 * 1000;
    for (text, meant) in [
        ("2026-01-05T08:01:04.966Z", MS),
        ("2026-01-05t08:01:04.966z", MS),
        ("2026-01-05T09:01:04.966+01", MS),
        ("2026-01-05T08:01:04.966-00:00", MS),
        ("2026-01-05T08:01:04,966Z", MS),
        ("2026-01-05T08:01:04.966 Z", MS),
        ("2026-01-05 08:01:04.966 UTC", MS),
        ("2026-01-05 08:01:04.966 GMT", MS),
        ("2026-01-05  08:01:04.966   +00:00", MS),
        ("2026-01-05T08:01:04.9660000000000Z", MS),
        ("2026-01-05T08:01:04.966999999999999Z", MS),
        ("2026-01-05T09:01:04.966+01:00[Europe/Paris]", MS),
        ("2026-01-05T08:01:04.966Z[UTC]", MS),
        (
            "2026-01-05T09:01:04.966+01:00[Europe/Paris][u-ca=gregory]",
            MS,
        ),
        // The offset decides, whatever the name says.
        ("2026-01-05T09:01:04.966+01:00[Asia/Tokyo]", MS),
        ("2026/01/05 08:01:04.966", MS),
        ("20260105T080104.966Z", MS),
        ("20260105T090104.966+0100", MS),
        ("20260105 080104,966", MS),
        ("20260105T08:01:04.966", MS),
        ("2026-01-05T080104.966Z", MS),
        ("20260105080104.966", MS),
        ("20260105080104.966Z", MS),
        ("20260105080104966", MS),
        ("/Date(1767600064966)/", MS),
        ("/Date(1767600064966+0100)/", MS),
        ("20260105T080104Z", WHOLE_SECOND),
        ("20260105080104", WHOLE_SECOND),
        ("20260105080104.0", WHOLE_SECOND),
        ("2.0260105080104E13", WHOLE_SECOND),
        ("20260105080104Z", WHOLE_SECOND),
        ("20260105090104+01", WHOLE_SECOND),
        ("Mon, 05 Jan 2026 08:01:04 GMT", WHOLE_SECOND),
        ("Mon, 5 Jan 2026 09:01:04 +0100", WHOLE_SECOND),
        ("5 January 2026 08:01:04", WHOLE_SECOND),
        ("2026-01-05T08:01Z", WHOLE_SECOND - 4000),
        ("2026-01-05T08:01", WHOLE_SECOND - 4000),
        ("20260105T0801Z", WHOLE_SECOND - 4000),
        ("Mon, 05 Jan 2026 08:01 UT", WHOLE_SECOND - 4000),
        ("2026-12-31T23:59:60Z", ms("2026-12-31T23:59:59Z")),
    ] {
        assert_eq!(read("\"auto\"", text), Ok(meant), "{text}");
    }
}

#[test]
fn refuses_what_may_mean_several_times_or_none() {
    for text in [
        // A day is no time of a record.
        "2026-01-05",
        "5 Jan 2026",
        // The end of the day, or its beginning.
        "2026-01-05T24:00:00Z",
        "20260105T240000Z",
        "20260105240000",
        "05/01/2026 08:01:04",
        "05.01.2026 08:01:04",
        "05-01-2026 08:01:04",
        "05/01/26 08:01:04",
        "+2026-01-05T08:01:04Z",
        "26-01-05T08:01:04Z",
        "2026-01/05T08:01:04Z",
        "2026-1-5T08:01:04Z",
        "2026-01-0508:01:04",
        "2026-01-05T08",
        "2026-01-05T08:01:04.Z",
        "2026-01-05T08:0104Z",
        "2026-01-05T08:01.5Z",
        "2026-02-29T08:01:04Z",
        "2026-01-05T08:01:04 CET",
        "2026-01-05T08:01:04+1",
        "2026-01-05T08:01:04+01:",
        "2026-01-05T08:01:04+01:0",
        "2026-01-05T08:01:04+24:00",
        "2026-01-05T08:01:04Z[]",
        "2026-01-05T08:01:04Z[Europe/Paris",
        "2026-01-05T08:01:04Z[a b]",
        "2026-01-05T08:01:04Zx",
        // A name alone has two times at the end of summer.
        "2026-01-05T08:01:04[Europe/Paris]",
        "Tue, 05 Jan 2026 08:01:04 GMT",
        "Mon 05 Jan 2026 08:01:04 GMT",
        "Mon, 05 Foo 2026 08:01:04 GMT",
        "Mon, 05 Jan 26 08:01:04 GMT",
        "Mon, 05 Jan 2026 08:01:04 EST",
        "/Date(1767600064966)",
        "/Date()/",
        "/Date(1767600064966 )/",
        "20261305080104",
        "20260105086104966",
        "",
        "soon",
        "[2026,1,5,8,1,4]",
    ] {
        assert_eq!(read("\"auto\"", text), Err(TimeError::BadFormat), "{text}");
    }
    for text in [
        // DE7, the serial number of a spreadsheet, two digits of a year.
        "0105080104",
        "105080104",
        "46027.33408",
        "260105080104",
        "202601050801",
        "20260105",
        "19991231235959",
        "202601050801049",
        "202601050801049660",
        "-1",
    ] {
        assert_eq!(read("\"auto\"", text), Err(TimeError::OutOfRange), "{text}");
    }
}

#[test]
fn seconds_that_are_de7_as_well_are_neither() {
    for text in ["1001000000", "1130235959", "1231235959", "1231235960"] {
        assert_eq!(read("\"auto\"", text), Err(TimeError::Ambiguous), "{text}");
        assert!(read("\"s\"", text).is_ok(), "{text}");
        assert!(
            read_at("\"de7\"", text, "2026-01-05T00:00:00Z").is_ok(),
            "{text}"
        );
    }
    // No hour 24, no minute 60, no 31st of November, and decimals.
    for text in [
        "1231240000",
        "1231236000",
        "1131000000",
        "1231235959.5",
        "1232000000",
        "1767600064",
    ] {
        assert!(read("\"auto\"", text).is_ok(), "{text}");
        assert_eq!(read("\"auto\"", text), read("\"s\"", text), "{text}");
    }
}

#[test]
fn no_unit_gives_a_time_of_digits_of_a_date() {
    let accepted = EVENT_TIME_MS_MIN..EVENT_TIME_MS_MAX;
    for (first, last) in [
        ("20000101000000", "20991231235960"),
        ("20000101000000000", "20991231235960999"),
    ] {
        for scale in [0, 3, -3, -6] {
            // A unit grows with the number: where both ends lie on one side of the times that are accepted,
            // so does everything between them.
            let at = |text: &str| scaled(text.as_bytes(), scale, Excess::Cut).unwrap_or(i64::MAX);
            let is_before = at(last) < accepted.start;
            let is_after = at(first) >= accepted.end;
            assert!(is_before || is_after, "{first} to {last} by 10^{scale}");
        }
    }
}

#[test]
fn the_configured_zone_is_that_of_forms_without_one() {
    let berlin = "{ format = \"auto\", zone = \"Europe/Berlin\" }";
    for text in [
        "2026-01-05T09:01:04.966",
        "20260105090104.966",
        "2026-01-05T08:01:04.966Z",
        "1767600064966",
        "/Date(1767600064966)/",
    ] {
        assert_eq!(read(berlin, text), Ok(MS), "{text}");
    }
}
