//! Patterns of strftime.

use proptest::prelude::*;

use super::*;
use crate::settings::Constant;

/// A pattern, a text, and what it means.
const READ: &[(&str, &str, &str)] = &[
    (
        "%d/%m/%Y %H:%M:%S",
        "05/01/2026 08:01:04",
        "2026-01-05T08:01:04Z",
    ),
    (
        "%m/%d/%Y %H:%M:%S",
        "01/05/2026 08:01:04",
        "2026-01-05T08:01:04Z",
    ),
    // Zeros in front may be missing, blanks in a row are one.
    (
        "%d/%m/%Y %H:%M:%S",
        "5/1/2026   8:1:4",
        "2026-01-05T08:01:04Z",
    ),
    (
        "%-d/%-m/%Y %-H:%M:%S",
        "5/1/2026 8:01:04",
        "2026-01-05T08:01:04Z",
    ),
    ("%d.%m.%y %H:%M", "05.01.26 08:01", "2026-01-05T08:01:00Z"),
    ("%D %T", "01/05/26 08:01:04", "2026-01-05T08:01:04Z"),
    ("%F %R", "2026-01-05 08:01", "2026-01-05T08:01:00Z"),
    (
        "%m/%d/%Y %I:%M:%S %p",
        "01/05/2026 08:01:04 AM",
        "2026-01-05T08:01:04Z",
    ),
    (
        "%m/%d/%Y %I:%M:%S %p",
        "01/05/2026 12:00:00 am",
        "2026-01-05T00:00:00Z",
    ),
    (
        "%m/%d/%Y %I:%M:%S %p",
        "01/05/2026 12:00:00 PM",
        "2026-01-05T12:00:00Z",
    ),
    (
        "%m/%d/%Y %l:%M%P",
        "01/05/2026  8:01pm",
        "2026-01-05T20:01:00Z",
    ),
    (
        "%d-%b-%y %H.%M.%S.%f",
        "05-JAN-26 08.01.04.966000",
        "2026-01-05T08:01:04.966Z",
    ),
    ("%d %B %Y", "5 january 2026", "2026-01-05T00:00:00Z"),
    ("%d %B %Y", "5 Jan 2026", "2026-01-05T00:00:00Z"),
    (
        "%a %b %e %H:%M:%S %Y",
        "Mon Jan  5 08:01:04 2026",
        "2026-01-05T08:01:04Z",
    ),
    (
        "%A, %B %d, %Y",
        "Monday, January 05, 2026",
        "2026-01-05T00:00:00Z",
    ),
    ("%Y-%m-%d", "2026-01-05", "2026-01-05T00:00:00Z"),
    // ISO 8583:1993 and 2003, DE12; as an integer of 2005 as well.
    ("%y%m%d%H%M%S", "260105080104", "2026-01-05T08:01:04Z"),
    ("%y%m%d%H%M%S", "50105080104", "2005-01-05T08:01:04Z"),
    ("%y%j %H%M%S", "26005 080104", "2026-01-05T08:01:04Z"),
    (
        "%Y%m%d%H%M%S%3f",
        "20260105080104966",
        "2026-01-05T08:01:04.966Z",
    ),
    (
        "%Y%m%d%H%M%S%6f",
        "20260105080104966999",
        "2026-01-05T08:01:04.966Z",
    ),
    (
        "%Y%m%d%H%M%S%f",
        "202601050801045",
        "2026-01-05T08:01:04.5Z",
    ),
    (
        "%Y%m%d%H%M%S%.f",
        "20260105080104.9669",
        "2026-01-05T08:01:04.966Z",
    ),
    ("%Y%m%d%H%M%S%.f", "20260105080104", "2026-01-05T08:01:04Z"),
    (
        "%d/%m/%Y %H:%M:%S,%f",
        "05/01/2026 08:01:04,9",
        "2026-01-05T08:01:04.9Z",
    ),
    (
        "%d/%b/%Y:%H:%M:%S %z",
        "05/Jan/2026:09:01:04 +0100",
        "2026-01-05T08:01:04Z",
    ),
    (
        "%d/%m/%Y %H:%M %:z",
        "05/01/2026 09:01 +01:00",
        "2026-01-05T08:01:00Z",
    ),
    (
        "%d/%m/%Y %H:%M %z",
        "05/01/2026 08:01 UTC",
        "2026-01-05T08:01:00Z",
    ),
    (
        "100%% %d.%m.%Y é",
        "100% 05.01.2026 é",
        "2026-01-05T00:00:00Z",
    ),
    (
        " %d.%m.%Y%n%H:%M ",
        "05.01.2026 08:01",
        "2026-01-05T08:01:00Z",
    ),
    (
        "%d.%m.%Y %H:%M:%S",
        "05.01.2026 08:01:60",
        "2026-01-05T08:01:59Z",
    ),
    // A timestamp of a file says itself what it is.
    ("%d/%m/%Y", "2026-01-05T08:01:04", "2026-01-05T08:01:04Z"),
];

#[test]
fn reads_conversions() {
    for (pattern, text, meant) in READ {
        let settings = format!("{{ pattern = '{pattern}' }}");
        assert_eq!(read(&settings, text), Ok(ms(meant)), "{pattern} {text}");
    }
}

#[test]
fn refuses_what_is_written_otherwise() {
    for (pattern, text) in [
        ("%d/%m/%Y %H:%M:%S", "05-01-2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "05/01/2026 08:01"),
        ("%d/%m/%Y %H:%M:%S", "05/01/2026 08:01:04Z"),
        ("%d/%m/%Y %H:%M:%S", "05/01/202608:01:04"),
        ("%d/%m/%Y %H:%M:%S", "005/01/2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "05/13/2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "05/00/2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "00/01/2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "29/02/2026 08:01:04"),
        ("%d/%m/%Y %H:%M:%S", "05/01/2026 24:00:00"),
        ("%d/%m/%Y %H:%M:%S", "/01/2026 08:01:04"),
        ("%m/%d/%Y %I:%M %p", "01/05/2026 13:01 PM"),
        ("%m/%d/%Y %I:%M %p", "01/05/2026 00:01 AM"),
        ("%m/%d/%Y %I:%M %p", "01/05/2026 08:01 xm"),
        ("%m/%d/%Y %I:%M %p", "01/05/2026 08:01 a"),
        ("%a %d.%m.%Y", "Tue 05.01.2026"),
        ("%Y%j", "2026366"),
        ("%Y%j", "2026000"),
        ("%d %B %Y", "5 Janu 2026"),
        ("%d.%m.%Y %H:%M:%S%.f", "05.01.2026 08:01:04."),
        ("%d.%m.%Y %H:%M %z", "05.01.2026 08:01 CET"),
        ("%d.%m.%Y", ""),
        ("%d.%m.%Y", "é"),
        ("%Y%m%d", "20260105.5"),
    ] {
        let settings = format!("{{ pattern = '{pattern}' }}");
        assert_eq!(
            read(&settings, text),
            Err(TimeError::BadFormat),
            "{pattern} {text}"
        );
    }
    for (pattern, text) in [("%d.%m.%y", "05.01.99"), ("%d/%m/%Y", "05/01/26")] {
        let settings = format!("{{ pattern = '{pattern}' }}");
        assert_eq!(read(&settings, text), Err(TimeError::OutOfRange), "{text}");
    }
}

#[test]
fn a_zone_is_that_of_the_clock() {
    let settings = "{ pattern = \"%d/%m/%Y %H:%M:%S\", zone = \"Europe/Berlin\" }";
    for (text, meant) in [
        ("05/01/2026 09:01:04", "2026-01-05T08:01:04Z"),
        ("05/07/2026 09:01:04", "2026-07-05T07:01:04Z"),
        // Twice: the first, unless the record came later.
        ("25/10/2026 02:30:00", "2026-10-25T00:30:00Z"),
        // Never: of a clock that nobody had changed yet.
        ("29/03/2026 02:30:00", "2026-03-29T01:30:00Z"),
    ] {
        assert_eq!(read(settings, text), Ok(ms(meant)), "{text}");
    }
    let late = read_at(settings, "25/10/2026 02:30:00", "2026-10-25T01:30:02Z");
    assert_eq!(late, Ok(ms("2026-10-25T01:30:00Z")));
}

/// Patterns whose texts say everything down to the millisecond, or to the second.
const WHOLE: &[(&str, i64)] = &[
    ("%d/%m/%Y %H:%M:%S%.3f", 1),
    ("%Y%m%d%H%M%S%3f", 1),
    ("%Y-%m-%dT%H:%M:%S.%6f", 1),
    ("%A, %d %B %Y %I:%M:%S.%9f %p", 1),
    ("%Y%j%H%M%S", 1000),
    ("%m/%d/%y %l:%M:%S %P", 1000),
    ("%a %b %e %k:%M:%S %Y", 1000),
    ("%-d.%-m.%Y %-H:%-M:%-S", 1000),
    ("%F %T %z", 1000),
    ("%D %R %:z", 60_000),
    ("%m%d%H%M%S", 1000),
    ("%b %d %H:%M:%S", 1000),
];

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(2000)
    })]

    /// What the library writes by a pattern is read, and so is what is written here.
    #[test]
    fn every_pattern_round_trips(
        time_ms in 946_771_200_000_i64..3_100_000_000_000,
        (pattern, unit) in prop::sample::select(WHOLE),
        zone in prop::sample::select(vec!["UTC", "+05:45", "Europe/Berlin", "America/New_York"]),
    ) {
        let at = time_ms - time_ms % unit;
        let settings = match pattern.contains('z') {
            true => format!("{{ pattern = '{pattern}' }}"),
            false => format!("{{ pattern = '{pattern}', zone = '{zone}' }}"),
        };
        let rule = rule(&settings);
        let Constant::Text(text) = written(&rule, time_ms) else {
            return Err(TestCaseError::fail("a pattern makes texts"));
        };
        let found = rule.milliseconds(text.as_bytes(), Some(at));
        prop_assert_eq!(found, Ok(at), "{} of {} in {}", text, pattern, zone);
        let tz = jiff::tz::TimeZoneDatabase::bundled().get(zone);
        let tz = tz.unwrap_or_else(|_| jiff::tz::Offset::from_seconds(20_700).unwrap().to_time_zone());
        let tz = if pattern.contains('z') { jiff::tz::TimeZone::UTC } else { tz };
        let zoned = jiff::Timestamp::from_millisecond(time_ms).unwrap().to_zoned(tz);
        prop_assert_eq!(zoned.strftime(pattern).to_string(), text);
    }

    /// Any text by any pattern: read or refused.
    #[test]
    fn nothing_panics(
        pattern in "[%YmdyHMSIpPaABbjefklzTDFRnt.:/ 0369é-]{0,24}",
        text in "[0-9a-zA-Z:/ .+é-]{0,32}",
        arrival in prop::option::of(any::<i64>()),
    ) {
        for settings in [
            format!("{{ pattern = '{pattern}' }}"),
            format!("{{ pattern = '{pattern}', zone = 'Europe/Berlin' }}"),
            "\"auto\"".to_owned(),
            "{ base = '2026-01-01', unit = 'd' }".to_owned(),
        ] {
            if let Ok(rule) = TimeRule::new(&super::settings(&settings)) {
                if let Ok(ms) = rule.milliseconds(text.as_bytes(), arrival) {
                    prop_assert_eq!(accepted(ms), Ok(ms));
                }
                if let Ok(ms) = rule.milliseconds(pattern.as_bytes(), arrival) {
                    prop_assert_eq!(accepted(ms), Ok(ms));
                }
            }
        }
    }
}
