//! Units since 1970, RFC 3339, and units from a base.

use proptest::prelude::*;

use super::super::rfc3339::rfc3339;
use super::*;

#[test]
fn reads_every_unit() {
    const MS: i64 = 1_522_540_831_250;
    for (text, format) in [
        ("1522540831250", "ms"),
        ("1522540831.25", "s"),
        ("1.52254083125e9", "s"),
        ("1522540831250999", "us"),
        ("1522540831250999999", "ns"),
        ("2018-04-01T00:00:31.25Z", "rfc3339"),
        ("2018-04-01 00:00:31.250999", "rfc3339"),
        ("2018-04-01T02:00:31.25+02:00", "rfc3339"),
        ("2018-03-31t19:30:31.25-0430", "rfc3339"),
    ] {
        assert_eq!(read(&format!("\"{format}\""), text), Ok(MS), "{text}");
        assert_eq!(read("\"auto\"", text), Ok(MS), "{text}");
    }
}

#[test]
fn refuses_other_units_and_shapes() {
    for (format, text) in [
        ("\"ms\"", "1522540831"),
        ("\"s\"", "1522540831250"),
        ("\"auto\"", "1e300"),
        ("\"auto\"", "5"),
    ] {
        assert_eq!(read(format, text), Err(TimeError::OutOfRange), "{text}");
    }
    for text in [
        "2018-02-29T00:00:00Z",
        "2018-13-01T00:00:00Z",
        "2018-04-01",
        "2018-04-01T24:00:00Z",
        "2018-04-01T00:00:61Z",
        "2018-04-01T00:00:00.Z",
        "2018-04-01T00:00:00+25:00",
        "2018-04-01T00:00:00 Z",
        "2018/04/01T00:00:00",
        "",
        "soon",
        "2018-04-01T00:00:00Zx",
    ] {
        assert_eq!(
            read("\"rfc3339\"", text),
            Err(TimeError::BadFormat),
            "{text}"
        );
    }
    // The units are for numbers alone.
    for format in ["\"ms\"", "\"s\"", "\"us\"", "\"ns\""] {
        let found = read(format, "2018-04-01T00:00:31.25Z");
        assert_eq!(found, Err(TimeError::BadFormat), "{format}");
    }
}

#[test]
fn rfc3339_without_a_zone_is_of_the_one_that_is_configured() {
    let berlin = "{ format = \"rfc3339\", zone = \"Europe/Berlin\" }";
    for (text, meant) in [
        ("2026-01-05T09:01:04.966", "2026-01-05T08:01:04.966Z"),
        ("2026-07-05 09:01:04", "2026-07-05T07:01:04Z"),
        ("2026-07-05T09:01:04Z", "2026-07-05T09:01:04Z"),
        ("2026-07-05T09:01:04-00:30", "2026-07-05T09:31:04Z"),
    ] {
        assert_eq!(read(berlin, text), Ok(ms(meant)), "{text}");
    }
    let fixed = "{ format = \"rfc3339\", zone = \"-03:30\" }";
    assert_eq!(
        read(fixed, "2026-07-05 09:01:04"),
        Ok(ms("2026-07-05T12:31:04Z"))
    );
}

#[test]
fn counts_from_a_base() {
    let seconds = "{ base = \"2017-12-01T00:00:00Z\", unit = \"s\" }";
    for (settings, text, meant) in [
        (seconds, "86400", "2017-12-02T00:00:00Z"),
        (seconds, "86400.5", "2017-12-02T00:00:00.5Z"),
        (seconds, "-1", "2017-11-30T23:59:59Z"),
        (seconds, "1.5e3", "2017-12-01T00:25:00Z"),
        // A timestamp of a file says itself what it is.
        (seconds, "2018-01-01T00:00:00", "2018-01-01T00:00:00Z"),
        (
            "{ base = \"2026-01-01\", unit = \"h\" }",
            "743",
            "2026-01-31T23:00:00Z",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"h\" }",
            "0.1",
            "2026-01-01T00:06:00Z",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"min\" }",
            "1.5",
            "2026-01-01T00:01:30Z",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"ms\" }",
            "1.9",
            "2026-01-01T00:00:00.001Z",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"us\" }",
            "1999",
            "2026-01-01T00:00:00.001Z",
        ),
        (
            "{ base = \"2026-01-01\", unit = \"ns\" }",
            "1e9",
            "2026-01-01T00:00:01Z",
        ),
        // The serial numbers of spreadsheets.
        (
            "{ base = \"1899-12-30\", unit = \"d\" }",
            "46027.3340852546296",
            "2026-01-05T08:01:04.966Z",
        ),
        (
            "{ base = \"2026-01-01 00:00:00\", unit = \"h\", zone = \"Europe/Berlin\" }",
            "1",
            "2026-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(read(settings, text), Ok(ms(meant)), "{settings} {text}");
    }
    assert_eq!(read(seconds, "soon"), Err(TimeError::BadFormat));
    assert_eq!(read(seconds, ""), Err(TimeError::BadFormat));
    for text in ["1e300", "-9223372036854775808", "1e15", "1e10"] {
        assert_eq!(read(seconds, text), Err(TimeError::OutOfRange), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(2000)
    })]

    #[test]
    fn agrees_with_jiff(
        ns in 946_684_800_000_000_000_i128..4_102_444_800_000_000_000,
        offset_minutes in -1439_i32..1439,
        decimals in 0_usize..10,
    ) {
        let timestamp = jiff::Timestamp::from_nanosecond(ns).unwrap();
        let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap();
        let local = offset.to_datetime(timestamp);
        let mut text = local.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        if decimals > 0 {
            let digits = format!("{:09}", local.subsec_nanosecond());
            text = format!("{text}.{}", &digits[..decimals]);
        }
        let sign = if offset_minutes < 0 { '-' } else { '+' };
        let minutes = offset_minutes.abs();
        text = format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let expected: jiff::Timestamp = text.parse().unwrap();
        let found = rfc3339(text.as_bytes()).unwrap();
        prop_assert_eq!(found.offset_minutes, Some(offset_minutes.into()));
        let found = found.local_ms - i64::from(offset_minutes) * 60_000;
        prop_assert_eq!(found, expected.as_millisecond());
        // The form that reads more reads this one as well.
        prop_assert_eq!(forms::iso8601(text.as_bytes()), rfc3339(text.as_bytes()));
    }

    #[test]
    fn dates_agree_with_jiff(month in 0_u8..14, day in 0_u8..33, year in 1999_i16..2101) {
        let text = format!("{year:04}-{month:02}-{day:02}T12:00:00Z");
        let expected = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        prop_assert_eq!(rfc3339(text.as_bytes()).map(|found| found.local_ms), expected);
    }

    #[test]
    fn named_zones_agree_with_jiff(
        seconds in 946_771_200_i64..4_102_000_000,
        zone in prop::sample::select(vec![
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
            "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia",
        ]),
    ) {
        let local = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let local = local.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        let tz = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        let expected = tz.to_ambiguous_timestamp(local).compatible().unwrap();
        let settings = format!("{{ format = \"rfc3339\", zone = \"{zone}\" }}");
        let found = read(&settings, &local.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        prop_assert_eq!(found, Ok(expected.as_millisecond()));
    }

    #[test]
    fn what_is_written_is_read_again(
        time_ms in 946_684_800_000_i64..4_102_444_800_000,
        unit in prop::sample::select(vec!["ns", "us", "ms", "s", "min", "h", "d"]),
    ) {
        use crate::settings::Constant;
        let base = format!("{{ base = \"2019-03-01T07:00:00.5Z\", unit = \"{unit}\" }}");
        let words = ["ms", "s", "us", "ns", "rfc3339", "auto"].map(|word| format!("\"{word}\""));
        for settings in words.into_iter().chain([base]) {
            let text = match written(&rule(&settings), time_ms) {
                Constant::Text(text) => text,
                Constant::Integer(number) => number.to_string(),
                Constant::Float(number) => number.to_string(),
            };
            prop_assert_eq!(read(&settings, &text), Ok(time_ms), "{} {}", settings, text);
        }
    }
}
