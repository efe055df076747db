//! Times without a year.

use proptest::prelude::*;

use super::*;

#[test]
fn de7_has_the_year_of_its_record() {
    for (text, arrival, meant) in [
        ("0105080104", "2026-01-05T08:01:05Z", "2026-01-05T08:01:04Z"),
        // An integer loses the zero in front; a column with nulls makes doubles of integers.
        ("105080104", "2026-01-05T08:01:05Z", "2026-01-05T08:01:04Z"),
        (
            "105080104.0",
            "2026-01-05T08:01:05Z",
            "2026-01-05T08:01:04Z",
        ),
        (
            "1.05080104E8",
            "2026-01-05T08:01:05Z",
            "2026-01-05T08:01:04Z",
        ),
        // Over New Year, both ways.
        ("1231235959", "2027-01-01T00:00:01Z", "2026-12-31T23:59:59Z"),
        ("0101000001", "2026-12-31T23:59:58Z", "2027-01-01T00:00:01Z"),
        ("1224120000", "2027-01-09T00:00:00Z", "2026-12-24T12:00:00Z"),
        // A late advice of two months.
        ("1105080104", "2027-01-05T00:00:00Z", "2026-11-05T08:01:04Z"),
        ("0229120000", "2024-02-29T12:00:01Z", "2024-02-29T12:00:00Z"),
        ("0229120000", "2023-12-31T23:59:59Z", "2024-02-29T12:00:00Z"),
        ("0105080160", "2026-01-05T08:01:05Z", "2026-01-05T08:01:59Z"),
        // A timestamp of a file says itself what it is.
        (
            "2024-02-29T12:00:00",
            "2026-01-05T08:01:05Z",
            "2024-02-29T12:00:00Z",
        ),
    ] {
        assert_eq!(
            read_at("\"de7\"", text, arrival),
            Ok(ms(meant)),
            "{text} {arrival}"
        );
    }
    for text in [
        "0229120000",
        "0105240000",
        "0005080104",
        "0132080104",
        "5080104",
        "01050801045",
        "01 05080104",
        "-105080104",
        "105080104.5",
        "1e400",
        "soon",
        "",
    ] {
        let found = read_at("\"de7\"", text, "2026-01-05T08:01:05Z");
        assert_eq!(found, Err(TimeError::BadFormat), "{text}");
    }
}

#[test]
fn a_record_without_a_timestamp_needs_a_day_that_is_near() {
    assert_eq!(read("\"de7\"", "0105080104"), Err(TimeError::NoYear));
    assert_eq!(read("\"de7\"", "soon"), Err(TimeError::BadFormat));
    let near = "{ format = \"de7\", near = \"2025-12-15\" }";
    assert_eq!(read(near, "0105080104"), Ok(ms("2026-01-05T08:01:04Z")));
    assert_eq!(read(near, "1224120000"), Ok(ms("2025-12-24T12:00:00Z")));
    // The record's own timestamp comes first.
    let found = read_at(near, "0105080104", "2031-01-05T08:01:05Z");
    assert_eq!(found, Ok(ms("2031-01-05T08:01:04Z")));
}

#[test]
fn a_zone_turns_the_year_by_its_own_clock() {
    let tokyo = "{ format = \"de7\", zone = \"Asia/Tokyo\" }";
    let found = read_at(tokyo, "0101000001", "2026-12-31T15:00:05Z");
    assert_eq!(found, Ok(ms("2026-12-31T15:00:01Z")));
    let new_york = "{ format = \"de7\", zone = \"America/New_York\" }";
    let found = read_at(new_york, "1231235959", "2027-01-01T05:00:05Z");
    assert_eq!(found, Ok(ms("2027-01-01T04:59:59Z")));
    // What clocks show twice is that which is nearer to the record.
    let twice = "1101013000";
    let found = read_at(new_york, twice, "2026-11-01T05:30:05Z");
    assert_eq!(found, Ok(ms("2026-11-01T05:30:00Z")));
    let found = read_at(new_york, twice, "2026-11-01T06:30:05Z");
    assert_eq!(found, Ok(ms("2026-11-01T06:30:00Z")));
}

#[test]
fn de13_and_de12_are_one_time() {
    let settings = "{ pattern = \"%m%d %H%M%S\", zone = \"Europe/Berlin\" }";
    for text in ["0105 090104", "105 90104", "105 090104"] {
        let found = read_at(settings, text, "2026-01-05T08:01:05Z");
        assert_eq!(found, Ok(ms("2026-01-05T08:01:04Z")), "{text}");
    }
    let found = read_at(settings, "1231 1", "2026-12-30T23:00:05Z");
    assert_eq!(found, Ok(ms("2026-12-30T23:00:01Z")));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::with_cases(2000)
    })]

    /// Whatever arrives within 180 days of its time has the year that it was written in.
    #[test]
    fn de7_is_found_again(
        seconds in 962_000_000_i64..4_086_000_000,
        away in -180 * 86_400_000_i64..180 * 86_400_000,
        zone in prop::sample::select(vec!["UTC", "+13:45", "Europe/Berlin", "America/New_York"]),
    ) {
        let at = jiff::Timestamp::from_second(seconds).unwrap();
        let tz = jiff::tz::TimeZoneDatabase::bundled().get(zone);
        let tz = tz.unwrap_or_else(|_| jiff::tz::Offset::from_seconds(49_500).unwrap().to_time_zone());
        let local = at.to_zoned(tz.clone());
        let settings = format!("{{ format = \"de7\", zone = \"{zone}\" }}");
        let text = local.strftime("%m%d%H%M%S").to_string();
        let arrival = at.as_millisecond() + away;
        let found = rule(&settings).milliseconds(text.as_bytes(), Some(arrival)).unwrap();
        // An hour that clocks show twice is as near to a record of another day in both ways.
        let is_twice = tz.to_ambiguous_timestamp(local.datetime()).is_ambiguous();
        let slack = if is_twice { 3_600_000 } else { 0 };
        prop_assert!((found - at.as_millisecond()).abs() <= slack, "{} {}", text, found);
    }
}
