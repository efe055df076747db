use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

#[test]
fn opening_hours_are_read() {
    let hours = |text: &str| OpeningHours::parse(text).unwrap();
    let open = |text: &str, time: &str| hours(text).is_open(ms(time), 0);
    // 2026-11-22 is a Sunday.
    for (text, time, wanted) in [
        ("24/7", "2026-11-22T12:00:00Z", true),
        ("08:00-18:00", "2026-11-22T08:00:00Z", true),
        ("08:00-18:00", "2026-11-22T18:00:00Z", false),
        ("08:00-12:00,13:00-18:00", "2026-11-22T12:30:00Z", false),
        (
            "Mo-Fr 08:00-18:00; Sa 09:00-13:00",
            "2026-11-21T12:59:00Z",
            true,
        ),
        (
            "Mo-Fr 08:00-18:00; Sa 09:00-13:00",
            "2026-11-22T12:59:00Z",
            false,
        ),
        ("Sa,Su 22:00-04:00", "2026-11-23T03:59:00Z", true),
        ("Sa,Su 22:00-04:00", "2026-11-24T03:59:00Z", false),
        ("Sa-Mo 10:00-11:00", "2026-11-23T10:30:00Z", true),
        ("Sa-Mo 10:00-11:00", "2026-11-24T10:30:00Z", false),
        ("00:00-24:00; Su off", "2026-11-22T10:30:00Z", false),
        ("00:00-24:00; Su 12:00-13:00", "2026-11-22T12:30:00Z", true),
        ("off", "2026-11-22T12:30:00Z", false),
        ("Su 20:00-00:00", "2026-11-22T23:59:00Z", true),
        ("Su 20:00-00:00", "2026-11-23T00:00:00Z", false),
    ] {
        assert_eq!(open(text, time), wanted, "{text} at {time}");
    }
    assert_eq!(hours("Mo-Su 00:00-24:00"), hours("24/7"));
    for wrong in [
        "",
        ";",
        "Mo",
        "Mo-Xx 08:00-09:00",
        "8:00-9:00",
        "08:00",
        "08:00-25:00",
        "08:60-09:00",
        "Mo 24:00-02:00",
        "Mo 10:00-10:00",
        "mo 08:00-09:00",
        "Mo 08:00-09:00;",
        "Mo\u{e9} 1",
    ] {
        assert!(OpeningHours::parse(wrong).is_err(), "{wrong}");
    }
    assert!(OpeningHours::parse(&"Mo 08:00-09:00;".repeat(500)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Against civil time: a span of one weekday, which may end on the next.
    #[test]
    fn spans_hold_on_their_day(
        day in 0..7_usize, from in 0..1440_u32, length in 1..1440_u32, minute in 0..20_160_i64,
    ) {
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let name = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"][day];
        let text = format!("{name} {}-{}", clock(from), clock((from + length) % 1440));
        let hours = OpeningHours::parse(&text).unwrap();
        // From Sunday 2026-11-22 on, two weeks.
        let start: DateTime = "2026-11-22T00:00:00".parse().unwrap();
        let zoned = start.to_zoned(TimeZone::UTC).unwrap();
        let time = zoned.timestamp().as_millisecond() + minute * 60_000;
        let civil = jiff::Timestamp::from_millisecond(time).unwrap().to_zoned(TimeZone::UTC);
        let weekday = civil.weekday().to_monday_zero_offset() as usize;
        let clock = (i64::from(civil.hour()) * 60 + i64::from(civil.minute())) as u32;
        let wanted = (weekday == day && (from..from + length).contains(&clock))
            || (weekday == (day + 1) % 7 && (from..from + length).contains(&(clock + 1440)));
        prop_assert_eq!(hours.is_open(time, 0), wanted, "{} at {}", text, civil);
    }
}
